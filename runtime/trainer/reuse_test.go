package trainer

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/op"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/terms"
)

// graphOf is the digest of an objective over pairs with two columns.
func graphOf(t *testing.T, r *Run, objective func(*op.Batch) op.Objective) string {
	t.Helper()
	s := r.Program.Stages[0]
	s.Objective = objective
	n, err := r.Network(t.Context(), s.Model)
	if err != nil {
		t.Fatal(err)
	}
	pairs := terms.Shape{Axis: "pair", Views: []string{"chosen", "rejected"}, Width: 2, Columns: []string{"margin", "weight"}, Reads: network.AtEnd}
	a, err := r.asideOf(t.Context(), s, n, pairs, 16)
	if err != nil {
		t.Fatal(err)
	}
	return a.Objective
}

// The digest of an objective is a function of what it computes: of no name, no
// order of lines and nothing that is not used, but of every constant, sign, term,
// input and report.
func TestObjectiveIsItsGraph(t *testing.T) {
	r := tinyRun(t, goBackend(t), nil)
	objective := func(change func(d, chosen, rejected op.Tensor, b *op.Batch) op.Tensor) func(*op.Batch) op.Objective {
		return func(b *op.Batch) op.Objective {
			chosen, rejected := b.Score("rm", "chosen"), b.Score("rm", "rejected")
			d := op.Sub(chosen, rejected)
			return op.Objective{Loss: op.Mean(op.Neg(op.LogSigmoid(change(d, chosen, rejected, b))), "pair")}
		}
	}
	plain := func(d, _, _ op.Tensor, _ *op.Batch) op.Tensor { return op.Mul(op.Real(0.5), d) }
	want := graphOf(t, r, objective(plain))
	same := map[string]func(*op.Batch) op.Objective{
		"once more": objective(plain),
		"other lines first": func(b *op.Batch) op.Objective {
			rejected := b.Score("rm", "rejected")
			op.Square(b.Column("margin"))
			renamed := op.Sub(b.Score("rm", "chosen"), rejected)
			return op.Objective{Loss: op.Mean(op.Neg(op.LogSigmoid(op.Mul(op.Real(0.5), renamed))), "pair")}
		},
	}
	for name, o := range same {
		if got := graphOf(t, r, o); got != want {
			t.Errorf("%s: it counts as another objective", name)
		}
	}
	seen := map[string]string{want: "plain"}
	for name, change := range map[string]func(d, chosen, rejected op.Tensor, b *op.Batch) op.Tensor{
		"a constant":   func(d, _, _ op.Tensor, _ *op.Batch) op.Tensor { return op.Mul(op.Real(0.5001), d) },
		"a sign":       func(d, _, _ op.Tensor, _ *op.Batch) op.Tensor { return op.Mul(op.Real(-0.5), d) },
		"sides":        func(_, c, r op.Tensor, _ *op.Batch) op.Tensor { return op.Mul(op.Real(0.5), op.Sub(r, c)) },
		"one side":     func(_, c, r op.Tensor, _ *op.Batch) op.Tensor { return op.Mul(op.Real(0.5), op.Sub(c, c)) },
		"no term":      func(d, _, _ op.Tensor, _ *op.Batch) op.Tensor { return d },
		"an operation": func(d, _, _ op.Tensor, _ *op.Batch) op.Tensor { return op.Div(d, op.Real(0.5)) },
		"a column":     func(d, _, _ op.Tensor, b *op.Batch) op.Tensor { return op.Sub(d, b.Column("margin")) },
		"the other":    func(d, _, _ op.Tensor, b *op.Batch) op.Tensor { return op.Sub(d, b.Column("weight")) },
		"a length":     func(d, _, _ op.Tensor, b *op.Batch) op.Tensor { return op.Sub(d, b.Length("chosen")) },
		"other length": func(d, _, _ op.Tensor, b *op.Batch) op.Tensor { return op.Sub(d, b.Length("rejected")) },
		"a weight": func(d, _, _ op.Tensor, b *op.Batch) op.Tensor {
			return op.Sub(d, op.At(op.Sum(b.Embed("rm", "chosen"), "hidden"), "pair", 0))
		},
		"no gradient": func(d, c, _ op.Tensor, _ *op.Batch) op.Tensor { return op.Sub(d, op.StopGradient(c)) },
		"a gradient":  func(d, c, _ op.Tensor, _ *op.Batch) op.Tensor { return op.Sub(d, c) },
	} {
		got := graphOf(t, r, objective(change))
		if other, ok := seen[got]; ok {
			t.Errorf("%s counts as %s", name, other)
		}
		seen[got] = name
	}
	reported := func(b *op.Batch) op.Objective {
		o := objective(plain)(b)
		o.Reports = []op.Report{{Name: "margin", Value: op.Mean(b.Column("margin"), "pair")}}
		return o
	}
	if graphOf(t, r, reported) == want {
		t.Error("a report that is new would not be in the log")
	}
}

