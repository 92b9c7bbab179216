package op_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/rmc-lang/rmc/runtime/op"
)

// A world is one micro-batch of pairs: two views, one column, and the count of
// the whole optimizer step.
type world struct {
	chosen, rejected, gap []float32
	valid                 []float32
	count                 float32
}

// run returns the share of the objective's scalar and its gradients to the
// scores of both views.
func (w world) run(t *testing.T, f func(b *op.Batch) op.Tensor) (value float64, chosen, rejected []float64) {
	t.Helper()
	exec, err := graph.NewExec(gobackend.GetBackend(), func(c, r, gap, valid, count *graph.Node) []*graph.Node {
		b := op.NewBatch(op.Inputs{
			Axis: "pair", Valid: valid, Count: count,
			Columns: map[string]*graph.Node{"gap": gap},
			Term: func(_, _, view string) op.Tensor {
				return op.New(map[string]*graph.Node{"chosen": c, "rejected": r}[view], "pair")
			},
		})
		loss := b.Share(f(b))
		return append([]*graph.Node{loss}, graph.Gradient(loss, c, r)...)
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Call(w.chosen, w.rejected, w.gap, w.valid, w.count)
	if err != nil {
		t.Fatal(err)
	}
	return float64(out[0].Value().(float32)), float64s(out[1].Value().([]float32)), float64s(out[2].Value().([]float32))
}

func float64s(in []float32) []float64 {
	var out []float64
	for _, x := range in {
		out = append(out, float64(x))
	}
	return out
}

func near(a, b, tolerance float64) bool {
	return math.Abs(a-b) <= tolerance*math.Max(1, math.Abs(b)) || a == b
}

func difference(b *op.Batch) op.Tensor {
	return op.Sub(b.Score("rm", "chosen"), b.Score("rm", "rejected"))
}

func bradleyTerry(b *op.Batch) op.Tensor {
	return op.Mean(op.Neg(op.LogSigmoid(difference(b))), "pair")
}

var four = world{
	chosen:   []float32{1.5, -0.5, 3, 0.25},
	rejected: []float32{0.5, 0.75, -2, 0.25},
	gap:      []float32{1, 2, 0.5, 4},
	valid:    []float32{1, 1, 1, 1},
	count:    4,
}

func TestBradleyTerryByHand(t *testing.T) {
	// T3: equal scores give ln 2, a lead of 2 gives .126928.
	w := world{[]float32{0, 2}, []float32{0, 0}, []float32{0, 0}, []float32{1, 1}, 2}
	got, chosen, _ := w.run(t, bradleyTerry)
	if want := (0.693147 + 0.126928) / 2; !near(got, want, 1e-5) {
		t.Errorf("loss %v, want %v", got, want)
	}
	if want := -0.25; !near(chosen[0], want, 1e-6) {
		t.Errorf("gradient at equal scores %v, want %v", chosen[0], want)
	}
}

// gradients compares the graph's gradients with differences of its own values.
func gradients(t *testing.T, w world, f func(b *op.Batch) op.Tensor, tolerance float64) {
	t.Helper()
	_, chosen, rejected := w.run(t, f)
	const h = 1.0 / 256 // float32: small enough for the curve, large enough for the digits
	for side, got := range map[string][]float64{"chosen": chosen, "rejected": rejected} {
		for i := range got {
			moved := func(step float32) float64 {
				v := w
				v.chosen, v.rejected = slices.Clone(w.chosen), slices.Clone(w.rejected)
				map[string][]float32{"chosen": v.chosen, "rejected": v.rejected}[side][i] += step
				value, _, _ := v.run(t, f)
				return value
			}
			want := (moved(h) - moved(-h)) / (2 * h)
			if !near(got[i], want, tolerance) {
				t.Errorf("d/d %s[%d] = %v, differences say %v", side, i, got[i], want)
			}
		}
	}
}

func TestGradientsOfEveryFunction(t *testing.T) {
	chosen := func(b *op.Batch) op.Tensor { return b.Score("rm", "chosen") }
	rejected := func(b *op.Batch) op.Tensor { return b.Score("rm", "rejected") }
	positive := func(b *op.Batch) op.Tensor { return op.Add(op.Abs(chosen(b)), op.Real(0.5)) }
	for name, f := range map[string]func(b *op.Batch) op.Tensor{
		"add":         func(b *op.Batch) op.Tensor { return op.Add(chosen(b), op.Mul(rejected(b), op.Real(3))) },
		"mul":         func(b *op.Batch) op.Tensor { return op.Mul(chosen(b), rejected(b)) },
		"div":         func(b *op.Batch) op.Tensor { return op.Div(rejected(b), positive(b)) },
		"pow":         func(b *op.Batch) op.Tensor { return op.Pow(positive(b), rejected(b)) },
		"pow number":  func(b *op.Batch) op.Tensor { return op.Pow(positive(b), op.Real(1.5)) },
		"exp":         func(b *op.Batch) op.Tensor { return op.Exp(chosen(b)) },
		"log":         func(b *op.Batch) op.Tensor { return op.Log(positive(b)) },
		"sqrt":        func(b *op.Batch) op.Tensor { return op.Sqrt(positive(b)) },
		"square":      func(b *op.Batch) op.Tensor { return op.Square(difference(b)) },
		"tanh":        func(b *op.Batch) op.Tensor { return op.Tanh(difference(b)) },
		"sigmoid":     func(b *op.Batch) op.Tensor { return op.Sigmoid(difference(b)) },
		"log sigmoid": func(b *op.Batch) op.Tensor { return op.LogSigmoid(difference(b)) },
		"softplus":    func(b *op.Batch) op.Tensor { return op.Softplus(difference(b)) },
		"relu":        func(b *op.Batch) op.Tensor { return op.Relu(op.Add(difference(b), op.Real(0.1))) },
		"max":         func(b *op.Batch) op.Tensor { return op.Max(chosen(b), op.Add(rejected(b), op.Real(0.1))) },
		"where": func(b *op.Batch) op.Tensor {
			return op.Where(op.Gt(b.Column("gap"), op.Real(1.5)), chosen(b), rejected(b))
		},
	} {
		t.Run(name, func(t *testing.T) {
			gradients(t, four, func(b *op.Batch) op.Tensor { return op.Mean(f(b), "pair") }, 2e-3)
		})
	}
	t.Run("corr", func(t *testing.T) {
		gradients(t, four, func(b *op.Batch) op.Tensor { return op.Corr(chosen(b), b.Column("gap"), "pair") }, 2e-3)
	})
	t.Run("variance", func(t *testing.T) {
		gradients(t, four, func(b *op.Batch) op.Tensor {
			return op.Mean(op.Square(op.Sub(chosen(b), op.Mean(chosen(b), "pair"))), "pair")
		}, 2e-3)
	})
	t.Run("max over the batch", func(t *testing.T) {
		gradients(t, four, func(b *op.Batch) op.Tensor { return op.MaxOver(chosen(b), "pair") }, 2e-3)
	})
}

func TestScoresFarApartStayFinite(t *testing.T) {
	for _, lead := range []float32{0, 50, 100, 1e4, 3e38} {
		w := world{[]float32{lead, -lead}, []float32{0, 0}, []float32{0, 0}, []float32{1, 1}, 2}
		for name, f := range map[string]func(op.Tensor) op.Tensor{
			"log_sigmoid": op.LogSigmoid, "softplus": op.Softplus, "sigmoid": op.Sigmoid, "tanh": op.Tanh,
		} {
			value, chosen, _ := w.run(t, func(b *op.Batch) op.Tensor { return op.Mean(f(op.Div(difference(b), op.Real(2))), "pair") })
			if bad(value) || bad(chosen[0]) || bad(chosen[1]) {
				t.Errorf("%s at ±%g: %v, gradients %v", name, lead, value, chosen)
			}
		}
	}
	w := world{[]float32{40, -40}, []float32{0, 0}, []float32{0, 0}, []float32{1, 1}, 2}
	if _, chosen, _ := w.run(t, bradleyTerry); !near(chosen[1], -0.5, 1e-6) || chosen[0] == 0 {
		t.Errorf("gradients %v: a hopeless pair pulls with all its weight, a sure one a little", chosen)
	}
}

func bad(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) }

// What a where hides must not come back as 0·∞ through the gradient.
func TestWhereHidesTheGradientToo(t *testing.T) {
	w := four
	w.chosen = []float32{0, 1, 4, -1}
	for name, hidden := range map[string]func(x op.Tensor) op.Tensor{
		"log":              op.Log,
		"sqrt":             op.Sqrt,
		"division":         func(x op.Tensor) op.Tensor { return op.Div(op.Real(1), x) },
		"power":            func(x op.Tensor) op.Tensor { return op.Pow(x, op.Real(-0.5)) },
		"product with log": func(x op.Tensor) op.Tensor { return op.Mul(x, op.Log(x)) },
		"overflow":         func(x op.Tensor) op.Tensor { return op.Exp(op.Mul(op.Square(op.Sub(x, op.Real(4))), op.Real(1e3))) },
	} {
		value, chosen, _ := w.run(t, func(b *op.Batch) op.Tensor {
			x := b.Score("rm", "chosen")
			return op.Mean(op.Where(op.Gt(x, op.Real(2)), hidden(x), op.Mul(x, op.Real(3))), "pair")
		})
		if want := []float64{0.75, 0.75, chosen[2], 0.75}; bad(value) || bad(chosen[2]) || !slices.Equal(chosen, want) {
			t.Errorf("%s: value %v, gradients %v, want %v", name, value, chosen, want)
		}
	}
}

func TestPaddingChangesNothing(t *testing.T) {
	padded := world{
		chosen:   append(slices.Clone(four.chosen), float32(math.NaN()), 1e30),
		rejected: append(slices.Clone(four.rejected), -1e30, float32(math.Inf(1))),
		gap:      append(slices.Clone(four.gap), 0, float32(math.NaN())),
		valid:    []float32{1, 1, 1, 1, 0, 0},
		count:    4,
	}
	for name, f := range objectives() {
		want, chosen, rejected := four.run(t, f)
		got, c, r := padded.run(t, f)
		if !near(got, want, 1e-6) || !nearAll(c[:4], chosen) || !nearAll(r[:4], rejected) {
			t.Errorf("%s: %v with padding, %v without; gradients %v and %v", name, got, want, c, chosen)
		}
		if c[4] != 0 || c[5] != 0 || r[4] != 0 || r[5] != 0 {
			t.Errorf("%s: padding gets gradients %v %v", name, c[4:], r[4:])
		}
	}
}

// objectives are losses and statistics of all kinds; those whose name starts
// with "mean" are made of means over the batch.
func objectives() map[string]func(b *op.Batch) op.Tensor {
	return map[string]func(b *op.Batch) op.Tensor{
		"mean":          bradleyTerry,
		"mean less one": func(b *op.Batch) op.Tensor { return op.Sub(op.Real(1), op.Mul(op.Real(2), bradleyTerry(b))) },
		"mean over column": func(b *op.Batch) op.Tensor {
			return op.Div(op.Neg(op.Mean(op.Mul(difference(b), b.Column("gap")), "pair")), op.Real(3))
		},
		"mean, accuracy": func(b *op.Batch) op.Tensor {
			return op.Add(op.Mean(op.Gt(difference(b), op.Real(0)), "pair"), bradleyTerry(b))
		},
		"mean, either": func(b *op.Batch) op.Tensor {
			return op.Where(op.Real(1), bradleyTerry(b), op.Real(2))
		},
		"mean, sum":   func(b *op.Batch) op.Tensor { return op.Sum(op.Softplus(difference(b)), "pair") },
		"square":      func(b *op.Batch) op.Tensor { return op.Square(bradleyTerry(b)) },
		"correlation": func(b *op.Batch) op.Tensor { return op.Corr(difference(b), b.Column("gap"), "pair") },
		"largest":     func(b *op.Batch) op.Tensor { return op.MaxOver(difference(b), "pair") },
		"rank": func(b *op.Batch) op.Tensor {
			return op.Mean(op.Mul(op.Rank(b.Column("gap"), "pair"), difference(b)), "pair")
		},
	}
}

func nearAll(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return near(x, y, 1e-6) })
}

