package model

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Texts that go on token by token: a prompt goes through the layers once, and what
// later tokens see of it, keys and values, is kept. Several rows go on from one
// prompt and read the same keys; what they add is in rows of their own, at one
// place for all, so that a step is one graph whatever the prompts' lengths.
//
// A cache is arrays by layer, keys and then values of each: [prompt, kvhead, token,
// dim] of prompts, [row, kvhead, place, dim] of what came after. The rows of a
// prompt stand together: row = prompt*sample + sample.

// Prefill reads prompts, int32[prompt, token], the first lengths, int32[prompt], of
// their tokens: the logits of what comes next, float32[prompt, vocab], and the
// cache. layers is that of Hidden.
func (d *Decoder) Prefill(p Params, prompts, lengths *Node, layers int) (logits *Node, cache []*Node) {
	rows, length := prompts.Shape().Dim(0), prompts.Shape().Dim(1)
	places := Iota(prompts.Graph(), prompts.Shape(), 1)
	ends := BroadcastToDims(InsertAxes(lengths, -1), rows, length)
	ends = Where(LessThan(places, ends), ends, ZerosLike(ends))

	f, n := &forward{Decoder: d, p: p, rows: rows, length: length, reach: length}, d.depth(layers)
	f.attend(places, ends, n)
	mixes := f.mixes
	f.mixes = func(layer int, q, k, v *Node) *Node {
		cache = append(cache, TransposeAllAxes(k, 0, 2, 1, 3), TransposeAllAxes(v, 0, 2, 1, 3))
		return mixes(layer, q, k, v)
	}
	last := At(f.through(prompts, n), SubScalar(lengths, 1))
	return Reshape(d.Logits(p, InsertAxes(last, 1)), rows, d.Vocab), cache
}

// Room is an empty cache of so many rows and places.
func (d *Decoder) Room(g *Graph, dtype dtypes.DType, rows, places, layers int) []*Node {
	all := make([]*Node, 2*d.depth(layers))
	for i := range all {
		all[i] = Zeros(g, shapes.Make(dtype, rows, d.KVHeads, places, d.HeadDim))
	}
	return all
}

// Grow is a cache with further places.
func Grow(cache []*Node, places int) []*Node {
	out := make([]*Node, len(cache))
	for i, x := range cache {
		more := x.Shape().Clone()
		more.Dimensions[2] = places - more.Dimensions[2]
		out[i] = Concatenate([]*Node{x, Zeros(x.Graph(), more)}, 2)
	}
	return out
}

// Continue reads one token more of each row, int32[row], at the place step, int32[],
// behind the prompt, which is the same for all rows: the logits of what comes next,
// float32[row, vocab], and the cache own with the token in it. lengths and prompts
// are what Prefill was given and gave.
func (d *Decoder) Continue(p Params, tokens, step, lengths *Node, prompts, own []*Node, layers int) (logits *Node, cache []*Node) {
	rows, n := tokens.Shape().Dim(0), d.depth(layers)
	c := &continuing{
		forward: &forward{Decoder: d, p: p, rows: rows, length: 1},
		step:    step, prompts: prompts, own: own, of: lengths.Shape().Dim(0),
	}
	if n > 0 {
		c.before, c.places = prompts[0].Shape().Dim(2), own[0].Shape().Dim(2)
	}
	c.reach = c.before + c.places
	c.prompt = Reshape(BroadcastToDims(InsertAxes(lengths, -1), c.of, rows/c.of), rows, 1)
	c.masks = map[int]*Node{}
	for _, w := range d.Windows[:n] {
		if c.masks[w] == nil {
			c.masks[w] = c.mask(w)
		}
	}
	c.turnAll(Add(c.prompt, BroadcastToDims(step, rows, 1)), n)
	c.mixes = c.mix
	hidden := c.through(tokens, n)
	return Reshape(d.Logits(p, hidden), rows, d.Vocab), c.cache
}

// continuing is the state of building one step.
type continuing struct {
	*forward
	step         *Node
	prompt       *Node // length of each row's, int32[row, 1]
	of           int   // prompts
	before       int   // tokens of a prompt, padding included
	places       int   // behind it
	prompts, own []*Node
	cache        []*Node // own with the step in it, so far
}

