package trainer

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/op"
)

// A stepper runs the optimizer steps of one train stage. Parameters, moments
// and gradient sums stay on the devices: they are plain inputs and outputs of
// one compiled function a bucket, donated and replaced at each call. What comes
// back to the host is scalars and scores.
//
// A step is its micro-batches in order. All but the last add their gradients
// to the sums; the last adds its own, clips, and applies AdamW.
type stepper struct {
	stage  Stage
	net    *network
	reader reader
	batch  shape
	// accumulates says that a step may have several micro-batches.
	accumulates bool

	m, v, sums []*array // one for each trained parameter, float32
	functions  map[variant]*function
	reports    []string // names, in the order of the outputs; known once a graph was built
}

// shape is what the examples of a stage have in common.
type shape struct {
	axis    string   // pair | row
	views   []string // chosen, rejected; empty for a ranking
	width   int      // sequences of an example
	columns []string
}

func shapeOf(set *data.Set) shape {
	s := shape{axis: "pair", views: set.Views, width: set.Width, columns: set.Columns}
	if len(set.Views) == 0 {
		s.axis = "row"
	}
	return s
}

// A variant is one compile: a shape, and whether the optimizer follows.
type variant struct {
	examples, bucket int
	apply            bool
}

// newStepper makes the optimizer's state: zeros of each trained parameter's
// shape, split as the parameter is.
func newStepper(s Stage, net *network, r reader, batch shape, accumulates bool) (*stepper, error) {
	st := &stepper{stage: s, net: net, reader: r, batch: batch, accumulates: accumulates, functions: map[variant]*function{}}
	kinds := []*[]*array{&st.m, &st.v}
	if accumulates {
		kinds = append(kinds, &st.sums)
	}
	for _, p := range net.trained {
		for _, kind := range kinds {
			zeros := tensors.FromShape(float32s(p.Shape))
			a, err := net.layout.place(zeros, p.axes)
			if err != nil {
				return nil, fmt.Errorf("optimizer state of %s: %w", p.Name, err)
			}
			*kind = append(*kind, a)
		}
	}
	return st, nil
}

// String says what a stepper trains.
func (st *stepper) String() string {
	trained, frozen := 0, 0
	for _, p := range st.net.trained {
		trained += p.Size()
	}
	for _, p := range st.net.frozen {
		frozen += p.Size()
	}
	return fmt.Sprintf("%d parameters trained, %d frozen", trained, frozen)
}

// An outcome is what one optimizer step came to.
type outcome struct {
	loss    float64
	norm    float64 // of the gradient, before clipping
	reports map[string]float64
	scores  []rowScores // of each example
	shares  []float64   // of each example, the loss of its micro-batch
}

// suspects are the examples that a loss which is no number may come from: those
// whose scores are none, else those of the micro-batches whose loss is none,
// else all.
func (o *outcome) suspects() []bool {
	byScore, byShare, all := make([]bool, len(o.scores)), make([]bool, len(o.scores)), make([]bool, len(o.scores))
	for i, scores := range o.scores {
		byScore[i] = slices.ContainsFunc(scores, func(x float64) bool { return !isFinite(x) })
		byShare[i], all[i] = !isFinite(o.shares[i]), true
	}
	for _, some := range [][]bool{byScore, byShare} {
		if slices.Contains(some, true) {
			return some
		}
	}
	return all
}

// rowScores are the first outputs of the head for the sequences of an example.
type rowScores []float64

