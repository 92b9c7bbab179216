// Package optim does one optimizer step: the gradients of an objective over
// micro-batches, added up, clipped and applied.
package optim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/mesh"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/op"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/terms"
)

// A Stepper runs the optimizer steps of one train stage. Parameters, moments
// and gradient sums stay on the devices: they are plain inputs and outputs of
// one compiled function a bucket, donated and replaced at each call. What comes
// back to the host is scalars and scores.
//
// A step is its micro-batches in order. All but the last add their gradients
// to the sums; the last adds its own, clips, and applies AdamW. Where the loss
// is a statistic that micro-batches do not add up to, see whole.go.
type Stepper struct {
	stage  program.Stage
	net    *network.Network
	aside  *Aside
	reader network.Reader
	batch  terms.Shape
	// accumulates says that a step may have several micro-batches.
	accumulates bool

	m, v, sums []*mesh.Array // one for each trained parameter, float32
	functions  map[variant]*mesh.Function
	reports    []string // names, in the order of the outputs; known once a graph was built
}

// New makes the optimizer's state: zeros of each trained parameter's shape, split
// as the parameter is. The reader gives the model's hidden states of a step's
// examples; accumulates says that it may cut these into several micro-batches.
func New(s program.Stage, net *network.Network, besides *Aside, r network.Reader, batch terms.Shape, accumulates bool) (*Stepper, error) {
	batch.Drops = net.MLP != nil && net.MLP.Dropout > 0
	st := &Stepper{stage: s, net: net, aside: besides, reader: r, batch: batch, accumulates: accumulates, functions: map[variant]*mesh.Function{}}
	kinds := []*[]*mesh.Array{&st.m, &st.v}
	if accumulates {
		kinds = append(kinds, &st.sums)
	}
	for _, p := range net.Trained {
		for _, kind := range kinds {
			zeros := tensors.FromShape(float32s(p.Shape))
			a, err := net.Layout.Place(zeros, p.Axes)
			if err != nil {
				return nil, fmt.Errorf("optimizer state of %s: %w", p.Name, err)
			}
			*kind = append(*kind, a)
		}
	}
	return st, nil
}

// String says what a stepper trains.
func (st *Stepper) String() string {
	trained, frozen := 0, 0
	for _, p := range st.net.Trained {
		trained += p.Size()
	}
	for _, p := range st.frozen() {
		frozen += p.Size()
	}
	return fmt.Sprintf("%d parameters trained, %d frozen", trained, frozen)
}

// frozen lists the parameters that the graphs read and no step changes.
func (st *Stepper) frozen() []*network.Weight {
	return slices.Concat(st.net.Frozen, st.aside.parameters())
}

// An Outcome is what one optimizer step came to.
type Outcome struct {
	Loss    float64
	Norm    float64            // of the gradient, before clipping
	Reports map[string]float64 // of the objective, by name
	Scores  [][]float64        // [example][response]; no responses where the model gives no score
	Shares  []float64          // of each example, the loss of its micro-batch
}

// Suspects are the examples that a loss which is no number may come from: those
// whose scores are none, else those of the micro-batches whose loss is none,
// else all.
func (o *Outcome) Suspects() []bool {
	byScore, byShare, all := make([]bool, len(o.Scores)), make([]bool, len(o.Scores)), make([]bool, len(o.Scores))
	for i, scores := range o.Scores {
		byScore[i] = slices.ContainsFunc(scores, func(x float64) bool { return !finite(x) })
		byShare[i], all[i] = !finite(o.Shares[i]), true
	}
	for _, some := range [][]bool{byScore, byShare} {
		if slices.Contains(some, true) {
			return some
		}
	}
	return all
}

// Step runs the 0-based optimizer step over examples, one of so many over which
// the schedule is spread. Loss and reports that are no numbers are no error.
func (st *Stepper) Step(examples []data.Example, step, of int) (*Outcome, error) {
	r := ratesAt(st.stage.Train, step, of)
	micros := st.cut(examples)
	var keys []uint32
	if st.batch.Drops {
		keys = dropKeys(st.stage.Train.Seed, step, len(examples)*st.batch.Width)
	}
	if st.aside.whole && len(micros) > 1 {
		return st.stepWhole(micros, examples, keys, r)
	}
	out := newOutcome(len(examples))
	results := make([][]*mesh.Array, len(micros))
	for i, m := range micros {
		host := st.batch.Host(m, examples, examples, keys)
		got, err := st.micro(m, host, i == len(micros)-1, r)
		if err != nil {
			return nil, err
		}
		results[i] = got
	}
	for i, m := range micros {
		told, err := st.told(results[i], i == len(micros)-1)
		if err != nil {
			return nil, err
		}
		out.add(m, told, st.reports)
	}
	return out, nil
}

