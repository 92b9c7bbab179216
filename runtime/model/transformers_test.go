package model

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/arch"
)

// python is an interpreter that has torch, transformers and peft.
func python(t *testing.T) string {
	t.Helper()
	path := os.Getenv("RMC_PYTHON")
	if path == "" {
		t.Skip("needs RMC_PYTHON: a Python that has torch, transformers and peft")
	}
	return path
}

// transformers scores rows with what is in the folders.
func transformers(t *testing.T, rows [][]int32, folders ...string) []float32 {
	t.Helper()
	cmd := exec.Command(python(t), append([]string{"testdata/score.py"}, folders...)...)
	in, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &stderr
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	var out struct {
		Scores   [][]float32         `json:"scores"`
		Problems map[string][]string `json:"problems"`
	}
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if len(out.Problems) > 0 {
		t.Errorf("transformers did not load it as meant: %v", out.Problems)
	}
	var all []float32
	for _, row := range out.Scores {
		all = append(all, row...)
	}
	return all
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
	python(t)
	for _, family := range families(t) {
		t.Run(family, func(t *testing.T) {
			b, weights := hold(t, family)
			got := transformers(t, b.ref.Rows, export(t, b.decoder.Config, weights, 1))
			closeTo(t, "score", got, b.ref.Score, 1e-4)

			shallow := Weights{}
			for _, p := range b.decoder.ParametersTo(2) {
				shallow[p.Name] = weights[p.Name]
			}
			shallow[arch.ScoreWeight] = weights[arch.ScoreWeight]
			b.use(shallow)
			b.decoder.Config = b.decoder.Shallow(2)
			ours, _, _ := b.scores(t, pad(b.ref.Rows, 48))
			got = transformers(t, b.ref.Rows, export(t, b.decoder.Config, shallow, 1))
			closeTo(t, "score of two layers", got, wide(ours), 1e-4)
		})
	}
}

// TestConformanceAdapter has PEFT load an adapter that we wrote.
func TestConformanceAdapter(t *testing.T) {
	python(t)
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
			got := transformers(t, b.ref.Rows, export(t, b.decoder.Config, base, 1), folder)
			closeTo(t, family+" score with the adapter", got, wide(ours), 1e-4)
		}
	}
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
