package model

import (
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/arch"
	"github.com/rmc-lang/rmc/runtime/backend"
)

// smol is the shape of SmolLM2-135M, cut to 8 of its 30 layers.
var smol = arch.Config{
	Family: "llama", Vocab: 49152, Hidden: 576, Intermediate: 1536, Layers: 8, Heads: 9, KVHeads: 3, HeadDim: 64,
	MaxPositions: 8192, Activation: "silu", NormEps: 1e-5, EmbedScale: 1, AttnScale: 0.125,
	Windows: make([]int, 8), Rope: arch.Rope{Type: "default", Theta: 1e5}, LocalRope: arch.Rope{Type: "default", Theta: 1e5},
	Tied: true,
}

// BenchmarkSmolLM2 measures the decoder and its gradients on 4 rows of 256
// tokens, on XLA. Set glibc's tunables as backend.TuneProcess does; without them
// a tenth of the time goes into page faults.
func BenchmarkSmolLM2(b *testing.B) {
	lora := &LoRA{Rank: 16, Alpha: 32, On: arch.Projections()}
	for _, c := range []struct {
		name    string
		decoder *Decoder
		train   func(name string) bool
	}{
		{"forward", &Decoder{Config: smol}, nil},
		{"full", &Decoder{Config: smol}, func(string) bool { return true }},
		{"lora", &Decoder{Config: smol, LoRA: lora}, isAdapter},
		{"full checkpointed", &Decoder{Config: smol, Checkpoint: true}, func(string) bool { return true }},
	} {
		b.Run(c.name, func(b *testing.B) { benchmark(b, c.decoder, c.train) })
	}
}

func isAdapter(name string) bool {
	return isA(name) || len(name) > len(loraB) && name[len(name)-len(loraB):] == loraB
}

func benchmark(b *testing.B, d *Decoder, train func(string) bool) {
	be, err := backend.Open("xla")
	if err != nil {
		b.Skipf("needs an XLA plugin: %v", err)
	}
	defer be.Finalize()
	var names []string
	x := pad([][]int32{make([]int32, 256), make([]int32, 256), make([]int32, 256), make([]int32, 256)}, 256)
	in := []any{x.tokens, x.positions, x.ends, x.last}
	all := append(d.Parameters(), d.ScoreParameters(1, false)...)
	if d.LoRA != nil {
		all = append(all, d.LoRA.Parameters(d.Config, -1)...)
	}
	for _, p := range all {
		t := tensors.FromShape(shapes.Make(dtypes.Float32, p.Shape...))
		r := random(0, p.Name)
		fill(t, func() float64 { return 0.04 * (r.Float64() - 0.5) })
		if err := t.ToDevice(be.Backend, 0); err != nil {
			b.Fatal(err)
		}
		names = append(names, p.Name)
		in = append(in, t)
	}
	exec, err := NewExec(be.Backend, func(in []*Node) []*Node {
		p := func(name string) *Node {
			for i, n := range names {
				if n == name {
					return in[4+i]
				}
			}
			panic("no parameter " + name)
		}
		score := Score(p, d.Hidden(p, in[0], in[1], in[2], -1), in[3], false)
		margin := Sub(Slice(score, AxisRange().Stride(2)), Slice(score, AxisRange(1).Stride(2)))
		loss := ReduceAllMean(Softplus(Neg(margin)))
		if train == nil {
			return []*Node{loss}
		}
		var wanted []*Node
		for i, n := range names {
			if train(n) {
				wanted = append(wanted, in[4+i])
			}
		}
		return append([]*Node{loss}, Gradient(loss, wanted...)...)
	})
	if err != nil {
		b.Fatal(err)
	}
	defer exec.Finalize()
	call := func() {
		out, err := exec.Call(in...)
		if err != nil {
			b.Fatal(err)
		}
		tensors.ToScalar[float32](out[0])
		for _, o := range out {
			o.MustFinalizeAll()
		}
	}
	call()
	for b.Loop() {
		call()
	}
	b.ReportMetric(4*256*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
}
