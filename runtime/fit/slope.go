package fit

import (
	"math"

	"gonum.org/v1/gonum/stat"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// A slope is the correlation of y − p·base with base as a function of p. It
// falls as p grows: Pearson's because the share of base in the difference does,
// Spearman's because two rows change their order once, and then to the opposite
// of base's.
type slope struct {
	y, base []float64 // [row]
	ranks   []float64 // of base; nil for Pearson
	rest    []float64 // y − p·base, for the p last asked for
}

func newSlope(y, base []float64, measure string) *slope {
	s := &slope{y: y, base: base, rest: make([]float64, len(y))}
	if measure == "spearman" {
		s.ranks = Ranks(base)
	}
	return s
}

// at is the correlation at p; 0 where nothing is left of y but rounding (1e-12 of
// it: rewards come from float32), for a constant correlates with nothing.
func (s *slope) at(p float64) float64 {
	low, high, scale := math.Inf(1), math.Inf(-1), 0.0
	for i, y := range s.y {
		v := y - p*s.base[i]
		s.rest[i] = v
		low, high, scale = min(low, v), max(high, v), max(scale, math.Abs(y), math.Abs(p*s.base[i]))
	}
	if high-low <= 1e-12*scale {
		return 0
	}
	if s.ranks != nil {
		return Pearson(Ranks(s.rest), s.ranks)
	}
	return Pearson(s.rest, s.base)
}

// mirrored is the slope of −y.
func (s *slope) mirrored() *slope {
	m := &slope{y: make([]float64, len(s.y)), base: s.base, ranks: s.ranks, rest: make([]float64, len(s.y))}
	for i, y := range s.y {
		m.y[i] = -y
	}
	return m
}

// penalty is the p that Decorrelate documents.
func (s *slope) penalty(f spec.Fit) float64 {
	now := s.at(0)
	switch {
	case f.Sides == "both" && now < -f.AtMost:
		return 0 - s.mirrored().fall(f) // and not -0
	case now <= f.AtMost && (f.Sides == "both" || f.Method == "root"):
		return 0
	}
	return s.fall(f)
}

// fall finds the smallest p that brings the correlation down to at_most.
func (s *slope) fall(f spec.Fit) float64 {
	switch {
	case f.Method == "grid":
		for _, p := range f.Penalties {
			if s.at(p) <= f.AtMost {
				return p
			}
		}
		return 1
	case s.ranks == nil:
		return s.solve(f.AtMost)
	}
	return s.bisect(f.AtMost)
}

// solve inverts Pearson's correlation. With y = β·base + e, e uncorrelated with
// base, it is (β−p)·σ / √((β−p)²σ² + var e), which is at_most where
// (β−p)·σ = at_most/√(1−at_most²) · √(var e).
func (s *slope) solve(atMost float64) float64 {
	_, variance := stat.MeanVariance(s.base, nil)
	beta := stat.Covariance(s.y, s.base, nil) / variance
	s.at(beta)
	left := stat.Variance(s.rest, nil)
	return max(0, beta-atMost/math.Sqrt(1-atMost*atMost)*math.Sqrt(left/variance))
}

// bisect finds where the correlation falls to at_most, to 1e-12 of the ratio of
// y's spread to base's: no closer, for where y has ties any p > 0 breaks them. It
// returns the upper end of what is left of the bracket, which will do.
func (s *slope) bisect(atMost float64) float64 {
	ratio := math.Sqrt(stat.Variance(s.y, nil) / stat.Variance(s.base, nil))
	low, high := 0.0, ratio
	for s.at(high) > atMost {
		low, high = high, 2*high
	}
	for high-low > 1e-12*max(ratio, high) {
		if middle := low + (high-low)/2; s.at(middle) > atMost {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}
