package trainer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"

	"github.com/rmc-lang/rmc/runtime/arch"
	"github.com/rmc-lang/rmc/runtime/mesh"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// openNetwork loads the model at path and puts it on the devices, with adapters
// and head as a fresh training starts: a pure function of m and seed. Of a model
// of which only the head is trained it is the head alone; of an encoder, which
// has none, the frozen decoder; of a policy the decoder with its language head.
func openNetwork(l *mesh.Layout, m spec.Model, path string, seed int) (*network, error) {
	config, err := arch.Load(path)
	if err != nil {
		return nil, err
	}
	n := &network{model: m, layout: l, decoder: &model.Decoder{Config: config, Checkpoint: m.Tune.Checkpoint}}
	if m.Tune.Kind == "lora" {
		n.decoder.LoRA = lora(m)
	}
	if m.Tune.Kind != "head" {
		if err := n.addDecoder(path, seed); err != nil {
			return nil, err
		}
	}
	if m.Kind != "encoder" && m.Kind != "policy" {
		err = n.addHead(path, seed)
	}
	return n, err
}

// addDecoder loads the layers, trained or frozen, and makes adapters.
func (n *network) addDecoder(path string, seed int) error {
	m, config, trained := n.model, n.decoder.Config, n.model.Tune.Kind == "full"
	stored := backboneType(m)
	if trained {
		stored = dtypes.Float32 // the masters, which are what is trained
	}
	weights, err := model.Load(path, config, model.Options{DType: stored, Layers: m.Depth(), LMHead: m.Kind == "policy"})
	if err != nil {
		return err
	}
	if err := n.addAll(n.layers(), weights, trained); err != nil {
		return err
	}
	lora := n.decoder.LoRA
	if lora == nil {
		return nil
	}
	return n.addAll(lora.Parameters(config, m.Depth()), lora.Init(config, m.Depth(), seed), true)
}

// layers are the parameters of the layers that are read and, of a policy, of its
// language head.
func (n *network) layers() []arch.Param {
	all := n.decoder.Config.ParametersTo(n.model.Depth())
	if head, ok := n.decoder.Language(); ok && n.model.Kind == "policy" {
		all = append(all, head)
	}
	return all
}

// addHead makes the head, or loads the base's own.
func (n *network) addHead(path string, seed int) error {
	h, config := n.model.Head, n.decoder.Config
	weights := model.InitScore(config, h.Outputs, h.Bias, h.Init, seed)
	if h.Init == "keep" {
		var err error
		if weights, err = model.Load(path, config, model.Options{DType: dtypes.Float32, Layers: 0, Score: true}); err != nil {
			return err
		}
	}
	return n.addAll(config.ScoreParameters(h.Outputs, h.Bias), weights, true)
}

// addAll puts parameters on the devices.
func (n *network) addAll(all []arch.Param, from model.Weights, trained bool) error {
	for _, p := range all {
		if err := n.add(p, from, trained); err != nil {
			return err
		}
	}
	return nil
}

// features is the backbone of m without its weights: what its hidden states
// depend on and look like.
func (r *Run) features(ctx context.Context, m spec.Model) (*network, error) {
	l, err := r.devices()
	if err != nil {
		return nil, err
	}
	local, err := r.fetch(ctx, "model", m.Base)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", m.Name, err)
	}
	config, err := arch.Load(local.Path)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", m.Name, err)
	}
	return &network{model: encoderOf(m), layout: l, decoder: &model.Decoder{Config: config}, digest: digestOf(local)}, nil
}

// backbone puts the frozen decoder of a model on the devices: of an encoder, or
// of a reward model of which only the head is trained. Models with the same base,
// layers and type share it.
func (r *Run) backbone(ctx context.Context, m spec.Model) (*network, error) {
	n, err := r.features(ctx, m)
	if err != nil {
		return nil, err
	}
	key := fmt.Sprintf("%s %d %s", n.digest, m.Depth(), m.DType)
	if opened, ok := r.world.backbones[key]; ok {
		return opened, nil
	}
	local, err := r.fetch(ctx, "model", m.Base)
	if err == nil {
		err = n.addDecoder(local.Path, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", m.Name, err)
	}
	if r.world.backbones == nil {
		r.world.backbones = map[string]*network{}
	}
	r.world.backbones[key] = n
	return n, nil
}

// freeBackbones takes all but some backbones off the devices.
func (r *Run) freeBackbones(but map[string]*network) {
	for key, n := range r.world.backbones {
		if but[key] == n {
			continue
		}
		for _, p := range n.parameters() {
			_ = p.value.Free() // what is not freed now is when it is collected
		}
		for _, f := range n.forwards {
			f.Free()
		}
		delete(r.world.backbones, key)
	}
}

// encoderOf is the frozen backbone of m as an encoder.
func encoderOf(m spec.Model) spec.Model {
	return spec.Model{Name: m.Name, Kind: "encoder", Base: m.Base, Layer: m.Depth(), DType: m.DType, Shard: m.Shard}
}

// isFrozen reports whether the hidden states of m never change.
func isFrozen(m spec.Model) bool { return m.Kind == "encoder" || m.Tune.Kind == "head" }

// lora is the adapter that m trains.
func lora(m spec.Model) *model.LoRA {
	return &model.LoRA{Rank: m.Tune.Rank, Alpha: m.Tune.Alpha, On: m.Tune.On}
}

// backboneType is what the layers of m compute in.
func backboneType(m spec.Model) dtypes.DType {
	if m.DType == "bfloat16" {
		return dtypes.BFloat16
	}
	return dtypes.Float32
}

// add puts a parameter on the devices.
func (n *network) add(p arch.Param, from model.Weights, trained bool) error {
	value, ok := from[p.Name]
	if !ok {
		return fmt.Errorf("the recipe wants %s %v, which its base has not", p.Name, p.Shape)
	}
	if dims := value.Shape().Dimensions; !slices.Equal(dims, p.Shape) {
		return fmt.Errorf("%s is %v in the base; the recipe's head is %v", p.Name, dims, p.Shape)
	}
	placed := &parameter{Param: p, dtype: value.DType(), axes: n.placement(p)}
	var err error
	if placed.value, err = n.layout.Place(value, placed.axes); err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	if trained {
		n.trained = append(n.trained, placed)
	} else {
		n.frozen = append(n.frozen, placed)
	}
	return nil
}

// placement is the recipe's where it speaks of p, else the runtime's policy.
func (n *network) placement(p arch.Param) mesh.Axes {
	if placed, ok := n.model.Placed(p.Name); ok {
		return placed
	}
	return mesh.Axes(arch.Sharding(p, n.layout.FSDP, n.layout.Tensor).Axes)
}

func isAdapter(name string) bool { return strings.Contains(name, ".lora_") }
