package fit

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"
)

// Measures are how well predictions of one attribute agree with its ratings, on
// rows that nothing was fitted on.
type Measures struct {
	Attribute string     `json:"attribute"`
	Rows      int        `json:"rows"`     // that have a rating; the others are left out of all below
	MSE       float64    `json:"mse"`      // mean squared error
	MeanMSE   float64    `json:"mean_mse"` // of a constant: the mean rating of the rows that were fitted on
	R2        float64    `json:"r2"`       // 1 - MSE / variance of these ratings, as scikit-learn's r2_score
	Pearson   float64    `json:"pearson"`
	Interval  [2]float64 `json:"interval"` // 95 %, of Pearson
	Spearman  float64    `json:"spearman"`
	// Undefined says why R2 or the correlations do not exist (they are then 0,
	// and mean nothing); "" where they do.
	Undefined string `json:"undefined,omitempty"`
}

// Measure compares predicted [row] with ratings [row], NaN where one is missing.
// mean is what the constant that it is held against predicts.
func Measure(attribute string, predicted, ratings []float64, mean float64) Measures {
	p, y := known(predicted, ratings)
	m := Measures{Attribute: attribute, Rows: len(y), Interval: [2]float64{-1, 1}}
	if len(y) == 0 {
		m.Undefined = "no row has a rating"
		return m
	}
	for i := range y {
		m.MSE += (p[i] - y[i]) * (p[i] - y[i]) / float64(len(y))
		m.MeanMSE += (mean - y[i]) * (mean - y[i]) / float64(len(y))
	}
	switch {
	case constant(y):
		m.Undefined = fmt.Sprintf("every rating is %g", y[0])
		return m
	case constant(p):
		m.Undefined = fmt.Sprintf("every prediction is %g", p[0])
	default:
		m.Pearson, m.Spearman = Pearson(p, y), Spearman(p, y)
		m.Interval = Interval(m.Pearson, len(y))
	}
	m.R2 = 1 - m.MSE/stat.PopVariance(y, nil)
	return m
}

// known returns the predictions and ratings of the rows that have a rating.
func known(predicted, ratings []float64) (p, y []float64) {
	for i, v := range ratings {
		if !math.IsNaN(v) {
			p, y = append(p, predicted[i]), append(y, v)
		}
	}
	return p, y
}
