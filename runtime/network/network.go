// Package network is a model with its parameters on a mesh, and what it gives for
// tokens: hidden states, scores, what a policy says comes next.
package network

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/arch"
	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/mesh"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/pack"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// A Weight is a parameter of a model on the devices.
type Weight struct {
	arch.Param
	dtype dtypes.DType
	Axes  mesh.Axes
	Value *mesh.Array
}

// A Network is a model on the devices: its parameters, and the graph from
// tokens to what its head gives. Where only the head is trained it is the head
// alone, which reads hidden states that another network gives.
type Network struct {
	Model    spec.Model
	Layout   *mesh.Layout
	Decoder  *model.Decoder // nil of a small network
	MLP      *model.MLP     // of a small network
	Digest   string         // of the base's files
	Restored bool           // the parameters are those of an earlier run
	Frozen   []*Weight
	Trained  []*Weight // float32: the masters where the backbone is bfloat16

	forwards map[forward]*mesh.Function
}

// A forward is one compile without gradients: what comes out of which shape.
type forward struct {
	packed       bool   // hidden states of packed rows; else scores
	wish         string // of packed rows, what a policy is asked; else ""
	rows, bucket int
	reads        int // of a wish
}

// Nodes names the nodes of Parameters(), given in that order.
// The backbone computes in its own type; heads, adapters and learnable numbers are float32.
func (n *Network) Nodes(all []*Node) model.Params {
	byName := map[string]*Node{}
	backbone := BackboneType(n.Model)
	for i, p := range n.Parameters() {
		node := all[i]
		if !IsHead(p.Name) && !IsAdapter(p.Name) && !model.IsScalar(p.Name) {
			node = ConvertDType(node, backbone)
		}
		byName[p.Name] = node
	}
	return func(name string) *Node {
		node, ok := byName[name]
		if !ok {
			panic(fmt.Sprintf("network: the graph of %s asks for %s, which was not loaded", n.Model.Name, name))
		}
		return node
	}
}

// Parameters lists trained and then frozen parameters.
func (n *Network) Parameters() []*Weight {
	return append(n.Trained[:len(n.Trained):len(n.Trained)], n.Frozen...)
}

// Scalar is a learnable number as it stands.
func (n *Network) Scalar(name string) (value float32, err error) {
	i := slices.IndexFunc(n.Trained, func(p *Weight) bool { return p.Name == model.ScalarName(name) })
	if i < 0 {
		return 0, fmt.Errorf("model %s has no learnable number %s", n.Model.Name, name)
	}
	err = n.Layout.Read(n.Trained[i].Value, func(bytes []byte) { value = math.Float32frombits(binary.LittleEndian.Uint32(bytes)) })
	return value, err
}

// Values are the inputs of a function that takes all parameters and keeps them.
func (n *Network) Values() []mesh.Input {
	var in []mesh.Input
	for _, p := range n.Parameters() {
		in = append(in, mesh.Input{Array: p.Value})
	}
	return in
}

// Places is how each of parameters lies on the mesh.
func Places(all []*Weight) []mesh.Axes {
	out := make([]mesh.Axes, len(all))
	for i, p := range all {
		out[i] = p.Axes
	}
	return out
}

// Knows reports whether a token id is a row of the embeddings: a lookup beyond
// them gives some other row.
func (n *Network) Knows(id int32) error {
	if vocab := n.Decoder.Config.Vocab; int(id) >= vocab {
		return fmt.Errorf("token id %d: model %s knows 0 to %d; the ids are of another tokenizer", id, n.Model.Name, vocab-1)
	}
	return nil
}

// A Reader says what the head reads for the rows of a micro-batch: tokens that
// go through the decoder, or hidden states that went through it once.
type Reader interface {
	// Step cuts the examples of an optimizer step into micro-batches.
	Step(examples []data.Example) []*data.Micro
	// Batches cuts sequences into micro-batches of one view, with rows of them
	// or fewer; Index counts in all.
	Batches(all []data.Sequence, rows int) []*data.Micro
	// Rows are the arrays of a micro-batch that hold its rows, row first.
	Rows(m *data.Micro) []*tensors.Tensor
	// Hidden is float32[row, hidden], or [row, place, hidden], given the nodes of rows.
	Hidden(p model.Params, rows []*Node) *Node
}

