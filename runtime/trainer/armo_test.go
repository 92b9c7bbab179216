package trainer

import (
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
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/safetensors"
	"github.com/rmc-lang/rmc/runtime/scoring"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/world"
)

// The last token of a tiny prompt says the domain, that of a response how
// helpful and how brief it is. In domain 3 the helpful one is chosen, in domain 4
// the brief one: no fixed weighting of the two can tell.
const (
	domainHelp = 3
	domainTold = 4
	good       = 10 // + 1 where helpful, + 2 where brief
)

// tinyRatings rates responses by their last token; every third lacks a rating.
func tinyRatings(t *testing.T, n int) string {
	t.Helper()
	random := rand.New(rand.NewPCG(11, 11))
	var b strings.Builder
	for i := range n {
		prompt := []int{1, 20 + random.IntN(20), domainHelp + random.IntN(2)}
		kind := random.IntN(4)
		row := map[string]any{"prompt_ids": prompt, "ids": append(append([]int{}, prompt...), 20+random.IntN(20), good+kind),
			"helpful": kind & 1, "brief": kind >> 1}
		if i%3 == 0 {
			row["brief"] = nil
		}
		line, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	return written(t, "ratings.jsonl", b.String())
}

// tinyDomains has pairs of a helpful and a brief response in two domains.
func tinyDomains(t *testing.T, n int) string {
	t.Helper()
	random := rand.New(rand.NewPCG(12, 12))
	var b strings.Builder
	for i := range n {
		domain := domainHelp + i%2
		prompt := []int{1, 20 + random.IntN(20), 20 + random.IntN(20), domain}
		chosen, rejected := good+1, good+2
		if domain == domainTold {
			chosen, rejected = rejected, chosen
		}
		side := func(last int) []int { return append(append([]int{}, prompt...), 20+random.IntN(20), last) }
		line, err := json.Marshal(map[string]any{"prompt_ids": prompt, "chosen_ids": side(chosen), "rejected_ids": side(rejected)})
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	return written(t, "domains.jsonl", b.String())
}

func written(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// armo is the target recipe on tiny data: what rmc makes of recipes/armorm.
type armo struct {
	backbone, gate, flat, bt spec.Model
	ratings, prefs           spec.Data
	probe, debias, tree      spec.Fit
	train                    spec.Train
}

func newArmo(t *testing.T) armo {
	t.Helper()
	return newArmoOn(tinyModel(t), tinyRatings(t, 90), tinyDomains(t, 120))
}

func newArmoOn(base, ratings, pairs string) armo {
	labels := []string{"helpful", "brief"}
	d := spec.Data{Format: "ids", Columns: spec.Columns{Kind: "same"}, MaxLength: 64, OverLength: "drop", Ties: "drop",
		Split: spec.Split{Kind: "holdout", Fraction: 0.3, By: "row"}, Prompts: true}
	a := armo{ratings: d, prefs: d}
	a.ratings.Name, a.ratings.Kind, a.ratings.Source, a.ratings.Attributes, a.ratings.Missing = "ratings", "ratings", "file:"+ratings, labels, "mask"
	a.prefs.Name, a.prefs.Kind, a.prefs.Source = "prefs", "preference", "file:"+pairs
	a.backbone = spec.Model{Name: "backbone", Kind: "encoder", Base: "file:" + base, DType: "float32", Read: "last_token", Layer: 0}
	a.gate = spec.Model{Name: "gate", Kind: "mlp", Input: "backbone", Hidden: []int{8}, Activation: "relu", Bias: true, Outputs: 2, Axis: "attribute", Labels: labels,
		Scalars: spec.Scalars{Kind: "named", Map: map[string]float64{"scale": 1}}}
	a.flat = a.gate
	a.flat.Name, a.flat.Input, a.flat.Hidden = "flat", "", nil
	a.bt = spec.Model{Name: "bt", Kind: "mlp", Input: "backbone", Activation: "relu", Bias: true, Outputs: 1}
	a.probe = spec.Fit{Name: "probe", Kind: "ridge", Of: []string{"backbone"}, Data: "ratings", Intercept: true, Alphas: []float64{1e-3, 1, 100},
		Select: spec.Split{Kind: "holdout", Fraction: 0.2, By: "prompt"}}
	a.debias = spec.Fit{Name: "debias", Kind: "decorrelate", Of: []string{"backbone", "probe"}, Data: "prefs", From: "brief", Measure: "pearson",
		AtMost: 0.03, Sides: "above", Method: "root"}
	a.tree = spec.Fit{Name: "tree", Kind: "tree", Of: []string{"backbone", "probe"}, Data: "prefs", Depth: 2, Leaf: 5, Prune: "none", Bootstrap: 5, References: 16,
		Select: spec.Split{Kind: "holdout", Fraction: 0.2, By: "prompt"}}
	a.train = spec.Train{Data: "prefs", Batch: 32, Steps: 150, Order: "resample", Save: 50, Seed: 1,
		Optimizer: spec.Optimizer{Kind: "adamw", LR: 0.05, Betas: [2]float64{0.9, 0.999}, Eps: 1e-8, Decay: "matrices", Clip: 1},
		Schedule:  spec.Schedule{Kind: "constant"}}
	return a
}

// armoText is the part of the recipe that the runtime reads.
const armoText = `recipe armo
objective gated on preference {
  let gates         = gate.scale * softmax(gate(prompt) / 0.5, over attribute)  // real[pair, attribute]
  let attributes(x) = debias(probe(x))
  let s(x)          = sum(gates * attributes(x), over attribute)
  loss              = mean(-log_sigmoid(s(chosen) - s(rejected)))
}
reward armo = gated.s
`

// gates are those of a network, over attribute.
func gates(b *op.Batch, name string) op.Tensor {
	return op.Mul(b.Scalar(name, "scale"), op.Softmax(op.Div(b.Model(name, "prompt"), op.Real(0.5)), "attribute"))
}

func attributes(b *op.Batch, debiased bool, view string) op.Tensor {
	if debiased {
		return b.Transform("debias", b.Fit("probe", view))
	}
	return b.Fit("probe", view)
}

// gated is the objective of a gate.
func gatedBy(name string, debiased bool) func(*op.Batch) op.Objective {
	return func(b *op.Batch) op.Objective {
		g := gates(b, name)
		s := func(view string) op.Tensor { return op.Sum(op.Mul(g, attributes(b, debiased, view)), "attribute") }
		return op.Objective{Loss: op.Mean(op.Neg(op.LogSigmoid(op.Sub(s("chosen"), s("rejected")))), "pair")}
	}
}

// gatedReward is what the objective's let scores.
func gatedReward(name string, debiased bool) func(*op.Batch) op.Reward {
	return func(b *op.Batch) op.Reward {
		g, a := gates(b, name), attributes(b, debiased, "response")
		return op.Reward{Score: op.Sum(op.Mul(g, a), "attribute"), Parts: []op.Report{{Name: "gates", Value: g}, {Name: "attributes", Value: a}}}
	}
}

// run is the program: a gate, a constant gate and a head on the same features.
func (a armo) run(t *testing.T, b *backend.Backend, debiased bool) *Run {
	t.Helper()
	train := func(m spec.Model, objective func(*op.Batch) op.Objective) program.Stage {
		how := a.train
		how.Name, how.Objective = m.Name, "of "+m.Name
		return program.Train(m, a.prefs, how, objective)
	}
	evaluated := func(name string, d spec.Data) spec.Evaluate {
		return spec.Evaluate{Name: name, Data: d.Name, Part: "holdout", Batch: 16}
	}
	btLoss := func(b *op.Batch) op.Objective {
		return op.Objective{Loss: op.Mean(op.Neg(op.LogSigmoid(op.Sub(b.Score("bt", "chosen"), b.Score("bt", "rejected")))), "pair")}
	}
	p := program.Program{
		Name: "armo", Recipe: armoText, Encoders: []spec.Model{a.backbone},
		Rewards: []program.Reward{
			{Name: "armo", Score: gatedReward("gate", debiased), Models: []spec.Model{a.gate}},
			{Name: "constant", Score: gatedReward("flat", debiased), Models: []spec.Model{a.flat}},
			{Name: "judge", Fit: "tree"},
		},
		Stages: []program.Stage{
			program.Fit(a.probe, a.ratings), program.Fit(a.debias, a.prefs), program.Fit(a.tree, a.prefs),
			train(a.gate, gatedBy("gate", debiased)), train(a.flat, gatedBy("flat", debiased)), train(a.bt, btLoss),
			program.EvaluateReward("armo", a.prefs, evaluated("armo", a.prefs)), program.EvaluateReward("constant", a.prefs, evaluated("constant", a.prefs)),
			program.Evaluate(a.bt, a.prefs, evaluated("bt", a.prefs)), program.EvaluateReward("judge", a.prefs, evaluated("judge", a.prefs)),
			program.EvaluateFit(a.probe, a.ratings, evaluated("probe", a.ratings)),
		},
	}
	return &Run{Asker: scoring.New(&world.World{Program: p, Dir: t.TempDir(), Backend: b, OnNote: func(s string) { t.Log(s) }})}
}

// T9: where the domains want opposite weightings, a constant gate is at chance
// and a gate that reads the prompt is not. With the softmax over the sides of a
// pair, as in the reference's training, all gates would be equal.
func TestA1GateReadsThePrompt(t *testing.T) {
	r := newArmo(t).run(t, goBackend(t), false)
	execute(t, r)
	gate, constant := r.Results[0], r.Results[1]
	if gate.Accuracy < 0.95 {
		t.Errorf("the gate: %.3f", gate.Accuracy)
	}
	if math.Abs(constant.Accuracy-0.5) > 0.15 {
		t.Errorf("the constant gate: %.3f", constant.Accuracy)
	}
	if c := r.Comparisons[0]; c.A != constant.Stage || c.B != gate.Stage || c.Interval[1] >= 0 || c.Difference != constant.Accuracy-gate.Accuracy {
		t.Errorf("%+v", c)
	}
	if judge := r.Results[3]; *judge.Rows[0].Probability < 0 || judge.Rows[0].ChosenParts == nil {
		t.Errorf("%+v", judge.Rows[0])
	}
	for _, row := range gate.Rows {
		g, other := partOf(row.ChosenParts, "gates"), partOf(row.RejectedParts, "gates")
		if fmt.Sprint(g) != fmt.Sprint(other) {
			t.Fatalf("gates of one prompt differ: %v, %v", g, other)
		}
	}
}

func partOf(parts measure.Parts, name string) map[string]float32 {
	out, _ := parts[name].(map[string]float32)
	return out
}

// As the published model has it, the score is the sum of the coefficients times what the probe says of the
// response, c = g·Tᵀ, and of the gates times the transformed attributes. The
// transform that was fitted is in all of them (A2): what it takes out of an
// attribute is out of the score.
func TestA2TransformIsInTheScore(t *testing.T) {
	r := newArmo(t).run(t, goBackend(t), true)
	execute(t, r)
	debias, err := r.Fitted("debias")
	if err != nil {
		t.Fatal(err)
	}
	if debias.Transform.Penalties[0] == 0 && debias.Transform.From == "brief" {
		debias.Transform.Matrix[1][0] = -0.4 // the tiny data needs no penalty: give it one
		r.Asker = scoring.New(r.World)
	}
	s := r.Program.Stages[6]
	_, rows, err := r.evaluate(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	var worst, without float64
	for _, row := range rows {
		parts := row.ChosenParts
		g, a, c, x := partOf(parts, "gates"), partOf(parts, "attributes"), partOf(parts, "coefficients"), partOf(parts, "probe")
		gated, linear, raw := 0.0, 0.0, 0.0
		for name := range g {
			gated += float64(g[name]) * float64(a[name])
			linear += float64(c[name]) * float64(x[name])
			raw += float64(g[name]) * float64(x[name])
		}
		worst = max(worst, math.Abs(gated-row.Chosen), math.Abs(linear-row.Chosen))
		without = max(without, math.Abs(raw-row.Chosen))
		for i, name := range []string{"helpful", "brief"} {
			want := 0.0
			for k, other := range []string{"helpful", "brief"} {
				want += debias.Transform.Matrix[i][k] * float64(g[other])
			}
			worst = max(worst, math.Abs(want-float64(c[name])))
		}
	}
	if worst > 1e-5 {
		t.Errorf("off by %g", worst)
	}
	if without < 1e-2 {
		t.Errorf("without the transform the score would be the same to %g: this test shows nothing", without)
	}
}

// cli runs a trainer's command line in this process.
func cli(t *testing.T, p program.Program, dir, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	file := func(name string) *os.File {
		f, err := os.CreateTemp(t.TempDir(), name)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	out, told := file("out"), file("err")
	if !slices.Contains(args, "--backend") {
		args = append([]string{"--backend", "go"}, args...)
	}
	code = run(t.Context(), p, append([]string{"--out", dir}, args...), strings.NewReader(stdin), out, told)
	read := func(f *os.File) string {
		text, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		return string(text)
	}
	return read(out), read(told), code
}

func must(t *testing.T, p program.Program, dir, stdin string, args ...string) string {
	t.Helper()
	out, told, code := cli(t, p, dir, stdin, args...)
	if code != 0 {
		t.Fatalf("%v: exit %d\n%s%s", args, code, out, told)
	}
	return out
}

// reused lists the stages of run.json that were taken from a run before, and
// those that were computed.
func reusedIn(t *testing.T, dir string) (reused, ran []string) {
	t.Helper()
	rec, err := rundir.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range rec.Stages {
		if d.Reused {
			reused = append(reused, d.Stage)
		} else if !strings.HasPrefix(d.Stage, "evaluate") {
			ran = append(ran, d.Stage)
		}
	}
	return reused, ran
}

// What did not change is not computed again: a changed gate reruns its training
// alone, a changed alpha the probe, what is fitted on it and what reads that.
func TestChangesRerunWhatDependsOnThem(t *testing.T) {
	p := newArmo(t).run(t, goBackend(t), true).Program
	dir := t.TempDir()
	fits := "fit probe on ratings,fit debias on prefs,fit tree on prefs"
	trains := "train gate on prefs,train flat on prefs,train bt on prefs"
	set := func(args ...string) []string {
		var out []string
		for _, a := range args {
			out = append(out, "--set", a)
		}
		return append(out, "train", "--force")
	}
	short := []string{"train.gate.steps=5", "train.flat.steps=5", "train.bt.steps=5"}
	for _, c := range []struct {
		name        string
		args        []string
		reused, ran string
	}{
		{"first", set(short...), "", fits + "," + trains},
		{"the same", set(short...), fits + "," + trains, ""},
		{"another gate", set(append(short, "model.gate.hidden=[4]")...), fits + ",train flat on prefs,train bt on prefs", "train gate on prefs"},
		{"another alpha", set(append(short, "fit.probe.alphas=[5]")...), "train bt on prefs", fits + ",train gate on prefs,train flat on prefs"},
		{"another tree", set(append(short, "fit.probe.alphas=[5]", "fit.tree.leaf=7")...), "fit probe on ratings,fit debias on prefs," + trains, "fit tree on prefs"},
		{"another rate", set(append(short, "fit.probe.alphas=[5]", "fit.tree.leaf=7", "train.bt.optimizer.lr=0.02")...),
			fits + ",train gate on prefs,train flat on prefs", "train bt on prefs"},
		{"anew", append(set(append(short, "fit.probe.alphas=[5]", "fit.tree.leaf=7", "train.bt.optimizer.lr=0.02")...), "--anew"), "", fits + "," + trains},
	} {
		must(t, p, dir, "", c.args...)
		reused, ran := reusedIn(t, dir)
		if strings.Join(reused, ",") != c.reused || strings.Join(ran, ",") != c.ran {
			t.Errorf("%s: reused %q, ran %q", c.name, reused, ran)
		}
	}
}

// A fit whose files were changed is no fit: it is computed again by train, and
// refused by what only reads.
func TestDamagedFits(t *testing.T) {
	r := newArmo(t).run(t, goBackend(t), true)
	r.Program.Stages = r.Program.Stages[:3]
	execute(t, r)
	for _, name := range []string{"fit.json", "fit.safetensors"} {
		path := filepath.Join(r.FitFolder("probe"), name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text[len(text)-5] ^= 1
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		afresh(r)
		if _, err := r.Fitted("probe"); err == nil || !strings.Contains(err.Error(), "the fit probe is damaged") {
			t.Errorf("%s: %v", name, err)
		}
		execute(t, r)
		if r.Done[0].Reused || !r.Done[1].Reused {
			t.Errorf("%s: %+v", name, r.Done)
		}
	}
}

// What score prints is what the evaluation measured, and the pairs of a tree
// come with their probability.
func TestScoreIsEvaluation(t *testing.T) {
	a := newArmo(t)
	p, dir := a.run(t, goBackend(t), true).Program, t.TempDir()
	must(t, p, dir, "", "train")
	lines, err := os.ReadFile(strings.TrimPrefix(a.prefs.Source, "file:"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := rundir.ReadLines[rundir.Evaluated](filepath.Join(dir, rundir.RowsFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"armo", "judge", "bt"} {
		answers := strings.Split(must(t, p, dir, string(lines), "score", "--model", name), "\n")
		checked := 0
		for _, row := range rows {
			if !strings.HasPrefix(row.Stage, "evaluate "+name+" ") {
				continue
			}
			var got rundir.Evaluated
			if err := json.Unmarshal([]byte(answers[row.Row]), &got); err != nil {
				t.Fatal(err)
			}
			if math.Abs(got.Chosen-row.Chosen) > 1e-5 || math.Abs(got.Rejected-row.Rejected) > 1e-5 || len(got.ChosenParts) != len(row.ChosenParts) {
				t.Errorf("%s, row %d: scored %+v, evaluated %+v", name, row.Row, got, row)
			}
			if (got.Probability == nil) != (name != "judge") || got.Probability != nil && *got.Probability != *row.Probability {
				t.Errorf("%s, row %d: probability %v, evaluated %v", name, row.Row, got.Probability, row.Probability)
			}
			checked++
		}
		if checked == 0 {
			t.Errorf("no row of %s", name)
		}
	}
	out := must(t, p, dir, `{"prompt_ids":[1,30,3],"ids":[1,30,3,25,11]}`+"\n", "score", "--model", "armo")
	var one map[string]any
	if err := json.Unmarshal([]byte(out), &one); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"score", "gates", "attributes", "coefficients", "probe"} {
		if one[want] == nil {
			t.Errorf("no %s in %s", want, out)
		}
	}
	if _, told, code := cli(t, p, dir, "", "score"); code == 0 || !strings.Contains(told, "armo and constant and judge") {
		t.Errorf("several rewards: %s", told)
	}
	page := must(t, p, dir, "", "report", "--examples", "3")
	html, err := os.ReadFile(strings.TrimSpace(page))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Examples of armo on prefs.holdout", ">gates<", "Differences", "fit tree on prefs", "importance", "Pearson", "licence", "correlation with length"} {
		if !strings.Contains(string(html), want) {
			t.Errorf("the page has no %s", want)
		}
	}
}

// A8: a reward is exported whole: the decoder, the probe, the transform and the
// gate, with the formula in words and in Python.
func TestA8RewardIsExported(t *testing.T) {
	p, dir := newArmo(t).run(t, goBackend(t), true).Program, t.TempDir()
	must(t, p, dir, "", "train")
	folder := filepath.Join(dir, "exported")
	must(t, p, dir, "", "export", "--model", "armo", folder)
	table, err := safetensors.Open(filepath.Join(folder, "reward.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, x := range table.Tensors {
		names = append(names, fmt.Sprint(x.Name, x.Shape))
	}
	slices.Sort(names)
	want := "debias.matrix[2 2] gate.layers.0.bias[8] gate.layers.0.weight[8 16] gate.layers.1.bias[2] gate.layers.1.weight[2 8] gate.scalars.scale[] probe.bias[2] probe.weight[2 16]"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	card, err := os.ReadFile(filepath.Join(folder, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"gates = gate.scale * softmax(gate(prompt) / 0.5)\n", "attributes = lambda x: debias(probe(x))\n", "s = lambda x: sum(gates * attributes(x))\n", "return s(response)\n"} {
		if !strings.Contains(string(card), want) {
			t.Errorf("the card has no %q:\n%s", want, card)
		}
	}
	must(t, p, dir, "", "export", "--model", "judge", folder, "--force")
	for _, name := range []string{"tree.json", "rules.txt", "tree.svg", "reward.json", "config.json"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			t.Error(err)
		}
	}
	if _, told, code := cli(t, p, dir, "", "export", "--model", "bt", folder, "--force"); code == 0 || !strings.Contains(told, "without hidden layers and bias") {
		t.Errorf("a head with a bias: %d %s", code, told)
	}
}

// A9: rows that a filter drops, and the hash that holds others out, move no score
// to another row: each evaluated pair is the file's row of its number.
func TestA9EvaluationKeepsRowsApart(t *testing.T) {
	a := newArmo(t)
	path := strings.TrimPrefix(a.prefs.Source, "file:")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	long := strings.TrimSuffix(strings.Repeat("30,", 70), ",")
	for i := 0; i < len(lines); i += 5 {
		lines[i] = fmt.Sprintf(`{"prompt_ids":[1,%s],"chosen_ids":[1,%[1]s,11],"rejected_ids":[1,%[1]s,12]}`, long)
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	r := a.run(t, goBackend(t), false)
	r.Program.Stages = append(r.Program.Stages[:4:4], r.Program.Stages[6])
	execute(t, r)
	rows := r.Results[0].Rows
	if len(rows) == 0 {
		t.Fatal("nothing was evaluated")
	}
	s, err := r.Scorer(t.Context(), "armo")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		var fields map[string]any
		if err := json.Unmarshal([]byte(lines[row.Row]), &fields); err != nil {
			t.Fatal(err)
		}
		sides, err := s.Encode(fields)
		if err != nil {
			t.Fatalf("row %d was dropped and evaluated: %v", row.Row, err)
		}
		said, err := s.Score(t.Context(), sides)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(said.Scores[0]-row.Chosen) > 1e-5 || math.Abs(said.Scores[1]-row.Rejected) > 1e-5 {
			t.Errorf("row %d scores %v alone and %v, %v in the evaluation", row.Row, said.Scores, row.Chosen, row.Rejected)
		}
	}
}

// A fit that changed after the run is not scored with, and a stage that fails says
// where the recipe declares it.
func TestRewardContract(t *testing.T) {
	a := newArmo(t)
	r := a.run(t, goBackend(t), true)
	p, dir := r.Program, t.TempDir()
	p.Stages = []program.Stage{p.Stages[0], p.Stages[1], p.Stages[2], p.Stages[9]}
	p.Rewards = p.Rewards[2:]
	must(t, p, dir, "", "train")
	must(t, p, dir, "", "score", "--model", "judge")
	other := &Run{Asker: scoring.New(&world.World{Program: p, Dir: dir, Backend: r.Backend})}
	other.Program.Stages = slices.Clone(p.Stages)
	other.Program.Stages[0].Fit.Alphas = []float64{7}
	execute(t, other)
	if _, told, code := cli(t, p, dir, "", "score"); code == 0 || !strings.Contains(told, "fits was ") {
		t.Errorf("scored with other fits: %d %s", code, told)
	}
	p.Recipe, p.Stages[1].Fit.From = "recipe x\n\nfit debias  = decorrelate on probe(prefs) { from = charm }\n", "charm"
	if _, told, code := cli(t, p, t.TempDir(), "", "train"); code == 0 || !strings.Contains(told, "fit debias on prefs (line 3 of the recipe): from: no attribute is named charm; there are helpful, brief") {
		t.Errorf("%d %s", code, told)
	}
}

// Two devices come to the fits, the gate and the rewards of one.
func TestRewardsOnTwoDevices(t *testing.T) {
	b := xla(t)
	a := newArmo(t)
	a.train.Steps = 20
	var results [2]*Run
	for i, devices := range []int{1, 2} {
		r := a.run(t, b, true)
		r.Program.Mesh = spec.Mesh{Devices: devices}
		execute(t, r)
		results[i] = r
	}
	for i, one := range results[0].Results {
		two := results[1].Results[i]
		for k, row := range one.Rows {
			if other := two.Rows[k]; math.Abs(row.Chosen-other.Chosen) > 1e-3 || math.Abs(row.Rejected-other.Rejected) > 1e-3 {
				t.Errorf("%s, row %d: %v and %v on one device, %v and %v on two", one.Stage, row.Row, row.Chosen, row.Rejected, other.Chosen, other.Rejected)
			}
		}
	}
}
