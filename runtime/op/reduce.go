package op

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// Reductions take one axis or several, which count as one.

// Sum adds x up. Padding does not count.
func Sum(x Tensor, over ...string) Tensor {
	l := x.last(over...)
	y := l.rest(graph.ReduceSum(l.padded(0), -1))
	y.share = x.share || l.whole
	return y
}

// Mean is the mean of x. Over the batch it is the mean over the optimizer step's
// whole batch: what a micro-batch computes is its share, and shares add up. Over
// a ragged axis without a value it is 0; over one and the batch it is the mean of
// all values of the step, be there few or many in an example.
func Mean(x Tensor, over ...string) Tensor {
	l := x.last(over...)
	count := x.countOf(over)
	if l.whole && count == nil {
		// How many values the other micro-batches have is not known here.
		return Div(Sum(x, over...), Max(Sum(l.wide(graph.OnesLike(l.node)), over...), Real(1)))
	}
	total := graph.ReduceSum(l.padded(0), -1)
	if l.whole {
		y := l.rest(graph.Div(total, count))
		y.share = true
		return y
	}
	y := l.rest(graph.Div(total, l.count()))
	y.share = x.share
	return y
}

// countOf is how many values the axes of a reduction have over the optimizer
// step's whole batch, which is one of them; nil where that is not known.
func (t Tensor) countOf(over []string) *graph.Node {
	if t.batch == nil {
		return nil
	}
	count, others, ragged := t.batch.count, 1, 0
	for _, name := range over {
		i := t.dim(name)
		switch mask := t.axes[i].mask; {
		case name == t.batch.axis:
		case mask == nil:
			others *= t.node.Shape().Dim(i)
		case t.batch.counts[name] == nil || t.batch.ragged[name].node != mask.node:
			return nil // of a view's own tokens
		default:
			count = t.batch.counts[name]
			ragged++
		}
	}
	if ragged > 1 {
		return nil
	}
	return graph.MulScalar(count, float64(others))
}

// MaxOver is the largest x; equal ones share the gradient.
func MaxOver(x Tensor, over ...string) Tensor { return extreme(x.local().mixed(over), 1) }

// MinOver is the smallest x; equal ones share the gradient.
func MinOver(x Tensor, over ...string) Tensor { return extreme(x.local().mixed(over), -1) }

// extreme is the largest of sign·l, times sign.
func extreme(l line, sign float64) Tensor {
	lowest := graph.MulScalar(graph.Infinity(l.node.Graph(), dtypes.Float32, -1), sign)
	fixed := graph.StopGradient(l.node)
	masked := l.where(fixed, lowest)
	best := graph.MulScalar(graph.ReduceMax(graph.MulScalar(masked, sign), -1), sign)
	at := numeric(graph.Equal(masked, graph.BroadcastLike(graph.ExpandAxes(best, -1), masked)))
	weight := graph.Div(at, graph.BroadcastLike(graph.ExpandAxes(graph.ReduceSum(at, -1), -1), at))
	slope := slope{l.node, func() *graph.Node { return weight }}
	return l.rest(graph.Add(best, graph.ReduceSum(carrier(slope), -1)))
}

// LogSumExp is log(sum(e^x)), finite for every finite x.
func LogSumExp(x Tensor, over ...string) Tensor {
	l := x.local().mixed(over)
	return l.rest(l.logSumExp(l.node, l.mask))
}

// LogSoftmax is x less its LogSumExp.
func LogSoftmax(x Tensor, over ...string) Tensor { return Sub(x.local(), LogSumExp(x, over...)) }

// Softmax is e^LogSoftmax, and 0 on padding.
func Softmax(x Tensor, over ...string) Tensor {
	y := Exp(LogSoftmax(x, over...)).last(over...)
	return y.wide(y.padded(0))
}

