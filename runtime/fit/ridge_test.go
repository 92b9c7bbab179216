package fit

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// grid is ArmoRM's.
func grid() []float64 { return []float64{1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100, 1e3, 1e4} }

func holdout(fraction float64) spec.Split {
	return spec.Split{Kind: "holdout", Fraction: fraction, By: "prompt"}
}

// rated makes rows whose ratings are noisy linear functions of their features,
// each in a group of its own.
func rated(rows, hidden, attributes int, noise float64) Rated {
	rng := rand.New(rand.NewPCG(uint64(rows), uint64(hidden)))
	r := Rated{Features: Zeros[float32](rows, hidden), Ratings: Zeros[float64](rows, attributes), Groups: make([]string, rows)}
	for i := range r.Features.Data {
		r.Features.Data[i] = float32(rng.NormFloat64())
	}
	for a := range attributes {
		r.Attributes = append(r.Attributes, string(rune('a'+a)))
		w := make([]float64, hidden)
		for i := range w {
			w[i] = rng.NormFloat64()
		}
		for row := range rows {
			r.Ratings.Row(row)[a] = dot(r.Features.Row(row), w) + noise*rng.NormFloat64() + 3
		}
	}
	for row := range r.Groups {
		r.Groups[row] = fmt.Sprint("row ", row)
	}
	return r
}

func fitRidge(t testing.TB, r Rated, f spec.Fit) *Probe {
	t.Helper()
	p, err := Ridge(r, f)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// T7: alpha is the one with the smallest error on the rows of select, and the
// weights are those of the other rows.
func TestAlphaIsChosenOnSelect(t *testing.T) {
	for _, intercept := range []bool{false, true} {
		r, f := rated(80, 30, 3, 5), spec.Fit{Alphas: grid(), Select: holdout(0.3), Intercept: intercept}
		p := fitRidge(t, r, f)
		fitted, selected := sides(r.Groups, f)
		if len(selected) < 10 || len(fitted)+len(selected) != 80 {
			t.Fatalf("%d and %d rows of 80", len(fitted), len(selected))
		}
		train, test := only(r, fitted), only(r, selected)
		for a, c := range p.Chosen {
			best := slices.MinFunc(c.Tried, func(x, y Tried) int { return cmp.Compare(x.MSE, y.MSE) })
			if len(c.Tried) != 9 || c.Alpha != best.Alpha || c.Rows != len(fitted) || c.SelectRows != len(selected) {
				t.Errorf("attribute %d: %+v", a, c)
			}
			for _, tried := range c.Tried {
				alone := fitRidge(t, train, spec.Fit{Alphas: []float64{tried.Alpha}, Intercept: intercept})
				if m := alone.Evaluate(test.Features, test.Ratings)[a]; math.Abs(m.MSE-tried.MSE) > 1e-9*m.MSE {
					t.Errorf("attribute %d, alpha %g: error on select %g, want %g", a, tried.Alpha, tried.MSE, m.MSE)
				}
				if tried.Alpha == c.Alpha && apart(p.Weight[a], alone.Weight[a]) > 1e-12 {
					t.Errorf("attribute %d: the weights are not those of the rows outside select", a)
				}
			}
		}
	}
}

// only returns some rows of r.
func only(r Rated, rows []int) Rated {
	out := Rated{Attributes: r.Attributes, Features: Matrix[float32]{Cols: r.Features.Cols}, Ratings: Matrix[float64]{Cols: r.Ratings.Cols}}
	for _, row := range rows {
		out.Features.Data = append(out.Features.Data, r.Features.Row(row)...)
		out.Ratings.Data = append(out.Ratings.Data, r.Ratings.Row(row)...)
		out.Groups = append(out.Groups, r.Groups[row])
	}
	out.Features.Rows, out.Ratings.Rows = len(rows), len(rows)
	return out
}

// T7: a rating that is missing takes its row out of that attribute alone, also
// among the rows of select.
func TestMissingRatingsAreLeftOut(t *testing.T) {
	r, f := rated(90, 8, 4, 1), spec.Fit{Alphas: grid(), Select: holdout(0.3), Intercept: true}
	for row := range 90 {
		switch row % 3 {
		case 0:
			r.Ratings.Row(row)[1], r.Ratings.Row(row)[3] = math.NaN(), math.NaN()
		case 1:
			r.Ratings.Row(row)[2] = math.NaN()
		}
	}
	p := fitRidge(t, r, f)
	for a := range 4 {
		var rows []int
		for row := range 90 {
			if !math.IsNaN(r.Ratings.Row(row)[a]) {
				rows = append(rows, row)
			}
		}
		alone := only(r, rows)
		ratings := alone.Ratings.column(a)
		alone.Attributes, alone.Ratings = []string{"alone"}, Matrix[float64]{len(rows), 1, ratings}
		want := fitRidge(t, alone, f)
		if apart(p.Weight[a], want.Weight[0]) > 1e-11 || math.Abs(p.Intercept[a]-want.Intercept[0]) > 1e-11 || p.Chosen[a].Alpha != want.Chosen[0].Alpha ||
			p.Chosen[a].Rows != want.Chosen[0].Rows || p.Chosen[a].SelectRows != want.Chosen[0].SelectRows {
			t.Errorf("attribute %d: %+v, alone %+v", a, p.Chosen[a], want.Chosen[0])
		}
	}
	fitted, _ := sides(r.Groups, f)
	if n := len(patterns(r.Ratings, fitted)); n != 3 {
		t.Errorf("%d factorisations for 3 patterns of missing ratings", n)
	}
}

// A6: the reference splits by row, so responses to one prompt stand on both
// sides, a probe that remembers prompts looks good there, and alpha is chosen too
// small.
func TestA6SplitByPromptLeaksNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	const prompts, responses, hidden = 60, 5, 100
	sample := func(from int, byRow bool) Rated {
		r := Rated{Attributes: []string{"a"}, Features: Zeros[float32](prompts*responses, hidden), Ratings: Zeros[float64](prompts*responses, 1)}
		for p := range prompts {
			prompt, taste := make([]float64, hidden), rng.NormFloat64() // that features do not explain
			for i := range prompt {
				prompt[i] = rng.NormFloat64()
			}
			for k := range responses {
				row := p*responses + k
				for i := range hidden {
					r.Features.Row(row)[i] = float32(prompt[i] + 0.05*rng.NormFloat64())
				}
				r.Ratings.Data[row] = taste
				group := fmt.Sprint("prompt ", from+p)
				if byRow {
					group = fmt.Sprint("row ", row)
				}
				r.Groups = append(r.Groups, group)
			}
		}
		return r
	}
	f := spec.Fit{Alphas: grid(), Select: holdout(0.25)}
	byPrompt, byRow, fresh := sample(0, false), sample(0, true), sample(prompts, false)
	fitted, selected := sides(byPrompt.Groups, f)
	seen := map[string]bool{}
	for _, row := range fitted {
		seen[byPrompt.Groups[row]] = true
	}
	for _, row := range selected {
		if seen[byPrompt.Groups[row]] {
			t.Fatalf("%s stands on both sides", byPrompt.Groups[row])
		}
	}
	claim := func(r Rated) (claimed, real float64, alpha float64) {
		p := fitRidge(t, r, f)
		c := p.Chosen[0]
		at := slices.IndexFunc(c.Tried, func(x Tried) bool { return x.Alpha == c.Alpha })
		return c.Tried[at].MSE, p.Evaluate(fresh.Features, fresh.Ratings)[0].MSE, c.Alpha
	}
	honest, real, alpha := claim(byPrompt)
	if honest < 0.6*real || alpha < 1000 {
		t.Errorf("by prompt, select claims an error of %.3f with alpha %g; on new prompts it is %.3f", honest, alpha, real)
	}
	leaked, real, alpha := claim(byRow)
	if leaked > 0.3*real || alpha > 10 {
		t.Errorf("by row, select claims %.3f with alpha %g and it is %.3f: this data would not show a leak", leaked, alpha, real)
	}
}

