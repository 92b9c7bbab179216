package resolve

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/compiler/rules"
	"github.com/rmc-lang/rmc/compiler/schema"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
)

// declareSuite makes a suite known and resolves it: it names nothing else.
func (r *resolver) declareSuite(d *ast.Decl) {
	if d.Name == nil {
		if !d.Broken {
			r.errs.Addf(diag.MissingPart, d.Keyword.Span, "suite needs a name").Help = "write suite NAME on preference { … }"
		}
		return
	}
	if old, twice := r.suites[d.Name.Name]; twice {
		if old != nil {
			r.redeclared("suite", d.Name, old.Decl.Name.Span)
		}
		return
	}
	r.suites[d.Name.Name] = nil
	on, ok := d.On.(*ast.Ident)
	if d.Broken || !r.checkForm(d) {
		return
	}
	if !ok {
		r.errs.Addf(diag.WrongType, d.On.Pos(), "on takes a kind of data, not %s", schema.DescribeExpr(d.On)).Help = "as in suite " + d.Name.Name + " on preference"
		return
	}
	s := &recipe.Suite{Name: d.Name.Name, Decl: d}
	s.Spec.Name, s.Spec.Data = s.Name, on.Name
	before := len(*r.errs)
	if !slices.Contains(schema.Of(schema.Structs()[1].Type).Later, on.Name) { // a suite may be ahead of the data it is for
		r.kindOfObjective(on)
	}
	values := len(r.recipe.Values)
	r.fill(reflect.ValueOf(&s.Spec).Elem(), "suite."+s.Name, "suite "+s.Name, d.Name.Span, d.Body)
	r.recipe.Values = r.recipe.Values[:values] // constants of a library are no settings of a recipe
	if len(*r.errs) > before {
		return
	}
	rules.Suite(s, r.errs)
	if len(*r.errs) == before {
		r.suites[s.Name] = s
	}
}

// fillNamed appends a struct for each entry that no field has: its name, and
// what the entry says of it.
func (r *resolver) fillNamed(v reflect.Value, w *written) {
	for _, name := range w.order {
		e := w.rest[name]
		if e.value == nil {
			continue
		}
		one := reflect.New(v.Type().Elem()).Elem()
		one.FieldByName("Name").SetString(name)
		f := schema.Field{Name: name, Type: one.Type(), Min: new(float64)}
		if into := one.FieldByName("Weight"); !schema.IsVariant(one.Type()) {
			f.Type = into.Type()
			r.decode(into, f, w.path+"."+name, e.value, recipe.Origin(e.key), e.key)
		} else {
			r.decodeVariant(one, f, w.path+"."+name, e.value, recipe.Origin(e.key), e.key)
		}
		v.Set(reflect.Append(v, one))
	}
}

// suiteOf binds the suite that an evaluation names, and has its data read the
// subset of each row.
func (r *resolver) suiteOf(e *recipe.Evaluate) {
	name, path := e.Spec.Suite, "evaluate."+e.Name+".suite"
	v := r.recipe.Value(path)
	if r.lost[path] || r.lost["evaluate."+e.Name] { // any may have been meant
		for _, other := range keys(r.suites) {
			r.used["suite "+other] = true
		}
	}
	if name == "" || v == nil {
		return
	}
	s, ok := r.suites[name]
	r.used["suite "+name], r.used["suite "+diag.Suggest(name, keys(r.suites))] = true, true
	switch {
	case !ok && (r.partial || r.meant[name]):
	case !ok:
		d := r.errs.Addf(diag.UnknownSuite, v.Span, "there is no suite %q", name)
		if d.Help = schema.DidYouMean(name, keys(r.suites), "suites"); len(r.suites) == 0 {
			d.Help = "the standard library has some: use std/rewardbench"
		}
	case s == nil: // reported
	case e.Fit != nil:
		r.errs.Addf(diag.FieldNotOfKind, v.Span, "%s is a fit, which is held against ratings and not against a suite", e.Fit.Name).Help = "declare what scores: reward NAME = …"
	case e.Data != nil && e.Data.Spec.Kind != s.Spec.Data:
		d := r.errs.Addf(diag.DataKind, v.Span, "%s is a suite on %s, and %s is %s", name, s.Spec.Data, e.Data.Spec.Name, e.Data.Spec.Kind)
		d.Notes = []diag.Note{{Span: s.Decl.On.Pos(), Message: "declared on " + s.Spec.Data}}
		d.Help = fmt.Sprintf("declare %s as %s", e.Data.Spec.Name, s.Spec.Data)
	case e.Data != nil:
		e.Suite = s
		e.Data.Spec.Subsets = true
		if !slices.Contains(r.recipe.Suites, s) {
			r.recipe.Suites = append(r.recipe.Suites, s)
		}
	}
}
