package op

import (
	"github.com/gomlx/gomlx/core/graph"
)

// A slope is the derivative of an elementwise function by one of its inputs.
type slope struct {
	x *graph.Node
	d func() *graph.Node // of x's shape; called when a gradient is taken
}

// withSlopes returns the value of y with the gradients of slopes in place of
// those of the operations that y was computed with. Where the adjoint is zero
// the gradient is zero, whatever the derivative: behind a mask or the other
// branch of a where, log(0) must not turn into 0·∞.
func withSlopes(y *graph.Node, slopes ...slope) *graph.Node {
	y = graph.StopGradient(y)
	for _, s := range slopes {
		y = graph.Add(y, carrier(s))
	}
	return y
}

// carrier is zero everywhere; its gradient to s.x is adjoint × derivative.
func carrier(s slope) *graph.Node {
	x := graph.IdentityWithCustomGradient(s.x, func(_, adjoint *graph.Node) *graph.Node {
		zero := graph.ZerosLike(adjoint)
		return graph.Where(graph.Equal(adjoint, zero), zero, graph.Mul(adjoint, s.d()))
	})
	// ∞ - ∞ is no zero; an infinite input gets no gradient.
	return graph.Where(graph.IsFinite(s.x), graph.Sub(x, graph.StopGradient(s.x)), graph.ZerosLike(s.x))
}

// unary applies y = f(x) elementwise, with dy/dx = d(x, y).
func unary(x Tensor, f func(x *graph.Node) *graph.Node, d func(x, y *graph.Node) *graph.Node) Tensor {
	x = x.local()
	in := x.number()
	fixed := graph.StopGradient(in)
	y := graph.StopGradient(f(fixed))
	return x.derived(withSlopes(y, slope{in, func() *graph.Node { return d(fixed, y) }}), x.axes)
}
