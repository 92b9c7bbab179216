package trainer

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/arch"
	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// A parameter is one array of a model on the devices.
type parameter struct {
	arch.Param
	dtype dtypes.DType
	axes  axes
	value *array
}

// A network is a model on the devices: its parameters, and the graph from
// tokens to what its head gives.
type network struct {
	model   spec.Model
	layout  *layout
	decoder *model.Decoder
	frozen  []*parameter
	trained []*parameter // float32: the masters where the backbone is bfloat16
}

// nodes names the nodes of parameters(), given in that order.
// The backbone computes in its own type; heads and adapters are float32.
func (n *network) nodes(all []*Node) model.Params {
	byName := map[string]*Node{}
	backbone := dtypes.Float32
	if n.model.DType == "bfloat16" {
		backbone = dtypes.BFloat16
	}
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
func (n *network) values() []input {
	var in []input
	for _, p := range n.parameters() {
		in = append(in, input{array: p.value})
	}
	return in
}

// places is how each of parameters lies on the mesh.
func places(all []*parameter) []axes {
	out := make([]axes, len(all))
	for i, p := range all {
		out[i] = p.axes
	}
	return out
}

// A reader says what the head reads for the rows of a micro-batch: tokens that
// go through the decoder, or hidden states that went through it once.
type reader interface {
	// rows are the arrays of a micro-batch that hold its rows, row first.
	rows(m *data.Micro) []*tensors.Tensor
	// count is how many arrays rows gives.
	count() int
	// hidden is float32[row, hidden] given the nodes of rows.
	hidden(p model.Params, rows []*Node) *Node
}

// tokens reads through the decoder.
type tokens struct{ *network }

func (t tokens) rows(m *data.Micro) []*tensors.Tensor {
	rows := m.Examples * m.Views
	return []*tensors.Tensor{
		tensors.FromFlatDataAndDimensions(m.Tokens, rows, m.Bucket),
		tensors.FromFlatDataAndDimensions(m.Positions, rows, m.Bucket),
		tensors.FromFlatDataAndDimensions(m.Segments, rows, m.Bucket),
		tensors.FromFlatDataAndDimensions(m.Last, rows),
	}
}

func (t tokens) count() int { return 4 }

func (t tokens) hidden(p model.Params, rows []*Node) *Node {
	h := t.decoder.Hidden(p, rows[0], rows[1], rows[2], t.model.Head.Layer)
	return ConvertDType(model.At(h, rows[3]), dtypes.Float32)
}

// heads is what the head gives for hidden states [row, hidden]: float32[row, output].
func (n *network) heads(p model.Params, hidden *Node) *Node {
	first := Zeros(hidden.Graph(), hidden.Shape())
	last := ConvertDType(ReduceSum(first, 1), dtypes.Int32) // each row is a sequence of one token
	return model.Score(p, InsertAxes(hidden, 1), last, n.model.Head.Bias)
}

func isHead(name string) bool { return name == arch.ScoreWeight || name == arch.ScoreBias }
