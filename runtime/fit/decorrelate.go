package fit

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// A Transform takes a share of one attribute out of every other (ArmoRM's
// verbosity debias): r'[row, k] = r[row, k] − Penalties[k]·r[row, From], and
// r'[row, From] = 0. Matrix has it as r' = r·Matrix: the identity with
// Matrix[From][k] = −Penalties[k], and 0 at [From][From].
type Transform struct {
	Attributes []string    `json:"attributes"`
	From       string      `json:"from"`
	Measure    string      `json:"measure"`   // spearman | pearson
	Penalties  []float64   `json:"penalties"` // [attribute]; 1 for From itself
	Matrix     [][]float64 `json:"matrix"`    // [attribute in][attribute out]
	// Before and After are the correlations with From on the rows of the fit; 0
	// where the attribute is constant there (as From is after it).
	Before []float64 `json:"before"`          // [attribute]
	After  []float64 `json:"after"`           // [attribute]
	Notes  []string  `json:"notes,omitempty"` // what a reader should know of the result
}

// Decorrelate chooses the penalties on rewards [row, attribute].
//
// Sides above is ArmoRM's rule: an attribute has the smallest penalty p ≥ 0 with
//
//	correlation(r_k − p·r_from, r_from) ≤ at_most
//
// so one that is uncorrelated, or correlated negatively however strongly, has
// p = 0 and keeps its correlation. Sides both applies the same rule to −r_k where
// the correlation is negative: p < 0, and it rises to −at_most or more. In both
// cases the correlation, as p grows, moves one way only.
//
// Method grid tries f.Penalties in order and takes 1 if none will do, also where
// 1 will not. Its steps are meant for attributes of one scale: a step that is
// large beside r_k's spread overshoots, which Notes says. Method root takes the
// smallest real number that will do: for pearson in closed form, for spearman,
// which is a step function of p, by bisection from above, to 1e-12 of the ratio of
// r_k's spread to r_from's. Both
// correlations are the fit's own rows'; other rows differ.
func Decorrelate(rewards Matrix[float64], attributes []string, f spec.Fit) (*Transform, error) {
	rewards.mustBe("rewards", rewards.Rows, len(attributes))
	from, err := indexOf(attributes, f.From)
	if err != nil {
		return nil, fmt.Errorf("from: %w", err)
	}
	if err := checkDecorrelate(rewards, attributes, from, f); err != nil {
		return nil, err
	}
	t := identity(attributes, f)
	base := rewards.column(from)
	for k := range attributes {
		if k == from {
			t.Before[k], t.Penalties[k], t.Matrix[k][k] = 1, 1, 0
			continue
		}
		s := newSlope(rewards.column(k), base, f.Measure)
		p := s.penalty(f)
		t.Before[k], t.After[k], t.Penalties[k], t.Matrix[from][k] = s.at(0), s.at(p), p, 0-p
		t.note(k, f)
	}
	return t, nil
}

func checkDecorrelate(rewards Matrix[float64], attributes []string, from int, f spec.Fit) error {
	if rewards.Rows < 2 {
		return fmt.Errorf("%d rows have no correlation: two are the least", rewards.Rows)
	}
	if err := rewards.finite("attributes", func(c int) string { return attributes[c] }, false); err != nil {
		return err
	}
	if base := rewards.column(from); constant(base) {
		return fmt.Errorf("from = %s is %g in all %d rows: nothing correlates with a constant, so it cannot be taken out", f.From, base[0], len(base))
	}
	if f.Method != "grid" {
		return nil
	}
	if len(f.Penalties) == 0 {
		return errors.New("penalties is empty: say at least one, or method = root")
	}
	for i, p := range f.Penalties {
		if !(p >= 0) || math.IsInf(p, 1) || i > 0 && p <= f.Penalties[i-1] {
			return fmt.Errorf("penalties must ascend from 0 on, and number %d is %g", i+1, p)
		}
	}
	return nil
}

// identity is a transform that changes nothing yet.
func identity(attributes []string, f spec.Fit) *Transform {
	n := len(attributes)
	t := &Transform{
		Attributes: slices.Clone(attributes), From: f.From, Measure: f.Measure,
		Penalties: make([]float64, n), Before: make([]float64, n), After: make([]float64, n),
		Matrix: make([][]float64, n),
	}
	for k := range t.Matrix {
		t.Matrix[k] = make([]float64, n)
		t.Matrix[k][k] = 1
	}
	return t
}

// note tells of a result that is not what at_most promises.
func (t *Transform) note(k int, f spec.Fit) {
	before, after := t.Before[k], t.After[k]
	switch {
	case f.Method == "grid" && (after > f.AtMost || f.Sides == "both" && before < -f.AtMost && after < -f.AtMost):
		t.Notes = append(t.Notes, fmt.Sprintf("%s: no penalty of the list will do, and %g leaves a correlation of %.3f with %s; method = root finds one that does", t.Attributes[k], t.Penalties[k], after, t.From))
	case t.Penalties[k] != 0 && after*before < 0 && math.Abs(after) > math.Abs(before):
		t.Notes = append(t.Notes, fmt.Sprintf("%s: the penalty %g overshoots: the correlation with %s was %.3f and is %.3f, for %s is on a larger scale than the penalties are meant for; use method = root", t.Attributes[k], t.Penalties[k], t.From, before, after, t.From))
	}
}

// Apply returns r·Matrix: what the transform makes of rewards, [row, attribute].
func (t *Transform) Apply(r Matrix[float64]) Matrix[float64] {
	return t.multiply(r, func(in, out int) float64 { return t.Matrix[in][out] })
}

// Coefficients returns gates·Matrixᵀ [row, attribute]: the weights that the raw
// attributes have in a score that gates weigh after the transform,
//
//	Σ_k gates[k]·Apply(r)[k] = Σ_j Coefficients(gates)[j]·r[j]
func (t *Transform) Coefficients(gates Matrix[float64]) Matrix[float64] {
	return t.multiply(gates, func(in, out int) float64 { return t.Matrix[out][in] })
}

func (t *Transform) multiply(m Matrix[float64], element func(in, out int) float64) Matrix[float64] {
	n := len(t.Attributes)
	m.mustBe("rewards", m.Rows, n)
	result := Zeros[float64](m.Rows, n)
	for r := range m.Rows {
		for in, v := range m.Row(r) {
			for out := range n {
				result.Row(r)[out] += v * element(in, out)
			}
		}
	}
	return result
}
