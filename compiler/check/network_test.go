package check_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/compiler/check"
	"github.com/rmc-lang/rmc/compiler/typed"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/parse"
	"github.com/rmc-lang/rmc/lang/source"
)

// gated is a stage that trains a gate over attributes on preferences, with a
// probe and a transform in scope, as ArmoRM does.
func gated() check.Env {
	env := pairs()
	env.Models = []check.Model{
		{Name: "backbone", Kind: "encoder"},
		{Name: "other", Kind: "encoder"},
		{Name: "gate", Kind: "mlp", Axis: "attribute", Outputs: 3, Labels: []string{"helpful", "correct", "length"},
			Encoder: "backbone", Scalars: []string{"scale"}, Trained: true},
		{Name: "bt", Kind: "mlp", Outputs: 1, Encoder: "backbone"},
		{Name: "elsewhere", Kind: "mlp", Outputs: 1, Encoder: "other"},
		{Name: "prior", Kind: "mlp", Axis: "attribute", Outputs: 3, Labels: []string{"helpful", "correct", "length"}},
		{Name: "rm", Kind: "reward", Outputs: 2, Labels: []string{"quality", "length"}},
	}
	env.Fits = []check.Fit{
		{Name: "probe", Kind: "ridge", Of: "backbone", Encoder: "backbone", Attributes: []string{"helpful", "correct", "length"}},
		{Name: "debias", Kind: "decorrelate", Of: "probe", Encoder: "backbone", Attributes: []string{"helpful", "correct", "length"}},
		{Name: "tree", Kind: "tree", Of: "probe", Encoder: "backbone", Attributes: []string{"helpful", "correct", "length"}},
		{Name: "narrow", Kind: "ridge", Of: "backbone", Encoder: "backbone", Attributes: []string{"helpful"}},
	}
	return env
}

// rated is a stage that trains a network on ratings.
func rated() check.Env {
	env := gated()
	env.Data = check.Data{Name: "ratings", Kind: "ratings", Columns: []string{"weight"}, Attributes: []string{"helpful", "correct", "length"}}
	env.Models[2].Scalars = nil
	return env
}

func onRatings(body string) string { return "objective f on ratings {\n" + body + "\n}\n" }

const armo = `objective gated on preference {
  let gates         = gate.scale * softmax(gate(prompt) / 10, over attribute)
  let attributes(x) = debias(probe(x))
  let s(x)          = sum(gates * attributes(x), over attribute)
  loss              = mean(-log_sigmoid(s(chosen) - s(rejected)))
}`

func TestTypesOfNetworksAndFits(t *testing.T) {
	for _, c := range []struct {
		env        check.Env
		expr, want string
	}{
		{gated(), "gate(prompt)", "real[pair, attribute]"},
		{gated(), "heads(prompt)", "real[pair, attribute]"},
		{gated(), "score(chosen, model = bt)", "real[pair]"},
		{gated(), "bt(chosen)", "real[pair]"},
		{gated(), "rm(chosen)", "real[pair, head]"},
		{gated(), "gate.scale", "real"},
		{gated(), "probe(chosen)", "real[pair, attribute]"},
		{gated(), "debias(probe(chosen)) * gate.scale", "real[pair, attribute]"},
		{gated(), "debias(probe(responses))", "real[pair, attribute, side]"},
		{gated(), "debias(gate(prompt))[length]", "real[pair]"},
		{gated(), "probe(responses)[rejected]", "real[pair, attribute]"},
		{gated(), "probe(responses)[rejected][helpful]", "real[pair]"},
		{gated(), "length(responses)", "real[pair, side]"},
		{gated(), "length(chosen)", "real[pair]"},
		{gated(), "embed(prompt, model = backbone)", "real[pair, hidden]"},
		{gated(), "weights(model = rm)", "real[head, hidden]"},
		{gated(), "weights(model = rm)[quality]", "real[hidden]"},
		{gated(), "corr(length(responses), bt(responses), over pair, over side)", "real"},
		{gated(), "mean(probe(responses), over side, over pair)", "real[attribute]"},
		{gated(), "softmax(probe(responses), over side, over attribute)", "real[pair, attribute, side]"},
		{rated(), "rating", "real[row, attribute]"},
		{rated(), "known", "bool[row, attribute]"},
		{rated(), "rating[helpful] - gate(response)[correct]", "real[row]"},
		{rated(), "sum(known, over attribute)", "real[row]"},
	} {
		kind := c.env.Data.Kind
		decl := declaration(t, "objective f on "+kind+" {\nloss = "+c.expr+"\n}\n")
		got, errs := check.TypeOf(decl, c.env, decl.Body.Items[0].(*ast.Field).Value)
		if len(errs) > 0 || got.String() != c.want {
			t.Errorf("%s is %s, want %s\n%s", c.expr, got, c.want, describe(errs))
		}
	}
}