// twice trains one model in two stages, the second from what the first left.
func twice(t *testing.T, base, pairs string, lr float64) *Run {
	t.Helper()
	r := tinyRunOn(t, goBackend(t), base, pairs, nil)
	second := r.Program.Stages[0]
	second.Train.Name, second.Train.Optimizer.LR, second.Train.From = "again", lr, "last"
	r.Program.Stages = append([]program.Stage{r.Program.Stages[0], second}, r.Program.Stages[1:]...)
	return r
}

// A model that two stages train is kept after each: what changes the second does
// not cost the first, and the second is the same whether the first was done in
// this run or in one before.
func TestBothTrainingsOfAModelAreKept(t *testing.T) {
	base, pairs := tinyModel(t), tinyPairs(t, 60)
	first := twice(t, base, pairs, 1e-2)
	execute(t, first)
	changed, whole := twice(t, base, pairs, 3e-2), twice(t, base, pairs, 3e-2)
	changed.Dir = first.Dir
	execute(t, changed)
	execute(t, whole)
	if d := changed.Done; !d[0].Reused || d[1].Reused {
		t.Errorf("%+v", d)
	}
	for _, folder := range []string{"model/rm", "stages/train-rm"} {
		got, want := weightsIn(t, changed.Dir, folder), weightsIn(t, whole.Dir, folder)
		if got != want {
			t.Errorf("%s: %s, want %s", folder, got, want)
		}
	}
	if !reflect.DeepEqual(losses(t, changed.Dir), losses(t, whole.Dir)) {
		t.Error("the log is another than that of a run of its own")
	}
	again := twice(t, base, pairs, 3e-2)
	again.Dir = first.Dir
	execute(t, again)
	if d := again.Done; !d[0].Reused || !d[1].Reused {
		t.Errorf("%+v", d)
	}
	if a, b := again.Results[0].Measures, whole.Results[0].Measures; !reflect.DeepEqual(a, b) {
		t.Errorf("evaluated %+v, want %+v", a, b)
	}
	// From the declared weights the second stage does not depend on the first, but
	// for the seed of the head.
	fromBase := func(change func(*spec.Train)) []rundir.Done {
		r := twice(t, base, pairs, 3e-2)
		r.Dir, r.Program.Stages[1].Train.From = first.Dir, "base"
		change(&r.Program.Stages[0].Train)
		execute(t, r)
		return r.Done
	}
	if d := fromBase(func(*spec.Train) {}); !d[0].Reused || d[1].Reused {
		t.Errorf("from base: %+v", d)
	}
	if d := fromBase(func(s *spec.Train) { s.Batch = 5 }); d[0].Reused || !d[1].Reused {
		t.Errorf("from base, after another first stage: %+v", d)
	}
	if d := fromBase(func(s *spec.Train) { s.Batch, s.Seed = 5, 7 }); d[0].Reused || d[1].Reused {
		t.Errorf("from base, with another seed: %+v", d)
	}
	other := twice(t, base, pairs, 3e-2)
	other.Dir, other.Program.Stages[0].Train.Batch = first.Dir, 4
	execute(t, other)
	if d := other.Done; d[0].Reused || d[1].Reused {
		t.Errorf("the second stage begins with other weights: %+v", d)
	}
}

// weightsIn is the digest of the weights in a folder of a run.
func weightsIn(t *testing.T, dir, folder string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, folder, rundir.WeightsFile))
	if err != nil {
		t.Fatal(err)
	}
	return disk.Digest(string(text))
}

