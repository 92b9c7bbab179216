package suite

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// some is a problem with many ties among its scores.
func some(random *rand.Rand, n int) Problem {
	var p Problem
	for range n {
		right := random.IntN(3) == 0
		score := float64(random.IntN(5)) / 4
		answer := fmt.Sprint("wrong", random.IntN(3))
		if right {
			score, answer = score+0.25, "42"
		}
		p.Scores, p.Right, p.Answers = append(p.Scores, score), append(p.Right, right), append(p.Answers, answer)
	}
	return p
}

// sampled draws n answers many times and takes one of the best at random.
func sampled(random *rand.Rand, p Problem, n, times int) float64 {
	total := 0.0
	for range times {
		best, top := []int(nil), math.Inf(-1)
		for _, i := range random.Perm(len(p.Scores))[:n] {
			switch {
			case p.Scores[i] > top:
				best, top = []int{i}, p.Scores[i]
			case p.Scores[i] == top:
				best = append(best, i)
			}
		}
		total += one(p.Right[best[random.IntN(len(best))]])
	}
	return total / float64(times)
}

// T13: the closed form is what many draws come to.
func TestBestOfIsTheMeanOverSubsets(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 3, 7, 12} {
		p := some(random, 12)
		got, err := BestOf([]Problem{p}, n)
		if err != nil {
			t.Fatal(err)
		}
		const times = 40000
		want := sampled(random, p, n, times)
		if se := math.Sqrt(0.25 / times); math.Abs(got.Value-want) > 4*se {
			t.Errorf("best of %d is %v, and %v of %d draws", n, got.Value, want, times)
		}
	}
}

// Every subset is looked at: exact, not only close.
func TestBestOfIsExact(t *testing.T) {
	p := Problem{Scores: []float64{3, 1, 3, 2}, Right: []bool{true, false, false, true}}
	// pairs: 01 R, 02 ½, 03 R, 12 W, 13 R, 23 W: of scores 3 3 the right one is taken half the time.
	for n, want := range map[int]float64{1: 0.5, 2: 3.5 / 6, 3: (0.5 + 1 + 0.5 + 0) / 4, 4: 0.5} {
		if got := p.bestOf(n); math.Abs(got-want) > 1e-15 {
			t.Errorf("best of %d: %v, want %v", n, got, want)
		}
	}
}

// What the reference's script does, the first N answers and the first of equals,
// is one draw; equal scores must give what a random answer gives.
func TestBestOfEqualScoresIsChance(t *testing.T) {
	p := Problem{Scores: make([]float64, 1024), Right: make([]bool, 1024)}
	for i := range 256 {
		p.Right[i] = true // all of the first 256
	}
	for _, n := range []int{1, 4, 256, 1024} {
		if got := p.bestOf(n); math.Abs(got-0.25) > 1e-12 {
			t.Errorf("best of %d of equal scores: %v", n, got)
		}
	}
}

func TestPassAtGrowsAndBoundsBestOf(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var problems []Problem
	for range 20 {
		problems = append(problems, some(random, 16))
	}
	last := 0.0
	for n := 1; n <= 16; n++ {
		pass, err := PassAt(problems, n)
		if err != nil {
			t.Fatal(err)
		}
		best, _ := BestOf(problems, n)
		if pass.Value < last {
			t.Errorf("pass@%d is %v, below pass@%d", n, pass.Value, n-1)
		}
		if best.Value > pass.Value+1e-12 {
			t.Errorf("best of %d is %v, above pass@%d", n, best.Value, n)
		}
		if pass.Interval[0] > pass.Value || pass.Interval[1] < pass.Value {
			t.Errorf("pass@%d is %v in %v", n, pass.Value, pass.Interval)
		}
		last = pass.Value
	}
	one, _ := PassAt(problems, 1)
	best, _ := BestOf(problems, 1)
	if math.Abs(one.Value-best.Value) > 1e-12 {
		t.Errorf("of one answer there is nothing to choose: %v and %v", one.Value, best.Value)
	}
	// C(13,2)/C(16,2): 3 of 16 are right.
	if got := none(16, 3, 2); math.Abs(got-78.0/120) > 1e-15 {
		t.Error(got)
	}
}

