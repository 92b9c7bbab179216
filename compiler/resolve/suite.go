package resolve

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/compiler/schema"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// ruleData is the kind of data that each rule reads.
var ruleData = map[string]string{
	"pairs": "preference", "best_of": "ranking", "tied": "ranking", "grid": "ranking", "first_error": "labels",
}

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
	r.countsOnce(s)
	r.rulesFit(s)
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

// countsOnce demands that a suite has sections that count, that these have
// subsets, and that no subset counts twice.
func (r *resolver) countsOnce(s *recipe.Suite) {
	in := map[string]string{}
	counts := false
	for _, sec := range s.Spec.Sections {
		members := sec.Members()
		total := 0.0
		for _, sub := range members {
			total += sub.Weight
			if other, twice := in[sub.Name]; twice && sec.Weight > 0 {
				r.badSuite(s, "%s is in %s and in %s, and so counts twice", sub.Name, other, sec.Name).Help = "take it out of one of them, or write weight = 0 in one"
			}
			if sec.Weight > 0 {
				in[sub.Name] = sec.Name
			}
		}
		if total == 0 {
			r.badSuite(s, "section %s has no subset that weighs anything", sec.Name).Help = "as in " + s.Name + " = weighted { \"SUBSET\" = 100 }"
		}
		counts = counts || sec.Weight > 0
	}
	if !counts {
		r.badSuite(s, "suite %s has no section that counts", s.Name).Help = "as in chat = mean { of = [easy, hard] }"
	}
}

// rulesFit demands rules that read the data that the suite is on, and one where
// it has none of its own.
func (r *resolver) rulesFit(s *recipe.Suite) {
	if s.Spec.Rule.Kind == "same" {
		r.badSuite(s, "suite %s has no rule of its own", s.Name).Help = "a section may take the suite's rule; write rule = pairs { ties = wrong }"
		return
	}
	rules := []spec.Rule{s.Spec.Rule}
	for _, sec := range s.Spec.Sections {
		if sec.Rule.Kind != "same" {
			rules = append(rules, sec.Rule)
		}
	}
	for _, rule := range rules {
		if reads := ruleData[rule.Kind]; reads != s.Spec.Data {
			r.badSuite(s, "the rule %s reads %s, and %s is on %s", rule.Kind, reads, s.Name, s.Spec.Data).Help =
				"rules on " + s.Spec.Data + ": " + strings.Join(rulesOn(s.Spec.Data), ", ")
		}
	}
}

// rulesOn names the rules that read a kind of data, sorted.
func rulesOn(data string) []string {
	var all []string
	for _, rule := range keys(ruleData) {
		if ruleData[rule] == data {
			all = append(all, rule)
		}
	}
	return all
}

func (r *resolver) badSuite(s *recipe.Suite, format string, args ...any) *diag.Diagnostic {
	return r.errs.Addf(diag.BadSuite, s.Decl.Name.Span, format, args...)
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
