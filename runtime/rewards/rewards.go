// Package rewards computes what the rewards of a recipe say of responses: compiled
// functions over hidden states, or over what policies say.
package rewards

import (
	"context"
	"fmt"
	"math"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/fit"
	"github.com/rmc-lang/rmc/runtime/mesh"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/terms"
)

// An Answered is a response as token ids, with the prompt alone where a reward
// reads it.
type Answered struct {
	Response data.Sequence
	Prompt   *data.Sequence
	Tokens   int   // of the response alone
	Marks    []int // of a conversation with labels: the index of the token before each
}

// places are where a policy reads an answer: its marks, or before each token of
// the response.
func (a Answered) places() []int {
	if a.Marks != nil {
		return a.Marks
	}
	var all []int
	for _, t := range terms.TargetsOf(a.Response, a.Tokens) {
		all = append(all, t-1)
	}
	return all
}

// Named pairs numbers with the names of their elements.
func Named[T float32 | float64](names []string, row []T) map[string]float32 {
	out := map[string]float32{}
	for i, name := range names {
		out[name] = float32(row[i])
	}
	return out
}

// Shares are the probabilities of labels among themselves, [place][label], of
// logits or log-probabilities one place after another.
func Shares(flat []float32, labels int) [][]float64 {
	var out [][]float64
	for place := range slices.Chunk(flat, labels) {
		top, total := float64(slices.Max(place)), 0.0
		p := make([]float64, labels)
		for i, x := range place {
			p[i] = math.Exp(float64(x) - top)
			total += p[i]
		}
		for i := range p {
			p[i] /= total
		}
		out = append(out, p)
	}
	return out
}

// AskedOfAll is what policies are asked of answers.
func AskedOfAll(all []Answered) []network.Asked {
	out := make([]network.Asked, len(all))
	for i, a := range all {
		out[i] = network.Asked{Sequence: a.Response, At: a.places()}
	}
	return out
}

// Functions are compiled functions over rows, which are split over the devices of a
// layout, by their names.
type Functions struct {
	layout *mesh.Layout
	made   map[string]*mesh.Function
}

// NewFunctions has none yet.
func NewFunctions(l *mesh.Layout) *Functions {
	return &Functions{l, map[string]*mesh.Function{}}
}

// named is a function of parameters and of arrays of rows: one is made where there is
// none of that name yet.
func (fs *Functions) named(name string, arrays int, parameters []mesh.Axes, build func(parameters, rows []*Node) []*Node) (*mesh.Function, error) {
	if f, ok := fs.made[name]; ok {
		return f, nil
	}
	in := parameters[:len(parameters):len(parameters)]
	for range arrays {
		in = append(in, mesh.Axes{mesh.AxisFSDP})
	}
	f, err := fs.layout.Compiled(name, in, nil, func(nodes []*Node) []*Node { return build(nodes[:len(parameters)], nodes[len(parameters):]) })
	if err != nil {
		return nil, err
	}
	fs.made[name] = f
	return f, nil
}

// callRows calls a function on parameters that stay and arrays of rows that go.
// What comes out is flat.
func callRows(ctx context.Context, f *mesh.Function, in []mesh.Input, rows []*tensors.Tensor) ([][]float32, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for _, t := range rows {
		a, err := f.Layout.Place(t, mesh.Axes{mesh.AxisFSDP})
		if err != nil {
			return nil, err
		}
		in = append(in, mesh.Input{Array: a, Donate: true})
	}
	out, err := f.Call(in)
	if err != nil {
		return nil, err
	}
	flat := make([][]float32, len(out))
	for i, a := range out {
		if flat[i], err = f.Layout.Numbers(a); err != nil {
			return nil, err
		}
	}
	return flat, nil
}

// States is the hidden state that the head of a trained model reads, for each of all,
// so many at once: [sequence, hidden].
func (fs *Functions) States(ctx context.Context, n *network.Network, read network.Reader, all []data.Sequence, rows int) (fit.Matrix[float32], error) {
	out := fit.Zeros[float32](len(all), n.Decoder.Config.Hidden)
	for _, m := range read.Batches(all, rows) {
		in := n.Values()
		host := read.Rows(m)
		f, err := fs.named(fmt.Sprintf("hidden states of %s, %d rows of %d tokens", n.Model.Name, m.Examples, m.Bucket), len(host), network.Places(n.Parameters()),
			func(nodes, rows []*Node) []*Node { return []*Node{read.Hidden(n.Nodes(nodes), rows)} })
		if err != nil {
			return out, err
		}
		flat, err := callRows(ctx, f, in, host)
		if err != nil {
			return out, err
		}
		for row, i := range m.Index {
			if i >= 0 {
				copy(out.Row(i), flat[0][row*out.Cols:])
			}
		}
	}
	return out, nil
}

// Outputs is all that a network gives for hidden states [row, hidden], of which it has
// so many: [row, output].
func (fs *Functions) Outputs(ctx context.Context, n *network.Network, outputs int, hidden fit.Matrix[float32]) (fit.Matrix[float64], error) {
	out := fit.Zeros[float64](hidden.Rows, outputs)
	for from := 0; from < hidden.Rows; {
		slots := slotsFor(hidden.Rows-from, n.Layout.FSDP)
		to := min(hidden.Rows, from+slots)
		f, err := fs.named(fmt.Sprintf("outputs of %s, %d rows", n.Model.Name, slots), 1, network.Places(n.Parameters()), func(parameters, rows []*Node) []*Node {
			return []*Node{n.Outputs(n.Nodes(parameters), rows[0], nil)}
		})
		if err != nil {
			return out, err
		}
		flat, err := callRows(ctx, f, n.Values(), []*tensors.Tensor{padded(hidden, from, to, slots)})
		if err != nil {
			return out, err
		}
		for i := range (to - from) * out.Cols {
			out.Data[from*out.Cols+i] = float64(flat[0][i])
		}
		from = to
	}
	return out, nil
}

// batchRows are how many rows a network or a formula computes on at once: a
// graph is compiled for each.
var batchRows = [...]int{8, 64, 256}

// slotsFor is the smallest batch that takes so many rows, or the largest.
func slotsFor(rows, ways int) int {
	for _, n := range batchRows {
		if n >= rows {
			return (n + ways - 1) / ways * ways
		}
	}
	n := batchRows[len(batchRows)-1]
	return (n + ways - 1) / ways * ways
}

// padded is some rows of m, with zeros after them.
func padded(m fit.Matrix[float32], from, to, slots int) *tensors.Tensor {
	flat := make([]float32, slots*m.Cols)
	copy(flat, m.Data[from*m.Cols:to*m.Cols])
	return tensors.FromFlatDataAndDimensions(flat, slots, m.Cols)
}

func validRows(rows, slots int) *tensors.Tensor {
	flat := make([]float32, slots)
	for i := range rows {
		flat[i] = 1
	}
	return tensors.FromFlatDataAndDimensions(flat, slots)
}

func tokenCounts(all []Answered, slots int) *tensors.Tensor {
	flat := make([]float32, slots)
	for i, a := range all {
		flat[i] = float32(a.Tokens)
	}
	return tensors.FromFlatDataAndDimensions(flat, slots)
}
