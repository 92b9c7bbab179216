package recipes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// chat is a template that the tiny model is asked with.
const chat = `{{ bos_token }}{% for m in messages %}{{ '<' + m['role'][0] + '>' + m['content'] + eos_token }}{% endfor %}{% if add_generation_prompt %}{{ '<a>' }}{% endif %}`

// talkative puts a tiny decoder that is read through its embedding, with tokenizer
// and template, into dir/model.
func talkative(t *testing.T, dir string) {
	t.Helper()
	config := inside(t, "..", "testdata", "conformance", "llama", "config.json")
	var fields map[string]any
	if err := json.Unmarshal(config, &fields); err != nil {
		t.Fatal(err)
	}
	fields["tie_word_embeddings"], fields["max_position_embeddings"] = true, 512
	settings := map[string]string{"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "chat_template": chat}
	put(t, filepath.Join(dir, "model", "config.json"), asJSON(t, fields))
	put(t, filepath.Join(dir, "model", "tokenizer_config.json"), asJSON(t, settings))
	put(t, filepath.Join(dir, "model", "tokenizer.json"), inside(t, "..", "testdata", "tiny", "tokenizer", "tokenizer.json"))
	put(t, filepath.Join(dir, "model", "model.safetensors"), inside(t, "..", "testdata", "conformance", "llama", "model.safetensors"))
}

func asJSON(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func inside(t *testing.T, path ...string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func put(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// sharedRows are some rows of files in the shared folder, made as the READMEs of the
// recipes say: the first of JSON lines; of a list, or an object of lists, as many
// evenly spread, for ProcessBench has solutions with errors first. extra is added to
// each.
func sharedRows(t *testing.T, rows int, extra map[string]any, path ...string) []byte {
	t.Helper()
	root := os.Getenv("RMC_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "shared")
	}
	text, err := os.ReadFile(filepath.Join(append([]string{root, "data"}, path...)...))
	if err != nil {
		t.Skipf("needs ../shared: %v", err)
	}
	var all []map[string]any
	var lists map[string][]map[string]any
	switch {
	case json.Unmarshal(text, &all) == nil:
	case json.Unmarshal(text, &lists) == nil && len(lists) > 0:
		for _, list := range lists {
			all = append(all, list...)
		}
		slices.SortFunc(all, func(a, b map[string]any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	default:
		all = nil
		for dec := json.NewDecoder(bytes.NewReader(text)); dec.More() && len(all) < rows; {
			var row map[string]any
			if err := dec.Decode(&row); err != nil {
				t.Fatal(err)
			}
			all = append(all, row)
		}
	}
	var out bytes.Buffer
	rows = min(rows, len(all))
	for i := range rows {
		row := all[i*len(all)/rows]
		for name, v := range extra {
			row[name] = v
		}
		out.Write(append(asJSON(t, row), '\n'))
	}
	return out.Bytes()
}

// The recipes of process and outcome reward models go the whole way on a few of
// their own rows and a tiny model.
func TestProcessRecipesOnAFewRows(t *testing.T) {
	benchmark := slices.Concat(sharedRows(t, 12, map[string]any{"subset": "gsm8k"}, "processbench", "gsm8k.json"),
		sharedRows(t, 12, map[string]any{"subset": "math"}, "processbench", "math.json"))
	solutions := sharedRows(t, 8, nil, "gsm8k", "example_model_solutions.jsonl")
	for _, c := range []struct {
		recipe string
		files  map[string][]byte
		set    []string
		want   []string // of the summary
	}{
		{"prm", map[string][]byte{
			"bigbench_mistake.jsonl": sharedRows(t, 6, nil, "big-bench-mistake", "multistep_arithmetic.jsonl"),
			"mr_ben.jsonl":           sharedRows(t, 6, nil, "mr-ben", "math.json"),
			"prmbench.jsonl":         sharedRows(t, 6, nil, "prmbench", "prm800k_test_p2_4o_circular.jsonl"),
			"processbench.jsonl":     benchmark,
		}, []string{"model.pm.layer=-1", `model.pm.base="file:model"`, "data.mistakes.over_length=truncate_right", "data.mr_ben.over_length=truncate_right",
			"data.prmbench.over_length=truncate_right", "data.mistakes.max_length=512 tokens", "data.mr_ben.max_length=512 tokens", "data.prmbench.max_length=512 tokens",
			"data.bench.max_length=512 tokens", "train.pm.steps=2", "train.pm.batch=4 rows"},
			[]string{"always good", "gsm8k", "math", "erroneous", "correct"}},
		{"orm", map[string][]byte{"gsm8k_solutions.jsonl": solutions},
			[]string{"model.om.layer=-1", `model.om.base="file:model"`, "data.solutions.max_length=512 tokens", "data.solutions.over_length=truncate_left", "train.om.steps=2", "train.om.batch=4 rows"},
			[]string{"always bad", "AUC", "best of 4", "majority"}},
		{"scalar_orm", map[string][]byte{"gsm8k_solutions.jsonl": solutions},
			[]string{"model.om.head.layer=-1", `model.om.base="file:model"`, "data.solutions.max_length=512 tokens", "data.solutions.over_length=truncate_left", "train.om.epochs=1 epochs", "train.om.batch=4 rows", "model.om.head.init=keep"},
			[]string{"AUC", "best of 4", "majority"}},
	} {
		t.Run(c.recipe, func(t *testing.T) {
			dir := t.TempDir()
			talkative(t, dir)
			put(t, filepath.Join(dir, c.recipe+".rmr"), inside(t, c.recipe, c.recipe+".rmr"))
			for name, rows := range c.files {
				put(t, filepath.Join(dir, name), rows)
			}
			args := []string{"build", "--backend", "go"}
			for _, set := range c.set {
				args = append(args, "--set", set)
			}
			command(t, dir, 0, rmc, args...)
			out, errs := command(t, dir, 0, "./trainer")
			for _, want := range c.want {
				if !strings.Contains(out+errs, want) {
					t.Errorf("%q is not in what %s says:\n%s%s", want, c.recipe, out, errs)
				}
			}
		})
	}
}
