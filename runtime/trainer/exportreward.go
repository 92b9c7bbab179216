package trainer

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/arch"
	"github.com/rmc-lang/rmc/runtime/export"
	"github.com/rmc-lang/rmc/runtime/fit"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/rewards"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// ofReward makes e the export of a reward.
func (e *exporting) ofReward(reward program.Reward) error {
	d, m, err := e.Program.RewardReads(reward)
	if err != nil {
		return err
	}
	e.Name, e.Data, e.Model = reward.Name, d, m
	if e.Contract, err = e.run.RewardContract(e.in.ctx, reward); err != nil {
		return err
	}
	switch m.Kind {
	case "reward":
		return e.oneHead(reward)
	case "policy":
		return e.ofPolicy(reward)
	}
	e.Reward = &export.Reward{Of: reward}
	if reward.Fit == "" {
		return e.formulaParts(reward)
	}
	f, err := e.run.Fitted(reward.Fit)
	if err != nil {
		return err
	}
	return e.fitParts(append(slices.Clone(f.Stage.Fit.Of[1:]), reward.Fit))
}

// oneHead makes an ordinary classifier with one output of a reward that is one
// output of its model's head as it is.
func (e *exporting) oneHead(reward program.Reward) error {
	s, err := e.Program.Trains(e.Model.Name)
	if err != nil {
		return err
	}
	e.About = fmt.Sprintf("the reward %s of %s on %s", reward.Name, s.Name(), e.Program.SourcesOf(s.Data))
	if e.Trained, err = e.run.TrainedWeights(e.Model); err != nil {
		return err
	}
	output := slices.Index(e.Model.Head.Labels, reward.Head)
	if output < 0 {
		if output, err = e.run.sameAsHead(e.in.ctx, reward, e.Model); err != nil {
			return err
		}
	}
	e.Model.Head.Outputs, e.Model.Head.Labels = 1, nil
	for _, name := range []string{arch.ScoreWeight, arch.ScoreBias} {
		if w, ok := e.Trained[name]; ok {
			if e.Trained[name], err = oneRow(w, output); err != nil {
				return err
			}
		}
	}
	return nil
}

// oneRow is row i of an array, still with that axis.
func oneRow(w *tensors.Tensor, i int) (*tensors.Tensor, error) {
	flat, err := tensors.CopyFlatData[float32](w)
	if err != nil {
		return nil, err
	}
	dims := slices.Clone(w.Shape().Dimensions)
	size := len(flat) / dims[0]
	dims[0] = 1
	return tensors.FromFlatDataAndDimensions(flat[i*size:(i+1)*size], dims...), nil
}

// sameAsHead is the output of a model's head that a reward's formula gives: what
// both say of some hidden states is compared.
func (r *Run) sameAsHead(ctx context.Context, reward program.Reward, m spec.Model) (int, error) {
	f, err := r.Formula(ctx, reward)
	if err != nil {
		return 0, err
	}
	net := f.Networks[0]
	const rows = 8
	h := fit.Zeros[float32](rows, net.Decoder.Config.Hidden)
	random := rand.New(rand.NewPCG(0, 0))
	for i := range h.Data {
		h.Data[i] = float32(random.NormFloat64())
	}
	said, err := f.Say(ctx, make([]rewards.Answered, h.Rows), h, fit.Matrix[float32]{})
	if err != nil {
		return 0, err
	}
	outputs, _, err := r.OutputsOf(ctx, m, h)
	if err != nil {
		return 0, err
	}
	for k := range outputs.Cols {
		if slices.Equal(outputs.Column(k), said.Scores) {
			return k, nil
		}
	}
	return 0, fmt.Errorf("the reward %s is computed from the outputs of %s, and no sequence classifier of transformers does that; export --model %s writes the model with all its outputs",
		reward.Name, m.Name, m.Name)
}

// formulaParts lists what a reward's formula reads.
func (e *exporting) formulaParts(reward program.Reward) error {
	f, err := e.run.Formula(e.in.ctx, reward)
	if err != nil {
		return err
	}
	size, err := e.run.Features(e.in.ctx, e.Model)
	if err != nil {
		return err
	}
	// A graph says what it reads when it is built.
	h := fit.Zeros[float32](1, size.Decoder.Config.Hidden)
	if _, err := f.Say(e.in.ctx, make([]rewards.Answered, 1), h, h); err != nil {
		return err
	}
	e.Reward.Networks = f.Networks
	return e.fitParts(f.Reads)
}

// fitParts opens fits in the order of the program, which is that of what reads
// what.
func (e *exporting) fitParts(names []string) error {
	for _, s := range e.Program.Stages {
		if s.Kind != "fit" || !slices.Contains(names, s.Fit.Name) {
			continue
		}
		f, err := e.run.Fitted(s.Fit.Name)
		if err != nil {
			return err
		}
		part, err := f.Part()
		if err != nil {
			return err
		}
		e.Reward.Fits = append(e.Reward.Fits, part)
	}
	return nil
}

// ofPolicy makes e the export of the policy that a reward reads: what it says of
// tokens is the model's, and what a reward makes of it and by which learnt numbers,
// the card tells.
func (e *exporting) ofPolicy(reward program.Reward) error {
	s, err := e.Program.Trains(e.Model.Name)
	if err != nil {
		return err
	}
	e.About = fmt.Sprintf("%s, for the reward %s = %s", s.Name(), reward.Name, e.Program.FormulaText(reward.Name))
	if e.Trained, err = e.run.TrainedWeights(e.Model); err != nil {
		return err
	}
	n, err := e.run.Frozen(e.in.ctx, e.Model.Name)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(e.Model.Scalars.Map)) {
		value, err := n.Scalar(name)
		if err != nil {
			return err
		}
		e.About += fmt.Sprintf("; %s = %v", name, value)
	}
	return nil
}
