// Package recipe is a resolved recipe: what it declares, its values and who set
// them, its stages, and what can be asked of these.
package recipe

import (
	"slices"
	"strconv"

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
	Suites     []*Suite          // those that evaluations name
	Stages     []Stage           // what is done, in the order of declaration
	Objectives []*Objective      // all that are in scope, libraries first
	Values     []Value           // every value, in the order of the structs of spec
	Overrides  []string          // as given: train.rm.optimizer.lr=1e-5
	Meant      []string          // names of declarations that were reported, which may mean anything
	Declared   map[string]*Suite // all that are in scope; nil for one that was reported
}

// Value returns the value at a path, or nil.
func (r *Recipe) Value(path string) *Value {
	for i := range r.Values {
		if r.Values[i].Path == path {
			return &r.Values[i]
		}
	}
	return nil
}

// Where is the place of a value that a recipe or an override sets, else otherwise.
func (r *Recipe) Where(path string, otherwise source.Span) source.Span {
	if v := r.Value(path); v != nil && v.Origin != Default {
		return v.Span
	}
	return otherwise
}

// Has reports whether all of the values could be resolved.
func (r *Recipe) Has(paths ...string) bool {
	return !slices.ContainsFunc(paths, func(p string) bool { return r.Value(p) == nil })
}

// Note points at a value that a recipe or an override sets; nothing for a default.
func (r *Recipe) Note(path, message string) []diag.Note {
	span := r.Where(path, source.Span{})
	if !span.Valid() {
		return nil
	}
	return []diag.Note{{Span: span, Message: message}}
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

// Read lists the models that stages read beside the ones they train and that are
// no encoder or network: references of objectives, models that labels ask.
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
			add(s.Policy)
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

// Suite finds a suite that the recipe or a library that it uses declares; nil
// where there is none, or where it was reported.
func (r *Recipe) Suite(name string) *Suite { return r.Declared[name] }

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
	// Policy is the model of the recipe that answers where no server does.
	Policy *Model
}

// StageName returns the label's name.
func (l *Label) StageName() string { return l.Name }

// Works is the kind of data that a label works on, and makes.
func (l *Label) Works() string {
	if l.Spec.Kind == Rollout {
		return "labels"
	}
	return "preference"
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

// Origin says where a span is: quickstart.rmr:6.
func Origin(s source.Span) string {
	if !s.Valid() {
		return Default
	}
	if s.File.Name == Set || s.File.Name == Default {
		return s.File.Name
	}
	return s.File.Name + ":" + strconv.Itoa(s.Line())
}
