// Package compiler turns the text of a recipe into a plan and a program. It is
// pure: it reads nothing but the file system it is given, and what is true of
// the world comes as facts.
package compiler

import (
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/compiler/check"
	"github.com/rmc-lang/rmc/compiler/emit"
	"github.com/rmc-lang/rmc/compiler/facts"
	"github.com/rmc-lang/rmc/compiler/plan"
	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/compiler/resolve"
	"github.com/rmc-lang/rmc/compiler/schema"
	"github.com/rmc-lang/rmc/compiler/typed"
	"github.com/rmc-lang/rmc/compiler/verify"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
)

// Options are what a caller sets beside the recipe.
type Options struct {
	Overrides []string // train.rm.optimizer.lr=1e-5, in recipe syntax
	Libraries bool     // a file of objectives and suites without a recipe line is a library, and no mistake
}

// A Result is a compiled recipe.
type Result struct {
	File       *ast.File
	Library    bool        // File is a library: its objectives are checked, and there is no plan
	Libraries  []*ast.File // that the recipe uses, directly or not
	Recipe     *recipe.Recipe
	Objectives map[string]*typed.Objective // by name of the training stage
	Rewards    map[string]*typed.Reward    // by name; of those that are lets of objectives
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
	r := &Result{File: file, Libraries: l.libraries, Objectives: map[string]*typed.Objective{}, Rewards: map[string]*typed.Reward{}}
	known := l.libraries
	if l.missing {
		known = append(slices.Clone(known), nil)
	}
	r.Library = o.Libraries && isLibrary(file)
	if r.Library {
		r.Recipe = resolve.Library(file, known, &errs)
	} else {
		r.Recipe = resolve.File(file, known, o.Overrides, &errs)
		l.prompts(r.Recipe, &errs)
	}
	r.check(&errs)
	if !errs.HasErrors() && !r.Library {
		r.Plan = plan.New(r.Recipe, r.Objectives, r.Rewards)
	}
	return r, errs.Sorted()
}

// isLibrary reports whether a file without a recipe line is meant to be one.
func isLibrary(f *ast.File) bool {
	shared := func(d *ast.Decl) bool { return d.Keyword.Name == "objective" || d.Keyword.Name == "suite" }
	return f.Recipe == nil && slices.ContainsFunc(f.Decls, shared) &&
		!slices.ContainsFunc(f.Decls, func(d *ast.Decl) bool { return !shared(d) && slices.Contains(schema.Keywords(), d.Keyword.Name) })
}

// Check holds a compiled recipe against the world.
func Check(r *Result, f *facts.Facts) diag.List { return verify.Recipe(r.Recipe, r.Plan, f) }

// Emit prints a compiled recipe without errors as Go source.
func Emit(r *Result) ([]emit.File, error) {
	return emit.Program(r.Recipe, r.Objectives, r.Rewards)
}

// check types the objective of each training stage against what it uses, and
// the others of the recipe and its own libraries by themselves, so that one run
// tells all there is to say.
func (r *Result) check(errs *diag.List) {
	checked := map[*ast.Decl]bool{}
	for _, t := range r.Recipe.Trains() {
		if t.Call == nil {
			continue
		}
		decl := t.Call.Objective.Decl
		checked[decl] = true
		var found diag.List
		o := check.New(decl, env(r.Recipe, t), &found)
		*errs = append(*errs, atCall(found, t)...)
		if o == nil {
			continue
		}
		r.Objectives[t.Name] = o
		t.Spec.Objective = o.Name
		reads(t.Data, o.Columns, readPrompts(o.Terms), readEndings(o.Terms))
	}
	r.checkRewards(errs)
	for _, o := range r.Recipe.Objectives {
		if name := o.Decl.Keyword.Span.File.Name; !checked[o.Decl] && !strings.HasPrefix(name, "std/") {
			check.New(o.Decl, unused(r.Recipe, o, r.Library || name != r.File.Source.Name), errs)
		}
	}
}