func TestEqualErrorsTakeTheLargerAlpha(t *testing.T) {
	r, f := rated(40, 4, 1, 1), spec.Fit{Alphas: []float64{10, 0.1, 1, 10}, Select: holdout(0.3)}
	_, selected := sides(r.Groups, f)
	for _, row := range selected {
		clear(r.Features.Row(row)) // every probe without an intercept says 0 there
	}
	if c := fitRidge(t, r, f).Chosen[0]; c.Alpha != 10 || len(c.Tried) != 3 || c.Tried[0].MSE != c.Tried[2].MSE {
		t.Errorf("chose %+v", c)
	}
}

func TestOneAlphaNeedsNoSelect(t *testing.T) {
	c := fitRidge(t, rated(20, 4, 1, 1), spec.Fit{Alphas: []float64{2}, Select: spec.Split{Kind: "none"}}).Chosen[0]
	if c.Alpha != 2 || c.Rows != 20 || c.SelectRows != 0 {
		t.Errorf("chose %+v", c)
	}
}

// Without a penalty the probe is least squares: what is left is orthogonal to
// every feature.
func TestAlphaZeroIsLeastSquares(t *testing.T) {
	r := rated(50, 6, 2, 1)
	p := fitRidge(t, r, spec.Fit{Alphas: []float64{0}, Intercept: true})
	predicted := p.Apply(r.Features)
	for a := range 2 {
		sum := 0.0
		for c := range 6 {
			product := 0.0
			for row := range 50 {
				e := r.Ratings.Row(row)[a] - predicted.Row(row)[a]
				product += e * float64(r.Features.Row(row)[c])
				sum += e
			}
			if math.Abs(product) > 1e-10 || math.Abs(sum) > 1e-9 {
				t.Errorf("attribute %d: what is left has product %g with feature %d, sum %g", a, product, c, sum)
			}
		}
	}
}

