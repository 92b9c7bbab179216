package op

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// Inputs is what the trainer builds a Batch from. Dimensions are those of one
// micro-batch, over all devices; Count is of the whole optimizer step.
type Inputs struct {
	Axis    string                 // of the batch: pair, row
	Valid   *graph.Node            // [Axis], bool or 0/1: false for rows that only fill the last micro-batch
	Count   *graph.Node            // scalar: examples of the optimizer step, over all its micro-batches
	Ragged  map[string]*graph.Node // masks [Axis, name] of ragged axes of the data: candidate, step
	Counts  map[string]*graph.Node // scalars, by ragged axis: values of the optimizer step, over all its micro-batches
	Columns map[string]*graph.Node // [Axis]
	// Term computes a term for every row of the micro-batch, padding included.
	// It is called once for each term. New names its axes. By kind it is
	//
	//	score, heads, embed, logprob  of a model and a view
	//	logits                        of a model and a view: of each label where one stands
	//	model, fit                    all that a model or a fit gives for a view
	//	weights                       a model's trained linear head, [head, hidden]
	//	scalar                        a learnable number of a model; view is its name
	//	length                        of a view; model is ""
	//	rating, known, gold           of the batch; model and view are ""
	Term func(kind, model, view string) Tensor
	// Transform is the matrix T of a fit, float32[attribute, attribute], where
	// rows are what goes in: y = x·T.
	Transform func(fit string) *graph.Node
}

// A Batch is what an objective is a function of: the examples of one
// micro-batch, their columns, and what models say of them.
type Batch struct {
	axis      string
	valid     Tensor
	count     *graph.Node // float32, at least 1
	ragged    map[string]Tensor
	counts    map[string]*graph.Node // float32, at least 1
	columns   map[string]*graph.Node
	term      func(kind, model, view string) Tensor
	transform func(fit string) *graph.Node
	terms     map[[3]string]Tensor
	whole     bool // a statistic was taken that micro-batches do not add up to
}

// An Objective is what an objective function returns.
type Objective struct {
	Loss    Tensor
	Reports []Report
}

// A Report is a named scalar for the metrics or, of a Reward, a part of a score.
type Report struct {
	Name  string
	Value Tensor
}

// A Reward is what the function of a reward returns: a score for each example,
// and what it is made of, over the batch alone or with an axis of named elements.
type Reward struct {
	Score Tensor
	Parts []Report
}

// NewBatch returns a Batch over in.
func NewBatch(in Inputs) *Batch {
	one := graph.ScalarOne(in.Count.Graph(), dtypes.Float32)
	b := &Batch{
		axis:      in.Axis,
		valid:     New(truth(in.Valid), in.Axis),
		count:     graph.Max(graph.ConvertDType(in.Count, dtypes.Float32), one),
		ragged:    map[string]Tensor{},
		counts:    map[string]*graph.Node{},
		columns:   in.Columns,
		term:      in.Term,
		transform: in.Transform,
		terms:     map[[3]string]Tensor{},
	}
	for name, mask := range in.Ragged {
		b.ragged[name] = New(truth(mask), in.Axis, name)
	}
	for name, count := range in.Counts {
		b.counts[name] = graph.Max(graph.ConvertDType(count, dtypes.Float32), one)
	}
	return b
}

// Score is the scalar that a model gives each sequence of a view.
func (b *Batch) Score(model, view string) Tensor { return b.get("score", model, view) }

// Heads is all outputs of a model's head, over the axis head.
func (b *Batch) Heads(model, view string) Tensor { return b.get("heads", model, view) }

// Embed is the hidden state that a model's head reads, over the axis hidden.
func (b *Batch) Embed(model, view string) Tensor { return b.get("embed", model, view) }

// LogProb is the log-probability of each token of a view's response, over the
// ragged axis token; of the view conversation, that of each label among all
// tokens, over the axes step and label.
func (b *Batch) LogProb(model, view string) Tensor { return b.get("logprob", model, view) }

// Logits is the logit of each label where one stands in a view, over the axes
// step and label.
func (b *Batch) Logits(model, view string) Tensor { return b.get("logits", model, view) }

// Ending is the log-probability among all tokens of the token that follows each
// label in a view, over the axis step; 0 where none does.
func (b *Batch) Ending(model, view string) Tensor { return b.get("ending", model, view) }

