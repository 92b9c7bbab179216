package data

import (
	"fmt"
	"math/bits"
	"slices"
)

// A Micro is what one forward takes: examples padded to one fixed shape.
//
// Rows are view-major: row v*Examples+e is sequence v of example slot e, so
// that of pairs the first Examples rows are all chosen and the next all
// rejected, and reshaping the scores to [view, example] splits them. A sequence
// that is not there (a ranking with fewer responses than Views, a slot that the
// step does not fill) is padding all through: Last 0, Present 0.
type Micro struct {
	Examples int // example slots; equal in all micro-batches of one bucket
	Views    int // sequences per slot
	Bucket   int // tokens per row

	Tokens    []int32 // [row, token]; 0 in padding, where it means nothing
	Positions []int32 // [row, token]; from 0 in each sequence, 0 in padding
	Ends      []int32 // [row, token]; the length of the token's sequence, 0 in padding
	Last      []int32 // [row] index of the scored token

	Present []float32   // [view, example] 1 where there is a sequence, else 0: one for each row
	Valid   []float32   // [example] 1 for an example, 0 for a slot of padding
	Columns [][]float32 // [column][example] as named by Set.Columns; 0 in padding
	// Of labels data, the places at which labels are read. How many there are room
	// for is a power of two, so that few shapes are compiled.
	Marks  int       // places per slot; 0 where the examples have none
	At     []int32   // [example, mark] index of the token that comes before the label; 0 in padding. Of what reads endings [example, mark, site]: that and the label's
	Marked []float32 // [example, mark] 1 where there is a place, else 0
	Gold   []float32 // [example, mark, label] Mark.Gold; 0 in padding and where none is known

	Index []int // [example] which of the examples given to Batch; -1 in padding
	Real  int   // tokens that are not padding
}

// Batch cuts the examples of one optimizer step into micro-batches of views
// sequences per slot. The longest come first: each micro-batch is padded to the
// smallest of the ascending buckets that holds the longest example left, and
// takes as many as slots says for that bucket. Only the last may have slots to
// spare. Every example is in exactly one, so that no loss depends on buckets or
// slots. The largest bucket must hold every example.
func Batch(examples []Example, views int, buckets []int, slots func(bucket int) int) []*Micro {
	order := make([]int, len(examples))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return examples[b].Len() - examples[a].Len() })
	var out []*Micro
	for len(order) > 0 {
		bucket := BucketFor(examples[order[0]].Len(), buckets)
		m := newMicro(slots(bucket), views, bucket, len(examples[0].Columns))
		members := order[:min(m.Examples, len(order))]
		m.room(members, examples)
		for slot, i := range members {
			m.put(slot, i, examples[i])
		}
		out, order = append(out, m), order[len(members):]
	}
	return out
}

// BucketFor is the smallest of the ascending buckets that holds length tokens.
func BucketFor(length int, buckets []int) int {
	i, _ := slices.BinarySearch(buckets, length)
	if i == len(buckets) {
		panic(fmt.Sprintf("data: a sequence of %d tokens is longer than all buckets %v", length, buckets))
	}
	return buckets[i]
}

// Places is how many places of a row are read, if not its end.
func (m *Micro) Places() int { return len(m.At) / (m.Examples * m.Views) }

func newMicro(examples, views, bucket, columns int) *Micro {
	rows := examples * views
	m := &Micro{
		Examples: examples, Views: views, Bucket: bucket,
		Tokens: make([]int32, rows*bucket), Positions: make([]int32, rows*bucket), Ends: make([]int32, rows*bucket),
		Last: make([]int32, rows), Present: make([]float32, rows), Valid: make([]float32, examples),
		Columns: make([][]float32, columns), Index: make([]int, examples),
	}
	for i := range m.Index {
		m.Index[i] = -1
	}
	for c := range m.Columns {
		m.Columns[c] = make([]float32, examples)
	}
	return m
}

// put writes example e, the i-th of the step, into a slot.
func (m *Micro) put(slot, i int, e Example) {
	m.Index[slot], m.Valid[slot] = i, 1
	for c, v := range e.Columns {
		m.Columns[c][slot] = v
	}
	m.mark(slot, e)
	for v, s := range e.Sequences {
		row := v*m.Examples + slot
		m.Present[row] = 1
		m.Last[row] = int32(len(s.IDs) - 1)
		ids := s.IDs
		if label := lastLabel(e.Tail); len(label) > 0 { // behind Last: a head reads what is asked
			ids = slices.Concat(ids, label)
		}
		m.Real += len(ids)
		for t, id := range ids {
			at := row*m.Bucket + t
			m.Tokens[at], m.Positions[at], m.Ends[at] = id, int32(t), int32(len(ids))
		}
	}
}

// room makes room for the marks of some examples.
func (m *Micro) room(members []int, examples []Example) {
	most, labels := 0, 0
	for _, i := range members {
		most = max(most, len(examples[i].Marks))
		for _, mark := range examples[i].Marks {
			labels = max(labels, len(mark.Gold))
		}
	}
	if most == 0 {
		return
	}
	m.Marks = 1 << bits.Len(uint(most-1))
	n := m.Examples * m.Marks
	m.At, m.Marked, m.Gold = make([]int32, n), make([]float32, n), make([]float32, n*labels)
}

// mark writes the marks of an example into a slot.
func (m *Micro) mark(slot int, e Example) {
	for k, mark := range e.Marks {
		at := slot*m.Marks + k
		m.At[at], m.Marked[at] = int32(mark.At), 1
		copy(m.Gold[at*len(mark.Gold):], mark.Gold)
	}
}
