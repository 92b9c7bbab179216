package trainer

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/backend"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/op"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// gateRun is a program that fits a probe and a transform and trains a gate over
// them; change edits how.
func gateRun(t *testing.T, b *backend.Backend, a armo, change func(gate *spec.Model, train *spec.Train)) *Run {
	t.Helper()
	r := a.run(t, b, true)
	gate, train := a.gate, a.train
	train.Name, train.Objective = "gate", "gated"
	change(&gate, &train)
	r.Program.Stages = []program.Stage{program.Fit(a.probe, a.ratings), program.Fit(a.debias, a.prefs), program.Train(gate, a.prefs, train, gatedBy("gate", true))}
	r.Program.Rewards = []program.Reward{{Name: "armo", Score: gatedReward("gate", true), Models: []spec.Model{gate}}}
	return r
}

// lossesOf is the column of metrics.jsonl that training is about.
func lossesOf(t *testing.T, r *Run) (all []float64) {
	t.Helper()
	for _, line := range losses(t, r.Dir) {
		all = append(all, line["loss"].(float64))
	}
	return all
}

// A gate with dropout that was stopped goes on bit for bit, as what is dropped is
// a function of the step and not of a generator's state.
func TestDropoutResumesExactly(t *testing.T) {
	b, a := goBackend(t), newArmo(t)
	change := func(gate *spec.Model, train *spec.Train) {
		gate.Dropout = 0.3
		train.Steps, train.Save = 12, 4
	}
	whole := gateRun(t, b, a, change)
	execute(t, whole)
	r := gateRun(t, b, a, change)
	r.Steps = 6
	execute(t, r)
	r.Steps, r.Resume = 0, true
	afresh(r)
	execute(t, r)
	want := lossesOf(t, whole)
	for i, loss := range lossesOf(t, r) {
		if loss != want[i] {
			t.Errorf("step %d: %v after going on, %v without", i+1, loss, want[i])
		}
	}
	still := gateRun(t, b, a, func(gate *spec.Model, train *spec.Train) { train.Steps = 12 })
	execute(t, still)
	if without := lossesOf(t, still); without[3] == want[3] {
		t.Error("dropout changes nothing")
	}
}

// Devices change nothing either: neither what is drawn nor what is dropped.
func TestMeshDropsTheSame(t *testing.T) {
	b, a := xla(t), newArmo(t)
	change := func(gate *spec.Model, train *spec.Train) {
		gate.Dropout = 0.3
		train.Batch, train.Steps = 7, 3 // a batch that does not divide
	}
	one, two := gateRun(t, b, a, change), gateRun(t, b, a, change)
	two.Program.Mesh = spec.Mesh{Devices: 2}
	execute(t, one)
	execute(t, two)
	want := lossesOf(t, one)
	for i, got := range lossesOf(t, two) {
		if math.Abs(got-want[i]) > 1e-5 {
			t.Errorf("step %d: %v on two devices, %v on one", i+1, got, want[i])
		}
	}
}

