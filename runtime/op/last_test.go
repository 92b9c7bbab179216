package op_test

import (
	"testing"

	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/rmc-lang/rmc/runtime/op"
)

// A stepwise is a micro-batch of conversations with labels: a logit at each mark,
// and what the whole optimizer step has.
type stepwise struct {
	logits [][]float32
	there  [][]bool
	valid  []float32
	rows   float32
	steps  float32
}

// run returns a scalar's share, its gradient, and whether it is a statistic that
// micro-batches do not add up to.
func (w stepwise) run(t *testing.T, f func(x op.Tensor) op.Tensor) (share float64, gradient [][]float32, indivisible bool) {
	t.Helper()
	exec, err := graph.NewExec(gobackend.GetBackend(), func(x, there, valid, rows, steps *graph.Node) []*graph.Node {
		b := op.NewBatch(op.Inputs{
			Axis: "row", Valid: valid, Count: rows,
			Ragged: map[string]*graph.Node{"step": there}, Counts: map[string]*graph.Node{"step": steps},
			Term: func(_, _, _ string) op.Tensor { return op.New(x, "row", "step") },
		})
		loss := b.Share(f(b.Logits("pm", "conversation")))
		indivisible = b.Indivisible()
		return []*graph.Node{loss, graph.Gradient(loss, x)[0]}
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Call(w.logits, w.there, w.valid, w.rows, w.steps)
	if err != nil {
		t.Fatal(err)
	}
	return float64(out[0].Value().(float32)), out[1].Value().([][]float32), indivisible
}

// The mean over rows and steps takes each step alike, wherever the optimizer step
// is cut: three labels here and one there are four.
func TestMeanOverRowsAndStepsAddsUp(t *testing.T) {
	mean := func(x op.Tensor) op.Tensor { return op.Mean(op.Square(x), "row", "step") }
	first := stepwise{[][]float32{{1, 2, 3}, {9, 9, 9}}, [][]bool{{true, true, true}, {true, true, true}}, []float32{1, 0}, 2, 4}
	second := stepwise{[][]float32{{9, 4, 9}}, [][]bool{{false, true, false}}, []float32{1}, 2, 4}
	a, slope, statistic := first.run(t, mean)
	b, _, _ := second.run(t, mean)
	if want := (1.0 + 4 + 9 + 16) / 4; !near(a+b, want, 1e-6) || statistic {
		t.Errorf("the shares add up to %v, want %v; a statistic: %v", a+b, want, statistic)
	}
	if slope[0][1] != 1 || slope[1][0] != 0 {
		t.Errorf("the gradient is %v, want 2·2/4 at the second step and 0 where nothing is", slope)
	}
}

// The last is that of the steps that are there, of a row without any 0; nothing
// else gets a gradient.
func TestLast(t *testing.T) {
	w := stepwise{[][]float32{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}, [][]bool{{true, true, true}, {true, false, true}, {false, false, false}}, []float32{1, 1, 1}, 3, 5}
	w.there[1][2] = false
	w.there[1][1] = true
	got, slope, statistic := w.run(t, func(x op.Tensor) op.Tensor { return op.Mean(op.Square(op.Last(x, "step")), "row") })
	if want := (9.0 + 25 + 0) / 3; !near(got, want, 1e-6) || statistic {
		t.Errorf("the mean square of the last is %v, want %v; a statistic: %v", got, want, statistic)
	}
	for i, row := range [][]float32{{0, 0, 2}, {0, 10.0 / 3, 0}, {0, 0, 0}} {
		for j, want := range row {
			if !near(float64(slope[i][j]), float64(want), 1e-6) {
				t.Errorf("the gradient of row %d is %v, want %v", i, slope[i], row)
				break
			}
		}
	}
}
