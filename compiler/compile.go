// Package compiler turns the text of a recipe into a plan and a program. It is
// pure: it reads nothing but the file system it is given, and what is true of
// the world comes as facts.
package compiler

import (
	"io/fs"
	"slices"

	"github.com/rmc-lang/rmc/compiler/check"
	"github.com/rmc-lang/rmc/compiler/emit"
	"github.com/rmc-lang/rmc/compiler/facts"
	"github.com/rmc-lang/rmc/compiler/plan"
	"github.com/rmc-lang/rmc/compiler/resolve"
	"github.com/rmc-lang/rmc/compiler/verify"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
)

// Options are what a caller sets beside the recipe.
type Options struct {
	Overrides []string // train.rm.optimizer.lr=1e-5, in recipe syntax
}

// A Result is a compiled recipe.
type Result struct {
	File       *ast.File
	Libraries  []*ast.File // that the recipe uses, directly or not
	Recipe     *resolve.Recipe
	Objectives map[string]*check.Objective // by name of the training stage
	Plan       *plan.Plan                  // nil when the recipe has errors
}

// Compile compiles the recipe called name in fsys. The list holds all that is
// wrong with its text; the Result is what could be made of it, and nil only
// when there is no such file.
func Compile(fsys fs.FS, name string, o Options) (*Result, diag.List) {
	l := &loader{fsys: fsys}
	file := l.main(name)
	if file == nil {
		return nil, l.errs
	}
	errs := l.errs
	r := &Result{File: file, Libraries: l.libraries, Objectives: map[string]*check.Objective{}}
	known := l.libraries
	if l.missing {
		known = append(slices.Clone(known), nil)
	}
	r.Recipe = resolve.File(file, known, o.Overrides, &errs)
	r.check(&errs)
	if !errs.HasErrors() {
		r.Plan = plan.New(r.Recipe, r.Objectives)
	}
	return r, errs.Sorted()
}

// Check holds a compiled recipe against the world.
func Check(r *Result, f *facts.Facts) diag.List { return verify.Recipe(r.Recipe, r.Plan, f) }

// Emit prints a compiled recipe without errors as Go source.
func Emit(r *Result) ([]emit.File, error) {
	return emit.Program(r.Recipe, r.Objectives)
}

// check types the objective of each training stage against what it uses.
func (r *Result) check(errs *diag.List) {
	for _, t := range r.Recipe.Trains() {
		if t.Call == nil || t.Model == nil || t.Data == nil || t.Call.Objective.Data != t.Data.Spec.Kind {
			continue // reported, and the types would be wrong for that reason alone
		}
		o := check.New(t.Call.Objective.Decl, env(r.Recipe, t), errs)
		if o == nil {
			continue
		}
		r.Objectives[t.Name] = o
		t.Spec.Objective = o.Name
		addColumns(&t.Data.Spec.Extra, o.Columns)
	}
}

// addColumns adds the columns that an objective reads.
func addColumns(extra *[]string, columns []string) {
	for _, c := range columns {
		if !slices.Contains(*extra, c) {
			*extra = append(*extra, c)
		}
	}
	slices.Sort(*extra)
}

// env is what the stage lets its objective see.
func env(r *resolve.Recipe, t *resolve.Train) check.Env {
	e := check.Env{
		Data: check.Data{
			Name: t.Data.Spec.Name, Kind: t.Data.Spec.Kind,
			Columns: columns(t.Data), Span: t.Data.Decl.Name.Span,
		},
		Serves: []string{"score", "heads"},
		Views:  []string{"chosen", "rejected", "candidates"},
	}
	for _, m := range r.Models {
		e.Models = append(e.Models, check.Model{
			Name: m.Spec.Name, Kind: m.Spec.Kind, Outputs: m.Spec.Head.Outputs, Labels: m.Spec.Head.Labels,
			Trained: m == t.Model, Span: m.Decl.Name.Span,
		})
	}
	for _, a := range t.Call.Args {
		e.Args = append(e.Args, check.Arg(a))
	}
	return e
}

// columns returns the columns that a data declaration names.
func columns(d *resolve.Data) []string {
	var names []string
	for name := range d.Spec.Columns.Map {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
