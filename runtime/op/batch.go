package op

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// Inputs is what the trainer builds a Batch from. Dimensions are those of one
// micro-batch, over all devices; Count is of the whole optimizer step.
type Inputs struct {
	Axis    string                 // of the batch: pair, row
	Valid   *graph.Node            // [Axis], bool or 0/1: false for rows that only fill the last micro-batch
	Count   *graph.Node            // scalar: examples of the optimizer step, over all its micro-batches
	Ragged  map[string]*graph.Node // masks [Axis, name] of ragged axes: candidate
	Columns map[string]*graph.Node // [Axis]
	// Term computes a model term for every row of the micro-batch, padding
	// included: kind is score, heads, embed or logprob. It is called once for
	// each term. New names its axes.
	Term func(kind, model, view string) Tensor
}

// A Batch is what an objective is a function of: the examples of one
// micro-batch, their columns, and what models say of them.
type Batch struct {
	axis    string
	valid   Tensor
	count   *graph.Node // float32, at least 1
	ragged  map[string]Tensor
	columns map[string]*graph.Node
	term    func(kind, model, view string) Tensor
	terms   map[[3]string]Tensor
}

// An Objective is what an objective function returns.
type Objective struct {
	Loss    Tensor
	Reports []Report
}

// A Report is a named scalar for the metrics.
type Report struct {
	Name  string
	Value Tensor
}

// A Reward is what a reward function returns: a number for each response, and
// what it is made of.
type Reward struct {
	Score Tensor
	Parts []Report // over the batch, with or without one named axis
}

// NewBatch returns a Batch over in.
func NewBatch(in Inputs) *Batch {
	one := graph.ScalarOne(in.Count.Graph(), dtypes.Float32)
	b := &Batch{
		axis:    in.Axis,
		valid:   New(truth(in.Valid), in.Axis),
		count:   graph.Max(graph.ConvertDType(in.Count, dtypes.Float32), one),
		ragged:  map[string]Tensor{},
		columns: in.Columns,
		term:    in.Term,
		terms:   map[[3]string]Tensor{},
	}
	for name, mask := range in.Ragged {
		b.ragged[name] = New(truth(mask), in.Axis, name)
	}
	return b
}

// Score is the scalar that a model gives each sequence of a view.
func (b *Batch) Score(model, view string) Tensor { return b.model("score", model, view) }

// Heads is all outputs of a model's head, over the axis head.
func (b *Batch) Heads(model, view string) Tensor { return b.model("heads", model, view) }

// Embed is the hidden state that a model's head reads, over the axis hidden.
func (b *Batch) Embed(model, view string) Tensor { return b.model("embed", model, view) }

// LogProb is the log-probability of each token of a view's response, over the
// ragged axis token.
func (b *Batch) LogProb(model, view string) Tensor { return b.model("logprob", model, view) }

// Column is a number that the data has for each example.
func (b *Batch) Column(name string) Tensor {
	node, ok := b.columns[name]
	if !ok {
		panic(fmt.Sprintf("op: the batch has no column %q", name))
	}
	return b.adopt(New(node, b.axis))
}

// Constant is the same number for each example.
func (b *Batch) Constant(value float64) Tensor {
	number := graph.Scalar(b.count.Graph(), dtypes.Float32, value)
	return b.adopt(New(graph.BroadcastToDims(number, b.valid.node.Shape().Dimensions...), b.axis))
}

func (b *Batch) model(kind, model, view string) Tensor {
	key := [3]string{kind, model, view}
	if t, ok := b.terms[key]; ok {
		return t
	}
	t := b.adopt(b.term(kind, model, view))
	b.terms[key] = t
	return t
}

// adopt gives t the masks of b. Padding becomes 0 and, since a where lets no
// adjoint through, whatever an expression makes of it never reaches a model.
func (b *Batch) adopt(t Tensor) Tensor {
	t = t.derived(t.number(), append([]axis(nil), t.axes...))
	t.batch = b
	for i, a := range t.axes {
		if mask, ok := b.ragged[a.name]; ok && a.mask == nil {
			t.axes[i].mask = &mask
		}
		if a.name == b.axis {
			t.axes[i].mask = &b.valid
		}
	}
	for _, a := range t.axes {
		if a.mask != nil {
			t.node = graph.Where(a.mask.over(t.axes, t.node.Shape().Dimensions), t.node, graph.ZerosLike(t.node))
		}
	}
	return t
}

// Share returns t's part in the value over the optimizer step's whole batch:
// the shares of all its micro-batches add up to it, exactly where t is made of
// means over the batch, and as the mean weighted by examples where it is some
// other statistic. t must be a scalar; the result is float32.
func (b *Batch) Share(t Tensor) *graph.Node {
	if len(t.axes) > 0 {
		panic(fmt.Sprintf("op: a loss or report over %v, want a scalar", t.Axes()))
	}
	return t.on(b).shared().node
}

// on makes a literal a tensor of b.
func (t Tensor) on(b *Batch) Tensor {
	if t.literal() {
		return Tensor{node: graph.Scalar(b.count.Graph(), dtypes.Float32, t.value), batch: b}
	}
	return t
}

// fraction is the part of the optimizer step's examples that are in b.
func (b *Batch) fraction() *graph.Node {
	return graph.Div(graph.ReduceAllSum(b.valid.number()), b.count)
}

// shared returns a statistic as b's share of it.
func (t Tensor) shared() Tensor {
	if t.share {
		return t
	}
	// A micro-batch of nothing but padding has no statistic; its share is 0.
	fraction := t.batch.fraction()
	x := graph.Mul(t.number(), fraction)
	some := graph.GreaterThan(fraction, graph.ZerosLike(fraction))
	s := t.derived(graph.Where(graph.BroadcastLike(some, x), x, graph.ZerosLike(x)), t.axes)
	s.share = true
	return s
}

// local returns a share as the statistic of b's own examples.
func (t Tensor) local() Tensor {
	if !t.share {
		return t
	}
	least := graph.Scalar(t.node.Graph(), dtypes.Float32, 1e-12)
	return t.derived(graph.Div(t.node, graph.Max(t.batch.fraction(), least)), t.axes)
}
