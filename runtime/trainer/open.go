package trainer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"

	"github.com/rmc-lang/rmc/runtime/arch"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// openNetwork loads the model at path and puts it on the devices, with adapters
// and head as a fresh training starts: a pure function of m and seed.
func openNetwork(l *layout, m spec.Model, path string, seed int) (*network, error) {
	config, err := arch.Load(path)
	if err != nil {
		return nil, err
	}
	n := &network{model: m, layout: l, decoder: &model.Decoder{Config: config, Checkpoint: m.Tune.Checkpoint}}
	if m.Tune.Kind == "lora" {
		n.decoder.LoRA = lora(m)
	}
	stored := backboneType(m)
	if m.Tune.Kind == "full" {
		stored = dtypes.Float32 // the masters, which are what is trained
	}
	keep := m.Head.Init == "keep"
	weights, err := model.Load(path, config, model.Options{DType: stored, Layers: m.Head.Layer, Score: keep})
	if err != nil {
		return nil, err
	}
	fresh := model.InitScore(config, m.Head.Outputs, m.Head.Bias, m.Head.Init, seed)
	if keep {
		fresh = weights
	}
	for _, p := range config.ParametersTo(m.Head.Layer) {
		if err := n.add(p, weights, m.Tune.Kind == "full"); err != nil {
			return nil, err
		}
	}
	if lora := n.decoder.LoRA; lora != nil {
		adapter := lora.Init(config, m.Head.Layer, seed)
		for _, p := range lora.Parameters(config, m.Head.Layer) {
			if err := n.add(p, adapter, true); err != nil {
				return nil, err
			}
		}
	}
	for _, p := range config.ScoreParameters(m.Head.Outputs, m.Head.Bias) {
		if err := n.add(p, fresh, true); err != nil {
			return nil, err
		}
	}
	return n, nil
}

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
	if placed.value, err = n.layout.place(value, placed.axes); err != nil {
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
func (n *network) placement(p arch.Param) axes {
	if placed, ok := n.model.Placed(p.Name); ok {
		return placed
	}
	return axes(arch.Sharding(p, n.layout.fsdp, n.layout.tensor).Axes)
}

func isAdapter(name string) bool { return strings.Contains(name, ".lora_") }