// T13: of tied votes each winner is taken as often.
func TestVotesThatTieAreShared(t *testing.T) {
	p := Problem{Scores: []float64{0.9, 0.2, 0.3, 0.4}, Right: []bool{true, true, false, false}, Answers: []string{"7", "7", "8", "8"}}
	m, err := Majority([]Problem{p}, 4)
	if err != nil || m.Value != 0.5 {
		t.Errorf("2 against 2: %v, %v", m.Value, err)
	}
	w, err := Weighted([]Problem{p}, 4)
	if err != nil || w.Value != 1 {
		t.Errorf("1.1 against 0.7: %v, %v", w.Value, err)
	}
	p.Answers = []string{"7", "9", "8", "8"}
	if m, _ = Majority([]Problem{p}, 4); m.Value != 0 {
		t.Errorf("the two wrong ones win: %v", m.Value)
	}
	if w, _ = Weighted([]Problem{p}, 4); w.Value != 1 {
		t.Errorf("0.9 against 0.7: %v", w.Value)
	}
	if m, _ = Majority([]Problem{p}, 1); math.Abs(m.Value-0.5) > 0.06 { // one vote decides: 2 of 4 are right
		t.Errorf("one vote: %v", m.Value)
	}
}

func TestVotesOfSomeAnswersAreTheSameEveryTime(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	problems := []Problem{some(random, 16), some(random, 16)}
	a, err := Weighted(problems, 5)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := Weighted(problems, 5); a != b {
		t.Errorf("%v, then %v", a, b)
	}
}

func TestAnswersThatCannotBeDrawn(t *testing.T) {
	p := Problem{Scores: []float64{1, 2}, Right: []bool{true, false}, Answers: []string{"a", "b"}}
	for what, err := range map[string]error{
		"has no answers":            second(BestOf([]Problem{{}}, 3)),
		"best of 2 of 0 problems":   second(BestOf(nil, 2)),
		"pass at 0 of 1 problems":   second(PassAt([]Problem{p}, 0)),
		"2 scores and 1 verdicts":   second(BestOf([]Problem{{Scores: p.Scores, Right: p.Right[:1]}}, 1)),
		"no number":                 second(BestOf([]Problem{{Scores: []float64{math.NaN()}, Right: p.Right[:1]}}, 1)),
		"2 scores and 0 answers":    second(Majority([]Problem{{Scores: p.Scores, Right: p.Right}}, 1)),
		"weighted by probabilities": second(Weighted([]Problem{{Scores: []float64{-1, 1}, Right: p.Right, Answers: p.Answers}}, 1)),
	} {
		if err == nil || !strings.Contains(err.Error()+" ", what) {
			t.Errorf("%q: %v", what, err)
		}
	}
}

func second(_ Estimate, err error) error { return err }

// The votes of some answers are the mean over all subsets, up to the draws.
func TestVotesOfSomeAnswersAreTheMeanOverSubsets(t *testing.T) {
	p := Problem{Scores: []float64{0.9, 0.2, 0.3, 0.4}, Right: []bool{true, true, false, false}, Answers: []string{"7", "7", "8", "9"}}
	// Of three: 778 7, 779 7, 789 a third each (twice): 1, 1, 1/3, 1/3.
	m, err := Majority([]Problem{p}, 3)
	if want := (1 + 1 + 1.0/3 + 1.0/3) / 4; err != nil || math.Abs(m.Value-want) > 0.06 {
		t.Errorf("%v, want about %v: %v", m.Value, want, err)
	}
	// By weight: 1.1 to 0.3, 1.1 to 0.4, 0.9 is most, 0.2 is least.
	w, err := Weighted([]Problem{p}, 3)
	if want := 3.0 / 4; err != nil || math.Abs(w.Value-want) > 0.06 {
		t.Errorf("%v, want about %v: %v", w.Value, want, err)
	}
}

func BenchmarkMajority(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 1))
	problems := []Problem{some(random, 1024)}
	for b.Loop() {
		Majority(problems, 256)
	}
}
