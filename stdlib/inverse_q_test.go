package stdlib_test

import (
	"math"
	"testing"

	"github.com/rmc-lang/rmc/compiler/eval"
)

// Inverse-Q* gives each token the log-ratio of the estimated optimal policy to the
// reference, and its loss is how far the trained policy's own is from that: over the
// tokens of all responses alike. Numbers by hand.
func TestInverseQ(t *testing.T) {
	const pairs = `data d: preference { source = "file:d.jsonl", over_length = drop, split = none }`
	const others = "\n\nmodel best: policy { base = \"file:best\" }\n\nmodel base: policy { base = \"file:base\" }"
	const scores = "\nreward value = inverse_q.value\nreward learnt = inverse_q.learnt\n"
	r := trained(t, policyModel+others, pairs, "inverse_q { best = best, ref = base, beta = 0.5 }", scores)
	batch := func() *eval.Batch {
		b := &eval.Batch{ // a response of three tokens and one of one; the numbers of what is not there are wild
			Axis: "pair", Sizes: map[string]int{"pair": 2, "token": 3}, Valid: []bool{true, true},
			Ragged: map[string][][]bool{"token": {{true, true, true}, {true, false, false}}}, Terms: map[string]eval.Array{},
		}
		for key, logprobs := range map[string][]float64{
			"logprob rm chosen": {-1, -2, -0.5, -4, 70, 70}, "logprob best chosen": {-0.5, -2, -1, -1, 80, 90}, "logprob base chosen": {-2, -1, -1, -3, 60, 60},
			"logprob rm rejected": {-3, -1, -1, -2, 70, 70}, "logprob best rejected": {-4, -3, -1, -2.5, 80, 90}, "logprob base rejected": {-3, -2, -1, -2, 60, 60},
		} {
			b.Terms[key] = eval.Array{Axes: []string{"pair", "token"}, Data: logprobs}
		}
		return b
	}
	o := r.Objectives["rm"]
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-12 {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	// own − credit is 0.5·(rm − best): of chosen −0.25, 0, 0.25 and −1.5, of rejected 0.5, 1, 0 and 0.25.
	chosen, rejected := (0.0625+0+0.0625+2.25)/4, (0.25+1+0+0.0625)/4
	near("the loss", eval.Loss(o, batch()), (chosen+rejected)/2)
	// Where the reference stands does not matter to the loss, and does to the credit.
	moved := batch()
	moved.Terms["logprob base chosen"].Data[0] -= 3
	near("the loss with another reference", eval.Loss(o, moved), (chosen+rejected)/2)
	learnt := batch()
	for _, side := range []string{"chosen", "rejected"} {
		learnt.Terms["logprob rm "+side] = learnt.Terms["logprob best "+side]
	}
	near("the loss of the estimated policy itself", eval.Loss(o, learnt), 0)
	// learnt of the first pair is 0.25 > 0.5·(0+1+0), of the second −0.5 > 0; of best 0.25 > −1 and 1 > −0.25.
	near("accuracy", eval.Value(o.Reports[0].Value, batch()), 0)
	near("best", eval.Value(o.Reports[1].Value, batch()), 1)
	value := r.Rewards["value"]
	if value == nil || value.Score.Value.Type.String() != "real[row]" || len(value.Parts) != 1 || value.Parts[0].Name != "credit" || value.Parts[0].Value.Type.String() != "real[row, token]" {
		t.Fatalf("%+v", value)
	}
	if learnt := r.Rewards["learnt"]; learnt == nil || len(learnt.Parts) != 1 || learnt.Parts[0].Name != "own" {
		t.Errorf("%+v", learnt)
	}
	b := &eval.Batch{
		Axis: "row", Sizes: map[string]int{"row": 2, "token": 3}, Valid: []bool{true, true}, Ragged: map[string][][]bool{"token": {{true, true, true}, {true, false, false}}},
		Terms: map[string]eval.Array{},
	}
	for _, name := range []string{"best", "base"} {
		b.Terms["logprob "+name+" response"] = eval.Array{Axes: []string{"row", "token"}, Data: batch().Terms["logprob "+name+" chosen"].Data}
	}
	near("the value of the first response", eval.Value(of(0, value.Score.Value), b), 0.5*(1.5-1+0))
	near("the value of the second response", eval.Value(of(1, value.Score.Value), b), 0.5*2)
}
