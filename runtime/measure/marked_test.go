package measure

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/record"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// Solutions of one question vote by what their answers mean; those without an
// answer stand alone, and their silence elects nobody.
func TestSolutionsVoteByTheirAnswers(t *testing.T) {
	right, wrong := []record.Mark{{Gold: []float32{1, 0}}}, []record.Mark{{Gold: []float32{0, 1}}}
	examples := []data.Example{
		{Prompt: "q", Answer: "18", Marks: right}, {Prompt: "q", Answer: "$18.0", Marks: right}, {Prompt: "q", Answer: "17", Marks: wrong},
		{Prompt: "r", Marks: wrong}, {Prompt: "r", Marks: wrong}, {Prompt: "r", Answer: "3", Marks: right},
	}
	scores := []float64{0.1, 0.2, 0.9, 0.3, 0.2, 0.8}
	o, err := Solutions(examples, scores)
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
	if o, err = Solutions(examples, scores); err != nil || o.Weighted != nil || len(o.Majority) != len(o.BestOf) {
		t.Errorf("scores below 0 are no weights: %v, %v, %v", o.Weighted, o.Majority, err)
	}
}

// M1: the reference's evaluation keeps a debugging cut to its first 8 problems. Here
// every row counts, and a question with fewer solutions than the others is neither
// left out nor a bound for them: the choice is then of all that it has.
func TestM1EveryProblemCounts(t *testing.T) {
	var examples []data.Example
	var scores []float64
	said := &Sayings{}
	for q := range 40 {
		for k := range 2 + q%3 {
			right := (q+k)%2 == 0
			gold := map[bool][]float32{true: {1, 0}, false: {0, 1}}[right]
			examples = append(examples, data.Example{Prompt: fmt.Sprint("q", q), Marks: []record.Mark{{Gold: gold}}})
			scores = append(scores, float64(k))
			said.Steps = append(said.Steps, [][]float64{{0.6, 0.4}})
		}
	}
	o, err := Solutions(examples, scores)
	if err != nil {
		t.Fatal(err)
	}
	if o.Questions != 40 || o.Solutions != len(examples) || len(o.BestOf) != 3 || o.BestOf[2].N != 3 || o.BestOf[2].Short != 14 || o.BestOf[1].Short != 0 {
		t.Errorf("%d questions with %d solutions, best of %+v; want 40, %d, and 3, which 14 questions do not have", o.Questions, o.Solutions, o.BestOf, len(examples))
	}
	set := &data.Set{Train: examples, Labels: []string{"good", "bad"}}
	if m := Labels(set, examples, said); m.Conversations != len(examples) || m.Places != len(examples) {
		t.Errorf("%d places of %d conversations, want %d", m.Places, m.Conversations, len(examples))
	}
	if note := leftOut(data.Stats{Read: 10, Kept: 8, Filters: []data.Filter{{Reason: "a reason", Before: 10, After: 8}}}); !strings.Contains(note, "2 of 10 rows") {
		t.Errorf("rows that were left out are not told: %q", note)
	}
}

// A solution whose wrong step truncation took away is no solution without one: it is
// not found, whatever is said of the steps that are left, and the table says so.
func TestErrorsThatAreCutAwayAreNotFound(t *testing.T) {
	right, wrong := record.Mark{Gold: []float32{1, 0}}, record.Mark{Gold: []float32{0, 1}}
	examples := []data.Example{
		{Prompt: "a", Marks: []record.Mark{right}, Lost: []record.Mark{right, wrong}},
		{Prompt: "b", Marks: []record.Mark{right, wrong}},
		{Prompt: "c", Marks: []record.Mark{right}},
	}
	said := &Sayings{Steps: [][][]float64{{{0.9, 0.1}}, {{0.9, 0.1}, {0.2, 0.8}}, {{0.9, 0.1}}}}
	s := program.Stage{Data: spec.Data{Kind: "labels"}, Suite: spec.Suite{Name: "s", Rule: spec.Rule{Kind: "first_error", Threshold: 0.5},
		Sections: []spec.Section{{Name: "all", Kind: "mean", Weight: 1, Of: []string{""}}}}}
	table, err := Table(s, &data.Set{}, examples, said)
	if err != nil {
		t.Fatal(err)
	}
	parts := table.Overall.Parts
	if len(parts) != 2 || parts[0].Value != 0.5 || parts[1].Value != 1 {
		t.Errorf("%+v, want 1 of 2 errors found and 1 of 1 without", table.Overall)
	}
	if notes := strings.Join(table.Notes, " "); !strings.Contains(notes, "1 of 3 rows are longer than max_length") {
		t.Errorf("%q", notes)
	}
}
