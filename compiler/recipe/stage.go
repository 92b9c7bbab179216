package recipe

import (
	"slices"

	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/source"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// The kinds of a label that goes on from the steps of solutions, and of one that
// leaves out pairs that were made.
const (
	Rollout = "rollout"
	Filter  = "filter"
)

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

// Form is the labels data that says how a text becomes the conversation that a
// reward reads; nil where it reads responses.
func (w *Reward) Form() *Data {
	if w.Train == nil || w.Train.Data == nil || w.Train.Data.Spec.Kind != "labels" {
		return nil
	}
	return w.Train.Data
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

// StageName returns the stage's name.
func (t *Train) StageName() string { return t.Name }

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

// Means is the model or fit that a parameter of the objective stands for, or the
// name itself.
func (c *Call) Means(name *ast.Ident) *ast.Ident {
	for _, a := range c.Args {
		if of, ok := a.Value.(*ast.Ident); ok && a.Name == name.Name {
			return of
		}
	}
	return name
}

// An Arg gives a parameter a value; its type is checked with the objective.
type Arg struct {
	Name   string
	Value  ast.Expr    // nil when it was reported
	Span   source.Span // of the name
	Origin string
}

// A Suite is how a benchmark makes numbers of scores, declared in a library or
// the recipe.
type Suite struct {
	Name string
	Spec spec.Suite
	Decl *ast.Decl
}
