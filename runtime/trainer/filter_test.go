package trainer

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/backend"
	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/label"
	"github.com/rmc-lang/rmc/runtime/op"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/scoring"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/world"
)

func plainBradleyTerry(b *op.Batch) op.Objective {
	d := op.Sub(b.Score("rm", "chosen"), b.Score("rm", "rejected"))
	return op.Objective{Loss: op.Mean(op.Neg(op.LogSigmoid(d)), "pair")}
}

// tinyAugmented are RRM's rows of prefs, three won and two tied of each, and what a
// filter leaves of them.
func tinyAugmented() (augmented, hard spec.Data) {
	augmented = spec.Data{
		Name: "augmented", Kind: "preference", From: spec.From{Kind: "augment", Data: []string{"prefs"}, Originals: true, Wins: 3, Ties: 2},
		MaxLength: 96, OverLength: "drop", Ties: "drop",
	}
	hard = augmented
	hard.Name, hard.Label = "hard", "hard"
	return augmented, hard
}

// filterRun trains a reward model, of which the whole or the head is trained, has it
// filter RRM's rows, and trains it on what is left.
func filterRun(t *testing.T, b *backend.Backend, tune string) *Run {
	t.Helper()
	m := spec.Model{
		Name: "rm", Kind: "reward", Base: "file:" + talker(t), DType: "float32",
		Head: spec.Head{Kind: "linear", Outputs: 1, Layer: -1, Init: "normal"}, Tune: spec.Tune{Kind: tune},
	}
	tr := tinyPolicyTrain
	tr.Name, tr.Data, tr.Objective, tr.Buckets, tr.Steps, tr.Save = "rm", "prefs", "plainBradleyTerry", []int{96}, 12, 100
	prefs := tinyPrefs("prefs", tinyTalks(t, 24, 1, 0), 0.3)
	augmented, hard := tinyAugmented()
	again := tr
	again.Name, again.Data, again.From, again.Steps = "rm_hard", "hard", "base", 4
	label := spec.Label{Name: "hard", Kind: "filter", Data: "augmented", Scorer: "rm", Least: 0.2, Batch: 8}
	return &Run{Asker: scoring.New(&world.World{
		Program: Program{
			Name: "filter", Data: []spec.Data{prefs, augmented, hard},
			Stages: []Stage{Train(m, prefs, tr, plainBradleyTerry), Label(label, augmented), Train(m, hard, again, plainBradleyTerry)},
		},
		Dir: t.TempDir(), Backend: b, OnNote: func(s string) { t.Log(s) },
	})}
}

