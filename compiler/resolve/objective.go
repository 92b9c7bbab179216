package resolve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/compiler/schema"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
)

// libraries takes the objectives and suites of the files that a recipe uses.
func (r *resolver) libraries(files []*ast.File) {
	for _, f := range files {
		if f == nil {
			r.partial = true
			continue
		}
		if f.Recipe != nil {
			r.errs.Addf(diag.RecipeUsed, f.Recipe.Span, "%s is a recipe, not a library", f.Source.Name).Help =
				"use files that declare objectives; move those to a file without a recipe line"
		}
		for _, d := range f.Decls {
			switch {
			case d.Keyword.Name == "objective":
				r.declareObjective(d)
			case d.Keyword.Name == "suite":
				r.declareSuite(d)
			case f.Recipe == nil && !d.Broken:
				r.errs.Addf(diag.NotInLibrary, d.Keyword.Span, "a library declares objectives and suites, not %s", d.Keyword.Name).Help =
					"move it to the recipe"
			}
		}
	}
}

// declareObjective makes an objective known. A recipe's own hides nothing: two
// of one name are an error wherever they stand.
func (r *resolver) declareObjective(d *ast.Decl) {
	if d.Name == nil {
		if !d.Broken {
			r.errs.Addf(diag.MissingPart, d.Keyword.Span, "objective needs a name").Help =
				"write objective NAME on preference { loss = … }"
		}
		return
	}
	if old := r.objects[d.Name.Name]; old != nil {
		r.redeclared("objective", d.Name, old.Decl.Name.Span)
		return
	}
	o := &recipe.Objective{Name: d.Name.Name, Decl: d}
	if on, ok := d.On.(*ast.Ident); ok && !d.Broken && r.kindOfObjective(on) {
		o.Data = on.Name
	} else if !ok && !d.Broken {
		r.objectiveOn(d)
	}
	r.objects[o.Name] = o
	r.recipe.Objectives = append(r.recipe.Objectives, o)
}

// kindOfObjective reports an objective on something that is no kind of data,
// most often the name of a data set.
func (r *resolver) kindOfObjective(on *ast.Ident) bool {
	kinds := schema.Of(schema.Structs()[1].Type)
	declared := slices.IndexFunc(r.decls, func(d *ast.Decl) bool {
		return d.Keyword.Name == "data" && d.Name != nil && d.Name.Name == on.Name && d.Kind != nil
	})
	if declared < 0 || slices.Contains(kinds.Kinds, on.Name) {
		return r.CheckKind(on, kinds, "data")
	}
	d := r.errs.Addf(diag.UnknownKind, on.Span, "an objective is on a kind of data, and %s is the name of some", on.Name)
	d.Notes = []diag.Note{{Span: r.decls[declared].Name.Span, Message: "it is declared here"}}
	d.Help = "write on " + r.decls[declared].Kind.Name
	return false
}

// objectiveOn reports an objective that does not say its kind of data.
func (r *resolver) objectiveOn(d *ast.Decl) {
	kinds := strings.Join(schema.Of(schema.Structs()[1].Type).Kinds, " | ")
	if d.On == nil {
		r.errs.Addf(diag.MissingPart, d.Keyword.Span, "objective needs on").Help =
			fmt.Sprintf("write objective %s on %s { … }", d.Name.Name, kinds)
		return
	}
	r.errs.Addf(diag.WrongType, d.On.Pos(), "on takes a kind of data, not %s", schema.DescribeExpr(d.On)).Help = kinds
}

// call binds a stage's objective = name { parameter = value }.
func (r *resolver) call(t *recipe.Train, path string) *recipe.Call {
	expr, from := r.callExpr(t, path+".objective")
	if expr == nil {
		return nil
	}
	name, block := schema.Variant(expr)
	if name == nil {
		r.errs.Addf(diag.WrongType, expr.Pos(), "objective takes an objective, not %s", schema.DescribeExpr(expr)).Help =
			"as in objective = bradley_terry { center = 0.01 }"
		return nil
	}
	o, ok := r.objects[name.Name]
	if !ok {
		if !r.partial {
			r.unknownObjective(name)
		}
		r.skipSets(path + ".objective")
		return nil
	}
	if o.Decl.Broken {
		r.skipSets(path + ".objective")
		return nil
	}
	c := &recipe.Call{Objective: o, Span: expr.Pos()}
	r.used["objective "+name.Name] = true
	r.record(recipe.Value{Path: path + ".objective", Text: name.Name, Is: name.Name, Origin: from, Span: name.Span})
	r.args(c, block, path+".objective")
	r.kindOfData(t, c, name)
	return c
}

