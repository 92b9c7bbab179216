package model

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/conformance"
	"github.com/rmc-lang/rmc/runtime/arch"
)

// A trial is a job for transformers and the scores that it must give.
type trial struct {
	name   string
	job    conformance.Job
	scores []float64
}

func newTrial(name, folder, adapter string, rows [][]int32, scores []float64) trial {
	job := conformance.Job{Folder: folder, Adapter: adapter}
	for _, row := range rows {
		job.Rows = append(job.Rows, row)
	}
	return trial{name, job, scores}
}

// hear has transformers do all of the trials, and compares.
func hear(t *testing.T, trials []trial) {
	t.Helper()
	var jobs []conformance.Job
	for _, one := range trials {
		jobs = append(jobs, one.job)
	}
	for i, answer := range conformance.Transformers(t, jobs...) {
		if len(answer.Problems) > 0 {
			t.Errorf("%s: transformers did not load it as meant: %v", trials[i].name, answer.Problems)
		}
		conformance.Close(t, trials[i].name, slices.Concat(answer.Padded...), trials[i].scores, 1e-4)
	}
}

// export writes config.json and weights as an export does.
func export(t *testing.T, c arch.Config, weights Weights, outputs int) string {
	t.Helper()
	folder := t.TempDir()
	text, err := json.Marshal(c.HF(outputs, "float32"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "config.json"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := WriteModel(folder, weights.Sorted()); err != nil {
		t.Fatal(err)
	}
	return folder
}

// hold loads a family's weights, and puts them into a bench that has only them.
func hold(t *testing.T, family string) (*bench, Weights) {
	t.Helper()
	b := newBench(t, "go", family)
	weights := Weights{}
	for i, name := range b.names {
		weights[name] = b.weights[i].(*tensors.Tensor)
	}
	return b, weights
}

// use replaces the parameters of a bench.
func (b *bench) use(all ...Weights) {
	merged := Weights{}
	for _, weights := range all {
		for name, w := range weights {
			merged[name] = w
		}
	}
	b.names, b.weights = nil, nil
	for _, n := range merged.Sorted() {
		b.names, b.weights = append(b.names, n.Name), append(b.weights, n.Tensor)
	}
}

func wide(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}

// TestConformanceExport writes every family as an export does and has
// transformers load and score it; and the first two layers as a model of their own.
func TestConformanceExport(t *testing.T) {
	conformance.Python(t)
	var trials []trial
	for _, family := range families(t) {
		b, weights := hold(t, family)
		trials = append(trials, newTrial("export of "+family, export(t, b.decoder.Config, weights, 1), "", b.ref.Rows, b.ref.Score))

		shallow := Weights{}
		for _, p := range b.decoder.ParametersTo(2) {
			shallow[p.Name] = weights[p.Name]
		}
		shallow[arch.ScoreWeight] = weights[arch.ScoreWeight]
		b.use(shallow)
		b.decoder.Config = b.decoder.Shallow(2)
		ours, _, _ := b.scores(t, pad(b.ref.Rows, 48))
		trials = append(trials, newTrial("export of two layers of "+family, export(t, b.decoder.Config, shallow, 1), "", b.ref.Rows, wide(ours)))
	}
	hear(t, trials)
}

// TestConformanceAdapter has PEFT load an adapter that we wrote.
func TestConformanceAdapter(t *testing.T) {
	conformance.Python(t)
	var trials []trial
	for _, family := range []string{"llama", "gemma3"} {
		for _, layers := range []int{-1, 2} {
			b, weights := hold(t, family)
			lora := &LoRA{Rank: 4, Alpha: 8, On: []string{"q_proj", "v_proj", "down_proj"}}
			adapter := strong(lora, b.decoder.Config, layers)
			if layers >= 0 {
				for _, p := range lora.Parameters(b.decoder.Config, -1) {
					if adapter[p.Name] == nil { // no adapter is one of zeros
						weights[p.Name] = tensors.FromScalarAndDimensions(float32(0), p.Shape...)
					}
				}
			}
			head := InitScore(b.decoder.Config, 1, false, "normal", 3)
			b.use(weights, head, adapter)
			b.decoder.LoRA = lora
			ours, _, _ := b.scores(t, pad(b.ref.Rows, 48))

			folder := t.TempDir()
			kept := Weights{arch.ScoreWeight: head[arch.ScoreWeight]}
			for name, w := range adapter {
				kept[name] = w
			}
			if err := lora.WriteAdapter(folder, "base", layers, kept); err != nil {
				t.Fatal(err)
			}
			base := Weights{}
			for _, p := range append(b.decoder.Parameters(), b.decoder.ScoreParameters(1, false)...) {
				base[p.Name] = weights[p.Name]
			}
			name := fmt.Sprintf("adapter of %s, layers to %d", family, layers)
			trials = append(trials, newTrial(name, export(t, b.decoder.Config, base, 1), folder, b.ref.Rows, wide(ours)))
		}
	}
	hear(t, trials)
}

// strong is an adapter whose B is not 0, so that it matters.
func strong(l *LoRA, c arch.Config, layers int) Weights {
	adapter := l.Init(c, layers, 1)
	for name, w := range adapter {
		if !isA(name) {
			r := random(2, name)
			fill(w, func() float64 { return 0.1 * r.NormFloat64() })
		}
	}
	return adapter
}