// cut makes micro-batches of the examples of a step.
func (st *Stepper) cut(examples []data.Example) []*data.Micro {
	micros := st.reader.Step(examples)
	for _, m := range micros {
		st.batch.Place(m, examples)
	}
	return micros
}

func newOutcome(examples int) *Outcome {
	return &Outcome{Reports: map[string]float64{}, Scores: make([][]float64, examples), Shares: make([]float64, examples)}
}

// A variant is one compile: what for, and the shape.
type variant struct {
	what                    string
	examples, bucket, marks int
}

// A call is the arguments of a compiled function, in their order, and the graph
// that takes them apart.
type call struct {
	variant
	layout  *mesh.Layout
	in      []mesh.Input
	places  []mesh.Axes // of in
	outputs []mesh.Axes // of the first outputs; the others are whole on every device
	build   func(take func(n int) []*Node) []*Node
	err     error
}

// keep passes arrays that stay where they are.
func (c *call) keep(all ...*mesh.Array) {
	for _, a := range all {
		c.in, c.places = append(c.in, mesh.Input{Array: a, Donate: false}), append(c.places, a.Axes)
	}
}

// give passes arrays whose memory the function may reuse.
func (c *call) give(all ...*mesh.Array) {
	for _, a := range all {
		c.in, c.places = append(c.in, mesh.Input{Array: a, Donate: true}), append(c.places, a.Axes)
	}
}

// upload passes arrays of the host, split as split says.
func (c *call) upload(split mesh.Axes, all ...*tensors.Tensor) {
	for _, t := range all {
		a, err := c.layout.Place(t, split)
		if err != nil {
			c.err = err
			return
		}
		c.give(a)
	}
}

// arrays are those of parameters.
func arrays(all []*network.Weight) []*mesh.Array {
	out := make([]*mesh.Array, len(all))
	for i, p := range all {
		out[i] = p.Value
	}
	return out
}

func (st *Stepper) call(what string, m *data.Micro) *call {
	return &call{variant: variant{what, m.Examples, m.Bucket, m.Marks}, layout: st.net.Layout}
}

// run compiles a call's function, the first time, and calls it.
func (st *Stepper) run(c *call) ([]*mesh.Array, error) {
	if c.err != nil {
		return nil, c.err
	}
	f, ok := st.functions[c.variant]
	if !ok {
		var err error
		f, err = st.net.Layout.Compiled(st.stage.Name(), c.places, c.outputs, func(nodes []*Node) []*Node {
			return c.build(func(n int) []*Node {
				taken := nodes[:n:n]
				nodes = nodes[n:]
				return taken
			})
		})
		if err != nil {
			return nil, err
		}
		st.functions[c.variant] = f
	}
	out, err := f.Call(c.in)
	if err != nil {
		return nil, fmt.Errorf("%s: %d sequences of %d tokens: %w", st.stage.Name(), c.examples*st.batch.Width, c.bucket, err)
	}
	return out, nil
}

// state lists the arrays that a call replaces besides the parameters.
func (st *Stepper) state(apply bool) [][]*mesh.Array {
	if apply {
		return [][]*mesh.Array{st.sums, st.m, st.v}
	}
	return [][]*mesh.Array{st.sums}
}

// passState passes the state and the parameters, and says how what replaces
// them will lie.
func (st *Stepper) passState(c *call, apply bool) {
	trained := network.Places(st.net.Trained)
	for _, kind := range st.state(apply) {
		c.give(kind...)
		c.outputs = append(c.outputs, trained[:len(kind)]...)
	}
	if apply {
		c.give(arrays(st.net.Trained)...)
		c.outputs = append(c.outputs, trained...)
	} else {
		c.keep(arrays(st.net.Trained)...)
	}
}

// replace puts the new state and parameters in place of the old and returns the
// other outputs.
func (st *Stepper) replace(out []*mesh.Array, apply bool) []*mesh.Array {
	for _, kind := range st.state(apply) {
		copy(kind, out[:len(kind)])
		out = out[len(kind):]
	}
	if apply {
		for i, p := range st.net.Trained {
			p.Value = out[i]
		}
		out = out[len(st.net.Trained):]
	}
	return out
}

