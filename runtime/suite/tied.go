package suite

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// The two forms of a prompt of the rule tied, in Row.Name: one right answer, or
// several that are equally right.
const (
	reference = "ref"
	tied      = "tied"
)

// form splits a row's name into its form and its prompt.
func form(row Row) (kind, prompt string, err error) {
	kind, prompt, ok := strings.Cut(row.Name, ":")
	if !ok || prompt == "" || kind != reference && kind != tied {
		return "", "", fmt.Errorf("row %d is called %q, and the rule tied wants ref:N or tied:N: name the column that says it, as in columns = named { id = \"…\" }", row.Row+1, row.Name)
	}
	return kind, prompt, nil
}

// Places in the tally of the rule tied: sums, and how many prompts they are of.
const (
	sumTied = iota
	countTied
	sumReference
	countReference
	sumApart
	sumBothApart
	sumMargin
	countBoth // of the last three: prompts with both forms
	tiedSums
)

// A gap is how far right and wrong answers of a row are apart.
type gap struct {
	spread float64 // best right answer minus the worst right one
	gap    float64 // worst right answer minus the best wrong one
}

// gapOf measures one row.
func gapOf(row Row) (gap, error) {
	if err := check(spec.Rule{Kind: "best_of"}, row); err != nil {
		return gap{}, err
	}
	right, wrong := row.Scores[:row.Better], row.Scores[row.Better:]
	return gap{slices.Max(right) - slices.Min(right), slices.Min(right) - slices.Max(wrong)}, nil
}

// tiedTally is what the rows of one prompt add: its two forms, or one of them.
func tiedTally(rows []Row) (tally, error) {
	t := make(tally, tiedSums)
	forms := map[string]gap{}
	for _, row := range rows {
		kind, _, err := form(row)
		if err != nil {
			return nil, err
		}
		g, err := gapOf(row)
		if err != nil {
			return nil, err
		}
		if _, twice := forms[kind]; twice {
			return nil, fmt.Errorf("row %d: there are two rows %s", row.Row+1, row.Name)
		}
		if kind == tied && row.Better < 2 {
			return nil, fmt.Errorf("row %d is %s and has one right answer: a tie takes two", row.Row+1, row.Name)
		}
		forms[kind] = g
		sums, count := sumTied, countTied
		if kind == reference {
			sums, count = sumReference, countReference
		}
		t[sums], t[count] = one(g.gap > 0), 1
	}
	ref, isRef := forms[reference]
	many, isTied := forms[tied]
	if isRef && isTied {
		both := min(ref.gap, many.gap)
		t[sumApart], t[sumBothApart] = one(many.gap > many.spread), one(both > many.spread)
		t[sumMargin], t[countBoth] = margin(both, many.spread), 1
	}
	return t, nil
}

// margin is tanh(gap ÷ spread − 1): where right answers do not differ, 1 or −1
// by the sign of the gap, and 0 where there is none either.
func margin(gap, spread float64) float64 {
	x := math.Tanh(gap/spread - 1)
	if math.IsNaN(x) {
		return 0
	}
	return x
}

// tiedValue is the score of RewardBench 2's subset of ties (Malik et al. 2025,
// arXiv 2506.01937): right answers should be ahead of wrong ones, and closer to
// each other than to these. The weights are the rule's.
func tiedValue(r spec.Rule, t tally) ([]float64, string) {
	if t[countBoth] == 0 {
		nan := make([]float64, 6)
		for i := range nan {
			nan[i] = math.NaN()
		}
		return nan, "no prompt has both forms, ref and tied"
	}
	n := t[countBoth]
	parts := []float64{0, t[sumTied] / t[countTied], t[sumReference] / t[countReference], t[sumApart] / n, t[sumBothApart] / n, t[sumMargin] / n}
	parts[0] = r.Tied*parts[1] + r.Reference*parts[2] + r.Apart*parts[3] + r.BothApart*parts[4] + r.Margin*parts[5]
	return parts, ""
}

func one(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
