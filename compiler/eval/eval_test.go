package eval_test

import (
	"math"
	"testing"

	"github.com/rmc-lang/rmc/compiler/check"
	"github.com/rmc-lang/rmc/compiler/eval"
	"github.com/rmc-lang/rmc/compiler/typed"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/parse"
	"github.com/rmc-lang/rmc/lang/source"
)

func objective(t *testing.T, kind, text string) *typed.Objective {
	t.Helper()
	file, errs := parse.File(source.New("test.rmr", text))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	var found diag.List
	o := check.New(file.Decls[0], check.Env{
		Data:   check.Data{Kind: kind, Columns: []string{"gap"}},
		Models: []check.Model{{Name: "rm", Outputs: 1, Trained: true}},
		Serves: []string{"score"},
		Views:  []string{"chosen", "rejected", "candidates"},
	}, &found)
	if o == nil {
		t.Fatalf("%s\n%v", text, found)
	}
	return o
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-6 {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// The numbers of T3 and T12, and of a row that is padding.
func TestBradleyTerryByHand(t *testing.T) {
	o := objective(t, "preference", `objective f on preference {
  let d = score(chosen) - score(rejected)
  loss = mean(-log_sigmoid(d))
  report accuracy = mean(d > 0)
  report best = max(d)
  report same = corr(d, gap)
}`)
	b := &eval.Batch{
		Axis: "pair", Sizes: map[string]int{"pair": 4}, Valid: []bool{true, true, true, false},
		Columns: map[string][]float64{"gap": {0, 2, -50, math.NaN()}},
		Terms: map[string]eval.Array{
			"score rm chosen":   {Axes: []string{"pair"}, Data: []float64{1, 3, -20, math.NaN()}},
			"score rm rejected": {Axes: []string{"pair"}, Data: []float64{1, 1, 30, 7}},
		},
	}
	near(t, "loss", eval.Loss(o, b), (0.6931472+0.1269280+50)/3)
	for i, want := range []float64{1.0 / 3, 2, 1} {
		near(t, o.Reports[i].Name, eval.Value(o.Reports[i].Value, b), want)
	}
}

// The likelihood of a ranking is the product of what is drawn at each place;
// the row of two is Bradley–Terry.
func TestPlackettLuceByHand(t *testing.T) {
	o := objective(t, "ranking", `objective f on ranking {
  let s = score(candidates)
  loss = mean(sum(suffix_logsumexp(s, over candidate) - s, over candidate))
  report ranks = mean(sum(s * rank(s, over candidate), over candidate))
  report share = mean(max(softmax(s, over candidate), over candidate))
}`)
	b := &eval.Batch{
		Axis: "row", Sizes: map[string]int{"row": 2, "candidate": 3}, Valid: []bool{true, true},
		Ragged: map[string][][]bool{"candidate": {{true, true, true}, {true, true, false}}},
		Terms: map[string]eval.Array{
			"score rm candidates": {Axes: []string{"row", "candidate"}, Data: []float64{2, 0, 1, 2, 0, 99}},
		},
	}
	e := math.E
	first := e * e / (e*e + 1 + e) * 1 / (1 + e)
	near(t, "loss", eval.Loss(o, b), (-math.Log(first)+0.1269280)/2)
	near(t, "ranks", eval.Value(o.Reports[0].Value, b), (2*3+0*1+1*2+2*2+0*1)/2.0)
	near(t, "share", eval.Value(o.Reports[1].Value, b), (e*e/(e*e+1+e)+0.8807971)/2)
}

// Equal values share their ranks; what does not vary correlates with nothing.
func TestRanksAndConstants(t *testing.T) {
	o := objective(t, "preference", `objective f on preference {
  loss = mean(score(chosen))
  report ranks = max(rank(gap, over pair) * gap)
  report flat = corr(gap - gap + 3, score(chosen))
}`)
	b := &eval.Batch{
		Axis: "pair", Sizes: map[string]int{"pair": 3}, Valid: []bool{true, true, true},
		Columns: map[string][]float64{"gap": {1, 1, 0}},
		Terms:   map[string]eval.Array{"score rm chosen": {Axes: []string{"pair"}, Data: []float64{1, 2, 3}}},
	}
	near(t, "ranks", eval.Value(o.Reports[0].Value, b), 2.5)
	near(t, "flat", eval.Value(o.Reports[1].Value, b), 0)
}
