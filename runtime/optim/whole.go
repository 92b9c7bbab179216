package optim

import (
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/mesh"
	"github.com/rmc-lang/rmc/runtime/network"
)

// A loss that is a statistic of a batch, a correlation or the square of a mean,
// is not the mean of what micro-batches have of it. Its step goes through the
// backbone twice, so that loss and gradient are those of the whole batch, however
// it is cut:
//
//	look   each micro-batch: hidden states, without a gradient
//	all    the objective over the hidden states of all examples at once: the loss,
//	       its gradient to what the head is made of, and to each hidden state
//	pull   each micro-batch once more: the gradient to the parameters of what the
//	       hidden states were found to be worth
//
// It is the gradient cache of Gao et al. 2021 (arXiv 2101.06983). The second
// forward is paid for by steps of several micro-batches with such a loss alone.

// states are hidden states, or gradients to them, of all sequences of a step:
// [view, example, hidden], flat; of a policy [view, example, place, hidden].
type states struct {
	slots, size int
	places      int // of a policy; else 0
	flat        []float32
}

// at is those of one sequence.
func (s states) at(view, example int) []float32 {
	row, n := view*s.slots+example, max(1, s.places)*s.size
	return s.flat[row*n : (row+1)*n]
}

// dims is the shape of so many rows with so many places.
func (s states) dims(rows, places int) []int {
	if s.places == 0 {
		return []int{rows, s.size}
	}
	return []int{rows, places, s.size}
}

// whole is all of them.
func (s states) whole(width int) *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(s.flat, s.dims(width*s.slots, s.places)...)
}

// rows are those of a micro-batch, view-major.
func (s states) rows(m *data.Micro) *tensors.Tensor {
	dims := s.dims(m.Views*m.Examples, m.Places())
	out := tensors.FromShape(float32s(dims))
	tensors.MustMutableFlatData(out, func(flat []float32) {
		n := len(flat) / dims[0]
		s.each(m, func(row int, state []float32) { copy(flat[row*n:(row+1)*n], state) })
	})
	return out
}

// put takes in the rows of a micro-batch. Its places may have more room than s
// has, or less, with padding in what is more.
func (s states) put(m *data.Micro, flat []float32) {
	n := len(flat) / (m.Views * m.Examples)
	s.each(m, func(row int, state []float32) { copy(state, flat[row*n:(row+1)*n]) })
}

// each calls f for each sequence of a micro-batch.
func (s states) each(m *data.Micro, f func(row int, state []float32)) {
	for slot, i := range m.Index {
		for v := range m.Views {
			if i >= 0 {
				f(v*m.Examples+slot, s.at(v, i))
			}
		}
	}
}

// stepWhole runs one optimizer step of several micro-batches.
func (st *Stepper) stepWhole(micros []*data.Micro, examples []data.Example, keys []uint32, r rates) (*Outcome, error) {
	slots := st.slots(st.stage.Train.Batch)
	all := st.bare(examples, slots)
	seen, err := st.look(micros, all)
	if err != nil {
		return nil, err
	}
	direct, adjoint, t, err := st.all(all, examples, keys, seen)
	if err != nil {
		return nil, err
	}
	for i, m := range micros {
		// The last one's is the norm of the whole.
		if t.norm, err = st.pull(m, adjoint, direct, i == len(micros)-1, r); err != nil {
			return nil, err
		}
	}
	for _, a := range direct {
		if err := a.Free(); err != nil {
			return nil, err
		}
	}
	out := newOutcome(len(examples))
	out.add(all, t, st.reports)
	return out, nil
}

// slots is so many examples and as few more as make their rows divide among the
// devices.
func (st *Stepper) slots(examples int) int {
	for examples*st.batch.Width%st.net.Layout.FSDP != 0 {
		examples++
	}
	return examples
}

