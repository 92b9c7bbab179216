package fit

import (
	_ "embed"
	"encoding/json"
	"math"
	"testing"

	"github.com/rmc-lang/rmc/runtime/spec"
)

//go:embed testdata/golden.json
var goldenJSON []byte

// golden is what scikit-learn and scipy give (testdata/golden.py).
type golden struct {
	Ridge []struct {
		Name               string
		Hidden, Attributes int
		Intercept          bool
		Alphas             []float64
		Features           []float32
		Ratings            []*float64
		Fits               []struct { // [alpha][attribute]
			Weight    []float64
			Intercept float64
		}
	}
	Pairs []struct {
		X, Y, Ranks           []float64
		Pearson, Spearman, R2 float64
		Interval              [2]float64
	}
}

func readGolden(t *testing.T) golden {
	var g golden
	if err := json.Unmarshal(goldenJSON, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.Ridge) != 4 || len(g.Pairs) != 10 {
		t.Fatalf("golden.json has %d ridge fits and %d pairs", len(g.Ridge), len(g.Pairs))
	}
	return g
}

// missing is ratings with NaN for null.
func missing(values []*float64) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		if out[i] = math.NaN(); v != nil {
			out[i] = *v
		}
	}
	return out
}

// T7: what Ridge fits is scikit-learn's Ridge for every alpha, attribute by
// attribute on its own rated rows, with fewer and with more features than rows.
func TestGoldenRidge(t *testing.T) {
	for _, g := range readGolden(t).Ridge {
		rows := len(g.Ratings) / g.Attributes
		r := Rated{
			Attributes: []string{"a", "b", "c", "d"}, Groups: make([]string, rows),
			Features: Matrix[float32]{rows, g.Hidden, g.Features}, Ratings: Matrix[float64]{rows, g.Attributes, missing(g.Ratings)},
		}
		for i, alpha := range g.Alphas {
			p, err := Ridge(r, spec.Fit{Alphas: []float64{alpha}, Intercept: g.Intercept})
			if err != nil {
				t.Fatal(err)
			}
			for a := range g.Attributes {
				want := g.Fits[i*g.Attributes+a]
				if d := apart(p.Weight[a], want.Weight); !(d <= 1e-9) {
					t.Errorf("%s, alpha %g, attribute %d: weights are off by %.1e of the largest", g.Name, alpha, a, d)
				}
				if d := math.Abs(p.Intercept[a] - want.Intercept); !(d <= 1e-9) {
					t.Errorf("%s, alpha %g, attribute %d: intercept %g, want %g", g.Name, alpha, a, p.Intercept[a], want.Intercept)
				}
			}
		}
	}
}

// apart is the largest difference of two vectors, as a share of the largest
// number of want.
func apart(got, want []float64) float64 {
	worst, scale := 0.0, 0.0
	if len(got) != len(want) {
		return math.NaN()
	}
	for i := range want {
		worst, scale = max(worst, math.Abs(got[i]-want[i])), max(scale, math.Abs(want[i]))
	}
	return worst / scale
}

func TestGoldenCorrelations(t *testing.T) {
	for i, p := range readGolden(t).Pairs {
		m := Measure("a", p.X, p.Y, 0)
		for name, pair := range map[string][2]float64{
			"Pearson":  {Pearson(p.X, p.Y), p.Pearson},
			"Spearman": {Spearman(p.X, p.Y), p.Spearman},
			"low":      {Interval(Pearson(p.X, p.Y), len(p.X))[0], p.Interval[0]},
			"high":     {Interval(Pearson(p.X, p.Y), len(p.X))[1], p.Interval[1]},
			"R2":       {m.R2, p.R2},
		} {
			if !(math.Abs(pair[0]-pair[1]) <= 1e-12*max(1, math.Abs(pair[1]))) {
				t.Errorf("pair %d: %s is %.17g, want %.17g", i, name, pair[0], pair[1])
			}
		}
		for k, rank := range Ranks(p.X) {
			if rank != p.Ranks[k] {
				t.Errorf("pair %d: number %d has rank %g, want %g", i, k, rank, p.Ranks[k])
			}
		}
	}
}
