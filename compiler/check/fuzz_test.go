package check_test

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rmc-lang/rmc/compiler/check"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/parse"
	"github.com/rmc-lang/rmc/lang/source"
)

// Whatever parses is checked without a panic, every message has its place and
// help, and an objective with errors does not come out.
func FuzzNew(f *testing.F) {
	for _, e := range diag.Entries() {
		for _, file := range txtar.Parse([]byte(e.Example)).Files {
			if _, objective, ok := strings.Cut(string(file.Data), "\nobjective "); ok {
				f.Add("objective " + objective)
			}
		}
	}
	f.Add(onPairs("let f(x, y) = x + y\nlet g(x) = f(x, f(x, 1))\nloss = mean(g(score(chosen)), over pair) ^ 2\nreport r = max(g(gap))"))
	f.Add(armo)
	f.Add(onRatings("let s(x) = gate(x)[helpful]\nloss = mean(where(known, (gate(response) - rating)^2, 0), over row, over attribute)\nreport s = mean(s(prompt))"))
	f.Add(onPairs("loss = mean(log(1 - 1 / (1 + exp(0 * margin))) ^ 0 * score(chosen))"))
	f.Fuzz(func(t *testing.T, text string) {
		file, errs := parse.File(source.New("fuzz.rmr", text))
		if errs.HasErrors() {
			return
		}
		for _, d := range file.Decls {
			if d.Keyword.Name != "objective" || d.Name == nil {
				continue
			}
			for _, env := range []check.Env{pairs(), twoHeads(), gated(), rated()} {
				var found diag.List
				o := check.New(d, env, &found)
				if o != nil {
					rewards(t, d, env)
				}
				if found.HasErrors() && o != nil {
					t.Errorf("result %v with %s", o, describe(found))
				}
				for _, e := range found {
					if !e.Span.Valid() || e.Message == "" || e.Help == "" && len(e.Notes) == 0 {
						t.Errorf("no place or help: %s", describe(diag.List{e}))
					}
				}
			}
		}
	})
}

// rewards scores by every let of an objective without a panic.
func rewards(t *testing.T, d *ast.Decl, env check.Env) {
	for _, item := range d.Body.Items {
		if l, ok := item.(*ast.Let); ok {
			var found diag.List
			r := check.NewReward(d, l.Name, env, &found)
			if (r == nil) != found.HasErrors() {
				t.Errorf("%s: result %v with %s", l.Name.Name, r, describe(found))
			}
		}
	}
}