// bare is a micro-batch of all examples in their order, without tokens.
func (st *Stepper) bare(examples []data.Example, slots int) *data.Micro {
	bare := slices.Clone(examples)
	for i, e := range examples {
		bare[i].Tail, bare[i].Sequences = nil, make([]data.Sequence, len(e.Sequences))
		for v := range e.Sequences {
			bare[i].Sequences[v].IDs = []int32{0}
		}
	}
	m := data.Batch(bare, st.batch.Width, []int{1}, func(int) int { return slots })[0]
	st.batch.Place(m, examples)
	return m
}

// look is the hidden states of all micro-batches, of which all is the examples.
func (st *Stepper) look(micros []*data.Micro, all *data.Micro) (states, error) {
	out := states{slots: all.Examples}
	if st.batch.Reads != network.AtEnd {
		out.places = all.Places()
	}
	for _, m := range micros {
		c := st.call("look", m)
		c.keep(arrays(st.net.Trained)...)
		c.keep(arrays(st.frozen())...)
		rows := st.reader.Rows(m)
		c.upload(mesh.Axes{mesh.AxisFSDP}, rows...)
		c.build = func(take func(n int) []*Node) []*Node {
			p := st.takeParameters(take)
			return []*Node{st.hidden(p, take(len(rows)))}
		}
		got, err := st.run(c)
		if err != nil {
			return out, err
		}
		flat, err := st.net.Layout.Numbers(got[0])
		if err != nil {
			return out, err
		}
		if out.flat == nil {
			out.size = len(flat) / (m.Views * m.Examples)
			if out.places > 0 {
				out.size /= m.Places()
			}
			out.flat = make([]float32, m.Views*out.slots*max(1, out.places)*out.size)
		}
		out.put(m, flat)
	}
	return out, nil
}

// all runs the objective over the hidden states of a whole step. direct are the
// gradients that do not go through them, one for each parameter of the head.
func (st *Stepper) all(m *data.Micro, examples []data.Example, keys []uint32, seen states) (direct []*mesh.Array, adjoint states, t tale, err error) {
	c := st.overAll("all", m, examples, keys, seen)
	head := st.head()
	for _, i := range head {
		c.outputs = append(c.outputs, st.net.Trained[i].Axes)
	}
	c.build = func(take func(n int) []*Node) []*Node {
		p, micro, hidden := st.takeParameters(take), st.batch.Take(take), take(1)[0]
		said := st.objective(p, micro, hidden, true)
		var of []*Node
		for _, i := range head {
			of = append(of, p.trained[i])
		}
		return append(Gradient(said.loss, append(of, hidden)...), said.outputs()...)
	}
	out, err := st.run(c)
	if err != nil {
		return nil, states{}, tale{}, err
	}
	n := len(head)
	adjoint = states{slots: seen.slots, places: seen.places, size: seen.size}
	if adjoint.flat, err = st.net.Layout.Numbers(out[n]); err != nil {
		return nil, states{}, tale{}, err
	}
	t, err = st.told(out[n+1:], false)
	return out[:n], adjoint, t, err
}

// head lists the trained parameters that read hidden states, by their places. A
// language head may be the embeddings.
func (st *Stepper) head() (places []int) {
	for i, p := range st.net.Trained {
		if st.net.MLP != nil || network.IsHead(p.Name) || st.net.Model.Kind == "policy" && p.Name == st.net.Decoder.LMHead() {
			places = append(places, i)
		}
	}
	return places
}

// overAll passes what an objective reads of all examples at once.
func (st *Stepper) overAll(what string, m *data.Micro, examples []data.Example, keys []uint32, seen states) *call {
	c := st.call(what, m)
	c.keep(arrays(st.net.Trained)...)
	c.keep(arrays(st.frozen())...)
	c.upload(nil, st.batch.Host(m, examples, examples, keys)...)
	c.upload(mesh.Axes{mesh.AxisFSDP}, seen.whole(st.batch.Width))
	return c
}