func TestMistakesWithNetworksAndFits(t *testing.T) {
	const trains = " + mean(gate(prompt) * gate.scale * probe(chosen), over pair, over attribute)"
	for _, c := range []struct{ name, loss, want string }{
		{"an encoder that is called", "mean(backbone(chosen))", "R0409 backbone(chosen)"},
		{"a score of an encoder", "mean(score(chosen, model = backbone))", "R0409 score(chosen, model = backbone)"},
		{"the hidden state of a network", "mean(embed(chosen, model = gate), over pair, over hidden)", "R0409 embed(chosen, model = gate)"},
		{"weights of a network", "sum(weights(), over hidden)", "R0409 weights()"},
		{"a tree in a loss", "mean(tree(probe(chosen)))", "R0409 tree(probe(chosen))"},
		{"a fit as a model", "mean(score(chosen, model = probe))", "R0405 probe"},
		{"a probe of numbers", "mean(probe(gate(chosen)), over pair, over attribute)", "R0312 gate(chosen)"},
		{"a probe of a misspelt view", "mean(probe(chsen), over pair, over attribute)", "R0312 chsen"},
		{"a transform of a view", "mean(debias(chosen), over pair, over attribute)", "R0311 chosen"},
		{"a transform of what has no attributes", "mean(debias(bt(chosen)))", "R0306 bt(chosen)"},
		{"a transform of other attributes", "mean(debias(narrow(chosen)), over pair, over attribute)", "R0305 debias(narrow(chosen))"},
		{"other attributes", "mean(probe(chosen) * narrow(chosen), over pair, over attribute)", "R0305 probe(chosen) * narrow(chosen)"},
		{"a head beside attributes", "mean(probe(chosen) * rm(chosen), over pair, over attribute, over head)", "R0305 probe(chosen) * rm(chosen)"},
		{"a number that is not there", "mean(bt(chosen)) * gate.scal", "R0408 scal"},
		{"an output as a number", "mean(bt(chosen)) * gate.helpful", "R0408 helpful"},
		{"a number of a fit", "mean(bt(chosen)) * probe.scale", "R0408 scale"},
		{"an unknown attribute", "mean(gate(prompt)[helpfull])", "R0310 helpfull"},
		{"a side of one side", "mean(bt(chosen)[rejected])", "R0310 rejected"},
		{"two views", "mean(gate(chosen, rejected), over pair, over attribute)", "R0303 gate(chosen, rejected)"},
		{"a network as a value", "mean(gate)", "R0311 gate"},
		{"a fit as a value", "mean(probe)", "R0311 probe"},
		{"one axis twice", "mean(gate(prompt), over pair, over pair)", "R0303 over pair"},
		{"two axes of which one is not there", "mean(gate(prompt), over pair, over side)", "R0306 side"},
		{"an order along two axes", "mean(suffix_logsumexp(gate(prompt), over attribute, over pair), over pair, over attribute)", "R0303 over pair"},
		{"a softmax with the batch", "mean(softmax(gate(prompt), over attribute, over pair), over attribute, over pair)", "R0307 over pair"},
		{"a view in weights", "mean(bt(chosen)) + weights(chosen)", "R0303 weights(chosen)"},
		{"a model in length", "mean(length(chosen, model = rm))", "R0303 model = rm"},
		{"the length of a prompt", "mean(bt(chosen) * length(prompt))", "R0312 prompt"},
		{"a column that is a score of columns", "mean(gate(responses)[chosen][chosen], over pair, over attribute)", "R0310 chosen"},
		{"a model that is misspelt", "mean(gat(prompt), over pair, over attribute)", "R0302 gat"},
		{"terms of a reward model", "mean(rm(chosen)[quality])" + trains, "R0407 rm(chosen)"},
		{"a network over another encoder", "mean(elsewhere(chosen))" + trains, "R0407 elsewhere(chosen)"},
		{"another network", "mean(bt(chosen))" + trains, ""},
		{"the encoder's hidden state", "mean(embed(chosen, model = backbone), over pair, over hidden)" + trains, ""},
	} {
		if got := strings.Join(mistakes(t, gated(), onPairs("loss = "+c.loss)), ", "); got != c.want {
			t.Errorf("%s:\n%s\ngot  %s\nwant %s", c.name, c.loss, got, c.want)
		}
	}
}