// A2: what is trained through probe and transform is what is scored through them.
// The loss of a step over all training pairs is that of the scores the reward
// gives them; the reference trained and scored without its transform.
func TestA2TransformIsTrainedAndScored(t *testing.T) {
	a := newArmo(t)
	r := gateRun(t, goBackend(t), a, func(_ *spec.Model, train *spec.Train) {
		train.Steps, train.Epochs, train.Order, train.Batch, train.Optimizer.LR = 0, 1, "listed", 1000, 0
	})
	evaluate := spec.Evaluate{Name: "armo", Data: "prefs", Part: "train", Batch: 16}
	r.Program.Stages = append(r.Program.Stages, program.EvaluateReward("armo", a.prefs, evaluate))
	execute(t, r)
	loss := lossesOf(t, r)
	if got := r.Results[0].LogLoss; len(loss) != 1 || math.Abs(got-loss[0]) > 1e-6 {
		t.Errorf("trained with a loss of %v, scored with %v", loss, got)
	}
	plain := a.run(t, goBackend(t), false)
	plain.Dir, plain.Program.Stages = r.Dir, r.Program.Stages
	plain.Program.Rewards[0].Models = r.Program.Rewards[0].Models
	if err := plain.Evaluate(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := plain.Results[0].LogLoss; math.Abs(got-loss[0]) < 1e-4 {
		t.Errorf("without the transform the scores are the same: %v", got)
	}
}

// A gate of several outputs has no score of its own, and so no accuracy.
func TestGateHasNoAccuracy(t *testing.T) {
	r := gateRun(t, goBackend(t), newArmo(t), func(_ *spec.Model, train *spec.Train) { train.Steps = 2 })
	execute(t, r)
	for _, line := range losses(t, r.Dir) {
		if line["accuracy"] != nil || line["margin"] != nil || line["mean_reward"] != nil {
			t.Errorf("accuracy %v, margin %v, mean reward %v", line["accuracy"], line["margin"], line["mean_reward"])
		}
	}
}

// A constant trained on ratings becomes the mean of those that are known: a
// missing one weighs nothing.
func TestRatingsAreMasked(t *testing.T) {
	a := newArmo(t)
	constant := spec.Model{Name: "mean", Kind: "mlp", Outputs: 2, Axis: "attribute", Labels: []string{"helpful", "brief"}}
	train := a.train
	train.Name, train.Data, train.Steps, train.Batch, train.Order = "mean", "ratings", 300, 64, "shuffle"
	train.Schedule = spec.Schedule{Kind: "cosine"}
	squares := func(b *op.Batch) op.Objective {
		error2 := op.Where(b.Known(), op.Square(op.Sub(b.Model("mean", "response"), b.Rating())), op.Real(0))
		return op.Objective{Loss: op.Div(op.Sum(error2, "row", "attribute"), op.Sum(b.Known(), "row", "attribute"))}
	}
	r := a.run(t, goBackend(t), false)
	r.Program.Rewards = nil
	r.Program.Stages = []program.Stage{program.Train(constant, a.ratings, train, squares)}
	execute(t, r)
	set, err := r.Set(context.Background(), constant, a.ratings)
	if err != nil {
		t.Fatal(err)
	}
	weights, err := model.ReadSafetensors(filepath.Join(r.Dir, "model", rundir.WeightsFile), "")
	if err != nil {
		t.Fatal(err)
	}
	got := weights["layers.0.bias"].Value().([]float32)
	for k, name := range set.Attributes {
		total, known := 0.0, 0.0
		for _, e := range set.Train {
			if x := float64(e.Columns[k]); !math.IsNaN(x) {
				total, known = total+x, known+1
			}
		}
		if known == 0 || known == float64(len(set.Train)) && name == "brief" || math.Abs(float64(got[k])-total/known) > 0.02 {
			t.Errorf("%s is %v, and the mean of %v ratings out of %d is %v", name, got[k], known, len(set.Train), total/known)
		}
	}
}

// What decides a training, fits above all, is told by its checkpoint.
func TestResumeWithAnotherFit(t *testing.T) {
	b, a := goBackend(t), newArmo(t)
	change := func(_ *spec.Model, train *spec.Train) { train.Steps, train.Save = 4, 2 }
	r := gateRun(t, b, a, change)
	r.Steps = 2
	execute(t, r)
	a.probe.Alphas = []float64{1e4}
	other := gateRun(t, b, a, change)
	other.Dir, other.Resume = r.Dir, true
	if err := other.Execute(context.Background()); err == nil || !strings.Contains(err.Error(), "fit.probe was") {
		t.Errorf("going on with another probe: %v", err)
	}
}

// An objective that reads a network which nothing trained says so.
func TestNetworkThatIsNotTrained(t *testing.T) {
	a := newArmo(t)
	r := a.run(t, goBackend(t), false)
	r.Program.Rewards = nil
	train := a.train
	train.Name, train.Steps = "gate", 1
	r.Program.Stages = []program.Stage{program.Fit(a.probe, a.ratings), program.Train(a.gate, a.prefs, train, gatedBy("flat", false))}
	err := r.Execute(context.Background())
	if err == nil || !strings.Contains(err.Error(), "the objective reads the model flat") || !strings.Contains(err.Error(), "train gate on prefs") {
		t.Errorf("got %v", err)
	}
}

// A10: the reference keeps the weights of its last step, whatever they are. Here
// rows kept apart say which are kept; also where the run was stopped between, and
// the best step was before that.
func TestA10BestStepIsKept(t *testing.T) {
	b, a := goBackend(t), newArmo(t)
	// A head cannot tell the domains apart, and at this rate it wanders.
	run := func() *Run {
		r := a.run(t, b, false)
		train := a.train
		train.Name, train.Steps, train.Save, train.Batch, train.Optimizer.LR = "bt", 20, 2, 3, 1
		train.Validate = spec.Split{Kind: "holdout", Fraction: 0.25, By: "prompt"}
		loss := func(b *op.Batch) op.Objective {
			return op.Objective{Loss: op.Mean(op.Neg(op.LogSigmoid(op.Sub(b.Score("bt", "chosen"), b.Score("bt", "rejected")))), "pair")}
		}
		r.Program.Rewards, r.Program.Stages = nil, []program.Stage{program.Train(a.bt, a.prefs, train, loss)}
		return r
	}
	whole := run()
	execute(t, whole)
	best, lowest := 0, math.Inf(1)
	var last float64
	for _, line := range losses(t, whole.Dir) {
		step := int(line["step"].(float64))
		loss, measured := line["validation_loss"].(float64)
		if measured != (step%2 == 0) {
			t.Errorf("step %d: measured %v", step, measured)
		}
		if measured && loss < lowest {
			best, lowest = step, loss
		}
		last = loss
	}
	if best == 20 || !(last > lowest) {
		t.Fatalf("the best step is %d of 20, with %v, and the last has %v: nothing to tell", best, lowest, last)
	}
	weights := func(r *Run) []float32 {
		all, err := model.ReadSafetensors(filepath.Join(r.Dir, "model", rundir.WeightsFile), "")
		if err != nil {
			t.Fatal(err)
		}
		return all["layers.0.weight"].Value().([][]float32)[0]
	}
	stopped := run()
	stopped.Steps = best
	execute(t, stopped)
	at := weights(stopped)
	for _, steps := range []int{best + 3, 0} { // stopped again after the best, and to the end
		stopped.Steps, stopped.Resume = steps, true
		afresh(stopped)
		execute(t, stopped)
		if got := weights(stopped); !same(got, at) {
			t.Errorf("%d steps: the weights are not those of step %d", steps, best)
		}
	}
	if got := weights(whole); !same(got, at) {
		t.Errorf("the weights of the run that went through are not those of step %d", best)
	}
	// The loss that chose them is the loss that they have.
	s := whole.Program.Stages[0]
	tr := started(t, whole, s)
	if got, err := tr.stepper.Measure(tr.validation); err != nil || math.Abs(got-lowest) > 1e-6 {
		t.Errorf("the model kept has a loss of %v, want %v: %v", got, lowest, err)
	}
	for _, e := range tr.validation {
		for _, other := range tr.examples {
			if e.Prompt == other.Prompt {
				t.Fatalf("row %d is kept apart and row %d of its prompt is not", e.Row+1, other.Row+1)
			}
		}
	}
}

// started is a train stage before its first step.
func started(t *testing.T, r *Run, s program.Stage) *training {
	t.Helper()
	tr, err := r.begin(t.Context(), s)
	if err == nil {
		err = tr.start(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func same(x, y []float32) bool {
	for i := range x {
		if x[i] != y[i] {
			return false
		}
	}
	return len(x) == len(y)
}

// Dropout is off where a loss is measured: two measurements agree, and with that
// of the network without dropout.
func TestValidationHasNoDropout(t *testing.T) {
	b, a := goBackend(t), newArmo(t)
	measured := func(dropout float64) float64 {
		r := gateRun(t, b, a, func(gate *spec.Model, train *spec.Train) {
			gate.Dropout, train.Validate = dropout, spec.Split{Kind: "holdout", Fraction: 0.25, By: "row"}
		})
		s := r.Program.Stages[2]
		r.Program.Stages = r.Program.Stages[:2]
		execute(t, r)
		tr := started(t, r, s)
		loss, err := tr.stepper.Measure(tr.validation)
		if err != nil {
			t.Fatal(err)
		}
		return loss
	}
	if with, without := measured(0.5), measured(0); with != without {
		t.Errorf("%v with dropout, %v without", with, without)
	}
}

// What is measured is of all rows kept apart, however many go through at once,
// also where the loss is a statistic of them.
func TestValidationIsOfAllRows(t *testing.T) {
	b, base, pairs := goBackend(t), tinyModel(t), tinyAnswers(t, 40, 8)
	for name, objective := range map[string]func(*op.Batch) op.Objective{"odin": odin, "bradley-terry": bradleyTerry} {
		var want float64
		for i, c := range [][2]int{{40, 40}, {8, 8}, {8, 3}} { // batch, micro
			r := statisticRun(t, b, base, pairs, objective, c[1])
			s := r.Program.Stages[0]
			s.Train.Batch, s.Train.Validate = c[0], spec.Split{Kind: "holdout", Fraction: 0.5, By: "row"}
			tr := started(t, r, s)
			got, err := tr.stepper.Measure(tr.validation)
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				want = got
			}
			if math.Abs(got-want) > 1e-5 {
				t.Errorf("%s, batch %d, micro %d: %v, want %v", name, c[0], c[1], got, want)
			}
		}
	}
}

func TestValidateThatKeepsNothing(t *testing.T) {
	r := gateRun(t, goBackend(t), newArmo(t), func(_ *spec.Model, train *spec.Train) {
		train.Validate = spec.Split{Kind: "holdout", Fraction: 1e-6, By: "prompt"}
	})
	err := r.Execute(context.Background())
	if err == nil || errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "validate keeps 0 of the") {
		t.Errorf("got %v", err)
	}
}
