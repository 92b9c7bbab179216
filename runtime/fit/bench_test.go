package fit

import (
	"math"
	"testing"
	"time"

	"gonum.org/v1/gonum/mat"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// BenchmarkGrid fits ArmoRM's 9 alphas for 19 attributes on 1,600 rows with the
// features of a small decoder, and reports how many times longer the reference's
// way takes: 171 systems, each from the rows on.
func BenchmarkGrid(b *testing.B) {
	r := rated(1600, 576, 19, 5)
	f := spec.Fit{Alphas: grid(), Select: holdout(0.2), Intercept: true}
	h, y := mat.NewDense(1280, 576, nil), mat.NewVecDense(1280, r.Ratings.column(0)[:1280])
	for i := range 1280 * 576 {
		h.Set(i/576, i%576, float64(r.Features.Data[i]))
	}
	const solves = 5
	start := time.Now()
	for range solves {
		solveAlone(b, h, y, 1)
	}
	one := time.Since(start).Seconds() / solves
	for b.Loop() {
		fitRidge(b, r, f)
	}
	all := b.Elapsed().Seconds() / float64(b.N)
	b.ReportMetric(all/one, "solves-for-all")
	b.ReportMetric(171*one/all, "times-one-solve-each")
}

// solveAlone is one ridge fit by Cholesky, as scikit-learn's.
func solveAlone(b *testing.B, h mat.Matrix, y mat.Vector, alpha float64) {
	var gram mat.SymDense
	gram.SymOuterK(1, h.T())
	for i := range gram.SymmetricDim() {
		gram.SetSym(i, i, gram.At(i, i)+alpha)
	}
	var factor mat.Cholesky
	var right, w mat.VecDense
	if right.MulVec(h.T(), y); !factor.Factorize(&gram) {
		b.Fatal("not positive definite")
	}
	if err := factor.SolveVecTo(&w, &right); err != nil || math.IsNaN(w.AtVec(0)) {
		b.Fatal(err)
	}
}