func TestRatings(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{"let e = gate(response) - rating\nloss = mean(sum(where(known, e^2, 0), over attribute))", ""},
		{"let e = gate(response)[helpful] - rating\nloss = mean(sum(e^2, over attribute))", "R0323 mean(sum(e^2, over attribute)), R0323 mean(sum(e^2, over attribute))"},
		{"loss = mean(gate(chosen), over row, over attribute)", "R0312 chosen"},
		{"let rating = 2\nloss = mean(gate(response)[helpful]) * rating", "R0315 rating"},
		{"loss = mean(gate(response) * knwn, over row, over attribute)", "R0301 knwn"},
		{"loss = mean(gate(response) * known, over row, over attribute)", "R0304 known"},
	} {
		if got := strings.Join(mistakes(t, rated(), onRatings(c.body)), ", "); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.body, got, c.want)
		}
	}
	if got := mistakes(t, gated(), onPairs("loss = mean(gate(chosen) * rating, over pair, over attribute)")); len(got) != 1 || got[0] != "R0301 rating" {
		t.Errorf("rating of preferences: %q", got)
	}
}

// Everything that is trained gets a gradient, or is named.
func TestWhatGetsNoGradientIsNamed(t *testing.T) {
	const attributes, d = "let a(x) = debias(probe(x))\n", "mean(-log_sigmoid(s(chosen) - s(rejected)))"
	for _, c := range []struct{ name, body, want string }{
		{"a number that is not read", "let s(x) = sum(softmax(gate(prompt), over attribute) * a(x), over attribute)\nloss = " + d, "the number scale of gate"},
		{"a gate behind stop_gradient", "let s(x) = sum(stop_gradient(gate(prompt)) * a(x), over attribute) * gate.scale\nloss = " + d, "the outputs of gate"},
		{"one output", "let s(x) = a(x)[helpful] * gate(prompt)[helpful] * gate.scale\nloss = " + d, "output correct of gate, output length of gate"},
		{"gates that are summed", "let s(x) = sum(softmax(gate(prompt), over attribute), over attribute) * a(x)[helpful] * gate.scale\nloss = " + d, "the outputs of gate"},
		{"a gate that cancels", "let s(x) = a(x)[helpful] * gate.scale + gate(prompt)[helpful]\nloss = " + d, "the outputs of gate"},
		{"a gate that cancels by halves", "let s(x) = a(x)[helpful] * gate.scale + gate(prompt)[helpful] / 2\nlet two(x) = s(x) + gate(prompt)[helpful] / 2\nloss = mean(two(chosen) - two(rejected))", "the outputs of gate"},
		{"a gate that softmax does not see", "let g = softmax(gate(prompt)[helpful] + length(responses) * gate.scale, over side)\nlet s(x) = a(x)[helpful]\nloss = mean(g[chosen] * s(chosen) - g[rejected] * s(rejected))", "the outputs of gate"},
		{"a gate that corr does not see", "loss = corr(sum(gate(prompt), over attribute), sum(a(chosen), over attribute)) + mean(gate.scale * a(chosen)[helpful])", ""},
		{"nothing", "let s(x) = a(x)[helpful]\nloss = " + d, "gate, which the stage trains"},
	} {
		var errs diag.List
		check.New(declaration(t, onPairs(attributes+c.body)), gated(), &errs)
		var got []string
		for _, e := range errs {
			what, _, _ := strings.Cut(strings.TrimSuffix(e.Message, " from this loss"), " gets no gradient")
			what, _, _ = strings.Cut(what, " get no gradient")
			got = append(got, strings.TrimPrefix(what, "the loss sends no gradient to "))
			if e.Help == "" || len(e.Notes) > 2 {
				t.Errorf("%s: help %q, %d notes", c.name, e.Help, len(e.Notes))
			}
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s:\n%s\ngot  %q\nwant %q\n%s", c.name, c.body, got, c.want, describe(errs))
		}
	}
}

// A network that reads no text gives both sides the same.
func TestAConstantCannotTellSides(t *testing.T) {
	env := gated()
	env.Models[2].Trained, env.Models[5].Trained = false, true
	for _, c := range []struct{ body, want string }{
		{"let s(x) = prior(x)[helpful] + prior(x)[correct] + prior(x)[length]\nloss = mean(-log_sigmoid(s(chosen) - s(rejected)))", "R0322"},
		{"let s(x) = sum(prior(prompt) * probe(x), over attribute)\nloss = mean(-log_sigmoid(s(chosen) - s(rejected)))", ""},
	} {
		got := mistakes(t, env, onPairs(c.body))
		if len(got) > 1 || !strings.HasPrefix(strings.Join(got, ""), c.want) || c.want == "" && len(got) > 0 {
			t.Errorf("%s: got %q, want %q", c.body, got, c.want)
		}
	}
}

