package trainer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rmc-lang/rmc/runtime/checkpoint"
	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/optim"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/terms"
)

// A training is a train stage under way.
type training struct {
	run        *Run
	stage      program.Stage
	set        *data.Set
	examples   []data.Example // those that are trained on
	validation []data.Example // those kept apart
	net        *network.Network
	stepper    *optim.Stepper
	reader     network.Reader // of what the head reads
	stream     data.Stream
	aside      *optim.Aside
	steps      int              // of the whole stage: what the schedule is spread over
	until      int              // the last step that is done: steps, or as many as the run is to do
	at         checkpoint.Table // where the stage stands
	kept       checkpoint.Folder
	saved      int                // step of the last checkpoint; -1 when there is none
	best       [][]byte           // the trained parameters of step at.Best; nil when there is none
	metrics    *rundir.MetricsLog // open while there are steps to do
}

// train runs a train stage: from the start, or from where its last checkpoint
// stands. What it leaves is a checkpoint of its last step and the model. Where an
// earlier run left the very model, that is taken. It returns how many steps the
// model was trained for.
func (r *Run) train(ctx context.Context, s program.Stage) (steps int, reused bool, err error) {
	t, err := r.begin(ctx, s)
	if err != nil {
		return 0, false, err
	}
	if past, err := t.reuse(ctx); err != nil {
		return 0, false, err
	} else if past != nil {
		return past.Steps, true, nil
	}
	if err := t.start(ctx); err != nil {
		return 0, false, err
	}
	if err := t.loop(ctx); err != nil {
		return 0, false, err
	}
	trained, err := t.takeBest()
	if err != nil {
		return 0, false, err
	}
	return trained, false, t.writeModel(ctx, trained)
}

// loop does the optimizer steps that are left.
func (t *training) loop(ctx context.Context) (err error) {
	if t.at.Step < t.until {
		if t.metrics, err = rundir.OpenMetrics(t.run.Dir, t.stage.Name(), t.at.Step); err != nil {
			return err
		}
		defer t.metrics.Close()
	}
	for t.at.Step < t.until {
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), t.save())
		}
		if err := t.step(); err != nil {
			return err
		}
	}
	return t.save()
}

// step does the next optimizer step, and what is due after it.
func (t *training) step() error {
	began := time.Now()
	examples := t.next()
	out, err := t.stepper.Step(examples, t.at.Step, t.steps)
	if err != nil {
		return err
	}
	if err := t.finite(out, examples); err != nil {
		return err
	}
	t.at.Step++
	took := time.Since(began)
	due := t.at.Step%max(1, t.stage.Train.Save) == 0
	var validation *float64
	if len(t.validation) > 0 && (due || t.at.Step == t.steps) {
		if validation, err = t.validate(); err != nil {
			return err
		}
	}
	if err := t.tell(out, validation, examples, took); err != nil {
		return err
	}
	if due {
		return t.save()
	}
	return nil
}

// begin finds out what a train stage is to do: all that decides what it comes to.
func (r *Run) begin(ctx context.Context, s program.Stage) (*training, error) {
	set, err := r.Set(ctx, s.Model, s.Data)
	if err == nil {
		err = measure.Rankable(set, s)
	}
	if err != nil {
		return nil, err
	}
	net, err := r.Network(ctx, s.Model)
	if err != nil {
		return nil, err
	}
	t := &training{
		run: r, stage: s, set: set, net: net, saved: -1,
		kept: checkpoint.Folder{Dir: r.Folder("checkpoint", cmp.Or(s.Train.Name, s.Model.Name))},
		at:   checkpoint.Table{Version: checkpoint.Version, Stage: s.Name(), Fields: program.LossFields(s)},
	}
	if err := t.keepApart(); err != nil {
		return nil, err
	}
	t.steps = s.Train.StepsFor(len(t.examples))
	t.stream = data.Stream{N: len(t.examples), Seed: uint64(s.Train.Seed), Listed: s.Train.Order == "listed", Resample: s.Train.Order == "resample"}
	if t.at.Steps, t.until = t.steps, t.steps; r.Steps > 0 {
		t.until = min(t.steps, r.Steps)
	}
	hidden, err := r.SizeOf(ctx, net)
	if err == nil {
		t.aside, err = r.asideOf(ctx, s, net, terms.ShapeOf(set, s.Model), hidden)
	}
	if err == nil {
		err = t.decide(ctx)
	}
	return t, err
}