// checkRewards types the lets that score, with what the stages that train their
// models give them.
func (r *Result) checkRewards(errs *diag.List) {
	for _, reward := range r.Recipe.Rewards {
		if reward.Train == nil || reward.Let == nil || r.Objectives[reward.Train.Name] == nil {
			continue
		}
		if o := check.NewReward(reward.Objective.Decl, reward.Let, env(r.Recipe, reward.Train), errs); o != nil {
			r.Rewards[reward.Name] = o
		}
	}
	for _, s := range r.Recipe.Stages {
		if e, ok := s.(*recipe.Evaluate); ok && e.Reward != nil && e.Data != nil {
			if o := r.Rewards[e.Reward.Name]; o != nil {
				reads(e.Data, nil, readPrompts(o.Terms), false)
			}
		}
	}
}

// readPrompts reports whether a term reads prompts on their own.
func readPrompts(terms []*typed.Term) bool {
	return slices.ContainsFunc(terms, func(t *typed.Term) bool { return t.View == "prompt" })
}

// readEndings reports whether a term reads what follows a label.
func readEndings(terms []*typed.Term) bool {
	return slices.ContainsFunc(terms, func(t *typed.Term) bool { return t.Kind == "ending" })
}

// atCall moves what is wrong in the standard library, where nobody can mend it,
// to the stage that uses it.
func atCall(found diag.List, t *recipe.Train) diag.List {
	for i, d := range found {
		if d.Span.File == nil || !strings.HasPrefix(d.Span.File.Name, "std/") {
			continue
		}
		found[i].Span = t.Call.Span
		found[i].Notes = append([]diag.Note{{Span: d.Span, Message: "in " + t.Call.Objective.Name}}, d.Notes...)
		found[i].Notes = found[i].Notes[:min(2, len(found[i].Notes))]
	}
	return found
}

// reads notes the columns that are read of data, and whether prompts are, and what
// follows labels. The rows of a union are those of its parts.
func reads(d *recipe.Data, columns []string, prompts, endings bool) {
	for _, c := range columns {
		if !slices.Contains(d.Spec.Extra, c) {
			d.Spec.Extra = append(d.Spec.Extra, c)
		}
	}
	slices.Sort(d.Spec.Extra)
	d.Spec.Prompts, d.Spec.Endings = d.Spec.Prompts || prompts, d.Spec.Endings || endings
	for _, p := range d.Parts {
		if d.Spec.From.Kind != "union" {
			break
		}
		reads(p, columns, prompts, endings)
	}
}

// env is what the stage lets its objective see. Where the stage is wrong, and
// that was reported, the objective is still held against what is right.
func env(r *recipe.Recipe, t *recipe.Train) check.Env {
	e := unused(r, t.Call.Objective, false)
	e.Loose, e.Call, e.Batch = t.Call.Loose, t.Call.Span, t.Spec.Batch
	e.Library = t.Call.Objective.Decl.Keyword.Span.File.Name != r.Source
	for _, w := range r.Rewards {
		if w.Train == t && w.Let != nil {
			e.Rewards = append(e.Rewards, w.Let.Name)
		}
	}
	if d := t.Data; d != nil && d.Spec.Kind == t.Call.Objective.Data {
		e.Data = check.Data{Name: d.Spec.Name, Kind: d.Spec.Kind, Columns: columns(d), Attributes: d.Spec.Attributes, Labels: d.Spec.Labels,
			Loose: d.Loose, Span: d.Decl.Name.Span}
		e.Views = views(d)
	} else {
		e.Data.Loose = true
	}
	if t.Model != nil {
		e.Models = models(r, t.Model)
		switch kind := t.Model.Spec.Kind; {
		case kind == "mlp":
			e.Serves = append(e.Serves, "embed") // of the encoder that it reads
			e.Views = slices.DeleteFunc(e.Views, func(v string) bool { return v == "conversation" })
		case kind == "policy" && e.Data.Kind == "labels":
			e.Serves = []string{"logits", "logprob", "ending", "gold", "scalar"}
		case kind == "policy":
			e.Serves = []string{"logprob", "length", "scalar"}
		}
	}
	for _, a := range t.Call.Args {
		e.Args = append(e.Args, check.Arg(a))
	}
	return e
}

