package trainer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/backend"
	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/op"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/results"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/scoring"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/world"
)

// talk is a chat template with a generation prompt.
const talk = `{{ bos_token }}{% for m in messages %}{{ '<' + m['role'][0] + '>' + m['content'] + eos_token }}{% endfor %}{% if add_generation_prompt %}{{ '<a>' }}{% endif %}`

// talker is a tiny checkpoint with a language head, a tokenizer and a chat template.
func talker(t *testing.T) string {
	t.Helper()
	dir := languageModel(t, "llama")
	for _, name := range []string{"tokenizer.json", "tokenizer_config.json"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "tiny", "tokenizer", name))
		if err != nil {
			t.Fatal(err)
		}
		// transformers wants a decoder in full.
		text = bytes.Replace(text, []byte(`"decoder":{"type":"ByteLevel"}`), []byte(`"decoder":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}`), 1)
		if name == "tokenizer_config.json" {
			text, err = json.Marshal(map[string]string{"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "chat_template": talk})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// tinyProofs has solutions of which a step is wrong where it says "no", and of each
// question several.
func tinyProofs(t *testing.T, questions, solutions int) string {
	t.Helper()
	random := rand.New(rand.NewPCG(31, 31))
	var b bytes.Buffer
	for q := range questions {
		for range solutions {
			row := map[string]any{"question": fmt.Sprint("q", q, "?")}
			var steps []string
			var labels []bool
			for range 1 + random.IntN(4) {
				right := random.IntN(3) > 0
				steps = append(steps, map[bool]string{true: "yes", false: "no"}[right]+fmt.Sprint(random.IntN(10)))
				labels = append(labels, right)
			}
			row["steps"], row["labels"] = steps, labels
			line, err := json.Marshal(row)
			if err != nil {
				t.Fatal(err)
			}
			b.Write(append(line, '\n'))
		}
	}
	return written(t, "proofs.jsonl", b.String())
}

var (
	tinyPolicy = spec.Model{Name: "pm", Kind: "policy", Layer: -1, DType: "float32", Tune: spec.Tune{Kind: "full"}}
	tinySteps  = spec.Data{
		Name: "proofs", Kind: "labels", Format: "steps", Columns: spec.Columns{Kind: "same"}, Labels: []string{"good", "bad"}, Tokens: []string{"+", "-"}, Level: "step",
		MaxLength: 96, OverLength: "drop", Split: spec.Split{Kind: "holdout", Fraction: 0.3, By: "prompt"},
	}
	tinyPolicyTrain = spec.Train{
		Name: "pm", Data: "proofs", Objective: "labelLoss", Batch: 8, Steps: 40, Order: "shuffle", Seed: 1, Save: 20, Buckets: []int{96},
		Optimizer: spec.Optimizer{Kind: "adamw", LR: 3e-3, Betas: [2]float64{0.9, 0.999}, Eps: 1e-8, Decay: "matrices", Clip: 1},
		Schedule:  spec.Schedule{Kind: "cosine", Warmup: 2},
	}
)

// worst is a reward: the least probability of a step to be good.
func worst(b *op.Batch) op.Reward {
	surety := op.At(op.LogSoftmax(b.Logits("pm", "conversation"), "label"), "label", 0)
	right := op.Exp(surety)
	return op.Reward{Score: op.MinOver(right, "step"), Parts: []op.Report{{Name: "right", Value: right}}}
}

// processRun trains a process reward model; change edits its stages.
func processRun(t *testing.T, b *backend.Backend, base, rows string, change func(*spec.Model, *spec.Data, *spec.Train)) *Run {
	t.Helper()
	m, d, tr := tinyPolicy, tinySteps, tinyPolicyTrain
	m.Base, d.Source = "file:"+base, "file:"+rows
	if change != nil {
		change(&m, &d, &tr)
	}
	return &Run{Asker: scoring.New(&world.World{
		Program: program.Program{
			Name: "process", Data: []spec.Data{d}, Rewards: []program.Reward{{Name: "prm", Score: worst, Models: []spec.Model{m}, Form: "proofs"}},
			Stages: []program.Stage{
				program.Train(m, d, tr, labelLoss(false)),
				program.Evaluate(m, d, spec.Evaluate{Name: "pm", Data: "proofs", Part: "holdout", Batch: 8}),
				program.EvaluateReward("prm", d, spec.Evaluate{Name: "prm", Data: "proofs", Part: "holdout", Batch: 8}),
			},
		},
		Dir: t.TempDir(), Backend: b, OnNote: func(s string) { t.Log(s) },
	})}
}

// How steps make a score is learnt with them: the numbers of a policy are trained,
// kept, read by the reward, the same in evaluation and score, and no weight of an
// export.
func TestAggregateIsLearnt(t *testing.T) {
	sum := func(b *op.Batch, surety op.Tensor) op.Tensor {
		return op.Add(op.Mul(b.Scalar("pm", "least"), op.MinOver(surety, "step")), b.Scalar("pm", "bias"))
	}
	surety := func(b *op.Batch) op.Tensor {
		return op.At(op.LogSoftmax(b.Logits("pm", "conversation"), "label"), "label", 0)
	}
	r := processRun(t, goBackend(t), talker(t), tinyProofs(t, 20, 4), func(m *spec.Model, _ *spec.Data, _ *spec.Train) {
		m.Scalars = spec.Scalars{Map: map[string]float64{"least": 1, "bias": 0}}
	})
	r.Program.Stages[0].Objective = func(b *op.Batch) op.Objective {
		right := op.At(op.Last(b.Gold(), "step"), "label", 0)
		z := sum(b, surety(b))
		outcome := op.Add(op.Mul(right, op.LogSigmoid(z)), op.Mul(op.Sub(op.Real(1), right), op.LogSigmoid(op.Neg(z))))
		return op.Objective{Loss: op.Sub(labelLoss(false)(b).Loss, op.Mean(outcome, "row"))}
	}
	r.Program.Rewards[0].Score = func(b *op.Batch) op.Reward {
		return op.Reward{Score: sum(b, surety(b)), Parts: []op.Report{{Name: "least", Value: op.MinOver(surety(b), "step")}}}
	}
	execute(t, r)
	net, err := r.Frozen(context.Background(), "pm")
	if err != nil {
		t.Fatal(err)
	}
	least, err := net.Scalar("least")
	bias, err2 := net.Scalar("bias")
	if err != nil || err2 != nil || least == 1 || bias == 0 {
		t.Fatalf("the numbers are %v and %v after training: %v, %v", least, bias, err, err2)
	}
	for _, c := range r.Results[1].Conversations {
		if got, want := c.Score, float64(least)*math.Log(slices.Min(c.Right))+float64(bias); math.Abs(got-want) > 1e-4 {
			t.Errorf("row %d has %v, want %v", c.Row, got, want)
		}
	}
	folder := filepath.Join(t.TempDir(), "export")
	must(t, r.Program, r.Dir, "", "--backend", "go", "train", "--anew", "--force")
	must(t, r.Program, r.Dir, "", "--backend", "go", "export", folder)
	card, err := os.ReadFile(filepath.Join(folder, "README.md"))
	if err != nil || !strings.Contains(string(card), fmt.Sprintf("; bias = %v; least = %v", bias, least)) {
		t.Errorf("the card does not tell the numbers: %s, %v", card, err)
	}
	weights, err := os.ReadFile(filepath.Join(folder, "model.safetensors"))
	if err != nil || bytes.Contains(weights, []byte("scalars.")) || !bytes.Contains(weights, []byte("embed_tokens")) {
		t.Errorf("learnt numbers are among the weights, or there are none: %v", err)
	}
	if _, err := net.Scalar("mean"); err == nil || !strings.Contains(err.Error(), "no learnable number mean") {
		t.Errorf("a number that is not there: %v", err)
	}
}

// A process reward model learns which steps are wrong; what a reward says of a
// solution is the least of what is said of its steps, in evaluation and in score.
func TestProcessRewardModel(t *testing.T) {
	r := processRun(t, goBackend(t), talker(t), tinyProofs(t, 20, 4), nil)
	execute(t, r)
	steps := losses(t, r.Dir)
	if first, last := mean(steps[:5]), mean(steps[35:]); !(last < 0.5*first) {
		t.Errorf("the loss goes from %v to %v", first, last)
	}
	got := r.Results[0].Marked
	if got == nil || got.Accuracy <= got.Majority || got.Commonest != "good" || got.Labels[1].F1 < 0.5 || got.LogLoss <= 0 || got.Positions != nil {
		t.Fatalf("%+v", got)
	}
	if o := r.Results[1].Marked.Outcome; o == nil || o.AUC < 0.4 || len(o.BestOf) != 3 || o.BestOf[0].N != 1 || o.PassAt[2].Value < o.BestOf[2].Value {
		t.Errorf("%+v", o)
	}
	t.Log(results.Headline(r.Results[0]))
	s, err := r.Scorer(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	in := `{"prompt": "q3?", "steps": ["yes1", "no2", "yes3"]}` + "\n" + `{"prompt": "q3?", "steps": []}` + "\n" + `{"prompt": "q3?", "response": "yes1\nno2\nyes3"}` + "\n"
	bad, err := s.Lines(context.Background(), strings.NewReader(in), &out, false)
	if err != nil || bad != 1 {
		t.Fatalf("%d bad, %v", bad, err)
	}
	var lines []struct {
		Score float64
		Right []float64
	}
	for line := range strings.Lines(out.String()) {
		lines = append(lines, struct {
			Score float64
			Right []float64
		}{})
		if err := json.Unmarshal([]byte(line), &lines[len(lines)-1]); err != nil {
			t.Fatal(err)
		}
	}
	one, two := lines[0], lines[2]
	if len(one.Right) != 3 || one.Score != one.Right[1] || !(one.Right[1] < one.Right[0]) || one.Score != two.Score {
		t.Errorf("%s", out.String())
	}
}

// What was said of each step is kept, and the page shows what it comes to.
func TestLabelsOnThePage(t *testing.T) {
	p, dir := processRun(t, goBackend(t), talker(t), tinyProofs(t, 6, 2), func(_ *spec.Model, _ *spec.Data, tr *spec.Train) { tr.Steps = 2 }).Program, t.TempDir()
	told := must(t, p, dir, "", "--backend", "go", "train")
	if !strings.Contains(told, "always good") {
		t.Error(told)
	}
	must(t, p, dir, "", "--backend", "go", "report")
	page, err := os.ReadFile(filepath.Join(dir, rundir.ReportFile))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "F1 of each") || strings.Contains(string(page), "the shorter one wins") {
		t.Error("the page is not of labels")
	}
	rows, err := rundir.ReadLines[struct {
		Stage string
		measure.Conversation
	}](filepath.Join(dir, rundir.RowsFile))
	if err != nil || len(rows) == 0 {
		t.Fatal(len(rows), err)
	}
	for _, row := range rows {
		if len(row.Gold) == 0 || len(row.Right) != len(row.Gold) {
			t.Errorf("%+v", row)
		}
	}
	must(t, p, dir, "", "--backend", "go", "inspect")
}

// A training on labels that was stopped goes on bit for bit.
func TestPolicyResumesExactly(t *testing.T) {
	b, base, rows := goBackend(t), talker(t), tinyProofs(t, 8, 2)
	short := func(_ *spec.Model, _ *spec.Data, tr *spec.Train) { tr.Steps, tr.Save, tr.Batch, tr.Micro = 6, 2, 4, 3 }
	run := func() *Run {
		r := processRun(t, b, base, rows, short)
		r.Program.Stages = r.Program.Stages[:1]
		return r
	}
	whole := run()
	execute(t, whole)
	stopped := run()
	stopped.Steps = 4
	execute(t, stopped)
	stopped.Steps, stopped.Resume = 0, true
	afresh(stopped)
	execute(t, stopped)
	want := lossesOf(t, whole)
	for i, loss := range lossesOf(t, stopped) {
		if loss != want[i] {
			t.Errorf("step %d: %v after going on, %v without", i+1, loss, want[i])
		}
	}
}

// Micro-batches have other numbers of labels, and a loss over labels is the mean of
// all of them: losses and gradients are those of the whole step, for means over row
// and step, for objectives that take two passes, and for responses.
func TestPolicyLossesDoNotDependOnMicro(t *testing.T) {
	ref, b := readLabels(t), goBackend(t)
	run := torchRun{Family: "llama", Loss: "labels", Tune: "full"}
	twice := func(b *op.Batch) op.Objective {
		p := op.LogSoftmax(b.Logits("pm", "conversation"), "label")
		mean := op.Mean(op.Sum(op.Mul(b.Gold(), p), "label"), "row", "step")
		return op.Objective{Loss: op.Add(op.Neg(mean), op.Square(mean))}
	}
	ends := func(b *op.Batch) op.Objective { // what follows labels is read in both passes
		mean := op.Mean(b.Ending("pm", "conversation"), "row", "step")
		return op.Objective{Loss: op.Add(completion(b).Loss, op.Mul(op.Real(0.1), op.Square(mean)))}
	}
	tokens := func(b *op.Batch) op.Objective { // a mean over all tokens of a step, whose number no micro-batch knows
		return op.Objective{Loss: op.Neg(op.Mean(b.LogProb("pm", "chosen"), "pair", "token"))}
	}
	for name, c := range map[string]struct {
		loss      string
		objective func(*op.Batch) op.Objective
	}{"labels": {"labels", labelLoss(false)}, "vocabulary": {"labels", labelLoss(true)}, "square": {"labels", twice}, "completion": {"completion", completion}, "square of endings": {"completion", ends}, "tokens": {"dpo", tokens}, "dpo": {"dpo", dpo}} {
		t.Run(name, func(t *testing.T) {
			run := run
			run.Loss = c.loss
			wantLoss, wantNorm := ref.followed(t, b, run, 4, 2, c.objective)
			gotLoss, gotNorm := ref.followed(t, b, run, 1, 2, c.objective)
			for i := range wantLoss {
				if math.Abs(gotLoss[i]-wantLoss[i]) > 2e-6*math.Max(1, wantLoss[i]) || math.Abs(gotNorm[i]/wantNorm[i]-1) > 1e-5 {
					t.Errorf("step %d: %v and %v in parts, %v and %v at once", i, gotLoss[i], gotNorm[i], wantLoss[i], wantNorm[i])
				}
			}
		})
	}
}