// Micro-batches of any size add up to the loss and the gradient of the whole.
func TestMicroBatchesAddUp(t *testing.T) {
	for name, f := range objectives() {
		if !strings.HasPrefix(name, "mean") {
			continue
		}
		want, wantChosen, _ := four.run(t, f)
		total, gradient := 0.0, []float64{}
		for _, part := range [][2]int{{0, 1}, {1, 4}} {
			from, to := part[0], part[1]
			micro := world{four.chosen[from:to], four.rejected[from:to], four.gap[from:to], four.valid[from:to], four.count}
			value, chosen, _ := micro.run(t, f)
			total += value
			gradient = append(gradient, chosen...)
		}
		if !near(total, want, 1e-6) || !nearAll(gradient, wantChosen) {
			t.Errorf("%s: micro-batches give %v, the whole %v; gradients %v and %v", name, total, want, gradient, wantChosen)
		}
	}
}

// A statistic that is no mean becomes the mean over micro-batches, weighted by
// their examples, and one of nothing but padding counts for nothing.
func TestStatisticOfMicroBatches(t *testing.T) {
	square := objectives()["square"]
	want := 0.0
	for _, part := range [][2]int{{0, 1}, {1, 4}} {
		from, to := part[0], part[1]
		n := float32(to - from)
		alone := world{four.chosen[from:to], four.rejected[from:to], four.gap[from:to], four.valid[from:to], n}
		value, _, _ := alone.run(t, square)
		want += value * float64(n) / 4
	}
	got := 0.0
	for _, part := range [][2]int{{0, 1}, {1, 4}} {
		from, to := part[0], part[1]
		micro := world{four.chosen[from:to], four.rejected[from:to], four.gap[from:to], four.valid[from:to], 4}
		value, _, _ := micro.run(t, square)
		got += value
	}
	if !near(got, want, 1e-6) {
		t.Errorf("got %v, want %v", got, want)
	}
	empty := world{[]float32{9}, []float32{1}, []float32{1}, []float32{0}, 4}
	for name, f := range objectives() {
		value, chosen, _ := empty.run(t, f)
		if value != 0 || chosen[0] != 0 {
			t.Errorf("%s of a micro-batch of padding: %v, gradient %v", name, value, chosen)
		}
	}
}

