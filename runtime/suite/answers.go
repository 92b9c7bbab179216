package suite

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// A Problem is one question with its answers, as many as were drawn for it.
type Problem struct {
	Scores  []float64 // of the answers
	Right   []bool    // whether each is right
	Answers []string  // the final answer of each, for votes: alike where it is the same answer
}

// An Estimate is a mean over problems.
type Estimate struct {
	N        int        `json:"n"`               // answers that are there to choose from
	Short    int        `json:"short,omitempty"` // problems with fewer, of which all are there
	Value    float64    `json:"value"`
	Interval [2]float64 `json:"interval"` // 95 %, by bootstrap of the problems
}

// draws is how many subsets of the answers a vote over some of them is the mean
// of: its standard error is then below 0.016 for one problem, and that times one
// over the root of their number for a mean of several.
const draws = 1000

// BestOf is the share of problems for which the answer with the highest score is
// right, out of n drawn at random without replacement: the exact mean over all
// subsets of n answers. Of equal scores one is taken at random. What takes the
// first n answers instead, or the first of equals, is one draw of this. A problem
// with fewer answers counts with all of them, here and below: it is not left out.
func BestOf(problems []Problem, n int) (Estimate, error) {
	return over(problems, n, "best of", Problem.bestOf)
}

// PassAt is the share of problems for which at least one of n answers drawn at
// random without replacement is right: what a perfect score reaches (Chen et al.
// 2021, arXiv 2107.03374).
func PassAt(problems []Problem, n int) (Estimate, error) {
	return over(problems, n, "pass at", func(p Problem, n int) float64 {
		right := 0
		for _, is := range p.Right {
			right += int(one(is))
		}
		return 1 - none(len(p.Right), right, n)
	})
}

// Majority is the share of problems for which the answer given most often is
// right, out of n drawn at random without replacement (Wang et al. 2022, arXiv
// 2203.11171). Of answers given equally often one is taken at random. Of all
// answers it is exact, of fewer the mean over 1,000 draws that are always the same.
func Majority(problems []Problem, n int) (Estimate, error) {
	return vote(problems, n, "majority of", func(Problem, int) float64 { return 1 })
}

// Weighted is Majority where an answer counts by its score, which must not be
// negative: a probability. Sums of scores tie as counts do.
func Weighted(problems []Problem, n int) (Estimate, error) {
	for i, p := range problems {
		for _, x := range p.Scores {
			if x < 0 {
				return Estimate{}, fmt.Errorf("problem %d has the score %v: votes are weighted by probabilities", i+1, x)
			}
		}
	}
	return vote(problems, n, "weighted votes of", func(p Problem, i int) float64 { return p.Scores[i] })
}

// over is the mean over problems of a share among n answers, with an interval.
func over(problems []Problem, n int, what string, share func(p Problem, n int) float64) (Estimate, error) {
	if len(problems) == 0 || n < 1 {
		return Estimate{}, fmt.Errorf("%s %d of %d problems: both must be 1 or more", what, n, len(problems))
	}
	clusters, short := make([]tally, len(problems)), 0
	for i, p := range problems {
		if err := p.check(); err != nil {
			return Estimate{}, fmt.Errorf("%s %d: problem %d %w", what, n, i+1, err)
		}
		if len(p.Scores) < n {
			short++
		}
		clusters[i] = tally{share(p, min(n, len(p.Scores))), 1}
	}
	value := func(t tally) []float64 { return []float64{t[0] / t[1]} }
	number := number{parts: value(sum(clusters)), drawn: draw(clusters, what, value)}
	return Estimate{n, short, number.parts[0], number.interval(0)}, nil
}

// check reports a problem of which no answers can be drawn.
func (p Problem) check() error {
	switch {
	case len(p.Scores) == 0:
		return fmt.Errorf("has no answers")
	case len(p.Right) != len(p.Scores):
		return fmt.Errorf("has %d scores and %d verdicts", len(p.Scores), len(p.Right))
	case slices.ContainsFunc(p.Scores, math.IsNaN):
		return fmt.Errorf("has a score that is no number")
	}
	return nil
}

