package check

import (
	"strings"

	"github.com/rmc-lang/rmc/compiler/typed"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
)

// TypeOf types an expression on its own.
func TypeOf(decl *ast.Decl, env Env, e ast.Expr) (typed.Type, diag.List) {
	kind, _ := kindOf(env.Data.Kind)
	c := newChecker(decl, env, kind)
	t := c.expr(e).Type
	return t, c.errs
}

// AsWritten returns the loss of an objective before it is simplified.
func AsWritten(decl *ast.Decl, env Env) *typed.Expr {
	kind, _ := kindOf(env.Data.Kind)
	c := newChecker(decl, env, kind)
	o := &typed.Objective{}
	c.params(o)
	c.body(o)
	return o.Loss.Value
}

// Tables are the generated tables of lang/SPEC.md, by name.
func Tables() map[string]string {
	functions := "| function | is | axes |\n|---|---|---|\n"
	for _, f := range typed.Functions() {
		functions += "| `" + f.Form() + "` | " + f.Doc + " | " + [...]string{"elementwise", "reduces", "along"}[f.Shape] + " |\n"
	}
	terms := "| term | is |\n|---|---|\n"
	for _, t := range termTable() {
		terms += "| `" + t.form + "` | " + t.doc + " |\n"
	}
	kinds := "| data | batch | views | columns that are 0 unless declared |\n|---|---|---|---|\n"
	for _, k := range kindTable() {
		var views []string
		for _, v := range k.views {
			axes, _, _, _ := typed.Union([]typed.Axis{k.batch}, v.axes)
			views = append(views, "`"+v.name+"` `"+strings.TrimPrefix(typed.Type{Elem: typed.Real, Axes: axes}.String(), "real")+"`")
		}
		kinds += "| `" + k.name + "` | `" + k.batch.Name + "` | " + strings.Join(views, ", ") + " | " + strings.Join(k.zeroColumns, ", ") + " |\n"
	}
	return map[string]string{"functions": functions, "terms": terms, "kinds": kinds}
}
