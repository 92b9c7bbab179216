// Package terms is what an objective reads of a micro-batch: its arrays, and terms
// made of hidden states by networks and fits.
package terms

import (
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/fit"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/op"
)

// The axes of terms besides that of the batch.
const (
	axisCandidate = "candidate"
	AxisStep      = "step"
	AxisToken     = "token"
	AxisLabel     = "label"
	axisHidden    = "hidden"
	axisAttribute = "attribute"
)

// A Reading is what terms are made of in a graph: the hidden states of the
// sequences of each view, and what reads them. Training and scoring make their
// terms here and nowhere else, so that a fit or a transform which is in one of
// them cannot be missing from the other.
type Reading struct {
	Axis    string           // of the batch: pair, row
	Views   map[string]*Node // of each view float32[example, hidden]; of candidates [example, candidate, hidden]; of a policy [example, place, hidden]
	Keys    map[string]*Node // of each view uint32[example]: what dropout is a function of; nil outside of training
	Lengths map[string]*Node // of each view of responses float32[example], in tokens
	rating  *Node            // float32[example, attribute]; nil where the data has none
	known   *Node            // of rating's shape, 0 or 1
	labels  []int32          // the token of each label; nil where the data has none
	gold    *Node            // float32[example, step, label]; nil likewise
	endings bool             // whether labels are read besides the places before them, mark by mark
	marked  map[string]*Node // of each view of responses that a policy reads, where there is a token: float32[example, token], 0 or 1
	targets map[string]*Node // and which: int32[example, token]; of labels the one after each: int32[example, step], or -1

	// Of is the hidden states of a decoder other than the one that views are of.
	Of            func(model string) (views map[string]*Node, ok bool)
	Network       func(name string) (*network.Network, model.Params) // of a model's name
	Probe         func(name string) *fit.Probe                       // of a fit's name
	Decorrelation func(name string) *fit.Transform                   // likewise

	given map[Given]*Node // what networks and fits gave so far
}

// Given names what a model or a fit gives for a view.
type Given struct{ Kind, Name, View string }

// Term makes a term of op.Inputs.
func (r *Reading) Term(kind, name, view string) op.Tensor {
	switch kind {
	case "score", "heads", "model":
		return r.output(kind, name, view)
	case "embed":
		return op.New(r.hidden(view), append(r.axes(view), axisHidden)...)
	case "fit":
		return op.New(r.probed(name, view), append(r.axes(view), axisAttribute)...)
	case "weights":
		n, p := r.Network(name)
		return op.New(p(n.HeadWeight()), network.AxisHead, axisHidden)
	case "scalar":
		_, p := r.Network(name)
		return op.New(p(model.ScalarName(view)))
	case "length":
		return op.New(r.Lengths[view], r.axes(view)...)
	case "rating":
		return op.New(r.rating, r.Axis, axisAttribute)
	case "known":
		return op.New(r.known, r.Axis, axisAttribute)
	case "logits":
		return op.New(r.labelLogits(name, view), r.Axis, AxisStep, AxisLabel)
	case "logprob":
		return r.logProb(name, view)
	case "ending":
		return op.New(r.ending(name, view), r.Axis, AxisStep)
	case "gold":
		return op.New(r.gold, r.Axis, AxisStep, AxisLabel)
	}
	panic("terms: no term " + kind)
}

// axes are those of a number for each sequence of a view.
func (r *Reading) axes(view string) []string {
	if view == ViewCandidates {
		return []string{r.Axis, axisCandidate}
	}
	return []string{r.Axis}
}

const ViewCandidates = "candidates"

func (r *Reading) hidden(view string) *Node {
	if h, ok := r.Views[view]; ok {
		return h
	}
	panic(fmt.Sprintf("the data has no view %s", view))
}

// output is what a model gives: its first output (score), all of them over head
// (heads), or all over the axis that they have (model).
func (r *Reading) output(kind, name, view string) op.Tensor {
	n, _ := r.Network(name)
	axis := network.OutputAxis(n.Model)
	switch {
	case kind == "heads":
		axis = network.AxisHead
	case kind == "score":
		axis = ""
	}
	if axis == "" {
		return op.New(r.Score(name, view), r.axes(view)...)
	}
	return op.New(r.outputs(name, view), append(r.axes(view), axis)...)
}

// outputs is all that a model gives for a view, over the axes of the view and
// its outputs.
func (r *Reading) outputs(name, view string) *Node {
	return r.once(Given{"model", name, view}, func() *Node {
		n, p := r.Network(name)
		return rowwise(r.hidden(view), r.Keys[view], func(h, keys *Node) *Node { return n.Outputs(p, h, keys) })
	})
}

// Score is the first output of a model for a view.
func (r *Reading) Score(name, view string) *Node {
	return Squeeze(Slice(r.outputs(name, view), AxisRange().Spacer(), AxisElem(0)), -1)
}

// probed is what a ridge probe gives for a view, over attribute.
func (r *Reading) probed(name, view string) *Node {
	return r.once(Given{"fit", name, view}, func() *Node {
		probe := r.Probe(name)
		return rowwise(r.hidden(view), nil, func(h, _ *Node) *Node {
			weight, bias := constant(h, probe.Weight), constant(h, [][]float64{probe.Intercept})
			return Add(MatMul(h, TransposeAllAxes(weight, 1, 0)), BroadcastToDims(bias, h.Shape().Dimensions[0], len(probe.Intercept)))
		})
	})
}

// Transform is the matrix of a decorrelate fit in a graph.
func (r *Reading) Transform(g *Graph) func(name string) *Node {
	return func(name string) *Node { return Const(g, matrix32(r.Decorrelation(name).Matrix)) }
}

// once is a node that is made when it is first asked for.
func (r *Reading) once(what Given, make func() *Node) *Node {
	if y, ok := r.given[what]; ok {
		return y
	}
	if r.given == nil {
		r.given = map[Given]*Node{}
	}
	r.given[what] = make()
	return r.given[what]
}

// rowwise applies f, from [row, hidden] to [row, x], along all axes of h but the
// last.
func rowwise(h, keys *Node, f func(h, keys *Node) *Node) *Node {
	dims := h.Shape().Dimensions
	if len(dims) == 2 {
		return f(h, keys)
	}
	if keys != nil {
		keys = Reshape(keys, -1)
	}
	y := f(Reshape(h, -1, dims[len(dims)-1]), keys)
	return Reshape(y, append(slices.Clone(dims[:len(dims)-1]), -1)...)
}

func constant(like *Node, rows [][]float64) *Node { return Const(like.Graph(), matrix32(rows)) }

// matrix32 is rows as float32.
func matrix32(rows [][]float64) *tensors.Tensor {
	var flat []float32
	for _, row := range rows {
		for _, x := range row {
			flat = append(flat, float32(x))
		}
	}
	return tensors.FromFlatDataAndDimensions(flat, len(rows), len(rows[0]))
}

// Rated is what a ridge fit gave for a view; nil where it was not asked.
func (r *Reading) Rated(name, view string) *Node { return r.given[Given{"fit", name, view}] }

// Probes names the ridge fits that were asked for what they give for a view.
func (r *Reading) Probes(view string) []string {
	var names []string
	for g := range r.given {
		if g.Kind == "fit" && g.View == view {
			names = append(names, g.Name)
		}
	}
	slices.Sort(names)
	return names
}
