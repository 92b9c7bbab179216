package fit

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/rmc-lang/rmc/runtime/spec"
)

func TestSmoke(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{30, 7} {
		d := 10
		r := Rated{Attributes: []string{"a", "b"}, Features: Zeros[float32](n, d), Ratings: Zeros[float64](n, 2), Groups: make([]string, n)}
		for i := range r.Features.Data {
			r.Features.Data[i] = float32(rng.NormFloat64())
		}
		for i := range r.Ratings.Data {
			r.Ratings.Data[i] = rng.NormFloat64()
		}
		p, err := Ridge(r, spec.Fit{Alphas: []float64{0.5}})
		if err != nil {
			t.Fatal(err)
		}
		h := mat.NewDense(n, d, nil)
		for i, v := range r.Features.Data {
			h.Set(i/d, i%d, float64(v))
		}
		var g, w mat.Dense
		g.Mul(h.T(), h)
		for i := range d {
			g.Set(i, i, g.At(i, i)+0.5)
		}
		var b mat.Dense
		b.Mul(h.T(), mat.NewDense(n, 2, r.Ratings.Data))
		w.Solve(&g, &b)
		for a := range 2 {
			for i := range d {
				if math.Abs(w.At(i, a)-p.Weight[a][i]) > 1e-12 {
					t.Fatal(n, a, i, w.At(i, a), p.Weight[a][i])
				}
			}
		}
	}
}