// pull adds the gradient of a micro-batch, given those to its hidden states.
// With the last one come those that do not go through hidden states, and AdamW.
// It returns the norm of what was added last, which at the end is the whole.
func (st *Stepper) pull(m *data.Micro, adjoint states, direct []*mesh.Array, apply bool, r rates) (norm float64, err error) {
	c := st.call(map[bool]string{true: "pull and apply", false: "pull"}[apply], m)
	st.passState(c, apply)
	c.keep(arrays(st.frozen())...)
	if apply {
		c.keep(direct...)
	}
	c.upload(nil, r.tensor())
	c.upload(mesh.Axes{mesh.AxisFSDP}, adjoint.rows(m))
	rows := st.reader.Rows(m)
	c.upload(mesh.Axes{mesh.AxisFSDP}, rows...)
	c.build = func(take func(n int) []*Node) []*Node {
		state, p := st.takeState(take, apply), st.takeParameters(take)
		var straight []*Node
		if apply {
			straight = take(len(direct))
		}
		rates, worth := take(1)[0], take(1)[0]
		hidden := st.hidden(p, take(len(rows)))
		gradients := Gradient(ReduceAllSum(Mul(hidden, worth)), p.trained...)
		for k, g := range straight {
			i := st.head()[k]
			gradients[i] = Add(gradients[i], g)
		}
		out := st.next(state, gradients, p.trained, rates, apply)
		if !apply {
			out = append(out, globalNorm(gradients))
		}
		return out
	}
	out, err := st.run(c)
	if err != nil {
		return 0, err
	}
	return st.first(st.replace(out, apply))
}

// Measure is the loss over examples, without dropout: of all of them, however
// many are computed at once.
func (st *Stepper) Measure(examples []data.Example) (float64, error) {
	if !st.aside.whole {
		return st.measureParts(examples)
	}
	var micros []*data.Micro
	batch := st.stage.Train.Batch
	for from := 0; from < len(examples); from += batch {
		for _, m := range st.cut(examples[from:min(len(examples), from+batch)]) {
			for slot, i := range m.Index {
				if i >= 0 {
					m.Index[slot] = i + from
				}
			}
			micros = append(micros, m)
		}
	}
	slots := st.slots(len(examples))
	m := st.bare(examples, slots)
	seen, err := st.look(micros, m)
	if err != nil {
		return 0, err
	}
	c := st.overAll("measure all", m, examples, nil, seen)
	c.build = func(take func(n int) []*Node) []*Node {
		p, micro, hidden := st.takeParameters(take), st.batch.Take(take), take(1)[0]
		return []*Node{st.objective(p, micro, hidden, false).loss}
	}
	return st.number(c)
}

// measureParts adds up the shares of micro-batches.
func (st *Stepper) measureParts(examples []data.Example) (float64, error) {
	total, batch := 0.0, st.stage.Train.Batch
	for from := 0; from < len(examples); from += batch {
		some := examples[from:min(len(examples), from+batch)]
		for _, m := range st.cut(some) {
			c := st.call("measure", m)
			c.keep(arrays(st.net.Trained)...)
			c.keep(arrays(st.frozen())...)
			c.upload(nil, st.batch.Host(m, some, examples, nil)...)
			rows := st.reader.Rows(m)
			c.upload(mesh.Axes{mesh.AxisFSDP}, rows...)
			c.build = func(take func(n int) []*Node) []*Node {
				p, micro := st.takeParameters(take), st.batch.Take(take)
				hidden := st.hidden(p, take(len(rows)))
				return []*Node{st.objective(p, micro, hidden, false).loss}
			}
			loss, err := st.number(c)
			if err != nil {
				return 0, err
			}
			total += loss
		}
	}
	return total, nil
}

// number is the one that a call gives.
func (st *Stepper) number(c *call) (float64, error) {
	out, err := st.run(c)
	if err != nil {
		return 0, err
	}
	return st.first(out)
}

// first is the number that the first of some outputs is.
func (st *Stepper) first(out []*mesh.Array) (float64, error) {
	flat, err := st.net.Layout.Numbers(out[0])
	if err != nil {
		return 0, err
	}
	return float64(flat[0]), nil
}