// An alpha that is lost beside the features' scale gives no probe, and the others
// are tried all the same.
func TestAlphaBelowRoundingIsPassedOver(t *testing.T) {
	r := rated(10, 30, 1, 1)
	for row := range 9 {
		copy(r.Features.Row(row+1), r.Features.Row(0)) // one direction only
	}
	for i := range r.Features.Data {
		r.Features.Data[i] *= 1e6
	}
	c := fitRidge(t, r, spec.Fit{Alphas: grid(), Select: holdout(0.4)}).Chosen[0]
	if n := len(c.Tried); n == 0 || n == 9 || c.Tried[0].Alpha < 1e-2 || c.Tried[n-1].Alpha != 1e4 {
		t.Errorf("tried %v", c.Tried)
	}
	if _, err := Ridge(r, spec.Fit{Alphas: []float64{1e-4}}); err == nil || !strings.Contains(err.Error(), "lost in rounding") {
		t.Errorf("alpha 1e-4 alone: %v", err)
	}
}

// Features of very different scales: the normal equations have the square of
// their condition, 1e14 here, and a probe must not be off by its square. Held
// against the singular values of the features themselves.
func TestScalesCostNoDigits(t *testing.T) {
	for _, rows := range []int{60, 15} {
		r := rated(rows, 20, 1, 1)
		h, y := mat.NewDense(rows, 20, nil), mat.NewVecDense(rows, r.Ratings.Data)
		for i, v := range r.Features.Data {
			r.Features.Data[i] = (v + 3) * float32(math.Pow(10, float64(i%20)/4))
			h.Set(i/20, i%20, float64(r.Features.Data[i]))
		}
		const alpha = 1e-4
		var svd mat.SVD
		if !svd.Factorize(h, mat.SVDThin) {
			t.Fatal("no singular values")
		}
		var u, v mat.Dense
		svd.UTo(&u)
		svd.VTo(&v)
		var c, w mat.VecDense
		c.MulVec(u.T(), y)
		for i, s := range svd.Values(nil) {
			c.SetVec(i, c.AtVec(i)*s/(s*s+alpha))
		}
		w.MulVec(&v, &c)
		p := fitRidge(t, r, spec.Fit{Alphas: []float64{alpha}})
		for i, got := range p.Weight[0] {
			if want := w.AtVec(i); !(math.Abs(got-want) <= 1e-8*math.Abs(want)) {
				t.Errorf("%d rows: weight %d is %.12g, want %.12g", rows, i, got, want)
			}
		}
	}
}

func TestRidgeErrors(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name, want string
		change     func(r *Rated, f *spec.Fit)
	}{
		{"no rating", "attribute b: none of 40 rows has a rating", func(r *Rated, _ *spec.Fit) { fill(r, 1, nan) }},
		{"equal ratings", "attribute b: the 28 rows to fit on all have the rating 3, so there is nothing to learn; leave it out of attributes", func(r *Rated, _ *spec.Fit) { fill(r, 1, 3) }},
		{"feature NaN", "features of row 7: number 2 is NaN", func(r *Rated, _ *spec.Fit) { r.Features.Row(7)[2] = float32(nan) }},
		{"feature infinite", "features of row 0: number 0 is -Inf", func(r *Rated, _ *spec.Fit) { r.Features.Data[0] = float32(math.Inf(-1)) }},
		{"rating infinite", "ratings of row 3: b is +Inf", func(r *Rated, _ *spec.Fit) { r.Ratings.Row(3)[1] = math.Inf(1) }},
		{"empty select", "attribute a: select keeps none of its 40 rows apart, and 9 alphas", func(_ *Rated, f *spec.Fit) { f.Select = spec.Split{Kind: "none"} }},
		{"one prompt", "select keeps none of its 40 rows apart", func(r *Rated, _ *spec.Fit) { same(r, "row 0") }},
		{"all apart", "attribute a: all 40 rows with a rating are kept apart by select", func(r *Rated, f *spec.Fit) { same(r, "row 2") }},
		{"no alpha", "alphas is empty", func(_ *Rated, f *spec.Fit) { f.Alphas = nil }},
		{"negative alpha", "alphas has -1", func(_ *Rated, f *spec.Fit) { f.Alphas[3] = -1 }},
		{"alpha NaN", "alphas has NaN", func(_ *Rated, f *spec.Fit) { f.Alphas[3] = nan }},
		{"alpha 0, few rows", "alpha 0: 28 rows do not determine 50 weights", func(r *Rated, f *spec.Fit) { *r = rated(40, 50, 2, 1); f.Alphas[0] = 0 }},
		{"alpha 0, constant feature", "alpha 0: 28 rows do not determine 5 weights", func(r *Rated, f *spec.Fit) {
			for row := range 40 {
				r.Features.Row(row)[4] = 7
			}
			f.Alphas[0], f.Intercept = 0, true
		}},
		{"alpha 0, repeated feature", "alpha 0: 28 rows do not determine 5 weights", func(r *Rated, f *spec.Fit) {
			for row := range 40 {
				r.Features.Row(row)[4] = r.Features.Row(row)[1]
			}
			f.Alphas[0] = 0
		}},
		{"no rows", "there are no rows", func(r *Rated, _ *spec.Fit) { *r = only(*r, nil) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, f := rated(40, 5, 2, 1), spec.Fit{Alphas: grid(), Select: holdout(0.3)}
			if c.change(&r, &f); c.name == "all apart" && !f.Select.HeldOut("select", r.Groups[0], 0) {
				t.Fatal("the group is not held out")
			}
			p, err := Ridge(r, f)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, %v; want %q", p, err, c.want)
			}
		})
	}
}

