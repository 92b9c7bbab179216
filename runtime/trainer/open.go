package trainer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"

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
		n.decoder.LoRA = &model.LoRA{Rank: m.Tune.Rank, Alpha: m.Tune.Alpha, On: m.Tune.On}
	}
	stored := dtypes.Float32
	if m.DType == "bfloat16" && m.Tune.Kind != "full" {
		stored = dtypes.BFloat16 // trained parameters are float32 masters; these are not trained
	}
	keep := m.Head.Init == "keep"
	weights, err := model.Load(path, config, model.Options{DType: stored, Layers: m.Head.Layer, Score: keep})
	if err != nil {
		return nil, err
	}
	for _, p := range config.ParametersTo(m.Head.Layer) {
		if err := n.add(p, weights[p.Name], m.Tune.Kind == "full"); err != nil {
			return nil, err
		}
		delete(weights, p.Name)
	}
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	if n.decoder.LoRA != nil {
		for _, p := range n.decoder.LoRA.Parameters(config, m.Head.Layer) {
			if err := n.add(p, startAdapter(p, random), true); err != nil {
				return nil, err
			}
		}
	}
	for _, p := range config.ScoreParameters(m.Head.Outputs, m.Head.Bias) {
		start := weights[p.Name]
		if !keep {
			start = startHead(p, m.Head.Init, config.Hidden, random)
		} else if start == nil {
			return nil, fmt.Errorf("%s: init = keep wants %s, which the model has not", path, p.Name)
		}
		if err := n.add(p, start, true); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// add puts a parameter on the devices.
func (n *network) add(p arch.Param, value *tensors.Tensor, trained bool) error {
	dims := value.Shape().Dimensions
	if fmt.Sprint(dims) != fmt.Sprint(p.Shape) {
		return fmt.Errorf("%s is %v and the recipe's head is %v", p.Name, dims, p.Shape)
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

// startHead is the head before training. N(0, 1/(hidden+1)), a variance, is what
// OpenRLHF and open-instruct start from: scores begin with variance about 1.
func startHead(p arch.Param, init string, hidden int, random *rand.Rand) *tensors.Tensor {
	values := make([]float32, p.Size())
	if init == "normal" && p.Matrix {
		deviation := 1 / math.Sqrt(float64(hidden+1))
		for i := range values {
			values[i] = float32(random.NormFloat64() * deviation)
		}
	}
	return tensors.FromFlatDataAndDimensions(values, p.Shape...)
}

// startAdapter is an adapter that changes nothing yet: B is zero, A uniform
// within 1/sqrt(in), which is what PEFT's kaiming_uniform(sqrt(5)) comes to.
func startAdapter(p arch.Param, random *rand.Rand) *tensors.Tensor {
	values := make([]float32, p.Size())
	if strings.Contains(p.Name, ".lora_A.") {
		bound := 1 / math.Sqrt(float64(p.Shape[1]))
		for i := range values {
			values[i] = float32((2*random.Float64() - 1) * bound)
		}
	}
	return tensors.FromFlatDataAndDimensions(values, p.Shape...)
}

func isAdapter(name string) bool { return strings.Contains(name, ".lora_") }
