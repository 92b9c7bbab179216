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
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/backend"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/scoring"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/world"
)

// tinyTalks has pairs of which the answer "yes…" beats "no…", to prompts of their
// own. Of every wrong-th pair, 0 for none, the rows say the other way round.
func tinyTalks(t *testing.T, n, seed, wrong int) string {
	t.Helper()
	random := rand.New(rand.NewPCG(41, uint64(seed)))
	var b bytes.Buffer
	for i := range n {
		chosen, rejected := fmt.Sprint("yes", random.IntN(10)), fmt.Sprint("no", random.IntN(10))
		if wrong > 0 && i%wrong == 0 {
			chosen, rejected = rejected, chosen
		}
		line, err := json.Marshal(map[string]string{"prompt": fmt.Sprint("q", seed, i), "chosen": chosen, "rejected": rejected})
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	return written(t, fmt.Sprint("talks", seed, ".jsonl"), b.String())
}

func tinyPrefs(name, path string, holdout float64) spec.Data {
	d := spec.Data{Name: name, Kind: "preference", Source: "file:" + path, Format: "prompt", Columns: spec.Columns{Kind: "same"}, MaxLength: 96, OverLength: "drop", Ties: "drop"}
	if holdout > 0 {
		d.Split = spec.Split{Kind: "holdout", Fraction: holdout, By: "prompt"}
	}
	return d
}

func tinyCompare(name string, of ...string) spec.Data {
	return spec.Data{Name: name, Kind: "labels", From: spec.From{Kind: "compare", Data: of, Orders: "balanced"},
		Labels: []string{"first", "second"}, Tokens: []string{"A", "B"}, Level: "outcome", MaxLength: 96, OverLength: "drop"}
}

// ssrmRun trains a pairwise model, has it label pairs that it has not seen, and
// trains it again on both, from base or from where it stood.
func ssrmRun(t *testing.T, b *backend.Backend, from string) *Run {
	t.Helper()
	m, tr := tinyPolicy, tinyPolicyTrain
	m.Base = "file:" + talker(t)
	tr.Data, tr.Buckets, tr.Steps, tr.Batch, tr.Save = "pairs", []int{96}, 30, 8, 100
	prefs, unlabeled := tinyPrefs("prefs", tinyTalks(t, 24, 1, 0), 0.3), tinyPrefs("unlabeled", tinyTalks(t, 20, 2, 4), 0)
	pairs := tinyCompare("pairs", "prefs")
	pseudo := unlabeled
	pseudo.Name, pseudo.Label = "pseudo_1", "pseudo_1"
	more := tinyCompare("more_1", "prefs", "pseudo_1")
	again := tr
	again.Name, again.Data, again.From, again.Steps = "pm_1", "more_1", from, 4
	label := spec.Label{Name: "pseudo_1", Kind: "model", Data: "unlabeled", Scorer: "pm", Form: "pairs", Orders: "both", Keep: 0.8, Batch: 8}
	evaluate := spec.Evaluate{Name: "pm", Data: "prefs", Part: "holdout", Batch: 8, Form: "pairs"}
	return &Run{Asker: scoring.New(&world.World{
		Program: program.Program{
			Name: "ssrm", Data: []spec.Data{prefs, unlabeled, pairs, pseudo, more},
			Stages: []program.Stage{program.Train(m, pairs, tr, labelLoss(false)), program.Label(label, unlabeled), program.Train(m, more, again, labelLoss(false)), program.Evaluate(m, prefs, evaluate)},
		},
		Dir: t.TempDir(), Backend: b, OnNote: func(s string) { t.Log(s) },
	})}
}

// S1 to S4: pseudo-labels are the model's own, and turn a pair round where it says
// so; they are where the next stage reads them; yield and agreement are counted over
// all pairs that were asked; and one program does all rounds.
func TestS1PseudoLabelsAreApplied(t *testing.T) {
	b := goBackend(t)
	r := ssrmRun(t, b, "last")
	execute(t, r)
	p := r.Done[1].Pseudo
	if p == nil || p.Pairs != 20 || p.Kept == 0 || p.Agree+p.Undecided > 20 || p.KeptAgree+p.Swapped != p.Kept || p.Positions == nil {
		t.Fatalf("%+v", p)
	}
	// A quarter of the rows say the other way round, and the model has learnt better.
	if p.Swapped == 0 || p.Kept < 10 {
		t.Errorf("%d of %d are turned round", p.Swapped, p.Kept)
	}
	kept, err := rundir.ReadLabels[rundir.PseudoLabels](r.LabelFolder("pseudo_1"), rundir.PreferencesFile)
	if err != nil {
		t.Fatal(err)
	}
	turned, rows := 0, 0
	for i, side := range kept.Preferences {
		if side != 0 {
			rows++
		}
		if side > 0 {
			turned++
			if i%4 != 0 {
				t.Logf("row %d is turned round though it is right", i)
			}
		}
	}
	if rows != p.Kept || turned != p.Swapped {
		t.Errorf("%d rows, %d turned round; %+v", rows, turned, p)
	}
	set, err := r.Set(context.Background(), r.Program.Stages[0].Model, r.Program.Data[4])
	if err != nil {
		t.Fatal(err)
	}
	base := setOf(t, r, "pm", "pairs")
	if n := len(set.Train); n != len(base.Train)+p.Kept || len(set.Holdout) != len(base.Holdout) {
		t.Errorf("%d rows to train on and %d held out; %d of them labelled, %d kept", n, len(set.Holdout), len(base.Train), p.Kept)
	}
	// What is measured is asked in both orders.
	res := r.Results[0]
	if res.Positions == nil || res.Positions.Pairs != res.Pairs || res.Rows[0].Probability == nil || res.Accuracy < 0.9 || res.Before == nil || res.Before.Positions == nil {
		t.Errorf("%+v", res.Measures)
	}
	// Again: nothing changed, so nothing is asked.
	again := ssrmRun(t, b, "last")
	again.Dir, again.Program = r.Dir, r.Program
	execute(t, again)
	for _, done := range again.Done[:3] {
		if !done.Reused {
			t.Errorf("%s was done again", done.Stage)
		}
	}
}

// A training of a round begins where the last one stood, or anew, as the recipe
// says. What does not depend on that is not done again.
func TestS4RoundsBeginFromLastOrBase(t *testing.T) {
	b := goBackend(t)
	r := ssrmRun(t, b, "last")
	r.Program.Stages = r.Program.Stages[:3]
	execute(t, r)
	last := lossesOf(t, r)
	r.Program.Stages[2].Train.From = "base"
	afresh(r)
	execute(t, r)
	base := lossesOf(t, r)
	if !r.Done[0].Reused || !r.Done[1].Reused || r.Done[2].Reused || len(last) != 34 || len(base) != 34 {
		t.Fatalf("%+v, %d and %d steps", r.Done, len(last), len(base))
	}
	if !(last[30] < 0.5*last[0]) {
		t.Errorf("from last the second training begins with a loss of %v, the first with %v", last[30], last[0])
	}
	if !(base[30] > 2*last[30]) {
		t.Errorf("from base the second training begins with a loss of %v, from last with %v", base[30], last[30])
	}
}

// P8: position bias and consistency are there, and P(chosen) is the mean over both
// orders, however the model leans; candidates are compared each with each, or by
// knock-out.
func TestP8ScoresAreOfBothOrders(t *testing.T) {
	r := ssrmRun(t, goBackend(t), "last")
	r.Program.Stages = r.Program.Stages[:1]
	execute(t, r)
	s, err := r.Scorer(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	score := func(in string) (lines []map[string]any) {
		t.Helper()
		var out bytes.Buffer
		bad, err := s.Lines(context.Background(), strings.NewReader(in), &out, false)
		if err != nil || bad != 0 {
			t.Fatalf("%d bad, %v: %s", bad, err, out.String())
		}
		for line := range strings.Lines(out.String()) {
			var one map[string]any
			if err := json.Unmarshal([]byte(line), &one); err != nil {
				t.Fatal(err)
			}
			lines = append(lines, one)
		}
		return lines
	}
	lines := score(`{"prompt": "q1", "chosen": "yes4", "rejected": "no4"}` + "\n" + `{"prompt": "q1", "chosen": "no4", "rejected": "yes4"}` + "\n" +
		`{"prompt": "q1", "responses": ["no1", "yes2", "no3"]}` + "\n")
	there, back := lines[0]["chosen"].(float64), lines[1]["chosen"].(float64)
	if math.Abs(there+back-1) > 1e-6 || there < 0.5 {
		t.Errorf("%v one way and %v the other", there, back)
	}
	orders := lines[0]["orders"].([]any)
	if mean := (orders[0].(float64) + orders[1].(float64)) / 2; math.Abs(mean-there) > 1e-6 {
		t.Errorf("%v of %v", there, orders)
	}
	if scores := lines[2]["scores"].([]any); len(scores) != 3 || lines[2]["best"].(float64) != 1 {
		t.Errorf("%v", lines[2])
	}
	var out bytes.Buffer
	bad, err := s.KnockOut(context.Background(), strings.NewReader(`{"prompt": "q1", "responses": ["no1", "no2", "no3", "yes4", "no5"]}`+"\n"+`{"prompt": "q1"}`+"\n"), &out)
	if err != nil || bad != 1 {
		t.Fatalf("%d bad, %v", bad, err)
	}
	first, _, _ := strings.Cut(out.String(), "\n")
	var won scoring.Tournament
	if err := json.Unmarshal([]byte(first), &won); err != nil {
		t.Fatal(err)
	}
	if won.Winner != 3 || len(won.Matches) != 4 {
		t.Errorf("%+v", won)
	}
}

// S2: what is labelled lies where the run keeps it, a line for each pair that was
// asked.
func TestS2LabelsAreKept(t *testing.T) {
	r := ssrmRun(t, goBackend(t), "last")
	r.Program.Stages = r.Program.Stages[:2]
	r.Program.Stages[0].Train.Steps = 1
	execute(t, r)
	text, err := os.ReadFile(filepath.Join(r.Dir, "labels", "pseudo_1", "pseudo.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "\n"); n != 20 || r.Done[1].Pseudo.Pairs != 20 {
		t.Errorf("%d lines, %+v", n, r.Done[1].Pseudo)
	}
}
