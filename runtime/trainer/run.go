// Package trainer runs the stages of a generated program: the training loop with
// exact resume, fits, evaluations, what a rerun keeps of them, and the command line
// of the trainer.
package trainer

import (
	"context"
	"fmt"

	"github.com/rmc-lang/rmc/runtime/label"
	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/scoring"
)

// A Run is one execution of a program in its directory. The caller fills the
// exported fields; Execute runs the stages.
type Run struct {
	*scoring.Asker
	Resume bool // go on from Dir/checkpoint if there is one
	Steps  int  // stop each train stage after so many optimizer steps; 0 is all

	// OnStep is told of each optimizer step after its metrics were written; may be nil.
	OnStep func(rundir.Step)

	// Results has one entry per evaluate stage, in program order, once Execute returns.
	Results []measure.Result
	// Comparisons hold evaluations on the same rows against each other.
	Comparisons []measure.Comparison
	// Done lists the stages that were gone through, in program order.
	Done []rundir.Done
}

// Execute runs the stages of the program in order. An error names the stage;
// what was written before it is intact.
func (r *Run) Execute(ctx context.Context) error {
	before := map[int]*measure.Measures{}
	steps := map[string]int{} // that each model was trained for
	r.Results, r.Done = nil, nil
	if err := r.settle(); err != nil {
		return err
	}
	for i, s := range r.Program.Stages {
		var err error
		done := rundir.Done{Stage: s.Name()}
		switch s.Kind {
		case "fit":
			done.Reused, err = r.fit(ctx, s)
		case "label":
			err = label.Ask(ctx, r.Asker, s, &done)
		case "train":
			if err = r.measureBefore(ctx, i, before); err == nil {
				steps[s.Model.Name], done.Reused, err = r.train(ctx, s)
			}
		case "evaluate":
			err = r.result(ctx, s, before[i], steps[s.Model.Name])
		}
		if err != nil {
			return r.Program.Failed(s, err)
		}
		r.Done = append(r.Done, done)
	}
	r.Comparisons = measure.Comparisons(r.Results)
	return rundir.OrderMetrics(r.Dir, r.Program)
}

// measureBefore measures an untrained model for the evaluations that follow its
// training.
func (r *Run) measureBefore(ctx context.Context, train int, before map[int]*measure.Measures) error {
	name := r.Program.Stages[train].Model.Name
	for i := train + 1; i < len(r.Program.Stages); i++ {
		s := r.Program.Stages[i]
		if s.Kind != "evaluate" || s.Model.Name != name || s.Data.Kind == "ratings" || s.Data.Kind == "labels" {
			continue
		}
		m, err := r.before(ctx, s)
		if err != nil {
			return err
		}
		said := fmt.Sprintf("accuracy %.1f %% of %d pairs", 100*m.Accuracy, m.Pairs)
		if m.AllTie() {
			said = fmt.Sprintf("all %d pairs tie", m.Pairs)
		}
		r.Note(fmt.Sprintf("%s, before training: %s", s.Name(), said))
		before[i] = m
	}
	return nil
}

// result appends what an evaluate stage measured.
func (r *Run) result(ctx context.Context, s program.Stage, before *measure.Measures, steps int) error {
	res := measure.Result{Stage: s.Name(), Part: s.Evaluate.Part, Steps: steps, Before: before}
	var err error
	switch s.Data.Kind {
	case "ratings":
		res.Attributes, err = r.rated(ctx, s)
	case "labels":
		res.Marked, res.Conversations, res.Suite, err = r.marked(ctx, s)
	default:
		res.Measures = new(measure.Measures)
		*res.Measures, res.Rows, res.Suite, err = r.tabulate(ctx, s)
	}
	if err != nil {
		return err
	}
	r.Results = append(r.Results, res)
	return nil
}

// Evaluate runs the evaluate stages alone, with what an earlier run left in Dir.
func (r *Run) Evaluate(ctx context.Context) error {
	r.Results = nil
	for _, s := range r.Program.Stages {
		if s.Kind != "evaluate" {
			continue
		}
		var err error
		if s.Model.Name != "" {
			_, err = r.TrainedNetwork(ctx, s.Model)
		}
		if err == nil {
			err = r.result(ctx, s, nil, 0)
		}
		if err != nil {
			return r.Program.Failed(s, err)
		}
	}
	r.Comparisons = measure.Comparisons(r.Results)
	return nil
}
