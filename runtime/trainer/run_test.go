package trainer

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/arch"
	"github.com/rmc-lang/rmc/runtime/backend"
	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/op"
	"github.com/rmc-lang/rmc/runtime/optim"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/rewards"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/scoring"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/states"
	"github.com/rmc-lang/rmc/runtime/world"
)

const tinyConfig = `{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 48, "hidden_size": 16,
"intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 4,
"hidden_act": "silu", "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
"tie_word_embeddings": true, "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "float32"}`

// tinyModel writes a decoder of two layers with random weights.
func tinyModel(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(tinyConfig), 0o644); err != nil {
		t.Fatal(err)
	}
	config, err := arch.Parse([]byte(tinyConfig))
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(7, 7))
	var all []model.Named
	for _, p := range config.Parameters() {
		values := make([]float32, p.Size())
		for i := range values {
			values[i] = float32(random.NormFloat64() / 4)
			if !p.Matrix {
				values[i] = 1
			}
		}
		all = append(all, model.Named{Name: p.Name, Tensor: tensors.FromFlatDataAndDimensions(values, p.Shape...)})
	}
	if _, err := model.WriteModel(dir, all); err != nil {
		t.Fatal(err)
	}
	return dir
}

// tinyPairs writes pairs that differ by one rule: the chosen side ends in a low token.
func tinyPairs(t *testing.T, n int) string {
	t.Helper()
	random := rand.New(rand.NewPCG(3, 3))
	var b strings.Builder
	for range n {
		prompt := make([]int, 2+random.IntN(20))
		for i := range prompt {
			prompt[i] = 3 + random.IntN(40)
		}
		side := func(last int) string {
			text, _ := json.Marshal(append(append([]int{1}, prompt...), 3+random.IntN(40), last))
			return string(text)
		}
		fmt.Fprintf(&b, `{"chosen_ids": %s, "rejected_ids": %s, "margin": %.2f}`+"\n", side(3+random.IntN(15)), side(25+random.IntN(15)), random.Float64()/4)
	}
	path := filepath.Join(t.TempDir(), "pairs.jsonl")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// tinyRun is a program over the tiny model and pairs; change edits its stages
// before they are used.
func tinyRun(t *testing.T, b *backend.Backend, change func(*spec.Model, *spec.Data, *spec.Train)) *Run {
	t.Helper()
	return tinyRunOn(t, b, tinyModel(t), tinyPairs(t, 60), change)
}

func tinyRunOn(t *testing.T, b *backend.Backend, base, pairs string, change func(*spec.Model, *spec.Data, *spec.Train)) *Run {
	t.Helper()
	m := spec.Model{
		Name: "rm", Kind: "reward", Base: "file:" + base, DType: "float32",
		Head: spec.Head{Kind: "linear", Outputs: 1, Layer: -1, Init: "normal"}, Tune: spec.Tune{Kind: "full"},
	}
	d := spec.Data{
		Name: "prefs", Kind: "preference", Source: "file:" + pairs, Format: "ids", Columns: spec.Columns{Kind: "same"},
		MaxLength: 64, OverLength: "drop", Ties: "drop", Split: spec.Split{Kind: "holdout", Fraction: 0.3, By: "row"},
	}
	tr := spec.Train{
		Name: "rm", Data: "prefs", Objective: "bradleyTerry", Batch: 8, Steps: 6, Order: "shuffle", Seed: 1, Save: 2, Buckets: []int{16, 32},
		Optimizer: spec.Optimizer{Kind: "adamw", LR: 1e-2, Betas: [2]float64{0.9, 0.999}, Eps: 1e-8, WeightDecay: 0.01, Decay: "matrices", Clip: 1},
		Schedule:  spec.Schedule{Kind: "cosine", Warmup: 1},
	}
	if change != nil {
		change(&m, &d, &tr)
	}
	e := spec.Evaluate{Name: "rm", Data: "prefs", Part: "holdout", Batch: 8}
	return &Run{Asker: scoring.New(&world.World{
		Program: program.Program{Name: "tiny", Stages: []program.Stage{program.Train(m, d, tr, bradleyTerry), program.Evaluate(m, d, e)}},
		Dir:     t.TempDir(), Backend: b,
		OnNote: func(s string) { t.Log(s) },
	})}
}

// afresh makes r forget all that it has opened, as another process would.
func afresh(r *Run) {
	r.Asker = scoring.New(&world.World{Program: r.Program, Dir: r.Dir, Root: r.Root, Backend: r.Backend, OnNote: r.OnNote})
}

// setOf is a data set of a run as a model sees it.
func setOf(t *testing.T, r *Run, model, name string) *data.Set {
	t.Helper()
	m, err := r.Program.FindModel(model)
	if err != nil {
		t.Fatal(err)
	}
	d, err := r.Program.FindData(name)
	if err != nil {
		t.Fatal(err)
	}
	set, err := r.Set(t.Context(), m, d)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func execute(t *testing.T, r *Run) {
	t.Helper()
	if err := r.Execute(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// losses reads metrics.jsonl, without what depends on the clock.
func losses(t *testing.T, dir string) []map[string]any {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, rundir.MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []map[string]any
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var line map[string]any
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v", lines.Bytes(), err)
		}
		delete(line, "examples_per_s")
		delete(line, "tokens_per_s")
		all = append(all, line)
	}
	return all
}

// mean is that of the losses of some steps.
func mean(steps []map[string]any) float64 {
	sum := 0.0
	for _, s := range steps {
		sum += s["loss"].(float64)
	}
	return sum / float64(len(steps))
}

// sameSteps compares two runs step by step.
func sameSteps(t *testing.T, got, want []map[string]any, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d steps, want %d", len(got), len(want))
	}
	for i := range got {
		for _, name := range []string{"step", "loss", "grad_norm", "lr", "margin", "mean_margin"} {
			g, w := got[i][name].(float64), want[i][name].(float64)
			if !(math.Abs(g-w) <= tolerance*math.Max(1, math.Abs(w))) {
				t.Errorf("step %d: %s is %v, want %v", i+1, name, g, w)
			}
		}
	}
}

func TestTrainAndEvaluate(t *testing.T) {
	for _, kind := range []string{"full", "lora", "head"} {
		t.Run(kind, func(t *testing.T) {
			r := tinyRun(t, goBackend(t), func(m *spec.Model, _ *spec.Data, tr *spec.Train) {
				m.Tune = spec.Tune{Kind: kind, Rank: 4, Alpha: 8, On: []string{"q_proj", "v_proj", "down_proj"}}
				tr.Steps, tr.Save = 40, 50
				if kind == "head" {
					tr.Optimizer.LR = 0.1
				}
			})
			execute(t, r)
			steps := losses(t, r.Dir)
			if len(steps) != 40 || !(mean(steps[30:]) < mean(steps[:10])) {
				t.Errorf("%d steps, from %v to %v", len(steps), steps[0], steps[len(steps)-1])
			}
			res := r.Results[0]
			if res.Before == nil || res.LogLoss >= res.Before.LogLoss || res.Pairs != r.Stats["prefs"].Holdout || len(res.Rows) != res.Pairs || res.Steps != 40 {
				t.Errorf("%+v, before %+v", res.Measures, res.Before)
			}
			again := *r
			again.Results = nil
			afresh(&again)
			if err := again.Evaluate(context.Background()); err != nil {
				t.Fatal(err)
			}
			if again.Results[0].Accuracy != res.Accuracy || math.Abs(again.Results[0].Margin-res.Margin) > 1e-6 {
				t.Errorf("the model on disk: %+v, in memory %+v", again.Results[0].Measures, res.Measures)
			}
		})
	}
}

// How a step is cut into micro-batches and buckets, and whether activations are
// kept or computed again, changes no loss.
func TestCuttingChangesNothing(t *testing.T) {
	b, base, pairs := goBackend(t), tinyModel(t), tinyPairs(t, 60)
	var want []map[string]any
	for _, c := range []struct {
		micro     int
		buckets   []int
		recompute bool
	}{{8, []int{32}, false}, {2, []int{8, 16, 32}, false}, {3, nil, true}, {0, []int{32}, false}} {
		r := tinyRunOn(t, b, base, pairs, func(m *spec.Model, _ *spec.Data, tr *spec.Train) {
			// 44 training rows: the last of 6 steps has 4 examples.
			tr.Micro, tr.Buckets, tr.Steps, tr.Epochs, m.Tune.Checkpoint = c.micro, c.buckets, 0, 1, c.recompute
		})
		execute(t, r)
		got := losses(t, r.Dir)
		if want == nil {
			want = got
		}
		sameSteps(t, got, want, 1e-5)
	}
}

func TestResumeIsExact(t *testing.T) {
	for _, kind := range []string{"full", "head"} {
		t.Run(kind, func(t *testing.T) { resumes(t, goBackend(t), kind) })
	}
	t.Run("full on XLA", func(t *testing.T) { resumes(t, xla(t), "full") })
}

// resumes stops a run after 3 of 6 steps, goes on, and compares bit by bit.
func resumes(t *testing.T, b *backend.Backend, kind string) {
	base, pairs := tinyModel(t), tinyPairs(t, 60)
	change := func(m *spec.Model, _ *spec.Data, tr *spec.Train) { m.Tune.Kind, tr.Buckets = kind, []int{32} }
	whole := tinyRunOn(t, b, base, pairs, change)
	execute(t, whole)
	r := tinyRunOn(t, b, base, pairs, change)
	r.Steps = 3
	execute(t, r)
	r.Steps, r.Resume = 0, true
	afresh(r)
	execute(t, r)
	sameSteps(t, losses(t, r.Dir), losses(t, whole.Dir), 0)
	if r.Results[0].Margin != whole.Results[0].Margin || r.Results[0].Before.Margin != whole.Results[0].Before.Margin {
		t.Errorf("resumed %+v, whole %+v", r.Results[0].Measures, whole.Results[0].Measures)
	}
}

// The batch of an evaluation changes no score.
func TestEvaluationBatchChangesNothing(t *testing.T) {
	r := tinyRun(t, goBackend(t), nil)
	var want []measure.Scored
	for _, batch := range []int{16, 1, 5} {
		r.Program.Stages[1].Evaluate.Batch = batch
		_, rows, err := r.evaluate(context.Background(), r.Program.Stages[1])
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if math.Abs(rows[i].Chosen-want[i].Chosen) > 1e-6 || rows[i].Row != want[i].Row {
				t.Errorf("batch %d, row %d: %v, want %v", batch, i, rows[i], want[i])
			}
		}
		want = rows
	}
}

