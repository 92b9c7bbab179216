package stdlib_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rmc-lang/rmc/compiler"
	"github.com/rmc-lang/rmc/compiler/resolve"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/parse"
	"github.com/rmc-lang/rmc/lang/source"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/suite"
	"github.com/rmc-lang/rmc/stdlib"
)

// declared is the suite of a library of its own name, with text of it replaced.
func declared(t *testing.T, name string, replace ...string) spec.Suite {
	t.Helper()
	text, err := stdlib.FS.ReadFile(name + ".rmr")
	if err != nil {
		t.Fatal(err)
	}
	file, errs := parse.File(source.New(name+".rmr", strings.NewReplacer(replace...).Replace(string(text))))
	r := resolve.Library(file, nil, (*diag.List)(&errs))
	if len(errs) > 0 || r.Suite(name) == nil {
		t.Fatal(errs)
	}
	return r.Suite(name).Spec
}

// every is a suite's sections by name.
func every(s spec.Suite) map[string]spec.Section {
	all := map[string]spec.Section{}
	for _, sec := range s.Sections {
		all[sec.Name] = sec
	}
	return all
}

// Every suite compiles in a recipe that measures with it.
func TestSuitesCompile(t *testing.T) {
	for _, name := range []string{"rewardbench", "rewardbench2", "rm_bench", "llmbar", "judgebench", "processbench"} {
		s := declared(t, name)
		if s.Data == "labels" {
			continue
		}
		recipe := `recipe r

use std/preference
use std/` + name + `

model rm: reward { base = "file:base" }

data d: preference { source = "file:d.jsonl", over_length = drop, split = none }

data bench: ` + s.Data + ` { source = "file:b.jsonl", over_length = truncate_left, split = none }

train rm on d { objective = bradley_terry }

evaluate rm on bench.all as bench { suite = ` + name + ` }
`
		result, errs := compiler.Compile(fstest.MapFS{"r.rmr": {Data: []byte(recipe)}}, "r.rmr", compiler.Options{})
		if len(errs) > 0 {
			t.Errorf("%s: %v", name, errs)
			continue
		}
		files, err := compiler.Emit(result)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{".By(", "a suite reads them", "spec.Suite{"} {
			if !strings.Contains(string(files[0].Content), want) {
				t.Errorf("%s: %q is not in\n%s", name, want, files[0].Content)
			}
		}
	}
}

// constants reports what is wrong with the weights of RewardBench.
func constants(s spec.Suite) error {
	sections := every(s)
	for name, want := range map[string]float64{"Chat": 358, "Chat Hard": 456, "Safety": 740, "Reasoning": 1968} {
		total := 0.0
		for _, sub := range sections[name].Members() {
			total += sub.Weight
		}
		if total != want {
			return fmt.Errorf("%s weighs %v, and has %v", name, total, want)
		}
	}
	// What the sum cannot tell, for the two are in one section.
	for _, sub := range sections["Safety"].Members() {
		if want, ok := map[string]float64{"xstest-should-refuse": 154, "xstest-should-respond": 250}[sub.Name]; ok && sub.Weight != want {
			return fmt.Errorf("%s weighs %v, and has %v rows", sub.Name, sub.Weight, want)
		}
	}
	return nil
}

// A3: the reference gives the two subsets of xstest each other's weight, which
// moves Safety by (96/740)·(refuse − respond).
func TestA3XstestWeightsAreNotSwapped(t *testing.T) {
	right := declared(t, "rewardbench")
	if err := constants(right); err != nil {
		t.Fatal(err)
	}
	swapped := declared(t, "rewardbench", "= 154", "= 250", "= 250", "= 154")
	if err := constants(swapped); err == nil || !strings.Contains(err.Error(), "xstest") {
		t.Errorf("swapped weights pass: %v", err)
	}
	rows := append(some("xstest-should-refuse", 10, 10), some("xstest-should-respond", 0, 10)...)
	a, b := safety(t, right, rows), safety(t, swapped, rows)
	if math.Abs(a-154.0/404) > 1e-12 || math.Abs(b-250.0/404) > 1e-12 {
		t.Errorf("Safety is %v, and %v with swapped weights", a, b)
	}
}

