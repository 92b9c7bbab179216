package trainer

import (
	"bytes"
	"fmt"
	"io"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/checkpoint"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/safetensors"
)

// keepApart divides the training part into what is trained on and what the
// training is measured by.
func (t *training) keepApart() error {
	v := t.stage.Train.Validate
	if v.Kind != "holdout" {
		t.examples = t.set.Train
		return nil
	}
	for _, e := range t.set.Train {
		if v.HeldOut("validate", e.Group(v), t.stage.Train.Seed) {
			t.validation = append(t.validation, e)
		} else {
			t.examples = append(t.examples, e)
		}
	}
	if len(t.validation) == 0 || len(t.examples) == 0 {
		return fmt.Errorf("validate keeps %d of the %d training rows of %s apart and leaves %d to train on: change its fraction, or split by row",
			len(t.validation), len(t.set.Train), t.stage.Data.Name, len(t.examples))
	}
	return nil
}

// validate measures the loss on the examples kept apart, and keeps the
// parameters if it is the lowest so far.
func (t *training) validate() (*float64, error) {
	loss, err := t.stepper.Measure(t.validation)
	if err != nil {
		return nil, fmt.Errorf("measuring the rows kept apart: %w", err)
	}
	if !isFinite(loss) || t.at.Best != nil && loss >= t.at.Best.Loss {
		return &loss, nil
	}
	t.at.Best = &checkpoint.Best{Step: t.at.Step, Loss: loss}
	return &loss, t.copyBest()
}

// copyBest copies the parameters as they are now.
func (t *training) copyBest() error {
	t.best = nil
	for _, p := range t.net.Trained {
		var copied []byte
		if err := t.net.Layout.Read(p.Value, func(b []byte) { copied = bytes.Clone(b) }); err != nil {
			return err
		}
		t.best = append(t.best, copied)
	}
	return nil
}

// takeBest puts the best parameters in place of the last, says so, and returns
// their step; without validation those are the last.
func (t *training) takeBest() (step int, err error) {
	if t.at.Best == nil {
		return t.at.Step, nil
	}
	t.run.Note(fmt.Sprintf("%s: kept step %d of %d, with the lowest loss on the %d rows kept apart: %.4f",
		t.stage.Name(), t.at.Best.Step, t.at.Step, len(t.validation), t.at.Best.Loss))
	for i, p := range t.net.Trained {
		value := tensors.FromShape(shapes.Make(dtypes.Float32, p.Shape...))
		if err := value.MutableBytes(func(b []byte) { copy(b, t.best[i]) }); err != nil {
			return 0, err
		}
		if err := p.Value.Free(); err != nil {
			return 0, err
		}
		if p.Value, err = t.net.Layout.Place(value, p.Axes); err != nil {
			return 0, err
		}
	}
	return t.at.Best.Step, nil
}

// bestPrefix is what a checkpoint calls the best parameters.
const bestPrefix = "best/"

// storedBest is the best parameters as entries of a file.
func (t *training) storedBest() []safetensors.Data {
	var all []safetensors.Data
	for i, p := range t.net.Trained {
		if t.at.Best != nil {
			all = append(all, safetensors.Data{Name: bestPrefix + p.Name, DType: safetensors.F32, Shape: p.Shape,
				Write: func(w io.Writer) error { _, err := w.Write(t.best[i]); return err }})
		}
	}
	return all
}

// restoreBest reads the best parameters of a checkpoint that was resumed.
func (t *training) restoreBest(path string) error {
	if t.at.Best == nil {
		return nil
	}
	state, err := model.ReadSafetensors(path, "")
	if err != nil {
		return err
	}
	t.best = nil
	for _, p := range t.net.Trained {
		value, ok := state[bestPrefix+p.Name]
		if !ok {
			return fmt.Errorf("%s has no %s%s", path, bestPrefix, p.Name)
		}
		var copied []byte
		if err := value.ConstBytes(func(b []byte) { copied = bytes.Clone(b) }); err != nil {
			return err
		}
		t.best = append(t.best, copied)
	}
	return nil
}
