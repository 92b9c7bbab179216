package stdlib_test

import (
	"math"
	"testing"

	"github.com/rmc-lang/rmc/compiler"
	"github.com/rmc-lang/rmc/compiler/eval"
	"github.com/rmc-lang/rmc/compiler/typed"
)

// trained is what a recipe that trains rm on data d comes to.
func trained(t *testing.T, model, data, objective, more string) *compiler.Result {
	t.Helper()
	r, errs := compileText("recipe r\n\nuse std/labels\nuse std/dpo\nuse std/inverse_q\n\n" + model + "\n\n" + data + "\n\ntrain rm on d { objective = " + objective + " }\n" + more)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return r
}

const (
	policyModel = `model rm: policy { base = "file:base" }`
	stepData    = `data d: labels { source = "file:d.jsonl", over_length = drop, split = none }`
)

// marks is a batch of two conversations, of three labels and of one.
func marks(kind string, terms, gold []float64) *eval.Batch {
	b := &eval.Batch{
		Axis: "row", Sizes: map[string]int{"row": 2, "step": 3, "label": 2}, Valid: []bool{true, true},
		Ragged: map[string][][]bool{"step": {{true, true, true}, {true, false, false}}},
		Terms:  map[string]eval.Array{"gold  ": {Axes: []string{"row", "step", "label"}, Data: gold}},
	}
	b.Terms[kind+" rm conversation"] = eval.Array{Axes: []string{"row", "step", "label"}, Data: terms}
	return b
}

// The reference spends two thirds of its loss on the turns around a label. Here
// each label counts the same, be there three in a conversation or one, and what
// the model says of all other tokens does not.
func TestP2LossIsOfTheLabelsAlone(t *testing.T) {
	logits := []float64{2, 0, -1, 1, 0.5, 0.5, 3, -3, 9, 9, 9, 9}
	gold := []float64{1, 0, 0, 1, 0.25, 0.75, 0, 1, 7, 7, 7, 7}
	o := trained(t, policyModel, stepData, "label_loss", "").Objectives["rm"]
	cross := func(x, y, p, q float64) float64 {
		z := math.Log(math.Exp(x) + math.Exp(y))
		return -p*(x-z) - q*(y-z)
	}
	want := (cross(2, 0, 1, 0) + cross(-1, 1, 0, 1) + cross(0.5, 0.5, 0.25, 0.75) + cross(3, -3, 0, 1)) / 4
	if got := eval.Loss(o, marks("logits", logits, gold)); math.Abs(got-want) > 1e-12 {
		t.Errorf("the loss is %v, want %v", got, want)
	}
	shifted := append([]float64{}, logits...)
	for i := range shifted {
		shifted[i] += 5 // as it would be with other logits elsewhere in the vocabulary
	}
	if got := eval.Loss(o, marks("logits", shifted, gold)); math.Abs(got-want) > 1e-12 {
		t.Errorf("with all labels likelier the loss is %v, want %v", got, want)
	}
	if len(o.Facts) == 0 {
		t.Error("nothing says that the mean is over steps")
	}
	if got := eval.Value(o.Reports[0].Value, marks("logits", logits, gold)); math.Abs(got-3.0/4) > 1e-12 {
		t.Errorf("accuracy is %v, want 3/4: right, right, a quarter and three at a tie, wrong", got)
	}
}

// Over the vocabulary the labels must take all of the probability.
func TestNextTokenIsOfTheVocabulary(t *testing.T) {
	logprobs := []float64{math.Log(0.5), math.Log(0.1), math.Log(0.2), math.Log(0.2), -1, -2, -3, -4, 9, 9, 9, 9}
	gold := []float64{1, 0, 0, 1, 1, 0, 0, 1, 7, 7, 7, 7}
	o := trained(t, policyModel, stepData, "next_token", "").Objectives["rm"]
	want := (-math.Log(0.5) - math.Log(0.2) + 1 + 4) / 4
	if got := eval.Loss(o, marks("logprob", logprobs, gold)); math.Abs(got-want) > 1e-12 {
		t.Errorf("the loss is %v, want %v", got, want)
	}
	want = (0.6 + 0.4 + math.Exp(-1) + math.Exp(-2) + math.Exp(-3) + math.Exp(-4)) / 4
	if got := eval.Value(o.Reports[1].Value, marks("logprob", logprobs, gold)); math.Abs(got-want) > 1e-12 {
		t.Errorf("the labels have a probability of %v, want %v", got, want)
	}
}

