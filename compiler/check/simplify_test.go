package check_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/compiler/check"
	"github.com/rmc-lang/rmc/compiler/eval"
)

// Simplification takes parts out and puts stable forms in; what is left is what
// the columns show, and its value is that of what was written.
func TestSimplified(t *testing.T) {
	const d = "score(chosen)"
	for _, c := range []struct{ written, want string }{
		{d + " + 0", d},
		{"0 + " + d, d},
		{"0 - " + d, "neg(" + d + ")"},
		{d + " * 1", d},
		{"- -" + d, d},
		{d + "^1", d},
		{d + "^2", "square(" + d + ")"},
		{d + " / 1", d},
		{"zero * square(" + d + ") + " + d, d},
		{d + " - margin", d},
		{"margin + " + d + " * 2", "(" + d + " * 2)"},
		{"1 + margin - " + d, "(1 - " + d + ")"},
		{"where(yes, " + d + ", gap)", d},
		{"where(!yes || gap > 1, gap, " + d + ")", "where((gap > 1), gap, " + d + ")"},
		{d + " * mean(zero * gap) + gap", "gap"},
		{d + "^zero * gap", "gap"},
		{"(1 - noise) * " + d, "(1 - 0.05 * " + d + ")"},
		{"log(sigmoid(" + d + "))", "log_sigmoid(" + d + ")"},
		{"log(1 - sigmoid(" + d + "))", "log_sigmoid(neg(" + d + "))"},
		{"log(1 + exp(" + d + "))", "softplus(" + d + ")"},
		{"log(exp(-" + d + ") + 1)", "softplus(neg(" + d + "))"},
		{"log(1 / (1 + exp(-" + d + ")))", "log_sigmoid(" + d + ")"},
		{"log(named)", "log_sigmoid(gap)"},
		{"log(softmax(embed(chosen), over hidden))", "log_softmax(embed(chosen), over hidden)"},
		{"log(sum(exp(embed(chosen)), over hidden))", "logsumexp(embed(chosen), over hidden)"},
		{"exp(embed(chosen)) / sum(exp(embed(chosen)), over hidden)", "softmax(embed(chosen), over hidden)"},
		{"log(mean(exp(gap)))", "log(mean(exp(gap), over pair))"},
		{d + " - gap", "(" + d + " - gap)"},
	} {
		reduce := c.written
		if strings.HasSuffix(c.want, "embed(chosen), over hidden)") && !strings.HasPrefix(c.want, "logsumexp") {
			reduce = "sum(" + c.written + " * 0.5, over hidden)"
		}
		decl := declaration(t, "objective f(zero: real = 0, yes: bool = true, noise: real = 0.05) on preference {\n  let named = sigmoid(gap)\n"+
			"  loss = mean("+reduce+" + where(yes, 0, zero + noise) + 3 * "+d+")\n  report r = mean(named)\n}")
		env := pairs()
		o := mustDecl(t, env, decl)
		written := check.AsWritten(decl, env)
		if got, want := eval.Loss(o, examples()), eval.Value(written, examples()); math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: %v simplified, %v as written", c.written, got, want)
		}
		got := strings.ReplaceAll(o.Loss.Value.String(), ", model = rm", "")
		if !strings.Contains(got, "("+c.want+" + ") && !strings.Contains(got, "sum(("+c.want+" * ") {
			t.Errorf("%s became %s, want %s in it", c.written, got, c.want)
		}
	}
}

// examples is a batch of three pairs.
func examples() *eval.Batch {
	rng := rand.New(rand.NewPCG(1, 2))
	numbers := func(n int) (xs []float64) {
		for range n {
			xs = append(xs, rng.NormFloat64())
		}
		return xs
	}
	return &eval.Batch{
		Axis: "pair", Sizes: map[string]int{"pair": 3, "hidden": 2}, Valid: []bool{true, true, true},
		Columns: map[string][]float64{"gap": numbers(3)},
		Terms: map[string]eval.Array{
			"score rm chosen":   {Axes: []string{"pair"}, Data: numbers(3)},
			"score rm rejected": {Axes: []string{"pair"}, Data: numbers(3)},
			"embed rm chosen":   {Axes: []string{"pair", "hidden"}, Data: numbers(6)},
		},
	}
}

// What a parameter makes void is not asked of a model either.
func TestVoidTermsAreNotAskedFor(t *testing.T) {
	const text = `objective f(pull: real = 0) on preference {
  let far = score(prompt)^2
  loss = mean(-log_sigmoid(score(chosen) - score(rejected))) + pull * mean(far * gap)
}`
	o := must(t, pairs(), text)
	if len(o.Terms) != 2 || len(o.Lets) != 0 || len(o.Columns) != 0 {
		t.Errorf("with pull = 0: %d terms, %d lets, columns %v", len(o.Terms), len(o.Lets), o.Columns)
	}
	o = must(t, pairs(), strings.Replace(text, "= 0)", "= 0.1)", 1))
	if len(o.Terms) != 3 || len(o.Lets) != 1 || len(o.Columns) != 1 {
		t.Errorf("with pull = 0.1: %d terms, %d lets, columns %v", len(o.Terms), len(o.Lets), o.Columns)
	}
}

func TestFacts(t *testing.T) {
	for _, c := range []struct{ loss, want string }{
		{"mean(d)", ""},
		{"1 - 2 * mean(d) / 3", ""},
		{"mean(d) + margin_free", ""},
		{"mean(d) + mean(d)^2", "mean(d)^2 sees all pairs of a step"},
		{"mean(d) * mean(gap)", "mean(d) * mean(gap) sees"},
		{"corr(d, gap, over pair)", "corr(d, gap, over pair) sees all pairs of a step: where they take several forwards, each is made twice"},
		{"corr(score(responses), length(responses), over pair, over side) + mean(d)", "corr(score(responses), length(responses… sees all pairs"},
		{"mean((d - mean(d))^2)", "d - mean(d) sees all pairs"},
		{"mean(d) + max(d, over pair)", "max(d, over pair) sees all pairs"},
		{"mean(d * rank(gap, over pair))", "rank(gap, over pair) sees all pairs"},
		{"mean(d * mean(gap))", "d * mean(gap) sees all pairs"},
		{"mean(d - margin)", "margin is 0: the data declares no column margin"},
		{"mean(-log(sigmoid(d)))", "log(sigmoid(d)) is computed as log_sigmoid(d)"},
	} {
		o := must(t, pairs(), onPairs("let d = score(chosen) - score(rejected)\nlet margin_free = 2\nloss = "+c.loss+"\nreport r = margin_free * mean(d)"))
		var facts []string
		for _, f := range o.Facts {
			facts = append(facts, f.Text)
		}
		if got := strings.Join(facts, "\n"); c.want == "" && got != "" || !strings.Contains(got, c.want) || len(facts) > 1 {
			t.Errorf("%s: facts %q, want one with %q", c.loss, got, c.want)
		}
	}
}
