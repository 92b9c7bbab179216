// Package measure is what an evaluation comes to: what was said of responses,
// compared with what is known of them.
package measure

import (
	"fmt"
	"math"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/fit"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/suite"
)

// bins is how many groups calibration has between 0.5 and 1.
const bins = 5

// Pairs compares the two sides of every pair. A tie counts as wrong: a model
// that gives everything one score has learnt nothing.
func Pairs(rows []Scored) Measures {
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

// AllTie reports whether nothing tells the sides of any pair apart. An accuracy of
// 0, which this comes to, would look like a model that is always wrong.
func (m Measures) AllTie() bool { return m.Pairs > 0 && m.Ties == m.Pairs }

// TiesText is how many ties there are, and of how many of these nothing could be
// asked.
func (m Measures) TiesText() string {
	if m.Unasked > 0 {
		return fmt.Sprintf("%d (%d of them could not be asked)", m.Ties, m.Unasked)
	}
	return fmt.Sprint(m.Ties)
}

// NoDifference says what allTie means.
const NoDifference = "the two responses of each get one score, so there is no accuracy"

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

// Probability is what a Bradley–Terry model gives to the side whose score is d above
// the other's.
func Probability(d float64) float64 { return 1 / (1 + math.Exp(-d)) }

// confidence is the probability of the side that it prefers.
func confidence(d float64) float64 { return Probability(math.Abs(d)) }

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

// Measures compare the sides of preference pairs. A tie counts as wrong.
type Measures struct {
	Pairs       int        `json:"pairs"`
	Correct     int        `json:"correct"`
	Ties        int        `json:"ties"`
	Unasked     int        `json:"unasked,omitempty"` // of the ties, pairs that a policy could not be asked about
	Accuracy    float64    `json:"accuracy"`
	Interval    [2]float64 `json:"interval"` // of Accuracy: Wilson, 95 %
	Margin      float64    `json:"margin"`   // mean of chosen minus rejected
	LogLoss     float64    `json:"log_loss"` // mean of -log sigmoid(margin), nats
	Shorter     float64    `json:"shorter"`  // accuracy on the same rows of "the shorter one wins"; in tokens
	Longer      float64    `json:"longer"`   // of "the longer one wins"
	Calibration []Bin      `json:"calibration"`
	// LengthCorrelation is Pearson's, of the score and the length of the response
	// in tokens, over all responses; 0 where one of them does not vary.
	LengthCorrelation float64 `json:"length_correlation"`
	// Positions are of a policy that compares two responses, in both orders.
	Positions *data.Positions `json:"positions,omitempty"`
}

// A Bin is a group of pairs that the model is about equally sure of.
type Bin struct {
	From      float64 `json:"from"` // of sigmoid(|margin|): 0.5 to 1
	To        float64 `json:"to"`
	Pairs     int     `json:"pairs"`
	Predicted float64 `json:"predicted"` // mean of sigmoid(|margin|)
	Observed  float64 `json:"observed"`  // share in which the higher score was the chosen one
}

// Scored is one pair with its scores.
type Scored struct {
	Row            int     `json:"row"` // 0-based, in the data as read
	Chosen         float64 `json:"chosen"`
	Rejected       float64 `json:"rejected"`
	ChosenTokens   int     `json:"chosen_tokens"`
	RejectedTokens int     `json:"rejected_tokens"`
	// Unasked is of a pair that a policy could not be asked about: a tie.
	Unasked bool `json:"unasked,omitempty"`
	// Probability that the chosen one is better, of a reward that compares pairs.
	Probability   *float64 `json:"probability,omitempty"`
	ChosenParts   Parts    `json:"chosen_parts,omitempty"` // of a reward
	RejectedParts Parts    `json:"rejected_parts,omitempty"`

	prompt string // hash of the prompt
}

// Parts are what a reward's score of one response is made of, by name: a number,
// or numbers by the names of their elements.
type Parts map[string]any

// Sayings are what is said of responses, in their order.
type Sayings struct {
	Scores []float64
	Parts  []Parts // of a reward; else nil
	// Steps are the probabilities of the labels at each place, [response][place][label],
	// of what a policy says of conversations with labels; else nil.
	Steps [][][]float64
	// Beats is the probability that response i is better than j, of a reward that
	// compares; nil where the scores say it.
	Beats func(i, j int) float64
	// Unasked reports whether a policy could not be asked about two responses; nil
	// where nothing is asked.
	Unasked func(i, j int) bool
	// Orders is the same in each of the two orders that a pair was asked in, and
	// positions what the orders change; of policies that compare.
	Orders    func(i, j int) []float64
	Positions *data.Positions
}

// Rows makes a pair of each response and each one that it should beat. What
// is said is of the examples' responses, one after another.
func Rows(d spec.Data, examples []data.Example, said *Sayings) []Scored {
	var rows []Scored
	first := 0
	for _, e := range examples {
		all := Responses(d, e)
		for i := range all {
			for j := i + 1; j < len(all); j++ {
				if e.Better > 0 && (i >= e.Better || j < e.Better) {
					continue // of choices it is not known which of the two is better
				}
				row := Scored{
					Row: e.Row, Chosen: said.Scores[first+i], Rejected: said.Scores[first+j],
					ChosenTokens: len(all[i].IDs), RejectedTokens: len(all[j].IDs), prompt: e.Prompt,
				}
				if said.Parts != nil {
					row.ChosenParts, row.RejectedParts = said.Parts[first+i], said.Parts[first+j]
				}
				if said.Beats != nil {
					p := said.Beats(first+i, first+j)
					row.Probability = &p
				}
				if said.Unasked != nil {
					row.Unasked = said.Unasked(first+i, first+j)
				}
				rows = append(rows, row)
			}
		}
		first += len(all)
	}
	return rows
}

// LengthCorrelation is Pearson's of the scores and the tokens of the responses;
// 0 where one of them does not vary.
func LengthCorrelation(examples []data.Example, scores []float64) float64 {
	var lengths []float64
	for _, e := range examples {
		for _, n := range e.Lengths {
			lengths = append(lengths, float64(n))
		}
	}
	if r := fit.Pearson(scores, lengths); !math.IsNaN(r) && !math.IsInf(r, 0) {
		return r
	}
	return 0
}

// FirstIsBetter is the probability that the response which is shown first is the
// better one: that of the first label and half of what is left for neither.
func FirstIsBetter(said *Sayings, question int) float64 {
	p := said.Steps[question][0]
	both := p[0]
	for _, neither := range p[2:] {
		both += neither / 2
	}
	return both
}

// Responses are the sequences of an example but for its prompt, where the data has
// it as a view.
func Responses(d spec.Data, e data.Example) []data.Sequence {
	if d.Prompts {
		return e.Sequences[:len(e.Sequences)-1]
	}
	return e.Sequences
}