// Weights in bfloat16 with float32 masters learn as well.
func TestBFloat16(t *testing.T) {
	for _, kind := range []string{"full", "lora"} {
		var all [2][]map[string]any
		for i, dtype := range []string{"float32", "bfloat16"} {
			r := tinyRun(t, goBackend(t), func(m *spec.Model, _ *spec.Data, tr *spec.Train) {
				m.Tune = spec.Tune{Kind: kind, Rank: 4, Alpha: 8, On: []string{"q_proj", "v_proj"}}
				m.DType = dtype
				tr.Micro = 4
			})
			execute(t, r)
			all[i] = losses(t, r.Dir)
		}
		sameSteps(t, all[1][:1], all[0][:1], 0.05)
		sameSteps(t, all[1], all[0], 0.3)
	}
}

// A ranking is compared within itself: the first of three beats two.
func TestRanking(t *testing.T) {
	r := tinyRun(t, goBackend(t), func(_ *spec.Model, d *spec.Data, tr *spec.Train) {
		d.Kind, d.Source = "ranking", "file:"+tinyRankings(t, 40)
		tr.Micro = 4
	})
	// Plackett–Luce's first choice: the best of the candidates that there are.
	r.Program.Stages[0].Objective = func(b *op.Batch) op.Objective {
		s := b.Score("rm", "candidates")
		best := op.Sub(op.LogSumExp(s, "candidate"), op.At(s, "candidate", 0))
		return op.Objective{Loss: op.Mean(best, "row")}
	}
	execute(t, r)
	set := r.Stats["prefs"]
	if res := r.Results[0]; res.Pairs <= set.Holdout || len(losses(t, r.Dir)) != 6 {
		t.Errorf("%d pairs of %d rankings", res.Pairs, set.Holdout)
	}
}

