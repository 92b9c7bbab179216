package trainer

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

// shape is what the examples of a stage have in common.
type shape struct {
	axis       string   // pair | row
	views      []string // chosen, rejected; response; and prompt, the last; empty for a ranking
	width      int      // sequences of an example
	columns    []string
	attributes int           // the first so many of columns are ratings, NaN where missing
	labels     []int32       // of labels data: the token of each
	reads      network.Sites // of each sequence, whose hidden states are read
	drops      bool          // what is trained has dropout
}

// shapeOf is the shape of a set's examples as a model reads them.
func shapeOf(set *data.Set, m spec.Model) shape {
	s := shape{axis: "row", views: set.Views, width: set.Width, columns: set.Columns, attributes: len(set.Attributes), labels: set.LabelIDs, reads: network.SitesOf(set, m)}
	if slices.Contains(set.Views, "chosen") {
		s.axis = "pair"
	}
	return s
}

// responses is how many sequences of an example are responses, and have scores:
// the first ones.
func (s shape) responses() int {
	if slices.Contains(s.views, viewPrompt) {
		return s.width - 1
	}
	return s.width
}

const viewPrompt = "prompt"

// A microBatch is the arrays of a micro-batch besides its rows. Of those that a
// shape does not have there is none.
type microBatch struct {
	valid   *Node // float32[example]
	present *Node // float32[view, example]
	counts  *Node // float32: of the whole step, as tallies lists them
	lengths *Node // float32[view, example], in tokens
	columns *Node // float32[column, example], missing ratings 0
	known   *Node // float32[attribute, example]
	marked  *Node // float32[view, example, place] 1 where there is a place, else 0
	gold    *Node // float32[example, place, label]
	targets *Node // int32[view, example, place] the token that comes next
	keys    *Node // uint32[view, example]
}

