package model

import (
	"math/rand/v2"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// A long row, whose queries are mixed part by part, gives for each of the sequences
// in it what a short row gives for it alone, and so do gradients: with windows that
// end inside of a part, and with caps.
func TestLongRowsGoPartByPart(t *testing.T) {
	const each, long = 300, 608
	if partOf(long) == long || partOf(each) != each {
		t.Fatalf("parts of %d and %d", partOf(long), partOf(each))
	}
	for _, family := range []string{"llama", "gemma2", "mistral"} {
		b := newBench(t, "xla", family)
		random := rand.New(rand.NewPCG(8, 8))
		rows := make([][]int32, 2)
		var packed, positions, ends []int32
		for r := range rows {
			for i := range each {
				rows[r] = append(rows[r], int32(random.IntN(300)))
				packed, positions, ends = append(packed, rows[r][i]), append(positions, int32(i)), append(ends, int32((r+1)*each))
			}
		}
		pad := func(x []int32) *tensors.Tensor {
			return tensors.FromFlatDataAndDimensions(append(slices.Clone(x), make([]int32, long-2*each)...), 1, long)
		}
		one := tensors.FromFlatDataAndDimensions(slices.Concat(rows...), 2, each)
		at := tensors.FromFlatDataAndDimensions(positions, 2, each)
		stop := tensors.FromFlatDataAndDimensions(slices.Repeat([]int32{each}, 2*each), 2, each)
		build := func(in []*Node) []*Node {
			p := b.params(in[3:])
			hidden := b.decoder.Hidden(p, in[0], in[1], in[2], 2)
			flat := Slice(Reshape(hidden, -1, b.decoder.Config.Hidden), AxisRange(0, 2*each))
			loss := ReduceAllSum(Mul(flat, Sin(IotaFull(flat.Graph(), flat.Shape()))))
			name := "model.layers.0.self_attn.k_proj.weight"
			return append([]*Node{flat}, Gradient(loss, p(name), p("model.layers.0.self_attn.q_proj.weight"))...)
		}
		want := run(t, b.backend, build, append([]any{one, at, stop}, b.weights...)...)
		got := run(t, b.backend, build, append([]any{pad(packed), pad(positions), pad(ends)}, b.weights...)...)
		for i, what := range []string{"hidden states", "gradient of k", "gradient of q"} {
			var wide []float64
			size := 0.0
			for _, x := range flat(want[i]) {
				wide = append(wide, float64(x))
				size = max(size, float64(x), -float64(x))
			}
			closeTo(t, family+": "+what, flat(got[i]), wide, 2e-5*max(1, size))
		}
	}
}
