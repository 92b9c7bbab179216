package data

import "fmt"

// A Judgement is what a preference model says of a pair that nobody labelled, in
// both orders.
type Judgement struct {
	Row    int     // of the pair
	First  float64 // probability that the chosen side is better, when it is shown first
	Second float64 // the same, when it is shown second
}

// P is the probability that the chosen side is better, averaged over both orders.
func (j Judgement) P() float64 { return (j.First + j.Second) / 2 }

// A Pseudo is a pair that is confident enough to be trained on.
type Pseudo struct {
	Row        int
	P          float64 // that the chosen side is better
	Confidence float64 // max(P, 1-P)
	Swap       bool    // whether the label is the other way round: P is below ½
}

// A Yield says what became of the pairs that were judged.
type Yield struct {
	Pairs     int `json:"pairs"`      // judged
	Kept      int `json:"kept"`       // with a confidence above the threshold
	Swapped   int `json:"swapped"`    // of these, with the sides in each other's place
	Agree     int `json:"agree"`      // pairs whose judgement is for the chosen side: right, where that is the true label
	KeptAgree int `json:"kept_agree"` // of these, kept
	Undecided int `json:"undecided"`  // with P of exactly ½, which have no label
}

// Confident keeps the pairs of which a model is surer than the threshold, and
// says which side it prefers (SSRM, He et al. 2024): max(P, 1-P) must exceed it,
// and P of ½ has no label, for no threshold is below it. The label is the model's own,
// and where that is known the true one serves to measure alone.
func Confident(judged []Judgement, threshold float64) ([]Pseudo, Yield, error) {
	if !(threshold >= 0.5 && threshold < 1) {
		return nil, Yield{}, fmt.Errorf("a threshold of %v: a confidence is at least 0.5 and less than 1", threshold)
	}
	var kept []Pseudo
	of := Yield{Pairs: len(judged)}
	for _, j := range judged {
		for _, p := range []float64{j.First, j.Second} {
			if !(p >= 0 && p <= 1) {
				return nil, Yield{}, fmt.Errorf("row %d: %v is no probability", j.Row+1, p)
			}
		}
		one := Pseudo{Row: j.Row, P: j.P(), Confidence: max(j.P(), 1-j.P()), Swap: j.P() < 0.5}
		agrees := one.P > 0.5
		of.count(one, agrees, one.Confidence > threshold)
		if one.Confidence > threshold {
			kept = append(kept, one)
		}
	}
	return kept, of, nil
}

func (y *Yield) count(p Pseudo, agrees, kept bool) {
	if p.P == 0.5 {
		y.Undecided++
		return
	}
	if agrees {
		y.Agree++
	}
	if !kept {
		return
	}
	y.Kept++
	if agrees {
		y.KeptAgree++
	} else {
		y.Swapped++
	}
}