// tinyRankings has two or three responses to each prompt.
func tinyRankings(t *testing.T, n int) string {
	t.Helper()
	random := rand.New(rand.NewPCG(5, 5))
	var b strings.Builder
	for range n {
		var responses [][]int
		for range 2 + random.IntN(2) {
			responses = append(responses, []int{1, 3 + random.IntN(40), 3 + random.IntN(40), 3 + random.IntN(40), 3 + random.IntN(40)})
		}
		text, _ := json.Marshal(map[string]any{"response_ids": responses})
		b.Write(append(text, '\n'))
	}
	path := filepath.Join(t.TempDir(), "rankings.jsonl")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// Two trainings in one program, of two models or of one, keep each step of both,
// also when the second is interrupted.
func TestTwoTrainings(t *testing.T) {
	b, base, pairs := goBackend(t), tinyModel(t), tinyPairs(t, 60)
	for name, second := range map[string]struct{ model, stage, told string }{
		"two models": {"other", "other", "train other on prefs"},
		"one model":  {"rm", "second", "train rm on prefs as second"},
	} {
		t.Run(name, func(t *testing.T) {
			program := func() *Run {
				r := tinyRunOn(t, b, base, pairs, nil)
				first := r.Program.Stages[0]
				next := first
				next.Model.Name, next.Train.Name, next.Train.Seed = second.model, second.stage, 2
				next.Objective = func(b *op.Batch) op.Objective {
					return op.Objective{Loss: op.Mean(op.Neg(op.LogSigmoid(op.Sub(b.Score(second.model, "chosen"), b.Score(second.model, "rejected")))), "pair")}
				}
				r.Program.Stages = []program.Stage{first, next}
				return r
			}
			whole := program()
			execute(t, whole)
			r := program()
			ctx, cancel := context.WithCancel(context.Background())
			r.OnStep = func(s rundir.Step) {
				if s.Stage == second.told && s.Step == 3 {
					cancel()
				}
			}
			if err := r.Execute(ctx); err == nil {
				t.Fatal("nothing stopped")
			}
			r.OnStep, r.Resume = nil, true
			afresh(r)
			execute(t, r)
			got, want := losses(t, r.Dir), losses(t, whole.Dir)
			if len(got) != 12 || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%d steps:\n%v\nwant\n%v", len(got), got, want)
			}
		})
	}
}

