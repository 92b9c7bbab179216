package trainer

import (
	"context"
	"fmt"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/arch"
	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/mesh"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/pack"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// A parameter is one array of a model on the devices.
type parameter struct {
	arch.Param
	dtype dtypes.DType
	axes  mesh.Axes
	value *mesh.Array
}

// A network is a model on the devices: its parameters, and the graph from
// tokens to what its head gives. Where only the head is trained it is the head
// alone, which reads hidden states: Run.backbone has the rest.
type network struct {
	model    spec.Model
	layout   *mesh.Layout
	decoder  *model.Decoder // nil of a small network
	mlp      *model.MLP     // of a small network
	digest   string         // of the base's files
	restored bool           // the parameters are those of an earlier run
	frozen   []*parameter
	trained  []*parameter // float32: the masters where the backbone is bfloat16

	forwards map[forward]*mesh.Function
}

// A forward is one compile without gradients: what comes out of which shape.
type forward struct {
	packed       bool   // hidden states of packed rows; else scores
	wish         string // of packed rows, what a policy is asked; else ""
	rows, bucket int
	reads        int // of a wish
}

// nodes names the nodes of parameters(), given in that order.
// The backbone computes in its own type; heads and adapters are float32.
func (n *network) nodes(all []*Node) model.Params {
	byName := map[string]*Node{}
	backbone := backboneType(n.model)
	for i, p := range n.parameters() {
		node := all[i]
		if !isHead(p.Name) && !isAdapter(p.Name) {
			node = ConvertDType(node, backbone)
		}
		byName[p.Name] = node
	}
	return func(name string) *Node {
		node, ok := byName[name]
		if !ok {
			panic(fmt.Sprintf("trainer: the graph of %s asks for %s, which was not loaded", n.model.Name, name))
		}
		return node
	}
}

// parameters lists trained and then frozen parameters.
func (n *network) parameters() []*parameter {
	return append(n.trained[:len(n.trained):len(n.trained)], n.frozen...)
}

// values are the inputs of a function that takes all parameters and keeps them.
func (n *network) values() []mesh.Input {
	var in []mesh.Input
	for _, p := range n.parameters() {
		in = append(in, mesh.Input{Array: p.value})
	}
	return in
}

// places is how each of parameters lies on the mesh.
func places(all []*parameter) []mesh.Axes {
	out := make([]mesh.Axes, len(all))
	for i, p := range all {
		out[i] = p.axes
	}
	return out
}

// knows reports whether a token id is a row of the embeddings: a lookup beyond
// them gives some other row.
func (n *network) knows(id int32) error {
	if vocab := n.decoder.Config.Vocab; int(id) >= vocab {
		return fmt.Errorf("token id %d: model %s knows 0 to %d; the ids are of another tokenizer", id, n.model.Name, vocab-1)
	}
	return nil
}

// A reader says what the head reads for the rows of a micro-batch: tokens that
// go through the decoder, or hidden states that went through it once.
type reader interface {
	// step cuts the examples of an optimizer step into micro-batches.
	step(examples []data.Example) []*data.Micro
	// batches cuts sequences into micro-batches of one view, with rows of them
	// or fewer; Index counts in all.
	batches(all []data.Sequence, rows int) []*data.Micro
	// count is how many arrays rows gives.
	count() int
	// rows are the arrays of a micro-batch that hold its rows, row first.
	rows(m *data.Micro) []*tensors.Tensor
	// hidden is float32[row, hidden], or [row, place, hidden], given the nodes of rows.
	hidden(p model.Params, rows []*Node) *Node
}

// tokens reads through the decoder.
type tokens struct {
	*network
	cutter cutter
	reads  sites
}

func (t tokens) step(examples []data.Example) []*data.Micro { return t.cutter.step(examples) }

func (t tokens) batches(all []data.Sequence, rows int) []*data.Micro {
	return t.cutter.batches(all, rows)
}

func (t tokens) count() int { return 4 }

func (t tokens) rows(m *data.Micro) []*tensors.Tensor {
	rows := m.Examples * m.Views
	at := tensors.FromFlatDataAndDimensions(m.Last, rows)
	if t.reads != atEnd {
		at = tensors.FromFlatDataAndDimensions(m.At, rows, m.Marks)
	}
	return []*tensors.Tensor{
		tensors.FromFlatDataAndDimensions(m.Tokens, rows, m.Bucket),
		tensors.FromFlatDataAndDimensions(m.Positions, rows, m.Bucket),
		tensors.FromFlatDataAndDimensions(m.Ends, rows, m.Bucket),
		at,
	}
}

// hidden is of one place of each row, or of several: float32[row, place, hidden].
func (t tokens) hidden(p model.Params, rows []*Node) *Node {
	h := t.decoder.Hidden(p, rows[0], rows[1], rows[2], t.model.Depth())
	if t.reads != atEnd {
		return model.AtEach(h, rows[3])
	}
	return ConvertDType(model.At(h, rows[3]), dtypes.Float32)
}

// heads is what the head gives for hidden states [row, hidden]: float32[row, output].
func (n *network) heads(p model.Params, hidden *Node) *Node {
	first := Zeros(hidden.Graph(), hidden.Shape())
	last := ConvertDType(ReduceSum(first, 1), dtypes.Int32) // each row is a sequence of one token
	return model.Score(p, InsertAxes(hidden, 1), last, n.model.Head.Bias)
}

// call runs a forward on arrays that hold its rows, row first; build makes its
// graph from their nodes. The result is flat.
func (n *network) call(ctx context.Context, what forward, rows []*tensors.Tensor, build func(p model.Params, rows []*Node) *Node) ([]float32, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	f, err := n.forward(what, len(rows), build)
	if err != nil {
		return nil, err
	}
	in := n.values()
	for _, t := range rows {
		a, err := n.layout.Place(t, mesh.Axes{mesh.AxisFSDP})
		if err != nil {
			return nil, err
		}
		in = append(in, mesh.Input{Array: a, Donate: true})
	}
	out, err := f.Call(in)
	if err != nil {
		return nil, fmt.Errorf("%d rows of %d tokens through model %s: %w", what.rows, what.bucket, n.model.Name, err)
	}
	return n.layout.Numbers(out[0])
}

// forward returns the compiled function of a shape, with so many arrays of rows.
func (n *network) forward(what forward, arrays int, build func(p model.Params, rows []*Node) *Node) (*mesh.Function, error) {
	if f, ok := n.forwards[what]; ok {
		return f, nil
	}
	in := places(n.parameters())
	for range arrays {
		in = append(in, mesh.Axes{mesh.AxisFSDP})
	}
	f, err := n.layout.Compiled("forward of "+n.model.Name, in, nil, func(nodes []*Node) []*Node {
		all := len(n.parameters())
		return []*Node{build(n.nodes(nodes[:all]), nodes[all:])}
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

// score is the head's first output for each of all, in their order.
func (n *network) score(ctx context.Context, r reader, all []data.Sequence, rows int) ([]float64, error) {
	scores := make([]float64, len(all))
	for _, m := range r.batches(all, rows) {
		out, err := n.call(ctx, forward{rows: m.Examples, bucket: m.Bucket}, r.rows(m), func(p model.Params, rows []*Node) *Node {
			return Reshape(Slice(n.outputs(p, r.hidden(p, rows), nil), AxisRange(), AxisElem(0)), -1)
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

// states runs packed rows through the decoder and hands the hidden state of each
// sequence, by its number, to take.
func (n *network) states(ctx context.Context, packed []*pack.Packed, take func(sequence int, state []float32)) error {
	for _, p := range packed {
		out, err := n.call(ctx, forward{packed: true, rows: p.Rows, bucket: p.Bucket}, []*tensors.Tensor{
			tensors.FromFlatDataAndDimensions(p.Tokens, p.Rows, p.Bucket),
			tensors.FromFlatDataAndDimensions(p.Positions, p.Rows, p.Bucket),
			tensors.FromFlatDataAndDimensions(p.Ends, p.Rows, p.Bucket),
			tensors.FromFlatDataAndDimensions(p.At, p.Rows, p.Reads),
		}, func(params model.Params, rows []*Node) *Node {
			h := n.decoder.Hidden(params, rows[0], rows[1], rows[2], n.model.Depth())
			return ConvertDType(model.AtAll(h, rows[3]), dtypes.Float32)
		})
		if err != nil {
			return err
		}
		size := n.decoder.Config.Hidden
		for i, s := range p.Index {
			if s >= 0 {
				take(s, out[i*size:(i+1)*size])
			}
		}
	}
	return nil
}

func isHead(name string) bool { return name == arch.ScoreWeight || name == arch.ScoreBias }