// A turn is the label and what ends it, both alike or as they are weighed; without
// the end it is next_token.
func TestCompletionIsOfTheTurn(t *testing.T) {
	logprobs := []float64{math.Log(0.5), math.Log(0.1), math.Log(0.2), math.Log(0.2), -1, -2, -3, -4, 9, 9, 9, 9}
	gold := []float64{1, 0, 0, 1, 1, 0, 0, 1, 7, 7, 7, 7}
	b := marks("logprob", logprobs, gold)
	b.Terms["ending rm conversation"] = eval.Array{Axes: []string{"row", "step"}, Data: []float64{math.Log(0.5), -1, 0, -2, 9, 9}}
	label, end := (-math.Log(0.5)-math.Log(0.2)+1+4)/4, (-math.Log(0.5)+1+2)/4
	for call, want := range map[string]float64{
		"completion": (label + end) / 2, "completion { end = 0 }": label, "next_token": label, "completion { end = 3 }": (label + 3*end) / 4,
	} {
		o := trained(t, policyModel, stepData, call, "").Objectives["rm"]
		if got := eval.Loss(o, b); math.Abs(got-want) > 1e-12 {
			t.Errorf("%s: the loss is %v, want %v", call, got, want)
		}
	}
	o := trained(t, policyModel, stepData, "completion", "\nreward whole = completion.worst\n")
	if got, want := eval.Value(o.Objectives["rm"].Reports[2].Value, b), (0.5+math.Exp(-1)+1+math.Exp(-2))/4; math.Abs(got-want) > 1e-12 {
		t.Errorf("the turn ends with probability %v, want %v", got, want)
	}
	for _, term := range o.Rewards["whole"].Terms {
		if term.Kind == "ending" {
			t.Error("a score depends on the end of the turn")
		}
	}
}

// The scores of two conversations: of one whose labels are right with .5, .25 and
// .8, and of one with a single label, right with .9.
func TestStepsMakeAScore(t *testing.T) {
	odds := func(p float64) float64 { return math.Log(p / (1 - p)) }
	logits := []float64{odds(0.5), 0, odds(0.25), 0, odds(0.8), 0, odds(0.9), 0, 9, 9, 9, 9}
	for let, want := range map[string][2]float64{
		"worst": {0.25, 0.9}, "product": {0.1, 0.9}, "average": {(0.5 + 0.25 + 0.8) / 3, 0.9}, "highest": {0.8, 0.9}, "final": {0.8, 0.9},
	} {
		r := trained(t, policyModel, stepData, "label_loss", "\nreward score = label_loss."+let+"\n").Rewards["score"]
		if r == nil || r.View != "conversation" {
			t.Fatalf("%s is no reward of a conversation: %+v", let, r)
		}
		b := marks("logits", logits, make([]float64, 12))
		for row := range want {
			if got := eval.Value(of(row, r.Score.Value), b); math.Abs(got-want[row]) > 1e-12 {
				t.Errorf("%s of conversation %d is %v, want %v", let, row, got, want[row])
			}
		}
		if len(r.Parts) == 0 || r.Parts[0].Value.Type.String() != "real[row, step]" {
			t.Errorf("%s does not tell its steps: %+v", let, r.Parts)
		}
	}
}

// What the steps come to is learnt: the loss is label_loss and the cross entropy of
// the last label under a weighted sum, and the score its sigmoid.
func TestLearntAggregate(t *testing.T) {
	const policy = `model rm: policy { base = "file:base", scalars = named { least = 1, mean = 0, last = 0, bias = 0 } }`
	odds := func(p float64) float64 { return math.Log(p / (1 - p)) }
	b := marks("logits", []float64{odds(0.5), 0, odds(0.25), 0, odds(0.8), 0, odds(0.9), 0, 9, 9, 9, 9}, []float64{1, 0, 1, 0, 0, 1, 1, 0, 7, 7, 7, 7})
	for name, value := range map[string]float64{"least": 0.5, "mean": -2, "last": 3, "bias": 0.25} {
		b.Terms["scalar rm "+name] = eval.Array{Data: []float64{value}}
	}
	r := trained(t, policy, stepData, "aggregated { policy = rm }", "\nreward whole = aggregated.whole\n")
	z := [2]float64{
		0.5*math.Log(0.25) - 2*(math.Log(0.5)+math.Log(0.25)+math.Log(0.8))/3 + 3*math.Log(0.8) + 0.25,
		(0.5-2+3)*math.Log(0.9) + 0.25,
	}
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	want := -(math.Log(0.5)+math.Log(0.25)+math.Log(0.2)+math.Log(0.9))/4 - (math.Log(1-sigmoid(z[0]))+math.Log(sigmoid(z[1])))/2
	if got := eval.Loss(r.Objectives["rm"], b); math.Abs(got-want) > 1e-12 {
		t.Errorf("the loss is %v, want %v", got, want)
	}
	for row := range z {
		if got := eval.Value(of(row, r.Rewards["whole"].Score.Value), b); math.Abs(got-sigmoid(z[row])) > 1e-12 {
			t.Errorf("conversation %d is right with %v, want %v", row, got, sigmoid(z[row]))
		}
	}
}

