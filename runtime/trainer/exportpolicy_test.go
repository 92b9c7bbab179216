package trainer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/conformance"
	"github.com/rmc-lang/rmc/runtime/arch"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// An exported policy is a language model of transformers, or an adapter of PEFT;
// the Python in its card says of steps, outcomes and pairs what trainer score says.
func TestConformanceOfExportedPolicies(t *testing.T) {
	conformance.Python(t)
	b := goBackend(t)
	short := func(_ *spec.Model, _ *spec.Data, tr *spec.Train) { tr.Steps = 3 }
	base, proofs := talker(t), tinyProofs(t, 6, 2)
	steps := processRun(t, b, base, proofs, short).Program
	lora := processRun(t, b, base, proofs, func(m *spec.Model, d *spec.Data, tr *spec.Train) {
		short(m, d, tr)
		m.Tune = spec.Tune{Kind: "lora", Rank: 2, Alpha: 4, On: []string{"q_proj", "v_proj"}}
	}).Program
	pairs := ssrmRun(t, b, "last").Program
	pairs.Stages[0].Train.Steps, pairs.Stages = 3, pairs.Stages[:1]
	for name, c := range map[string]struct {
		program program.Program
		lines   string
		rows    []any
		read    func(line []byte) ([]float64, error)
	}{
		"steps": {steps, `{"prompt": "q?", "steps": ["yes1", "no2", "yes3"]}`, []any{args("q?", []string{"yes1", "no2", "yes3"})}, rightOf},
		"lora":  {lora, `{"prompt": "q?", "steps": ["no4", "yes3"]}`, []any{args("q?", []string{"no4", "yes3"})}, rightOf},
		"pairs": {pairs, `{"prompt": "why [RESPONSE A] ?", "chosen": " yes1", "rejected": "no <turn>"}`,
			[]any{args([]map[string]string{{"role": "user", "content": "why [RESPONSE A] ?"}}, " yes1", "no <turn>")}, chosenOf},
	} {
		dir := t.TempDir()
		must(t, c.program, dir, "", "--backend", "go", "train")
		folder := filepath.Join(dir, "export")
		must(t, c.program, dir, "", "--backend", "go", "export", folder)
		var ours []float64
		for line := range strings.Lines(must(t, c.program, dir, c.lines+"\n", "--backend", "go", "score")) {
			one, err := c.read([]byte(line))
			if err != nil {
				t.Fatal(err)
			}
			ours = append(ours, one...)
		}
		conformance.Close(t, "exported policy in Python, "+name, ours, conformance.Rewards(t, conformance.Job{Folder: folder, Rows: c.rows})[0], 1e-5)
	}
}

func args(all ...any) map[string]any { return map[string]any{"of": all} }

func rightOf(line []byte) ([]float64, error) {
	var one struct{ Right []float64 }
	err := json.Unmarshal(line, &one)
	return one.Right, err
}

func chosenOf(line []byte) ([]float64, error) {
	var one struct{ Chosen float64 }
	err := json.Unmarshal(line, &one)
	return []float64{one.Chosen}, err
}

// The folder of a policy says what it is, and has its language head; of an adapter
// there is no score head to look for.
func TestExportedPolicyIsALanguageModel(t *testing.T) {
	p, dir := processRun(t, goBackend(t), talker(t), tinyProofs(t, 6, 2), func(m *spec.Model, _ *spec.Data, tr *spec.Train) {
		tr.Steps, m.Tune = 1, spec.Tune{Kind: "lora", Rank: 2, Alpha: 4, On: []string{"q_proj"}}
	}).Program, t.TempDir()
	must(t, p, dir, "", "--backend", "go", "train")
	whole, adapter := filepath.Join(dir, "whole"), filepath.Join(dir, "adapter")
	must(t, p, dir, "", "--backend", "go", "export", whole)
	must(t, p, dir, "", "--backend", "go", "export", "--adapter", adapter)
	read := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if config := read(filepath.Join(whole, "config.json")); !strings.Contains(config, "LlamaForCausalLM") || strings.Contains(config, "id2label") {
		t.Error(config)
	}
	if _, ok := readWeights(t, filepath.Join(whole, "model.safetensors"))[arch.LMHead]; !ok {
		t.Error("there is no language head")
	}
	if peft := read(filepath.Join(adapter, "adapter_config.json")); !strings.Contains(peft, "CAUSAL_LM") || strings.Contains(peft, "modules_to_save") {
		t.Error(peft)
	}
	if contract := read(filepath.Join(whole, "scoring_contract.json")); !strings.Contains(contract, `good \"+\" token 46, bad \"-\" token 48`) || !strings.Contains(contract, `language layer=-1`) {
		t.Error(contract)
	}
	if card := read(filepath.Join(whole, "README.md")); !strings.Contains(card, "[46, 48]") {
		t.Error(card)
	}
}
