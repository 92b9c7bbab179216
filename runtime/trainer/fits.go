package trainer

import (
	"context"
	"fmt"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/fitted"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/world"
)

// fit computes a fit, or takes what an earlier run computed from the same
// inputs. It reports which.
func (r *Run) fit(ctx context.Context, s program.Stage) (reused bool, err error) {
	m, err := r.Program.ReadBy(s)
	if err != nil {
		return false, err
	}
	set, err := r.Set(ctx, m, s.Data)
	if err != nil {
		return false, err
	}
	inputs, err := r.fitInputs(ctx, s, m, set)
	if err != nil {
		return false, err
	}
	if f, err := r.KeptFit(s); err == nil && f.Inputs == inputs {
		r.Remember(f)
		r.Note(fmt.Sprintf("%s: as computed before, from %s", s.Name(), r.FitFolder(s.Fit.Name)))
		return true, nil
	}
	hidden, err := r.HiddenOf(ctx, m, s.Data, world.ResponsesOf(s.Data, set.Train))
	if err != nil {
		return false, err
	}
	below, err := r.FittedAll(s.Fit.Of[1:])
	if err != nil {
		return false, err
	}
	f, err := fitted.New(s, set, hidden, below, inputs)
	if err != nil {
		return false, err
	}
	if err := f.Keep(r.FitFolder(s.Fit.Name)); err != nil {
		return false, fmt.Errorf("keeping what was fitted: %w", err)
	}
	r.Remember(f)
	for _, line := range f.Summary() {
		r.Note(fmt.Sprintf("%s: %s", s.Name(), line))
	}
	return false, nil
}

// fitInputs is a digest of all that a fit depends on.
func (r *Run) fitInputs(ctx context.Context, s program.Stage, m spec.Model, set *data.Set) (string, error) {
	f, err := r.Features(ctx, m)
	if err != nil {
		return "", err
	}
	below, err := r.FittedAll(s.Fit.Of[1:])
	if err != nil {
		return "", err
	}
	return fitted.Inputs(s, m, f.Digest, below, set), nil
}
