// Package check gives every expression of an objective its type and axes and
// decides whether the whole is a loss. It knows no objective by name and asks
// nothing: what it needs of the stage comes in an Env.
package check

import (
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
)

// New checks decl, an objective declaration, as a stage with env would
// use it. All problems go to errs; the result is nil when one is an error.
func New(decl *ast.Decl, env Env, errs *diag.List) *Objective {
	return nil
}

type batchUse int
