package trainer

import (
	"fmt"
	"slices"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// A cutter cuts examples into batches of tokens padded to a few lengths. How it
// does so changes no loss and no score, only time and memory.
type cutter struct {
	train   spec.Train
	width   int   // sequences of an example
	buckets []int // padded lengths, ascending
	ways    int   // devices that rows are split over
}

// newCutter chooses the buckets for the examples of a stage, as rmc plan does.
func newCutter(t spec.Train, d spec.Data, width int, examples []data.Example, ways int) (cutter, error) {
	lengths := make([]int, len(examples))
	for i, e := range examples {
		lengths[i] = e.Len()
	}
	c := cutter{t, width, slices.Clone(t.BucketsFor(lengths, d.MaxLength)), ways}
	slices.Sort(c.buckets)
	if longest, top := slices.Max(lengths), c.buckets[len(c.buckets)-1]; longest > top {
		return c, fmt.Errorf("the largest of buckets is %d tokens, and an example has %d: add a bucket or lower max_length to %d", top, longest, top)
	}
	return c, nil
}

// slots is how many examples go through one forward padded to bucket tokens.
func (c cutter) slots(bucket int) int { return c.train.MicroFor(c.width, bucket, c.ways) }

// accumulates reports whether some step may have several micro-batches.
func (c cutter) accumulates() bool {
	return c.train.Accumulates(c.width, c.buckets[len(c.buckets)-1], c.ways)
}

// step puts the longest examples of an optimizer step together with their like.
func (c cutter) step(examples []data.Example) []*data.Micro {
	return data.Batch(examples, c.width, c.buckets, c.slots)
}

// batches cuts sequences into forwards of at most rows of them.
func (c cutter) batches(all []data.Sequence, rows int) []*data.Micro {
	return data.Batch(single(all), 1, c.buckets, func(int) int { return roundUp(rows, c.ways) })
}

func roundUp(n, multiple int) int { return (n + multiple - 1) / multiple * multiple }

// single makes an example of each sequence.
func single(all []data.Sequence) []data.Example {
	examples := make([]data.Example, len(all))
	for i := range all {
		examples[i].Sequences = all[i : i+1]
	}
	return examples
}
