package states

import (
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/network"
)

// A Reader has the hidden states that a head reads, computed once for each different
// sequence: where the backbone is frozen they never change. Its micro-batches have
// one token a row: the place of its state.
type Reader struct {
	Size   int                 // numbers of a hidden state
	Values []float32           // [place, hidden], in the order of the sequences
	width  int                 // sequences of an example
	slots  int                 // examples of an optimizer step, for all devices
	ways   int                 // devices that rows are split over
	places map[data.Digest]int // by sequence
}

// Step is that of network.Reader.
func (r *Reader) Step(examples []data.Example) []*data.Micro {
	return data.Batch(r.placed(examples), r.width, []int{1}, func(int) int { return r.slots })
}

// Batches is that of network.Reader.
func (r *Reader) Batches(all []data.Sequence, rows int) []*data.Micro {
	return data.Batch(r.placed(network.Single(all)), 1, []int{1}, func(int) int { return (rows + r.ways - 1) / r.ways * r.ways })
}

// placed replaces the tokens of each sequence by its place.
func (r *Reader) placed(examples []data.Example) []data.Example {
	out := slices.Clone(examples)
	for i, example := range examples {
		out[i].Sequences = make([]data.Sequence, len(example.Sequences))
		for v, s := range example.Sequences {
			place, ok := r.places[s.Digest()]
			if !ok {
				panic(fmt.Sprintf("states: no hidden state of a sequence of row %d", example.Row))
			}
			out[i].Sequences[v].IDs = []int32{int32(place)}
		}
	}
	return out
}

// Rows are those of network.Reader: float32[row, hidden].
func (r *Reader) Rows(m *data.Micro) []*tensors.Tensor {
	flat := make([]float32, 0, len(m.Tokens)*r.Size)
	for _, place := range m.Tokens {
		flat = append(flat, r.Values[int(place)*r.Size:(int(place)+1)*r.Size]...)
	}
	return []*tensors.Tensor{tensors.FromFlatDataAndDimensions(flat, len(m.Tokens), r.Size)}
}

// Hidden is that of network.Reader.
func (r *Reader) Hidden(_ model.Params, rows []*Node) *Node { return rows[0] }

// NewReader has places for different sequences, in their order, and no values yet.
// Rows are split over so many ways.
func NewReader(all []data.Sequence, size, ways int) *Reader {
	r := &Reader{Size: size, ways: ways, places: map[data.Digest]int{}}
	for i, s := range all {
		r.places[s.Digest()] = i
	}
	return r
}

// Of is the hidden state of a sequence, [hidden]; nil where it has none.
func (r *Reader) Of(s data.Sequence) []float32 {
	if place, ok := r.places[s.Digest()]; ok {
		return r.Values[place*r.Size : (place+1)*r.Size]
	}
	return nil
}

// Batched is r for examples of width sequences, batch of them in a step.
func (r *Reader) Batched(width, batch int) *Reader {
	out := *r
	out.width = width
	for out.slots = batch; out.slots*width%r.ways != 0; out.slots++ {
	}
	return &out
}

// Join is several readers as one, which gives states and cuts no steps before it is
// Batched.
func Join(parts []*Reader) *Reader {
	all := &Reader{places: map[data.Digest]int{}}
	for _, e := range parts {
		for sequence, place := range e.places {
			all.places[sequence] = len(all.Values)/e.Size + place
		}
		all.Size, all.ways, all.Values = e.Size, e.ways, append(all.Values, e.Values...)
	}
	return all
}
