// Package op is what objectives are emitted in: graph operations over tensors
// with named axes. It aligns by name, masks padding without being asked, and
// keeps every gradient finite where a mask or a where hides the value. It holds
// no parameters and runs nothing; with model and trainer it is the only package
// that spells GoMLX names, so a change there reaches no generated program.
//
// The shape rules are those of compiler/check, which has told the recipe's
// author of every mistake. One that arrives here all the same is our own bug
// and panics.
package op

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// A Tensor is a value with a set of named axes: float32, or bool as the result
// of a comparison. The order of its axes carries no meaning.
type Tensor struct {
	node  *graph.Node // nil for a literal
	value float64     // of a literal
	axes  []axis      // of node, in its order
	batch *Batch      // whose masks and count hold; nil for a literal
	share bool        // shares of all micro-batches add up to the value
}

// An axis is a named dimension of a node.
type axis struct {
	name string
	mask *Tensor // bool, true where there is a value; over the batch axis, or it and this one; nil: everywhere
}

// Real is a number.
func Real(value float64) Tensor { return Tensor{value: value} }

// New names the axes of a node, first dimension first. Terms are handed to a
// Batch in this form; the Batch adds its masks.
func New(node *graph.Node, axes ...string) Tensor {
	if node.Rank() != len(axes) {
		panic(fmt.Sprintf("op: %d axes %v for a node of shape %s", len(axes), axes, node.Shape()))
	}
	t := Tensor{node: node}
	for _, name := range axes {
		t.axes = append(t.axes, axis{name: name})
	}
	return t
}

// WithMask returns t with the mask of one of its axes: bool or 0/1, over the
// batch axis and that one. It is for axes that differ between views, as the
// tokens of two responses do; a Batch knows the masks of its own axes.
func (t Tensor) WithMask(name string, mask Tensor) Tensor {
	t.axes = slices.Clone(t.axes)
	mask.node = truth(mask.node)
	t.axes[t.dim(name)].mask = &mask
	return t
}

// Axes returns the names of t's axes in the order of its node.
func (t Tensor) Axes() []string {
	var names []string
	for _, a := range t.axes {
		names = append(names, a.name)
	}
	return names
}

// dim returns the position of the named axis.
func (t Tensor) dim(name string) int {
	i := slices.IndexFunc(t.axes, func(a axis) bool { return a.name == name })
	if i < 0 {
		panic(fmt.Sprintf("op: no axis %q in a tensor over %v", name, t.Axes()))
	}
	return i
}

func (t Tensor) has(name string) bool {
	return slices.ContainsFunc(t.axes, func(a axis) bool { return a.name == name })
}

// perExample reports whether t has a value for each example of the batch.
func (t Tensor) perExample() bool { return t.batch != nil && t.has(t.batch.axis) }

func (t Tensor) literal() bool { return t.node == nil }

// derived returns a tensor of t's batch over other axes.
func (t Tensor) derived(node *graph.Node, axes []axis) Tensor {
	return Tensor{node: node, axes: axes, batch: t.batch}
}

// number returns t's node as float32.
func (t Tensor) number() *graph.Node { return graph.ConvertDType(t.node, dtypes.Float32) }

// truth returns a 0/1 node as bool.
func truth(x *graph.Node) *graph.Node {
	if x.DType() == dtypes.Bool {
		return x
	}
	return graph.NotEqual(x, graph.ScalarZero(x.Graph(), x.DType()))
}

// align returns the nodes of all tensors over the union of their axes, in one
// order and broadcast to one shape, and a tensor without node to derive the
// result from. At least one must not be a literal.
func align(tensors ...Tensor) ([]*graph.Node, Tensor) {
	var whole Tensor
	var dims []int
	var g *graph.Graph
	for _, t := range tensors {
		if t.literal() {
			continue
		}
		g = t.node.Graph()
		if t.batch != nil {
			whole.batch = t.batch
		}
		for i, a := range t.axes {
			if !whole.has(a.name) {
				whole.axes = append(whole.axes, a)
				dims = append(dims, t.node.Shape().Dim(i))
			}
		}
	}
	nodes := make([]*graph.Node, len(tensors))
	for i, t := range tensors {
		if t.literal() {
			t.node = graph.Scalar(g, dtypes.Float32, t.value)
		}
		nodes[i] = t.over(whole.axes, dims)
	}
	return nodes, whole
}

// over returns t's node transposed and broadcast to the given axes.
func (t Tensor) over(axes []axis, dims []int) *graph.Node {
	var order, expand []int
	for i, a := range axes {
		if t.has(a.name) {
			order = append(order, t.dim(a.name))
			expand = append(expand, dims[i])
		} else {
			expand = append(expand, 1)
		}
	}
	x := t.node
	if !slices.IsSorted(order) {
		x = graph.TransposeAllAxes(x, order...)
	}
	if len(axes) == 0 {
		return x
	}
	return graph.BroadcastToDims(graph.Reshape(x, expand...), dims...)
}
