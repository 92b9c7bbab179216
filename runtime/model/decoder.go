// Package model computes decoders: the graph from tokens to hidden states, the
// heads and adapters on it, and their weights from and to files. It knows no
// loss, no pair and no optimizer.
//
// Shapes are given by axis names: row, token (a query's place in the row), key
// (a key's place), head, group (query heads that share a key head), dim (within
// a head), hidden, inner (within the feed-forward block), vocab, output, rank.
package model

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/rmc-lang/rmc/runtime/arch"
)

// Params gives the node of a parameter by its Hugging Face name. It is asked
// only for what Decoder.Parameters lists.
type Params func(name string) *Node

// A Decoder builds the graph of one model. All its parameters but the head's
// have one type, float32 or bfloat16, and the matrices are multiplied in it;
// norms, rotations and softmax are computed in float32.
type Decoder struct {
	arch.Config

	// LoRA is the adapter added to the projections; nil for none.
	LoRA *LoRA

	// Checkpoint recomputes the inside of each layer in the backward pass
	// instead of keeping it.
	Checkpoint bool
}

// Hidden is the hidden state of each token, [row, token, hidden].
//
// tokens, positions and ends are int32[row, token]. A key is seen from its place
// in the row on up to, and without, the place that ends names, and, in layers
// with a window, only less than the window's size of positions on. A row is so a
// tree, each path of which is a sequence that knows nothing of the others: what
// they begin with in common comes first and ends after all of them, each branch
// before the next begins. One sequence alone ends everywhere at its length. A key
// with end 0 is padding, which nothing sees and whose own state means nothing.
// Positions are a sequence's own, and must be less than the length of the row.
//
// layers is how many layers are applied before the final norm; -1 is all, as
// transformers' last_hidden_state. A smaller number gives the states of the
// shallower model that has only those layers (arch.Config.Shallow), so that an
// export computes the same; transformers' hidden_states[k] have no norm.
func (d *Decoder) Hidden(p Params, tokens, positions, ends *Node, layers int) *Node {
	rows, length := tokens.Shape().Dimensions[0], tokens.Shape().Dimensions[1]
	n := d.depth(layers)
	f := &forward{Decoder: d, p: p, rows: rows, length: length, reach: length}
	f.attend(positions, ends, n)
	return f.through(tokens, n)
}

// depth is how many layers are applied where so many are asked for.
func (d *Decoder) depth(layers int) int {
	if layers < 0 {
		return d.Layers
	}
	return layers
}

// through is the hidden states after the first n layers and the final norm.
func (f *forward) through(tokens *Node, n int) *Node {
	x := f.embed(tokens)
	for layer := range n {
		if f.Checkpoint {
			x = x.Checkpoint()
		}
		x = f.layer(layer, x)
	}
	if f.Checkpoint && n > 0 {
		x = x.StopCheckpoint()
	}
	x = f.norm(x, arch.FinalNorm)
	return Reshape(x, f.rows, f.length, f.Config.Hidden)
}

// forward is the state of building one graph. Hidden states are kept as
// [row*token, hidden] between attention blocks, so that every projection and
// its gradients are plain matrix products.
type forward struct {
	*Decoder
	p            Params
	rows, length int
	reach        int // positions are less than it

	// By window size, what a layer adds to its scores: float32[row, token, key],
	// 0 where the query sees the key.
	masks map[int]*Node
	// By rotation, cosines and sines: float32[row, token, 1, dim/2].
	turns map[arch.Rope]turn
	// mixes is how the queries of a layer see keys and values, [row, token, head,
	// dim] each: [row*token, head*dim].
	mixes func(layer int, q, k, v *Node) *Node
}

type turn struct{ cos, sin *Node }

func (f *forward) embed(tokens *Node) *Node {
	table := f.p(arch.Embedding)
	x := Gather(table, InsertAxes(Reshape(tokens, f.rows*f.length), -1))
	if f.EmbedScale != 1 {
		// In the weights' type, as transformers does: in bfloat16 the scale is rounded.
		x = Mul(x, Scalar(x.Graph(), x.DType(), f.EmbedScale))
	}
	return x
}

// layer applies one layer to x [row*token, hidden].
func (f *forward) layer(i int, x *Node) *Node {
	name := func(tensor string) string { return arch.LayerName(i, tensor) }
	h := f.attention(i, f.norm(x, name("input_layernorm.weight")))
	before := "post_attention_layernorm.weight"
	if f.PostNorms {
		h = f.norm(h, name(before))
		before = "pre_feedforward_layernorm.weight"
	}
	x = Add(x, h)
	h = f.feedForward(i, f.norm(x, name(before)))
	if f.PostNorms {
		h = f.norm(h, name("post_feedforward_layernorm.weight"))
	}
	return Add(x, h)
}

// norm divides by the root mean square over the last axis, in float32.
// Llama's rounds to x's type before it multiplies, Gemma's after.
func (f *forward) norm(x *Node, name string) *Node {
	weight := f.p(name)
	wide := ConvertDType(x, dtypes.Float32)
	mean := ReduceAndKeep(Square(wide), ReduceMean, -1)
	// Rsqrt has no gradient in GoMLX 0.28.
	wide = Mul(wide, Reciprocal(Sqrt(AddScalar(mean, f.NormEps))))
	weight = ExpandLeftToRank(weight, x.Rank())
	if f.NormOffset != 0 {
		scale := AddScalar(ConvertDType(weight, dtypes.Float32), f.NormOffset)
		return ConvertDType(Mul(wide, scale), x.DType())
	}
	return Mul(weight, ConvertDType(wide, x.DType()))
}

// linear multiplies x [row*token, in] by a projection [out, in] of layer i and
// adds its bias and adapter.
func (f *forward) linear(i int, module string, x *Node, bias bool) *Node {
	name := arch.LayerName(i, module)
	y := f.LoRA.add(f.p, name, x, times(x, f.p(name+".weight")))
	if bias {
		y = Add(y, ExpandLeftToRank(f.p(name+".bias"), 2))
	}
	return y
}

// times is x [n, in] by weight [out, in]: [n, out].
func times(x, weight *Node) *Node {
	return dot(x, weight, []int{1}, nil, []int{1}, nil)
}

// dot contracts in the operands' type: backends accumulate bfloat16 in float32
// of their own accord, and asking for it would make the gradients float32 too.
func dot(a, b *Node, aContract, aBatch, bContract, bBatch []int) *Node {
	return Dot(a, b).WithAccumulatorDType(dtypes.InvalidDType).General(aContract, aBatch, bContract, bBatch)
}

func (f *forward) feedForward(i int, x *Node) *Node {
	gate := f.linear(i, "mlp.gate_proj", x, f.MLPBias)
	up := f.linear(i, "mlp.up_proj", x, f.MLPBias)
	return f.linear(i, "mlp.down_proj", Mul(f.activate(gate), up), f.MLPBias)
}

func (f *forward) activate(x *Node) *Node {
	switch f.Activation {
	case "silu":
		return Mul(x, Sigmoid(x))
	case "gelu_tanh":
		cube := Mul(x, Square(x))
		inner := MulScalar(Add(x, MulScalar(cube, 0.044715)), math.Sqrt(2/math.Pi))
		return Mul(MulScalar(x, 0.5), OnePlus(Tanh(inner)))
	case "gelu":
		return Mul(MulScalar(x, 0.5), OnePlus(Erf(MulScalar(x, math.Sqrt2/2))))
	}
	panic("model: no activation " + f.Activation)
}