// Embeddings are computed once; what an interrupt or a flipped byte leaves is
// used, and the rest computed.
func TestEmbeddingsAreKept(t *testing.T) {
	r := tinyRunOn(t, goBackend(t), tinyModel(t), tinyPairs(t, 300), func(m *spec.Model, _ *spec.Data, _ *spec.Train) { m.Tune.Kind = "head" })
	ctx := context.Background()
	fresh := func() *states.Reader {
		afresh(r)
		s := r.Program.Stages[0]
		e, err := r.Embeddings(ctx, s.Model, s.Data)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	var notes []string
	r.OnNote = func(s string) { notes = append(notes, s) }
	want := fresh()
	path := embeddingOf(t, r).Folder.Path(1)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)-1] ^= 1
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	notes = nil
	got := fresh()
	for i := range want.Values {
		if got.Values[i] != want.Values[i] {
			t.Fatalf("value %d is %v, was %v", i, got.Values[i], want.Values[i])
		}
	}
	text := strings.Join(notes, "\n")
	if !strings.Contains(text, path) || !strings.Contains(text, fmt.Sprintf("600 sequences, %d of them from ", 600-len(embeddingOf(t, r).Chunks[1].Sequences))) {
		t.Errorf("notes:\n%s", text)
	}
	notes = nil
	fresh()
	if text := strings.Join(notes, "\n"); !strings.Contains(text, "600 sequences, 600 of them from ") {
		t.Errorf("notes:\n%s", text)
	}
}

