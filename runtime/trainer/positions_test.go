package trainer

import (
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/rundir"
)

// P8: what averaging over both orders hides is told beside the accuracy, in the summary
// and on the page; a model that scores each response by itself has none of it.
func TestP8PositionsAreTold(t *testing.T) {
	compared := measure.Result{Stage: "evaluate pm on prefs.holdout", Measures: measure.Measures{Pairs: 8, Correct: 6, Accuracy: 0.75,
		Positions: &data.Positions{First: 0.625, Consistent: 0.5, Pairs: 8}}}
	scored := measure.Result{Stage: "evaluate bt on prefs.holdout", Measures: measure.Measures{Pairs: 8, Correct: 6, Accuracy: 0.75}}
	want := "the one shown first wins: 62.5 %   the same in both orders: 50.0 % of 8 pairs"
	if got := strings.Join(details(compared), "\n"); !strings.Contains(got, want) {
		t.Errorf("the summary of a comparison says\n%s", got)
	}
	if got := strings.Join(details(scored), "\n"); strings.Contains(got, "shown first") {
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