// Gold is the share of each label where one stands, over the axes step and label.
func (b *Batch) Gold() Tensor { return b.get("gold", "", "") }

// Model is all that a model gives for each sequence of a view: over the axis of
// its outputs, or one number where it has one output.
func (b *Batch) Model(model, view string) Tensor { return b.get("model", model, view) }

// Fit is what a fit predicts for each sequence of a view, over the axis attribute.
func (b *Batch) Fit(fit, view string) Tensor { return b.get("fit", fit, view) }

// Transform is x, over the axis attribute, times the matrix of a fit.
func (b *Batch) Transform(fit string, x Tensor) Tensor {
	l := x.last(axisAttribute)
	matrix := graph.ConvertDType(b.transform(fit), dtypes.Float32)
	flat := graph.Reshape(l.padded(0), -1, matrix.Shape().Dim(0))
	y := l.wide(graph.Reshape(graph.MatMul(flat, matrix), l.node.Shape().Dimensions...))
	y.share = x.share
	return y
}

// Scalar is a learnable number of a model.
func (b *Batch) Scalar(model, name string) Tensor { return b.get("scalar", model, name) }

// Weights is the matrix of a model's linear head, over the axes head and hidden.
func (b *Batch) Weights(model string) Tensor { return b.get("weights", model, "") }

// Length is the number of tokens of each response of a view.
func (b *Batch) Length(view string) Tensor { return b.get("length", "", view) }

// Rating is what each row was rated, over the axis attribute; 0 where it was not.
func (b *Batch) Rating() Tensor { return b.get("rating", "", "") }

// Known is whether each row was rated, over the axis attribute.
func (b *Batch) Known() Tensor { return Ne(b.get("known", "", ""), Real(0)) }

// The axes that have their elements from here: the two sides of a pair, and
// what a fit predicts.
const (
	axisSide      = "side"
	axisAttribute = "attribute"
)

// Responses is the view of both sides of a pair, over the axis side: chosen,
// then rejected.
const Responses = "responses"

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

// get returns a term, computed when it is first asked for.
func (b *Batch) get(kind, model, view string) Tensor {
	key := [3]string{kind, model, view}
	if t, ok := b.terms[key]; ok {
		return t
	}
	var t Tensor
	if view == Responses && kind != "scalar" {
		t = beside(axisSide, b.get(kind, model, "chosen"), b.get(kind, model, "rejected"))
	} else {
		t = b.adopt(b.term(kind, model, view))
	}
	b.terms[key] = t
	return t
}

// beside puts x and y side by side along a new axis.
func beside(name string, x, y Tensor) Tensor {
	nodes, whole := align(x, y)
	axes := append(slices.Clone(whole.axes), axis{name: name})
	return whole.derived(graph.Stack(nodes, -1), axes)
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
// other statistic, which Indivisible tells. t must be a scalar; the result is
// float32.
func (b *Batch) Share(t Tensor) *graph.Node {
	if len(t.axes) > 0 {
		panic(fmt.Sprintf("op: a loss or report over %v, want a scalar", t.Axes()))
	}
	return t.on(b).shared().node
}

// Values is what t says of each example of b, padding included: float32[Axis],
// or float32[Axis, x] where t has one axis x besides. It is for rewards.
func (b *Batch) Values(t Tensor) *graph.Node {
	t = t.on(b)
	axes, dims := []axis{{name: b.axis}}, []int{b.valid.node.Shape().Dim(0)}
	for i, a := range t.axes {
		if a.name != b.axis {
			axes, dims = append(axes, a), append(dims, t.node.Shape().Dim(i))
		}
	}
	if len(axes) > 2 {
		panic(fmt.Sprintf("op: a part of a reward over %v, want %s and at most one axis more", t.Axes(), b.axis))
	}
	return graph.ConvertDType(t.over(axes, dims), dtypes.Float32)
}

// Indivisible reports whether something was computed of b that the same of its
// parts does not add up to: a correlation over the batch, the square of a mean.
// It is for a batch that is a whole optimizer step.
func (b *Batch) Indivisible() bool { return b.whole }

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
	t.batch.whole = true
	least := graph.Scalar(t.node.Graph(), dtypes.Float32, 1e-12)
	return t.derived(graph.Div(t.node, graph.Max(t.batch.fraction(), least)), t.axes)
}
