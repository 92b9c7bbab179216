package measure

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/fit"
	"github.com/rmc-lang/rmc/runtime/suite"
)

// A Comparison is how two evaluations on the same pairs differ in accuracy. What
// is easy or hard for both cancels out: its interval is narrower than those of
// the two accuracies would suggest.
type Comparison struct {
	A          string     `json:"a"` // Result.Stage
	B          string     `json:"b"`
	Pairs      int        `json:"pairs"`
	Prompts    int        `json:"prompts"`
	Difference float64    `json:"difference"` // of the accuracies, A less B
	Interval   [2]float64 `json:"interval"`   // of Difference: 95 %, by resampling prompts
}

// Comparisons compares every two evaluations that have the same pairs.
func Comparisons(results []Result) []Comparison {
	var all []Comparison
	for i, a := range results {
		for _, b := range results[:i] {
			if samePairs(a.Rows, b.Rows) {
				all = append(all, compareTwo(a, b))
			}
		}
	}
	return all
}

// samePairs reports whether two evaluations are of the same rows of the same data.
func samePairs(a, b []Scored) bool {
	return len(a) > 0 && slices.EqualFunc(a, b, func(a, b Scored) bool {
		return a.Row == b.Row && a.prompt == b.prompt && a.ChosenTokens == b.ChosenTokens && a.RejectedTokens == b.RejectedTokens
	})
}

// resamples is how often prompts are drawn anew for an interval.
const resamples = 4000

// compareTwo resamples prompts, not pairs: the pairs of one prompt are right or
// wrong together. The draws are a pure function of the number of prompts.
func compareTwo(a, b Result) Comparison {
	gains, pairs := gainsByPrompt(a.Rows, b.Rows)
	random := rand.New(rand.NewPCG(uint64(len(gains)), 0))
	means := make([]float64, resamples)
	for i := range means {
		gain, n := 0, 0
		for range gains {
			k := random.IntN(len(gains))
			gain, n = gain+gains[k], n+pairs[k]
		}
		means[i] = float64(gain) / float64(n)
	}
	slices.Sort(means)
	tail := resamples / 40 // 2.5 %
	return Comparison{
		A: a.Stage, B: b.Stage, Pairs: len(a.Rows), Prompts: len(gains),
		Difference: a.Accuracy - b.Accuracy, Interval: [2]float64{means[tail], means[resamples-1-tail]},
	}
}

// gainsByPrompt is, for each prompt, how many more pairs a has right than b, and
// how many there are.
func gainsByPrompt(a, b []Scored) (gains, pairs []int) {
	gain, count := map[string]int{}, map[string]int{}
	for i := range a {
		count[a[i].prompt]++
		gain[a[i].prompt] += right(a[i]) - right(b[i])
	}
	for _, prompt := range slices.Sorted(maps.Keys(count)) {
		gains, pairs = append(gains, gain[prompt]), append(pairs, count[prompt])
	}
	return gains, pairs
}

func right(s Scored) int {
	if s.difference() > 0 {
		return 1
	}
	return 0
}

// A Result is what one evaluate stage measured.
type Result struct {
	Stage      string         `json:"stage"`            // Stage.Name
	Part       string         `json:"part"`             // holdout | train | all
	Steps      int            `json:"steps"`            // optimizer steps that the model had been trained for
	Before     *Measures      `json:"before,omitempty"` // of the model as training found it; nil where no train stage comes before
	*Measures                 // on pairs and rankings; else nil, and its fields are not in the JSON
	Attributes []fit.Measures `json:"attributes,omitempty"` // on ratings, which have no pairs
	Marked     *Marked        `json:"marked,omitempty"`     // on conversations with labels
	Suite      *suite.Table   `json:"suite,omitempty"`      // of a stage with a suite
	Rows       []Scored       `json:"rows,omitempty"`       // in the order of the data
	// Conversations are those with labels, in the order of the data.
	Conversations []Conversation `json:"conversations,omitempty"`
}

// String is a comparison in a line.
func (c Comparison) String() string {
	return fmt.Sprintf("%s against %s: accuracy %+.1f points   95 %% interval %+.1f to %+.1f   %d pairs of %d prompts",
		c.A, strings.TrimPrefix(c.B, "evaluate "), 100*c.Difference, 100*c.Interval[0], 100*c.Interval[1], c.Pairs, c.Prompts)
}
