package suite

import (
	"fmt"
	"math"
	"slices"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// partsOf names what a rule gives, the value first.
func partsOf(r spec.Rule) []string {
	switch r.Kind {
	case "grid":
		return []string{"accuracy", "easy", "normal", "hard"}
	case "first_error":
		return []string{"F1", "erroneous", "correct"}
	case "tied":
		return []string{"score", "tied", "reference", "apart", "both apart", "margin"}
	case "pairs":
		return []string{"accuracy", "consistent"}
	}
	return []string{"accuracy"}
}

// together names what a row is resampled with.
func together(r spec.Rule, row Row) (string, error) {
	if r.Kind != "tied" {
		return row.Prompt, nil
	}
	_, prompt, err := form(row)
	return prompt, err
}

// tallyOf sums the rows of one prompt, and counts those with equal scores.
func tallyOf(r spec.Rule, rows []Row) (tally, int, error) {
	if r.Kind == "tied" {
		t, err := tiedTally(rows)
		return t, 0, err
	}
	var total tally
	ties := 0
	for _, row := range rows {
		if err := check(r, row); err != nil {
			return nil, 0, err
		}
		t, tie := rowTally(r, row)
		if total == nil {
			total = make(tally, len(t))
		}
		total.add(t)
		if tie {
			ties++
		}
	}
	return total, ties, nil
}

// rowTally is what one row adds.
func rowTally(r spec.Rule, row Row) (t tally, tie bool) {
	switch r.Kind {
	case "pairs":
		return pair(r, row)
	case "grid":
		return grid(r, row)
	case "first_error":
		return firstError(r, row), false
	}
	return bestOf(row)
}

// valueOf makes the numbers of sums; the reason where they say nothing.
func valueOf(r spec.Rule, t tally) (parts []float64, absent string) {
	switch r.Kind {
	case "grid":
		n := t[3]
		easy, normal, hard := t[0]/n, t[1]/n, t[2]/n
		return []float64{(easy + normal + hard) / 3, easy, normal, hard}, ""
	case "first_error":
		return harmonic(t)
	case "tied":
		return tiedValue(r, t)
	}
	if r.Kind == "pairs" && t[3] > 0 {
		return []float64{t[0] / t[1], t[2] / t[3]}, ""
	}
	return []float64{t[0] / t[1]}, ""
}

// check holds a row against what a rule reads.
func check(r spec.Rule, row Row) error {
	for _, x := range slices.Concat(row.Scores, row.Orders) {
		if math.IsNaN(x) {
			return fmt.Errorf("row %d has a score that is no number", row.Row+1)
		}
	}
	n := len(row.Scores)
	switch {
	case r.Kind == "pairs" && len(row.Orders) > 2:
		return fmt.Errorf("row %d has %d orders, and a pair has two", row.Row+1, len(row.Orders))
	case r.Kind == "pairs" && len(row.Orders) == 0 && n != 2:
		return fmt.Errorf("row %d has %d responses, and the rule pairs compares two", row.Row+1, n)
	case r.Kind == "best_of" && (row.Better < 1 || n <= row.Better):
		return fmt.Errorf("row %d has %d responses, %d of them right: the rule best_of wants some of both", row.Row+1, n, row.Better)
	case r.Kind == "grid" && (row.Better < 2 || n != 2*row.Better):
		return fmt.Errorf("row %d has %d chosen and %d rejected responses: the rule grid wants as many, one of each style, and at least two styles", row.Row+1, row.Better, n-row.Better)
	case r.Kind == "first_error" && (n == 0 || row.Error < -1 || row.Error >= n+row.Lost):
		return fmt.Errorf("row %d has %d steps, and the first wrong one is %d: were they cut?", row.Row+1, n+row.Lost, row.Error)
	}
	return nil
}

// pair is 1 where the better response is ahead, and what ties count where none
// is. Orders decide by their mean, as RewardBench's pipeline of pairwise models
// does, or by votes, as JudgeBench has it (Tan et al. 2024, arXiv 2410.12784);
// whether they agree is counted beside.
func pair(r spec.Rule, row Row) (tally, bool) {
	ahead, same, orders := 0.0, 0.0, 0.0
	if len(row.Orders) == 2 {
		orders = 1
		if sign(row.Orders[0]) == sign(row.Orders[1]) {
			same = 1
		}
	}
	switch {
	case len(row.Orders) == 0:
		ahead = row.Scores[0] - row.Scores[1]
		if row.Scores[0] == row.Scores[1] { // infinities, whose difference is none
			ahead = 0
		}
	case r.Orders == "both":
		for _, x := range row.Orders {
			ahead += sign(x)
		}
	default:
		for _, x := range row.Orders {
			ahead += x
		}
	}
	return tally{win(r, ahead), 1, same, orders}, ahead == 0
}

// win is 1, 0, or what a tie counts.
func win(r spec.Rule, ahead float64) float64 {
	switch {
	case ahead > 0:
		return 1
	case ahead == 0 && r.Ties == "half":
		return 0.5
	}
	return 0
}

// bestOf is the chance to take a right response where one is taken at random out
// of those with the highest score: 1/m where the only right one shares it with
// m − 1 others (RewardBench 2, Malik et al. 2025, arXiv 2506.01937).
func bestOf(row Row) (tally, bool) {
	top := slices.Max(row.Scores)
	right, all := 0, 0
	for i, x := range row.Scores {
		if x == top {
			if all++; i < row.Better {
				right++
			}
		}
	}
	return tally{float64(right) / float64(all), 1}, all > 1
}

// grid compares each chosen response with each rejected one, both in the order
// of their styles, the plainest first (RM-Bench, Liu et al. 2024, arXiv
// 2410.16184). Hard is a plainer chosen one against a fancier rejected one, above
// the diagonal; normal is the same style, on it; easy is below it.
func grid(r spec.Rule, row Row) (tally, bool) {
	styles := row.Better
	var easy, normal, hard float64
	tie := false
	for i := range styles {
		for j := range styles {
			chosen, rejected := row.Scores[i], row.Scores[styles+j]
			won := 0.0
			if chosen > rejected {
				won = 1
			} else if chosen == rejected {
				won, tie = win(r, 0), true
			}
			switch {
			case i < j:
				hard += won
			case i == j:
				normal += won
			default:
				easy += won
			}
		}
	}
	off := float64(styles*(styles-1)) / 2
	return tally{easy / off, normal / float64(styles), hard / off, 1}, tie
}

// firstError counts whether the first step below the threshold is the one that
// is wrong first, or none where none is, apart for rows with and without an
// error (ProcessBench, Zheng et al. 2024, arXiv 2412.06559).
func firstError(r spec.Rule, row Row) tally {
	said := slices.IndexFunc(row.Scores, func(p float64) bool { return p < r.Threshold })
	right := 0.0
	if said == row.Error {
		right = 1
	}
	if row.Error >= 0 {
		return tally{right, 1, 0, 0}
	}
	return tally{0, 0, right, 1}
}

// harmonic is the F1 of ProcessBench: the harmonic mean of the accuracies on
// rows with an error and on rows without. It is 0 where both are.
func harmonic(t tally) ([]float64, string) {
	nan := []float64{math.NaN(), math.NaN(), math.NaN()}
	if t[1] == 0 {
		return nan, "no row has an error: F1 takes both"
	}
	if t[3] == 0 {
		return nan, "no row is without an error: F1 takes both"
	}
	wrong, right := t[0]/t[1], t[2]/t[3]
	if wrong+right == 0 {
		return []float64{0, 0, 0}, ""
	}
	return []float64{2 * wrong * right / (wrong + right), wrong, right}, ""
}
