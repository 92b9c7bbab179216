package optim

import (
	"math"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/rmc-lang/rmc/runtime/backend"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/terms"
)

// Suspects are no more examples than the numbers allow.
func TestSuspects(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for what, c := range map[string]struct {
		scores [][]float64
		shares []float64
		want   []bool
	}{
		"a score":          {[][]float64{{1, 2}, {nan, 0}, {3, 4}}, []float64{inf, inf, 1}, []bool{false, true, false}},
		"a micro-batch":    {[][]float64{{1}, {2}, {3}}, []float64{1, nan, nan}, []bool{false, true, true}},
		"nothing to go by": {[][]float64{nil, nil}, []float64{1, 1}, []bool{true, true}},
	} {
		o := &Outcome{Scores: c.scores, Shares: c.shares}
		if got := o.Suspects(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", what, got, c.want)
		}
	}
}

// Two parameters, of which one decays, go through three steps of clipped AdamW as
// its definition (Loshchilov and Hutter 2019, arXiv 1711.05101) has them.
func TestAdamW(t *testing.T) {
	b, err := backend.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Finalize()
	o := spec.Optimizer{LR: 0.1, Betas: [2]float64{0.9, 0.95}, Eps: 1e-8, WeightDecay: 0.1, Clip: 1}
	tr := spec.Train{Optimizer: o, Schedule: spec.Schedule{Kind: "constant"}}
	gradients := [][2]float64{{3, 4}, {0.1, -0.2}, {-2, 0.5}} // the second is not clipped
	exec, err := NewExec(b.Backend, func(value, m, v, gradient, rates *Node) []*Node {
		norm := globalNorm([]*Node{gradient})
		g := clip([]*Node{gradient}, norm, o.Clip)[0]
		var out []*Node
		for i := range 2 {
			next := adamW(o, slot{terms.Nth(value, i), terms.Nth(m, i), terms.Nth(v, i), i == 0}, terms.Nth(g, i), rateNodesOf(rates))
			out = append(out, next.value, next.m, next.v)
		}
		return append(out, norm)
	})
	if err != nil {
		t.Fatal(err)
	}
	value, m, v := [2]float64{1, -1}, [2]float64{}, [2]float64{}
	in := [3][]float32{{1, -1}, {0, 0}, {0, 0}}
	for step, g := range gradients {
		out, err := exec.Exec(in[0], in[1], in[2], []float32{float32(g[0]), float32(g[1])}, ratesAt(tr, step, len(gradients)).tensor())
		if err != nil {
			t.Fatal(err)
		}
		norm, n := math.Hypot(g[0], g[1]), float64(step+1)
		if got := float64(out[6].Value().(float32)); math.Abs(got-norm) > 1e-6 {
			t.Errorf("step %d: a norm of %v, want %v", step, got, norm)
		}
		for i := range 2 {
			x := g[i] * min(1, 1/(norm+1e-6))
			m[i], v[i] = 0.9*m[i]+0.1*x, 0.95*v[i]+0.05*x*x
			if i == 0 {
				value[i] *= 1 - o.LR*o.WeightDecay
			}
			value[i] -= o.LR * m[i] / (1 - math.Pow(0.9, n)) / (math.Sqrt(v[i]/(1-math.Pow(0.95, n))) + o.Eps)
			for k := range in {
				in[k][i] = out[3*i+k].Value().(float32)
			}
			if math.Abs(float64(in[0][i])-value[i]) > 1e-5 {
				t.Errorf("step %d: parameter %d is %v, want %v", step, i, in[0][i], value[i])
			}
		}
	}
}

// The dropout of a step is its own, and the same each time.
func TestDropKeys(t *testing.T) {
	first := dropKeys(7, 3, 4)
	if !slices.Equal(first, dropKeys(7, 3, 4)) || !slices.Equal(first[:2], dropKeys(7, 3, 2)) {
		t.Error("the keys of a step are others the second time")
	}
	if slices.Equal(first, dropKeys(7, 4, 4)) || slices.Equal(first, dropKeys(8, 3, 4)) {
		t.Error("another step, or another seed, has the same keys")
	}
}
