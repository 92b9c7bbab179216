package trainer

import (
	"github.com/rmc-lang/rmc/runtime/op"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// What a generated main is written in, besides Main.
type (
	// A Program is everything that a generated main hands to Main.
	Program = program.Program
	// A Reward is a score of a response that a recipe names.
	Reward = program.Reward
	// A Stage is one step of a program.
	Stage = program.Stage
)

// Train is a stage that minimises objective over the training part of d.
func Train(m spec.Model, d spec.Data, t spec.Train, objective func(*op.Batch) op.Objective) Stage {
	return program.Train(m, d, t, objective)
}

// Evaluate is a stage that scores a part of d and compares.
func Evaluate(m spec.Model, d spec.Data, e spec.Evaluate) Stage { return program.Evaluate(m, d, e) }

// EvaluateReward is a stage that measures a reward of the program on a part of d.
func EvaluateReward(name string, d spec.Data, e spec.Evaluate) Stage {
	return program.EvaluateReward(name, d, e)
}

// EvaluateFit is a stage that holds what a fit gives against the ratings in a
// part of d.
func EvaluateFit(f spec.Fit, d spec.Data, e spec.Evaluate) Stage { return program.EvaluateFit(f, d, e) }

// Fit is a stage that computes f from the training part of d.
func Fit(f spec.Fit, d spec.Data) Stage { return program.Fit(f, d) }

// Label is a stage that has the pairs of d judged.
func Label(l spec.Label, d spec.Data) Stage { return program.Label(l, d) }
