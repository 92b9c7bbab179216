package model

import (
	"hash/fnv"
	"math"
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/arch"
)

// InitScore makes a linear head: "normal" draws score.weight with variance
// 1/(hidden+1), as open-instruct does, "zeros" leaves it 0. The bias starts at 0.
func InitScore(c arch.Config, outputs int, bias bool, init string, seed int) Weights {
	weights := Weights{}
	for _, p := range c.ScoreParameters(outputs, bias) {
		weights[p.Name] = tensors.FromShape(shapes.Make(dtypes.Float32, p.Shape...))
	}
	if init == "normal" {
		r := random(seed, arch.ScoreWeight)
		deviation := 1 / math.Sqrt(float64(c.Hidden+1))
		fill(weights[arch.ScoreWeight], func() float64 { return deviation * r.NormFloat64() })
	}
	return weights
}

// Init makes the adapter's tensors for the first so many layers of c; -1 is
// all. A is uniform in ±1/sqrt(in), which is PEFT's Kaiming start, and B is 0,
// so that training begins at the base model.
func (l *LoRA) Init(c arch.Config, layers, seed int) Weights {
	weights := Weights{}
	for _, p := range l.Parameters(c, layers) {
		t := tensors.FromShape(shapes.Make(dtypes.Float32, p.Shape...))
		if isA(p.Name) {
			r := random(seed, p.Name)
			bound := 1 / math.Sqrt(float64(p.Shape[1]))
			fill(t, func() float64 { return bound * (2*r.Float64() - 1) })
		}
		weights[p.Name] = t
	}
	return weights
}

// random is a stream of its own for each name: what one tensor draws does not
// depend on which others there are.
func random(seed int, name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(uint64(seed), h.Sum64()))
}

func fill(t *tensors.Tensor, draw func() float64) {
	tensors.MustMutableFlatData(t, func(flat []float32) {
		for i := range flat {
			flat[i] = float32(draw())
		}
	})
}
