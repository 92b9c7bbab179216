package op

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// Last is the last x that is there along an axis, whose padding may lie anywhere;
// 0 where there is none.
func Last(x Tensor, over string) Tensor {
	l := x.last(over)
	g, last := l.node.Graph(), l.node.Rank()-1
	place := graph.Iota(g, shapes.Make(dtypes.Int32, l.node.Shape().Dimensions...), last)
	if l.mask != nil {
		place = graph.Where(l.mask, place, graph.AddScalar(graph.ZerosLike(place), -1))
	}
	top := graph.BroadcastLike(graph.ExpandAxes(graph.ReduceMax(place, -1), -1), place)
	here := graph.LogicalAnd(graph.Equal(place, top), graph.GreaterOrEqual(place, graph.ZerosLike(place)))
	y := l.rest(graph.ReduceSum(graph.Where(here, l.node, graph.ZerosLike(l.node)), -1))
	y.share = x.share
	return y
}
