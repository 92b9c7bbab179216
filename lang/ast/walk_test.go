package ast_test

import (
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/parse"
	"github.com/rmc-lang/rmc/lang/source"
)

func TestWalkGoesFromTheOutsideIn(t *testing.T) {
	x, errs := parse.Expr(source.New("x.rmr", `f(a.part, model = m) + mean([-b, (c)][one], over attribute)`))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	var names []string
	ast.Walk(x, func(x ast.Expr) {
		if id, ok := x.(*ast.Ident); ok {
			names = append(names, id.Name)
		}
	})
	if got, want := strings.Join(names, " "), "f a m mean b c"; got != want {
		t.Errorf("walked over %s; want %s: neither parts, names of arguments, elements nor axes", got, want)
	}
}
