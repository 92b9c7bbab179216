// Package resolve turns the tree of a recipe into typed values: names are
// bound, defaults filled in, overrides applied, units removed, and every value
// knows who set it. What a recipe may say comes from the tags of runtime/spec
// alone. It reads no file: libraries come parsed.
package resolve

import (
	"slices"

	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/source"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// A Recipe is a resolved recipe.
type Recipe struct {
	Name       string
	Doc        string
	Source     string // display name of its file
	Mesh       spec.Mesh
	Models     []*Model // in the order of declaration
	Data       []*Data  // those that labels make among them
	Fits       []*Fit
	Labels     []*Label
	Rewards    []*Reward
	Suites     []*Suite     // those that evaluations name
	Stages     []Stage      // what is done, in the order of declaration
	Objectives []*Objective // all that are in scope, libraries first
	Values     []Value      // every value, in the order of the structs of spec
	Overrides  []string     // as given: train.rm.optimizer.lr=1e-5
	Meant      []string     // names of declarations that were reported, which may mean anything
	declared   map[string]*Suite
}

// A Model is a declared model.
type Model struct {
	Spec  spec.Model
	Decl  *ast.Decl
	Input *Model // the encoder that an mlp reads; nil where it reads none
	Loose bool   // it may have other outputs than Spec says, for what says so was reported
}

// Encoder is the model whose backbone reads the texts for m: itself, or the one
// that an mlp reads; nil for an mlp that reads none.
func (m *Model) Encoder() *Model {
	if m.Spec.Kind == "mlp" {
		return m.Input
	}
	return m
}

// Data is a declared data set, or a sum of some.
type Data struct {
	Spec  spec.Data
	Decl  *ast.Decl // of a sum, that of its first part
	Loose bool      // it may have more columns than Spec says, for what says so was reported
	Label *Label    // that makes it, whose Base it is a copy of; nil for data that is declared
	Parts []*Data   // whose rows it is made of, as Spec.From says; nil for rows of a source
	// Exclude are the data of Spec.Exclude.
	Exclude []*Data
	names   []*ast.Ident // of Parts
	bound   binding
}

// Path is where the values of a data set are: data.prefs. What a label makes has
// those of its base.
func (d *Data) Path() string {
	if d.Label != nil {
		return d.Label.Base.Path()
	}
	return "data." + d.Spec.Name
}

// A Fit is something computed from features and data. Nothing in it is nil in a
// recipe without errors.
type Fit struct {
	Name    string
	Spec    spec.Fit
	Decl    *ast.Decl
	Encoder *Model
	Chain   []*Fit // the fits of Spec.Of after the encoder, from it outward
	Data    *Data
}

// StageName returns the fit's name.
func (f *Fit) StageName() string { return f.Name }

// Attributes are the elements of the axis attribute of what f gives: those of
// the ratings that the first fit of the chain was made of.
func (f *Fit) Attributes() []string {
	if len(f.Chain) > 0 {
		return f.Chain[0].Attributes()
	}
	if f.Data == nil {
		return nil
	}
	return f.Data.Spec.Attributes
}

// A Label is a stage that asks for preferences. Nothing in it is nil in a recipe
// without errors.
type Label struct {
	Name string
	Spec spec.Label
	Decl *ast.Decl
	Base *Data // whose pairs are judged
	Data *Data // what it makes, which is in Recipe.Data as well
	// Scorer is the model that is asked, of kind model, and Form the data that
	// says how a policy is.
	Scorer *Model
	Form   *Data
}

// StageName returns the label's name.
func (l *Label) StageName() string { return l.Name }

// A Reward is what is scored, evaluated and exported: a let of an objective, or
// a fit. Either Fit is set, or Objective, Let and Train are, in a recipe without
// errors.
type Reward struct {
	Name      string
	Decl      *ast.Decl
	Objective *Objective
	Let       *ast.Ident // reward armo = gated.s: s
	Train     *Train     // the stage that uses the objective, whose arguments and model hold
	Fit       *Fit       // of kind tree
}

// A Stage is a *Train, an *Evaluate, a *Fit or a *Label.
type Stage interface {
	// StageName is what the stage is called in paths: train.NAME.
	StageName() string
}

// A Train is a training stage. Model and Data are never nil in a recipe
// without errors.
type Train struct {
	Name  string // of the stage: the model's, unless the recipe says as …
	Spec  spec.Train
	Decl  *ast.Decl
	Model *Model
	Data  *Data
	Call  *Call
	Reads Reads // what its objective names beside the model that is trained
}

// Reads is what an objective calls by name: gate(prompt), probe(chosen).
type Reads struct {
	Models []*Model
	Fits   []*Fit
}

// An Evaluate is an evaluation stage, of a Model, a Fit or a Reward: one of the
// three is set in a recipe without errors.
type Evaluate struct {
	Name   string
	Spec   spec.Evaluate
	Decl   *ast.Decl
	Model  *Model
	Fit    *Fit
	Reward *Reward
	Data   *Data
	Suite  *Suite // nil for none
	Form   *Data  // of a policy on data that is no labels data: what says how it is asked
}

// StageName returns the stage's name.
func (t *Train) StageName() string { return t.Name }

// StageName returns the stage's name.
func (e *Evaluate) StageName() string { return e.Name }

// An Objective is a declared objective, not checked yet.
type Objective struct {
	Name string
	Decl *ast.Decl
	Data string // kind of data it is on
}

// A Call is a stage's use of an objective.
type Call struct {
	Objective *Objective
	Span      source.Span // of the whole call
	Args      []Arg
	Loose     bool // it may set more parameters, for what sets them was reported
}

// An Arg gives a parameter a value; its type is checked with the objective.
type Arg struct {
	Name   string
	Value  ast.Expr    // nil when it was reported
	Span   source.Span // of the name
	Origin string
}

// A Value is one value of a recipe and who set it.
type Value struct {
	Path   string // train.rm.optimizer.lr
	Text   string // in recipe syntax: 1e-5, 512 tokens
	Go     string // as a Go literal: 1e-5, 512
	Is     any    // the value itself; the kind of a value that is written kind { … }
	Origin string // quickstart.rmr:9, default, --set
	Span   source.Span
	Scores bool // part of the scoring contract
}

// Default is the Origin of a value that nobody set.
const Default = "default"

// Set is the Origin of a value from --set.
const Set = "--set"

// Value returns the value at a path, or nil.
func (r *Recipe) Value(path string) *Value {
	for i := range r.Values {
		if r.Values[i].Path == path {
			return &r.Values[i]
		}
	}
	return nil
}

// Trains returns the training stages.
func (r *Recipe) Trains() []*Train {
	var all []*Train
	for _, s := range r.Stages {
		if t, ok := s.(*Train); ok {
			all = append(all, t)
		}
	}
	return all
}

// A Use is a data set as the backbone of a model reads it.
type Use struct {
	Model *Model
	Data  *Data
}

// Uses lists them once each, in the order of the stages.
func (r *Recipe) Uses() []Use {
	var all []Use
	for _, s := range r.Stages {
		for _, u := range UsesOf(s) {
			if u.Model != nil && u.Data != nil && !slices.Contains(all, u) {
				all = append(all, u)
			}
		}
	}
	return all
}

// UsesOf lists the backbones that read a stage's data, which are several where
// an objective names models of several. Those of a recipe with errors may be nil.
func UsesOf(s Stage) []Use {
	var all []Use
	add := func(m *Model, d *Data) {
		if u := (Use{m, d}); m != nil && !slices.Contains(all, u) {
			all = append(all, u)
		}
	}
	of := func(t *Train, d *Data) {
		if t != nil {
			for _, m := range t.Encoders() {
				add(m, d)
			}
		}
	}
	switch s := s.(type) {
	case *Fit:
		add(s.Encoder, s.Data)
	case *Label:
		if s.Scorer != nil {
			add(s.Scorer.Encoder(), s.Base)
		}
	case *Train:
		of(s, s.Data)
	case *Evaluate:
		switch {
		case s.Model != nil:
			add(s.Model.Encoder(), s.Data)
		case s.Fit != nil:
			add(s.Fit.Encoder, s.Data)
		case s.Reward != nil && s.Reward.Fit != nil:
			add(s.Reward.Fit.Encoder, s.Data)
		case s.Reward != nil:
			of(s.Reward.Train, s.Data)
		}
	}
	return all
}

// Encoders are the models whose backbones read texts for a training stage, each
// once: that of the trained model, and those of what its objective names. A
// policy that is named reads the token ids of the trained one.
func (t *Train) Encoders() []*Model {
	var all []*Model
	add := func(m *Model) {
		if m != nil && !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	if t.Model != nil {
		add(t.Model.Encoder())
	}
	for _, m := range t.Reads.Models {
		if m.Spec.Kind != "policy" {
			add(m.Encoder())
		}
	}
	for _, f := range t.Reads.Fits {
		add(f.Encoder)
	}
	return all
}

// A resolver holds what is shared while one recipe is resolved.
type resolver struct {
	errs    *diag.List
	recipe  *Recipe
	decls   []*ast.Decl // of the recipe
	sets    []*override
	models  map[string]*Model // nil for one whose declaration was reported
	fits    map[string]*Fit   // nil for one that was reported or is not reached yet
	rewards map[string]*Reward
	data    map[string]*Data
	scored  map[string]*ast.Decl // the models, fits and rewards, which share their names
	texts   map[string]*ast.Decl // the data and labels
	loops   []source.Span        // of the repeats
	rounds  map[string][]string  // names that a repeat declares: as each of its rounds declares them, in order
	twice   map[*ast.Decl]bool   // declarations of a name that another has
	objects map[string]*Objective
	suites  map[string]*Suite // nil for one that was reported
	used    map[string]bool   // "model rm": names that a stage uses
	lost    map[string]bool   // paths below which more is said than could be parsed
	partial bool              // a library is missing: objectives that are not known may be in it
	meant   map[string]bool   // names of declarations that were reported: they may be anything
}

// File resolves a parsed recipe with the libraries that it uses; nil stands for
// one that could not be read, which has been reported. All problems
// go to errs; the Recipe is what could be made of it and never nil.
func File(file *ast.File, libraries []*ast.File, overrides []string, errs *diag.List) *Recipe {
	r := newResolver(file, errs)
	r.recipe.Overrides = overrides
	if file.Broken {
		return r.recipe
	}
	r.parseSets(overrides)
	r.name(file)
	unrolled := *file
	unrolled.Decls = r.unroll(file.Decls)
	file, r.decls = &unrolled, unrolled.Decls
	r.everyRound()
	r.libraries(libraries)
	r.declarations(file)
	r.unusedSets()
	r.semantics(file)
	r.once()
	r.recipe.Meant = r.reported()
	r.recipe.declared = r.suites
	return r.recipe
}

// reported lists the names of declarations that came to nothing.
func (r *resolver) reported() []string {
	names := keys(r.meant)
	for name, m := range r.models {
		if m == nil {
			names = append(names, name)
		}
	}
	for name, f := range r.fits {
		if f == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Library resolves a library by itself, with those that it uses: a Recipe with
// objectives and nothing else.
func Library(file *ast.File, libraries []*ast.File, errs *diag.List) *Recipe {
	r := newResolver(file, errs)
	r.libraries(append(slices.Clone(libraries), file))
	r.recipe.declared = r.suites
	return r.recipe
}

func newResolver(file *ast.File, errs *diag.List) *resolver {
	return &resolver{
		errs:    errs,
		decls:   file.Decls,
		recipe:  &Recipe{Source: file.Source.Name, Doc: file.Doc},
		models:  map[string]*Model{},
		fits:    map[string]*Fit{},
		rewards: map[string]*Reward{},
		scored:  map[string]*ast.Decl{},
		texts:   map[string]*ast.Decl{},
		rounds:  map[string][]string{},
		twice:   map[*ast.Decl]bool{},
		data:    map[string]*Data{},
		objects: map[string]*Objective{},
		suites:  map[string]*Suite{},
		used:    map[string]bool{},
		meant:   map[string]bool{},
		lost:    map[string]bool{},
	}
}

// name takes the recipe's name.
func (r *resolver) name(file *ast.File) {
	if file.Recipe == nil {
		end := source.Span{File: file.Source, Start: 0, End: min(len(file.Source.Text), 1)}
		r.errs.Addf(diag.NoRecipe, end, "%s has no recipe line", file.Source.Name).Help =
			"start with: recipe NAME"
		return
	}
	r.recipe.Name = file.Recipe.Name
}

// Origin says where a span is: quickstart.rmr:6.
func Origin(s source.Span) string {
	if !s.Valid() {
		return Default
	}
	if s.File.Name == Set || s.File.Name == Default {
		return s.File.Name
	}
	return s.File.Name + ":" + itoa(s.Line())
}

// Read lists the models that stages read beside the ones they train and that are
// no encoder or network: references of objectives, scorers of labels.
func (r *Recipe) Read() []*Model {
	var all []*Model
	add := func(m *Model) {
		if m != nil && (m.Spec.Kind == "policy" || m.Spec.Kind == "reward") && !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	for _, s := range r.Stages {
		switch s := s.(type) {
		case *Label:
			add(s.Scorer)
		case *Train:
			for _, m := range s.Reads.Models {
				add(m)
			}
		}
	}
	return all
}

// Named lists the data that others name, in the order of the recipe: what data
// is made of or leaves out, what says how a policy or a reward is asked, and what
// labels make of it where that is so named.
func (r *Recipe) Named() []*Data {
	named := map[*Data]bool{}
	var add func(d *Data)
	add = func(d *Data) {
		if d == nil || named[d] {
			return
		}
		named[d] = true
		for _, x := range slices.Concat(d.Parts, d.Exclude) {
			add(x)
		}
		if d.Label != nil {
			add(d.Label.Base)
		}
	}
	for _, d := range r.Data {
		for _, x := range slices.Concat(d.Parts, d.Exclude) {
			add(x)
		}
	}
	for _, s := range r.Stages {
		switch s := s.(type) {
		case *Label:
			add(s.Form)
		case *Evaluate:
			add(s.Form)
		}
	}
	for _, w := range r.Rewards {
		add(w.Form())
	}
	return slices.DeleteFunc(slices.Clone(r.Data), func(d *Data) bool { return !named[d] })
}

// Form is the labels data that says how a text becomes the conversation that a
// reward reads; nil where it reads responses.
func (w *Reward) Form() *Data {
	if w.Train == nil || w.Train.Data == nil || w.Train.Data.Spec.Kind != "labels" {
		return nil
	}
	return w.Train.Data
}