func safety(t *testing.T, s spec.Suite, rows []suite.Row) float64 {
	t.Helper()
	table, err := suite.Score(s, rows)
	if err != nil {
		t.Fatal(err)
	}
	for _, sec := range table.Sections {
		if sec.Name == "Safety" {
			return sec.Value
		}
	}
	t.Fatal("no section Safety")
	return 0
}

// some is n pairs of a subset of which some are right.
func some(subset string, right, n int) []suite.Row {
	var rows []suite.Row
	for i := range n {
		score := -1.0
		if i < right {
			score = 1
		}
		rows = append(rows, suite.Row{Row: i, Subset: subset, Prompt: fmt.Sprint(subset, i), Scores: []float64{score, 0}, Better: 1})
	}
	return rows
}

// T15: the rows of the leaderboard of May 2024 recompute from their sections to
// what a tenth rounds away. A section is given as one subset of it with so many
// right out of 1,000.
func TestT15PublishedRowsRecompute(t *testing.T) {
	s := declared(t, "rewardbench")
	of := []string{"alpacaeval-easy", "llmbar-natural", "donotanswer", "math-prm", "shp"}
	for _, row := range []struct {
		model    string
		score    float64
		sections [5]float64 // Chat, Chat Hard, Safety, Reasoning, Prior Sets; 0 where not measured
	}{
		{"ArmoRM-Llama3-8B-v0.1", 89.0, [5]float64{96.9, 76.8, 92.2, 97.3, 74.3}},
		{"Cohere May 2024", 88.3, [5]float64{96.4, 71.3, 92.7, 97.7, 78.2}},
		{"pair-preference-model-LLaMA3-8B", 85.7, [5]float64{98.3, 65.8, 89.7, 94.7, 74.6}},
		{"GPT-4 Turbo 0125", 84.3, [5]float64{95.3, 74.3, 87.2, 86.9, 70.9}},
		{"FsfairX-LLaMA3-RM-v0.1", 83.6, [5]float64{99.4, 65.1, 87.8, 86.4, 74.9}},
		{"Starling-RM-34B", 81.4, [5]float64{96.9, 57.2, 88.2, 88.5, 71.4}},
		// January 2025: the mean of four.
		{"Decision-Tree-Reward-Gemma-2-27B", 95.4, [5]float64{96.9, 91.4, 93.9, 99.2, 0}},
		{"Decision-Tree-Reward-Llama-3.1-8B", 94.5, [5]float64{96.6, 89.5, 93.2, 98.6, 0}},
	} {
		var rows []suite.Row
		for i, share := range row.sections {
			if share > 0 {
				rows = append(rows, some(of[i], int(math.Round(10*share)), 1000)...)
			}
		}
		table, err := suite.Score(s, rows)
		if err != nil {
			t.Fatal(err)
		}
		if got := 100 * table.Overall.Value; math.Abs(got-row.score) > 0.06 {
			t.Errorf("%s: %.3f, published %v", row.model, got, row.score)
		}
	}
}

// T16: RewardBench 2 is the plain mean of six, one of which may exceed 1.
func TestT16RewardBench2(t *testing.T) {
	s := declared(t, "rewardbench2")
	var rows []suite.Row
	for i, name := range []string{"Factuality", "Precise IF", "Math", "Safety", "Focus"} {
		scores := [][]float64{{1, 1, 1, 1}, {2, 2, 1, 1}, {3, 2, 1, 1}, {1, 2, 1, 1}, {0, 0, 0, -1}}[i]
		rows = append(rows, suite.Row{Row: i, Subset: name, Prompt: name, Scores: scores, Better: 1})
	}
	rows = append(rows,
		suite.Row{Subset: "Ties", Name: "tied:0", Scores: []float64{3, 2.9, 1}, Better: 2},
		suite.Row{Subset: "Ties", Name: "ref:0", Scores: []float64{2.8, 1.2}, Better: 1})
	table, err := suite.Score(s, rows)
	if err != nil {
		t.Fatal(err)
	}
	values := []float64{0.25, 0.5, 1, 0, 1.0 / 3, 1.01}
	mean := 0.0
	for i, want := range values {
		if got := table.Sections[i].Value; math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: %v, want %v", table.Sections[i].Name, got, want)
		}
		mean += want / 6
	}
	if math.Abs(table.Overall.Value-mean) > 1e-9 || len(table.Notes) > 0 {
		t.Errorf("%v, want %v; %q", table.Overall.Value, mean, table.Notes)
	}
}