// embeddingOf is how the hidden states of a program's first stage are computed.
func embeddingOf(t *testing.T, r *Run) *states.Plan {
	t.Helper()
	s := r.Program.Stages[0]
	e, err := r.Embedding(context.Background(), s.Model, s.Data)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestLockThatDoesNotMatch(t *testing.T) {
	r := tinyRun(t, goBackend(t), nil)
	pairs := strings.TrimPrefix(r.Program.Stages[0].Data.Source, "file:")
	r.Program.Lock = fmt.Sprintf("data file:%s sha256:%064d 12\n", pairs, 7)
	err := r.Execute(context.Background())
	if err == nil || !strings.Contains(err.Error(), pairs+" is not what rmc.lock pins") {
		t.Errorf("err = %v", err)
	}
}

func TestScorer(t *testing.T) {
	r := tinyRun(t, goBackend(t), func(m *spec.Model, _ *spec.Data, _ *spec.Train) { m.Tune.Kind = "head" })
	execute(t, r)
	res := r.Results[0]
	again := &Run{Asker: scoring.New(&world.World{Program: r.Program, Dir: r.Dir, Backend: r.Backend})}
	s, err := again.Scorer(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	set, err := again.Set(context.Background(), r.Program.Stages[0].Model, r.Program.Stages[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	var all []rewards.Answered
	for _, one := range world.ResponsesOf(r.Program.Stages[0].Data, set.Holdout) {
		all = append(all, rewards.Answered{Response: one})
	}
	said, err := s.Score(context.Background(), all)
	if err != nil {
		t.Fatal(err)
	}
	scores := said.Scores
	for i, row := range res.Rows {
		if math.Abs(scores[2*i]-row.Chosen) > 1e-6 || math.Abs(scores[2*i+1]-row.Rejected) > 1e-6 {
			t.Errorf("row %d: %v and %v, evaluated %v", row.Row, scores[2*i], scores[2*i+1], row)
		}
	}
	if _, err := s.Encode(map[string]any{"text": "hello"}); err == nil {
		t.Error("a row that cannot be scored was encoded")
	}
	if _, err := again.Scorer(context.Background(), "judge"); err == nil || !strings.Contains(err.Error(), `no model "judge"`) {
		t.Errorf("err = %v", err)
	}
}

func TestLossThatIsNoNumber(t *testing.T) {
	r := tinyRun(t, goBackend(t), func(_ *spec.Model, _ *spec.Data, tr *spec.Train) {
		tr.Optimizer.LR, tr.Save, tr.Optimizer.Clip = 1e30, 1, 0
	})
	err := r.Execute(context.Background())
	if err == nil {
		t.Fatal("training went on")
	}
	for _, part := range []string{"train rm on prefs", "step ", "Rows of prefs in question: ", "the last good checkpoint is ", "learning rate"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v: want %q", err, part)
		}
	}
	if _, err := os.Stat(filepath.Join(r.Dir, "model")); err == nil {
		t.Error("a model was written")
	}
}

// A graph that cannot be built is an error with the stage's name, and no stack.
func TestObjectiveThatPanics(t *testing.T) {
	r := tinyRun(t, goBackend(t), nil)
	r.Program.Recipe = "recipe tiny\n\ntrain  rm on prefs {\n}\n"
	r.Program.Stages[0].Objective = func(b *op.Batch) op.Objective { return op.Objective{Loss: b.Column("colour")} }
	err := r.Execute(context.Background())
	if err == nil || !strings.Contains(err.Error(), "train rm on prefs (line 3 of the recipe)") || !strings.Contains(err.Error(), `no column "colour"`) || strings.Contains(err.Error(), ".go:") {
		t.Errorf("err = %v", err)
	}
}

// Four devices give the losses of one, and a checkpoint of four goes on on one.
func TestMeshChangesNothing(t *testing.T) {
	b, base, pairs := xla(t), tinyModel(t), tinyPairs(t, 60)
	run := func(mesh spec.Mesh, tune string) *Run {
		r := tinyRunOn(t, b, base, pairs, func(m *spec.Model, _ *spec.Data, tr *spec.Train) {
			m.Tune = spec.Tune{Kind: tune, Rank: 4, Alpha: 8, On: []string{"q_proj", "down_proj"}}
			tr.Micro, tr.Buckets = 4, []int{32}
		})
		r.Program.Mesh = mesh
		return r
	}
	for tune, meshes := range map[string][]spec.Mesh{
		"full": {{Devices: 4, FSDP: 4}, {Devices: 4, FSDP: 2, Tensor: 2}},
		"head": {{Devices: 4}},
	} {
		one := run(spec.Mesh{}, tune)
		execute(t, one)
		want := losses(t, one.Dir)
		for _, mesh := range meshes {
			r := run(mesh, tune)
			r.Steps = 4
			execute(t, r)
			sameSteps(t, losses(t, r.Dir), want[:4], 1e-5)
			r.Program.Mesh, r.Steps, r.Resume = spec.Mesh{}, 0, true
			afresh(r)
			execute(t, r)
			sameSteps(t, losses(t, r.Dir), want, 1e-5)
		}
	}
}

func TestMeshThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		mesh spec.Mesh
		want string
	}{
		{spec.Mesh{Devices: 4}, "wants 4 devices and the go backend has 1"},
	} {
		r := tinyRun(t, goBackend(t), nil)
		r.Program.Mesh = c.mesh
		if err := r.Execute(context.Background()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.mesh, err, c.want)
		}
	}
}

