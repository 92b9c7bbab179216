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

// declaration parses a file that holds one objective.
func declaration(t *testing.T, text string) *ast.Decl {
	t.Helper()
	file, errs := parse.File(source.New("test.rmr", text))
	if errs.HasErrors() {
		t.Fatalf("%s\n%v", text, errs)
	}
	return file.Decls[0]
}

// pairs is a stage that trains a model of one output on preferences with a
// column gap.
func pairs() check.Env {
	return check.Env{
		Data:   check.Data{Name: "prefs", Kind: "preference", Columns: []string{"gap"}},
		Models: []check.Model{{Name: "rm", Kind: "reward", Outputs: 1, Trained: true}, {Name: "pm", Kind: "policy"}},
		Serves: []string{"score", "heads", "embed", "logprob", "model", "fit", "scalar", "weights", "length", "rating", "known"},
		Views:  []string{"chosen", "rejected", "responses", "prompt", "candidates", "response"},
	}
}

// twoHeads is pairs with a model that has a quality and a length output.
func twoHeads() check.Env {
	env := pairs()
	env.Models[0].Outputs = 2
	env.Models[0].Labels = []string{"quality", "length"}
	return env
}

func onPairs(body string) string { return "objective f on preference {\n" + body + "\n}\n" }

// must checks an objective that has nothing wrong with it.
func must(t *testing.T, env check.Env, text string) *typed.Objective {
	t.Helper()
	return mustDecl(t, env, declaration(t, text))
}

func mustDecl(t *testing.T, env check.Env, decl *ast.Decl) *typed.Objective {
	t.Helper()
	var errs diag.List
	o := check.New(decl, env, &errs)
	if len(errs) > 0 || o == nil {
		t.Fatalf("%s\n%s", decl.Span.Text(), describe(errs))
	}
	return o
}

func describe(errs diag.List) string {
	var lines []string
	for _, d := range errs {
		line := string(d.Code) + " at " + d.Span.Text() + ": " + d.Message
		for _, n := range d.Notes {
			line += "; " + n.Message
		}
		lines = append(lines, line+"; help: "+d.Help)
	}
	return strings.Join(lines, "\n")
}

func TestTypesOfExpressions(t *testing.T) {
	for _, c := range []struct{ expr, want string }{
		{"score(chosen)", "real[pair]"},
		{"score(chosen) > 0", "bool[pair]"},
		{"mean(score(chosen) > 0)", "real"},
		{"2 * 3", "int"},
		{"2 / 3", "real"},
		{"gap * score(chosen)", "real[pair]"},
		{"where(gap > 1, score(chosen), 0)", "real[pair]"},
		{"logprob(chosen, model = pm)", "real[pair, token]"},
		{"sum(logprob(chosen, model = pm), over token)", "real[pair]"},
		{"embed(prompt) * score(chosen)", "real[pair, hidden]"},
		{"dot(embed(chosen), embed(rejected), over hidden)", "real[pair]"},
		{"corr(gap, score(chosen), over pair)", "real"},
		{"rank(score(chosen), over pair)", "real[pair]"},
		{"max(score(chosen), over pair)", "real"},
		{"max(score(chosen), gap)", "real[pair]"},
		{"mean(embed(chosen), over pair)", "real[hidden]"},
	} {
		decl := declaration(t, onPairs("loss = "+c.expr))
		got, errs := check.TypeOf(decl, pairs(), decl.Body.Items[0].(*ast.Field).Value)
		if len(errs) > 0 || got.String() != c.want {
			t.Errorf("%s is %s, want %s\n%s", c.expr, got, c.want, describe(errs))
		}
	}
}

// mistakes checks an objective that has something wrong with it and returns
// the codes, each with the text it points at.
func mistakes(t *testing.T, env check.Env, text string) []string {
	t.Helper()
	var errs diag.List
	o := check.New(declaration(t, text), env, &errs)
	if errs.HasErrors() && o != nil {
		t.Errorf("%s: result %v with\n%s", text, o, describe(errs))
	}
	var got []string
	for _, d := range errs {
		got = append(got, string(d.Code)+" "+d.Span.Text())
	}
	return got
}

