package measure

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/fit"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/spec"
)

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

func TestMeasure(t *testing.T) {
	m := Pairs([]Scored{
		{Chosen: 2, Rejected: 1, ChosenTokens: 5, RejectedTokens: 9},
		{Chosen: 0, Rejected: 3, ChosenTokens: 7, RejectedTokens: 7},
		{Chosen: 1, Rejected: 1, ChosenTokens: 9, RejectedTokens: 2},
		{Chosen: 900, Rejected: -900, ChosenTokens: 1, RejectedTokens: 2},
	})
	if m.Pairs != 4 || m.Correct != 2 || m.Ties != 1 || m.Accuracy != 0.5 {
		t.Errorf("a tie counts as wrong: %+v", m)
	}
	if m.Shorter != 0.5 || m.Longer != 0.25 {
		t.Errorf("length baselines %v and %v: equal lengths are wrong for both", m.Shorter, m.Longer)
	}
	if !near(m.Margin, (1.0-3+0+1800)/4) {
		t.Errorf("margin %v", m.Margin)
	}
	want := (math.Log(1+math.Exp(-1)) + math.Log(1+math.Exp(3)) + math.Ln2 + 0) / 4
	if !near(m.LogLoss, want) {
		t.Errorf("log loss %v, want %v", m.LogLoss, want)
	}
	var pairs int
	for _, b := range m.Calibration {
		pairs += b.Pairs
	}
	if pairs != 4 || m.Calibration[0].Pairs != 1 || m.Calibration[4].Pairs != 2 || m.Calibration[4].Observed != 0.5 {
		t.Errorf("calibration %+v", m.Calibration)
	}
}

func TestMeasureNothing(t *testing.T) {
	if m := Pairs(nil); m.Accuracy != 0 || m.Interval != [2]float64{0, 1} || math.IsNaN(m.LogLoss) {
		t.Errorf("measure(nil) = %+v", m)
	}
}

// A tie counts as wrong and a tree's sure thing has a finite log loss; Pearson's
// correlation with length is over all responses.
func TestMeasuresOfATree(t *testing.T) {
	one, half, none := 1.0, 0.5, 0.0
	m := Pairs([]Scored{{Probability: &one}, {Probability: &half}, {Probability: &none}})
	if m.Correct != 1 || m.Ties != 1 || math.IsNaN(m.LogLoss) || math.IsInf(m.LogLoss, 0) || m.LogLoss < 5 {
		t.Errorf("%+v", m)
	}
}

// Pairs of one prompt stand or fall together: the interval of a difference widens
// with them, and evaluations of other rows are not compared.
func TestComparisons(t *testing.T) {
	rows := func(right func(i int) bool, prompts int) Result {
		var r Result
		for i := range 200 {
			s := Scored{Row: i, Rejected: 1, prompt: fmt.Sprint(i % prompts)}
			if right(i) {
				s.Chosen = 2
			}
			r.Rows = append(r.Rows, s)
		}
		m := Pairs(r.Rows)
		r.Measures = &m
		return r
	}
	better := func(i int) bool { return i%10 != 0 }
	worse := func(i int) bool { return i%10 > 2 }
	wide := Comparisons([]Result{rows(worse, 20), rows(better, 20)})
	narrow := Comparisons([]Result{rows(worse, 200), rows(better, 200)})
	if len(wide) != 1 || math.Abs(wide[0].Difference-0.2) > 1e-9 || wide[0].Prompts != 20 || wide[0].Pairs != 200 {
		t.Fatalf("%+v", wide)
	}
	size := func(c Comparison) float64 { return c.Interval[1] - c.Interval[0] }
	if !(size(wide[0]) > 1.5*size(narrow[0])) || wide[0].Interval[0] > 0.2 || narrow[0].Interval[0] <= 0 {
		t.Errorf("20 prompts %v, 200 prompts %v", wide[0].Interval, narrow[0].Interval)
	}
	if again := Comparisons([]Result{rows(worse, 20), rows(better, 20)}); again[0].Interval != wide[0].Interval {
		t.Error("another interval for the same numbers")
	}
	other := rows(better, 20)
	other.Rows[7].Row = 900
	if c := Comparisons([]Result{rows(worse, 20), other}); len(c) != 0 {
		t.Errorf("other rows are compared: %+v", c)
	}
}

// Of choices each chosen response is compared with each rejected one, and no
// other two; and they train nothing.
func TestChoicesAreComparedAcross(t *testing.T) {
	e := data.Example{Row: 6, Better: 2, Subset: "Ties", Name: "tied:1", Prompt: "p", Lengths: make([]int, 5)}
	for i := range 5 {
		e.Sequences = append(e.Sequences, data.Sequence{IDs: []int32{1, int32(i)}})
	}
	said := &Sayings{Scores: []float64{5, 4, 3, 2, 1}}
	d := spec.Data{Name: "bench", Kind: "ranking"}
	rows := Rows(d, []data.Example{e}, said)
	if len(rows) != 6 {
		t.Fatalf("%d pairs of 2 and 3", len(rows))
	}
	for _, row := range rows {
		if row.Chosen < 4 || row.Rejected > 3 {
			t.Errorf("%+v", row)
		}
	}
	got := suiteRows(d, []data.Example{e}, said)[0]
	if got.Better != 2 || got.Name != "tied:1" || got.Subset != "Ties" || len(got.Scores) != 5 || got.Prompt != "p" {
		t.Errorf("%+v", got)
	}
	err := Rankable(&data.Set{Train: []data.Example{e}}, program.Stage{Data: d})
	if err == nil || !strings.Contains(err.Error(), "row 7 of bench") {
		t.Error(err)
	}
}

// What compares pairs itself, as a tree does, is asked for the pair.
func TestSuiteAsksWhatComparesPairs(t *testing.T) {
	e := data.Example{Subset: "a", Lengths: make([]int, 2), Sequences: make([]data.Sequence, 2)}
	said := &Sayings{Scores: []float64{1, 0, 1, 0}, Beats: func(i, j int) float64 { return []float64{0.25, 0, 0.5}[i] }}
	rows := suiteRows(spec.Data{Kind: "preference"}, []data.Example{e, e}, said)
	if rows[0].Orders[0] != -0.25 || rows[1].Orders[0] != 0 || rows[0].Scores != nil {
		t.Errorf("%+v", rows)
	}
}

// What was measured of conversations or ratings has no numbers of pairs, not even
// zeros; what was measured of pairs has them, zeros too, and reads back.
func TestJSONHasNumbersOfPairsOfPairsAlone(t *testing.T) {
	m := Pairs([]Scored{{Chosen: 1, Rejected: 2}})
	for _, c := range []struct {
		name  string
		of    Result
		pairs bool
	}{
		{"pairs", Result{Stage: "evaluate rm", Measures: &m}, true},
		{"labels", Result{Stage: "evaluate prm", Marked: &Marked{Places: 3}}, false},
		{"ratings", Result{Stage: "evaluate heads", Attributes: []fit.Measures{{Attribute: "quality"}}}, false},
	} {
		text, err := json.Marshal(c.of)
		if err != nil {
			t.Fatal(err)
		}
		var fields map[string]any
		if err := json.Unmarshal(text, &fields); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"pairs", "correct", "ties", "accuracy", "interval", "margin", "log_loss", "shorter", "longer", "calibration", "length_correlation"} {
			if _, ok := fields[name]; ok != c.pairs {
				t.Errorf("%s: %s in the JSON: %v, want %v", c.name, name, ok, c.pairs)
			}
		}
		var back Result
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(back, c.of) {
			t.Errorf("%s: read back as %+v", c.name, back)
		}
	}
}
