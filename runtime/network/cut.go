package network

import (
	"fmt"
	"math"
	"slices"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/pack"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// A Cutter cuts examples into batches of tokens padded to a few lengths. How it
// does so changes no loss and no score, only time and memory.
type Cutter struct {
	train   spec.Train
	Width   int   // sequences of an example
	Buckets []int // padded lengths, ascending
	Ways    int   // devices that rows are split over
}

// NewCutter chooses the buckets for the examples of a stage, as rmc plan does.
func NewCutter(t spec.Train, d spec.Data, width int, examples []data.Example, ways int) (Cutter, error) {
	lengths := make([]int, len(examples))
	for i, e := range examples {
		lengths[i] = e.Len()
	}
	c := Cutter{t, width, slices.Clone(t.BucketsFor(lengths, d.MaxLength)), ways}
	slices.Sort(c.Buckets)
	if longest, top := slices.Max(lengths), c.Buckets[len(c.Buckets)-1]; longest > top {
		return c, fmt.Errorf("the largest of buckets is %d tokens, and an example has %d: add a bucket or lower max_length to %d", top, longest, top)
	}
	return c, nil
}

// slots is how many examples go through one forward padded to bucket tokens.
func (c Cutter) slots(bucket int) int { return c.train.MicroFor(c.Width, bucket, c.Ways) }

// Accumulates reports whether some step may have several micro-batches.
func (c Cutter) Accumulates() bool {
	return c.train.Accumulates(c.Width, c.Buckets[len(c.Buckets)-1], c.Ways)
}

// step puts the longest examples of an optimizer step together with their like.
func (c Cutter) step(examples []data.Example) []*data.Micro {
	return data.Batch(examples, c.Width, c.Buckets, c.slots)
}

// batches cuts sequences into forwards of at most rows of them.
func (c Cutter) batches(all []data.Sequence, rows int) []*data.Micro {
	return data.Batch(Single(all), 1, c.Buckets, func(int) int { return roundUp(rows, c.Ways) })
}

func roundUp(n, multiple int) int { return (n + multiple - 1) / multiple * multiple }

// Single makes an example of each sequence.
func Single(all []data.Sequence) []data.Example {
	examples := make([]data.Example, len(all))
	for i := range all {
		examples[i].Sequences = all[i : i+1]
	}
	return examples
}

// A Packer puts packed rows into forwards.
type Packer struct {
	Buckets []int // padded lengths, ascending
	Ways    int   // devices that rows are split over
}

// NewPacker chooses the buckets for rows that are all known.
func NewPacker(rows []pack.Tree, ways int) Packer {
	lengths, longest := rowLengths(rows)
	return Packer{spec.Buckets(lengths, longest), ways}
}

func rowLengths(rows []pack.Tree) (lengths []int, longest int) {
	for _, row := range rows {
		lengths, longest = append(lengths, len(row.Tokens)), max(longest, len(row.Tokens))
	}
	return lengths, longest
}

// Ladder is buckets that hold rows: powers of two, so that they are few whatever
// comes next.
func Ladder(rows []pack.Tree) []int {
	_, longest := rowLengths(rows)
	all := []int{2 * spec.BucketMultiple}
	for all[len(all)-1] < longest {
		all = append(all, 2*all[len(all)-1])
	}
	return all
}

// forwards are those of some rows.
func (p Packer) forwards(rows []pack.Tree) []*pack.Packed {
	return pack.Forwards(rows, p.Buckets, func(bucket int) int {
		return spec.Train{Batch: math.MaxInt32}.MicroFor(1, bucket, p.Ways)
	})
}

// A chunk is at most chunkTokens of padded rows, some seconds of work that a
// kill may cost, and small enough for a data set to have chunkShares of them, so
// that shards are of a size; but it is a forward at least.
const (
	chunkTokens = 16 * spec.TokensPerForward
	chunkShares = 16
)

// Chunks cuts rows, the longest first, into what is computed and kept together.
// Devices are no part of it.
func (p Packer) Chunks(rows []pack.Tree) [][]pack.Tree {
	rows = slices.Clone(rows)
	pack.SortTrees(rows)
	total := 0
	for _, row := range rows {
		total += spec.BucketOf(p.Buckets, len(row.Tokens))
	}
	limit := min(chunkTokens, max(spec.TokensPerForward, total/chunkShares))
	var out [][]pack.Tree
	for from, to, tokens := 0, 0, 0; to < len(rows); to++ {
		tokens += spec.BucketOf(p.Buckets, len(rows[to].Tokens))
		if tokens >= limit || to == len(rows)-1 {
			out, from, tokens = append(out, rows[from:to+1]), to+1, 0
		}
	}
	return out
}
