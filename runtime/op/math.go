package op

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"
)

// Add is x + y.
func Add(x, y Tensor) Tensor {
	if x.literal() && y.literal() {
		return Real(x.value + y.value)
	}
	return linear(graph.Add, x, y)
}

// Sub is x - y.
func Sub(x, y Tensor) Tensor {
	if x.literal() && y.literal() {
		return Real(x.value - y.value)
	}
	return linear(graph.Sub, x, y)
}

// Neg is -x.
func Neg(x Tensor) Tensor {
	if x.literal() {
		return Real(-x.value)
	}
	y := x.derived(graph.Neg(x.number()), x.axes)
	y.share = x.share
	return y
}

// Mul is x · y.
func Mul(x, y Tensor) Tensor {
	if x.literal() && y.literal() {
		return Real(x.value * y.value)
	}
	return product(x, y, func(a, b *graph.Node) *graph.Node {
		p, q := graph.StopGradient(a), graph.StopGradient(b)
		return withSlopes(graph.Mul(p, q),
			slope{a, func() *graph.Node { return q }},
			slope{b, func() *graph.Node { return p }})
	})
}

// Div is x / y.
func Div(x, y Tensor) Tensor {
	if x.literal() && y.literal() {
		return Real(x.value / y.value)
	}
	return product(x, y.local(), func(a, b *graph.Node) *graph.Node {
		p, q := graph.StopGradient(a), graph.StopGradient(b)
		return withSlopes(graph.Div(p, q),
			slope{a, func() *graph.Node { return graph.Reciprocal(q) }},
			slope{b, func() *graph.Node { return graph.Neg(graph.Div(graph.Div(p, q), q)) }})
	})
}

// linear applies f, which is linear in x and y together: shares of a sum are
// the sum of the shares.
func linear(f func(a, b *graph.Node) *graph.Node, x, y Tensor) Tensor {
	x, y, share := agree(x, y)
	nodes, whole := align(x, y)
	z := whole.derived(f(numeric(nodes[0]), numeric(nodes[1])), whole.axes)
	z.share = share
	return z
}

// agree makes both of x and y shares, or neither.
func agree(x, y Tensor) (_, _ Tensor, share bool) {
	if !x.share && !y.share || x.perExample() || y.perExample() {
		return x.local(), y.local(), false
	}
	return x.on(y.batch).shared(), y.on(x.batch).shared(), true
}

// product applies f, which is linear in each of x and y: the share of a product
// is the share of one times the value of the other.
func product(x, y Tensor, f func(a, b *graph.Node) *graph.Node) Tensor {
	if x.share && (y.share || y.perExample()) {
		x = x.local()
	}
	if y.share && x.perExample() {
		y = y.local()
	}
	nodes, whole := align(x, y)
	z := whole.derived(f(numeric(nodes[0]), numeric(nodes[1])), whole.axes)
	z.share = x.share || y.share
	return z
}

// Pow is x to the power y.
func Pow(x, y Tensor) Tensor {
	if x.literal() && y.literal() {
		return Real(math.Pow(x.value, y.value))
	}
	if y.literal() && y.value == 2 {
		return Square(x)
	}
	nodes, whole := align(x.local(), y.local())
	a, b := numeric(nodes[0]), numeric(nodes[1])
	p, q := graph.StopGradient(a), graph.StopGradient(b)
	z := graph.StopGradient(graph.Pow(p, q))
	slopes := []slope{{a, func() *graph.Node {
		return graph.Mul(q, graph.Pow(p, graph.Sub(q, graph.OnesLike(q))))
	}}}
	if !y.literal() {
		slopes = append(slopes, slope{b, func() *graph.Node { return graph.Mul(z, graph.Log(p)) }})
	}
	return whole.derived(withSlopes(z, slopes...), whole.axes)
}

// Exp is e to the power x.
func Exp(x Tensor) Tensor {
	if x.literal() {
		return Real(math.Exp(x.value))
	}
	return unary(x, graph.Exp, func(_, y *graph.Node) *graph.Node { return y })
}

// Log is the natural logarithm of x.
func Log(x Tensor) Tensor {
	if x.literal() {
		return Real(math.Log(x.value))
	}
	return unary(x, graph.Log, func(x, _ *graph.Node) *graph.Node { return graph.Reciprocal(x) })
}

