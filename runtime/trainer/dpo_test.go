package trainer

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/backend"
	"github.com/rmc-lang/rmc/runtime/op"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/scoring"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/world"
)

// implicit is the reward of Rafailov et al. 2023 (arXiv 2305.18290): how much more
// likely the policy finds a response than the reference.
func implicit(b *op.Batch) op.Reward {
	credit := op.Mul(op.Real(0.1), op.Sub(b.LogProb("pm", "response"), b.LogProb("ref", "response")))
	return op.Reward{Score: op.Sum(credit, "token"), Parts: []op.Report{{Name: "credit", Value: credit}}}
}

// dpoRun trains a policy on pairs, beside a reference that stays.
func dpoRun(t *testing.T, b *backend.Backend, change func(*spec.Train)) *Run {
	t.Helper()
	m, tr := tinyPolicy, tinyPolicyTrain
	m.Base = "file:" + talker(t)
	ref := m
	ref.Name = "ref"
	prefs := tinyPrefs("prefs", tinyTalks(t, 40, 3, 0), 0.3)
	tr.Data, tr.Steps, tr.Buckets, tr.Optimizer.LR = "prefs", 12, []int{32}, 1e-3
	if change != nil {
		change(&tr)
	}
	return &Run{Asker: scoring.New(&world.World{
		Program: program.Program{
			Name: "dpo", Models: []spec.Model{ref}, Rewards: []program.Reward{{Name: "implicit", Score: implicit, Models: []spec.Model{m, ref}}},
			Stages: []program.Stage{program.Train(m, prefs, tr, dpo), program.EvaluateReward("implicit", prefs, spec.Evaluate{Name: "implicit", Data: "prefs", Part: "holdout", Batch: 8})},
		},
		Dir: t.TempDir(), Backend: b, OnNote: func(s string) { t.Log(s) },
	})}
}

// A policy trained by preferences is a reward model: what it finds likelier than
// the reference does. The reward is the sum of what each token adds.
func TestImplicitReward(t *testing.T) {
	r := dpoRun(t, goBackend(t), nil)
	execute(t, r)
	steps := losses(t, r.Dir)
	if first := steps[0]["loss"].(float64); math.Abs(first-math.Log(2)) > 1e-5 {
		t.Errorf("the first loss is %v: the policy does not begin as the reference", first)
	}
	res := r.Results[0]
	if res.Accuracy < 0.9 || res.Pairs < 5 || res.LogLoss >= math.Log(2) {
		t.Errorf("%+v", res.Measures)
	}
	for _, row := range res.Rows {
		sum := 0.0
		for _, x := range row.ChosenParts["credit"].([]float32) {
			sum += float64(x)
		}
		if math.Abs(sum-row.Chosen) > 1e-5 {
			t.Errorf("row %d: %v in all, and the tokens add %v", row.Row, row.Chosen, sum)
		}
	}
	s, err := r.Scorer(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	in := `{"prompt": "q1", "response": "yes5"}` + "\n" + `{"prompt": "q1", "chosen": "yes5", "rejected": "no5"}` + "\n"
	if bad, err := s.Lines(context.Background(), strings.NewReader(in), &out, false); err != nil || bad != 0 {
		t.Fatal(bad, err)
	}
	first, second, _ := strings.Cut(out.String(), "\n")
	var one struct {
		Score  float64
		Credit []float64
	}
	var two struct{ Chosen, Rejected float64 }
	if err := json.Unmarshal([]byte(first), &one); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(second), &two); err != nil {
		t.Fatal(err)
	}
	// "yes5" and the end of the turn: bytes are tokens, and one merge may join two.
	if n := len(one.Credit); n < 2 || n > 5 || math.Abs(one.Score-two.Chosen) > 1e-6 || !(two.Chosen > two.Rejected) {
		t.Errorf("%s", out.String())
	}
}

// What is trained on is what is scored: the loss of a step over all pairs is that of
// the rewards that they get.
func TestImplicitRewardIsWhatIsTrained(t *testing.T) {
	r := dpoRun(t, goBackend(t), func(tr *spec.Train) { tr.Steps, tr.Micro = 4, 3 })
	execute(t, r)
	again := r.Program.Stages[0]
	again.Train.Name, again.Train.Optimizer.LR, again.Train.Steps, again.Train.Epochs, again.Train.Order, again.Train.Batch = "still", 0, 0, 1, "listed", 1000
	evaluate := r.Program.Stages[1]
	evaluate.Evaluate.Part = "train"
	r.Program.Stages = []program.Stage{r.Program.Stages[0], again, evaluate}
	afresh(r)
	execute(t, r)
	loss := lossesOf(t, r)
	if got := r.Results[0].LogLoss; math.Abs(got-loss[4]) > 2e-6 || math.Abs(got-math.Log(2)) < 1e-3 {
		t.Errorf("trained with a loss of %v, scored with %v", loss[4], got)
	}
}

// A policy of responses says of itself that it has no score.
func TestPolicyWithoutLabelsHasNoScore(t *testing.T) {
	r := dpoRun(t, goBackend(t), func(tr *spec.Train) { tr.Steps = 1 })
	r.Program.Rewards, r.Program.Stages = nil, r.Program.Stages[:1]
	execute(t, r)
	if _, err := r.Scorer(context.Background(), ""); err == nil || !strings.Contains(err.Error(), "a reward of the recipe") {
		t.Errorf("got %v", err)
	}
}

// A reference is given the token ids of the policy, and so must have its tokenizer.
func TestReferenceWithAnotherTokenizer(t *testing.T) {
	r := dpoRun(t, goBackend(t), func(tr *spec.Train) { tr.Steps = 1 })
	other := talker(t)
	path := filepath.Join(other, "tokenizer.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	swapped := strings.NewReplacer(`"+":46`, `"+":48`, `"-":48`, `"-":46`).Replace(string(text))
	if err := os.WriteFile(path, []byte(swapped), 0o644); err != nil {
		t.Fatal(err)
	}
	r.Program.Models[0].Base = "file:" + other
	err = r.Execute(context.Background())
	if err == nil || !strings.Contains(err.Error(), "the tokenizer of ref is not that of pm") {
		t.Errorf("got %v", err)
	}
}