// of is a score of one row.
func of(row int, score *typed.Expr) *typed.Expr {
	return &typed.Expr{Kind: typed.Index, Axes: []string{"row"}, Args: []*typed.Expr{score}, Pos: row}
}

// An outcome model's loss stays finite, and has a slope, for scores that a
// logarithm of a rounded sigmoid has none for.
func TestM5ScalarOutcomeIsFiniteAtFifty(t *testing.T) {
	o := trained(t, `model rm: reward { base = "file:base" }`, `data d: labels { source = "file:d.jsonl", level = outcome, over_length = drop, split = none }`, "scalar_outcome", "").Objectives["rm"]
	for _, z := range []float64{-50, -1, 0, 0.5, 50} {
		for _, y := range []float64{0, 1} {
			b := marks("logits", make([]float64, 12), []float64{y, 1 - y, 0, 0, 0, 0, y, 1 - y, 0, 0, 0, 0})
			b.Ragged["step"] = [][]bool{{true, false, false}, {true, false, false}}
			b.Terms["score rm conversation"] = eval.Array{Axes: []string{"row"}, Data: []float64{z, z}}
			want := math.Max(z, 0) - z*y + math.Log1p(math.Exp(-math.Abs(z))) // torch's BCEWithLogitsLoss
			if got := eval.Loss(o, b); math.Abs(got-want) > 1e-12 || math.IsInf(got, 0) {
				t.Errorf("score %v, label %v: the loss is %v, want %v", z, y, got, want)
			}
		}
	}
}

// The implicit reward is the log-ratio of whole responses, and its credit that of
// each token.
func TestDPO(t *testing.T) {
	const pairs = `data d: preference { source = "file:d.jsonl", over_length = drop, split = none }`
	r := trained(t, policyModel+"\n\nmodel base: policy { base = \"file:base\" }", pairs, "dpo { ref = base, beta = 0.5, smoothing = 10% }", "\nreward implicit = dpo.implicit\n")
	b := &eval.Batch{
		Axis: "pair", Sizes: map[string]int{"pair": 1, "token": 2}, Valid: []bool{true},
		Ragged: map[string][][]bool{"token": {{true, true}}}, Terms: map[string]eval.Array{},
	}
	for key, logprobs := range map[string][]float64{
		"logprob rm chosen": {-1, -2}, "logprob base chosen": {-1.5, -2.5}, "logprob rm rejected": {-3, -1}, "logprob base rejected": {-1, -1.5},
	} {
		b.Terms[key] = eval.Array{Axes: []string{"pair", "token"}, Data: logprobs}
	}
	d := 0.5*(0.5+0.5) - 0.5*(-2+0.5)
	want := 0.9*math.Log1p(math.Exp(-d)) + 0.1*math.Log1p(math.Exp(d))
	if got := eval.Loss(r.Objectives["rm"], b); math.Abs(got-want) > 1e-12 {
		t.Errorf("the loss is %v, want %v", got, want)
	}
	implicit := r.Rewards["implicit"]
	if implicit == nil || implicit.Score.Value.Type.String() != "real[row]" {
		t.Fatalf("no implicit reward: %+v", implicit)
	}
	if len(implicit.Parts) != 1 || implicit.Parts[0].Name != "credit" || implicit.Parts[0].Value.Type.String() != "real[row, token]" {
		t.Errorf("its parts are %+v, want the credit of each token", implicit.Parts)
	}
}