// chancesOf reads what the model said of each row.
func chancesOf(t *testing.T, r *Run) []rundir.Chance {
	t.Helper()
	all, err := rundir.ReadLines[rundir.Chance](filepath.Join(r.LabelFolder("hard"), rundir.ChancesFile))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// R6: a recipe leaves out the rows that a model judges right already: those of which
// its probability is near enough to the label. Rows as they were stay, and so does
// what is held out; a second run asks nothing.
func TestR6FilterByARewardModel(t *testing.T) {
	b := goBackend(t)
	for _, tune := range []string{"full", "head"} {
		r := filterRun(t, b, tune)
		var notes []string
		r.OnNote = func(line string) {
			notes = append(notes, line)
			t.Log(line)
		}
		execute(t, r)
		f := r.Done[1].Filtered
		if !slices.ContainsFunc(notes, func(line string) bool { return strings.HasSuffix(line, " of rejected_i_beats_chosen_j") }) {
			t.Errorf("%s: the log does not tell the kinds: %q", tune, notes)
		}
		base := setOf(t, r, "rm", "prefs")
		n := len(base.Train)
		if f == nil || f.Made > 5*n || f.Made < 4*n || f.Unasked != 0 || f.Hard == 0 || f.Hard == f.Made || f.Positions != nil {
			t.Fatalf("%s: %+v", tune, f)
		}
		said := chancesOf(t, r)
		kept := 0
		for _, c := range said {
			label := map[bool]float64{true: 1, false: 0.5}[strings.Contains(c.Made, "_beats_")]
			if c.P == nil || c.Kept != (math.Abs(*c.P-label) >= 0.2) {
				t.Errorf("%s: %+v", tune, c)
			}
			if c.Kept {
				kept++
			}
		}
		all, err := r.Set(context.Background(), r.Program.Stages[0].Model, r.Program.Stages[1].Data)
		if err != nil {
			t.Fatal(err)
		}
		planned := 0
		for _, of := range all.Stats.Made {
			planned += of.Pairs
		}
		if planned != f.Made {
			t.Errorf("%s: a plan counts %d pairs, and %d are asked about", tune, planned, f.Made)
		}
		if len(said) != f.Made || kept != f.Hard {
			t.Errorf("%s: %d lines, %d kept; %+v", tune, len(said), kept, f)
		}
		wins := 0
		for _, k := range f.Kinds {
			if strings.Contains(k.Kind, "_beats_") {
				wins += k.Hard
			}
		}
		set := setOf(t, r, "rm", "hard")
		if len(set.Train) != n+wins || len(set.Holdout) != len(base.Holdout) {
			t.Errorf("%s: %d rows are trained on and %d held out; %d pairs and %d won that are kept, ties have no score", tune, len(set.Train), len(set.Holdout), n, wins)
		}
		again := filterRun(t, b, tune)
		again.Dir, again.Program = r.Dir, r.Program
		execute(t, again)
		for _, done := range again.Done {
			if !done.Reused {
				t.Errorf("%s: %s was done again", tune, done.Stage)
			}
		}
		if got := again.Done[1].Filtered; got == nil || got.Hard != f.Hard || !slices.Equal(got.Kinds, f.Kinds) {
			t.Errorf("%s: kept %+v, and was %+v", tune, got, f)
		}
	}
}

// The chance of a pair is that of the two scores as the model gives them, whichever
// pairs they are in.
func TestFilterChancesAreOfScores(t *testing.T) {
	r := filterRun(t, goBackend(t), "full")
	r.Program.Stages = r.Program.Stages[:2]
	r.Program.Stages[0].Train.Steps = 4
	execute(t, r)
	s, err := r.Scorer(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	pairs, err := r.Pairs(context.Background(), r.Program.Stages[0].Model, r.Program.Data[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range chancesOf(t, r)[:10] {
		p := pairs[c.Row]
		all, err := s.Encode(map[string]any{"prompt": p.Prompt[0].Content, "chosen": p.Chosen[0].Content, "rejected": p.Rejected[0].Content})
		if err != nil {
			t.Fatal(err)
		}
		said, err := s.Score(context.Background(), all)
		if err != nil {
			t.Fatal(err)
		}
		if want := 1 / (1 + math.Exp(said.Scores[1]-said.Scores[0])); math.Abs(want-*c.P) > 1e-5 {
			t.Errorf("%s: %v, and its scores say %v", c.Made, *c.P, want)
		}
	}
}

// A policy is asked about each pair in both orders, also where a third label is for
// neither; what cannot be asked stays, and is counted. Comparisons are made of what
// is left.
func TestR6FilterByAPolicy(t *testing.T) {
	b := goBackend(t)
	m, tr := tinyPolicy, tinyPolicyTrain
	m.Base = "file:" + talker(t)
	tr.Data, tr.Buckets, tr.Steps, tr.Save = "pairs", []int{96}, 30, 100
	prefs := tinyPrefs("prefs", tinyTalks(t, 24, 1, 0), 0.3)
	augmented, hard := tinyAugmented()
	pairs, more := tinyCompare("pairs", "prefs"), tinyCompare("more", "hard")
	again := tr
	again.Name, again.Data, again.From, again.Steps = "pm_hard", "more", "base", 2
	easy := spec.Label{Name: "hard", Kind: "filter", Data: "augmented", Scorer: "pm", Form: "pairs", Least: 0.2, Batch: 8}
	r := &Run{Asker: scoring.New(&world.World{
		Program: Program{
			Name: "filter", Data: []spec.Data{prefs, augmented, hard, pairs, more},
			Stages: []Stage{Train(m, pairs, tr, labelLoss(false)), Label(easy, augmented), Train(m, more, again, labelLoss(false))},
		},
		Dir: t.TempDir(), Backend: b, OnNote: func(s string) { t.Log(s) },
	})}
	execute(t, r)
	f := r.Done[1].Filtered
	base := setOf(t, r, "pm", "pairs") // what is held out is asked in both orders
	n := len(base.Train)
	if f == nil || f.Made > 5*n || f.Made < 4*n || f.Hard == 0 || f.Hard == f.Made || f.Positions == nil || f.Positions.Pairs != f.Made {
		t.Fatalf("%+v", f)
	}
	wins := 0
	for _, k := range f.Kinds {
		if strings.Contains(k.Kind, "_beats_") {
			wins += k.Hard
		}
	}
	if set := setOf(t, r, "pm", "more"); len(set.Train) != n+wins || len(set.Holdout) != len(base.Holdout) {
		t.Errorf("%d comparisons to train on and %d held out; %d won pairs are kept", len(set.Train), len(set.Holdout), wins)
	}
	// A question that is too long for the form is not asked.
	r.Program.Data[3].MaxLength, r.Dir = 20, t.TempDir()
	var done rundir.Done
	if err := label.Ask(context.Background(), r.Asker, r.Program.Stages[1], &done); err != nil {
		t.Fatal(err)
	}
	if of := done.Filtered; of.Unasked != of.Made || of.Hard != of.Made {
		t.Errorf("%+v; no question of a few tokens can be asked", of)
	}
}

// What is not there, or is damaged, is said with what to do.
func TestFilterNotThere(t *testing.T) {
	r := filterRun(t, goBackend(t), "full")
	m, err := r.Program.FindModel("rm")
	if err != nil {
		t.Fatal(err)
	}
	_, hard := tinyAugmented()
	if _, err := r.Pairs(t.Context(), m, hard); err == nil || !strings.Contains(err.Error(), "has no labels hard; train first") {
		t.Error(err)
	}
	if err := os.MkdirAll(r.LabelFolder("hard"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.LabelFolder("hard"), rundir.FilterFile), []byte(`{"easy":`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Pairs(t.Context(), m, hard); err == nil || !strings.Contains(err.Error(), "are damaged") {
		t.Error(err)
	}
}

// Comparisons, and what augment makes, have no rows that the data they are made of
// leaves out for their length; these are counted. Ties of the source are an error
// where it says so, whatever is made of it.
func TestRowsThatWereTooLongStayOut(t *testing.T) {
	r := ssrmRun(t, goBackend(t), "last")
	m := r.Program.Stages[0].Model
	ctx := context.Background()
	whole, err := r.Set(ctx, m, r.Program.Data[2])
	if err != nil {
		t.Fatal(err)
	}
	short := r.Program.Data[0]
	prefs, err := r.Set(ctx, m, short)
	if err != nil {
		t.Fatal(err)
	}
	short.MaxLength = 0
	for _, e := range prefs.Train {
		short.MaxLength = max(short.MaxLength, len(e.Sequences[0].IDs)-1, len(e.Sequences[1].IDs)-1)
	}
	afresh(r)
	r.Program.Data[0] = short
	base, err := r.Set(ctx, m, short)
	if err != nil {
		t.Fatal(err)
	}
	left := base.Stats.Met(data.OverLong)
	set, err := r.Set(ctx, m, r.Program.Data[2])
	if err != nil {
		t.Fatal(err)
	}
	if left == 0 || set.Stats.Met(data.LongBefore) != left || len(set.Train) != len(base.Train) || len(set.Train) == len(whole.Train) {
		t.Errorf("%d left out of the pairs, %d of their comparisons; %d pairs, %d comparisons, and %d if all were there", left, set.Stats.Met(data.LongBefore), len(base.Train), len(set.Train), len(whole.Train))
	}
	short.Ties, short.Source = "error", "file:"+written(t, "tied.jsonl", `{"prompt":"q1","chosen":"a","rejected":"b"}`+"\n"+`{"prompt":"q2","chosen":"a","rejected":"a"}`+"\n")
	afresh(r)
	r.Program.Data[0] = short
	if _, err := r.Set(ctx, m, r.Program.Data[2]); err == nil || !strings.Contains(err.Error(), "ties = error, and 1 row is left out") {
		t.Error(err)
	}
	short.Ties, short.OverLength, short.MaxLength = "drop", "error", 1
	afresh(r)
	r.Program.Data[0] = short
	if _, err := r.Set(ctx, m, r.Program.Data[2]); err == nil || !strings.Contains(err.Error(), "over_length = error, and 2 rows are longer") {
		t.Error(err)
	}
}

// Other caps are other data: a model is trained anew on what they leave, and measured
// anew before, also on comparisons that are made of it.
func TestOtherCapsAreOtherData(t *testing.T) {
	b := goBackend(t)
	r := filterRun(t, b, "head")
	s := r.Program.Stages[0]
	var notes []string
	run := func(most int) []string {
		notes = nil
		augmented, _ := tinyAugmented()
		augmented.From.Wins = 8
		augmented.From.Caps = spec.Caps{Kind: "named", Map: map[string]int{"chosen_i_beats_chosen_j": most}}
		s.Train.Data = "augmented"
		again := &Run{Asker: scoring.New(&world.World{Program: Program{Name: "caps", Data: []spec.Data{r.Program.Data[0], augmented}, Stages: []Stage{Train(s.Model, augmented, s.Train, plainBradleyTerry)}},
			Dir: r.Dir, Backend: b, OnNote: func(s string) { notes = append(notes, s) }})}
		execute(t, again)
		return notes
	}
	const kept = "train rm on augmented: unchanged, kept"
	if notes := run(5); slices.Contains(notes, kept) || !slices.Contains(notes, "data augmented: 5 of chosen_i_beats_chosen_j") {
		t.Errorf("with a cap of 5:\n%s", strings.Join(notes, "\n"))
	}
	if notes := run(5); !slices.Contains(notes, kept) {
		t.Errorf("the same cap trains anew:\n%s", strings.Join(notes, "\n"))
	}
	if notes := run(4); slices.Contains(notes, kept) || !slices.Contains(notes, "data augmented: 4 of chosen_i_beats_chosen_j") {
		t.Errorf("with a cap of 4 instead:\n%s", strings.Join(notes, "\n"))
	}
	before := func(most int) string {
		augmented, _ := tinyAugmented()
		augmented.From.Caps = spec.Caps{Kind: "named", Map: map[string]int{"chosen_i_beats_chosen_j": most}}
		asked := spec.Data{Name: "asked", Kind: "labels", From: spec.From{Kind: "compare", Data: []string{"augmented"}}}
		of := &Run{Asker: scoring.New(&world.World{Program: Program{Data: []spec.Data{augmented, asked}}})}
		return of.beforeKey(Stage{Kind: "evaluate", Data: asked, Evaluate: spec.Evaluate{Part: "all"}})
	}
	if before(5) != before(5) || before(5) == before(4) {
		t.Error("measures before training are found again by the caps of what data is made of, and by nothing else")
	}
}