func TestEqualExtremesShareTheGradient(t *testing.T) {
	w := world{[]float32{1, 1, 0}, []float32{0, 0, 0}, []float32{0, 0, 0}, []float32{1, 1, 1}, 3}
	_, chosen, _ := w.run(t, func(b *op.Batch) op.Tensor { return op.MaxOver(b.Score("rm", "chosen"), "pair") })
	if want := []float64{0.5, 0.5, 0}; !slices.Equal(chosen, want) {
		t.Errorf("gradients %v, want %v", chosen, want)
	}
}

func TestTermIsComputedOnce(t *testing.T) {
	asked := 0
	graph.MustExecOnce(gobackend.GetBackend(), func(x *graph.Node) *graph.Node {
		b := op.NewBatch(op.Inputs{
			Axis: "pair", Valid: graph.OnesLike(x), Count: graph.Const(x.Graph(), float32(2)),
			Term: func(_, _, _ string) op.Tensor { asked++; return op.New(x, "pair") },
		})
		d := op.Sub(b.Score("rm", "chosen"), b.Score("rm", "chosen"))
		return b.Share(op.Mean(op.Add(d, b.Constant(1)), "pair"))
	}, []float32{1, 2})
	if asked != 1 {
		t.Errorf("the term was computed %d times", asked)
	}
}

