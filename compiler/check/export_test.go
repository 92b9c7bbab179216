package check

import (
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
)

// TypeOf types an expression on its own.
func TypeOf(decl *ast.Decl, env Env, e ast.Expr) (Type, diag.List) {
	kind, _ := kindOf(env.Data.Kind)
	c := newChecker(decl, env, kind)
	t := c.expr(e).Type
	return t, c.errs
}

// AsWritten returns the loss of an objective before it is simplified.
func AsWritten(decl *ast.Decl, env Env) *Expr {
	kind, _ := kindOf(env.Data.Kind)
	c := newChecker(decl, env, kind)
	o := &Objective{}
	c.params(o)
	c.body(o)
	return o.Loss.Value
}

// Functions and Terms are what lang/SPEC.md must list.
func Functions() (forms []string) {
	for _, f := range functionTable() {
		forms = append(forms, f.form()+" | "+f.doc)
	}
	return forms
}
