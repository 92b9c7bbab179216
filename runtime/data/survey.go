package data

import (
	"fmt"
	"slices"
	"sort"
)

// Most buckets that Buckets chooses: each costs a compile.
const mostBuckets = 4

// Buckets returns the padded lengths to use for examples of these lengths,
// ascending. Those asked for are checked; where none are, it chooses at most
// four multiples of step (32, or 64 and 128 for long data) that waste least
// when each example is padded by itself.
func Buckets(asked []int, lengths []int) ([]int, error) {
	longest := 0
	for _, n := range lengths {
		longest = max(longest, n)
	}
	if len(asked) == 0 {
		return chooseBuckets(lengths, longest), nil
	}
	sorted := slices.Clone(asked)
	sort.Ints(sorted)
	sorted = slices.Compact(sorted)
	if sorted[0] < 1 {
		return nil, fmt.Errorf("buckets has %d: a bucket holds at least 1 token", sorted[0])
	}
	if top := sorted[len(sorted)-1]; top < longest {
		return nil, fmt.Errorf("buckets ends at %d tokens, and the longest sequence has %d: add a bucket of %d or lower max_length to %d", top, longest, roundUp(longest, 32), top)
	}
	return sorted, nil
}

func roundUp(n, step int) int { return (n + step - 1) / step * step }

// bucketStep keeps the number of candidate lengths near a hundred.
func bucketStep(longest int) int {
	step := 32
	for longest/step > 128 {
		step *= 2
	}
	return step
}

// chooseBuckets minimises the padded tokens by dynamic programming over the
// multiples of the step: best[k][c] is the least for all examples that fit
// candidate c with k buckets of which c is the largest.
func chooseBuckets(lengths []int, longest int) []int {
	if longest == 0 {
		return []int{1}
	}
	step := bucketStep(longest)
	n := roundUp(longest, step) / step // candidates step, 2*step, … n*step
	upTo := make([]int, n+1)           // examples of at most c*step tokens
	for _, length := range lengths {
		upTo[roundUp(max(length, 1), step)/step]++
	}
	for c := 1; c <= n; c++ {
		upTo[c] += upTo[c-1]
	}
	best, from := make([]int, n+1), make([][]int, 1)
	for c := range best {
		best[c] = upTo[c] * c // one bucket, in steps
	}
	from[0] = make([]int, n+1)
	for k := 1; k < mostBuckets; k++ {
		next, came := slices.Clone(best), make([]int, n+1)
		for c := 1; c <= n; c++ {
			came[c] = -1 // no better with one more
			for b := 1; b < c; b++ {
				if cost := best[b] + (upTo[c]-upTo[b])*c; cost < next[c] {
					next[c], came[c] = cost, b
				}
			}
		}
		best, from = next, append(from, came)
	}
	return walkBack(from, n, step)
}

// walkBack reads the chosen buckets off the table of predecessors.
func walkBack(from [][]int, n, step int) []int {
	var out []int
	for k, c := len(from)-1, n; c > 0; k-- {
		if k > 0 && from[k][c] < 0 {
			continue
		}
		out = append(out, c*step)
		if k == 0 {
			break
		}
		c = from[k][c]
	}
	slices.Reverse(out)
	return out
}

// A Survey says what an epoch over examples costs with a choice of buckets.
type Survey struct {
	Steps    int     // optimizer steps
	Micros   int     // forwards
	Buckets  []Usage // of each bucket, ascending
	Real     int64   // tokens of the sequences
	Padded   int64   // tokens computed
	Examples int
}

// A Usage is how much of an epoch falls into one bucket.
type Usage struct {
	Bucket int // tokens
	Micros int // forwards of that shape
	Padded int64
}

// Waste is the share of the computed tokens that is padding.
func (s Survey) Waste() float64 {
	if s.Padded == 0 {
		return 0
	}
	return 1 - float64(s.Real)/float64(s.Padded)
}

// NewSurvey goes once through the examples as training would in its first
// epoch: batch examples a step, micro a forward.
func NewSurvey(examples []Example, stream Stream, batch, micro, views int, buckets []int) Survey {
	s := Survey{Examples: len(examples)}
	used := map[int]int{}
	var c Cursor
	for left := len(examples); left > 0; left -= batch {
		var step []int
		step, c = stream.Take(c, min(batch, left))
		lengths := make([]int, len(step))
		for i, e := range step {
			lengths[i] = examples[e].Len()
			for _, seq := range examples[e].Sequences {
				s.Real += int64(len(seq.IDs))
			}
		}
		s.Steps++
		for _, cutting := range cutStep(lengths, micro, buckets) {
			used[cutting.bucket]++
		}
	}
	for _, b := range buckets {
		u := Usage{Bucket: b, Micros: used[b], Padded: int64(used[b]) * int64(micro*views*b)}
		s.Buckets = append(s.Buckets, u)
		s.Micros += u.Micros
		s.Padded += u.Padded
	}
	return s
}

// Quantile is the value below or at which the share q of values lies, by the
// nearest rank; 0 of none.
func Quantile(values []int, q float64) int {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Clone(values)
	sort.Ints(sorted)
	rank := int(q*float64(len(sorted))+0.9999999) - 1
	return sorted[min(max(rank, 0), len(sorted)-1)]
}
