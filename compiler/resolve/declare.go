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
	"github.com/rmc-lang/rmc/lang/source"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// declarations resolves the declarations of the recipe: what stages name
// first, then the stages in their order, then the rewards that are made of them.
func (r *resolver) declarations(file *ast.File) {
	for _, d := range file.Decls {
		r.declareName(d)
	}
	var stages, rewards []*ast.Decl
	for _, d := range file.Decls {
		switch d.Keyword.Name {
		case "model", "data", "mesh":
			r.declare(d)
		case "reward":
			rewards = append(rewards, d)
		default:
			stages = append(stages, d)
		}
	}
	r.networks()
	for _, d := range append(stages, rewards...) {
		r.declare(d)
	}
	if !slices.ContainsFunc(file.Decls, func(d *ast.Decl) bool { return d.Keyword.Name == "mesh" }) {
		r.fill(reflect.ValueOf(&r.recipe.Mesh).Elem(), "mesh", "mesh", source.Span{}, nil)
	}
}

// declareName makes names known before any is used, so that order is free
// where it means nothing and a broken declaration still counts as meant.
func (r *resolver) declareName(d *ast.Decl) {
	if d.Keyword.Name == "suite" {
		r.declareSuite(d)
		return
	}
	if d.Name == nil {
		return
	}
	switch name := d.Name.Name; d.Keyword.Name {
	case "model", "fit", "reward":
		if r.first(d, r.scored) {
			switch d.Keyword.Name {
			case "model":
				r.models[name] = nil
			case "fit":
				r.fits[name] = nil
			case "reward":
				r.rewards[name] = &recipe.Reward{Name: name, Decl: d}
			}
		}
	case "data", "label":
		if r.first(d, r.texts) {
			r.data[name] = nil
		}
	case "objective":
		r.declareObjective(d)
	default:
		if !slices.ContainsFunc(schema.Forms, func(f schema.Form) bool { return f.Keyword == d.Keyword.Name }) {
			r.meant[name] = true
		}
	}
}

// first reports whether d is the first declaration of its name among those that
// share their names with it. What could not be parsed stands back.
func (r *resolver) first(d *ast.Decl, among map[string]*ast.Decl) bool {
	name := d.Name.Name
	old := among[name]
	switch {
	case old == nil || old.Broken:
		among[name] = d
		return true
	case d.Broken:
	case old.Keyword.Name == d.Keyword.Name:
		r.redeclared(d.Keyword.Name, d.Name, old.Name.Span)
	default:
		r.redeclared(d.Keyword.Name, d.Name, old.Name.Span)
		(*r.errs)[len(*r.errs)-1].Message = fmt.Sprintf("%s is declared twice, as %s and as %s", name, old.Keyword.Name, d.Keyword.Name)
	}
	r.twice[d] = true
	return false
}

// declare resolves one declaration.
func (r *resolver) declare(d *ast.Decl) {
	if d.Broken || r.twice[d] || slices.Contains([]string{"objective", "suite"}, d.Keyword.Name) || !r.checkForm(d) {
		return
	}
	switch d.Keyword.Name {
	case "model":
		r.model(d)
	case "data":
		r.dataSet(d)
	case "fit":
		r.fit(d)
	case "label":
		r.label(d)
	case "train":
		r.train(d)
	case "reward":
		r.reward(d)
	case "evaluate":
		r.evaluate(d)
	case "mesh":
		r.mesh(d)
	case "shard":
		r.shard(d)
	}
}

// checkForm holds the parts of a declaration against its form.
func (r *resolver) checkForm(d *ast.Decl) bool {
	i := slices.IndexFunc(schema.Forms, func(f schema.Form) bool { return f.Keyword == d.Keyword.Name })
	if i < 0 {
		r.UnknownDeclaration(d.Keyword)
		return false
	}
	f := schema.Forms[i]
	for _, part := range []struct {
		name, what string
		have       bool
		span       source.Span
	}{
		{"rounds", "a number of rounds", d.Count != nil, d.Keyword.Span},
		{"name", "a name", d.Name != nil, identSpan(d.Name)},
		{"kind", "a kind", d.Kind != nil, identSpan(d.Kind)},
		{"parameters", "parameters", d.HasParams, d.Keyword.Span},
		{"value", "a value", d.Value != nil, exprSpan(d.Value)},
		{"on", "on DATA", d.On != nil, exprSpan(d.On)},
		{"as", "as", d.As != nil, identSpan(d.As)},
	} {
		wanted, silent := slices.Contains(f.Parts, part.name), slices.Contains(f.Silent, part.name)
		switch {
		case wanted && !part.have && !silent:
			r.errs.Addf(diag.MissingPart, d.Keyword.Span, "%s needs %s", f.Keyword, part.what).Help = "write " + f.Usage
			return false
		case part.have && !wanted:
			r.errs.Addf(diag.ExtraPart, part.span, "%s does not take %s", f.Keyword, part.what).Help = "write " + f.Usage
			return false
		}
	}
	return true
}