// step runs one optimizer step over examples.
func (st *stepper) step(examples []data.Example, r rates) (*outcome, error) {
	micros, count := st.reader.step(examples), len(examples)
	out := &outcome{reports: map[string]float64{}, scores: make([]rowScores, count), shares: make([]float64, count)}
	results := make([][]*array, len(micros))
	for i, m := range micros {
		last := i == len(micros)-1
		got, err := st.call(m, count, last, r)
		if err != nil {
			return nil, err
		}
		results[i] = got
	}
	for i, m := range micros {
		if err := st.collect(out, m, results[i], i == len(micros)-1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// call runs one micro-batch, puts the new state in place of the old and returns
// the other outputs: the loss share, the norm if the optimizer followed, the
// scores and the reports.
func (st *stepper) call(m *data.Micro, count int, apply bool, r rates) ([]*array, error) {
	f, err := st.function(variant{m.Examples, m.Bucket, apply})
	if err != nil {
		return nil, err
	}
	in, err := st.inputs(m, count, apply, r)
	if err != nil {
		return nil, err
	}
	out, err := f.call(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %d sequences of %d tokens: %w", st.stage.Name(), m.Examples*m.Views, m.Bucket, err)
	}
	for _, kind := range st.state(apply) {
		copy(kind, out[:len(kind)])
		out = out[len(kind):]
	}
	if apply {
		for i, p := range st.net.trained {
			p.value = out[i]
		}
		out = out[len(st.net.trained):]
	}
	return out, nil
}

// state lists the arrays that a call replaces besides the parameters.
func (st *stepper) state(apply bool) [][]*array {
	if apply {
		return [][]*array{st.sums, st.m, st.v}
	}
	return [][]*array{st.sums}
}

// inputs are the arguments of a micro-batch's function, in the order that build
// takes them apart.
func (st *stepper) inputs(m *data.Micro, count int, apply bool, r rates) ([]input, error) {
	var in []input
	for _, kind := range st.state(apply) {
		for _, a := range kind {
			in = append(in, input{a, true})
		}
	}
	for _, p := range st.net.trained {
		in = append(in, input{p.value, apply})
	}
	for _, p := range st.net.frozen {
		in = append(in, input{p.value, false})
	}
	host := []*tensors.Tensor{
		tensors.FromFlatDataAndDimensions(m.Valid, m.Examples),
		tensors.FromFlatDataAndDimensions(m.Present, m.Views, m.Examples),
		tensors.FromScalar(float32(count)),
		tensors.FromScalar(float32(r.lr)), tensors.FromScalar(float32(r.correction1)), tensors.FromScalar(float32(r.correction2)),
	}
	for _, column := range m.Columns {
		host = append(host, tensors.FromFlatDataAndDimensions(column, m.Examples))
	}
	host = append(host, st.reader.rows(m)...)
	for i, t := range host {
		a, err := st.net.layout.place(t, st.split(i))
		if err != nil {
			return nil, err
		}
		in = append(in, input{a, true})
	}
	return in, nil
}

// fixed is the number of arrays of a micro-batch before its columns: valid,
// present, count and the three rates.
const fixed = 6

// split is how the i-th array of a micro-batch lies on the mesh: rows are split
// over fsdp, what is per example is everywhere.
func (st *stepper) split(i int) axes {
	if i >= fixed+len(st.batch.columns) {
		return axes{axisFSDP}
	}
	return nil
}

// function returns the compiled function of a variant.
func (st *stepper) function(v variant) (*function, error) {
	if f, ok := st.functions[v]; ok {
		return f, nil
	}
	trained := places(st.net.trained)
	var in, out []axes
	for _, kind := range st.state(v.apply) {
		if len(kind) > 0 {
			in, out = append(in, trained...), append(out, trained...)
		}
	}
	in = append(append(in, trained...), places(st.net.frozen)...)
	if v.apply {
		out = append(out, trained...)
	}
	for i := range fixed + len(st.batch.columns) + st.reader.count() {
		in = append(in, st.split(i))
	}
	f, err := st.net.layout.compiled(st.stage.Name(), in, out, func(nodes []*Node) []*Node { return st.build(v, nodes) })
	if err != nil {
		return nil, err
	}
	st.functions[v] = f
	return f, nil
}

// build is the graph of a micro-batch. Its inputs are those of inputs; its
// outputs those that call takes apart.
func (st *stepper) build(v variant, nodes []*Node) []*Node {
	take := func(n int) []*Node {
		taken := nodes[:n]
		nodes = nodes[n:]
		return taken
	}
	sums := take(len(st.sums))
	var ms, vs []*Node
	if v.apply {
		ms, vs = take(len(st.m)), take(len(st.v))
	}
	trained := take(len(st.net.trained))
	p := st.net.nodes(append(trained[:len(trained):len(trained)], take(len(st.net.frozen))...))
	micro := take(fixed)
	columns := take(len(st.batch.columns))
	heads := st.net.heads(p, st.reader.hidden(p, nodes))

	batch := op.NewBatch(st.batch.inputs(st.net.model.Name, v.examples, micro, columns, heads))
	objective := st.stage.Objective(batch)
	loss := batch.Share(objective.Loss)
	gradients := Gradient(loss, trained...)
	for i, sum := range sums {
		gradients[i] = Add(sum, gradients[i])
	}
	told := []*Node{loss}
	state := gradients
	if v.apply {
		norm := globalNorm(gradients)
		told = append(told, norm)
		state = st.update(gradients, norm, trained, ms, vs, rateNodes{micro[3], micro[4], micro[5]})
	} else if !st.accumulates {
		panic("trainer: a step of one micro-batch became one of several")
	}
	told = append(told, Reshape(Slice(heads, AxisRange(), AxisElem(0)), -1))
	st.reports = st.reports[:0]
	for _, r := range objective.Reports {
		st.reports = append(st.reports, r.Name)
		told = append(told, batch.Share(r.Value))
	}
	return append(state, told...)
}

// update clips and applies AdamW: the new sums (zeros), moments and values.
func (st *stepper) update(gradients []*Node, norm *Node, values, ms, vs []*Node, r rateNodes) []*Node {
	o := st.stage.Train.Optimizer
	if o.Clip > 0 {
		gradients = clip(gradients, norm, o.Clip)
	}
	var sums, newM, newV, newValues []*Node
	for i, p := range st.net.trained {
		decays := p.Matrix || o.Decay == "all"
		next := adamW(o, slot{values[i], ms[i], vs[i], decays}, gradients[i], r)
		if st.accumulates {
			sums = append(sums, ZerosLike(gradients[i]))
		}
		newM, newV, newValues = append(newM, next.m), append(newV, next.v), append(newValues, next.value)
	}
	return slices.Concat(sums, newM, newV, newValues)
}

// inputs is what an objective sees of a micro-batch: heads is [row, output]
// with rows view-major.
func (s shape) inputs(name string, examples int, micro, columns []*Node, heads *Node) op.Inputs {
	in := op.Inputs{Axis: s.axis, Valid: micro[0], Count: micro[2], Columns: map[string]*Node{}, Ragged: map[string]*Node{}}
	for i, column := range s.columns {
		in.Columns[column] = columns[i]
	}
	if len(s.views) == 0 {
		in.Ragged[axisCandidate] = TransposeAllAxes(micro[1], 1, 0)
	}
	outputs := heads.Shape().Dimensions[1]
	byView := Reshape(heads, s.width, examples, outputs)
	in.Term = func(kind, model, view string) op.Tensor {
		if model != name {
			panic(fmt.Sprintf("the objective reads model %s, and only %s is being trained", model, name))
		}
		node, names := s.view(byView, view)
		switch kind {
		case "heads":
			return op.New(node, append(names, "head")...)
		case "score":
			return op.New(Squeeze(Slice(node, AxisRange().Spacer(), AxisElem(0)), -1), names...)
		}
		panic(fmt.Sprintf("the term %s needs the tokens of each step, which this stage does not give", kind))
	}
	return in
}

const axisCandidate = "candidate"

// view picks the rows of a view out of [view, example, output]: [example,
// output], or [example, candidate, output] for the candidates of a ranking.
func (s shape) view(byView *Node, view string) (*Node, []string) {
	if len(s.views) == 0 && view == "candidates" {
		return TransposeAllAxes(byView, 1, 0, 2), []string{s.axis, axisCandidate}
	}
	i := slices.Index(s.views, view)
	if i < 0 {
		panic(fmt.Sprintf("the data has no view %s: there are %v", view, s.views))
	}
	return Squeeze(Slice(byView, AxisElem(i)), 0), []string{s.axis}
}

// collect adds what one micro-batch came to.
func (st *stepper) collect(out *outcome, m *data.Micro, results []*array, applied bool) error {
	var numbers [][]float32
	for _, a := range results {
		flat, err := st.net.layout.numbers(a)
		if err != nil {
			return err
		}
		numbers = append(numbers, flat)
	}
	loss := float64(numbers[0][0])
	out.loss += loss
	numbers = numbers[1:]
	if applied {
		out.norm = float64(numbers[0][0])
		numbers = numbers[1:]
	}
	for e, index := range m.Index {
		if index < 0 {
			continue
		}
		out.shares[index] = loss
		for v := range m.Views {
			if m.Present[v*m.Examples+e] != 0 {
				out.scores[index] = append(out.scores[index], float64(numbers[0][v*m.Examples+e]))
			}
		}
	}
	for i, name := range st.reports {
		out.reports[name] += float64(numbers[1+i][0])
	}
	return nil
}

func float32s(dims []int) shapes.Shape { return shapes.Make(dtypes.Float32, dims...) }