// bestOf sums over the groups of equal scores, the best first: the chance that
// the subset has none of the better ones and some of these, times the share of
// these that is right, which is the chance that the one taken is.
func (p Problem) bestOf(n int) float64 {
	order := p.byScore()
	all, better := len(order), 0
	value, reached := 0.0, 1.0
	for better < all {
		group, right := 0, 0
		for better+group < all && p.Scores[order[better+group]] == p.Scores[order[better]] {
			right += int(one(p.Right[order[better+group]]))
			group++
		}
		left := none(all, better+group, n)
		value += (reached - left) * float64(right) / float64(group)
		better, reached = better+group, left
	}
	return value
}

// byScore lists the answers, the highest score first.
func (p Problem) byScore() []int {
	order := make([]int, len(p.Scores))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p.Scores[b], p.Scores[a]) })
	return order
}

// none is the chance that n of all things, drawn without replacement, have none
// of the marked: C(all − marked, n) ÷ C(all, n).
func none(all, marked, n int) float64 {
	if n > all-marked {
		return 0
	}
	p := 1.0
	for i := range n {
		p *= float64(all-marked-i) / float64(all-i)
	}
	return p
}

// vote is the mean over problems of the chance that the winner is right.
func vote(problems []Problem, n int, what string, weight func(Problem, int) float64) (Estimate, error) {
	for i, p := range problems {
		if len(p.Answers) != len(p.Scores) {
			return Estimate{}, fmt.Errorf("%s %d: problem %d has %d scores and %d answers", what, n, i+1, len(p.Scores), len(p.Answers))
		}
	}
	return over(problems, n, what, func(p Problem, n int) float64 { return p.elected(n, weight) })
}

// elected is the mean chance that the winner is right, over subsets of n answers.
func (p Problem) elected(n int, weight func(Problem, int) float64) float64 {
	e := newElection(p, weight)
	order := make([]int, len(p.Scores))
	for i := range order {
		order[i] = i
		e.in[i] = n == len(order)
	}
	if n == len(order) {
		return e.right()
	}
	random, total := rand.New(rand.NewPCG(uint64(n), uint64(len(order)))), 0.0
	for range draws {
		for i := range n { // of a shuffle, the part that is looked at
			j := i + random.IntN(len(order)-i)
			order[i], order[j] = order[j], order[i]
			e.in[order[i]] = true
		}
		total += e.right()
		for _, i := range order[:n] {
			e.in[i] = false
		}
	}
	return total / draws
}

// An election counts the votes of some answers.
type election struct {
	answer  []int     // [response] the answer that it gives
	weights []float64 // [response]
	in      []bool    // [response] whether it votes
	good    []bool    // [answer] whether it was ever found to be right
	votes   []float64 // [answer]
	named   []bool    // [answer] whether a response that votes gives it
}

func newElection(p Problem, weight func(Problem, int) float64) *election {
	e := &election{in: make([]bool, len(p.Answers))}
	known := map[string]int{}
	for i, text := range p.Answers {
		a, ok := known[text]
		if !ok {
			a = len(known)
			known[text], e.good = a, append(e.good, false)
		}
		e.answer, e.weights = append(e.answer, a), append(e.weights, weight(p, i))
		e.good[a] = e.good[a] || p.Right[i]
	}
	e.votes, e.named = make([]float64, len(known)), make([]bool, len(known))
	return e
}

// right is the chance that an answer with the most votes is right. Votes are
// added in the order of the responses, so that equal sums are equal.
func (e *election) right() float64 {
	clear(e.votes)
	clear(e.named)
	for i, a := range e.answer {
		if e.in[i] {
			e.votes[a] += e.weights[i]
			e.named[a] = true
		}
	}
	most, winners, rightOnes := math.Inf(-1), 0, 0
	for a, v := range e.votes {
		switch {
		case !e.named[a] || v < most:
			continue
		case v > most:
			most, winners, rightOnes = v, 0, 0
		}
		winners++
		rightOnes += int(one(e.good[a]))
	}
	return float64(rightOnes) / float64(winners)
}