// fill gives every row the same rating of an attribute.
func fill(r *Rated, attribute int, value float64) {
	for row := range r.Ratings.Rows {
		r.Ratings.Row(row)[attribute] = value
	}
}

// same puts every row into one group.
func same(r *Rated, group string) {
	for row := range r.Groups {
		r.Groups[row] = group
	}
}

// The order of rows and attributes means nothing.
func TestOrderMeansNothing(t *testing.T) {
	r, f := rated(60, 7, 2, 1), spec.Fit{Alphas: grid(), Select: holdout(0.3), Intercept: true}
	want := fitRidge(t, r, f)
	rows := rand.New(rand.NewPCG(1, 1)).Perm(60)
	turned := only(r, rows)
	for row := range 60 {
		y := turned.Ratings.Row(row)
		y[0], y[1] = y[1], y[0]
	}
	got := fitRidge(t, turned, f)
	for a := range 2 {
		if apart(got.Weight[1-a], want.Weight[a]) > 1e-12 || got.Chosen[1-a].Alpha != want.Chosen[a].Alpha {
			t.Errorf("attribute %d: %v, and turned %v", a, want.Weight[a], got.Weight[1-a])
		}
	}
}

// FuzzRidge holds every probe of small whole numbers against what makes it the
// best one: Σ (w·x + b − y)·x + α·w = 0, and Σ (w·x + b − y) = 0.
func FuzzRidge(f *testing.F) {
	f.Add([]byte("many more rows than features, and then"), uint8(3), true)
	f.Add([]byte("\x00\x01\x02\x03fewer"), uint8(200), false)
	f.Add([]byte{255, 0, 255, 0, 255, 1, 255, 2}, uint8(1), true)
	f.Fuzz(func(t *testing.T, data []byte, cols uint8, intercept bool) {
		hidden := 1 + int(cols)%40
		rows := min(40, len(data)/(hidden+1))
		r := Rated{Attributes: []string{"a"}, Features: Zeros[float32](rows, hidden), Ratings: Zeros[float64](rows, 1), Groups: make([]string, rows)}
		for row := range rows {
			bytes := data[row*(hidden+1):]
			for i := range hidden {
				r.Features.Row(row)[i] = float32(int8(bytes[i]))
			}
			if r.Ratings.Data[row] = float64(int8(bytes[hidden])); bytes[hidden] == 128 {
				r.Ratings.Data[row] = math.NaN()
			}
		}
		const alpha = 0.5
		p, err := Ridge(r, spec.Fit{Alphas: []float64{alpha}, Intercept: intercept})
		if err != nil {
			return
		}
		for i := -1; i < hidden; i++ {
			sum, scale := 0.0, 1.0
			if i >= 0 {
				sum = alpha * p.Weight[0][i]
			}
			for row, y := range r.Ratings.Data {
				if math.IsNaN(y) {
					continue
				}
				x := 1.0
				if i >= 0 {
					x = float64(r.Features.Row(row)[i])
				}
				sum += (dot(r.Features.Row(row), p.Weight[0]) + p.Intercept[0] - y) * x
				scale += math.Abs(x) * (math.Abs(y) + 128)
			}
			if (i >= 0 || intercept) && !(math.Abs(sum) <= 1e-9*scale*float64(hidden)) {
				t.Errorf("the gradient of number %d is %g, of %g", i, sum, scale)
			}
		}
	})
}
