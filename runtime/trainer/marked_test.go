package trainer

import (
	"testing"

	"github.com/rmc-lang/rmc/runtime/data"
)

// Solutions of one question vote by what their answers mean; those without an
// answer stand alone, and their silence elects nobody.
func TestSolutionsVoteByTheirAnswers(t *testing.T) {
	right, wrong := []data.Mark{{Gold: []float32{1, 0}}}, []data.Mark{{Gold: []float32{0, 1}}}
	examples := []data.Example{
		{Prompt: "q", Answer: "18", Marks: right}, {Prompt: "q", Answer: "$18.0", Marks: right}, {Prompt: "q", Answer: "17", Marks: wrong},
		{Prompt: "r", Marks: wrong}, {Prompt: "r", Marks: wrong}, {Prompt: "r", Answer: "3", Marks: right},
	}
	scores := []float64{0.1, 0.2, 0.9, 0.3, 0.2, 0.8}
	o, err := outcomeOf(examples, scores)
	if err != nil {
		t.Fatal(err)
	}
	last := len(o.BestOf) - 1
	// q: the highest score is wrong, the majority right. r: the highest score is right, three answers with a vote each.
	if got, want := o.BestOf[last].Value, 0.5; got != want {
		t.Errorf("best of 3 is %v, want %v", got, want)
	}
	if got, want := o.Majority[last].Value, (1+1.0/3)/2; got != want {
		t.Errorf("majority of 3 is %v, want %v", got, want)
	}
	if got, want := o.Weighted[last].Value, 0.5; got != want { // 0.3 against 0.9; 0.8 against 0.3
		t.Errorf("weighted majority of 3 is %v, want %v", got, want)
	}
	scores[0] = -1
	if o, err = outcomeOf(examples, scores); err != nil || o.Weighted != nil || len(o.Majority) != len(o.BestOf) {
		t.Errorf("scores below 0 are no weights: %v, %v, %v", o.Weighted, o.Majority, err)
	}
}