// One mistake gives one message, and each mistake of an objective gives its own.
func TestOneMistakeOneMessage(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       []string
	}{
		{"a poisoned let is not reported again", "let d = score(chosen) - scor(rejected)\nlet e = 2 * d\nloss = mean(e + gap) + mean(d)\nreport r = d", []string{"R0302 scor"}},
		{"an argument of an unknown function counts as used", "let d = score(chosen)\nloss = men(d)", []string{"R0302 men"}},
		{"two mistakes in one expression", "loss = mean(lg(score(chosen)) + scroe(rejected))", []string{"R0302 lg", "R0302 scroe"}},
		{"mistakes of every item", "let a = chosen\nlet b = 1\nloss = score(chosen)\nreport r = gap", []string{"R0311 chosen", "R0321 gap", "R0313 a", "R0313 b"}},
		{"the body of a let is reported once", "let s(x) = score(x) + missing\nloss = mean(s(chosen) - s(rejected))", []string{"R0301 missing"}},
		{"a let that is only used in an unused let", "let a = score(chosen)\nlet b = a\nloss = mean(score(chosen))", []string{"R0313 b"}},
		{"a let with parameters that nobody calls", "let a = score(chosen)\nlet s(x) = a * score(x)\nloss = mean(score(chosen))", []string{"R0313 s"}},
		{"recursion", "let s(x) = s(x)\nloss = mean(s(chosen))", []string{"R0316 s"}},
		{"a let of itself", "let d = d + score(chosen)\nloss = mean(d)", []string{"R0316 d"}},
		{"declared twice", "let d = 1\nlet d = score(chosen)\nloss = mean(d * score(chosen))", []string{"R0315 d"}},
		{"a parameter of a let that shadows", "let d = 1\nlet s(d) = score(d)\nloss = mean(s(chosen)) * d", []string{"R0315 d"}},
		{"two losses", "loss = mean(score(chosen))\nloss = mean(score(rejected))", []string{"R0315 loss"}},
		{"two reports", "loss = mean(score(chosen))\nreport r = 1\nreport r = 2", []string{"R0315 r"}},
		{"a call of a value", "let d = score(chosen)\nloss = mean(d(1))", []string{"R0302 d"}},
		{"a let with parameters as a value", "let s(x) = score(x)\nloss = mean(s)", []string{"R0311 s"}},
		{"a view where a let wants a value", "let s(x) = x + 1\nloss = mean(s(chosen))", []string{"R0311 x"}},
		{"too many arguments for a let", "let s(x) = score(x)\nloss = mean(s(chosen, rejected))", []string{"R0303 s(chosen, rejected)"}},
		{"a reduction over two axes", "loss = mean(score(chosen), over pair, over head)", []string{"R0306 head"}},
		{"a named argument", "loss = mean(score(chosen), axis = pair)", []string{"R0303 axis = pair"}},
		{"an axis for an elementwise function", "loss = mean(exp(score(chosen), over pair))", []string{"R0303 over pair"}},
		{"a number reduced", "loss = mean(score(chosen)) * mean(2)", []string{"R0306 mean(2)"}},
		{"a term without a view", "loss = mean(score())", []string{"R0303 score()"}},
		{"a term of two views", "loss = mean(score(chosen, rejected))", []string{"R0303 score(chosen, rejected)"}},
		{"a term of a mistake", "loss = mean(score(1 + foo))", []string{"R0301 foo"}},
		{"a number as a condition", "loss = mean(where(gap, score(chosen), 0))", []string{"R0304 gap"}},
		{"not of a number", "loss = mean(where(!gap, score(chosen), 0))", []string{"R0304 gap"}},
		{"a dotted name", "loss = mean(score(chosen) * prefs.gap)", []string{"R0325 prefs.gap"}},
		{"softmax of a scalar over nothing", "loss = mean(score(chosen)) + softmax(2)", []string{"R0306 softmax(2)"}},
		{"a bool report", "loss = mean(score(chosen))\nreport r = mean(gap) > 0", []string{"R0321 mean(gap) > 0"}},
		{"a sum", "loss = sum(-log_sigmoid(score(chosen)))", []string{"R0320 sum(-log_sigmoid(score(chosen)))"}},
		{"a sum in a let", "let d = sum(score(chosen))\nloss = 2 * d", []string{"R0320 sum(score(chosen))"}},
		{"a sum that is divided by another", "loss = sum(score(chosen)) / sum(gap)", nil},
		{"a sum that is reported", "loss = mean(score(chosen))\nreport n = sum(score(chosen) > 0)", nil},
		{"a curve of the mean", "let d = mean(score(chosen) - score(rejected))\nloss = -log_sigmoid(d)", []string{"R0328 log_sigmoid(d)"}},
		{"a curve of the sum", "loss = -log_sigmoid(sum(score(chosen) - score(rejected)))", []string{"R0328 log_sigmoid(sum(score(chosen) - score(rejected)))"}},
		{"the square of a mean", "loss = mean(score(chosen))^2 + abs(corr(score(chosen), score(rejected)))", nil},
		{"a division by nothing", "loss = mean(score(chosen) / margin)", []string{"R0327 margin"}},
		{"the logarithm of nothing", "loss = mean(score(chosen) * log(margin))", []string{"R0327 log(margin)"}},
		{"a number beyond float32", "loss = mean(score(chosen)) * 1e39", []string{"R0327 1e39"}},
		{"an axis without over", "loss = mean(score(chosen), pair)", []string{"R0303 pair"}},
		{"no axis for softmax", "loss = mean(softmax(score(chosen), over token))", []string{"R0306 token"}},
		{"what an unknown function is called with", "loss = men(scor(chosen))", []string{"R0302 men", "R0302 scor"}},
		{"the body of a let whose name is taken", "let d = score(chosen)\nlet d = scor(rejected)\nloss = mean(d)", []string{"R0315 d", "R0302 scor"}},
		{"a let called loss", "let loss = mean(score(chosen))\nloss = mean(score(chosen))", []string{"R0315 loss"}},
		{"an axis that is not there any more", "let d = mean(embed(chosen), over hidden)\nloss = mean(sum(d, over hidden))", []string{"R0306 hidden"}},
		{"a loss with two axes", "loss = embed(chosen)", []string{"R0318 embed(chosen)"}},
		{"the loss of a constant", "loss = 1", []string{"R0322 1"}},
		{"the gradient stopped", "loss = mean(stop_gradient(score(chosen)) * gap)", []string{"R0322 mean(stop_gradient(score(chosen)) * gap)"}},
		{"the loss made void", "loss = 0 * mean(score(chosen))", []string{"R0322 0 * mean(score(chosen))"}},
	} {
		if got := mistakes(t, pairs(), onPairs(c.body)); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%s\ngot  %q\nwant %q", c.name, c.body, got, c.want)
		}
	}
}

