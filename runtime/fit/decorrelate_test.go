package fit

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// penalties is ArmoRM's list.
func penalties() []float64 {
	return []float64{0, 0.01, 0.025, 0.05, 0.075, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95}
}

func decorrelation(measure, sides, method string) spec.Fit {
	return spec.Fit{From: "length", Measure: measure, AtMost: 0.03, Sides: sides, Method: method, Penalties: penalties()}
}

// wordy are rewards in which length explains what shares says of each attribute:
// attribute k is shares[k]·length + noise. The middle attribute is length.
func wordy(rows int, shares ...float64) (Matrix[float64], []string) {
	rng := rand.New(rand.NewPCG(uint64(rows), 8))
	names := []string{"helpful", "correct", "length", "brief", "safe"}
	r := Zeros[float64](rows, len(names))
	for row := range rows {
		length := rng.NormFloat64()
		for k, share := range shares {
			r.Row(row)[k] = share*length + rng.NormFloat64()
		}
		r.Row(row)[2] = length
	}
	return r, names
}

func decorrelate(t testing.TB, r Matrix[float64], names []string, f spec.Fit) *Transform {
	t.Helper()
	tr, err := Decorrelate(r, names, f)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// T8: the penalty is the smallest of the list that brings the correlation down to
// at_most, by both measures.
func TestGridTakesTheSmallestPenaltyThatWillDo(t *testing.T) {
	for measure, correlation := range map[string]func(x, y []float64) float64{"spearman": Spearman, "pearson": Pearson} {
		r, names := wordy(3000, 0.6, 0.22, 0, -0.5, 0.01)
		tr := decorrelate(t, r, names, decorrelation(measure, "above", "grid"))
		for k, name := range names {
			if name == "length" {
				continue
			}
			want, used := 1.0, 0.0
			for _, p := range slices.Backward(penalties()) {
				rest := r.column(k)
				for row := range rest {
					rest[row] -= p * r.Row(row)[2]
				}
				if c := correlation(rest, r.column(2)); c <= 0.03 {
					want, used = p, c
				}
			}
			if tr.Penalties[k] != want || math.Abs(tr.After[k]-used) > 1e-12 || tr.Before[k] != correlation(r.column(k), r.column(2)) {
				t.Errorf("%s, %s: penalty %g leaves %g; want %g, %g", measure, name, tr.Penalties[k], tr.After[k], want, used)
			}
		}
		if p := tr.Penalties; p[0] < 0.5 || p[0] > 0.65 || p[1] < 0.15 || p[1] > 0.25 || p[4] != 0 || tr.Notes != nil {
			t.Errorf("%s: penalties %v, notes %v", measure, p, tr.Notes)
		}
	}
}

// T8: r'_k = r_k − p_k·r_from, and r'_from = 0.
func TestTransformTakesItsAttributeOut(t *testing.T) {
	r, names := wordy(200, 0.6, 0.2, 0, -0.5, 0)
	tr := decorrelate(t, r, names, decorrelation("spearman", "above", "grid"))
	out := tr.Apply(r)
	for row := range r.Rows {
		for k := range names {
			want := r.Row(row)[k] - tr.Penalties[k]*r.Row(row)[2]
			if got := out.Row(row)[k]; math.Abs(got-want) > 1e-15 || k == 2 && got != 0 {
				t.Fatalf("row %d: %s is %g, want %g", row, names[k], got, want)
			}
		}
	}
	for in := range names {
		for k := range names {
			want := 0.0
			if in == k && in != 2 {
				want = 1
			} else if in == 2 {
				want = -tr.Penalties[k]
			}
			if in == 2 && k == 2 {
				want = 0
			}
			if got := tr.Matrix[in][k]; got != want || math.Signbit(got) && got == 0 {
				t.Errorf("matrix at %s, %s is %g, want %g", names[in], names[k], got, want)
			}
		}
	}
}

// A2: the reference computes the transform and scores without it. Here a score
// of transformed attributes and a score of raw ones with transformed coefficients
// are one number, which the untransformed score is not.
func TestA2TransformAndCoefficientsGiveOneScore(t *testing.T) {
	r, names := wordy(100, 0.6, 0.3, 0, 0.9, 0)
	tr := decorrelate(t, r, names, decorrelation("pearson", "above", "root"))
	rng := rand.New(rand.NewPCG(2, 2))
	gates := Zeros[float64](r.Rows, len(names))
	for i := range gates.Data {
		gates.Data[i] = rng.Float64()
	}
	transformed, coefficients, differ := tr.Apply(r), tr.Coefficients(gates), 0
	for row := range r.Rows {
		var score, raw, unused float64
		for k := range names {
			score += gates.Row(row)[k] * transformed.Row(row)[k]
			raw += coefficients.Row(row)[k] * r.Row(row)[k]
			unused += gates.Row(row)[k] * r.Row(row)[k]
		}
		if math.Abs(score-raw) > 1e-12 {
			t.Fatalf("row %d: score %g, by coefficients %g", row, score, raw)
		}
		if math.Abs(score-unused) > 0.1 {
			differ++
		}
	}
	if differ < 80 {
		t.Errorf("the transform matters in %d of 100 rows", differ)
	}
}

// A11: ArmoRM's rule bounds the correlation from above. An attribute that falls
// with length as strongly as another grows is left as it is; sides = both treats
// them alike.
func TestA11StrongNegativeCorrelationIsKeptUnlessBothSides(t *testing.T) {
	for _, method := range []string{"grid", "root"} {
		for _, measure := range []string{"spearman", "pearson"} {
			r, names := wordy(2000, 0.7, 0, 0, -0.7, 0)
			for row := range r.Rows {
				r.Row(row)[3] = -r.Row(row)[0]
			}
			above := decorrelate(t, r, names, decorrelation(measure, "above", method))
			if above.Penalties[3] != 0 || above.After[3] != above.Before[3] || above.After[3] > -0.5 || above.After[0] > 0.03+1e-12 {
				t.Errorf("above, %s, %s: penalties %v, after %v", method, measure, above.Penalties, above.After)
			}
			both := decorrelate(t, r, names, decorrelation(measure, "both", method))
			if p := both.Penalties; p[3] != -p[0] || p[0] != above.Penalties[0] || p[0] < 0.5 || math.Abs(both.After[3]+both.After[0]) > 1e-12 || both.After[3] < -0.03-1e-12 {
				t.Errorf("both, %s, %s: penalties %v, after %v", method, measure, p, both.After)
			}
			if both.Penalties[1] != 0 || both.Penalties[4] != 0 {
				t.Errorf("both, %s, %s: penalties %v of attributes that have nothing of length", method, measure, both.Penalties)
			}
		}
	}
}

// Method root: at_most holds, and a penalty that is smaller by 1e-9 would not do.
func TestRootIsTheSmallestThatWillDo(t *testing.T) {
	for _, measure := range []string{"spearman", "pearson"} {
		r, names := wordy(500, 0.8, 0.3, 0, -0.4, 0.1)
		for row := range r.Rows {
			r.Row(row)[2] = math.Round(100 * r.Row(row)[2]) // another scale, and ties
		}
		tr := decorrelate(t, r, names, decorrelation(measure, "above", "root"))
		for k := range names {
			switch p := tr.Penalties[k]; {
			case k == 2:
			case tr.Before[k] <= 0.03:
				if p != 0 {
					t.Errorf("%s, %s: penalty %g where none is needed", measure, names[k], p)
				}
			default:
				s := newSlope(r.column(k), r.column(2), measure)
				if at, below := s.at(p), s.at(p*(1-1e-9)); !(at <= 0.03+1e-12) || !(below > 0.03) || tr.After[k] != at {
					t.Errorf("%s, %s: penalty %g leaves %.15g, a smaller one %.15g", measure, names[k], p, at, below)
				}
			}
		}
		if tr.Penalties[0] > 0.01 || tr.Penalties[0] < 0.005 || tr.Notes != nil {
			t.Errorf("%s: penalties %v, notes %q", measure, tr.Penalties, tr.Notes)
		}
	}
}

// Penalties are meant for attributes of one scale. Where length is in tokens the
// first step overshoots, and the fit says so.
func TestNotes(t *testing.T) {
	r, names := wordy(500, 0.8, 0, 0, 0, 0)
	for row := range r.Rows {
		r.Row(row)[2] *= 1000
	}
	tr := decorrelate(t, r, names, decorrelation("spearman", "above", "grid"))
	if len(tr.Notes) != 1 || !strings.Contains(tr.Notes[0], "helpful: the penalty 0.01 overshoots") || !strings.Contains(tr.Notes[0], "method = root") {
		t.Errorf("notes %q with %v after %v", tr.Notes, tr.Penalties, tr.After)
	}
	for row := range r.Rows {
		r.Row(row)[2] /= 1e6
	}
	tr = decorrelate(t, r, names, decorrelation("spearman", "above", "grid"))
	if tr.Penalties[0] != 1 || len(tr.Notes) != 1 || !strings.Contains(tr.Notes[0], "helpful: no penalty of the list will do, and 1 leaves a correlation of 0.6") {
		t.Errorf("penalty %g, notes %q", tr.Penalties[0], tr.Notes)
	}
}

// What is length itself, or constant, has nothing left to correlate.
func TestNothingLeft(t *testing.T) {
	r, names := wordy(100, 0, 0, 0, 0, 0)
	for row := range r.Rows {
		r.Row(row)[0], r.Row(row)[1], r.Row(row)[3] = 0.3*r.Row(row)[2], 5, 0.5*r.Row(row)[2]
	}
	for _, measure := range []string{"spearman", "pearson"} {
		tr := decorrelate(t, r, names, decorrelation(measure, "above", "root"))
		if math.Abs(tr.Penalties[0]-0.3) > 1e-9 || tr.Penalties[1] != 0 || tr.Before[1] != 0 || math.Abs(tr.Penalties[3]-0.5) > 1e-9 {
			t.Errorf("%s: penalties %v, before %v", measure, tr.Penalties, tr.Before)
		}
		if tr = decorrelate(t, r, names, decorrelation(measure, "above", "grid")); tr.Penalties[0] != 0.3 || tr.Penalties[3] != 0.5 || tr.After[0] != 0 {
			t.Errorf("%s: penalties %v, after %v", measure, tr.Penalties, tr.After)
		}
	}
}

func TestDecorrelateErrors(t *testing.T) {
	for _, c := range []struct {
		name, want string
		change     func(r *Matrix[float64], f *spec.Fit)
	}{
		{"constant", "from = length is 4 in all 50 rows", func(r *Matrix[float64], _ *spec.Fit) {
			for row := range r.Rows {
				r.Row(row)[2] = 4
			}
		}},
		{"unknown", "from: no attribute is named verbosity; there are helpful, correct, length, brief, safe", func(_ *Matrix[float64], f *spec.Fit) { f.From = "verbosity" }},
		{"NaN", "attributes of row 3: brief is NaN", func(r *Matrix[float64], _ *spec.Fit) { r.Row(3)[3] = math.NaN() }},
		{"one row", "1 rows have no correlation", func(r *Matrix[float64], _ *spec.Fit) { *r = Matrix[float64]{1, 5, r.Data[:5]} }},
		{"no penalties", "penalties is empty", func(_ *Matrix[float64], f *spec.Fit) { f.Penalties = nil }},
		{"descending", "penalties must ascend from 0 on, and number 2 is 0.1", func(_ *Matrix[float64], f *spec.Fit) { f.Penalties = []float64{0.2, 0.1} }},
		{"negative", "penalties must ascend from 0 on, and number 1 is -1", func(_ *Matrix[float64], f *spec.Fit) { f.Penalties = []float64{-1} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, names := wordy(50, 0.5, 0.5, 0, 0.5, 0.5)
			f := decorrelation("spearman", "above", "grid")
			c.change(&r, &f)
			if tr, err := Decorrelate(r, names, f); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, %v; want %q", tr, err, c.want)
			}
		})
	}
}