// A loss beyond the numbers names the rows it may come from, a few of many, and
// a column that is beyond them.
func TestNoNumberNamesRowAndColumn(t *testing.T) {
	tr := &training{set: &data.Set{Columns: []string{"margin"}}, stage: program.Stage{Data: spec.Data{Name: "prefs"}}, saved: -1, steps: 9}
	out := &optim.Outcome{Loss: math.Inf(1)}
	var examples []data.Example
	for row := range 20 {
		examples = append(examples, data.Example{Row: row, Columns: []float32{1}})
		out.Scores, out.Shares = append(out.Scores, []float64{0, 1}), append(out.Shares, math.Inf(1))
	}
	examples[4].Columns[0] = 3e38
	err := tr.finite(out, examples)
	for _, want := range []string{"step 1: the loss is +Inf", "Rows of prefs in question: 1, 2, 3, 4, 5, 6, 7, 8, … (row 5 has margin = 3e+38)", "there is no checkpoint yet"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

// The last line of a run is a command that works: a row as its data are read, and the
// name of what scores it where there are several.
func TestNextCommandScores(t *testing.T) {
	policy, head := spec.Model{Name: "pm", Kind: "policy"}, spec.Model{Name: "rm", Kind: "reward"}
	trains := func(all ...program.Stage) program.Program { return program.Program{Stages: all} }
	on := func(m spec.Model, d spec.Data) program.Stage {
		return program.Train(m, d, spec.Train{Name: m.Name, Data: d.Name}, nil)
	}
	prefs := spec.Data{Name: "prefs", Kind: "preference"}
	for want, p := range map[string]program.Program{
		`{"prompt":"…","response":"…"}`:                   trains(on(head, prefs)),
		`{"ids":[…]}`:                                     trains(on(head, spec.Data{Name: "prefs", Kind: "preference", Format: "ids"})),
		`{"question":"…","steps":["…","…"]}`:              trains(on(policy, spec.Data{Name: "steps", Kind: "labels", Level: "step"})),
		`{"prompt":"…","responses":["…","…"]} --model pm`: trains(on(policy, spec.Data{Name: "pairs", Kind: "labels", From: spec.From{Kind: "compare"}}), on(head, prefs)),
		`{"prompt":"…","response":"…"} --model rm`:        trains(on(head, prefs), on(policy, spec.Data{Name: "steps", Kind: "labels", Level: "step"})),
		`{"prompt":"…","response":"…"} --model first`:     {Rewards: []program.Reward{{Name: "first", Models: []spec.Model{head}}, {Name: "second"}}, Stages: []program.Stage{on(head, prefs)}},
	} {
		if row, flags := scorable(p); row+flags != want {
			t.Errorf("%s%s, want %s", row, flags, want)
		}
	}
}
