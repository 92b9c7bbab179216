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
		Network: func(name string) (*network.Network, error) { return r.frozen(ctx, name) },
		Fit:     r.fitParts,
	})
	if err != nil {
		return nil, err
	}
	for _, n := range a.Networks {
		if n.Decoder == nil {
			continue
		}
		if err := r.sameTokens(ctx, trained.Model, n.Model, s.Data); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// frozen is a model that a stage reads beside the one that it trains: as an
// earlier stage left it or, where none trains it, as it is declared.
func (r *Run) frozen(ctx context.Context, name string) (*network.Network, error) {
	s, err := r.Program.Trains(name)
	if err == nil {
		return r.trainedNetwork(ctx, s.Model)
	}
	for _, m := range r.Program.Models {
		if m.Name == name {
			return r.network(ctx, m)
		}
	}
	return nil, err
}

// sizeOf is the size of the hidden states that a network reads.
func (r *Run) sizeOf(ctx context.Context, n *network.Network) (int, error) {
	if n.Decoder != nil {
		return n.Decoder.Config.Hidden, nil
	}
	m, err := r.Program.Reads(n.Model)
	if err != nil {
		return 0, err
	}
	f, err := r.features(ctx, m)
	if err != nil {
		return 0, err
	}
	return f.Decoder.Config.Hidden, nil
}