func TestParametersTakeWhatTheStageSays(t *testing.T) {
	const text = `objective f(center: real = 1e-3, steps: int = 2, on: bool = false, share: real = 5%) on preference {
  loss = center * mean(where(on, score(chosen), score(rejected))^steps) * share
}`
	args := func(name, value string) check.Env {
		env := pairs()
		e, errs := parse.Expr(source.New("stage.rmr", value))
		if errs.HasErrors() {
			t.Fatal(errs)
		}
		env.Args = []check.Arg{{Name: name, Value: e, Span: e.Pos(), Origin: "stage.rmr:9"}}
		return env
	}
	o := must(t, args("center", "-2.5"), text)
	for i, want := range []typed.Param{
		{Name: "center", Elem: typed.Real, Value: -2.5, Text: "-2.5", Origin: "stage.rmr:9"},
		{Name: "steps", Elem: typed.Int, Value: 2, Text: "2", Origin: "test.rmr:1"},
		{Name: "on", Elem: typed.Bool, Value: 0, Text: "false", Origin: "test.rmr:1"},
		{Name: "share", Elem: typed.Real, Value: 0.05, Text: "5%", Origin: "test.rmr:1"},
	} {
		if o.Params[i] != want {
			t.Errorf("parameter %d is %+v, want %+v", i, o.Params[i], want)
		}
	}
	for _, c := range []struct{ name, value, want string }{
		{"center", "true", "R0403 true"},
		{"center", "1 / 3", "R0403 1 / 3"},
		{"center", "4 tokens", "R0403 4 tokens"},
		{"steps", "2.5", "R0403 2.5"},
		{"on", "1", "R0403 1"},
		{"of", "true", "R0401 true"},
	} {
		if got := mistakes(t, args(c.name, c.value), text); len(got) != 1 || got[0] != c.want {
			t.Errorf("%s = %s: got %q, want %q", c.name, c.value, got, c.want)
		}
	}
}

