package op_test

import (
	"math"
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
	out, err := exec.Exec(w.chosen, w.rejected, w.gap, w.valid, w.count)
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
	// methods.md T3: equal scores give ln 2, a lead of 2 gives .126928.
	w := world{[]float32{0, 2}, []float32{0, 0}, []float32{0, 0}, []float32{1, 1}, 2}
	got, chosen, _ := w.run(t, bradleyTerry)
	if want := (0.693147 + 0.126928) / 2; !near(got, want, 1e-5) {
		t.Errorf("loss %v, want %v", got, want)
	}
	if want := -0.25; !near(chosen[0], want, 1e-6) {
		t.Errorf("gradient at equal scores %v, want %v", chosen[0], want)
	}
}