// Tokens reads through the decoder.
type Tokens struct {
	*Network
	Cutter Cutter
	Reads  Sites
}

// Step is Reader's.
func (t Tokens) Step(examples []data.Example) []*data.Micro { return t.Cutter.step(examples) }

// Batches is Reader's.
func (t Tokens) Batches(all []data.Sequence, rows int) []*data.Micro {
	return t.Cutter.batches(all, rows)
}

// Rows is Reader's: tokens, positions, ends, and where the states are read.
func (t Tokens) Rows(m *data.Micro) []*tensors.Tensor {
	rows := m.Examples * m.Views
	at := tensors.FromFlatDataAndDimensions(m.Last, rows)
	if t.Reads != AtEnd {
		at = tensors.FromFlatDataAndDimensions(m.At, rows, m.Places())
	}
	return []*tensors.Tensor{
		tensors.FromFlatDataAndDimensions(m.Tokens, rows, m.Bucket),
		tensors.FromFlatDataAndDimensions(m.Positions, rows, m.Bucket),
		tensors.FromFlatDataAndDimensions(m.Ends, rows, m.Bucket),
		at,
	}
}

// Hidden is of one place of each row, or of several: float32[row, place, hidden].
func (t Tokens) Hidden(p model.Params, rows []*Node) *Node {
	h := t.Decoder.Hidden(p, rows[0], rows[1], rows[2], t.Model.Depth())
	if t.Reads != AtEnd {
		return model.AtEach(h, rows[3])
	}
	return ConvertDType(model.At(h, rows[3]), dtypes.Float32)
}

// heads is what the head gives for hidden states [row, hidden]: float32[row, output].
func (n *Network) heads(p model.Params, hidden *Node) *Node {
	first := Zeros(hidden.Graph(), hidden.Shape())
	last := ConvertDType(ReduceSum(first, 1), dtypes.Int32) // each row is a sequence of one token
	return model.Score(p, InsertAxes(hidden, 1), last, n.Model.Head.Bias)
}

// call runs a forward on arrays that hold its rows, row first; build makes its
// graph from their nodes. The result is flat.
func (n *Network) call(ctx context.Context, what forward, rows []*tensors.Tensor, build func(p model.Params, rows []*Node) *Node) ([]float32, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	f, err := n.forward(what, len(rows), build)
	if err != nil {
		return nil, err
	}
	in := n.Values()
	for _, t := range rows {
		a, err := n.Layout.Place(t, mesh.Axes{mesh.AxisFSDP})
		if err != nil {
			return nil, err
		}
		in = append(in, mesh.Input{Array: a, Donate: true})
	}
	out, err := f.Call(in)
	if err != nil {
		return nil, fmt.Errorf("%d rows of %d tokens through model %s: %w", what.rows, what.bucket, n.Model.Name, err)
	}
	return n.Layout.Numbers(out[0])
}

// forward returns the compiled function of a shape, with so many arrays of rows.
func (n *Network) forward(what forward, arrays int, build func(p model.Params, rows []*Node) *Node) (*mesh.Function, error) {
	if f, ok := n.forwards[what]; ok {
		return f, nil
	}
	in := Places(n.Parameters())
	for range arrays {
		in = append(in, mesh.Axes{mesh.AxisFSDP})
	}
	f, err := n.Layout.Compiled("forward of "+n.Model.Name, in, nil, func(nodes []*Node) []*Node {
		all := len(n.Parameters())
		return []*Node{build(n.Nodes(nodes[:all]), nodes[all:])}
	})
	if err != nil {
		return nil, err
	}
	if n.forwards == nil {
		n.forwards = map[forward]*mesh.Function{}
	}
	n.forwards[what] = f
	return f, nil
}

// Score is the head's first output for each of all, in their order.
func (n *Network) Score(ctx context.Context, r Reader, all []data.Sequence, rows int) ([]float64, error) {
	scores := make([]float64, len(all))
	for _, m := range r.Batches(all, rows) {
		out, err := n.call(ctx, forward{rows: m.Examples, bucket: m.Bucket}, r.Rows(m), func(p model.Params, rows []*Node) *Node {
			return Reshape(Slice(n.Outputs(p, r.Hidden(p, rows), nil), AxisRange(), AxisElem(0)), -1)
		})
		if err != nil {
			return nil, err
		}
		for row, i := range m.Index {
			if i >= 0 {
				scores[i] = float64(out[row])
			}
		}
	}
	return scores, nil
}

