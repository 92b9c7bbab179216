package fit

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// Rated are rows with features and ratings.
type Rated struct {
	Attributes []string
	Features   Matrix[float32] // [row, hidden]
	Ratings    Matrix[float64] // [row, attribute]; NaN where a rating is missing
	// Groups [row] names what f.Select keeps together: the prompt, or the row
	// itself where its By is row.
	Groups []string
}

// A Probe gives ratings as linear functions of features:
// rating[row, attribute] = Σ_hidden features[row, hidden] · Weight[attribute][hidden] + Intercept[attribute].
type Probe struct {
	Attributes []string    `json:"attributes"`
	Hidden     int         `json:"hidden"`
	Weight     [][]float64 `json:"weight"`    // [attribute][hidden]
	Intercept  []float64   `json:"intercept"` // [attribute]; zeros where the recipe has none
	Chosen     []Chosen    `json:"chosen"`    // [attribute]
}

// Chosen is how one attribute of a probe came about.
type Chosen struct {
	Alpha      float64 `json:"alpha"`
	Rows       int     `json:"rows"`        // fitted on
	SelectRows int     `json:"select_rows"` // that chose alpha
	Mean       float64 `json:"mean"`        // of the ratings fitted on: what a probe must beat
	// Tried has each alpha in ascending order. One that float64 loses beside the
	// features' largest eigenvalue is not among them: no probe of it would hold.
	Tried []Tried `json:"tried"`
}

// Tried is one alpha and the mean squared error of its probe on the select rows
// (0 where there are none, as there may be with a single alpha).
type Tried struct {
	Alpha float64 `json:"alpha"`
	MSE   float64 `json:"mse"`
}