// micro runs one micro-batch. What comes out besides the state is what told
// takes apart.
func (st *Stepper) micro(m *data.Micro, host []*tensors.Tensor, apply bool, r rates) ([]*mesh.Array, error) {
	if !apply && !st.accumulates {
		panic("optim: a step of one micro-batch became one of several")
	}
	c := st.call(map[bool]string{true: "apply", false: "add"}[apply], m)
	st.passState(c, apply)
	c.keep(arrays(st.frozen())...)
	c.upload(nil, host...)
	c.upload(nil, r.tensor())
	rows := st.reader.Rows(m)
	c.upload(mesh.Axes{mesh.AxisFSDP}, rows...)
	c.build = func(take func(n int) []*Node) []*Node {
		state := st.takeState(take, apply)
		p := st.takeParameters(take)
		micro := st.batch.Take(take)
		rates := take(1)[0]
		hidden := st.hidden(p, take(len(rows)))
		said := st.objective(p, micro, hidden, true)
		gradients := Gradient(said.loss, p.trained...)
		return slices.Concat(st.next(state, gradients, p.trained, rates, apply), said.outputs())
	}
	out, err := st.run(c)
	if err != nil {
		return nil, err
	}
	return st.replace(out, apply), nil
}

// stateNodes are the state in a graph.
type stateNodes struct{ sums, m, v []*Node }

func (st *Stepper) takeState(take func(n int) []*Node, apply bool) stateNodes {
	s := stateNodes{sums: take(len(st.sums))}
	if apply {
		s.m, s.v = take(len(st.m)), take(len(st.v))
	}
	return s
}

// parameterNodes are the parameters in a graph.
type parameterNodes struct {
	trained []*Node
	own     model.Params            // of the model that is trained
	others  map[string]model.Params // of the networks aside
}

func (st *Stepper) takeParameters(take func(n int) []*Node) parameterNodes {
	p := parameterNodes{trained: take(len(st.net.Trained)), others: map[string]model.Params{}}
	p.own = st.net.Nodes(slices.Concat(p.trained, take(len(st.net.Frozen))))
	for _, n := range st.aside.Networks {
		p.others[n.Model.Name] = n.Nodes(take(len(n.Parameters())))
	}
	return p
}

// hidden is the hidden states that an objective reads of rows: those of the model
// that is trained and, along the last axis, those of the decoders aside.
func (st *Stepper) hidden(p parameterNodes, rows []*Node) *Node {
	all := []*Node{st.reader.Hidden(p.own, rows)}
	for _, n := range st.aside.decoders() {
		all = append(all, StopGradient(network.Tokens{Network: n, Reads: st.batch.Reads}.Hidden(p.others[n.Model.Name], rows)))
	}
	return Concatenate(all, -1)
}

// split takes apart what hidden put together.
func (st *Stepper) split(hidden *Node) (own *Node, others map[string]*Node) {
	others = map[string]*Node{}
	at := hidden.Shape().Dim(-1)
	for _, n := range slices.Backward(st.aside.decoders()) {
		size := n.Decoder.Config.Hidden
		others[n.Model.Name] = Slice(hidden, AxisRange().Spacer(), AxisRange(at-size, at))
		at -= size
	}
	return Slice(hidden, AxisRange().Spacer(), AxisRange(0, at)), others
}

// next is the outputs that replace the state: gradients added to the sums or,
// at the end of a step, what AdamW makes of them, and then the gradient's norm.
func (st *Stepper) next(s stateNodes, gradients, trained []*Node, rates *Node, apply bool) []*Node {
	for i, sum := range s.sums {
		gradients[i] = Add(sum, gradients[i])
	}
	if !apply {
		return gradients
	}
	norm := globalNorm(gradients)
	return append(st.update(gradients, norm, trained, s.m, s.v, rateNodesOf(rates)), norm)
}

// update clips and applies AdamW: the new sums (zeros), moments and values.
func (st *Stepper) update(gradients []*Node, norm *Node, values, ms, vs []*Node, r rateNodes) []*Node {
	o := st.stage.Train.Optimizer
	if o.Clip > 0 {
		gradients = clip(gradients, norm, o.Clip)
	}
	var sums, newM, newV, newValues []*Node
	for i, p := range st.net.Trained {
		decays := p.Matrix || o.Decay == "all"
		next := adamW(o, slot{values[i], ms[i], vs[i], decays}, gradients[i], r)
		if st.accumulates {
			sums = append(sums, ZerosLike(gradients[i]))
		}
		newM, newV, newValues = append(newM, next.m), append(newV, next.v), append(newValues, next.value)
	}
	return slices.Concat(sums, newM, newV, newValues)
}

