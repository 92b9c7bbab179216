package trainer

import (
	"context"
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/arch"
	"github.com/rmc-lang/rmc/runtime/mesh"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/op"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// openMLP puts a small network on the devices as a fresh training starts: a pure
// function of m and seed. hidden is the size of what it reads.
func openMLP(l *mesh.Layout, m spec.Model, hidden, seed int) (*network, error) {
	n := &network{model: m, layout: l, mlp: mlpOf(m, hidden)}
	weights := n.mlp.Init(seed)
	for _, p := range n.mlp.Parameters() {
		if err := n.add(p, weights, true); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// mlpOf is the network that m describes over hidden states of a size.
func mlpOf(m spec.Model, hidden int) *model.MLP {
	if m.Input == "" {
		hidden = 0
	}
	return &model.MLP{In: hidden, Hidden: m.Hidden, Outputs: m.Outputs, Activation: m.Activation,
		Dropout: m.Dropout, Bias: m.Bias, Scalars: m.Scalars.Map}
}

// outputs is all that a network gives for hidden states [row, hidden]:
// float32[row, output]. keys, uint32[row], say what a training drops; else nil.
func (n *network) outputs(p model.Params, hidden, keys *Node) *Node {
	if n.mlp != nil {
		return n.mlp.Apply(p, hidden, keys)
	}
	return n.heads(p, hidden)
}

// outputAxis is the axis of a model's outputs; "" where it has one.
func outputAxis(m spec.Model) string {
	if m.Kind == "mlp" {
		return m.Axis
	}
	if m.Head.Outputs > 1 {
		return axisHead
	}
	return ""
}

// The axes of terms besides that of the batch.
const (
	axisCandidate = "candidate"
	axisStep      = "step"
	axisToken     = "token"
	axisLabel     = "label"
	axisHead      = "head"
	axisHidden    = "hidden"
	axisAttribute = "attribute"
)

// A reading is what terms are made of in a graph: the hidden states of the
// sequences of each view, and what reads them. Training and scoring make their
// terms here and nowhere else, so that a fit or a transform which is in one of
// them cannot be missing from the other.
type reading struct {
	axis    string           // of the batch: pair, row
	views   map[string]*Node // of each view float32[example, hidden]; of candidates [example, candidate, hidden]; of a policy [example, place, hidden]
	keys    map[string]*Node // of each view uint32[example]: what dropout is a function of; nil outside of training
	lengths map[string]*Node // of each view of responses float32[example], in tokens
	rating  *Node            // float32[example, attribute]; nil where the data has none
	known   *Node            // of rating's shape, 0 or 1
	labels  []int32          // the token of each label; nil where the data has none
	gold    *Node            // float32[example, step, label]; nil likewise
	marked  map[string]*Node // of each view of responses that a policy reads, where there is a token: float32[example, token], 0 or 1
	targets map[string]*Node // and which: int32[example, token]

	// of is the hidden states of a decoder other than the one that views are of.
	of      func(model string) (views map[string]*Node, ok bool)
	network func(name string) (*network, model.Params) // of a model's name
	fit     func(name string) *fitted

	given map[given]*Node // what networks and fits gave so far
}

// given names what a model or a fit gives for a view.
type given struct{ kind, name, view string }

// term makes a term of op.Inputs.
func (r *reading) term(kind, name, view string) op.Tensor {
	switch kind {
	case "score", "heads", "model":
		return r.output(kind, name, view)
	case "embed":
		return op.New(r.hidden(view), append(r.axes(view), axisHidden)...)
	case "fit":
		return op.New(r.probed(name, view), append(r.axes(view), axisAttribute)...)
	case "weights":
		n, p := r.network(name)
		return op.New(p(n.headWeight()), axisHead, axisHidden)
	case "scalar":
		_, p := r.network(name)
		return op.New(p(model.ScalarName(view)))
	case "length":
		return op.New(r.lengths[view], r.axes(view)...)
	case "rating":
		return op.New(r.rating, r.axis, axisAttribute)
	case "known":
		return op.New(r.known, r.axis, axisAttribute)
	case "logits":
		return op.New(r.labelLogits(name, view), r.axis, axisStep, axisLabel)
	case "logprob":
		return r.logProb(name, view)
	case "gold":
		return op.New(r.gold, r.axis, axisStep, axisLabel)
	}
	panic("trainer: no term " + kind)
}

// axes are those of a number for each sequence of a view.
func (r *reading) axes(view string) []string {
	if view == viewCandidates {
		return []string{r.axis, axisCandidate}
	}
	return []string{r.axis}
}

const viewCandidates = "candidates"

func (r *reading) hidden(view string) *Node {
	if h, ok := r.views[view]; ok {
		return h
	}
	panic(fmt.Sprintf("the data has no view %s", view))
}

// output is what a model gives: its first output (score), all of them over head
// (heads), or all over the axis that they have (model).
func (r *reading) output(kind, name, view string) op.Tensor {
	n, _ := r.network(name)
	axis := outputAxis(n.model)
	switch {
	case kind == "heads":
		axis = axisHead
	case kind == "score":
		axis = ""
	}
	if axis == "" {
		return op.New(r.score(name, view), r.axes(view)...)
	}
	return op.New(r.outputs(name, view), append(r.axes(view), axis)...)
}

// outputs is all that a model gives for a view, over the axes of the view and
// its outputs.
func (r *reading) outputs(name, view string) *Node {
	return r.once(given{"model", name, view}, func() *Node {
		n, p := r.network(name)
		return rowwise(r.hidden(view), r.keys[view], func(h, keys *Node) *Node { return n.outputs(p, h, keys) })
	})
}

// score is the first output of a model for a view.
func (r *reading) score(name, view string) *Node {
	return Squeeze(Slice(r.outputs(name, view), AxisRange().Spacer(), AxisElem(0)), -1)
}

// probed is what a ridge probe gives for a view, over attribute.
func (r *reading) probed(name, view string) *Node {
	return r.once(given{"fit", name, view}, func() *Node {
		probe := r.fit(name).probe
		return rowwise(r.hidden(view), nil, func(h, _ *Node) *Node {
			weight, bias := constant(h, probe.Weight), constant(h, [][]float64{probe.Intercept})
			return Add(MatMul(h, TransposeAllAxes(weight, 1, 0)), BroadcastToDims(bias, h.Shape().Dimensions[0], len(probe.Intercept)))
		})
	})
}

// transform is the matrix of a decorrelate fit in a graph.
func (r *reading) transform(g *Graph) func(name string) *Node {
	return func(name string) *Node { return Const(g, matrix32(r.fit(name).transform.Matrix)) }
}

// once is a node that is made when it is first asked for.
func (r *reading) once(what given, make func() *Node) *Node {
	if y, ok := r.given[what]; ok {
		return y
	}
	if r.given == nil {
		r.given = map[given]*Node{}
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

// headWeight names the matrix of a model's linear head.
func (n *network) headWeight() string {
	if n.mlp == nil {
		return arch.ScoreWeight
	}
	return n.mlp.Parameters()[0].Name
}

// An aside is what an objective reads besides the model that is trained: frozen
// networks and fits.
type aside struct {
	networks []*network // small ones, and decoders that have been asked what comes next
	fits     map[string]*fitted
	// whole says that the objective takes a statistic of all examples of a step,
	// which micro-batches do not add up to.
	whole bool
	// objective is a digest of the graph that the objective is.
	objective string
}

// parameters are those of all its networks.
func (a *aside) parameters() (all []*parameter) {
	for _, n := range a.networks {
		all = append(all, n.parameters()...)
	}
	return all
}

func (a *aside) fit(name string) *fitted {
	if f, ok := a.fits[name]; ok {
		return f
	}
	panic(fmt.Sprintf("trainer: a graph reads the fit %s, which was not opened", name))
}

// asideOf opens what the objective of a train stage reads besides the model that
// is trained. What that is, the objective says itself: it is run over a batch of
// nothing.
func (r *Run) asideOf(ctx context.Context, s program.Stage, trained *network, batch shape, hidden int) (a *aside, err error) {
	a = &aside{fits: map[string]*fitted{}}
	g := NewGraph(trained.layout.Backend, s.Name())
	defer g.Finalize()
	defer func() {
		if problem := recover(); problem != nil {
			err = mesh.AsError(problem)
		}
	}()
	const examples = 2
	micro, text := batch.blank(g, examples), newGraphText()
	text.arrays(micro)
	states := func(of string, size int) *Node {
		return text.leaf("hidden of "+of, Zeros(g, float32s(batch.states(examples, size))))
	}
	in := batch.reading(micro, states("the trained", hidden))
	in.network = func(name string) (*network, model.Params) {
		n := trained
		if name != trained.model.Name {
			n = r.mustOpen(ctx, a, name)
		}
		return n, func(parameter string) *Node { return n.blank(g, parameter) }
	}
	in.of = func(name string) (map[string]*Node, bool) {
		if name == trained.model.Name {
			return nil, false
		}
		n := r.mustOpen(ctx, a, name)
		return batch.byView(micro, states(name, n.decoder.Config.Hidden)), true
	}
	in.fit = func(name string) *fitted {
		f, err := r.fitted(name)
		if err != nil {
			panic(err)
		}
		a.fits[name] = f
		return f
	}
	b := op.NewBatch(batch.inputs(micro, in))
	objective := s.Objective(b)
	text.output("loss", b.Share(objective.Loss))
	for _, report := range objective.Reports {
		text.output(report.Name, b.Share(report.Value))
	}
	for _, n := range a.decoders() {
		if err := r.sameTokens(ctx, trained.model, n.model, s.Data); err != nil {
			return nil, err
		}
	}
	a.whole, a.objective = b.Indivisible(), text.digest()
	return a, nil
}

// mustOpen opens a frozen network, as an earlier stage left it.
func (r *Run) mustOpen(ctx context.Context, a *aside, name string) *network {
	for _, n := range a.networks {
		if n.model.Name == name {
			return n
		}
	}
	n, err := r.frozen(ctx, name)
	if err != nil {
		panic(fmt.Errorf("the objective reads the model %s: %w", name, err))
	}
	a.networks = append(a.networks, n)
	return n
}

// frozen is a model that a stage reads beside the one that it trains: as an
// earlier stage left it or, where none trains it, as it is declared.
func (r *Run) frozen(ctx context.Context, name string) (*network, error) {
	s, err := r.Program.Trains(name)
	if err == nil {
		return r.trainedNetwork(ctx, s.Model)
	}
	for _, m := range r.Program.Models {
		if m.Name == name {
			return r.network(ctx, m)
		}
	}
	return nil, err
}

// decoders are those of its networks that read tokens themselves.
func (a *aside) decoders() (all []*network) {
	for _, n := range a.networks {
		if n.decoder != nil {
			all = append(all, n)
		}
	}
	return all
}

// blank is a parameter in a graph that nothing is computed with.
func (n *network) blank(g *Graph, name string) *Node {
	called := n.model.Name + "." + name
	if known := g.GetParameterByName(called); known != nil {
		return known
	}
	for _, p := range n.parameters() {
		if p.Name == name {
			return Parameter(g, called, float32s(p.Shape))
		}
	}
	panic(fmt.Sprintf("model %s has no parameter %s", n.model.Name, name))
}

// sizeOf is the size of the hidden states that a network reads.
func (r *Run) sizeOf(ctx context.Context, n *network) (int, error) {
	if n.decoder != nil {
		return n.decoder.Config.Hidden, nil
	}
	m, err := r.Program.Reads(n.model)
	if err != nil {
		return 0, err
	}
	f, err := r.features(ctx, m)
	if err != nil {
		return 0, err
	}
	return f.decoder.Config.Hidden, nil
}
