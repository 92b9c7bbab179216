package world

import (
	"context"
	"fmt"

	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// Features is the backbone of m without its weights: what its hidden states
// depend on and look like.
func (w *World) Features(ctx context.Context, m spec.Model) (*network.Network, error) {
	l, err := w.Devices()
	if err != nil {
		return nil, err
	}
	local, err := w.Fetch(ctx, "model", m.Base)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", m.Name, err)
	}
	n, err := network.Features(l, m, local.Path)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", m.Name, err)
	}
	n.Digest = digestOf(local)
	return n, nil
}

// backbone puts the frozen decoder of a model on the devices: of an encoder, or
// of a reward model of which only the head is trained. Models with the same base,
// layers and type share it.
func (w *World) backbone(ctx context.Context, m spec.Model) (*network.Network, error) {
	n, err := w.Features(ctx, m)
	if err != nil {
		return nil, err
	}
	key := fmt.Sprintf("%s %d %s", n.Digest, m.Depth(), m.DType)
	if opened, ok := w.backbones[key]; ok {
		return opened, nil
	}
	local, err := w.Fetch(ctx, "model", m.Base)
	if err == nil {
		err = n.AddDecoder(local.Path, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", m.Name, err)
	}
	if w.backbones == nil {
		w.backbones = map[string]*network.Network{}
	}
	w.backbones[key] = n
	return n, nil
}

// freeBackbones takes all but some backbones off the devices.
func (w *World) freeBackbones(but map[string]*network.Network) {
	for key, n := range w.backbones {
		if but[key] == n {
			continue
		}
		n.Free()
		delete(w.backbones, key)
	}
}

// Frozen is a model that a stage reads beside the one that it trains: as an
// earlier stage left it or, where none trains it, as it is declared.
func (w *World) Frozen(ctx context.Context, name string) (*network.Network, error) {
	s, err := w.Program.Trains(name)
	if err == nil {
		return w.TrainedNetwork(ctx, s.Model)
	}
	for _, m := range w.Program.Models {
		if m.Name == name {
			return w.Network(ctx, m)
		}
	}
	return nil, err
}

// SizeOf is the size of the hidden states that a network reads.
func (w *World) SizeOf(ctx context.Context, n *network.Network) (int, error) {
	if n.Decoder != nil {
		return n.Decoder.Config.Hidden, nil
	}
	m, err := w.Program.Reads(n.Model)
	if err != nil {
		return 0, err
	}
	f, err := w.Features(ctx, m)
	if err != nil {
		return 0, err
	}
	return f.Decoder.Config.Hidden, nil
}
