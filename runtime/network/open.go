package network

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"

	"github.com/rmc-lang/rmc/runtime/arch"
	"github.com/rmc-lang/rmc/runtime/mesh"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// Open loads the model at path and puts it on the devices, with adapters
// and head as a fresh training starts: a pure function of m and seed. Of a model
// of which only the head is trained it is the head alone; of an encoder, which
// has none, the frozen decoder; of a policy the decoder with its language head and
// its learnable numbers.
func Open(l *mesh.Layout, m spec.Model, path string, seed int) (*Network, error) {
	config, err := arch.Load(path)
	if err != nil {
		return nil, err
	}
	n := &Network{Model: m, Layout: l, Decoder: &model.Decoder{Config: config, Checkpoint: m.Tune.Checkpoint}}
	if m.Tune.Kind == "lora" {
		n.Decoder.LoRA = LoRA(m)
	}
	if m.Tune.Kind != "head" {
		if err := n.AddDecoder(path, seed); err != nil {
			return nil, err
		}
	}
	if m.Kind != "encoder" && m.Kind != "policy" {
		err = n.addHead(path, seed)
	}
	if err != nil {
		return nil, err
	}
	return n, n.addAll(model.ScalarParameters(m.Scalars.Map), model.InitScalars(m.Scalars.Map), true)
}

// AddDecoder loads the layers, trained or frozen, and makes adapters.
func (n *Network) AddDecoder(path string, seed int) error {
	m, config, trained := n.Model, n.Decoder.Config, n.Model.Tune.Kind == "full"
	stored := BackboneType(m)
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
	lora := n.Decoder.LoRA
	if lora == nil {
		return nil
	}
	return n.addAll(lora.Parameters(config, m.Depth()), lora.Init(config, m.Depth(), seed), true)
}

// layers are the parameters of the layers that are read and, of a policy, of its
// language head.
func (n *Network) layers() []arch.Param {
	all := n.Decoder.Config.ParametersTo(n.Model.Depth())
	if head, ok := n.Decoder.Language(); ok && n.Model.Kind == "policy" {
		all = append(all, head)
	}
	return all
}

// addHead makes the head, or loads the base's own.
func (n *Network) addHead(path string, seed int) error {
	h, config := n.Model.Head, n.Decoder.Config
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
func (n *Network) addAll(all []arch.Param, from model.Weights, trained bool) error {
	for _, p := range all {
		if err := n.add(p, from, trained); err != nil {
			return err
		}
	}
	return nil
}

// Features is the backbone of m without its weights: what its hidden states
// depend on and look like.
func Features(l *mesh.Layout, m spec.Model, path string) (*Network, error) {
	config, err := arch.Load(path)
	if err != nil {
		return nil, err
	}
	return &Network{Model: encoderOf(m), Layout: l, Decoder: &model.Decoder{Config: config}}, nil
}

// Free takes a network off the devices.
func (n *Network) Free() {
	for _, p := range n.Parameters() {
		_ = p.Value.Free() // what is not freed now is when it is collected
	}
	n.Forget()
}

// Forget drops what was compiled for it.
func (n *Network) Forget() {
	for _, f := range n.forwards {
		f.Free()
	}
	n.forwards = nil
}

// encoderOf is the frozen backbone of m as an encoder.
func encoderOf(m spec.Model) spec.Model {
	return spec.Model{Name: m.Name, Kind: "encoder", Base: m.Base, Layer: m.Depth(), DType: m.DType, Shard: m.Shard}
}

// IsFrozen reports whether the hidden states of m never change.
func IsFrozen(m spec.Model) bool { return m.Kind == "encoder" || m.Tune.Kind == "head" }

// LoRA is the adapter that m trains.
func LoRA(m spec.Model) *model.LoRA {
	return &model.LoRA{Rank: m.Tune.Rank, Alpha: m.Tune.Alpha, On: m.Tune.On}
}

// BackboneType is what the layers of m compute in.
func BackboneType(m spec.Model) dtypes.DType {
	if m.DType == "bfloat16" {
		return dtypes.BFloat16
	}
	return dtypes.Float32
}

// add puts a parameter on the devices.
func (n *Network) add(p arch.Param, from model.Weights, trained bool) error {
	value, ok := from[p.Name]
	if !ok {
		return fmt.Errorf("the recipe wants %s %v, which its base has not", p.Name, p.Shape)
	}
	if dims := value.Shape().Dimensions; !slices.Equal(dims, p.Shape) {
		return fmt.Errorf("%s is %v in the base; the recipe's head is %v", p.Name, dims, p.Shape)
	}
	placed := &Weight{Param: p, dtype: value.DType(), Axes: n.placement(p)}
	var err error
	if placed.Value, err = n.Layout.Place(value, placed.Axes); err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	if trained {
		n.Trained = append(n.Trained, placed)
	} else {
		n.Frozen = append(n.Frozen, placed)
	}
	return nil
}

// placement is the recipe's where it speaks of p, else the runtime's policy.
func (n *Network) placement(p arch.Param) mesh.Axes {
	if placed, ok := n.Model.Placed(p.Name); ok {
		return placed
	}
	return mesh.Axes(arch.Sharding(p, n.Layout.FSDP, n.Layout.Tensor).Axes)
}

// IsAdapter reports whether a parameter of a name is of a low-rank adapter.
func IsAdapter(name string) bool { return strings.Contains(name, ".lora_") }

// OpenMLP puts a small network on the devices as a fresh training starts: a pure
// function of m and seed. hidden is the size of what it reads.
func OpenMLP(l *mesh.Layout, m spec.Model, hidden, seed int) (*Network, error) {
	n := &Network{Model: m, Layout: l, MLP: mlpOf(m, hidden)}
	weights := n.MLP.Init(seed)
	for _, p := range n.MLP.Parameters() {
		if err := n.add(p, weights, true); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// mlpOf is the network that m describes over hidden states of a size.
func mlpOf(m spec.Model, hidden int) *model.MLP {
	if m.Input == "" {
		hidden = 0
	}
	return &model.MLP{In: hidden, Hidden: m.Hidden, Outputs: m.Outputs, Activation: m.Activation,
		Dropout: m.Dropout, Bias: m.Bias, Scalars: m.Scalars.Map}
}
