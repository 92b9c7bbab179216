package model

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/arch"
)

// hide is added to the score of a key that must not be seen. It is finite so
// that differences stay numbers, and far below any score, so that its
// exponential is exactly 0.
const hide = -1e30

// attend prepares what all layers share: one mask for each window size and one
// pair of tables for each rotation that the first n layers use.
func (f *forward) attend(positions, ends *Node, n int) {
	f.masks = map[int]*Node{}
	for _, w := range f.Windows[:n] {
		if f.masks[w] == nil {
			f.masks[w] = f.mask(positions, ends, w)
		}
	}
	f.mixes = func(layer int, q, k, v *Node) *Node { return f.mix(q, k, v, f.masks[f.Windows[layer]]) }
	f.turnAll(positions, n)
}

// turnAll prepares the rotations of the first n layers.
func (f *forward) turnAll(positions *Node, n int) {
	f.turns = map[arch.Rope]turn{}
	for layer := range n {
		if r := f.LayerRope(layer); f.turns[r].cos == nil {
			f.turns[r] = f.turn(r, positions)
		}
	}
}

// mask is float32[row, token, key].
func (f *forward) mask(positions, ends *Node, window int) *Node {
	g := ends.Graph()
	square := shapes.Make(dtypes.Int32, 1, f.length, f.length)
	query := Iota(g, square, 1)
	sees := And(GreaterOrEqual(query, Iota(g, square, 2)), LessThan(query, InsertAxes(ends, 1)))
	if window > 0 {
		back := Sub(InsertAxes(positions, -1), InsertAxes(positions, 1))
		sees = And(sees, LessThan(back, Scalar(g, dtypes.Int32, window)))
	}
	zero := Zeros(g, shapes.Make(dtypes.Float32, f.rows, f.length, f.length))
	return Where(sees, zero, AddScalar(zero, hide))
}

// turn looks the positions up in constant tables: left in the graph, sines
// would be computed again in every layer, one scalar call at a time.
func (f *forward) turn(r arch.Rope, positions *Node) turn {
	half := f.HeadDim / 2
	cos, sin := make([]float32, f.reach*half), make([]float32, f.reach*half)
	for i, frequency := range r.Frequencies(f.HeadDim) {
		for position := range f.reach {
			// The angle is rounded to float32, as in transformers.
			angle := float64(float32(position) * float32(frequency))
			cos[position*half+i] = float32(math.Cos(angle))
			sin[position*half+i] = float32(math.Sin(angle))
		}
	}
	at := func(table []float32) *Node {
		t := ConstCachedTensor(positions.Graph(), tensors.FromFlatDataAndDimensions(table, f.reach, half))
		return InsertAxes(Gather(t, InsertAxes(positions, -1)), 2)
	}
	return turn{at(cos), at(sin)}
}

// rotate turns pairs (i, i + dim/2) of x [row, token, head, dim] by their
// angles, in float32.
func (t turn) rotate(x *Node) *Node {
	half := x.Shape().Dimensions[3] / 2
	wide := ConvertDType(x, dtypes.Float32)
	first := Slice(wide, AxisRange(), AxisRange(), AxisRange(), AxisRange(0, half))
	second := Slice(wide, AxisRange(), AxisRange(), AxisRange(), AxisRange(half))
	return ConvertDType(Concatenate([]*Node{
		Sub(Mul(first, t.cos), Mul(second, t.sin)),
		Add(Mul(second, t.cos), Mul(first, t.sin)),
	}, 3), x.DType())
}

// attention applies the attention block of a layer to x [row*token, hidden].
func (f *forward) attention(i int, x *Node) *Node {
	q := f.heads(i, x, "self_attn.q_proj", f.Heads)   // [row, token, head, dim]
	k := f.heads(i, x, "self_attn.k_proj", f.KVHeads) // [row, key, kvhead, dim]
	v := f.heads(i, x, "self_attn.v_proj", f.KVHeads)
	if f.QKNorm {
		q = f.norm(q, arch.LayerName(i, "self_attn.q_norm.weight"))
		k = f.norm(k, arch.LayerName(i, "self_attn.k_norm.weight"))
	}
	turn := f.turns[f.LayerRope(i)]
	q = turn.rotate(q)
	k = turn.rotate(k)
	return f.linear(i, "self_attn.o_proj", f.mixes(i, q, k, v), f.OutBias)
}

