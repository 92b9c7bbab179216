package trainer

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/backend"
	"github.com/rmc-lang/rmc/runtime/op"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/scoring"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/world"
)

// talkingModel is a tiny model with a tokenizer of bytes and a chat template.
func talkingModel(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	copyTo := func(to, from string, change ...string) {
		content, err := os.ReadFile(filepath.Join("../../testdata", from))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, to), []byte(strings.NewReplacer(change...).Replace(string(content))), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	copyTo("model.safetensors", "conformance/llama/model.safetensors")
	copyTo("config.json", "conformance/llama/config.json", `"tie_word_embeddings": false`, `"tie_word_embeddings": true`)
	copyTo("tokenizer.json", "tiny/tokenizer/tokenizer.json")
	copyTo("tokenizer_config.json", "tiny/tokenizer/tokenizer_config.json")
	const template = "{{ bos_token }}{% for m in messages %}{{ m['role'] }}:\n{{ m['content'] }}{{ eos_token }}\n{% endfor %}{% if add_generation_prompt %}assistant:\n{% endif %}"
	if err := os.WriteFile(filepath.Join(dir, "chat_template.jinja"), []byte(template), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// alphabet are texts at which a completion ends, so that one of nonsense does.
var alphabet = strings.Split("abcdefghijklmnopqrstuvwxyz", "")

// rolledSamples are twice as many as are written at once: a tiny model hits upon the
// right answer in one of thirty.
const rolledSamples = 16

// rolling is a program in which a tiny policy goes on from the steps of n solutions,
// and another is trained on what comes of it.
func rolling(t *testing.T, n int) Program {
	t.Helper()
	path := filepath.Join(t.TempDir(), "solutions.jsonl")
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"question": "%d and two", "steps": ["%d", "so it is%s", "#### %d"], "answer": "#### 4"}`+"\n", i, i, strings.Repeat(" four", 8*(i%3)), 4+i%2)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	base := "file:" + talkingModel(t)
	m := spec.Model{Kind: "policy", Base: base, DType: "float32", Layer: -1, Tune: spec.Tune{Kind: "full"}}
	gen, pm := m, m
	gen.Name, pm.Name = "gen", "pm"
	solutions := spec.Data{Name: "solutions", Kind: "labels", Source: "file:" + path, Format: "steps", Columns: spec.Columns{Kind: "same"}, Labels: []string{"good", "bad"}, Tokens: []string{"a", "b"},
		Level: "step", MaxLength: 512, OverLength: "drop", Split: spec.Split{Kind: "none"}, Unlabelled: true}
	steps := solutions
	steps.Name, steps.Label = "steps", "steps"
	label := spec.Label{Name: "steps", Kind: "rollout", Data: "solutions", Model: "gen", Policy: "gen", API: "completions", Prompt: "short.jinja", Text: "{{ question }}\n{{ solution }}\n",
		Samples: rolledSamples, Grade: "hard", Until: alphabet, MaxTokens: 80, Temperature: 1, Seed: 3, Batch: 8}
	return Program{Name: "rolling", Recipe: "recipe rolling\n", Models: []spec.Model{gen}, Data: []spec.Data{solutions, steps}, Stages: []Stage{
		Label(label, solutions), Train(pm, steps, trainSteps("pm", "steps"), rolledLoss("pm")),
	}}
}

func trainSteps(name, d string) spec.Train {
	return spec.Train{Name: name, Data: d, Objective: "labelLoss", Batch: 4, Steps: 2, Order: "resample", Save: 50, Seed: 1,
		Optimizer: spec.Optimizer{Kind: "adamw", LR: 0.01, Betas: [2]float64{0.9, 0.999}, Eps: 1e-8, Decay: "matrices", Clip: 1},
		Schedule:  spec.Schedule{Kind: "constant"}}
}

func rolledLoss(name string) func(*op.Batch) op.Objective {
	return func(b *op.Batch) op.Objective {
		logP := op.LogSoftmax(b.Logits(name, "conversation"), "label")
		return op.Objective{Loss: op.Neg(op.Mean(op.Sum(op.Mul(b.Gold(), logP), "label"), "row", "step"))}
	}
}

// rolledRows are the rows that a run's rollout wrote, and how they read.
func rolledRows(t *testing.T, dir string) (rows []rundir.Stepped, text string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, "labels", "steps", rundir.StepsFile))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		var row rundir.Stepped
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows, string(content)
}

// spokenIn are the answers that a run keeps, by question and sample.
func spokenIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	tables, err := filepath.Glob(filepath.Join(dir, "labels", "steps", "answers-*.jsonl"))
	if err != nil || len(tables) != 1 {
		t.Fatalf("tables %q, %v", tables, err)
	}
	content, err := os.ReadFile(tables[0])
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for i, line := range strings.Split(strings.TrimSpace(string(content)), "\n") {
		var a struct {
			Question     string
			Sample       int
			Text, Finish string
		}
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			all[fmt.Sprintf("%s %d", a.Question, a.Sample)] = a.Finish + " " + a.Text
		}
	}
	return all
}

// A policy of the recipe labels steps; how many answers are written at once changes
// none of them.
func TestRolloutByAPolicy(t *testing.T) {
	p := rolling(t, 9)
	dir := t.TempDir()
	must(t, p, dir, "", "train")
	rows, text := rolledRows(t, dir)
	good, bad, some := 0, 0, 0
	for i, row := range rows {
		if row.Row != i || row.Samples != rolledSamples || len(row.Right) != 3 || row.Right[2] != nil || *row.Label != (i%2 == 0) || row.Labels[2] != *row.Label {
			t.Fatalf("row %d: %+v", i, row)
		}
		for k := range 2 {
			if row.Labels[k] != (*row.Right[k] > 0) {
				t.Errorf("row %d: label %d is %v with %d right completions", i, k+1, row.Labels[k], *row.Right[k])
			}
			if *row.Right[k] > 0 {
				good++
			} else {
				bad++
			}
			if *row.Right[k] > 0 && *row.Right[k] < rolledSamples {
				some++
			}
		}
	}
	if len(rows) != 9 || good == 0 || bad == 0 || some == 0 {
		t.Errorf("%d rows, %d good and %d bad steps, %d of them good by some completions", len(rows), good, bad, some)
	}
	rec, err := rundir.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if s := rec.Stages[0].Rollout; s == nil || s.Asked != 9*2*rolledSamples || s.Requests != 0 || s.Completions != 9*2*rolledSamples || s.PromptTokens == 0 || s.AnswerTokens == 0 {
		t.Errorf("%+v", rec.Stages[0].Rollout)
	}
	answers := spokenIn(t, dir)
	for _, batch := range []int{1, 16} {
		q, other := p, t.TempDir()
		q.Stages = []Stage{p.Stages[0]}
		q.Stages[0].Label.Batch = batch
		must(t, q, other, "", "train")
		if _, got := rolledRows(t, other); got != text {
			t.Errorf("written %d at a time there are other labels:\n%swant\n%s", batch, got, text)
		}
		for at, a := range spokenIn(t, other) {
			if answers[at] != a {
				t.Errorf("written %d at a time, %s is %q, want %q", batch, at, a, answers[at])
			}
		}
	}
}

func TestSoftRolloutByAPolicyStopsAtWrong(t *testing.T) {
	p := rolling(t, 9)
	p.Stages[0].Label.Grade, p.Stages[0].Label.StopAtWrong, p.Stages[0].Label.API = "soft", true, "chat"
	p.Stages[0].Label.Seed = 5
	dir := t.TempDir()
	must(t, p, dir, "", "train")
	rows, _ := rolledRows(t, dir)
	stopped, asked := 0, 0
	for i, row := range rows {
		for k, right := range row.Right {
			switch {
			case right != nil:
				asked++
				if row.Labels[k] != float64(*right)/rolledSamples {
					t.Errorf("row %d: label %d is %v with %d right completions", i, k+1, row.Labels[k], *right)
				}
			case row.Labels[k] == nil:
				stopped++
				if before := row.Right[k-1]; before != nil && *before > 0 {
					t.Errorf("row %d: step %d has no label behind one that leads to the answer", i, k+1)
				}
			}
		}
	}
	if stopped == 0 || asked == 9 {
		t.Errorf("%d steps have no label, %d were asked about", stopped, asked)
	}
}

// A run that is stopped while answers are written goes on with those that are
// missing, and comes to the same.
func TestRolloutByAPolicyGoesOn(t *testing.T) {
	p := rolling(t, 9)
	p.Stages = p.Stages[:1]
	const all = 9 * 2 * rolledSamples
	whole, dir := t.TempDir(), t.TempDir()
	must(t, p, whole, "", "train")
	_, want := rolledRows(t, whole)
	b, err := backend.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Finalize()
	ctx, stop := context.WithCancel(t.Context())
	r := &Run{Asker: scoring.New(&world.World{Program: p, Dir: dir, Backend: b, OnNote: func(text string) {
		if strings.HasPrefix(text, "judge: ") {
			stop()
		}
	}})}
	if err := r.Execute(ctx); err == nil {
		t.Fatal("it was stopped, and says nothing")
	}
	before := len(spokenIn(t, dir))
	if before == 0 || before >= all {
		t.Fatalf("%d answers are kept", before)
	}
	r = &Run{Asker: scoring.New(&world.World{Program: p, Dir: dir, Backend: b})}
	if err := r.Execute(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := r.Done[0].Rollout; s.Reused != before || s.Asked != all-before {
		t.Errorf("%d answers were written before, and %+v", before, s.Usage)
	}
	if _, got := rolledRows(t, dir); got != want {
		t.Errorf("labels\n%swant\n%s", got, want)
	}
	r = &Run{Asker: scoring.New(&world.World{Program: p, Dir: dir, Backend: b})}
	if err := r.Execute(t.Context()); err != nil || !r.Done[0].Reused {
		t.Errorf("all is answered, and %+v, %v", r.Done[0], err)
	}
}

// The answers are those of the weights: a policy that is trained otherwise is asked
// anew, and one that is trained the same is not.
func TestRolloutByATrainedPolicy(t *testing.T) {
	p := rolling(t, 4)
	gen := p.Models[0]
	labelled := p.Data[0]
	labelled.Name, labelled.Unlabelled = "labelled", false
	path := filepath.Join(t.TempDir(), "labelled.jsonl")
	if err := os.WriteFile(path, []byte(`{"question": "one", "steps": ["two"], "labels": [true]}`+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	labelled.Source = "file:" + path
	train := trainSteps("gen", "labelled")
	train.Batch = 1
	p.Stages = []Stage{Train(gen, labelled, train, rolledLoss("gen")), p.Stages[0]}
	asked := func(dir string) int {
		rec, err := rundir.Read(dir)
		if err != nil {
			t.Fatal(err)
		}
		return rec.Stages[1].Rollout.Asked
	}
	dir := t.TempDir()
	must(t, p, dir, "", "train")
	must(t, p, dir, "", "train", "--force")
	if n := asked(dir); n != 0 {
		t.Errorf("%d answers of a policy that is what it was", n)
	}
	trained := spokenIn(t, dir)
	p.Stages[0].Train.Steps = 3
	must(t, p, dir, "", "train", "--force")
	if n := asked(dir); n != 4*2*rolledSamples {
		t.Errorf("%d answers of a policy that was trained anew, want each once", n)
	}
	p.Stages, dir = p.Stages[1:], t.TempDir()
	must(t, p, dir, "", "train")
	same := 0
	for at, a := range spokenIn(t, dir) {
		if trained[at] == a {
			same++
		}
	}
	if same > 4*rolledSamples {
		t.Errorf("%d answers are those of the policy before it was trained", same)
	}
}

func TestRolloutByAPolicyThatCannotBeAsked(t *testing.T) {
	for _, one := range []struct {
		change func(p *Program)
		want   string
	}{
		{func(p *Program) { p.Stages[0].Label.Policy = "other" }, `the program has no model "other"`},
		{func(p *Program) {
			p.Stages[0].Label.API = "chat"
			for _, name := range []string{"chat_template.jinja", "tokenizer_config.json"} {
				if err := os.Remove(filepath.Join(strings.TrimPrefix(p.Models[0].Base, "file:"), name)); err != nil {
					t.Fatal(err)
				}
			}
		}, "row 1, step 1, sample 1: model gen has no chat template to be asked with: write api = completions in label steps"},
		{func(p *Program) { p.Stages[0].Label.Text = "{{ solution }}" + strings.Repeat("x", 5000) }, "model gen was made for "},
	} {
		p := rolling(t, 1)
		p.Stages = p.Stages[:1]
		one.change(&p)
		_, told, code := cli(t, p, t.TempDir(), "", "train")
		if code == 0 || !strings.Contains(told, one.want) {
			t.Errorf("exit %d, %s\nwant %s", code, told, one.want)
		}
	}
}

// A policy of the recipe is a judge as a server is, if a bad one.
func TestJudgementsByAPolicy(t *testing.T) {
	p := rolling(t, 1)
	path := filepath.Join(t.TempDir(), "prefs.jsonl")
	if err := os.WriteFile(path, []byte(strings.Repeat(`{"prompt": "who", "chosen": "you", "rejected": "me"}`+"\n", 3)), 0o644); err != nil {
		t.Fatal(err)
	}
	prefs := spec.Data{Name: "prefs", Kind: "preference", Source: "file:" + path, Format: "prompt", Columns: spec.Columns{Kind: "same"}, MaxLength: 512, OverLength: "drop", Ties: "drop", Split: spec.Split{Kind: "none"}}
	label := p.Stages[0].Label
	label.Name, label.Kind, label.Data, label.API, label.Ask, label.Verdict, label.Orders, label.Undecided = "judged", "llm", "prefs", "chat", "pairwise", "last", "both", "drop"
	label.Prompt, label.Text, label.Samples = "own.jinja", "{{ a[0].content }} or {{ b[0].content }}?", 2
	p.Stages = []Stage{Label(label, prefs)}
	dir := t.TempDir()
	must(t, p, dir, "", "train")
	rec, err := rundir.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	// Three pairs are one question in two orders, of which there are two answers each.
	if s := rec.Stages[0].Judged; s == nil || s.Pairs != 3 || s.Asked != 4 || s.Requests != 0 || s.Undecided != 3 {
		t.Errorf("%+v", s)
	}
}
