// Package program is a generated program as plain data: its stages, which model,
// data and fits each of them reads, and what --set changes in it.
package program

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/op"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// A Program is everything that a generated main hands to trainer.Main.
type Program struct {
	Name      string   // of the recipe; names the run directory
	Recipe    string   // source text of the recipe
	Lock      string   // text of rmc.lock
	Overrides []string // each as written, train.rm.optimizer.lr=1e-5
	Mesh      spec.Mesh
	Encoders  []spec.Model // that fits, networks and rewards read
	Models    []spec.Model // that a stage reads beside the one it trains: references of objectives, models that labels ask
	Data      []spec.Data  // that others name: spec.From.Data, spec.Data.Exclude and Form, and what labels make
	Rewards   []Reward
	Stages    []Stage
}

// A Reward is a score of a response that a recipe names: a let of an objective,
// or a tree.
type Reward struct {
	Name   string
	Score  func(*op.Batch) op.Reward // over the axis row, with the views response and prompt; nil of a tree
	Models []spec.Model              // that Score reads: networks over an encoder, or one reward model
	Head   string                    // where the score is one output of a reward model's head as it is: its name
	Fit    string                    // name of the tree that is the reward
	Form   string                    // of one that reads the view conversation: the labels data that says how texts become one
}

// A Stage is one step of a program. It is plain data: what its constructor was
// given, and nothing that was opened.
type Stage struct {
	Kind      string     // fit | label | train | evaluate
	Model     spec.Model // of kind train, and of evaluate where a model is measured
	Data      spec.Data
	Train     spec.Train                   // of kind train
	Fit       spec.Fit                     // of kind fit, and of evaluate where a fit is measured
	Label     spec.Label                   // of kind label
	Reward    string                       // of kind evaluate: name of the reward that is measured
	Evaluate  spec.Evaluate                // of kind evaluate
	Suite     spec.Suite                   // of kind evaluate: what makes numbers of the scores beside; no name where nothing does
	Objective func(*op.Batch) op.Objective // of kind train
}

// By has what an evaluate stage scores measured by a suite.
func (s Stage) By(suite spec.Suite) Stage {
	s.Suite = suite
	return s
}

// Name is the stage as messages call it: train rm on prefs.
func (s Stage) Name() string {
	switch s.Kind {
	case "fit":
		return fmt.Sprintf("fit %s on %s", s.Fit.Name, s.Data.Name)
	case "label":
		return fmt.Sprintf("label %s on %s", s.Label.Name, s.Data.Name)
	case "evaluate":
		name := fmt.Sprintf("evaluate %s on %s.%s", s.Subject(), s.Data.Name, s.Evaluate.Part)
		if s.Suite.Name != "" {
			name += " by " + s.Suite.Name
		}
		if s.Evaluate.As != "" {
			name += " as " + s.Evaluate.As
		}
		return name
	}
	name := fmt.Sprintf("train %s on %s", s.Model.Name, s.Data.Name)
	if s.Train.Name != "" && s.Train.Name != s.Model.Name {
		name += " as " + s.Train.Name
	}
	return name
}

// Subject is the name of what an evaluate stage measures.
func (s Stage) Subject() string { return cmp.Or(s.Reward, s.Fit.Name, s.Model.Name) }

// Produces is the name of the model, fit or data that a stage makes.
func (s Stage) Produces() string {
	switch s.Kind {
	case "fit":
		return s.Fit.Name
	case "label":
		return s.Label.Name
	}
	return s.Model.Name
}

// Has reports whether there is a stage of a kind.
func (p Program) Has(kind string) bool {
	return slices.ContainsFunc(p.Stages, func(s Stage) bool { return s.Kind == kind })
}

// Failed says in which stage, and on which line of the recipe, err came up.
func (p Program) Failed(s Stage, err error) error {
	line, start := 0, s.declared()+" "
	for text := range strings.Lines(p.Recipe) {
		line++
		if words := strings.Join(strings.Fields(text), " "); strings.HasPrefix(words+" ", start) {
			return fmt.Errorf("%s (line %d of the recipe): %w", s.Name(), line, err)
		}
	}
	return fmt.Errorf("%s: %w", s.Name(), err)
}

// declared is how the line of a stage's declaration begins in the recipe.
func (s Stage) declared() string {
	switch s.Kind {
	case "fit":
		return "fit " + s.Fit.Name + " ="
	case "label":
		return "label " + s.Label.Name + " ="
	}
	return strings.TrimSuffix(s.Name(), " by "+s.Suite.Name)
}

// Train is a stage that minimises objective over the training part of d.
func Train(m spec.Model, d spec.Data, t spec.Train, objective func(*op.Batch) op.Objective) Stage {
	return Stage{Kind: "train", Model: m, Data: d, Train: t, Objective: objective}
}

// Evaluate is a stage that scores a part of d and compares.
func Evaluate(m spec.Model, d spec.Data, e spec.Evaluate) Stage {
	return Stage{Kind: "evaluate", Model: m, Data: d, Evaluate: e}
}

// EvaluateReward is a stage that measures a reward of the program on a part of d.
func EvaluateReward(name string, d spec.Data, e spec.Evaluate) Stage {
	return Stage{Kind: "evaluate", Reward: name, Data: d, Evaluate: e}
}

// EvaluateFit is a stage that holds what a fit gives against the ratings in a
// part of d.
func EvaluateFit(f spec.Fit, d spec.Data, e spec.Evaluate) Stage {
	return Stage{Kind: "evaluate", Fit: f, Data: d, Evaluate: e}
}

// Fit is a stage that computes f from the training part of d.
func Fit(f spec.Fit, d spec.Data) Stage { return Stage{Kind: "fit", Fit: f, Data: d} }

// Label is a stage that has the pairs of d judged.
func Label(l spec.Label, d spec.Data) Stage { return Stage{Kind: "label", Label: l, Data: d} }