func identSpan(id *ast.Ident) source.Span {
	if id == nil {
		return source.Span{}
	}
	return id.Span
}

func exprSpan(x ast.Expr) source.Span {
	if x == nil {
		return source.Span{}
	}
	return x.Pos()
}

// redeclared reports a second declaration of a name.
func (r *resolver) redeclared(what string, name *ast.Ident, first source.Span) {
	d := r.errs.Addf(diag.DuplicateName, name.Span, "%s %s is declared twice", what, name.Name)
	d.Notes = []diag.Note{{Span: first, Message: "first declared here"}}
	d.Help = "give one of them another name"
}

func (r *resolver) model(d *ast.Decl) {
	m := &recipe.Model{Decl: d}
	v := reflect.ValueOf(&m.Spec).Elem()
	if !r.declaredKind(d, v, "model") {
		r.skipSets("model." + d.Name.Name)
		return
	}
	m.Spec.Name = d.Name.Name
	path := "model." + d.Name.Name
	r.fill(v, path, "model "+d.Name.Name, d.Name.Span, d.Body)
	m.Loose = r.lost[path] || !r.hasOutputs(m.Spec.Kind, path)
	if v := r.recipe.Value(path + ".tune"); m.Spec.Kind == "policy" && m.Spec.Tune.Kind == "head" && v != nil {
		r.errs.Addf(diag.NotAChoice, v.Span, "a policy has no head of its own to train: it is read through its embeddings").Help = "write tune = lora, or tune = full"
	}
	r.models[d.Name.Name] = m
	r.recipe.Models = append(r.recipe.Models, m)
}

// hasOutputs reports whether it is known what a model gives.
func (r *resolver) hasOutputs(kind, path string) bool {
	switch kind {
	case "encoder", "policy":
		return true
	case "mlp":
		return r.recipe.Has(path+".outputs") && !r.lost[path+".labels"]
	}
	return r.recipe.Has(path+".head", path+".head.outputs") && !r.lost[path+".head"] && !r.lost[path+".head.labels"]
}

// declaredKind sets the kind that follows a declaration's colon.
func (r *resolver) declaredKind(d *ast.Decl, v reflect.Value, what string) bool {
	return r.ofKind(d, d.Kind, v, what)
}

// ofKind sets the kind that name names, and records it as the value of the
// declaration itself.
func (r *resolver) ofKind(d *ast.Decl, name *ast.Ident, v reflect.Value, what string) bool {
	s := schema.Of(v.Type())
	if !r.CheckKind(name, s, what) {
		return false
	}
	v.Field(s.Kind).SetString(name.Name)
	r.record(recipe.Value{Path: what + "." + d.Name.Name, Text: name.Name, Go: fmt.Sprintf("%q", name.Name),
		Is: name.Name, Origin: recipe.Origin(name.Span), Span: name.Span, Scores: true})
	return true
}

// made sets the kind of a declaration that says it after =, as ridge in
// fit probe = ridge on …; false after a report.
func (r *resolver) made(d *ast.Decl, v reflect.Value, as string) bool {
	name, ok := d.Value.(*ast.Ident)
	if !ok {
		r.errs.Addf(diag.WrongType, d.Value.Pos(), "%s takes the name of a kind, not %s", d.Keyword.Name, schema.DescribeExpr(d.Value)).Help = as
		return false
	}
	return r.ofKind(d, name, v, d.Keyword.Name)
}