// mask is float32[row, 1, 1, key]: 0 for what the rows see of their prompt, and then
// of what came after.
func (c *continuing) mask(window int) *Node {
	g := c.step.Graph()
	shape := shapes.Make(dtypes.Int32, c.rows, c.before+c.places)
	key := Iota(g, shape, 1)
	inPrompt := LessThan(key, Scalar(g, dtypes.Int32, c.before))
	length := BroadcastToDims(c.prompt, shape.Dimensions...)
	// A key's position is its index in the prompt, or the prompt's length and its place behind it.
	position := Where(inPrompt, key, Add(length, SubScalar(key, c.before)))
	now := Add(length, BroadcastToDims(c.step, shape.Dimensions...))
	sees := LogicalAnd(LessOrEqual(position, now), LogicalOr(LogicalNot(inPrompt), LessThan(key, length)))
	if window > 0 {
		sees = LogicalAnd(sees, LessThan(Sub(now, position), Scalar(g, dtypes.Int32, window)))
	}
	zero := Zeros(g, shapes.Make(dtypes.Float32, shape.Dimensions...))
	return InsertAxes(Where(sees, zero, AddScalar(zero, hide)), 1, 1)
}

// mix is forward.mix of one query a row: over the keys of its prompt, which rows
// share, and its own.
func (c *continuing) mix(layer int, q, k, v *Node) *Node {
	groups := c.Heads / c.KVHeads
	keys, values := c.added(2*layer, k), c.added(2*layer+1, v)
	c.cache = append(c.cache, keys, values)
	q = Reshape(MulScalar(q, c.AttnScale), c.rows, c.KVHeads, groups, c.HeadDim)

	batch := []int{0, 1}
	over := func(x, keys *Node) *Node { return dot(x, keys, []int{3}, batch, []int{3}, batch) }
	scores := Concatenate([]*Node{c.apart(over(c.together(q), c.prompts[2*layer])), over(q, keys)}, 3)
	scores = ConvertDType(scores, dtypes.Float32)
	if c.AttnCap > 0 {
		scores = MulScalar(Tanh(MulScalar(scores, 1/c.AttnCap)), c.AttnCap)
	}
	scores = Add(scores, c.masks[c.Windows[layer]])
	weights := Exp(Sub(scores, ReduceAndKeep(scores, ReduceMax, -1)))
	total := ReduceAndKeep(weights, ReduceSum, -1) // [row, kvhead, group, 1]

	weights = ConvertDType(weights, values.DType())
	of := func(from, to int) *Node {
		return Slice(weights, AxisRange(), AxisRange(), AxisRange(), AxisRange(from, to))
	}
	sum := func(x, values *Node) *Node { return dot(x, values, []int{3}, batch, []int{2}, batch) }
	y := Add(
		ConvertDType(c.apart(sum(c.together(of(0, c.before)), c.prompts[2*layer+1])), dtypes.Float32),
		ConvertDType(sum(of(c.before, c.before+c.places), values), dtypes.Float32))
	return Reshape(ConvertDType(Div(y, total), values.DType()), c.rows, c.Heads*c.HeadDim)
}

// added is an array of the cache with x [row, 1, kvhead, dim] at the place of step.
func (c *continuing) added(i int, x *Node) *Node {
	old := c.own[i]
	place := Iota(old.Graph(), shapes.Make(dtypes.Int32, old.Shape().Dimensions...), 2)
	here := Equal(place, BroadcastToDims(c.step, old.Shape().Dimensions...))
	return Where(here, BroadcastToDims(TransposeAllAxes(x, 0, 2, 1, 3), old.Shape().Dimensions...), old)
}

// together lays the rows of a prompt side by side: x [row, kvhead, group, …] is
// [prompt, kvhead, sample*group, …].
func (c *continuing) together(x *Node) *Node {
	samples, groups, last := c.rows/c.of, x.Shape().Dim(2), x.Shape().Dim(3)
	x = TransposeAllAxes(Reshape(x, c.of, samples, c.KVHeads, groups, last), 0, 2, 1, 3, 4)
	return Reshape(x, c.of, c.KVHeads, samples*groups, last)
}

// apart is the inverse of together.
func (c *continuing) apart(x *Node) *Node {
	samples, last := c.rows/c.of, x.Shape().Dim(3)
	groups := x.Shape().Dim(2) / samples
	x = TransposeAllAxes(Reshape(x, c.of, c.KVHeads, samples, groups, last), 0, 2, 1, 3, 4)
	return Reshape(x, c.rows, c.KVHeads, groups, last)
}