// callExpr finds the objective field, or its override.
func (r *resolver) callExpr(t *recipe.Train, path string) (ast.Expr, string) {
	var expr ast.Expr
	from := ""
	if t.Decl.Body != nil {
		for _, item := range t.Decl.Body.Items {
			if f, ok := item.(*ast.Field); ok && f.Key.Name == "objective" && expr == nil {
				expr, from = f.Value, recipe.Origin(f.Key.Span)
			}
		}
	}
	for _, o := range r.sets {
		if strings.Join(o.path, ".") == path {
			expr, from = o.value, recipe.Set
		}
	}
	return expr, from
}

func (r *resolver) unknownObjective(name *ast.Ident) {
	d := r.errs.Addf(diag.UnknownObjective, name.Span, "there is no objective %q", name.Name)
	d.Help = schema.DidYouMean(name.Name, keys(r.objects), "objectives")
	if len(r.objects) == 0 {
		d.Help = "the standard library has some: use std/preference"
	}
}

// args collects the parameters that a call sets, overrides last. Whether the
// objective has them is checked with its types.
func (r *resolver) args(c *recipe.Call, block *ast.Block, path string) {
	w := &written{path: path, what: c.Objective.Name, fields: map[string]entry{}, rest: map[string]entry{}, meant: map[string]bool{}}
	w.schema = schema.Struct{Kind: -1, Fields: []schema.Field{{Name: "…", Rest: true}}}
	if block != nil {
		r.readBlock(w, block)
	}
	for _, o := range r.sets {
		if key, ok := o.below(path); ok {
			o.used = true
			if key != o.keys[len(o.keys)-1] {
				r.errs.Addf(diag.UnknownPath, key.Span, "%s has no fields", key.Name).Help = "a parameter is a number"
				continue
			}
			r.readKey(w, key, entry{key.Span, o.value})
		}
	}
	c.Loose = r.lost[path]
	for _, name := range w.order {
		e := w.rest[name]
		c.Args = append(c.Args, recipe.Arg{Name: name, Value: e.value, Span: e.key, Origin: recipe.Origin(e.key)})
		if e.value == nil {
			continue
		}
		r.record(recipe.Value{Path: path + "." + name, Text: oneLine(e.value.Pos().Text()), Is: oneLine(e.value.Pos().Text()),
			Origin: recipe.Origin(e.key), Span: e.value.Pos()})
	}
}

// kindOfData demands that the objective fits the stage's data.
func (r *resolver) kindOfData(t *recipe.Train, c *recipe.Call, name *ast.Ident) {
	o := c.Objective
	if t.Data == nil || o.Data == "" || o.Data == t.Data.Spec.Kind {
		return
	}
	d := r.errs.Addf(diag.DataKind, name.Span, "%s is an objective on %s, and %s is %s", o.Name, o.Data, t.Data.Spec.Name, t.Data.Spec.Kind)
	d.Notes = []diag.Note{{Span: o.Decl.On.Pos(), Message: "declared on " + o.Data}, {Span: t.Data.Decl.Kind.Span, Message: t.Data.Spec.Name + " is " + t.Data.Spec.Kind}}
	d.Help = "declare " + t.Data.Spec.Name + " as " + o.Data + ", or use a library with objectives on " + t.Data.Spec.Kind
	var fitting []string
	for _, other := range r.recipe.Objectives {
		if other.Data == t.Data.Spec.Kind {
			fitting = append(fitting, other.Name)
		}
	}
	if len(fitting) > 0 {
		d.Help = "objectives on " + t.Data.Spec.Kind + ": " + strings.Join(fitting, ", ")
	}
}
