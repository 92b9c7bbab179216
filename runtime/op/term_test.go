package op_test

import (
	"math"
	"slices"
	"testing"

	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/rmc-lang/rmc/runtime/op"
)

// three attributes of the two sides of two pairs and a slot of padding, and what
// a linear head of two outputs reads.
var (
	attributes = map[string][][]float32{
		"chosen":   {{1, 2, -1}, {0.5, -3, 2}, {float32(math.NaN()), 9, 9}},
		"rejected": {{0, 1, 4}, {2.5, 1, -2}, {7, 7, float32(math.Inf(1))}},
	}
	transform = [][]float32{{1, 0, 0}, {0, 1, 0}, {-0.25, -0.5, 0}} // attribute 2 leaves the others
	matrix    = [][]float32{{3, -1, 0.5}, {2, 0, 1}}
	lengths   = map[string][]float32{"chosen": {10, 30, 0}, "rejected": {20, 50, 0}}
)

// terms evaluates f over a batch with every term there is.
func terms(t *testing.T, f func(b *op.Batch) op.Tensor) float64 {
	t.Helper()
	value := graph.MustExecOnce(gobackend.GetBackend(), func(valid *graph.Node) *graph.Node {
		g := valid.Graph()
		b := op.NewBatch(op.Inputs{
			Axis: "pair", Valid: valid, Count: graph.Const(g, float32(2)),
			Transform: func(string) *graph.Node { return graph.Const(g, transform) },
			Term: func(kind, model, view string) op.Tensor {
				switch kind {
				case "model", "fit":
					return op.New(graph.Const(g, attributes[view]), "pair", "attribute")
				case "length":
					return op.New(graph.Const(g, lengths[view]), "pair")
				case "weights":
					return op.New(graph.Const(g, matrix), "head", "hidden")
				case "scalar":
					return op.New(graph.Const(g, map[string]float32{"gate scale": 5}[model+" "+view]))
				case "rating":
					return op.New(graph.Const(g, [][]float32{{3, 0, 1}, {0, 2, 0}, {9, 9, 9}}), "pair", "attribute")
				case "known":
					return op.New(graph.Const(g, [][]float32{{1, 0, 1}, {0, 1, 1}, {1, 1, 1}}), "pair", "attribute")
				}
				t.Fatalf("no term %s of %s and %s", kind, model, view)
				return op.Tensor{}
			},
		})
		return b.Share(f(b))
	}, []float32{1, 1, 0})
	return float64(value.Value().(float32))
}