// each names all arrays, those that there are and those that there are not.
func (b microBatch) each(f func(name string, array *Node)) {
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
func (s shape) list(b *microBatch) []**Node {
	all := []**Node{&b.valid, &b.present, &b.counts, &b.lengths}
	if len(s.columns) > 0 {
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
	if s.reads == network.AtResponse {
		all = append(all, &b.targets)
	}
	if s.drops {
		all = append(all, &b.keys)
	}
	return all
}

// take takes the arrays out of a graph's arguments.
func (s shape) take(take func(n int) []*Node) microBatch {
	var b microBatch
	for _, node := range s.list(&b) {
		*node = take(1)[0]
	}
	return b
}

// host makes the arrays of a micro-batch of examples, which are some or all of
// those that are counted. keys has one for each sequence of each of the examples;
// nil: nothing is dropped.
func (s shape) host(m *data.Micro, examples, counted []data.Example, keys []uint32) []*tensors.Tensor {
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
	if columns, known := s.numbers(m); len(s.columns) > 0 {
		all = append(all, tensors.FromFlatDataAndDimensions(columns, len(s.columns), m.Examples))
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
	if s.reads == network.AtResponse {
		all = append(all, targets(m, examples))
	}
	if s.drops {
		all = append(all, tensors.FromFlatDataAndDimensions(placed, m.Views, m.Examples))
	}
	return all
}

// numbers are the columns of a micro-batch, missing ratings 0, and which ratings
// are known.
func (s shape) numbers(m *data.Micro) (columns, known []float32) {
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

// blank is a micro-batch in a graph that nothing is computed with.
func (s shape) blank(g *Graph, examples int) microBatch {
	wide := func(n int) *Node { return Zeros(g, float32s([]int{n, examples})) }
	b := microBatch{
		valid: Ones(g, float32s([]int{examples})), present: wide(s.width), counts: Ones(g, float32s([]int{3})), lengths: wide(s.width),
		keys:   Zeros(g, shapes.Make(dtypes.Uint32, s.width, examples)),
		marked: Ones(g, float32s([]int{s.width, examples, blankPlaces})), targets: Zeros(g, shapes.Make(dtypes.Int32, s.width, examples, blankPlaces)),
	}
	if s.labels != nil {
		b.gold = Zeros(g, float32s([]int{examples, blankPlaces, len(s.labels)}))
	}
	if len(s.columns) > 0 {
		b.columns = wide(len(s.columns))
	}
	if s.attributes > 0 {
		b.known = wide(s.attributes)
	}
	return b
}

// blankPlaces is how many places a blank micro-batch reads of a sequence.
const blankPlaces = 2

// reading has the views of a micro-batch with hidden states [row, hidden], or
// [row, place, hidden] where several are read of a sequence, rows view-major.
func (s shape) reading(b microBatch, hidden *Node) *reading {
	r := &reading{axis: s.axis, labels: s.labels, views: s.byView(b, hidden), keys: map[string]*Node{}, lengths: map[string]*Node{}, marked: map[string]*Node{}, targets: map[string]*Node{}}
	if len(s.views) == 0 {
		r.lengths[viewCandidates] = TransposeAllAxes(b.lengths, 1, 0)
		if s.drops {
			r.keys[viewCandidates] = TransposeAllAxes(b.keys, 1, 0)
		}
	}
	for i, view := range s.views {
		r.lengths[view] = nth(b.lengths, i)
		if s.drops {
			r.keys[view] = nth(b.keys, i)
		}
		if s.reads == network.AtResponse {
			r.marked[view], r.targets[view] = nth(b.marked, i), nth(b.targets, i)
		}
	}
	if s.attributes > 0 {
		r.rating = TransposeAllAxes(Slice(b.columns, AxisRange(0, s.attributes)), 1, 0)
		r.known = TransposeAllAxes(b.known, 1, 0)
	}
	r.gold = b.gold
	return r
}

// states is the shape of blank hidden states of some size.
func (s shape) states(examples, size int) []int {
	if s.reads == network.AtEnd {
		return []int{s.width * examples, size}
	}
	return []int{s.width * examples, blankPlaces, size}
}

// byView takes apart the hidden states of a micro-batch: of each view [example,
// hidden], or [example, place, hidden]; of candidates [example, candidate, hidden].
func (s shape) byView(b microBatch, hidden *Node) map[string]*Node {
	dims := slices.Concat([]int{s.width, b.valid.Shape().Dim(0)}, hidden.Shape().Dimensions[1:])
	byView, out := Reshape(hidden, dims...), map[string]*Node{}
	if len(s.views) == 0 {
		out[viewCandidates] = TransposeAllAxes(byView, 1, 0, 2)
	}
	for i, view := range s.views {
		out[view] = nth(byView, i)
	}
	return out
}

// nth is one place of x's first axis.
func nth(x *Node, i int) *Node { return Squeeze(Slice(x, AxisElem(i)), 0) }

// inputs is what an objective sees of a micro-batch.
func (s shape) inputs(b microBatch, r *reading) op.Inputs {
	in := op.Inputs{Axis: s.axis, Valid: b.valid, Count: nth(b.counts, tallyExamples), Columns: map[string]*Node{}, Ragged: map[string]*Node{}, Counts: map[string]*Node{},
		Term: r.term, Transform: r.transform(b.valid.Graph())}
	for i, column := range s.columns {
		in.Columns[column] = nth(b.columns, i)
	}
	if len(s.views) == 0 {
		in.Ragged[axisCandidate], in.Counts[axisCandidate] = TransposeAllAxes(b.present, 1, 0), nth(b.counts, tallyCandidates)
	}
	if s.labels != nil {
		in.Ragged[axisStep], in.Counts[axisStep] = nth(b.marked, 0), nth(b.counts, tallySteps)
	}
	return in
}

func float32s(dims []int) shapes.Shape { return shapes.Make(dtypes.Float32, dims...) }