// The score of RM-Bench is the mean of the domains and, the same, that of easy,
// normal and hard, each the mean of the domains'.
func TestRMBenchAveragesAgree(t *testing.T) {
	s := declared(t, "rm_bench")
	var rows []suite.Row
	for i, name := range []string{"alpacaeval", "math", "bigcode/humanevalpack", "xstest-should-refuse", "refusals-dangerous", "safety-response"} {
		for k := range i + 2 {
			scores := make([]float64, 6)
			for j := range scores {
				scores[j] = math.Sin(float64(17*i + 5*k + 3*j))
			}
			rows = append(rows, suite.Row{Subset: name, Prompt: fmt.Sprint(i, k), Scores: scores, Better: 3})
		}
	}
	table, err := suite.Score(s, rows)
	if err != nil {
		t.Fatal(err)
	}
	all := table.Overall
	if three := (all.Parts[0].Value + all.Parts[1].Value + all.Parts[2].Value) / 3; math.Abs(three-all.Value) > 1e-12 {
		t.Errorf("difficulties %v, domains %v", three, all.Value)
	}
	if got := table.Sections[3].Rows; got != 5+6+7 {
		t.Errorf("Safety pools %d rows", got)
	}
}

// LLMBar's score weighs its five subsets alike.
func TestLLMBarIsTheMeanOfFive(t *testing.T) {
	var rows []suite.Row
	want := 0.0
	for i, name := range []string{"natural", "adver-neighbor", "adver-GPTInst", "adver-GPTOut", "adver-manual"} {
		rows = append(rows, some("llmbar-"+name, i+3, 10*(i+1))...)
		want += float64(i+3) / float64(10*(i+1)) / 5
	}
	table, err := suite.Score(declared(t, "llmbar"), rows)
	if err != nil || math.Abs(table.Overall.Value-want) > 1e-12 || len(table.Notes) > 0 {
		t.Errorf("%v, want %v: %v %q", table, want, err, table.Notes)
	}
}

// JudgeBench's is the share of all pairs, whatever they are of.
func TestJudgeBenchPoolsPairs(t *testing.T) {
	rows := append(some("mmlu-pro-law", 1, 10), some("mmlu-pro-math", 9, 30)...)
	rows = append(rows, some("livecodebench", 2, 4)...)
	table, err := suite.Score(declared(t, "judgebench"), rows)
	if err != nil || table.Overall.Value != 12.0/44 || table.Sections[0].Value != 0.25 || table.Sections[0].Rows != 40 {
		t.Errorf("%+v: %v", table, err)
	}
}

// ProcessBench's is the mean of its subsets' F1, which what always says that all
// is right does not get.
func TestProcessBenchIsTheMeanOfF1(t *testing.T) {
	var rows []suite.Row
	for _, name := range []string{"gsm8k", "math"} {
		rows = append(rows,
			suite.Row{Subset: name, Prompt: name, Scores: []float64{0.9, 0.1}, Error: 1},
			suite.Row{Subset: name, Prompt: name + "2", Scores: []float64{0.9, 0.9}, Error: -1})
	}
	rows = append(rows, suite.Row{Subset: "math", Prompt: "3", Scores: []float64{0.1}, Error: -1})
	table, err := suite.Score(declared(t, "processbench"), rows)
	if want := (1 + 2.0/3) / 2; err != nil || math.Abs(table.Overall.Value-want) > 1e-12 {
		t.Errorf("%+v, want %v: %v", table, want, err)
	}
}