// A said is what an objective says of a batch: its shares of loss and reports,
// and the scores of the responses, [view*example], nil where there are none.
type said struct {
	loss    *Node
	scores  *Node
	reports []*Node
}

func (s said) outputs() []*Node {
	out := []*Node{s.loss}
	if s.scores != nil {
		out = append(out, s.scores)
	}
	return append(out, s.reports...)
}

// objective runs the objective over a batch with hidden states as hidden puts
// them together, rows view-major. Dropout is for training alone.
func (st *Stepper) objective(p parameterNodes, micro terms.MicroBatch, hidden *Node, training bool) said {
	own, others := st.split(hidden)
	r := st.batch.Reading(micro, own)
	r.Of = func(name string) (map[string]*Node, bool) {
		h, ok := others[name]
		if !ok {
			return nil, false
		}
		return st.batch.ByView(micro, h), true
	}
	if !training {
		r.Keys = nil
	}
	r.Probe, r.Decorrelation = st.aside.probe, st.aside.matrix
	r.Network = func(name string) (*network.Network, model.Params) {
		if name == st.net.Model.Name {
			return st.net, p.own
		}
		for _, n := range st.aside.Networks {
			if n.Model.Name == name {
				return n, p.others[name]
			}
		}
		panic(fmt.Sprintf("optim: a graph reads the model %s, which was not opened", name))
	}
	b := op.NewBatch(st.batch.Inputs(micro, r))
	objective := st.stage.Objective(b)
	out := said{loss: b.Share(objective.Loss)}
	if st.scored() {
		out.scores = st.scores(r)
	}
	st.reports = st.reports[:0]
	for _, report := range objective.Reports {
		st.reports = append(st.reports, report.Name)
		out.reports = append(out.reports, b.Share(report.Value))
	}
	return out
}

// scored reports whether the model that is trained gives a score: a policy and a
// network with several outputs give none.
func (st *Stepper) scored() bool {
	return st.net.Model.Kind != "policy" && (st.net.MLP == nil || network.OutputAxis(st.net.Model) == "")
}

// scores are the model's first output for the responses, [view*example].
func (st *Stepper) scores(r *terms.Reading) *Node {
	name := st.net.Model.Name
	if len(st.batch.Views) == 0 {
		return Reshape(TransposeAllAxes(r.Score(name, terms.ViewCandidates), 1, 0), -1)
	}
	var all []*Node
	for _, view := range st.batch.Views[:st.batch.Responses()] {
		all = append(all, r.Score(name, view))
	}
	return Concatenate(all, 0)
}

// A tale is what one call tells the host.
type tale struct {
	loss, norm float64   // the norm at the end of a step
	scores     []float32 // [view*example]
	reports    []float64
}

// told takes apart what a call gave besides the state.
func (st *Stepper) told(results []*mesh.Array, applied bool) (tale, error) {
	var numbers [][]float32
	for _, a := range results {
		flat, err := st.net.Layout.Numbers(a)
		if err != nil {
			return tale{}, err
		}
		numbers = append(numbers, flat)
	}
	next := func() []float32 {
		x := numbers[0]
		numbers = numbers[1:]
		return x
	}
	var t tale
	if applied {
		t.norm = float64(next()[0])
	}
	t.loss = float64(next()[0])
	if st.scored() {
		t.scores = next()
	}
	for _, x := range numbers {
		t.reports = append(t.reports, float64(x[0]))
	}
	return t, nil
}

// add adds what one micro-batch came to.
func (o *Outcome) add(m *data.Micro, t tale, reports []string) {
	o.Loss += t.loss
	o.Norm += t.norm
	for slot, index := range m.Index {
		if index < 0 {
			continue
		}
		o.Shares[index] = t.loss
		for at := slot; at < len(t.scores); at += m.Examples {
			if m.Present[at] != 0 {
				o.Scores[index] = append(o.Scores[index], float64(t.scores[at]))
			}
		}
	}
	for i, name := range reports {
		o.Reports[name] += t.reports[i]
	}
}

// dropKeys are what the dropout of a step is a function of: one for each sequence
// of its examples, whatever the micro-batches.
func dropKeys(seed, step, sequences int) []uint32 {
	r := rand.New(rand.NewPCG(uint64(seed), uint64(step)))
	keys := make([]uint32, sequences)
	for i := range keys {
		keys[i] = r.Uint32()
	}
	return keys
}

// float32s is the shape of an array of float32.
func float32s(dims []int) shapes.Shape { return shapes.Make(dtypes.Float32, dims...) }

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
