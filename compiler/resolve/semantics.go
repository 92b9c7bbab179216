package resolve

import (
	"fmt"
	"slices"

	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/compiler/rules"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
)

// semantics checks what no single value can. A value that was reported is
// absent, and what depends on it is not checked.
func (r *resolver) semantics(file *ast.File) {
	r.bindAll()
	r.trains(file)
	r.unused(file)
	r.rewardsMade()
	r.rewardData()
	rules.Recipe(r.recipe, r.errs)
}

// trains demands that a recipe computes something: trains or fits.
func (r *resolver) trains(file *ast.File) {
	meant := slices.ContainsFunc(file.Decls, func(d *ast.Decl) bool {
		return slices.Contains([]string{"train", "fit", "label"}, d.Keyword.Name)
	})
	if meant || file.Recipe == nil {
		return
	}
	r.errs.Addf(diag.NothingTrained, file.Recipe.Span, "recipe %s trains nothing", r.recipe.Name).Help =
		"add: train MODEL on DATA { objective = … }"
}

// unused warns of declarations of the recipe that no stage uses. A stage whose
// objective was reported may have meant any.
func (r *resolver) unused(file *ast.File) {
	known := !slices.ContainsFunc(r.recipe.Trains(), func(t *recipe.Train) bool { return t.Call == nil })
	whole := !slices.ContainsFunc(file.Decls, func(d *ast.Decl) bool { return d.Broken })
	for _, d := range file.Decls {
		if known && d.Keyword.Name == "objective" && d.Name != nil && !d.Broken && r.objects[d.Name.Name].Decl == d && !r.used["objective "+d.Name.Name] {
			r.warnUnused("objective", d.Name)
		}
	}
	for _, d := range file.Decls {
		if d.Keyword.Name == "suite" && d.Name != nil && r.suites[d.Name.Name] != nil && !r.used["suite "+d.Name.Name] {
			r.warnUnused("suite", d.Name)
		}
	}
	for _, m := range r.recipe.Models {
		if !r.used["model "+m.Spec.Name] {
			r.warnUnused("model", m.Decl.Name)
		}
	}
	for _, s := range r.recipe.Data {
		if !r.used["data "+s.Spec.Name] {
			r.warnUnused(s.Decl.Keyword.Name, s.Decl.Name)
		}
	}
	if known && whole {
		r.fitsUnread()
	}
}

// fitsUnread demands that something reads each fit: a transform that is computed
// and not applied makes a recipe say one method and train another.
func (r *resolver) fitsUnread() {
	read := r.fitsRead()
	for _, f := range r.recipe.Fits {
		if read[f.Name] {
			continue
		}
		e := r.errs.Addf(diag.FitUnread, f.Decl.Name.Span, "%s is computed and never used", f.Name)
		switch {
		case f.Spec.Kind == "tree":
			e.Help = "declare what it scores: reward NAME = " + f.Name + ", or remove it"
		case f.Spec.Kind == "decorrelate" && len(f.Chain) > 0:
			e.Help = fmt.Sprintf("call it in the objective: %s(%s(x)), or remove it", f.Name, f.Chain[len(f.Chain)-1].Name)
		default:
			e.Help = fmt.Sprintf("call it in an objective: %s(x), evaluate it, or remove it", f.Name)
		}
	}
}

// fitsRead names what an objective in use, another fit, a reward or an evaluation
// reads. A name counts although something else is wrong with what says it.
func (r *resolver) fitsRead() map[string]bool {
	read := map[string]bool{}
	for _, d := range r.decls {
		switch d.Keyword.Name {
		case "fit":
			calls, _, _ := called(d.On)
			for _, c := range calls {
				read[c.Name] = d.Name == nil || read[c.Name] || c.Name != d.Name.Name
			}
		case "reward":
			if name, ok := d.Value.(*ast.Ident); ok {
				read[name.Name] = true
			}
		case "evaluate":
			if d.Name != nil {
				read[d.Name.Name] = true
			}
		}
	}
	for _, t := range r.recipe.Trains() {
		for _, f := range t.Reads.Fits {
			read[f.Name] = true
		}
	}
	return read
}

func (r *resolver) warnUnused(what string, name *ast.Ident) {
	d := r.errs.Addf(diag.Unused, name.Span, "%s %s is not used", what, name.Name)
	d.Severity = diag.Warning
	d.Help = "remove it, or name it in a stage"
}