// Sqrt is the square root of x.
func Sqrt(x Tensor) Tensor {
	if x.literal() {
		return Real(math.Sqrt(x.value))
	}
	return unary(x, graph.Sqrt, func(_, y *graph.Node) *graph.Node {
		return graph.Reciprocal(graph.MulScalar(y, 2))
	})
}

// Abs is |x|; its gradient at 0 is 0.
func Abs(x Tensor) Tensor {
	if x.literal() {
		return Real(math.Abs(x.value))
	}
	return unary(x, graph.Abs, func(x, _ *graph.Node) *graph.Node { return graph.Sign(x) })
}

// Square is x².
func Square(x Tensor) Tensor {
	if x.literal() {
		return Real(x.value * x.value)
	}
	return unary(x, graph.Square, func(x, _ *graph.Node) *graph.Node { return graph.MulScalar(x, 2) })
}

// Tanh is the hyperbolic tangent of x.
func Tanh(x Tensor) Tensor {
	if x.literal() {
		return Real(math.Tanh(x.value))
	}
	return unary(x, graph.Tanh, func(_, y *graph.Node) *graph.Node { return graph.OneMinus(graph.Square(y)) })
}

// Sigmoid is 1 / (1 + e^-x).
func Sigmoid(x Tensor) Tensor {
	if x.literal() {
		return Real(1 / (1 + math.Exp(-x.value)))
	}
	return unary(x, graph.Sigmoid, func(x, y *graph.Node) *graph.Node {
		return graph.Mul(y, graph.Sigmoid(graph.Neg(x)))
	})
}

// Softplus is log(1 + e^x), finite for every finite x.
func Softplus(x Tensor) Tensor {
	if x.literal() {
		return Real(math.Max(x.value, 0) + math.Log1p(math.Exp(-math.Abs(x.value))))
	}
	return unary(x, softplus, func(x, _ *graph.Node) *graph.Node { return graph.Sigmoid(x) })
}

// softplus writes log(1 + e^x) with an exponent that is never positive.
func softplus(x *graph.Node) *graph.Node {
	tail := graph.Log1P(graph.Exp(graph.Neg(graph.Abs(x))))
	return graph.Add(graph.Max(x, graph.ZerosLike(x)), tail)
}

// LogSigmoid is log(sigmoid(x)), finite for every finite x.
func LogSigmoid(x Tensor) Tensor { return Neg(Softplus(Neg(x))) }

// Relu is x where it is positive, else 0.
func Relu(x Tensor) Tensor { return Max(x, Real(0)) }

// Max is the larger of x and y; where they are equal the gradient is halved.
func Max(x, y Tensor) Tensor {
	if x.literal() && y.literal() {
		return Real(math.Max(x.value, y.value))
	}
	return pick(graph.Max, graph.GreaterThan, x, y)
}

// Min is the smaller of x and y; where they are equal the gradient is halved.
func Min(x, y Tensor) Tensor {
	if x.literal() && y.literal() {
		return Real(math.Min(x.value, y.value))
	}
	return pick(graph.Min, graph.LessThan, x, y)
}

// pick applies f, which returns the operand that comes first by before.
func pick(f, before func(a, b *graph.Node) *graph.Node, x, y Tensor) Tensor {
	nodes, whole := align(x.local(), y.local())
	a, b := numeric(nodes[0]), numeric(nodes[1])
	p, q := graph.StopGradient(a), graph.StopGradient(b)
	weight := func(p, q *graph.Node) func() *graph.Node {
		return func() *graph.Node {
			half := graph.MulScalar(numeric(graph.Equal(p, q)), 0.5)
			return graph.Add(numeric(before(p, q)), half)
		}
	}
	return whole.derived(withSlopes(f(p, q), slope{a, weight(p, q)}, slope{b, weight(q, p)}), whole.axes)
}

// StopGradient is x, without a gradient.
func StopGradient(x Tensor) Tensor {
	if x.literal() {
		return x
	}
	y := x.derived(graph.StopGradient(x.node), x.axes)
	y.share = x.share
	return y
}
