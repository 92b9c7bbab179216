package trainer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/fit"
	"github.com/rmc-lang/rmc/runtime/fitted"
	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// fit computes a fit, or takes what an earlier run computed from the same
// inputs. It reports which.
func (r *Run) fit(ctx context.Context, s program.Stage) (reused bool, err error) {
	m, err := r.Program.ReadBy(s)
	if err != nil {
		return false, err
	}
	set, err := r.set(ctx, m, s.Data)
	if err != nil {
		return false, err
	}
	inputs, err := r.fitInputs(ctx, s, m, set)
	if err != nil {
		return false, err
	}
	if f, err := r.keptFit(s); err == nil && f.Inputs == inputs {
		r.remember(f)
		r.note(fmt.Sprintf("%s: as computed before, from %s", s.Name(), r.fitFolder(s.Fit.Name)))
		return true, nil
	}
	hidden, err := r.hiddenOf(ctx, m, s.Data, responsesOf(s.Data, set.Train))
	if err != nil {
		return false, err
	}
	below, err := r.fittedAll(s.Fit.Of[1:])
	if err != nil {
		return false, err
	}
	f, err := fitted.New(s, set, hidden, below, inputs)
	if err != nil {
		return false, err
	}
	if err := f.Keep(r.fitFolder(s.Fit.Name)); err != nil {
		return false, fmt.Errorf("keeping what was fitted: %w", err)
	}
	r.remember(f)
	for _, line := range f.Summary() {
		r.note(fmt.Sprintf("%s: %s", s.Name(), line))
	}
	return false, nil
}

func (r *Run) remember(f *fitted.Fit) {
	if r.world.fits == nil {
		r.world.fits = map[string]*fitted.Fit{}
	}
	r.world.fits[f.Stage.Fit.Name] = f
}

// fitted is a fit of the program, computed in this run or an earlier one.
func (r *Run) fitted(name string) (*fitted.Fit, error) {
	if f, ok := r.world.fits[name]; ok {
		return f, nil
	}
	s, err := r.Program.FindFit(name)
	if err != nil {
		return nil, err
	}
	f, err := r.keptFit(s)
	if err != nil {
		return nil, err
	}
	r.remember(f)
	return f, nil
}

// fittedAll is fits of the program in the order of their names.
func (r *Run) fittedAll(names []string) (all []*fitted.Fit, err error) {
	for _, name := range names {
		f, err := r.fitted(name)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

func (r *Run) fitFolder(name string) string { return filepath.Join(r.Dir, "fits", name) }

// keptFit reads and verifies what a fit stage left.
func (r *Run) keptFit(s program.Stage) (*fitted.Fit, error) {
	f, err := fitted.Read(s, r.fitFolder(s.Fit.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no fit %s; train first, or name another folder with --out", r.Dir, s.Fit.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("the fit %s is damaged: %w; train --force fits it again", s.Fit.Name, err)
	}
	return f, nil
}

// fitInputs is a digest of all that a fit depends on.
func (r *Run) fitInputs(ctx context.Context, s program.Stage, m spec.Model, set *data.Set) (string, error) {
	f, err := r.features(ctx, m)
	if err != nil {
		return "", err
	}
	below, err := r.fittedAll(s.Fit.Of[1:])
	if err != nil {
		return "", err
	}
	return fitted.Inputs(s, m, f.Digest, below, set), nil
}

// responsesOf lists the responses of examples, one after another: their
// sequences, but for the prompt where the data has it as a view.
func responsesOf(d spec.Data, examples []data.Example) []data.Sequence {
	var all []data.Sequence
	for _, e := range examples {
		all = append(all, measure.Responses(d, e)...)
	}
	return all
}

// hiddenOf is the hidden states of sequences of a data set: [sequence, hidden].
func (r *Run) hiddenOf(ctx context.Context, m spec.Model, d spec.Data, all []data.Sequence) (fit.Matrix[float32], error) {
	e, err := r.embeddings(ctx, m, d)
	if err != nil {
		return fit.Matrix[float32]{}, err
	}
	out := fit.Zeros[float32](len(all), e.Size)
	for i, s := range all {
		copy(out.Row(i), e.Of(s))
	}
	return out, nil
}