// Axis order is the tensors' own business.
func TestAxesAlignByName(t *testing.T) {
	got := graph.MustExecOnce(gobackend.GetBackend(), func(x, y *graph.Node) *graph.Node {
		b := op.NewBatch(op.Inputs{
			Axis: "row", Valid: graph.Const(x.Graph(), []float32{1, 1}), Count: graph.Const(x.Graph(), float32(2)),
			Ragged: map[string]*graph.Node{"candidate": graph.Const(x.Graph(), [][]float32{{1, 1, 1}, {1, 1, 0}})},
			Term: func(kind, _, _ string) op.Tensor {
				if kind == "score" {
					return op.New(x, "row", "candidate")
				}
				return op.New(y, "candidate", "row")
			},
		})
		// Σ over rows of Σ over candidates of x·y, divided by two rows.
		product := op.Mul(b.Score("rm", "candidates"), b.Embed("rm", "candidates"))
		return b.Share(op.Mean(op.Sum(product, "candidate"), "row"))
	}, [][]float32{{1, 2, 3}, {4, 5, 6}}, [][]float32{{1, 10}, {2, 20}, {3, 30}})
	if want := float32(1+4+9+40+100) / 2; got.Value() != want {
		t.Errorf("got %v, want %v", got.Value(), want)
	}
}
