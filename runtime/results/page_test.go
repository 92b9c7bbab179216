package results

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/suite"
)

func TestTheSuitesPage(t *testing.T) {
	table := &suite.Table{Suite: "tiny", Overall: suite.Line{Name: "tiny", Value: 0.5, Interval: [2]float64{0.4, 0.6}, Method: "bootstrap", Rows: 10},
		Sections: []suite.Section{
			{Line: suite.Line{Name: "A", Weight: 2, Value: 0.25, Parts: []suite.Part{{Name: "hard", Value: 0.125}}}, Subsets: []suite.Line{{Name: "a", Weight: 3, Ties: 1}}},
			{Line: suite.Line{Name: "B", Absent: "no rows"}}},
		Outside: []suite.Outside{{Name: "zz", Rows: 4}}}
	sections := suiteSections([]measure.Result{{Stage: "evaluate rm on bench.all", Suite: table}, {Stage: "other"}})
	if len(sections) != 1 || len(sections[0].Rows) != 4 {
		t.Fatalf("%+v", sections)
	}
	text := fmt.Sprint(sections[0])
	for _, want := range []string{"evaluate rm on bench.all. 4 rows of zz", "hard 12.5 %", "no rows", "40.0 % to 60.0 %"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
}

// M8: the reference's figure and its table give different numbers. Here the summary
// and the page are of one table.
func TestM8PageAndSummaryAreOneTable(t *testing.T) {
	rows := []suite.Row{
		{Row: 0, Subset: "gsm8k", Prompt: "a", Scores: []float64{0.9, 0.2}, Better: 2},
		{Row: 1, Subset: "gsm8k", Prompt: "b", Scores: []float64{0.9, 0.8}, Better: 1},
	}
	table, err := suite.Score(spec.Suite{Name: "two", Data: "preference", Overall: "weighted", Rule: spec.Rule{Kind: "pairs", Ties: "wrong", Orders: "mean"},
		Sections: []spec.Section{{Name: "all", Kind: "mean", Weight: 1, Absent: "mask", Of: []string{"gsm8k", "math"}}}}, rows)
	if err != nil {
		t.Fatal(err)
	}
	said := strings.Join(tableLines(table), "\n")
	for _, section := range suiteSections([]measure.Result{{Stage: "evaluate rm", Suite: table}}) {
		for _, row := range section.Rows {
			for _, at := range []int{3, 4} { // value and interval
				if !strings.Contains(said, row[at]) && !strings.Contains(strings.Join(strings.Fields(said), " "), row[at]) {
					t.Errorf("the page has %q, which is not in\n%s", row[at], said)
				}
			}
		}
	}
}

// P8: what averaging over both orders hides is told beside the accuracy, in the summary
// and on the page; a model that scores each response by itself has none of it.
func TestP8PositionsAreTold(t *testing.T) {
	compared := measure.Result{Stage: "evaluate pm on prefs.holdout", Measures: &measure.Measures{Pairs: 8, Correct: 6, Accuracy: 0.75,
		Positions: &data.Positions{First: 0.625, Consistent: 0.5, Pairs: 8}}}
	scored := measure.Result{Stage: "evaluate bt on prefs.holdout", Measures: &measure.Measures{Pairs: 8, Correct: 6, Accuracy: 0.75}}
	want := "the one shown first wins: 62.5 %   the same in both orders: 50.0 % of 8 pairs"
	if got := strings.Join(Details(compared), "\n"); !strings.Contains(got, want) {
		t.Errorf("the summary of a comparison says\n%s", got)
	}
	if got := strings.Join(Details(scored), "\n"); strings.Contains(got, "shown first") {
		t.Errorf("the summary of a score says\n%s", got)
	}
	var told []string
	for _, section := range resultSections(&rundir.Record{Results: []measure.Result{compared, scored}}) {
		if section.Title == "Positions" {
			for _, row := range section.Rows {
				told = append(told, strings.Join(row, ", "))
			}
		}
	}
	if got := strings.Join(told, "; "); got != "evaluate pm on prefs.holdout, 62.5 %, 50.0 %, 8" {
		t.Errorf("the page says %q", got)
	}
}

// The page draws what a step came to, not how fast it was.
func TestCurvesAreNotOfSpeed(t *testing.T) {
	got := curveNames([]map[string]any{{"stage": "train rm", "unit": "pairs", "step": 1.0, "of": 2.0, "loss": 0.5, "examples_per_s": 3.0, "tokens_per_s": 7.0, "sure": 0.25}})
	if want := []string{"loss", "accuracy", "margin", "mean_reward", "grad_norm", "lr", "sure"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