// heads projects x and splits the result: [row, token, head, dim].
func (f *forward) heads(i int, x *Node, module string, heads int) *Node {
	return Reshape(f.linear(i, module, x, f.QKVBias), f.rows, f.length, heads, f.HeadDim)
}

// mix is softmax(q·k)·v over the keys that mask leaves, [row*token, head*dim].
//
// In a long row it goes part by part: the queries of a part see no key behind
// the part's end, and those need not be looked at.
func (f *forward) mix(q, k, v, mask *Node) *Node {
	var parts []*Node
	size := partOf(f.length)
	for from := 0; from < f.length; from += size {
		to := min(f.length, from+size)
		upTo := func(x *Node) *Node { return Slice(x, AxisRange(), AxisRange(0, to)) }
		queries, seen := Slice(q, AxisRange(), AxisRange(from, to)), Slice(mask, AxisRange(), AxisRange(from, to), AxisRange(0, to))
		parts = append(parts, f.mixPart(queries, upTo(k), upTo(v), seen))
	}
	return Reshape(Concatenate(parts, 1), f.rows*f.length, f.Heads*f.HeadDim)
}

// partOf is how many queries of a row are mixed at once. Four parts spare three
// eighths of the work; a short row is not worth the compile.
func partOf(length int) int {
	if length < 512 {
		return length
	}
	return (length/4 + 31) / 32 * 32
}

// mixPart is the part of mix for some queries q [row, token, head, dim] and the
// keys that they may see, [row, token, head*dim].
//
// The query heads that share a key head are laid side by side, so keys and
// values are never repeated. The softmax divides after the product with the
// values: exponentials are row*head*token*key numbers, the result only
// row*head*token*dim, and the gradient needs no sum over the keys.
func (f *forward) mixPart(q, k, v, mask *Node) *Node {
	groups, length, keys := f.Heads/f.KVHeads, q.Shape().Dim(1), k.Shape().Dim(1)
	q = MulScalar(q, f.AttnScale)
	q = Reshape(q, f.rows, length, f.KVHeads, groups, f.HeadDim)
	q = TransposeAllAxes(q, 0, 2, 3, 1, 4) // [row, kvhead, group, token, dim]
	q = Reshape(q, f.rows, f.KVHeads, groups*length, f.HeadDim)
	k = TransposeAllAxes(k, 0, 2, 1, 3) // [row, kvhead, key, dim]
	v = TransposeAllAxes(v, 0, 2, 1, 3)

	batch := []int{0, 1}
	scores := ConvertDType(dot(q, k, []int{3}, batch, []int{3}, batch), dtypes.Float32)
	if f.AttnCap > 0 {
		scores = MulScalar(Tanh(MulScalar(scores, 1/f.AttnCap)), f.AttnCap)
	}
	scores = Reshape(scores, f.rows, f.KVHeads, groups, length, keys)
	scores = Add(scores, InsertAxes(mask, 1, 1))
	weights := Exp(Sub(scores, StopGradient(ReduceAndKeep(scores, ReduceMax, -1))))
	total := ReduceAndKeep(weights, ReduceSum, -1) // [row, kvhead, group, token, 1]

	weights = Reshape(ConvertDType(weights, v.DType()), f.rows, f.KVHeads, groups*length, keys)
	y := dot(weights, v, []int{3}, batch, []int{2}, batch)
	y = Reshape(y, f.rows, f.KVHeads, groups, length, f.HeadDim)
	y = ConvertDType(Div(ConvertDType(y, dtypes.Float32), total), v.DType())
	y = TransposeAllAxes(y, 0, 3, 1, 2, 4) // [row, token, kvhead, group, dim]
	return Reshape(y, f.rows, length, f.Heads*f.HeadDim)
}