// Embed is the hidden states of the sequences that rows read: [sequence, hidden].
func (n *Network) Embed(ctx context.Context, p Packer, rows []pack.Tree, sequences int) ([]float32, error) {
	size := n.Decoder.Config.Hidden
	values := make([]float32, sequences*size)
	return values, n.states(ctx, p.forwards(rows), func(i int, state []float32) { copy(values[i*size:], state) })
}

// states runs packed rows through the decoder and hands the hidden state of each
// sequence, by its number, to take.
func (n *Network) states(ctx context.Context, packed []*pack.Packed, take func(sequence int, state []float32)) error {
	for _, p := range packed {
		out, err := n.call(ctx, forward{packed: true, rows: p.Rows, bucket: p.Bucket}, []*tensors.Tensor{
			tensors.FromFlatDataAndDimensions(p.Tokens, p.Rows, p.Bucket),
			tensors.FromFlatDataAndDimensions(p.Positions, p.Rows, p.Bucket),
			tensors.FromFlatDataAndDimensions(p.Ends, p.Rows, p.Bucket),
			tensors.FromFlatDataAndDimensions(p.At, p.Rows, p.Reads),
		}, func(params model.Params, rows []*Node) *Node {
			h := n.Decoder.Hidden(params, rows[0], rows[1], rows[2], n.Model.Depth())
			return ConvertDType(model.AtAll(h, rows[3]), dtypes.Float32)
		})
		if err != nil {
			return err
		}
		size := n.Decoder.Config.Hidden
		for i, s := range p.Index {
			if s >= 0 {
				take(s, out[i*size:(i+1)*size])
			}
		}
	}
	return nil
}

// IsHead reports whether a parameter of a name is of a model's linear head.
func IsHead(name string) bool { return name == arch.ScoreWeight || name == arch.ScoreBias }

// AxisHead is the axis of the outputs of a model with a linear head.
const AxisHead = "head"

// Outputs is all that a network gives for hidden states [row, hidden]:
// float32[row, output]. keys, uint32[row], say what a training drops; else nil.
func (n *Network) Outputs(p model.Params, hidden, keys *Node) *Node {
	if n.MLP != nil {
		return n.MLP.Apply(p, hidden, keys)
	}
	return n.heads(p, hidden)
}

// OutputAxis is the axis of a model's outputs; "" where it has one.
func OutputAxis(m spec.Model) string {
	if m.Kind == "mlp" {
		return m.Axis
	}
	if m.Head.Outputs > 1 {
		return AxisHead
	}
	return ""
}

// HeadWeight names the matrix of a model's linear head.
func (n *Network) HeadWeight() string {
	if n.MLP == nil {
		return arch.ScoreWeight
	}
	return n.MLP.Parameters()[0].Name
}

// Blank is a parameter in a graph that nothing is computed with.
func (n *Network) Blank(g *Graph, name string) *Node {
	called := n.Model.Name + "." + name
	if known := g.GetParameterByName(called); known != nil {
		return known
	}
	for _, p := range n.Parameters() {
		if p.Name == name {
			return Parameter(g, called, shapes.Make(dtypes.Float32, p.Shape...))
		}
	}
	panic(fmt.Sprintf("model %s has no parameter %s", n.Model.Name, name))
}

// Sites say where in its sequences a model's hidden states are read.
type Sites string

const (
	AtEnd      Sites = "end"      // the last token of each
	atMarks    Sites = "marks"    // the token before each label
	AtEndings  Sites = "endings"  // that and the label, mark by mark
	AtResponse Sites = "response" // the token before each token of the response
)

// SitesOf is where a model reads the sequences of a set: a policy where its
// language head is asked what comes next.
func SitesOf(set *data.Set, m spec.Model) Sites {
	switch {
	case m.Kind != "policy":
		return AtEnd
	case set.Endings:
		return AtEndings
	case set.LabelIDs != nil:
		return atMarks
	}
	return AtResponse
}
