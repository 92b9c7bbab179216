package trainer

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// The line of a step speaks of what its examples are.
func TestProgressSaysWhatItCounts(t *testing.T) {
	for kind, want := range map[string]string{"preference": "2.00 pairs/s  7 tokens/s", "labels": "2.00 rows/s  7 tokens/s", "ratings": "2.00 rows/s", "ranking": "2.00 rows/s"} {
		var out bytes.Buffer
		p := progress{out: &out}
		p.step(rundir.Step{Stage: "train m on d", Step: 1, Of: 1, ExamplesPerSecond: 2, TokensPerSecond: 7, Unit: unitOf(spec.Data{Kind: kind})})
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s: %q lacks %q", kind, out.String(), want)
		}
	}
	if got := speed(rundir.Step{ExamplesPerSecond: 3, Unit: "rows"}); got != "3 rows/s" {
		t.Errorf("without tokens it is %q", got)
	}
}

// What data leaves out is said once for all models that read the same tokens, and
// again where they are others.
func TestLeftOutIsToldOnce(t *testing.T) {
	r := ssrmRun(t, goBackend(t), "last")
	var lines []string
	r.OnNote = func(line string) { lines = append(lines, line) }
	d := r.Program.Data[0]
	d.MaxLength = 15
	m := r.Program.Stages[0].Model
	for _, name := range []string{"pm", "rm", "other"} {
		if m.Name = name; name == "other" {
			path := written(t, "other.jinja", talk+"\n")
			m.Template, r.Root = filepath.Base(path), filepath.Dir(path)
		}
		if _, err := r.Set(context.Background(), m, d); err != nil {
			t.Fatal(err)
		}
	}
	if len(lines) != 2 || !strings.Contains(lines[0], "rows left out") || !strings.Contains(lines[1], "rows left out") {
		t.Errorf("%q", lines)
	}
}