// Ridge fits, for each attribute a on its own rated rows,
//
//	w_a = argmin Σ_row (features[row]·w − rating[row, a])² + α‖w‖²
//
// with scikit-learn's Ridge's convention for α (it is not divided by the number
// of rows) and, where f.Intercept is set, an intercept that is not penalised.
//
// The groups that f.Select holds out take no part in it: each attribute takes the
// α of f.Alphas with the smallest mean squared error on its rated rows there, the
// larger of two equal ones. The weights stay those of the other rows; they are
// not fitted again on all (ArmoRM's stage 1 does the same, but splits by row). A
// select that holds nothing out needs a single α.
//
// Attributes with ratings on the same rows share one factorisation, and so do
// all α. Memory is hidden² + rows·attributes numbers beside the features.
func Ridge(r Rated, f spec.Fit) (*Probe, error) {
	r.Ratings.mustBe("ratings", r.Features.Rows, len(r.Attributes))
	r.Features.mustBe("features", len(r.Groups), r.Features.Cols)
	if err := checkRated(r); err != nil {
		return nil, err
	}
	alphas, err := ascending(f.Alphas)
	if err != nil {
		return nil, err
	}
	fitted, selected := sides(r.Groups, f)
	if err := checkSides(r, fitted, selected, len(alphas)); err != nil {
		return nil, err
	}
	p := &Probe{
		Attributes: r.Attributes, Hidden: r.Features.Cols,
		Weight: make([][]float64, len(r.Attributes)), Intercept: make([]float64, len(r.Attributes)),
		Chosen: make([]Chosen, len(r.Attributes)),
	}
	for _, pattern := range patterns(r.Ratings, fitted) {
		if err := p.fit(r, pattern, selected, alphas, f.Intercept); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func checkRated(r Rated) error {
	if r.Features.Rows == 0 || r.Features.Cols == 0 {
		return errors.New("there are no rows to fit on")
	}
	err := r.Features.finite("features", func(c int) string { return fmt.Sprintf("number %d", c) }, false)
	if err != nil {
		return err
	}
	return r.Ratings.finite("ratings", func(c int) string { return r.Attributes[c] }, true)
}

// ascending returns the penalties to try, each once.
func ascending(alphas []float64) ([]float64, error) {
	if len(alphas) == 0 {
		return nil, errors.New("alphas is empty: say at least one penalty, as in alphas = [1]")
	}
	for _, a := range alphas {
		if !(a >= 0) || math.IsInf(a, 1) {
			return nil, fmt.Errorf("alphas has %g: a penalty is a number from 0 on", a)
		}
	}
	sorted := slices.Clone(alphas)
	slices.Sort(sorted)
	return slices.Compact(sorted), nil
}

// sides parts the rows by their groups: those that are fitted on, and those that
// choose alpha.
func sides(groups []string, f spec.Fit) (fitted, selected []int) {
	for row, group := range groups {
		if f.Select.HeldOut("select", group, f.Seed) {
			selected = append(selected, row)
		} else {
			fitted = append(fitted, row)
		}
	}
	return fitted, selected
}

// checkSides finds attributes that cannot be fitted, or whose alpha cannot be
// chosen.
func checkSides(r Rated, fitted, selected []int, alphas int) error {
	for a, name := range r.Attributes {
		y := ratingsOf(r.Ratings, fitted, a)
		chooses := len(ratingsOf(r.Ratings, selected, a))
		switch {
		case len(y)+chooses == 0:
			return fmt.Errorf("attribute %s: none of %d rows has a rating; check its column, or leave it out of attributes", name, r.Ratings.Rows)
		case len(y) == 0:
			return fmt.Errorf("attribute %s: all %d rows with a rating are kept apart by select, and none is left to fit on; lower its fraction", name, chooses)
		case constant(y):
			return fmt.Errorf("attribute %s: the %d rows to fit on all have the rating %g, so there is nothing to learn; leave it out of attributes", name, len(y), y[0])
		case chooses == 0 && alphas > 1:
			return fmt.Errorf("attribute %s: select keeps none of its %d rows apart, and %d alphas cannot be told apart without one; raise the fraction of select, or give one alpha", name, len(y), alphas)
		}
	}
	return nil
}

// ratingsOf returns the ratings of one attribute that some rows have.
func ratingsOf(m Matrix[float64], rows []int, attribute int) []float64 {
	var y []float64
	for _, r := range rows {
		if v := m.Row(r)[attribute]; !math.IsNaN(v) {
			y = append(y, v)
		}
	}
	return y
}

// A pattern is the attributes that have ratings on the same rows.
type pattern struct {
	attributes []int
	rows       []int
}

// patterns groups the attributes by which of rows have a rating, in the order of
// their first attributes.
func patterns(m Matrix[float64], rows []int) []*pattern {
	var all []*pattern
	for a := range m.Cols {
		var mine []int
		for _, r := range rows {
			if !math.IsNaN(m.Row(r)[a]) {
				mine = append(mine, r)
			}
		}
		i := slices.IndexFunc(all, func(p *pattern) bool { return slices.Equal(p.rows, mine) })
		if i < 0 {
			i, all = len(all), append(all, &pattern{rows: mine})
		}
		all[i].attributes = append(all[i].attributes, a)
	}
	return all
}

// fit fills in the attributes of one pattern.
func (p *Probe) fit(r Rated, of *pattern, selected []int, alphas []float64, intercept bool) error {
	d := newDesign(r, of, intercept)
	n := factorise(d)
	alphas, err := n.usable(alphas)
	if err != nil {
		return err
	}
	weights := n.weights(alphas)
	squares := d.squares(weights, selected)
	for k, a := range of.attributes {
		c := Chosen{Rows: len(of.rows), SelectRows: len(ratingsOf(r.Ratings, selected, a)), Mean: d.means[k]}
		best, at := math.Inf(1), 0
		for i, alpha := range alphas {
			mse := squares[i*len(of.attributes)+k] / float64(max(1, c.SelectRows))
			c.Tried = append(c.Tried, Tried{alpha, mse})
			if mse <= best { // ascending: the larger of equals
				best, at, c.Alpha = mse, i, alpha
			}
		}
		w := weights.column(at*len(of.attributes) + k)
		p.Weight[a], p.Intercept[a], p.Chosen[a] = w, d.intercept(w, k), c
	}
	return nil
}

// Apply returns the ratings that the probe gives, [row, attribute].
func (p *Probe) Apply(features Matrix[float32]) Matrix[float64] {
	features.mustBe("features", features.Rows, p.Hidden)
	out := Zeros[float64](features.Rows, len(p.Attributes))
	for r := range features.Rows {
		for a, w := range p.Weight {
			out.Row(r)[a] = dot(features.Row(r), w) + p.Intercept[a]
		}
	}
	return out
}

// Evaluate measures the probe on rows that it was not fitted on, attribute by
// attribute. ratings [row, attribute] are NaN where missing.
func (p *Probe) Evaluate(features Matrix[float32], ratings Matrix[float64]) []Measures {
	ratings.mustBe("ratings", features.Rows, len(p.Attributes))
	predicted := p.Apply(features)
	all := make([]Measures, len(p.Attributes))
	for a, name := range p.Attributes {
		all[a] = Measure(name, predicted.column(a), ratings.column(a), p.Chosen[a].Mean)
	}
	return all
}

func dot(x []float32, w []float64) float64 {
	sum := 0.0
	for i, v := range x {
		sum += float64(v) * w[i]
	}
	return sum
}