// A library cannot know the columns of its users, so its names come first.
func TestColumnsMayBeShadowed(t *testing.T) {
	o := must(t, pairs(), "objective f(gap: real = 2) on preference { loss = mean(relu(gap - score(chosen))) }")
	if len(o.Columns) != 0 {
		t.Errorf("reads columns %v", o.Columns)
	}
}

func TestMarginIsZeroUnlessDeclared(t *testing.T) {
	const text = "objective f on preference { loss = mean(-log_sigmoid(score(chosen) - score(rejected) - margin)) }"
	env := pairs()
	if o := must(t, env, text); len(o.Columns) != 0 {
		t.Errorf("reads %v", o.Columns)
	}
	env.Data.Columns = append(env.Data.Columns, "margin")
	if o := must(t, env, text); !slices.Equal(o.Columns, []string{"margin"}) || len(o.Facts) != 0 {
		t.Errorf("reads %v, facts %v", o.Columns, o.Facts)
	}
}

func TestHeadsByName(t *testing.T) {
	text := onPairs("let q(x) = heads(x)[quality]\nlet both(x) = sum(heads(x), over head)\n" +
		"loss = mean(-log_sigmoid(both(chosen) - both(rejected)))\nreport accuracy = mean(q(chosen) > q(rejected))")
	o := must(t, twoHeads(), text)
	var names []string
	for _, l := range o.Lets {
		names = append(names, l.Name+": "+l.Value.Type.String())
	}
	want := []string{"both(chosen): real[pair]", "both(rejected): real[pair]", "q(chosen): real[pair]", "q(rejected): real[pair]"}
	if !slices.Equal(names, want) || len(o.Terms) != 2 {
		t.Errorf("lets %q, want %q; %d terms", names, want, len(o.Terms))
	}
	for _, c := range []struct{ body, want string }{
		{"loss = mean(heads(chosen)[quality])", "R0323 mean(heads(chosen)[quality])"},
		{"loss = mean(softmax(heads(chosen), over head)[quality])", ""},
		{"loss = mean(heads(chosen)[quality]) + corr(heads(chosen)[length], gap)", ""},
		{"loss = mean(heads(chosen)[quality] - stop_gradient(heads(chosen)[length]))", "R0323 mean(heads(chosen)[quality] - stop_gradient(heads(chosen)[length]))"},
		{"loss = mean(heads(chosen)[qality])", "R0310 qality"},
	} {
		if got := strings.Join(mistakes(t, twoHeads(), onPairs(c.body)), ", "); got != c.want {
			t.Errorf("%s: got %q, want %q", c.body, got, c.want)
		}
	}
}

// What the trainer lacks is said after everything that is wrong, and once.
func TestTermsThatTheTrainerLacks(t *testing.T) {
	env := pairs()
	env.Serves, env.Views = []string{"score"}, []string{"chosen", "rejected"}
	env.Models = append(env.Models, check.Model{Name: "ref", Outputs: 1})
	for _, c := range []struct{ loss, want string }{
		{"mean(score(chosen) - score(rejected))", ""},
		{"mean(score(chosen) - sum(embed(chosen) + embed(rejected), over hidden))", "R0407 embed(chosen)"},
		{"mean(score(chosen) - score(prompt))", "R0407 score(prompt)"},
		{"mean(score(chosen) - score(chosen, model = ref) - score(rejected, model = ref))", "R0407 score(chosen, model = ref)"},
		{"mean(score(prompt) - foo)", "R0301 foo"},
	} {
		if got := strings.Join(mistakes(t, env, onPairs("loss = "+c.loss)), ", "); got != c.want {
			t.Errorf("%s: got %q, want %q", c.loss, got, c.want)
		}
	}
}

// That an objective is on another kind of data is said where it is used; what
// follows from it is not.
func TestOtherKindOfDataIsNotCheckedHere(t *testing.T) {
	if got := mistakes(t, pairs(), "objective f on ranking { loss = mean(score(candidates)) }"); len(got) > 0 {
		t.Errorf("got %q", got)
	}
}
