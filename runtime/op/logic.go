package op

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// Where is x where c holds, else y.
func Where(c, x, y Tensor) Tensor {
	if c.perExample() {
		x, y = x.local(), y.local()
	}
	x, y, share := agree(x, y)
	nodes, whole := align(c, x, y)
	z := whole.derived(graph.Where(truth(nodes[0]), numeric(nodes[1]), numeric(nodes[2])), whole.axes)
	z.share = share
	return z
}

// Lt is x < y.
func Lt(x, y Tensor) Tensor { return compare(graph.LessThan, x, y) }

// Le is x <= y.
func Le(x, y Tensor) Tensor { return compare(graph.LessOrEqual, x, y) }

// Gt is x > y.
func Gt(x, y Tensor) Tensor { return compare(graph.GreaterThan, x, y) }

// Ge is x >= y.
func Ge(x, y Tensor) Tensor { return compare(graph.GreaterOrEqual, x, y) }

// Eq is x == y.
func Eq(x, y Tensor) Tensor { return compare(graph.Equal, x, y) }

// Ne is x != y.
func Ne(x, y Tensor) Tensor { return compare(graph.NotEqual, x, y) }

// And holds where x and y do.
func And(x, y Tensor) Tensor { return combine(graph.LogicalAnd, x, y) }

// Or holds where x or y does.
func Or(x, y Tensor) Tensor { return combine(graph.LogicalOr, x, y) }

// Not holds where x does not.
func Not(x Tensor) Tensor { return x.derived(graph.LogicalNot(x.node), x.axes) }

func compare(f func(a, b *graph.Node) *graph.Node, x, y Tensor) Tensor {
	nodes, whole := align(x.local(), y.local())
	return whole.derived(f(graph.StopGradient(numeric(nodes[0])), graph.StopGradient(numeric(nodes[1]))), whole.axes)
}

func combine(f func(a, b *graph.Node) *graph.Node, x, y Tensor) Tensor {
	nodes, whole := align(x, y)
	return whole.derived(f(truth(nodes[0]), truth(nodes[1])), whole.axes)
}

// numeric counts truth as 1 and falsehood as 0.
func numeric(x *graph.Node) *graph.Node { return graph.ConvertDType(x, dtypes.Float32) }