// FuzzDecorrelate takes pairs of small whole numbers, so with many ties, and
// holds root to its promise: a correlation that is out of bounds comes down to
// at_most from its side (Pearson's to at_most itself, or to 0 where nothing is left), and one
// within is left.
func FuzzDecorrelate(f *testing.F) {
	f.Add([]byte("the quick brown fox jumps over"), uint8(3), true, true)
	f.Add([]byte{0, 0, 1, 1, 2, 2, 3, 3}, uint8(0), false, true)
	f.Add([]byte{0, 0, 1, 1, 2, 2, 3, 4, 200, 9}, uint8(99), true, false)
	f.Add([]byte{0, 0, 1, 1, 0, 1}, uint8(16), true, true) // any p > 0 breaks the ties: there is no smallest
	f.Add([]byte{0, 0, 1, 1, 2, 2, 128, 129}, uint8(44), false, true)
	f.Fuzz(func(t *testing.T, data []byte, atMost uint8, ranks, above bool) {
		r := Zeros[float64](min(60, len(data)/2), 2)
		for i := range r.Data {
			r.Data[i] = float64(int8(data[i]))
		}
		fit := decorrelation("pearson", "both", "root")
		if ranks {
			fit.Measure = "spearman"
		}
		if above {
			fit.Sides = "above"
		}
		fit.AtMost = float64(atMost%101) / 100
		tr, err := Decorrelate(r, []string{"quality", "length"}, fit)
		if err != nil {
			return
		}
		after, before, p := tr.After[0], tr.Before[0], tr.Penalties[0]
		if before < 0 && p != 0 { // sides are mirror images
			after, before, p = -after, -before, -p
		}
		if p != 0 && !(after <= fit.AtMost+1e-9) || !ranks && p != 0 && after != 0 && !(after >= fit.AtMost-1e-6) {
			t.Errorf("penalty %g leaves %g of %g with at_most %g", p, after, before, fit.AtMost)
		}
		if p < 0 || p == 0 && before > fit.AtMost+1e-9 || p == 0 && !above && before < -fit.AtMost-1e-9 || p != 0 && before <= fit.AtMost || p != 0 && above && tr.Before[0] < 0 {
			t.Errorf("penalty %g for %g with at_most %g", p, before, fit.AtMost)
		}
	})
}