func TestEveryTerm(t *testing.T) {
	cell := func(x op.Tensor, attribute int) op.Tensor {
		return op.Mean(op.At(x, "attribute", attribute), "pair")
	}
	for _, c := range []struct {
		name string
		f    func(b *op.Batch) op.Tensor
		want float64
	}{
		{"model", func(b *op.Batch) op.Tensor { return cell(b.Model("gate", "chosen"), 1) }, (2. - 3) / 2},
		{"fit", func(b *op.Batch) op.Tensor { return cell(b.Fit("probe", "rejected"), 2) }, (4. - 2) / 2},
		{"transform", func(b *op.Batch) op.Tensor { return cell(b.Transform("debias", b.Fit("probe", "chosen")), 1) },
			((2 + 0.5*1) + (-3 - 0.5*2)) / 2},
		{"transform takes the attribute away", func(b *op.Batch) op.Tensor {
			return op.Sum(op.Abs(op.At(b.Transform("debias", b.Fit("probe", "chosen")), "attribute", 2)), "pair")
		}, 0},
		{"transform of a mean", func(b *op.Batch) op.Tensor {
			return op.Sum(b.Transform("debias", op.Mean(b.Fit("probe", "chosen"), "pair")), "attribute")
		}, (0.75 - 0.25*0.5) + (-0.5 - 0.5*0.5)},
		{"scalar", func(b *op.Batch) op.Tensor { return op.Mul(b.Scalar("gate", "scale"), op.Real(2)) }, 10},
		{"weights", func(b *op.Batch) op.Tensor {
			return op.Sum(op.Mul(op.At(b.Weights("rm"), "head", 0), op.At(b.Weights("rm"), "head", 1)), "hidden")
		}, 6.5},
		{"length", func(b *op.Batch) op.Tensor { return op.Mean(b.Length("rejected"), "pair") }, 35},
		{"length of responses", func(b *op.Batch) op.Tensor { return op.Mean(b.Length("responses"), "pair", "side") }, 27.5},
		{"one side of responses", func(b *op.Batch) op.Tensor {
			return op.Mean(op.At(b.Length("responses"), "side", 1), "pair")
		}, 35},
		{"rating", func(b *op.Batch) op.Tensor { return cell(b.Rating(), 0) }, 1.5},
		{"known", func(b *op.Batch) op.Tensor { return op.Sum(b.Known(), "pair", "attribute") }, 4},
		{"mean of what is known", func(b *op.Batch) op.Tensor {
			kept := op.Where(b.Known(), op.Square(op.Sub(b.Fit("probe", "chosen"), b.Rating())), op.Real(0))
			return op.Div(op.Sum(kept, "pair", "attribute"), op.Sum(b.Known(), "pair", "attribute"))
		}, (4 + 4 + 25 + 4) / 4.},
	} {
		if got := terms(t, c.f); !near(got, c.want, 1e-6) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// flat is the values of both sides of the valid pairs, attribute by attribute.
func flat(attribute int) (xs []float64) {
	for pair := range 2 {
		for _, side := range []string{"chosen", "rejected"} {
			xs = append(xs, float64(attributes[side][pair][attribute]))
		}
	}
	return xs
}

func pearson(xs, ys []float64) float64 {
	mx, my := average(xs), average(ys)
	var xx, yy, xy float64
	for i := range xs {
		dx, dy := xs[i]-mx, ys[i]-my
		xx, yy, xy = xx+dx*dx, yy+dy*dy, xy+dx*dy
	}
	return xy / math.Sqrt(xx*yy)
}

func average(xs []float64) float64 {
	total := 0.0
	for _, x := range xs {
		total += x
	}
	return total / float64(len(xs))
}

// Reductions over several axes against plain loops: what is invalid counts
// nowhere.
func TestReductionsOverSeveralAxes(t *testing.T) {
	one, two := flat(0), flat(1)
	x := func(b *op.Batch) op.Tensor { return op.At(b.Fit("probe", "responses"), "attribute", 0) }
	y := func(b *op.Batch) op.Tensor { return op.At(b.Fit("probe", "responses"), "attribute", 1) }
	exps := 0.0
	for _, v := range one {
		exps += math.Exp(v)
	}
	for _, c := range []struct {
		name string
		f    func(b *op.Batch) op.Tensor
		want float64
	}{
		{"sum", func(b *op.Batch) op.Tensor { return op.Sum(x(b), "pair", "side") }, 4 * average(one)},
		{"mean", func(b *op.Batch) op.Tensor { return op.Mean(x(b), "pair", "side") }, average(one)},
		{"mean, the other way round", func(b *op.Batch) op.Tensor { return op.Mean(x(b), "side", "pair") }, average(one)},
		{"mean over three", func(b *op.Batch) op.Tensor {
			return op.Mean(b.Fit("probe", "responses"), "pair", "side", "attribute")
		}, average(slices.Concat(one, two, flat(2)))},
		{"max", func(b *op.Batch) op.Tensor { return op.MaxOver(x(b), "pair", "side") }, slices.Max(one)},
		{"min", func(b *op.Batch) op.Tensor { return op.MinOver(y(b), "side", "pair") }, slices.Min(two)},
		{"logsumexp", func(b *op.Batch) op.Tensor { return op.LogSumExp(x(b), "pair", "side") }, math.Log(exps)},
		{"softmax", func(b *op.Batch) op.Tensor {
			return op.Sum(op.Mul(op.Softmax(x(b), "pair", "side"), y(b)), "pair", "side")
		},
			softmaxed(one, two, exps)},
		{"rank", func(b *op.Batch) op.Tensor {
			return op.Sum(op.Mul(op.Rank(x(b), "pair", "side"), y(b)), "pair", "side")
		},
			3*two[0] + 1*two[1] + 2*two[2] + 4*two[3]},
		{"corr", func(b *op.Batch) op.Tensor { return op.Corr(x(b), y(b), "pair", "side") }, pearson(one, two)},
		{"corr with what has no side", func(b *op.Batch) op.Tensor {
			return op.Corr(x(b), op.At(b.Fit("probe", "chosen"), "attribute", 1), "pair", "side")
		}, pearson(one, []float64{two[0], two[0], two[2], two[2]})},
	} {
		if got := terms(t, c.f); !near(got, c.want, 1e-6) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func softmaxed(xs, ys []float64, total float64) float64 {
	sum := 0.0
	for i := range xs {
		sum += math.Exp(xs[i]) / total * ys[i]
	}
	return sum
}

// The mean over rows and their candidates is that of all candidates, whatever
// number each row has, and without one it is 0.
func TestMeanOverRaggedRows(t *testing.T) {
	for _, c := range []struct {
		mask [][]float32
		want float64
	}{
		{[][]float32{{1, 1, 1}, {1, 0, 0}}, (1 + 2 + 3 + 4) / 4.},
		{[][]float32{{0, 0, 0}, {0, 0, 0}}, 0},
	} {
		got := graph.MustExecOnce(gobackend.GetBackend(), func(x, mask *graph.Node) *graph.Node {
			b := op.NewBatch(op.Inputs{
				Axis: "row", Valid: graph.Const(x.Graph(), []float32{1, 1}), Count: graph.Const(x.Graph(), float32(2)),
				Ragged: map[string]*graph.Node{"candidate": mask},
				Term:   func(_, _, _ string) op.Tensor { return op.New(x, "row", "candidate") },
			})
			return b.Share(op.Mean(b.Score("rm", "candidates"), "row", "candidate"))
		}, [][]float32{{1, 2, 3}, {4, 5, 6}}, c.mask)
		if !near(float64(got.Value().(float32)), c.want, 1e-6) {
			t.Errorf("%v: %v, want %v", c.mask, got.Value(), c.want)
		}
	}
}

// Lengths that are all the same correlate with nothing, and say so with a finite
// gradient: 0.
func TestO6ConstantLengthsGiveNoNaN(t *testing.T) {
	w := four
	w.gap = []float32{271, 271, 271, 271}
	value, chosen, rejected := w.run(t, func(b *op.Batch) op.Tensor {
		return op.Add(op.Abs(op.Corr(b.Score("rm", "responses"), b.Column("gap"), "pair", "side")), bradleyTerry(b))
	})
	want, wantChosen, wantRejected := w.run(t, bradleyTerry)
	if !near(value, want, 1e-6) || !nearAll(chosen, wantChosen) || !nearAll(rejected, wantRejected) {
		t.Errorf("loss %v, gradients %v and %v; without the correlation %v, %v and %v", value, chosen, rejected, want, wantChosen, wantRejected)
	}
}

func TestGradientsOverSeveralAxes(t *testing.T) {
	both := func(b *op.Batch) op.Tensor { return b.Score("rm", "responses") }
	gap := func(b *op.Batch) op.Tensor { return b.Column("gap") }
	for name, f := range map[string]func(b *op.Batch) op.Tensor{
		"mean":      func(b *op.Batch) op.Tensor { return op.Mean(op.Square(both(b)), "pair", "side") },
		"corr":      func(b *op.Batch) op.Tensor { return op.Corr(both(b), gap(b), "pair", "side") },
		"max":       func(b *op.Batch) op.Tensor { return op.MaxOver(both(b), "pair", "side") },
		"logsumexp": func(b *op.Batch) op.Tensor { return op.LogSumExp(both(b), "pair", "side") },
		"softmax": func(b *op.Batch) op.Tensor {
			return op.Sum(op.Mul(op.Softmax(both(b), "pair", "side"), gap(b)), "pair", "side")
		},
		"square of mean": func(b *op.Batch) op.Tensor { return op.Square(op.Mean(both(b), "pair", "side")) },
		"one of two":     func(b *op.Batch) op.Tensor { return op.Mean(op.Square(op.At(both(b), "side", 0)), "pair") },
	} {
		t.Run(name, func(t *testing.T) { gradients(t, four, f, 2e-3) })
	}
}

// What adds up over the parts of an optimizer step is told from what does not.
func TestIndivisible(t *testing.T) {
	whole := map[string]bool{}
	graph.MustExecOnce(gobackend.GetBackend(), func(x *graph.Node) *graph.Node {
		g := x.Graph()
		total := graph.ScalarZero(g, x.DType())
		for name, f := range map[string]func(b *op.Batch) op.Tensor{
			"mean":           bradleyTerry,
			"sum":            func(b *op.Batch) op.Tensor { return op.Sum(op.Softplus(difference(b)), "pair") },
			"mean over both": func(b *op.Batch) op.Tensor { return op.Mean(b.Score("rm", "responses"), "pair", "side") },
			"times a scalar": func(b *op.Batch) op.Tensor { return op.Mul(op.Square(b.Scalar("rm", "s")), bradleyTerry(b)) },
			"corr of two sides": func(b *op.Batch) op.Tensor {
				return op.Mean(op.Corr(b.Score("rm", "responses"), op.Square(b.Score("rm", "responses")), "side"), "pair")
			},
			"! corr":           func(b *op.Batch) op.Tensor { return op.Corr(difference(b), b.Score("rm", "chosen"), "pair") },
			"! corr over both": func(b *op.Batch) op.Tensor { return op.Corr(b.Score("rm", "responses"), difference(b), "pair", "side") },
			"! square":         func(b *op.Batch) op.Tensor { return op.Square(bradleyTerry(b)) },
			"! product":        func(b *op.Batch) op.Tensor { return op.Mul(bradleyTerry(b), op.Mean(difference(b), "pair")) },
			"! quotient": func(b *op.Batch) op.Tensor {
				return op.Div(bradleyTerry(b), op.Sum(op.Gt(difference(b), op.Real(0)), "pair"))
			},
			"! variance": func(b *op.Batch) op.Tensor {
				return op.Mean(op.Square(op.Sub(difference(b), op.Mean(difference(b), "pair"))), "pair")
			},
			"! max":     func(b *op.Batch) op.Tensor { return op.MaxOver(difference(b), "pair") },
			"! softmax": func(b *op.Batch) op.Tensor { return op.Sum(op.Square(op.Softmax(difference(b), "pair")), "pair") },
			"! rank": func(b *op.Batch) op.Tensor {
				return op.Mean(op.Mul(op.Rank(difference(b), "pair"), difference(b)), "pair")
			},
		} {
			b := op.NewBatch(op.Inputs{Axis: "pair", Valid: graph.OnesLike(x), Count: graph.Const(g, float32(2)),
				Term: func(kind, _, view string) op.Tensor {
					if kind == "scalar" {
						return op.New(graph.Const(g, float32(3)))
					}
					return op.New(graph.MulScalar(x, float64(len(view))), "pair")
				}})
			total = graph.Add(total, b.Share(f(b)))
			whole[name] = b.Indivisible()
		}
		return total
	}, []float32{1, 2})
	for name, got := range whole {
		if want := name[0] == '!'; got != want {
			t.Errorf("%s: indivisible %v, want %v", name, got, want)
		}
	}
}