// SuffixLogSumExp is, at each position of an axis, the LogSumExp of x from
// there to the end: the normaliser of what a Plackett–Luce ranking has left to
// choose from.
func SuffixLogSumExp(x Tensor, over string) Tensor {
	l := x.local().mixed([]string{over})
	n := l.node.Shape().Dim(-1)
	square := append(slices.Clone(l.node.Shape().Dimensions), n)
	from, to := len(square)-2, len(square)-1
	boxed := graph.BroadcastToDims(graph.ExpandAxes(l.node, from), square...)
	index := shapes.Make(dtypes.Int32, square...)
	g := l.node.Graph()
	kept := graph.GreaterOrEqual(graph.Iota(g, index, to), graph.Iota(g, index, from))
	if l.mask != nil {
		kept = graph.LogicalAnd(kept, graph.BroadcastToDims(graph.ExpandAxes(l.mask, from), square...))
	}
	y := l
	y.node = l.logSumExp(boxed, kept)
	return y.wide(y.padded(0))
}

// Rank is the position of each x among all, the smallest 1; equal ones get the
// mean of their ranks. It has no gradient.
func Rank(x Tensor, over ...string) Tensor {
	l := x.local().mixed(over)
	n := l.node.Shape().Dim(-1)
	square := append(slices.Clone(l.node.Shape().Dimensions), n)
	from, to := len(square)-2, len(square)-1
	fixed := graph.StopGradient(l.node)
	mine := graph.BroadcastToDims(graph.ExpandAxes(fixed, to), square...)
	other := graph.BroadcastToDims(graph.ExpandAxes(fixed, from), square...)
	below := graph.Add(numeric(graph.LessThan(other, mine)), graph.MulScalar(numeric(graph.Equal(other, mine)), 0.5))
	if l.mask != nil {
		kept := graph.BroadcastToDims(graph.ExpandAxes(l.mask, from), square...)
		below = graph.Where(kept, below, graph.ZerosLike(below))
	}
	y := l
	y.node = graph.AddScalar(graph.ReduceSum(below, -1), 0.5)
	return y.wide(y.padded(0))
}

// Corr is Pearson's correlation of x and y; 0 where one of them does not vary.
func Corr(x, y Tensor, over ...string) Tensor {
	nodes, whole := align(x.local(), y.local()) // what lacks an axis is the same along it
	x, y = centered(whole.derived(nodes[0], whole.axes), over), centered(whole.derived(nodes[1], whole.axes), over)
	both := localMean(Mul(x, y), over)
	spread := Mul(Sqrt(localMean(Square(x), over)), Sqrt(localMean(Square(y), over)))
	return Where(Gt(spread, Real(0)), Div(both, spread), Real(0))
}

// centered is x less its mean, or exactly 0 where x varies by no more than
// float32 rounds: otherwise the noise of a constant would correlate.
func centered(x Tensor, over []string) Tensor {
	d := Sub(x, localMean(x, over))
	varies := Gt(localMean(Square(d), over), Mul(Real(1e-10), localMean(Square(x), over)))
	return Where(varies, d, Real(0))
}

func localMean(x Tensor, over []string) Tensor { return Mean(x, over...).local() }

// At is x at one position, 0-based, of an axis.
func At(x Tensor, over string, position int) Tensor {
	l := x.last(over)
	spec := make([]graph.SliceAxisSpec, l.node.Rank())
	for i := range spec {
		spec[i] = graph.AxisRange()
	}
	spec[len(spec)-1] = graph.AxisElem(position)
	y := l.rest(graph.Squeeze(graph.Slice(l.node, spec...), -1))
	y.share = x.share
	return y
}

// A line is a tensor with the axes of a reduction moved to the end and made one:
// the last of its node, float32.
type line struct {
	Tensor             // its axes are those of the node before the last were made one
	mask   *graph.Node // bool, of the node's shape; nil: everywhere
	reduce int         // how many axes were made one
	dims   []int       // of axes
	whole  bool        // the batch is one of them
	ragged bool        // a ragged axis is
	others int         // values for each example: the product of the others' dimensions
}

