package trainer

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/results"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/suite"
)

// tinySuite has two subsets, of which one is in no section.
var tinySuite = spec.Suite{
	Name: "tiny", Data: "preference", Overall: "weighted", Rule: spec.Rule{Kind: "pairs", Ties: "wrong", Orders: "mean"},
	Sections: []spec.Section{
		{Name: "even", Kind: "mean", Weight: 1, Absent: "zero", Of: []string{"zero", "two"}},
		{Name: "none", Kind: "mean", Weight: 1, Absent: "mask", Of: []string{"nine"}},
	},
}

// subsetPairs gives the pairs of tinyPairs subsets by turns, with one row twice
// the same.
func subsetPairs(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(tinyPairs(t, 60))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	i := 0
	for line := range strings.Lines(string(text)) {
		fmt.Fprintf(&b, `{"subset": %q, %s`, []string{"zero", "one", "two"}[i%3], line[1:])
		i++
	}
	b.WriteString(`{"subset": "zero", "chosen_ids": [1, 5], "rejected_ids": [1, 5], "margin": 0}` + "\n")
	path := filepath.Join(t.TempDir(), "pairs.jsonl")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// E2, A9: the table of an evaluation is of the very rows that were scored, each
// with the subset that its own row names, and says which are not in it.
func TestA9RowsKeepTheirSubset(t *testing.T) {
	r := tinyRunOn(t, goBackend(t), tinyModel(t), subsetPairs(t), func(_ *spec.Model, d *spec.Data, tr *spec.Train) {
		d.Subsets, tr.Steps = true, 2
	})
	s := &r.Program.Stages[1]
	s.Evaluate.Part = "all"
	*s = s.By(tinySuite)
	execute(t, r)
	res := r.Results[0]
	if res.Suite == nil || res.Before == nil {
		t.Fatalf("%+v", res)
	}
	// The rows as they are in the file: subsets go by turns, whatever the split.
	right, n := map[int]int{}, map[int]int{}
	for _, row := range res.Rows {
		n[row.Row%3]++
		right[row.Row%3] += btoi(row.Chosen > row.Rejected)
	}
	even := res.Suite.Sections[0]
	for i, k := range []int{0, 2} {
		l := even.Subsets[i]
		if want := float64(right[k]) / float64(n[k]); l.Rows != 20 || math.Abs(l.Value-want) > 1e-12 {
			t.Errorf("%s: %+v, want %v of 20 rows", l.Name, l, want)
		}
	}
	if res.Suite.Overall.Value != even.Value || res.Suite.Outside[0] != (suite.Outside{Name: "one", Rows: 20}) {
		t.Errorf("%+v", res.Suite)
	}
	if notes := strings.Join(res.Suite.Notes, "\n"); !strings.Contains(notes, "1 of 61 rows of the data were left out") || !strings.Contains(notes, "two sides are the same") {
		t.Errorf("%q", res.Suite.Notes)
	}
	text, err := json.Marshal(withoutRows(r.Results))
	if err != nil || !strings.Contains(string(text), `"suite":{"suite":"tiny","overall":{`) {
		t.Errorf("%s: %v", text, err)
	}
	if lines := strings.Join(results.Details(res), "\n"); !strings.Contains(lines, "    zero") || !strings.Contains(lines, "20 rows of one are of no section") {
		t.Error(lines)
	}
}

func btoi(is bool) int {
	if is {
		return 1
	}
	return 0
}
