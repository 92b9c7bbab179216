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
