package data

import (
	"fmt"
	"slices"
	"testing"

	"github.com/rmc-lang/rmc/runtime/spec"
)

func TestWithout(t *testing.T) {
	d := signs()
	d.Split = spec.Split{Kind: "holdout", Fraction: 0.5, By: "prompt"}
	row := func(q string) string { return fmt.Sprintf(`{"prompt":%q,"steps":["a"],"labels":[1]}`, q) }
	var rows []string
	for i := range 20 {
		rows = append(rows, row(fmt.Sprintf("How many is %d + 1?", i)))
	}
	set := mustLoadLabels(t, d, rows...)
	other := mustLoadLabels(t, d, row("how  many is $3$ + 1"), row("How many is 5 - 1?"), row("HOW MANY IS 7+1 ?!"), row("How many is 8 + 1?"), row("x"), row("y"))
	left, err := Without(set, other, "bench")
	if err != nil {
		t.Fatal(err)
	}
	f := left.Stats.Filters[len(left.Stats.Filters)-1]
	slices.Sort(f.Rows)
	if !slices.Equal(f.Rows, []int{3, 7, 8}) {
		t.Errorf("rows %v", f.Rows)
	}
	if f.Name != Overlapping || f.Before != 20 || f.After != 17 || len(f.Rows) != 3 || f.Reason != "the question is one of data bench" {
		t.Errorf("%+v", f)
	}
	if left.Stats.Kept != 17 || len(left.Train)+len(left.Holdout) != 17 || left.Stats.Marks["good"] != 17 || set.Stats.Kept != 20 || len(set.Stats.Filters) != 0 {
		t.Errorf("%+v, of %+v", left.Stats, set.Stats)
	}
	if again, err := Without(left, other, "bench"); err != nil || again.Stats.Kept != left.Stats.Kept {
		t.Errorf("what was left out is still there (%v)", err)
	}
	if _, err := Without(set, set, "itself"); err == nil {
		t.Error("nothing is left and that is no error")
	}
	none, err := Without(set, mustLoadLabels(t, d, row("x"), row("z")), "bench")
	if err != nil || none.Stats.Kept != 20 || len(none.Stats.Filters) != 0 {
		t.Errorf("%+v (%v)", none.Stats, err)
	}
}

// Rows of other kinds have questions as well; those of token ids have none, and so
// overlap with nothing.
func TestQuestionsOfOtherKinds(t *testing.T) {
	pairs := mustLoad(t, recipe(), `{"prompt":"What?","chosen":"a","rejected":"b"}`)
	labels := mustLoadLabels(t, signs(), `{"prompt":"what","steps":["a"],"labels":[1]}`)
	if _, err := Without(pairs, labels, "steps"); err == nil {
		t.Error("the question of the only pair is another's")
	}
	ids := mustLoad(t, recipe(), `{"chosen_ids":[1,2],"rejected_ids":[1,3]}`)
	if left, err := Without(ids, ids, "ids"); err != nil || left.Stats.Kept != 1 {
		t.Errorf("token ids have no question to leave out (%v)", err)
	}
}
