package trainer

import (
	"fmt"
	"math"

	"github.com/rmc-lang/rmc/runtime/suite"
)

// bins is how many groups calibration has between 0.5 and 1.
const bins = 5

// measure compares the two sides of every pair. A tie counts as wrong: a model
// that gives everything one score has learnt nothing.
func measure(rows []Scored) Measures {
	m := Measures{Pairs: len(rows), Calibration: make([]Bin, bins)}
	for i := range m.Calibration {
		width := 0.5 / bins
		m.Calibration[i].From, m.Calibration[i].To = 0.5+float64(i)*width, 0.5+float64(i+1)*width
	}
	var shorter, longer int
	for _, r := range rows {
		d := r.difference()
		m.Margin += d
		m.LogLoss += softplus(-d)
		switch {
		case d > 0:
			m.Correct++
		case d == 0:
			m.Ties++
		}
		if r.Unasked {
			m.Unasked++
		}
		m.Calibration[binOf(d)].add(d)
		if r.ChosenTokens < r.RejectedTokens {
			shorter++
		} else if r.ChosenTokens > r.RejectedTokens {
			longer++
		}
	}
	if m.Pairs > 0 {
		n := float64(m.Pairs)
		m.Accuracy, m.Margin, m.LogLoss = float64(m.Correct)/n, m.Margin/n, m.LogLoss/n
		m.Shorter, m.Longer = float64(shorter)/n, float64(longer)/n
	}
	m.Interval = suite.Wilson(m.Correct, m.Pairs)
	for i := range m.Calibration {
		m.Calibration[i].close()
	}
	return m
}

// allTie reports whether nothing tells the sides of any pair apart. An accuracy of
// 0, which this comes to, would look like a model that is always wrong.
func (m Measures) allTie() bool { return m.Pairs > 0 && m.Ties == m.Pairs }

// ties is how many there are, and of how many of these nothing could be asked.
func (m Measures) ties() string {
	if m.Unasked > 0 {
		return fmt.Sprintf("%d (%d of them could not be asked)", m.Ties, m.Unasked)
	}
	return fmt.Sprint(m.Ties)
}

// noDifference says what allTie means.
const noDifference = "the two responses of each get one score, so there is no accuracy"

// difference is the logit of the probability that the chosen side is better:
// chosen minus rejected, unless the reward says that probability itself.
func (s Scored) difference() float64 {
	if s.Probability == nil {
		return s.Chosen - s.Rejected
	}
	// A leaf without a single loss says 1, which no log loss can be made of.
	p := min(1-1e-9, max(1e-9, *s.Probability))
	return math.Log(p) - math.Log1p(-p)
}

// confidence is the probability that a Bradley–Terry model gives to the side
// it prefers.
func confidence(d float64) float64 { return 1 / (1 + math.Exp(-math.Abs(d))) }

func binOf(d float64) int {
	return max(0, min(bins-1, int((confidence(d)-0.5)/0.5*bins)))
}

// add counts a pair with margin d; close turns sums into means.
func (b *Bin) add(d float64) {
	b.Pairs++
	b.Predicted += confidence(d)
	if d > 0 {
		b.Observed++
	}
}

func (b *Bin) close() {
	if b.Pairs > 0 {
		b.Predicted /= float64(b.Pairs)
		b.Observed /= float64(b.Pairs)
	}
}

// softplus is log(1 + exp(x)) without overflow.
func softplus(x float64) float64 {
	return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x)))
}
