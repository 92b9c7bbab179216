package trainer

import (
	"context"
	"fmt"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/spec"
)

func (r *Run) label(ctx context.Context, s Stage) (reused bool, err error) {
	return false, fmt.Errorf("not yet")
}

// relabelled is the pairs of a label's base with the sides that the judge gave
// them; those without a preference are left out.
func (r *Run) relabelled(ctx context.Context, m spec.Model, d spec.Data) (*data.Set, error) {
	set, err := r.set(ctx, m, r.unlabelled(d))
	if err != nil {
		return nil, err
	}
	preferences, err := r.preferences(d.Label)
	if err != nil {
		return nil, err
	}
	out, err := data.Relabel(set, preferences)
	if err != nil {
		return nil, fmt.Errorf("data %s: %w", d.Name, err)
	}
	return out, nil
}

// preferences is what the judge of a label said, by row.
func (r *Run) preferences(label string) (map[int]int8, error) {
	return nil, fmt.Errorf("not yet")
}

// unlabelled is the data whose pairs are judged for d; d itself where the rows
// say which side is preferred.
func (r *Run) unlabelled(d spec.Data) spec.Data {
	for _, s := range r.Program.Stages {
		if s.Kind == "label" && s.Label.Name == d.Label {
			return s.Data
		}
	}
	return d
}