// start opens everything that the loop needs, and goes to where it starts.
func (t *training) start(ctx context.Context) error {
	if err := t.rebase(ctx); err != nil {
		return err
	}
	if err := t.open(ctx); err != nil {
		return err
	}
	// What is trained from here on is no earlier run's.
	t.net.Restored = false
	if t.run.Resume {
		if err := t.resume(); err != nil {
			return err
		}
	} else if err := os.RemoveAll(t.kept.Dir); err != nil {
		return fmt.Errorf("clearing the checkpoints of another training: %w", err)
	}
	t.run.Note(fmt.Sprintf("%s: %d steps of %d examples out of %d; %s",
		t.stage.Name(), t.steps, t.stage.Train.Batch, len(t.examples), t.stepper))
	return nil
}

// rebase gives the model the weights that it is declared with, where the stage
// begins with these and one before it has trained the model.
func (t *training) rebase(ctx context.Context) (err error) {
	if t.stage.Train.From == "base" && (t.run.IsTrained(t.stage.Model.Name) || t.net.Restored) {
		t.net, err = t.run.Reopen(ctx, t.stage.Model)
	}
	return err
}

// open makes the optimizer's state over what the head reads: tokens, or, where
// nothing else is trained, hidden states that are computed once.
func (t *training) open(ctx context.Context) error {
	var err error
	if t.reader, err = t.run.Reader(ctx, t.net, t.stage); err != nil {
		return err
	}
	accumulates := false
	if through, ok := t.reader.(network.Tokens); ok {
		accumulates = through.Cutter.Accumulates()
	}
	t.stepper, err = optim.New(t.stage, t.net, t.aside, t.reader, terms.ShapeOf(t.set, t.net.Model), accumulates)
	return err
}

// next is the examples of the next step.
func (t *training) next() []data.Example {
	from, to := t.stage.Train.Examples(t.at.Step, len(t.examples))
	var taken []int
	taken, t.at.Cursor = t.stream.Take(t.at.Cursor, to-from)
	examples := make([]data.Example, len(taken))
	for i, e := range taken {
		examples[i] = t.examples[e]
	}
	return examples
}

// tell writes and shows what a step came to.
func (t *training) tell(out *optim.Outcome, validation *float64, examples []data.Example, took time.Duration) error {
	through := 0 // no tokens where the head reads hidden states that are there
	if _, ok := t.reader.(network.Tokens); ok {
		for _, e := range examples {
			through += e.Tokens()
		}
	}
	s := rundir.Step{
		Stage: t.stage.Name(), Step: t.at.Step, Of: t.steps, Loss: out.Loss, GradNorm: out.Norm,
		LR: t.stage.Train.Rate(t.at.Step-1, t.steps), Reports: out.Reports, ValidationLoss: validation,
		ExamplesPerSecond: float64(len(examples)) / took.Seconds(), Unit: unitOf(t.stage.Data), TokensPerSecond: float64(through) / took.Seconds(),
	}
	s.Accuracy, s.Margin, s.MeanReward = summary(out.Scores)
	if err := t.metrics.Append(s); err != nil {
		return err
	}
	if t.run.OnStep != nil {
		t.run.OnStep(s)
	}
	return nil
}

// unitOf is what an example of a data set is.
func unitOf(d spec.Data) string {
	if d.Kind == "preference" {
		return "pairs"
	}
	return "rows"
}

