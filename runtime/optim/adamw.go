package optim

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/terms"
)

// rates are the numbers of one optimizer step that are computed outside the
// graph, in float64, and passed in as scalars: the graph is the same at every step.
type rates struct {
	lr          float64
	correction1 float64 // 1 - beta1^t, t counting from 1
	correction2 float64 // sqrt(1 - beta2^t)
}

func ratesAt(t spec.Train, step, steps int) rates {
	n := float64(step + 1)
	return rates{
		lr:          t.Rate(step, steps),
		correction1: 1 - math.Pow(t.Optimizer.Betas[0], n),
		correction2: math.Sqrt(1 - math.Pow(t.Optimizer.Betas[1], n)),
	}
}

// tensor is r as a graph takes it, float32[rate].
func (r rates) tensor() *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions([]float32{float32(r.lr), float32(r.correction1), float32(r.correction2)}, 3)
}

// rateNodes are the rates inside a graph: float32 scalars.
type rateNodes struct{ lr, correction1, correction2 *Node }

func rateNodesOf(r *Node) rateNodes {
	return rateNodes{terms.Nth(r, 0), terms.Nth(r, 1), terms.Nth(r, 2)}
}

// A slot is a trained parameter in a graph, with its optimizer state.
type slot struct {
	value, m, v *Node // float32
	decays      bool
}

// globalNorm is the Euclidean norm of all gradients taken as one vector.
func globalNorm(gradients []*Node) *Node {
	total := ScalarZero(gradients[0].Graph(), dtypes.Float32)
	for _, g := range gradients {
		total = Add(total, ReduceAllSum(Square(g)))
	}
	return Sqrt(total)
}

// clip scales gradients so that their global norm is at most limit. The 1e-6 is
// that of torch's clip_grad_norm_.
func clip(gradients []*Node, norm *Node, limit float64) []*Node {
	scale := MinScalar(Div(Scalar(norm.Graph(), dtypes.Float32, limit), AddScalar(norm, 1e-6)), 1)
	out := make([]*Node, len(gradients))
	for i, g := range gradients {
		out[i] = Mul(g, scale)
	}
	return out
}

// adamW is one step of AdamW with decoupled decay, as torch computes it: the
// parameter decays first, and eps is added to the bias-corrected root.
func adamW(o spec.Optimizer, s slot, gradient *Node, r rateNodes) slot {
	next := s
	next.m = Add(MulScalar(s.m, o.Betas[0]), MulScalar(gradient, 1-o.Betas[0]))
	next.v = Add(MulScalar(s.v, o.Betas[1]), MulScalar(Square(gradient), 1-o.Betas[1]))
	value := s.value
	if s.decays && o.WeightDecay != 0 {
		value = Mul(value, OneMinus(MulScalar(r.lr, o.WeightDecay)))
	}
	root := AddScalar(Div(Sqrt(next.v), r.correction2), o.Eps)
	next.value = Sub(value, Mul(Div(r.lr, r.correction1), Div(next.m, root)))
	return next
}
