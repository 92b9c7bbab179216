package terms

import (
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/op"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// A Shape is what the examples of a stage have in common.
type Shape struct {
	Axis       string   // pair | row
	Views      []string // chosen, rejected; response; and prompt, the last; empty for a ranking
	Width      int      // sequences of an example
	Columns    []string
	attributes int           // the first so many of columns are ratings, NaN where missing
	labels     []int32       // of labels data: the token of each
	Reads      network.Sites // of each sequence, whose hidden states are read
	Drops      bool          // what is trained has dropout
}

// ShapeOf is the shape of a set's examples as a model reads them.
func ShapeOf(set *data.Set, m spec.Model) Shape {
	s := Shape{Axis: "row", Views: set.Views, Width: set.Width, Columns: set.Columns, attributes: len(set.Attributes), labels: set.LabelIDs, Reads: network.SitesOf(set, m)}
	if slices.Contains(set.Views, "chosen") {
		s.Axis = "pair"
	}
	return s
}

// Responses is how many sequences of an example are responses, and have scores:
// the first ones.
func (s Shape) Responses() int {
	if slices.Contains(s.Views, viewPrompt) {
		return s.Width - 1
	}
	return s.Width
}

const viewPrompt = "prompt"

// A MicroBatch is the arrays of a micro-batch besides its rows. Of those that a
// shape does not have there is none.
type MicroBatch struct {
	valid   *Node // float32[example]
	present *Node // float32[view, example]
	counts  *Node // float32: of the whole step, as tallies lists them
	lengths *Node // float32[view, example], in tokens
	columns *Node // float32[column, example], missing ratings 0
	known   *Node // float32[attribute, example]
	marked  *Node // float32[view, example, place] 1 where there is a place, else 0
	gold    *Node // float32[example, place, label]
	targets *Node // int32[view, example, place] the token that comes next; of labels the one after the label, or -1
	keys    *Node // uint32[view, example]
}

// Each names all arrays, those that there are and those that there are not.
func (b MicroBatch) Each(f func(name string, array *Node)) {
	for _, array := range []struct {
		name string
		node *Node
	}{
		{"valid", b.valid}, {"present", b.present}, {"counts", b.counts}, {"lengths", b.lengths}, {"columns", b.columns},
		{"known", b.known}, {"marked", b.marked}, {"gold", b.gold}, {"targets", b.targets}, {"keys", b.keys},
	} {
		f(array.name, array.node)
	}
}

// The places of tallies.
const (
	tallyExamples = iota
	tallySteps
	tallyCandidates
)

// tallies are how many values the ragged axes of some examples have in all.
func tallies(examples []data.Example) *tensors.Tensor {
	steps, sequences := 0, 0
	for _, e := range examples {
		steps, sequences = steps+len(e.Marks), sequences+len(e.Sequences)
	}
	return tensors.FromFlatDataAndDimensions([]float32{float32(len(examples)), float32(steps), float32(sequences)}, 3)
}

// list is the arrays that a shape has, in the order of their arguments.
func (s Shape) list(b *MicroBatch) []**Node {
	all := []**Node{&b.valid, &b.present, &b.counts, &b.lengths}
	if len(s.Columns) > 0 {
		all = append(all, &b.columns)
	}
	if s.attributes > 0 {
		all = append(all, &b.known)
	}
	if s.marked() {
		all = append(all, &b.marked)
	}
	if s.labels != nil {
		all = append(all, &b.gold)
	}
	if s.Reads == network.AtResponse || s.Reads == network.AtEndings {
		all = append(all, &b.targets)
	}
	if s.Drops {
		all = append(all, &b.keys)
	}
	return all
}

// Take takes the arrays out of a graph's arguments.
func (s Shape) Take(take func(n int) []*Node) MicroBatch {
	var b MicroBatch
	for _, node := range s.list(&b) {
		*node = take(1)[0]
	}
	return b
}

// Host makes the arrays of a micro-batch of examples, which are some or all of
// those that are counted. keys has one for each sequence of each of the examples;
// nil: nothing is dropped.
func (s Shape) Host(m *data.Micro, examples, counted []data.Example, keys []uint32) []*tensors.Tensor {
	lengths := make([]float32, m.Views*m.Examples)
	placed := make([]uint32, m.Views*m.Examples)
	for slot, i := range m.Index {
		if i < 0 {
			continue
		}
		for v, n := range examples[i].Lengths {
			lengths[v*m.Examples+slot] = float32(n)
		}
		for v := range m.Views {
			if keys != nil {
				placed[v*m.Examples+slot] = keys[i*m.Views+v]
			}
		}
	}
	all := []*tensors.Tensor{
		tensors.FromFlatDataAndDimensions(m.Valid, m.Examples),
		tensors.FromFlatDataAndDimensions(m.Present, m.Views, m.Examples),
		tallies(counted),
		tensors.FromFlatDataAndDimensions(lengths, m.Views, m.Examples),
	}
	if columns, known := s.numbers(m); len(s.Columns) > 0 {
		all = append(all, tensors.FromFlatDataAndDimensions(columns, len(s.Columns), m.Examples))
		if s.attributes > 0 {
			all = append(all, tensors.FromFlatDataAndDimensions(known, s.attributes, m.Examples))
		}
	}
	if s.marked() {
		all = append(all, tensors.FromFlatDataAndDimensions(m.Marked, m.Views, m.Examples, m.Marks))
	}
	if s.labels != nil {
		all = append(all, tensors.FromFlatDataAndDimensions(m.Gold, m.Examples, m.Marks, len(s.labels)))
	}
	switch s.Reads {
	case network.AtResponse:
		all = append(all, targets(m, examples))
	case network.AtEndings:
		all = append(all, endings(m, examples))
	}
	if s.Drops {
		all = append(all, tensors.FromFlatDataAndDimensions(placed, m.Views, m.Examples))
	}
	return all
}

// numbers are the columns of a micro-batch, missing ratings 0, and which ratings
// are known.
func (s Shape) numbers(m *data.Micro) (columns, known []float32) {
	for c, column := range m.Columns {
		for slot, x := range column {
			is := float32(1)
			if c < s.attributes && (math.IsNaN(float64(x)) || m.Valid[slot] == 0) {
				x, is = 0, 0
			}
			columns = append(columns, x)
			if c < s.attributes {
				known = append(known, is)
			}
		}
	}
	return columns, known
}

// Blank is a micro-batch in a graph that nothing is computed with.
func (s Shape) Blank(g *Graph, examples int) MicroBatch {
	wide := func(n int) *Node { return Zeros(g, float32s([]int{n, examples})) }
	b := MicroBatch{
		valid: Ones(g, float32s([]int{examples})), present: wide(s.Width), counts: Ones(g, float32s([]int{3})), lengths: wide(s.Width),
		keys:   Zeros(g, shapes.Make(dtypes.Uint32, s.Width, examples)),
		marked: Ones(g, float32s([]int{s.Width, examples, blankPlaces})), targets: Zeros(g, shapes.Make(dtypes.Int32, s.Width, examples, blankPlaces)),
	}
	if s.labels != nil {
		b.gold = Zeros(g, float32s([]int{examples, blankPlaces, len(s.labels)}))
	}
	if len(s.Columns) > 0 {
		b.columns = wide(len(s.Columns))
	}
	if s.attributes > 0 {
		b.known = wide(s.attributes)
	}
	return b
}

// blankPlaces is how many places a blank micro-batch reads of a sequence.
const blankPlaces = 2

// Reading has the views of a micro-batch with hidden states [row, hidden], or
// [row, place, hidden] where several are read of a sequence, rows view-major.
func (s Shape) Reading(b MicroBatch, hidden *Node) *Reading {
	r := &Reading{Axis: s.Axis, labels: s.labels, endings: s.Reads == network.AtEndings, Views: s.ByView(b, hidden), Keys: map[string]*Node{}, Lengths: map[string]*Node{}, marked: map[string]*Node{}, targets: map[string]*Node{}}
	if len(s.Views) == 0 {
		r.Lengths[ViewCandidates] = TransposeAllAxes(b.lengths, 1, 0)
		if s.Drops {
			r.Keys[ViewCandidates] = TransposeAllAxes(b.keys, 1, 0)
		}
	}
	for i, view := range s.Views {
		r.Lengths[view] = Nth(b.lengths, i)
		if s.Drops {
			r.Keys[view] = Nth(b.keys, i)
		}
		if s.Reads == network.AtResponse {
			r.marked[view], r.targets[view] = Nth(b.marked, i), Nth(b.targets, i)
		}
		if s.Reads == network.AtEndings {
			r.targets[view] = Nth(b.targets, i)
		}
	}
	if s.attributes > 0 {
		r.rating = TransposeAllAxes(Slice(b.columns, AxisRange(0, s.attributes)), 1, 0)
		r.known = TransposeAllAxes(b.known, 1, 0)
	}
	r.gold = b.gold
	return r
}

// States is the shape of blank hidden states of some size.
func (s Shape) States(examples, size int) []int {
	if s.Reads == network.AtEnd {
		return []int{s.Width * examples, size}
	}
	places := blankPlaces
	if s.Reads == network.AtEndings {
		places *= sitesOfAMark
	}
	return []int{s.Width * examples, places, size}
}

// ByView takes apart the hidden states of a micro-batch: of each view [example,
// hidden], or [example, place, hidden]; of candidates [example, candidate, hidden].
func (s Shape) ByView(b MicroBatch, hidden *Node) map[string]*Node {
	dims := slices.Concat([]int{s.Width, b.valid.Shape().Dim(0)}, hidden.Shape().Dimensions[1:])
	byView, out := Reshape(hidden, dims...), map[string]*Node{}
	if len(s.Views) == 0 {
		out[ViewCandidates] = TransposeAllAxes(byView, 1, 0, 2)
	}
	for i, view := range s.Views {
		out[view] = Nth(byView, i)
	}
	return out
}

// Nth is one place of x's first axis.
func Nth(x *Node, i int) *Node { return Squeeze(Slice(x, AxisElem(i)), 0) }

// Inputs is what an objective sees of a micro-batch.
func (s Shape) Inputs(b MicroBatch, r *Reading) op.Inputs {
	in := op.Inputs{Axis: s.Axis, Valid: b.valid, Count: Nth(b.counts, tallyExamples), Columns: map[string]*Node{}, Ragged: map[string]*Node{}, Counts: map[string]*Node{},
		Term: r.Term, Transform: r.Transform(b.valid.Graph())}
	for i, column := range s.Columns {
		in.Columns[column] = Nth(b.columns, i)
	}
	if len(s.Views) == 0 {
		in.Ragged[axisCandidate], in.Counts[axisCandidate] = TransposeAllAxes(b.present, 1, 0), Nth(b.counts, tallyCandidates)
	}
	if s.labels != nil {
		in.Ragged[AxisStep], in.Counts[AxisStep] = Nth(b.marked, 0), Nth(b.counts, tallySteps)
	}
	return in
}

func float32s(dims []int) shapes.Shape { return shapes.Make(dtypes.Float32, dims...) }
