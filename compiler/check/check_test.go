package check_test

import (
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/compiler/check"
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
		Models: []check.Model{{Name: "rm", Kind: "reward", Outputs: 1, Trained: true}},
		Serves: []string{"score", "heads", "embed", "logprob"},
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
func must(t *testing.T, env check.Env, text string) *check.Objective {
	t.Helper()
	var errs diag.List
	o := check.New(declaration(t, text), env, &errs)
	if len(errs) > 0 || o == nil {
		t.Fatalf("%s\n%s", text, describe(errs))
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
		{"logprob(chosen)", "real[pair, token]"},
		{"sum(logprob(chosen), over token)", "real[pair]"},
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
