package fit

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"
)

// z95 is the quantile of the standard normal distribution at 0.975.
const z95 = 1.959963984540054

// Pearson returns the linear correlation of x and y, in [-1, 1]. It is NaN, as
// in scipy, where there are fewer than two numbers or one side is constant: a
// correlation is then not defined, and no number stands for it.
func Pearson(x, y []float64) float64 {
	if len(x) != len(y) {
		panic("fit: Pearson of different lengths")
	}
	if constant(x) || constant(y) {
		return math.NaN()
	}
	return max(-1, min(1, stat.Correlation(x, y, nil)))
}

// Spearman returns the rank correlation of x and y: Pearson's of their ranks,
// where equal numbers share the mean of the ranks that they take up. It is NaN
// where Pearson is.
func Spearman(x, y []float64) float64 { return Pearson(Ranks(x), Ranks(y)) }

// Ranks returns the place of each number in ascending order, from 1; equal
// numbers have the mean of their places. No number may be NaN.
func Ranks(x []float64) []float64 {
	sorted, order := append([]float64(nil), x...), make([]int, len(x))
	floats.Argsort(sorted, order)
	ranks := make([]float64, len(x))
	for from := 0; from < len(x); {
		to := from + 1
		for to < len(x) && sorted[to] == sorted[from] {
			to++
		}
		for _, i := range order[from:to] {
			ranks[i] = float64(from+1+to) / 2
		}
		from = to
	}
	return ranks
}

// Interval returns the 95 % interval of Pearson's correlation r over n
// independent rows, by Fisher's transform: tanh(artanh r ± 1.96/√(n-3)). Up to 3
// rows say nothing, which is [-1, 1]. Responses to one prompt are not quite
// independent: with many of them the interval is too narrow.
func Interval(r float64, n int) [2]float64 {
	if n <= 3 || math.IsNaN(r) {
		return [2]float64{-1, 1}
	}
	z, half := math.Atanh(r), z95/math.Sqrt(float64(n-3))
	return [2]float64{math.Tanh(z - half), math.Tanh(z + half)}
}

// constant reports whether all numbers are equal, as fewer than two are.
func constant(x []float64) bool {
	for _, v := range x {
		if v != x[0] {
			return false
		}
	}
	return true
}