// A model of which a byte changed, in whichever file, is trained again.
func TestDamagedModelIsTrainedAgain(t *testing.T) {
	base, pairs := tinyModel(t), tinyPairs(t, 60)
	r := tinyRunOn(t, goBackend(t), base, pairs, nil)
	execute(t, r)
	want := weightsIn(t, r.Dir, "model")
	once := func() bool {
		next := tinyRunOn(t, goBackend(t), base, pairs, nil)
		next.Dir = r.Dir
		execute(t, next)
		if got := weightsIn(t, r.Dir, "model"); got != want {
			t.Errorf("the model is another: %s, want %s", got, want)
		}
		return next.Done[0].Reused
	}
	if !once() {
		t.Error("what is whole is not reused")
	}
	for _, file := range []string{rundir.WeightsFile, rundir.ContractFile, rundir.TrainingFile, rundir.MetricsFile, disk.SumsFile} {
		path := filepath.Join(r.Dir, "model", file)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text[len(text)/2] ^= 1
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		if once() {
			t.Errorf("with a damaged %s the model was kept", file)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if once() {
			t.Errorf("without %s the model was kept", file)
		}
	}
}

// A recipe that gets a second train stage keeps the model of the first, wherever
// it lay; where it loses one, the run of before is asked for.
func TestModelsMoveWithTheNumberOfStages(t *testing.T) {
	a := newArmo(t)
	full := a.run(t, goBackend(t), true).Program
	for i, s := range full.Stages {
		if s.Kind == "train" {
			full.Stages[i].Train.Steps = 3
		}
	}
	only := full
	only.Rewards, only.Stages = nil, []program.Stage{full.Stages[5], full.Stages[8]} // bt
	only.Recipe = "recipe armo, shorter\n"
	dir := t.TempDir()
	must(t, only, dir, "", "train")
	want := weightsIn(t, dir, "model")
	must(t, full, dir, "", "train") // what is new costs nothing of what is there
	if reused, _ := reusedIn(t, dir); strings.Join(reused, ",") != "train bt on prefs" {
		t.Errorf("reused %q", reused)
	}
	if got := weightsIn(t, dir, "model/bt"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	_, told, code := cli(t, only, dir, "", "train")
	if code == 0 || !strings.Contains(told, filepath.Join("model", "gate")+": nothing trains it any more") || strings.Contains(told, "train bt on prefs:") {
		t.Errorf("exit %d, %s", code, told)
	}
	weightsIn(t, dir, "model/gate")
	must(t, only, dir, "", "train", "--force")
	if reused, _ := reusedIn(t, dir); strings.Join(reused, ",") != "train bt on prefs" {
		t.Errorf("reused %q", reused)
	}
	if got := weightsIn(t, dir, "model"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// What decides a model is in its key, and where things lie is not.
func TestKeyOfATraining(t *testing.T) {
	base, pairs := tinyModel(t), tinyPairs(t, 60)
	key := func(change func(*Run)) string {
		t.Helper()
		r := tinyRunOn(t, goBackend(t), base, pairs, nil)
		if change != nil {
			change(r)
		}
		training, err := r.begin(t.Context(), r.Program.Stages[0])
		if err != nil {
			t.Fatal(err)
		}
		return training.key()
	}
	stage := func(f func(*program.Stage)) func(*Run) { return func(r *Run) { f(&r.Program.Stages[0]) } }
	want := key(nil)
	text, err := os.ReadFile(pairs)
	if err != nil {
		t.Fatal(err)
	}
	moved := written(t, "moved.jsonl", string(text))
	for name, change := range map[string]func(*Run){
		"nothing":          nil,
		"where rows are":   stage(func(s *program.Stage) { s.Data.Source = "file:" + moved }),
		"a licence":        stage(func(s *program.Stage) { s.Data.Licence = "CC0-1.0" }),
		"how it is called": stage(func(s *program.Stage) { s.Train.Objective = "another" }),
		"micro-batches":    stage(func(s *program.Stage) { s.Train.Micro = 4 }),
		"more steps":       func(r *Run) { r.Steps = 100 },
	} {
		if key(change) != want {
			t.Errorf("%s: another key", name)
		}
	}
	seen := map[string]string{want: "nothing"}
	for name, change := range map[string]func(*Run){
		"a rate":        stage(func(s *program.Stage) { s.Train.Optimizer.LR *= 2 }),
		"a seed":        stage(func(s *program.Stage) { s.Train.Seed++ }),
		"fewer steps":   func(r *Run) { r.Steps = 2 },
		"validation":    stage(func(s *program.Stage) { s.Train.Validate = spec.Split{Kind: "holdout", Fraction: 0.2, By: "row"} }),
		"by prompt":     stage(func(s *program.Stage) { s.Train.Validate = spec.Split{Kind: "holdout", Fraction: 0.2, By: "prompt"} }),
		"a split":       stage(func(s *program.Stage) { s.Data.Split.Fraction = 0.5 }),
		"the longest":   stage(func(s *program.Stage) { s.Data.MaxLength = 63 }),
		"a head":        stage(func(s *program.Stage) { s.Model.Head.Bias = true }),
		"another base":  stage(func(s *program.Stage) { s.Model.Base = "file:" + otherModel(t, base) }),
		"another row":   stage(func(s *program.Stage) { s.Data.Source = "file:" + written(t, "p.jsonl", otherRow(string(text))) }),
		"the objective": stage(func(s *program.Stage) { s.Objective = halved(s.Objective) }),
	} {
		got := key(change)
		if other, ok := seen[got]; ok {
			t.Errorf("%s: the key of %s", name, other)
		}
		seen[got] = name
	}
}

// halved is half of an objective.
func halved(objective func(*op.Batch) op.Objective) func(*op.Batch) op.Objective {
	return func(b *op.Batch) op.Objective {
		o := objective(b)
		o.Loss = op.Mul(op.Real(0.5), o.Loss)
		return o
	}
}

// otherRow changes the last token of the last row.
func otherRow(text string) string {
	at := strings.LastIndexAny(text, "0123456789")
	digit := "1"
	if text[at] == '1' {
		digit = "2"
	}
	return text[:at] + digit + text[at+1:]
}

// otherModel is a copy of a model with one byte of its weights changed.
func otherModel(t *testing.T, base string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(base)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "model.safetensors")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)-2] ^= 1
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}
