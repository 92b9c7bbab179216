package stdlib_test

import (
	"math"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rmc-lang/rmc/compiler"
	"github.com/rmc-lang/rmc/compiler/eval"
	"github.com/rmc-lang/rmc/compiler/typed"
	"github.com/rmc-lang/rmc/lang/diag"
)

// odin is the library's objective with the given arguments.
func odin(t *testing.T, args string) *typed.Objective {
	t.Helper()
	r, errs := compileText(`recipe r

use std/odin

model rm: reward { base = "file:base", head = linear { outputs = 2, labels = [quality, length] } }

data d: preference { source = "file:d.jsonl", over_length = drop, split = none }

train rm on d { objective = odin { ` + args + ` } }
`)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return r.Objectives["rm"]
}

func compileText(recipe string) (*compiler.Result, diag.List) {
	return compiler.Compile(fstest.MapFS{"r.rmr": {Data: []byte(recipe)}}, "r.rmr", compiler.Options{})
}

// An example is a batch of pairs as an ODIN model sees them: quality and length
// output and tokens of each side, and the weights of the two outputs.
type example struct {
	chosen, rejected [][2]float64
	tokens           [][2]float64 // of chosen and rejected
	weights          [2][]float64
}

// hand is a batch without anything in its favour.
func hand() example {
	return example{
		chosen:   [][2]float64{{1, -0.5}, {0.25, 2}, {-1, 0.5}},
		rejected: [][2]float64{{0.5, 1}, {1.5, -1}, {-0.75, 0}},
		tokens:   [][2]float64{{30, 12}, {7, 55}, {20, 21}},
		weights:  [2][]float64{{1, 2, 0.5, -1}, {0.5, -1, 2, 3}},
	}
}

func (e example) batch() *eval.Batch {
	n := len(e.chosen)
	b := &eval.Batch{
		Axis: "pair", Sizes: map[string]int{"pair": n, "side": 2, "head": 2, "hidden": len(e.weights[0])},
		Terms: map[string]eval.Array{},
	}
	var chosen, rejected, both, tokens []float64
	for i := range n {
		b.Valid = append(b.Valid, true)
		chosen, rejected = append(chosen, e.chosen[i][:]...), append(rejected, e.rejected[i][:]...)
		for head := range 2 {
			both = append(both, e.chosen[i][head], e.rejected[i][head])
		}
		tokens = append(tokens, e.tokens[i][:]...)
	}
	b.Terms["heads rm chosen"] = eval.Array{Axes: []string{"pair", "head"}, Data: chosen}
	b.Terms["heads rm rejected"] = eval.Array{Axes: []string{"pair", "head"}, Data: rejected}
	b.Terms["heads rm responses"] = eval.Array{Axes: []string{"pair", "head", "side"}, Data: both}
	b.Terms["length  responses"] = eval.Array{Axes: []string{"pair", "side"}, Data: tokens}
	b.Terms["weights rm "] = eval.Array{Axes: []string{"head", "hidden"}, Data: append(append([]float64{}, e.weights[0]...), e.weights[1]...)}
	return b
}

// ranking is the mean over pairs of -log σ(Q + L of chosen - Q + L of rejected).
func (e example) ranking() float64 {
	total := 0.0
	for i := range e.chosen {
		d := e.chosen[i][0] + e.chosen[i][1] - e.rejected[i][0] - e.rejected[i][1]
		total += math.Log1p(math.Exp(-d))
	}
	return total / float64(len(e.chosen))
}

// rho is Pearson's correlation of tokens and q·quality + l·length.
func (e example) rho(q, l float64) float64 {
	var x, y []float64
	for i := range e.chosen {
		for side, heads := range [][2]float64{e.chosen[i], e.rejected[i]} {
			x = append(x, e.tokens[i][side])
			y = append(y, q*heads[0]+l*heads[1])
		}
	}
	mean := func(v []float64) (m float64) {
		for _, a := range v {
			m += a / float64(len(v))
		}
		return m
	}
	var xy, xx, yy float64
	mx, my := mean(x), mean(y)
	for i := range x {
		xy, xx, yy = xy+(x[i]-mx)*(y[i]-my), xx+(x[i]-mx)*(x[i]-mx), yy+(y[i]-my)*(y[i]-my)
	}
	return xy / math.Sqrt(xx*yy)
}

// cosine is that of the two weights, each less its mean.
func (e example) cosine() float64 {
	var dot, aa, bb, ma, mb float64
	n := float64(len(e.weights[0]))
	for i := range e.weights[0] {
		ma, mb = ma+e.weights[0][i]/n, mb+e.weights[1][i]/n
	}
	for i := range e.weights[0] {
		a, b := e.weights[0][i]-ma, e.weights[1][i]-mb
		dot, aa, bb = dot+a*b, aa+a*a, bb+b*b
	}
	return dot / math.Sqrt(aa*bb)
}