// The reference script normalised its gate over the two sides of a pair, which
// share their prompt: each gate was a half whatever the network said. No way to
// write that compiles.
func TestA1SoftmaxOverTheWrongAxis(t *testing.T) {
	if got := mistakes(t, gated(), armo); len(got) > 0 {
		t.Fatalf("over attribute: %q", got)
	}
	for _, c := range []struct{ gates, want, help string }{
		{"softmax(gate(prompt) / 10, over pair)", "R0307", "did you mean `over attribute`?"},
		{"softmax(gate(prompt) / 10, over side)", "R0306", "write over attribute"},
		{"softmax(gate(prompt) / 10 + 0 * length(responses), over side)[chosen]", "R0329", "did you mean `over attribute`?"},
		{"softmax(gate(prompt) / 10 + length(responses), over side)[chosen]", "R0323", "use gate(x) in the loss"},
	} {
		text := strings.Replace(armo, "softmax(gate(prompt) / 10, over attribute)", c.gates, 1)
		var errs diag.List
		check.New(declaration(t, text), gated(), &errs)
		if len(errs) != 1 || string(errs[0].Code) != c.want || errs[0].Help != c.help || errs[0].Severity != diag.Error {
			t.Errorf("%s: want %s alone with help %q\n%s", c.gates, c.want, c.help, describe(errs))
		}
	}
}

// reward checks a let of an objective as a reward.
func reward(t *testing.T, env check.Env, text, let string) (*typed.Reward, diag.List) {
	t.Helper()
	var errs diag.List
	decl := declaration(t, text)
	if check.New(decl, env, &errs); errs.HasErrors() {
		t.Fatalf("the objective is wrong:\n%s", describe(errs))
	}
	errs = nil
	r := check.NewReward(decl, &ast.Ident{Span: decl.Name.Span, Name: let}, env, &errs)
	if (r == nil) != errs.HasErrors() {
		t.Errorf("%s: result %v with\n%s", let, r, describe(errs))
	}
	return r, errs
}

func TestRewards(t *testing.T) {
	r, errs := reward(t, gated(), armo, "s")
	if r == nil {
		t.Fatal(describe(errs))
	}
	var terms, parts []string
	for _, term := range r.Terms {
		terms = append(terms, term.String()+" "+term.Type.String())
	}
	for _, p := range r.Parts {
		parts = append(parts, p.Name+" "+p.Value.Type.String())
	}
	wantTerms := []string{"gate.scale real", "gate(prompt) real[row, attribute]", "probe(response) real[row, attribute]"}
	if !slices.Equal(terms, wantTerms) {
		t.Errorf("terms %q, want %q", terms, wantTerms)
	}
	if want := []string{"gates real[row, attribute]", "attributes real[row, attribute]"}; !slices.Equal(parts, want) {
		t.Errorf("parts %q, want %q", parts, want)
	}
	if r.Model != "" || r.Score.Value.Type.String() != "real[row]" || r.Param != "x" {
		t.Errorf("%+v", r)
	}
	if r, _ := reward(t, gated(), strings.Replace(armo, "\n}", "\n  let first(y) = attributes(y)[helpful]\n  report r = mean(first(chosen))\n}", 1), "first"); r == nil || len(r.Terms) != 1 || len(r.Parts) != 1 {
		t.Errorf("what is not used is not asked for: %+v", r)
	}
}

func TestRewardsThatAreOutputs(t *testing.T) {
	text := onPairs("let q(x) = heads(x)[quality]\nlet all(x) = sum(heads(x), over head)\nlet same(x) = q(x)\n" +
		"loss = mean(-log_sigmoid(all(chosen) - all(rejected)))\nreport r = mean(same(chosen))")
	for let, want := range map[string]string{"q": "rm quality", "same": "rm quality", "all": " "} {
		r, errs := reward(t, twoHeads(), text, let)
		if r == nil || r.Model+" "+r.Head != want {
			t.Errorf("%s: %+v, want %q\n%s", let, r, want, describe(errs))
		}
	}
	one, errs := reward(t, pairs(), onPairs("let s(x) = score(x)\nloss = mean(-log_sigmoid(s(chosen) - s(rejected)))"), "s")
	if one == nil || one.Model != "rm" || one.Head != "" {
		t.Errorf("%+v\n%s", one, describe(errs))
	}
}

