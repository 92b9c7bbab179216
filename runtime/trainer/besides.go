package trainer

import (
	"context"

	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/optim"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/terms"
)

// asideOf opens what the objective of a train stage reads besides the model that
// is trained.
func (r *Run) asideOf(ctx context.Context, s program.Stage, trained *network.Network, batch terms.Shape, hidden int) (*optim.Aside, error) {
	a, err := optim.AsideOf(s, trained, batch, hidden, optim.Opener{
		Network: func(name string) (*network.Network, error) { return r.Frozen(ctx, name) },
		Fit:     r.FitParts,
	})
	if err != nil {
		return nil, err
	}
	for _, n := range a.Networks {
		if n.Decoder == nil {
			continue
		}
		if err := r.SameTokens(ctx, trained.Model, n.Model, s.Data); err != nil {
			return nil, err
		}
	}
	return a, nil
}
