package spec

import (
	"math"
	"slices"
)

// The arithmetic below is what both sides must agree on: rmc plan prints it
// before a run, the trainer follows it. It stands here once.

// TokensPerForward is how many tokens one device takes at a time when a recipe
// leaves micro to the plan. A decoder of 135 M parameters needs about 3 MB of
// activations a token to train. On 2 cores, steps of 8 dialogues of hh-rlhf
// through 6 of its layers (BenchmarkSixLayers) go at 1.8 pairs/s with 512
// tokens, 2.3 with 1,024 and 1.4 to 1.7 with 2,048: fewer pad less, and the
// activations of more do not stay in the cache.
const TokensPerForward = 1024

// MaxBuckets is how many padded lengths, and so compiled programs, a plan
// chooses at most.
const MaxBuckets = 8

// BucketCost is how many padded tokens a further bucket must save to be worth
// its compile. Both grow with the layers: XLA's CPU compiler takes about 0.1 s
// a layer for a forward and 0.25 s for a training step, in which time 2 cores
// pass about 3,000 and 2,000 tokens through it.
const BucketCost = 4096

// BucketMultiple is what every padded length is a multiple of, in tokens.
const BucketMultiple = 32

// StepsFor returns the number of optimizer steps over n training examples:
// Steps where the recipe says it, else as many as Epochs need. The last step
// of a run by epochs may be smaller than a batch; no example is left out.
func (t Train) StepsFor(n int) int {
	if t.Steps > 0 || n <= 0 {
		return t.Steps
	}
	return (t.examples(n) + t.Batch - 1) / t.Batch
}

// examples returns how many examples a run over a set of n sees in all.
func (t Train) examples(n int) int {
	if t.Steps > 0 {
		return t.Steps * t.Batch
	}
	return max(1, int(math.Round(t.Epochs*float64(n))))
}

// Examples returns which examples the 0-based step takes, as the half-open
// range [from, to) of the endless stream that puts the permutation of epoch
// i/n after those before it: element i is Order(seed, i/n, n)[i%n].
func (t Train) Examples(step, n int) (from, to int) {
	from = step * t.Batch
	return from, max(from, min(from+t.Batch, t.examples(n)))
}

// MicroFor returns how many examples go through one forward of sequences
// padded to bucket tokens: Micro where the recipe says it, else the largest
// power of two that keeps each of ways devices within TokensPerForward; never
// more than a batch. An example has so many sequences (2 for a pair), and the
// rows divide by ways; what a batch lacks is filled with invalid examples.
func (t Train) MicroFor(sequences, bucket, ways int) int {
	n := t.Micro
	if n == 0 {
		for n = ways; 2*n*sequences*bucket <= TokensPerForward*ways && n < t.Batch; n *= 2 {
		}
	}
	for n = min(n, t.Batch); n*sequences%ways != 0; n++ {
	}
	return n
}

// Accumulates reports whether a step over examples padded to at most longest
// tokens may take several forwards. Each shape is then compiled twice: to add
// to the gradients, and to apply them.
func (t Train) Accumulates(sequences, longest, ways int) bool {
	return t.MicroFor(sequences, longest, ways) < t.Batch
}

// WarmupSteps returns over how many of total steps the rate rises from 0.
func (s Schedule) WarmupSteps(total int) int {
	if s.Warmup < 1 {
		return int(math.Ceil(s.Warmup * float64(total)))
	}
	return int(s.Warmup)
}

// Rate returns the learning rate of the 0-based step out of total. The first
// step of a warm-up has rate 0, as in transformers.
func (t Train) Rate(step, total int) float64 {
	return t.Optimizer.LR * t.Schedule.factor(step, total)
}

// factor returns the share of the peak rate at a step.
func (s Schedule) factor(step, total int) float64 {
	warmup := s.WarmupSteps(total)
	if step < warmup {
		return float64(step) / float64(max(1, warmup))
	}
	progress := min(1, float64(step-warmup)/float64(max(1, total-warmup)))
	switch s.Kind {
	case "cosine":
		return s.Floor + (1-s.Floor)*0.5*(1+math.Cos(math.Pi*progress))
	case "linear":
		return s.Floor + (1-s.Floor)*(1-progress)
	default: // constant
		return 1
	}
}

// BucketsFor returns the padded lengths of a stage over examples of the given
// lengths (the longest sequence of each, in tokens, not above longest): those
// of the recipe, else those that Buckets chooses.
func (t Train) BucketsFor(lengths []int, longest int) []int {
	if len(t.Buckets) > 0 {
		return t.Buckets
	}
	return Buckets(lengths, longest)
}

// Buckets returns at most MaxBuckets padded lengths, ascending multiples of
// BucketMultiple, that minimise the padded tokens of examples of the given
// lengths, when each goes to the smallest bucket that holds it, and BucketCost
// for each bucket.
// Lengths above longest count as longest, as truncation leaves them.
func Buckets(lengths []int, longest int) []int {
	bins := histogram(lengths, longest)
	top := len(bins) - 1
	best := partition(bins, 1)
	for k := 2; k <= min(MaxBuckets, top); k++ {
		next := partition(bins, k)
		if next.cost+k*BucketCost < best.cost+len(best.ends)*BucketCost {
			best = next
		}
	}
	return best.ends
}

// BucketOf returns the smallest of ascending buckets that holds length, or the
// last of them.
func BucketOf(buckets []int, length int) int {
	i, _ := slices.BinarySearch(buckets, length)
	return buckets[min(i, len(buckets)-1)]
}

// histogram counts lengths by the multiple of BucketMultiple that holds them;
// the last element is that of the longest length seen.
func histogram(lengths []int, longest int) []int {
	top := 1
	for _, l := range lengths {
		top = max(top, (min(l, longest)+BucketMultiple-1)/BucketMultiple)
	}
	if len(lengths) == 0 {
		top = max(1, (longest+BucketMultiple-1)/BucketMultiple)
	}
	bins := make([]int, top+1)
	for _, l := range lengths {
		bins[max(1, (min(l, longest)+BucketMultiple-1)/BucketMultiple)]++
	}
	return bins
}

// A partitioned is a choice of buckets and the padded tokens it costs.
type partitioned struct {
	ends []int
	cost int
}

// partition returns the cheapest choice of exactly k buckets over bins, the
// last of which is the last bin: dynamic programming over (buckets, bin).
func partition(bins []int, k int) partitioned {
	n := len(bins) - 1
	below := make([]int, n+1) // examples in bins ≤ i
	for i := 1; i <= n; i++ {
		below[i] = below[i-1] + bins[i]
	}
	const never = math.MaxInt / 2
	cost := make([][]int, k+1)
	from := make([][]int, k+1)
	for b := range cost {
		cost[b], from[b] = make([]int, n+1), make([]int, n+1)
		for i := range cost[b] {
			cost[b][i] = never
		}
	}
	cost[0][0] = 0
	for b := 1; b <= k; b++ {
		for i := b; i <= n; i++ {
			for j := b - 1; j < i; j++ {
				c := cost[b-1][j] + (below[i]-below[j])*i*BucketMultiple
				if c < cost[b][i] {
					cost[b][i], from[b][i] = c, j
				}
			}
		}
	}
	ends := make([]int, k)
	for b, i := k, n; b > 0; b-- {
		ends[b-1], i = i*BucketMultiple, from[b][i]
	}
	return partitioned{ends, cost[k][n]}
}
