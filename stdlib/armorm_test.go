package stdlib_test

import (
	"math"
	"slices"
	"testing"

	"github.com/rmc-lang/rmc/compiler"
	"github.com/rmc-lang/rmc/compiler/eval"
	"github.com/rmc-lang/rmc/compiler/typed"
)

// armorm compiles a recipe with the library's gate.
func armorm(t *testing.T) *compiler.Result {
	t.Helper()
	r, errs := compileText(`recipe r

use std/armorm

model backbone: encoder { base = "file:base" }

data rated: ratings { source = "file:r.jsonl", attributes = [helpful, correct, length], missing = mask, over_length = drop, split = none }

data d: preference { source = "file:d.jsonl", over_length = drop, split = none }

fit probe = ridge on backbone(rated)

fit debias = decorrelate on probe(d) { from = length }

model gate: mlp { input = backbone, outputs = attribute, scalars = named { scale = 1 } }

train gate on d { objective = gated { gate = gate, probe = probe, debias = debias } }

reward armo = gated.s
`)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return r
}

// responses are two prompts with two responses each: row 0 and 1 share a prompt.
func responses() *eval.Batch {
	return &eval.Batch{
		Axis: "row", Sizes: map[string]int{"row": 4, "attribute": 3}, Valid: []bool{true, true, true, true},
		Transforms: map[string][][]float64{"debias": {{1, 0, 0}, {0, 1, 0}, {-0.5, -0.25, 0}}},
		Terms: map[string]eval.Array{
			"scalar gate scale":  {Data: []float64{1.5}},
			"model gate prompt":  {Axes: []string{"row", "attribute"}, Data: []float64{3, -20, 7, 3, -20, 7, 0, 9, 40, 0, 9, 40}},
			"fit probe response": {Axes: []string{"row", "attribute"}, Data: []float64{4, 2, 1, 1, 3, 2, 0.5, 0, -1, 2, 2, 2}},
		},
	}
}

// at is one number of an expression that has axes.
func at(e *typed.Expr, b *eval.Batch, row int, element string) float64 {
	one := *b
	one.Valid = make([]bool, len(b.Valid))
	one.Valid[row] = true
	if element != "" {
		axis := e.Type.Axes[1]
		e = &typed.Expr{Kind: typed.Index, Axes: []string{axis.Name}, Pos: slices.Index(axis.Elements, element), Args: []*typed.Expr{e}}
	}
	return eval.Value(&typed.Expr{Kind: typed.Call, Name: "sum", Axes: []string{"row"}, Args: []*typed.Expr{e}}, &one)
}

// The gates of a response add up to the learnt scale, are those of its prompt
// alone, and weigh its corrected attributes: the score is c·rewards with c = g·Tᵀ.
func TestGatesAddUpToTheScale(t *testing.T) {
	r := armorm(t).Rewards["armo"]
	b := responses()
	gates, rewards := r.Parts[0].Value, b.Terms["fit probe response"].Data
	if r.Parts[0].Name != "gates" || r.Parts[1].Name != "attributes" {
		t.Fatalf("parts %+v", r.Parts)
	}
	elements := []string{"helpful", "correct", "length"}
	for row := range 4 {
		total, score := 0.0, 0.0
		for in, element := range elements {
			total += at(gates, b, row, element)
			coefficient := 0.0
			for out, other := range elements {
				coefficient += at(gates, b, row, other) * b.Transforms["debias"][in][out]
			}
			score += coefficient * rewards[3*row+in]
			same := at(gates, b, row/2*2, element)
			near(t, "a gate of the same prompt", at(gates, b, row, element), same)
		}
		near(t, "the sum of gates", total, 1.5)
		near(t, "the score", at(r.Score.Value, b, row, ""), score)
	}
	near(t, "what is left of length", at(r.Parts[1].Value, b, 1, "length"), 0)
	for _, term := range r.Terms {
		if term.Model == "gate" && term.Kind == "model" && term.View != "prompt" {
			t.Errorf("the gate reads %s", term)
		}
	}
	if math.Abs(at(gates, b, 0, "length")-at(gates, b, 2, "length")) < 0.1 {
		t.Error("the gates of two prompts are the same")
	}
}
