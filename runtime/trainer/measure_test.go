package trainer

import (
	"math"
	"testing"
)

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

func TestMeasure(t *testing.T) {
	m := measure([]Scored{
		{Chosen: 2, Rejected: 1, ChosenTokens: 5, RejectedTokens: 9},
		{Chosen: 0, Rejected: 3, ChosenTokens: 7, RejectedTokens: 7},
		{Chosen: 1, Rejected: 1, ChosenTokens: 9, RejectedTokens: 2},
		{Chosen: 900, Rejected: -900, ChosenTokens: 1, RejectedTokens: 2},
	})
	if m.Pairs != 4 || m.Correct != 2 || m.Ties != 1 || m.Accuracy != 0.5 {
		t.Errorf("a tie counts as wrong: %+v", m)
	}
	if m.Shorter != 0.5 || m.Longer != 0.25 {
		t.Errorf("length baselines %v and %v: equal lengths are wrong for both", m.Shorter, m.Longer)
	}
	if !near(m.Margin, (1.0-3+0+1800)/4) {
		t.Errorf("margin %v", m.Margin)
	}
	want := (math.Log(1+math.Exp(-1)) + math.Log(1+math.Exp(3)) + math.Ln2 + 0) / 4
	if !near(m.LogLoss, want) {
		t.Errorf("log loss %v, want %v", m.LogLoss, want)
	}
	var pairs int
	for _, b := range m.Calibration {
		pairs += b.Pairs
	}
	if pairs != 4 || m.Calibration[0].Pairs != 1 || m.Calibration[4].Pairs != 2 || m.Calibration[4].Observed != 0.5 {
		t.Errorf("calibration %+v", m.Calibration)
	}
}

func TestMeasureNothing(t *testing.T) {
	if m := measure(nil); m.Accuracy != 0 || m.Interval != [2]float64{0, 1} || math.IsNaN(m.LogLoss) {
		t.Errorf("measure(nil) = %+v", m)
	}
}
