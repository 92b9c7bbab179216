package trainer

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/results"
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

// A pair that could not be asked is a tie, and counted among them by itself.
func TestUnaskedPairsAreCounted(t *testing.T) {
	duels := []duel{{p: [2]float64{0.75, 0.5}}, {[2]float64{0.5, 0.5}, errors.New("too long")}, {p: [2]float64{0.5, 0.5}}}
	said := roundRobin(6, [][2]int{{0, 1}, {2, 3}, {4, 5}}, duels)
	side := data.Sequence{IDs: []int32{1, 2}}
	var examples []data.Example
	for i := range 3 {
		examples = append(examples, data.Example{Row: i, Sequences: []data.Sequence{side, side}})
	}
	rows := measure.Rows(spec.Data{Kind: "preference"}, examples, said)
	m := measure.Pairs(rows)
	if m.Pairs != 3 || m.Correct != 1 || m.Ties != 2 || m.Unasked != 1 || rows[0].Unasked || !rows[1].Unasked || rows[2].Unasked {
		t.Errorf("%+v of %+v", m, rows)
	}
	if got := results.Details(measure.Result{Measures: &m})[0]; !strings.Contains(got, "ties 2 (1 of them could not be asked)") {
		t.Errorf("the table says %q", got)
	}
	if m.Unasked = 0; m.TiesText() != "2" {
		t.Errorf("%q", m.TiesText())
	}
}
