// Package pack lays sequences into rows: as trees, of which what they begin with in
// common is there once, and rows into forwards of few shapes.
package pack

import (
	"slices"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// A Tree is sequences laid into one row of a forward, with what they begin with
// in common there once. In depth-first order, each sequence is a path
// from the front, and reads no token that is not on it (model.Decoder.Hidden).
type Tree struct {
	Tokens    []int32 // [token]
	Positions []int32 // [token] place in the sequences that the token is of
	Ends      []int32 // [token] where in the row the last sequence that has the token ends
	Reads     []Read  // one for each sequence, or for each of its places
}

// A Read says where the last token of a sequence is, or one of its places.
type Read struct {
	Sequence int   // which of those given to Sequences
	Place    int   // which of its places; 0 where its last token is read
	At       int   // index in the row
	Next     int32 // the token that comes next in the sequence; 0 after its last
}

// longestRow is the longest row that sequences are laid into together, in tokens. A
// longer one costs more than sharing gives, see rowCost.
const longestRow = 2048

// attention is about the length of a row at which a token's share of attention
// costs as much as all else. Six layers of SmolLM2-135M, forward, XLA on 2 cores,
// take 535 µs of processor time a token in rows of 128 tokens, 550 in 512, 630 in
// 1,024 and 855 in 2,048; with other work on the machine, attention costs more.
const attention = 2048

// placesAttention is the same where several places of a sequence are read. It is
// that of a wider model, whose attention is a smaller part of its work: what n
// solutions of a problem of up to 200 tokens have in common then costs at most 15 %
// of what they have not, √(200/(placesAttention + 200)).
const placesAttention = 4 * attention

// rowCost is what a row of so many tokens costs, in no unit: the mask spares no
// work, so each token pays for the whole row.
func rowCost(tokens, attention int) int {
	padded := (tokens + spec.BucketMultiple - 1) / spec.BucketMultiple * spec.BucketMultiple
	return padded * (attention + padded)
}

// ReadsIn is how many sequences a row padded to so many tokens may have: a
// forward reads that many places of each row, so that its shape is fixed.
func ReadsIn(bucket int) int { return max(1, bucket/8) }

// readsFor is ReadsIn of the smallest bucket that there may be for a row.
func readsFor(tokens int) int {
	return ReadsIn((tokens + spec.BucketMultiple - 1) / spec.BucketMultiple * spec.BucketMultiple)
}

// Sequences lays different sequences into rows, each into one, at the least cost: a
// pure function of the sequences and their order. Where many share a beginning
// that is too long to be had once, it is repeated in several rows. Every
// sequence has a token; one that is longer than all rows has a row of its own.
func Sequences(all []data.Sequence) []Tree { return pack(all, nil) }

// Places is Sequences where not the last token of each sequence is read but some
// of its tokens: places has their indices, ascending, at least one for each
// sequence. One forward so reads what would take one for each beginning.
func Places(all []data.Sequence, places [][]int) []Tree { return pack(all, places) }

func pack(all []data.Sequence, places [][]int) []Tree {
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	// Sequences with a common beginning are neighbours, and a sequence comes
	// before those that go on from it.
	slices.SortStableFunc(order, func(a, b int) int { return slices.Compare(all[a].IDs, all[b].IDs) })
	shared := make([]int, len(all)) // tokens that a sequence has in common with its neighbour before
	for k := 1; k < len(order); k++ {
		shared[k] = common(all[order[k-1]].IDs, all[order[k]].IDs)
	}
	var rows []Tree
	for _, r := range cheapest(all, order, shared, places == nil) {
		rows = append(rows, lay(all, places, order[r.from:r.to], shared[r.from:r.to]))
	}
	return rows
}

// common is the number of tokens that a and b begin with in common.
func common(a, b []int32) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// A run is neighbours in the order of Sequences: [from, to).
type run struct{ from, to int }

// cheapest cuts the order into runs, one a row, at the least cost in all:
// dynamic programming over where the last run begins. Where few says so, there
// are no more sequences in a row than ReadsIn.
func cheapest(all []data.Sequence, order, shared []int, few bool) []run {
	share := placesAttention
	if few {
		share = attention
	}
	best := make([]int, len(order)+1)  // cost of the first so many
	begin := make([]int, len(order)+1) // where the last run of these begins
	for to := 1; to <= len(order); to++ {
		tokens := 0
		for from := to - 1; from >= 0; from-- {
			tokens += len(all[order[from]].IDs)
			if from+1 < to {
				tokens -= shared[from+1]
			}
			n := to - from
			if n > 1 && (tokens > longestRow || n > ReadsIn(longestRow)) {
				break
			}
			if n > 1 && few && n > readsFor(tokens) {
				continue
			}
			if cost := best[from] + rowCost(tokens, share); n == 1 || cost < best[to] {
				best[to], begin[to] = cost, from
			}
		}
	}
	var runs []run
	for to := len(order); to > 0; to = begin[to] {
		runs = append(runs, run{begin[to], to})
	}
	slices.Reverse(runs)
	return runs
}

// lay makes the row of some neighbours.
func lay(all []data.Sequence, places [][]int, members, shared []int) Tree {
	var r Tree
	var path []int // of the sequence at hand: where each of its tokens is
	leave := func(depth int) {
		for _, at := range path[depth:] {
			r.Ends[at] = int32(len(r.Tokens))
		}
		path = path[:depth]
	}
	for k, s := range members {
		depth := 0
		if k > 0 {
			depth = shared[k]
		}
		leave(depth)
		for i, id := range all[s].IDs[depth:] {
			path = append(path, len(r.Tokens))
			r.Tokens, r.Positions, r.Ends = append(r.Tokens, id), append(r.Positions, int32(depth+i)), append(r.Ends, 0)
		}
		if places == nil {
			r.Reads = append(r.Reads, Read{Sequence: s, At: path[len(path)-1]})
			continue
		}
		for k, at := range places[s] {
			read := Read{Sequence: s, Place: k, At: path[at]}
			if at+1 < len(all[s].IDs) {
				read.Next = all[s].IDs[at+1]
			}
			r.Reads = append(r.Reads, read)
		}
	}
	leave(0)
	return r
}

// Fill lays rows one behind the other into as few rows of at most size tokens as
// first fit finds, the longest first, so that hardly a token of what is computed is
// padding. None of them sees another. Longer rows stay as they are.
func Fill(rows []Tree, size int) []Tree {
	rows = slices.Clone(rows)
	SortTrees(rows)
	var out []Tree
	for _, r := range rows {
		at := slices.IndexFunc(out, func(o Tree) bool { return len(o.Tokens)+len(r.Tokens) <= size })
		if at < 0 {
			out = append(out, r)
			continue
		}
		out[at] = out[at].before(r)
	}
	return out
}

// before is a row of r and then another.
func (r Tree) before(next Tree) Tree {
	n := len(r.Tokens)
	out := Tree{Tokens: slices.Concat(r.Tokens, next.Tokens), Positions: slices.Concat(r.Positions, next.Positions), Ends: slices.Clone(r.Ends), Reads: slices.Clone(r.Reads)}
	for _, end := range next.Ends {
		out.Ends = append(out.Ends, end+int32(n))
	}
	for _, read := range next.Reads {
		read.At += n
		out.Reads = append(out.Reads, read)
	}
	return out
}

// A Packed is what one forward takes: rows padded to one fixed shape.
type Packed struct {
	Rows   int // equal in all forwards of one bucket
	Bucket int // tokens per row
	Reads  int // places read per row: ReadsIn(Bucket), or a power of two times that

	Tokens    []int32 // [row, token]; 0 in padding, where it means nothing
	Positions []int32 // [row, token]; 0 in padding
	Ends      []int32 // [row, token]; 0 in padding
	At        []int32 // [row, read]; 0 in padding
	Index     []int   // [row, read] which sequence it is of; -1 in padding
	Place     []int   // [row, read] which of the sequence's places; 0 in padding
	Next      []int32 // [row, read] the token that comes next; 0 in padding
	Real      int     // tokens that are not padding
}

// Forwards puts rows together as Batch does examples: the longest first, in as
// few shapes as there are buckets. The largest bucket must hold every row.
func Forwards(rows []Tree, buckets []int, slots func(bucket int) int) []*Packed {
	rows = slices.Clone(rows)
	SortTrees(rows)
	var out []*Packed
	for len(rows) > 0 {
		bucket := data.BucketFor(len(rows[0].Tokens), buckets)
		n := slots(bucket)
		members := rows[:min(n, len(rows))]
		p := newPacked(n, bucket, readsOf(members, bucket))
		for slot, r := range members {
			p.put(slot, r)
		}
		out, rows = append(out, p), rows[len(members):]
	}
	return out
}

// SortTrees puts the longest first, and leaves rows of one length in their order.
func SortTrees(rows []Tree) {
	slices.SortStableFunc(rows, func(a, b Tree) int { return len(b.Tokens) - len(a.Tokens) })
}

// readsOf is room for what members read.
func readsOf(members []Tree, bucket int) int {
	room := ReadsIn(bucket)
	for _, r := range members {
		for room < len(r.Reads) {
			room *= 2
		}
	}
	return room
}

func newPacked(rows, bucket, reads int) *Packed {
	p := &Packed{
		Rows: rows, Bucket: bucket, Reads: reads,
		Tokens: make([]int32, rows*bucket), Positions: make([]int32, rows*bucket), Ends: make([]int32, rows*bucket),
	}
	n := rows * reads
	p.At, p.Index, p.Place, p.Next = make([]int32, n), make([]int, n), make([]int, n), make([]int32, n)
	for i := range p.Index {
		p.Index[i] = -1
	}
	return p
}

// put writes a row into a slot.
func (p *Packed) put(slot int, r Tree) {
	copy(p.Tokens[slot*p.Bucket:], r.Tokens)
	copy(p.Positions[slot*p.Bucket:], r.Positions)
	copy(p.Ends[slot*p.Bucket:], r.Ends)
	for i, read := range r.Reads {
		at := slot*p.Reads + i
		p.At[at], p.Index[at], p.Place[at], p.Next[at] = int32(read.At), read.Sequence, read.Place, read.Next
	}
	p.Real += len(r.Tokens)
}