// last moves the named axes to the end and spreads out their masks.
func (t Tensor) last(names ...string) line {
	axes := t.ordered(names)
	dims := make([]int, len(axes))
	for i, a := range axes {
		dims[i] = t.node.Shape().Dim(t.dim(a.name))
	}
	l := line{Tensor: t.derived(nil, axes), dims: dims, reduce: len(names), others: 1}
	first := len(axes) - len(names)
	flat := append(slices.Clone(dims[:first]), -1)
	l.node = graph.Reshape(numeric(t.over(axes, dims)), flat...)
	for i, a := range axes[first:] {
		if t.batch != nil && a.name == t.batch.axis {
			l.whole = true
		} else {
			l.ragged = l.ragged || a.mask != nil
			l.others *= dims[first+i]
		}
		if a.mask != nil {
			l.mask = both(l.mask, graph.Reshape(a.mask.over(axes, dims), flat...))
		}
	}
	return l
}

// ordered is t's axes with the named ones last.
func (t Tensor) ordered(names []string) []axis {
	if len(names) == 0 {
		panic("op: a reduction over nothing")
	}
	var axes []axis
	for _, a := range t.axes {
		if !slices.Contains(names, a.name) {
			axes = append(axes, a)
		}
	}
	for _, name := range names {
		axes = append(axes, t.axes[t.dim(name)])
	}
	return axes
}

// both is where x and y hold; a nil holds everywhere.
func both(x, y *graph.Node) *graph.Node {
	if x == nil {
		return y
	}
	return graph.LogicalAnd(x, y)
}

// mixed is last for what makes the values along the axes depend on each other:
// over the batch, the parts of an optimizer step do not add up to it.
func (t Tensor) mixed(names []string) line {
	l := t.last(names...)
	if l.whole {
		t.batch.whole = true
	}
	return l
}

// padded returns l's node with a value in place of padding.
func (l line) padded(value float64) *graph.Node {
	return l.where(l.node, graph.Scalar(l.node.Graph(), dtypes.Float32, value))
}

func (l line) where(x, padding *graph.Node) *graph.Node {
	if l.mask == nil {
		return x
	}
	return graph.Where(l.mask, x, graph.BroadcastLike(padding, x))
}

// count is the number of values, at least 1.
func (l line) count() *graph.Node {
	n := graph.ReduceSum(l.where(graph.OnesLike(l.node), graph.ScalarZero(l.node.Graph(), dtypes.Float32)), -1)
	return graph.Max(n, graph.OnesLike(n))
}

// rest is a tensor over the axes that were not reduced.
func (l line) rest(node *graph.Node) Tensor { return l.derived(node, l.axes[:len(l.axes)-l.reduce]) }

// wide is a tensor over all axes of l.
func (l line) wide(node *graph.Node) Tensor {
	return l.derived(graph.Reshape(node, l.dims...), l.axes)
}

// logSumExp reduces the last axis of x where mask holds.
func (l line) logSumExp(x, mask *graph.Node) *graph.Node {
	g := x.Graph()
	m := line{Tensor: l.derived(x, nil), mask: mask}
	fixed := graph.StopGradient(x)
	top := graph.ReduceMax(m.where(fixed, graph.Infinity(g, dtypes.Float32, -1)), -1)
	top = graph.Where(graph.IsFinite(top), top, graph.ZerosLike(top))
	spread := graph.BroadcastLike(graph.ExpandAxes(top, -1), x)
	part := m.where(graph.Exp(graph.Sub(fixed, spread)), graph.ScalarZero(g, dtypes.Float32))
	total := graph.ReduceSum(part, -1)
	value := graph.StopGradient(graph.Add(graph.Log(total), top))
	slope := slope{x, func() *graph.Node {
		// softmax, but 0 and not 0/0 where nothing but padding is summed.
		least := graph.Max(total, graph.Scalar(g, dtypes.Float32, 1e-30))
		return graph.Div(part, graph.BroadcastLike(graph.ExpandAxes(least, -1), part))
	}}
	return graph.Add(value, graph.ReduceSum(carrier(slope), -1))
}