func loss(t *testing.T, args string, e example) float64 {
	t.Helper()
	return eval.Loss(odin(t, args), e.batch())
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9 {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// The whole loss, written out (Chen et al. 2024; methods of the authors' code).
func TestODINByHand(t *testing.T) {
	e := hand()
	correlations := 1 - e.rho(0, 1) + math.Abs(e.rho(1, 0)) + math.Abs(e.rho(1, 1))
	near(t, "odin", loss(t, "", e), e.ranking()+correlations+math.Abs(e.cosine()))
	near(t, "weighted", loss(t, "strength = 0.5, orthogonality = 2", e), e.ranking()+0.5*correlations+2*math.Abs(e.cosine()))
	near(t, "without extras", loss(t, "strength = 0, orthogonality = 0", e), e.ranking())
}

// The ranking is for each pair: two that are ordered opposite cost more than two
// that are not ordered at all, and do not make up for each other.
func TestO1SumWhereAMeanOverPairsIsMeant(t *testing.T) {
	e := hand()
	e.chosen, e.rejected = [][2]float64{{2, 0}, {0, 0}}, [][2]float64{{0, 0}, {2, 0}}
	if got := loss(t, "strength = 0, orthogonality = 0", e); got <= math.Ln2+0.1 {
		t.Errorf("the ranking loss of two opposite pairs is %v, want clearly more than log 2", got)
	}
	for written, code := range map[string]diag.Code{
		"-log_sigmoid(sum(both(chosen) - both(rejected), over pair))":  diag.ReducedFirst,
		"-log_sigmoid(mean(both(chosen) - both(rejected), over pair))": diag.ReducedFirst,
		"sum(-log_sigmoid(both(chosen) - both(rejected)), over pair)":  diag.SumOverBatch,
	} {
		_, errs := compileText(`recipe r

model rm: reward { base = "file:base", head = linear { outputs = 2, labels = [quality, length] } }

data d: preference { source = "file:d.jsonl", over_length = drop, split = none }

train rm on d { objective = f }

objective f on preference {
  let both(x) = heads(x)[quality] + heads(x)[length]
  loss        = ` + written + `
}
`)
		if len(errs) != 1 || errs[0].Code != code || errs[0].Help == "" {
			t.Errorf("%s: %v, want %s alone", written, errs, code)
		}
	}
}

// Orthogonality is part of the loss unless a recipe switches it off, and is 0
// where the outputs' weights have nothing in common.
func TestO3OrthogonalityIsOn(t *testing.T) {
	e := hand()
	near(t, "its part", loss(t, "", e)-loss(t, "orthogonality = 0", e), math.Abs(e.cosine()))
	if math.Abs(e.cosine()) < 0.1 {
		t.Fatal("the example's weights are orthogonal")
	}
	e.weights = [2][]float64{{1, -1, 0, 0}, {3, 3, 5, 1}}
	near(t, "the part of orthogonal weights", loss(t, "", e)-loss(t, "orthogonality = 0", e), 0)
	e.weights = [2][]float64{{0, 0, 0, 0}, {3, 3, 5, 1}}
	near(t, "the part of no weights", loss(t, "", e)-loss(t, "orthogonality = 0", e), 0)
}

// The sum of the outputs must not correlate with length either, as in the
// authors' code.
func TestO7ThirdCorrelation(t *testing.T) {
	e := hand()
	near(t, "its part", loss(t, "", e)-loss(t, "total = false", e), math.Abs(e.rho(1, 1)))
	if math.Abs(e.rho(1, 1)) < 0.1 {
		t.Fatal("the example's outputs do not correlate with length")
	}
}

// Lengths that do not vary correlate with nothing, and the loss stays a number.
func TestO6ConstantLengths(t *testing.T) {
	e := hand()
	e.tokens = [][2]float64{{9, 9}, {9, 9}, {9, 9}}
	near(t, "odin", loss(t, "orthogonality = 0", e), e.ranking()+1)
}

// The quality output is a reward by itself, exported as a model of one output.
func TestODINScoresByQuality(t *testing.T) {
	r, errs := compileText(`recipe r

use std/odin

model rm: reward { base = "file:base", head = linear { outputs = 2, labels = [quality, length] } }

data d: preference { source = "file:d.jsonl", over_length = drop, split = holdout }

train rm on d { objective = odin }

reward quality = odin.quality

evaluate quality on d.holdout
`)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	got := r.Rewards["quality"]
	if got == nil || got.Model != "rm" || got.Head != "quality" || len(got.Terms) != 1 {
		t.Fatalf("quality is %+v", got)
	}
	if !strings.HasPrefix(got.Score.Text, "heads(x)") {
		t.Errorf("it is %s", got.Score.Text)
	}
}