// summary compares each sequence with those that come after it, which it should
// beat: the two sides of a pair, or all pairs of a ranking. Of what there is
// nothing of it is NaN.
func summary(scores [][]float64) (accuracy, margin, mean float64) {
	var pairs, right, sequences int
	for _, row := range scores {
		for i, better := range row {
			mean += better
			sequences++
			for _, worse := range row[i+1:] {
				pairs++
				margin += better - worse
				if better > worse {
					right++
				}
			}
		}
	}
	if pairs == 0 {
		return math.NaN(), math.NaN(), mean / float64(sequences)
	}
	return float64(right) / float64(pairs), margin / float64(pairs), mean / float64(sequences)
}

// finite stops a training that has left the numbers. What it wrote before stays.
func (t *training) finite(out *optim.Outcome, examples []data.Example) error {
	if isFinite(out.Loss) && isFinite(out.Norm) {
		return nil
	}
	const most = 8
	var rows []string
	suspects := out.Suspects()
	for i, e := range examples {
		if suspects[i] {
			rows = append(rows, fmt.Sprint(e.Row+1))
		}
	}
	if len(rows) > most {
		rows = append(rows[:most], "…")
	}
	what := fmt.Sprintf("the loss is %v", out.Loss)
	if isFinite(out.Loss) {
		what = fmt.Sprintf("the loss is %.4g and the gradient norm %v", out.Loss, out.Norm)
	}
	last := "there is no checkpoint yet"
	if t.saved >= 0 {
		last = fmt.Sprintf("the last good checkpoint is %s", filepath.Join(t.kept.Dir, checkpoint.StepFolder(t.saved)))
	}
	return fmt.Errorf("step %d: %s. Rows of %s in question: %s%s. Nothing was overwritten; %s. "+
		"Usual causes: a learning rate that is too high (%.3g at this step), no clipping, or a column with extreme values",
		t.at.Step+1, what, t.stage.Data.Name, strings.Join(rows, ", "), t.extreme(examples), last, t.stage.Train.Rate(t.at.Step, t.steps))
}

// extreme names the first row with a column so large that its square, or a sum
// over a batch, is beyond float32; "" where there is none.
func (t *training) extreme(examples []data.Example) string {
	for _, e := range examples {
		for i, x := range e.Columns {
			if math.Abs(float64(x)) > 1e18 {
				return fmt.Sprintf(" (row %d has %s = %g)", e.Row+1, t.set.Columns[i], x)
			}
		}
	}
	return ""
}

func isFinite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// save writes a checkpoint of where the stage stands, unless there is one.
func (t *training) save() error {
	if t.saved == t.at.Step {
		return nil
	}
	if err := t.metrics.Sync(); err != nil {
		return fmt.Errorf("%s: %w", rundir.MetricsFile, err)
	}
	if err := t.kept.Save(t.at, append(t.stepper.Stored(), t.storedBest()...)); err != nil {
		return err
	}
	t.saved = t.at.Step
	return nil
}

// resume goes to the newest checkpoint that is whole, if there is one.
func (t *training) resume() error {
	table, folder, err := t.kept.Newest(t.run.Note)
	if err != nil || folder == "" {
		return err
	}
	if err := table.Matches(t.at.Fields, folder); err != nil {
		return err
	}
	if err := t.stepper.Restore(filepath.Join(folder, checkpoint.StateFile)); err != nil {
		return err
	}
	t.at, t.saved = table, table.Step
	if err := t.restoreBest(filepath.Join(folder, checkpoint.StateFile)); err != nil {
		return err
	}
	t.run.Note(fmt.Sprintf("%s: going on from step %d of %d", t.stage.Name(), table.Step, t.steps))
	// A kill between writing and pruning leaves one too many; where the newest is
	// damaged, all stay.
	if names, err := t.kept.Names(); err != nil || filepath.Base(folder) != names[0] {
		return err
	}
	return t.kept.Prune()
}