// skipSets marks the overrides below a declaration that was reported as seen.
func (r *resolver) skipSets(path string) {
	for _, o := range r.sets {
		if _, ok := o.below(path); ok {
			o.used = true
		}
	}
}

func (r *resolver) mesh(d *ast.Decl) {
	if r.recipe.Mesh.Devices != 0 {
		r.errs.Addf(diag.DuplicateName, d.Keyword.Span, "the mesh is declared twice").Help = "keep one of the two"
		return
	}
	r.fill(reflect.ValueOf(&r.recipe.Mesh).Elem(), "mesh", "mesh", d.Keyword.Span, d.Body)
}

// ofLastRound is a name as it is below a repeat that declares it.
func (r *resolver) ofLastRound(name *ast.Ident) *ast.Ident {
	last := r.rounds.Last(name.Name)
	if last == "" || r.texts[name.Name] != nil || r.scored[name.Name] != nil {
		return name
	}
	return &ast.Ident{Span: name.Span, Name: last}
}

// findModel binds the name of a model; nil after a report, or for a model
// whose own declaration was reported.
func (r *resolver) findModel(name *ast.Ident) *recipe.Model {
	name = r.ofLastRound(name)
	m, ok := r.models[name.Name]
	r.used["model "+name.Name] = true
	switch other := r.scored[name.Name]; {
	case ok || r.meant[name.Name]:
	case other != nil:
		r.otherKind(name, "a model", other)
	default:
		r.unknownModel(name, "model", keys(r.models))
	}
	return m
}

// unknownModel reports a name that is none of what was wanted.
func (r *resolver) unknownModel(name *ast.Ident, what string, known []string) {
	r.used["model "+diag.Suggest(name.Name, known)] = true
	r.errs.Addf(diag.UnknownModel, name.Span, "there is no %s %q", what, name.Name).Help = schema.DidYouMean(name.Name, known, "models")
}

// otherKind reports the name of something that cannot be what was wanted.
func (r *resolver) otherKind(name *ast.Ident, wanted string, d *ast.Decl) *diag.Diagnostic {
	is := "a " + d.Keyword.Name
	if d.Kind != nil && d.Keyword.Name == "model" {
		is = "a model of kind " + d.Kind.Name
	}
	e := r.errs.Addf(diag.OtherKind, name.Span, "%s is %s, not %s", name.Name, is, wanted)
	e.Notes = []diag.Note{{Span: d.Name.Span, Message: "it is declared here"}}
	e.Help = "name " + wanted + ", or declare one"
	return e
}

// findData binds the name of a data set.
func (r *resolver) findData(name *ast.Ident) *recipe.Data {
	name = r.ofLastRound(name)
	s, ok := r.data[name.Name]
	if !ok && !r.meant[name.Name] {
		r.used["data "+diag.Suggest(name.Name, keys(r.data))] = true
		r.errs.Addf(diag.UnknownData, name.Span, "there is no data %q", name.Name).Help =
			schema.DidYouMean(name.Name, keys(r.data), "data")
	}
	if d := r.texts[name.Name]; s == nil && d != nil {
		r.usedBefore(name.Span, d)
	}
	r.used["data "+name.Name] = true
	if s != nil && !r.bind(s, name) {
		return nil
	}
	return s
}

// usedBefore reports the use of a stage that is declared further down: stages
// run in the order in which they stand. One that is declared above and not known
// was reported for another reason.
func (r *resolver) usedBefore(at source.Span, d *ast.Decl) {
	keyword := d.Keyword.Name
	if d.Broken || keyword != "fit" && keyword != "label" || at.File != d.Name.Span.File || at.Start > d.Name.Span.Start {
		return
	}
	e := r.errs.Addf(diag.UsedBefore, at, "%s is used before it is made", d.Name.Name)
	e.Notes = []diag.Note{{Span: d.Name.Span, Message: "it is declared here, and stages run in their order"}}
	e.Help = "move " + keyword + " " + d.Name.Name + " above this stage"
}