func TestLetsThatCannotScore(t *testing.T) {
	const head = "let a(x) = debias(probe(x))\nlet gates = gate.scale * softmax(gate(prompt), over attribute)\n"
	const tail = "\nloss = mean(sum(gates * a(chosen), over attribute)) + mean(0.1 * sum(a(rejected), over attribute) * USE)"
	for _, c := range []struct{ let, use, note string }{
		{"let s(x) = sum(gates * (a(x) - a(rejected)), over attribute)", "s(chosen)", "it reads rejected, and a response that is scored has none"},
		{"let s(x) = sum(gates * a(x), over attribute) - gap", "s(chosen)", "it reads the column gap, and a response that is scored has none"},
		{"let s(x) = sum(gates * a(x), over attribute) - margin", "s(chosen)", "it reads the column margin, and a response that is scored has none"},
		{"let s(x) = a(x)[helpful] - mean(a(x)[helpful])", "s(chosen)", "mean is over all responses of a batch"},
		{"let s(x) = rank(a(x)[helpful], over pair)", "s(chosen)", "a(x)[helpful] has no axis `pair`"},
		{"let s(x) = gates * a(x)", "sum(s(chosen), over attribute)", "s(response) is real[row, attribute], and a score is real[row]"},
		{"let s(x) = a(x)[helpful] > 0", "where(s(chosen), 1, 0)", "s(response) is bool[row], and a score is real[row]"},
		{"let s(x) = length(x) * 0.5", "s(chosen)", "s reads no model or fit of the response"},
		{"let s(x) = sum(gates, over attribute) + 0 * length(x)", "s(chosen)", "s reads no model or fit of the response"},
		{"let s(x) = x * 2", "s(gap)", "x stands for the view response"},
		{"let s = a(chosen)[helpful]", "s", "it is declared here"},
		{"let s(x, y) = a(x)[helpful] * y", "s(chosen, 2)", "it is declared here"},
	} {
		_, errs := reward(t, gated(), onPairs(head+c.let+strings.Replace(tail, "USE", c.use, 1)), "s")
		if len(errs) != 1 || errs[0].Code != diag.NotAReward || errs[0].Help == "" || errs[0].Span.Text() != "f" {
			t.Errorf("%s: want R0410 alone\n%s", c.let, describe(errs))
			continue
		}
		if len(errs[0].Notes) != 1 || errs[0].Notes[0].Message != c.note {
			t.Errorf("%s: want the note %q\n%s", c.let, c.note, describe(errs))
		}
	}
	_, errs := reward(t, gated(), armo, "attribute")
	if len(errs) != 1 || errs[0].Help != "did you mean `attributes`?" {
		t.Errorf("a let that is not there:\n%s", describe(errs))
	}
}

// A library names no models of its users: parameters stand for them.
func TestParametersThatStandForModelsAndFits(t *testing.T) {
	const text = `objective f(g: model, p: fit, by: real = 2) on preference {
  let s(x) = sum(g.scale * g(prompt) * p(x), over attribute)
  loss = mean(-log_sigmoid(s(chosen) - s(rejected)) / by) + 0 * mean(score(chosen, model = bt))
}`
	args := func(g, p ast.Expr) check.Env {
		env := gated()
		env.Args = []check.Arg{{Name: "g", Value: g, Origin: "r.rmr:1"}, {Name: "p", Value: p, Origin: "r.rmr:1"}}
		return env
	}
	o := must(t, args(parsed(t, "gate"), parsed(t, "probe")), text)
	if len(o.Terms) != 4 || o.Terms[0].Model != "gate" || o.Params[1].Text != "probe" {
		t.Errorf("%+v", o)
	}
	for _, c := range []struct {
		g, p string
		want string
	}{
		{"probe", "probe", "R0405 probe"},
		{"gate", "gate", "R0405 gate"},
		{"gat", "probe", "R0405 gat"},
		{"2", "probe", "R0405 2"},
		{"backbone", "probe", "R0408 scale, R0409 g(prompt)"},
	} {
		if got := strings.Join(mistakes(t, args(parsed(t, c.g), parsed(t, c.p)), text), ", "); got != c.want {
			t.Errorf("g = %s, p = %s: got %s, want %s", c.g, c.p, got, c.want)
		}
	}
	if got := mistakes(t, gated(), text); len(got) != 1 || got[0] != "R0402 f" {
		t.Errorf("without them: %q", got)
	}
	env := args(parsed(t, "gate"), nil)
	if got := mistakes(t, env, text); len(got) != 0 {
		t.Errorf("one that was reported: %q", got)
	}
}

func parsed(t *testing.T, text string) ast.Expr {
	t.Helper()
	e, errs := parse.Expr(source.New("stage.rmr", text))
	if errs.HasErrors() {
		t.Fatal(errs)
	}
	return e
}
