package trainer

import (
	"context"
	"fmt"

	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// features is the backbone of m without its weights: what its hidden states
// depend on and look like.
func (r *Run) features(ctx context.Context, m spec.Model) (*network.Network, error) {
	l, err := r.devices()
	if err != nil {
		return nil, err
	}
	local, err := r.fetch(ctx, "model", m.Base)
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
func (r *Run) backbone(ctx context.Context, m spec.Model) (*network.Network, error) {
	n, err := r.features(ctx, m)
	if err != nil {
		return nil, err
	}
	key := fmt.Sprintf("%s %d %s", n.Digest, m.Depth(), m.DType)
	if opened, ok := r.world.backbones[key]; ok {
		return opened, nil
	}
	local, err := r.fetch(ctx, "model", m.Base)
	if err == nil {
		err = n.AddDecoder(local.Path, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", m.Name, err)
	}
	if r.world.backbones == nil {
		r.world.backbones = map[string]*network.Network{}
	}
	r.world.backbones[key] = n
	return n, nil
}

// freeBackbones takes all but some backbones off the devices.
func (r *Run) freeBackbones(but map[string]*network.Network) {
	for key, n := range r.world.backbones {
		if but[key] == n {
			continue
		}
		n.Free()
		delete(r.world.backbones, key)
	}
}