// keys returns the keys of a map, sorted.
func keys[V any](m map[string]V) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// train resolves train MODEL on DATA.
func (r *resolver) train(d *ast.Decl) {
	t := &recipe.Train{Decl: d, Name: d.Name.Name}
	if t.Model = r.findModel(d.Name); t.Model != nil && t.Model.Spec.Kind == "encoder" {
		r.otherKind(d.Name, "a model that is trained", t.Model.Decl).Help =
			"an encoder stays as it is: train model NAME: mlp { input = " + d.Name.Name + " }, or a reward model with its base"
		t.Model = nil
	}
	if t.Data = r.trainedOn(d.On); t.Data != nil {
		t.Spec.Data = t.Data.Spec.Name
	}
	if d.As != nil {
		t.Name = d.As.Name
	}
	t.Spec.Name = t.Name
	path := "train." + t.Name
	if !r.stageName(t.Name, "train", d) {
		return
	}
	r.fill(reflect.ValueOf(&t.Spec).Elem(), path, "train "+t.Name, d.Name.Span, d.Body)
	r.startsFrom(t, path)
	if t.Call = r.call(t, path); t.Call != nil {
		t.Reads = r.reads(t)
	}
	r.recipe.Stages = append(r.recipe.Stages, t)
}

// startsFrom demands that a model which rounds train again says from which
// weights.
func (r *resolver) startsFrom(t *recipe.Train, path string) {
	if !r.rounds.Within(t.Decl.Span) || t.Model == nil || r.rounds.Within(t.Model.Decl.Span) || r.lost[path] || r.lost[path+".from"] || r.recipe.Has(path+".from") {
		return
	}
	e := r.errs.Addf(diag.ContestedField, t.Decl.Name.Span, "train %s must say from, for there is no usual one", t.Name)
	e.Notes = []diag.Note{{Message: "rounds of self-training begin anew from the base, as Noisy Student does, or go on from the last model"}}
	e.Help = "from = base | last"
}

// badData reports what stands after on and is no name of a data set.
func (r *resolver) badData(on ast.Expr) {
	switch x := on.(type) {
	case *ast.Select:
		r.errs.Addf(diag.WrongType, x.Span, "a stage trains on a whole data set").Help =
			"what is held out is left out by itself: write on " + selected(x)
	case *ast.Binary:
		r.errs.Addf(diag.WrongType, x.Span, "data sets are put together with +, and nothing else").Help = "as in train rm on labeled + judged"
	default:
		r.errs.Addf(diag.WrongType, on.Pos(), "on takes the name of data, not %s", schema.DescribeExpr(on)).Help = "as in train rm on prefs"
	}
}

func selected(x *ast.Select) string {
	if id, ok := x.X.(*ast.Ident); ok {
		return id.Name
	}
	return "DATA"
}

// stageName demands that a stage's name, which is its path, is its own.
func (r *resolver) stageName(name, keyword string, d *ast.Decl) bool {
	for _, s := range r.recipe.Stages {
		var old *ast.Decl
		switch s := s.(type) {
		case *recipe.Train:
			if keyword == "train" && s.Name == name {
				old = s.Decl
			}
		case *recipe.Evaluate:
			if keyword == "evaluate" && s.Name == name {
				old = s.Decl
			}
		}
		if old == nil {
			continue
		}
		e := r.errs.Addf(diag.DuplicateStage, d.Name.Span, "there are two stages %s %s", keyword, name)
		e.Notes = []diag.Note{{Span: old.Name.Span, Message: "the first one"}}
		e.Help = fmt.Sprintf("name this one: %s %s on %s as NAME", keyword, d.Name.Name, exprSpan(d.On).Text())
		return false
	}
	return true
}

// parts are what an evaluation may measure.
var parts = []string{"holdout", "train", "all"}

// evaluate resolves evaluate MODEL on DATA.PART, also of a fit or a reward.
func (r *resolver) evaluate(d *ast.Decl) {
	e := &recipe.Evaluate{Decl: d, Name: d.Name.Name}
	r.measured(e)
	if d.As != nil {
		e.Name = d.As.Name
	}
	if e.Spec.Name = r.ofLastRound(d.Name).Name; e.Name != e.Spec.Name {
		e.Spec.As = e.Name
	}
	r.evaluated(e, d.On)
	r.measurable(e)
	if !r.stageName(e.Name, "evaluate", d) {
		return
	}
	r.fill(reflect.ValueOf(&e.Spec).Elem(), "evaluate."+e.Name, "evaluate "+e.Name, d.Name.Span, d.Body)
	r.suiteOf(e)
	r.recipe.Stages = append(r.recipe.Stages, e)
}

