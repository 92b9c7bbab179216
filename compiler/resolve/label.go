package resolve

import (
	"cmp"
	"reflect"

	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
)

// label resolves label NAME = llm on DATA { … }, which declares data NAME.
func (r *resolver) label(d *ast.Decl) {
	l := &recipe.Label{Name: d.Name.Name, Decl: d}
	path := "label." + l.Name
	v := reflect.ValueOf(&l.Spec).Elem()
	if !r.made(d, v, "write label "+l.Name+" = llm on DATA, or = model on DATA") {
		r.skipSets(path)
		r.meant[l.Name] = true
		return
	}
	l.Spec.Name = l.Name
	on, ok := d.On.(*ast.Ident)
	if !ok {
		r.badData(d.On)
	} else if l.Base = r.findData(on); l.Base != nil {
		r.labelled(l, on)
	}
	if l.Data == nil { // reported, and nothing more is said of what reads it
		r.meant[l.Name] = true
	}
	r.fillBut(v, path, "label "+l.Name, d.Name.Span, d.Body, r.asks(l, path))
	r.policy(l, path)
	r.scorer(l, path)
	r.asked(l, path)
	r.recipe.Labels = append(r.recipe.Labels, l)
	r.recipe.Stages = append(r.recipe.Stages, l)
}

// labelled declares the data that a label makes: its base's, under a name of its
// own.
func (r *resolver) labelled(l *recipe.Label, on *ast.Ident) {
	switch {
	case l.Base.Spec.Kind != l.Works():
		r.dataKind(on, cmp.Or(map[string]string{recipe.Rollout: "a rollout", recipe.Filter: "a filter"}[l.Spec.Kind], "a label"), l.Works(), l.Base)
		return
	case l.Spec.Kind == recipe.Filter && l.Base.Spec.From.Kind != "augment":
		r.otherKind(on, "data that augment makes", l.Base.Decl).Help =
			"declare data more: preference { from = augment { data = [" + l.Base.Spec.Name + "] } }, and filter that"
		return
	case l.Spec.Kind != recipe.Filter && len(l.Base.Parts) > 0:
		r.otherKind(on, "data with a source", l.Base.Decl).Help = "label what it is made of: " + l.Base.Parts[0].Spec.Name
		return
	case l.Base.Label != nil:
		e := r.errs.Addf(diag.OtherKind, on.Span, "%s is judged already", on.Name)
		e.Notes = []diag.Note{{Span: l.Base.Label.Decl.Name.Span, Message: "by this label"}}
		e.Help = "judge its base: label " + l.Name + " = " + l.Spec.Kind + " on " + l.Base.Label.Base.Spec.Name
		return
	}
	l.Spec.Data = l.Base.Spec.Name
	l.Data = &recipe.Data{Spec: l.Base.Spec, Decl: l.Decl, Loose: l.Base.Loose, Label: l, Parts: l.Base.Parts, Exclude: l.Base.Exclude}
	r.bound[l.Data] = done
	l.Data.Spec.Name, l.Data.Spec.Label = l.Name, l.Name
	r.data[l.Name] = l.Data
	r.recipe.Data = append(r.recipe.Data, l.Data)
}

// scorer binds the model that a label asks, and what says how.
func (r *resolver) scorer(l *recipe.Label, path string) {
	v := r.recipe.Value(path + ".scorer")
	if v == nil {
		return
	}
	name := &ast.Ident{Span: v.Span, Name: l.Spec.Scorer}
	m := r.findModel(name)
	switch {
	case m == nil:
	case m.Spec.Kind == "reward" && m.Spec.Head.Outputs > 1:
		r.otherKind(name, "a model that gives one score", m.Decl)
	case m.Spec.Kind == "reward":
		l.Scorer = m
	case m.Spec.Kind == "policy":
		if l.Form = r.form(m, name); l.Form != nil {
			l.Scorer, l.Spec.Form = m, l.Form.Spec.Name
		}
	default:
		r.otherKind(name, "a policy or a reward model", m.Decl)
	}
}

// form is the data that says how a policy is asked which of two responses is
// better: what compare makes, that it was trained on last; nil after a report.
func (r *resolver) form(m *recipe.Model, at *ast.Ident) *recipe.Data {
	var found *recipe.Data
	unsure := false
	for _, t := range r.recipe.Trains() {
		if t.Model != m {
			continue
		}
		if unsure = unsure || t.Data == nil; t.Data != nil {
			found = t.Data.Question()
		}
	}
	if found == nil && !unsure {
		e := r.errs.Addf(diag.NotAsked, at.Span, "nothing says how %s is asked which of two responses is better", m.Spec.Name)
		e.Notes = []diag.Note{{Span: m.Decl.Name.Span, Message: "it is no reward model, which gives each response a score"}}
		e.Help = "train it above this stage on data of kind labels with from = compare { data = [" + r.somePairs() + "] }"
	}
	return found
}

// somePairs is the name of some preference data, or what stands for one.
func (r *resolver) somePairs() string {
	for _, d := range r.recipe.Data {
		if d.Spec.Kind == "preference" {
			return d.Spec.Name
		}
	}
	return "PREFS"
}
