package terms

import (
	"math/bits"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/network"
)

// marked reports whether places of examples are among the arrays of a micro-batch.
func (s Shape) marked() bool { return s.labels != nil || s.Reads == network.AtResponse }

// Place fills in the places of a micro-batch of examples. Of labels there are as
// many as the data has, in room that is nearly the same for all micro-batches of
// one length, so that few shapes are compiled.
func (s Shape) Place(m *data.Micro, examples []data.Example) {
	if s.Reads == network.AtResponse {
		respond(m, examples)
		return
	}
	if m.Marks > 1 {
		widen(m, max(m.Marks, Room(m.Bucket/marksApart)), len(s.labels))
	}
	if s.Reads == network.AtEndings {
		readEndings(m, examples)
	}
}

// sitesOfAMark is how many places of a mark are read where endings are: that before
// the label, and the label.
const sitesOfAMark = 2

// readEndings reads after each label as well as before it. Mark by mark, so that room
// for more of them is room behind them.
func readEndings(m *data.Micro, examples []data.Example) {
	at := make([]int32, sitesOfAMark*len(m.At))
	for i, before := range m.At {
		at[sitesOfAMark*i], at[sitesOfAMark*i+1] = before, before
	}
	for slot, i := range m.Index {
		if i < 0 {
			continue
		}
		after, _ := examples[i].Endings()
		for k, label := range after {
			at[sitesOfAMark*(slot*m.Marks+k)+1] = int32(label)
		}
	}
	m.At = at
}

// endings are the tokens that follow labels, int32[view, example, mark]; -1 in
// padding and where none does.
func endings(m *data.Micro, examples []data.Example) *tensors.Tensor {
	flat := slices.Repeat([]int32{-1}, m.Examples*m.Marks)
	for slot, i := range m.Index {
		if i >= 0 {
			_, ids := examples[i].Endings()
			copy(flat[slot*m.Marks:], ids)
		}
	}
	return tensors.FromFlatDataAndDimensions(flat, m.Views, m.Examples, m.Marks)
}

// marksApart is how many tokens of a sequence there is room for a mark for. A
// chat template takes some ten of them from one label to the next.
const marksApart = 16

// Room is the smallest power of two that is at least n, and 1.
func Room(n int) int { return 1 << bits.Len(uint(max(n, 1)-1)) }

// widen gives each slot of a micro-batch room for so many marks.
func widen(m *data.Micro, marks, labels int) {
	if marks == m.Marks {
		return
	}
	at, marked, gold := make([]int32, m.Examples*marks), make([]float32, m.Examples*marks), make([]float32, m.Examples*marks*labels)
	for e := range m.Examples {
		copy(at[e*marks:], m.At[e*m.Marks:(e+1)*m.Marks])
		copy(marked[e*marks:], m.Marked[e*m.Marks:(e+1)*m.Marks])
		if len(m.Gold) > 0 {
			copy(gold[e*marks*labels:], m.Gold[e*m.Marks*labels:(e+1)*m.Marks*labels])
		}
	}
	m.Marks, m.At, m.Marked, m.Gold = marks, at, marked, gold
}

// respond makes a place of each token of a response: [view, example, place].
func respond(m *data.Micro, examples []data.Example) {
	most := 1
	for _, i := range m.Index {
		if i >= 0 {
			most = max(most, slices.Max(examples[i].Lengths))
		}
	}
	m.Marks = max(Room(most), Room(m.Bucket/4))
	m.At, m.Marked = make([]int32, m.Views*m.Examples*m.Marks), make([]float32, m.Views*m.Examples*m.Marks)
	eachTarget(m, examples, func(place, at int, _ int32) { m.At[place], m.Marked[place] = int32(at), 1 })
}

// targets are the tokens of responses, int32[view, example, place]; 0 in padding.
func targets(m *data.Micro, examples []data.Example) *tensors.Tensor {
	flat := make([]int32, m.Views*m.Examples*m.Marks)
	eachTarget(m, examples, func(place, _ int, id int32) { flat[place] = id })
	return tensors.FromFlatDataAndDimensions(flat, m.Views, m.Examples, m.Marks)
}

// eachTarget calls f for each token of each response of a micro-batch: its place
// among all, the token before it, and what it is.
func eachTarget(m *data.Micro, examples []data.Example, f func(place, before int, id int32)) {
	for slot, i := range m.Index {
		if i < 0 {
			continue
		}
		for v, n := range examples[i].Lengths {
			first := (v*m.Examples + slot) * m.Marks
			for k, t := range TargetsOf(examples[i].Sequences[v], n) {
				f(first+k, t-1, examples[i].Sequences[v].IDs[t])
			}
		}
	}
}

// TargetsOf are the places of the last n tokens of a sequence: its response, but
// for a first token that nothing comes before.
func TargetsOf(s data.Sequence, n int) []int {
	var all []int
	for t := max(1, len(s.IDs)-n); t < len(s.IDs); t++ {
		all = append(all, t)
	}
	return all
}