// evaluated binds hh.holdout.
func (r *resolver) evaluated(e *recipe.Evaluate, on ast.Expr) {
	part := &ast.Ident{}
	x := on
	if s, ok := on.(*ast.Select); ok {
		part, x = s.Name, s.X
	}
	name, ok := x.(*ast.Ident)
	if !ok {
		r.errs.Addf(diag.WrongType, on.Pos(), "on takes DATA.PART, not %s", schema.DescribeExpr(on)).Help =
			"as in on prefs.holdout; parts: " + strings.Join(parts, ", ")
		return
	}
	e.Spec.Part = part.Name
	if e.Data = r.findData(name); e.Data != nil {
		e.Spec.Data = e.Data.Spec.Name
	}
	if part.Name == "" {
		r.errs.Addf(diag.MissingPart, name.Span, "evaluate needs a part of %s: what is held out, what is trained on, or both", name.Name).Help =
			fmt.Sprintf("write %s.holdout, %[1]s.train or %[1]s.all", name.Name)
		return
	}
	if !slices.Contains(parts, part.Name) {
		r.errs.Addf(diag.UnknownPart, part.Span, "data has no part %q", part.Name).Help =
			schema.DidYouMean(part.Name, parts, "parts")
		return
	}
	if e.Data != nil && part.Name == "holdout" && !e.Data.Holds() {
		d := r.errs.Addf(diag.NoHoldout, part.Span, "%s holds nothing out", name.Name)
		for _, root := range e.Data.Roots() {
			if v := r.recipe.Value(root.Path() + ".split"); v != nil && len(d.Notes) < 2 {
				d.Notes = append(d.Notes, diag.Note{Span: v.Span, Message: "split = none"})
			}
		}
		d.Help = "write split = holdout { fraction = 10% }, or evaluate on " + name.Name + ".all"
	}
}

// shard resolves shard MODEL { "PATTERN" = [AXIS, …] | auto }.
func (r *resolver) shard(d *ast.Decl) {
	m := r.findModel(d.Name)
	seen := map[string]source.Span{}
	if d.Body == nil || m == nil {
		return
	}
	for _, item := range d.Body.Items {
		f, ok := item.(*ast.Field)
		if !ok {
			r.misplaced(item, "shard")
			continue
		}
		if first, twice := seen[f.Key.Name]; twice {
			r.duplicate(f.Key, first)
			continue
		}
		seen[f.Key.Name] = f.Key.Span
		if axes, ok := r.shardAxes(f.Value); ok {
			m.Spec.Shard = append(m.Spec.Shard, spec.Shard{Pattern: f.Key.Name, Axes: axes})
			r.record(recipe.Value{Path: "shard." + m.Spec.Name + "." + f.Key.Name, Text: f.Value.Pos().Text(),
				Is: axes, Origin: recipe.Origin(f.Key.Span), Span: f.Value.Pos()})
		}
	}
}

// meshAxes are what a dimension may lie along.
var meshAxes = []string{"fsdp", "tensor", "none"}

// shardAxes reads [tensor, fsdp] or auto, which is nil.
func (r *resolver) shardAxes(x ast.Expr) ([]string, bool) {
	if id, ok := x.(*ast.Ident); ok && id.Name == "auto" {
		return nil, true
	}
	list, ok := x.(*ast.List)
	if !ok {
		r.errs.Addf(diag.WrongType, x.Pos(), "a shard takes a list of axes or auto, not %s", schema.DescribeExpr(x)).Help =
			"as in [tensor, fsdp]"
		return nil, false
	}
	var axes []string
	for _, item := range list.Items {
		id, ok := item.(*ast.Ident)
		switch {
		case !ok || !slices.Contains(meshAxes, id.Name):
			r.errs.Addf(diag.UnknownAxis, item.Pos(), "the mesh has no axis %s", item.Pos().Text()).Help =
				schema.DidYouMean(item.Pos().Text(), meshAxes, "axes")
			return nil, false
		case id.Name != "none" && slices.Contains(axes, id.Name):
			r.errs.Addf(diag.DuplicateItem, id.Span, "%s is in the list twice", id.Name).Help = "keep one of the two"
			return nil, false
		}
		axes = append(axes, id.Name)
	}
	return axes, true
}