// unused is what an objective can see that no stage uses: all columns of data of
// its kind, some model, and parameters with some value. One of a library may be
// meant for other columns.
func unused(r *recipe.Recipe, o *recipe.Objective, library bool) check.Env {
	e := check.Env{
		Data:   check.Data{Kind: o.Data, Loose: library},
		Models: append(models(r, nil), someModel(o.Data)),
		Fits:   fits(r),
		Loose:  true,
		Meant:  r.Meant,
		Serves: []string{"score", "heads", "model", "fit", "scalar", "weights", "length", "rating", "known", "gold"},
	}
	for _, d := range r.Data {
		if d.Spec.Kind == o.Data {
			e.Data.Name, e.Data.Span = d.Spec.Name, d.Decl.Name.Span
			e.Data.Columns = append(e.Data.Columns, columns(d)...)
			e.Data.Loose = e.Data.Loose || d.Loose
		}
	}
	e.Data.Loose = e.Data.Loose || e.Data.Name == ""
	return e
}

// someModel stands for the model that some stage would train on data of a kind:
// its outputs are attributes where there are any.
func someModel(kind string) check.Model {
	m := check.Model{Name: "the model", Trained: true, Loose: true}
	if kind == "ratings" {
		m.Axis = "attribute"
	}
	return m
}

// views are what the trainer reads of a data set on its own: rows of token ids
// do not say where a prompt ends.
func views(d *recipe.Data) []string {
	all := []string{"chosen", "rejected", "responses", "candidates", "response", "conversation"}
	if d.Spec.Format == "ids" {
		return all
	}
	return append(all, "prompt")
}

// models are the models of a recipe, of which the stage trains one.
func models(r *recipe.Recipe, trained *recipe.Model) []check.Model {
	var all []check.Model
	for _, m := range r.Models {
		c := check.Model{
			Name: m.Spec.Name, Kind: m.Spec.Kind, Outputs: m.Spec.Head.Outputs, Labels: m.Spec.Head.Labels,
			Loose: m.Loose && m.Spec.Kind != "encoder", Trained: m == trained, Span: m.Decl.Name.Span,
		}
		c.Scalars = slices.Sorted(maps.Keys(m.Spec.Scalars.Map))
		if m.Spec.Kind == "mlp" {
			c.Outputs, c.Labels, c.Axis, c.Encoder = m.Spec.Outputs, m.Spec.Labels, m.Spec.Axis, m.Spec.Input
		}
		all = append(all, c)
	}
	return all
}

// fits are the fits of a recipe.
func fits(r *recipe.Recipe) []check.Fit {
	var all []check.Fit
	for _, f := range r.Fits {
		c := check.Fit{Name: f.Name, Kind: f.Spec.Kind, Attributes: f.Attributes(), Span: f.Decl.Name.Span}
		if n := len(f.Spec.Of); n > 0 {
			c.Encoder, c.Of = f.Spec.Of[0], f.Spec.Of[n-1]
		}
		all = append(all, c)
	}
	return all
}

// columns returns the columns that a data declaration names, or that all parts
// of a union name.
func columns(d *recipe.Data) []string {
	names := slices.Sorted(maps.Keys(d.Spec.Columns.Map))
	if d.Spec.From.Kind == "union" {
		names = columns(d.Parts[0])
		for _, p := range d.Parts[1:] {
			names = slices.DeleteFunc(names, func(name string) bool { return !slices.Contains(columns(p), name) })
		}
	}
	return names
}
