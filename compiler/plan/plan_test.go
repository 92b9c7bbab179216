package plan_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rmc-lang/rmc/compiler"
	"github.com/rmc-lang/rmc/compiler/facts"
	"github.com/rmc-lang/rmc/compiler/plan"
	"github.com/rmc-lang/rmc/lang/diag"
)

var update = flag.Bool("update", false, "rewrite testdata")

const recipe = `recipe example

model rm: reward {
  base = "file:model"
  tune = lora { rank = 8, on = [q_proj] }
}

data prefs: preference {
  source      = "file:pairs.jsonl"
  max_length  = 512 tokens
  over_length = drop
  split       = holdout { fraction = 10% }
}

objective bt on preference {
  loss = mean(-log_sigmoid(score(chosen) - score(rejected)))
  report margin = mean(score(chosen) - score(rejected))
}

train rm on prefs {
  objective = bt
  batch     = 32 pairs
}

evaluate rm on prefs.holdout
`

// build compiles text, with pairs of old and new text exchanged, and plans it.
func build(t *testing.T, pairs ...string) *plan.Plan {
	t.Helper()
	text := strings.NewReplacer(pairs...).Replace(recipe)
	r, errs := compiler.Compile(fstest.MapFS{"example.rmr": {Data: []byte(text)}}, "example.rmr", compiler.Options{})
	if len(errs) > 0 {
		var b strings.Builder
		if err := diag.WriteText(&b, errs, false); err != nil {
			t.Fatal(err)
		}
		t.Fatalf("unexpected problems:\n%s", b.String())
	}
	return r.Plan
}

func TestJSON(t *testing.T) {
	got, err := json.MarshalIndent(build(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	path := filepath.Join("testdata", "example.json")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("the plan is not %s; go test ./compiler/plan -update rewrites it. Now it is\n%s", path, got)
	}
}

func names(p *plan.Plan) []string {
	var all []string
	for _, s := range p.Stages {
		all = append(all, s.Name)
	}
	return all
}

func TestStages(t *testing.T) {
	if got, want := names(build(t)), []string{"prepare.rm.prefs", "train.rm", "evaluate.rm"}; !slices.Equal(got, want) {
		t.Errorf("stages %v, want %v", got, want)
	}
	frozen := build(t, "tune = lora { rank = 8, on = [q_proj] }", "tune = head")
	if got, want := names(frozen), []string{"prepare.rm.prefs", "embed.rm.prefs", "train.rm", "evaluate.rm"}; !slices.Equal(got, want) {
		t.Errorf("with a frozen backbone: stages %v, want %v", got, want)
	}
	for _, s := range frozen.Stages[2:] {
		if !slices.Contains(s.Inputs, "embed.rm.prefs") {
			t.Errorf("%s reads %v, not the embeddings", s.Name, s.Inputs)
		}
	}
	if got := build(t).Stages[2].Inputs; !slices.Contains(got, "train.rm") {
		t.Errorf("the evaluation reads %v, not the trained model", got)
	}
}

// What decides a stage changes its hash and those of the stages behind it; what
// changes no result changes none.
func TestHashes(t *testing.T) {
	base := build(t)
	for _, c := range []struct {
		old, new string
		changed  []string
	}{
		{"batch     = 32 pairs", "batch     = 16 pairs", []string{"train.rm", "evaluate.rm"}},
		{"batch     = 32 pairs", "batch     = 32 pairs\n  micro = 4 pairs\n  save = 7", nil},
		{"rank = 8,", "checkpoint = true, rank = 8,", nil},
		{"evaluate rm on prefs.holdout", "evaluate rm on prefs.all", []string{"evaluate.rm"}},
		{"evaluate rm on prefs.holdout", "evaluate rm on prefs.holdout { batch = 2 pairs }", nil},
		{"512 tokens", "256 tokens", []string{"prepare.rm.prefs", "train.rm", "evaluate.rm"}},
		{"rank = 8", "rank = 4", []string{"train.rm", "evaluate.rm"}},
		{"score(chosen) - score(rejected)))", "2 * (score(chosen) - score(rejected))))", []string{"train.rm", "evaluate.rm"}},
		{"recipe example", "/// A comment.\nrecipe example\n", nil},
	} {
		other := build(t, c.old, c.new)
		var changed []string
		for i, s := range base.Stages {
			if other.Stages[i].Hash != s.Hash {
				changed = append(changed, s.Name)
			}
		}
		if !slices.Equal(changed, c.changed) {
			t.Errorf("%q → %q changes %v, want %v", c.old, c.new, changed, c.changed)
		}
	}
}

// world is a tiny model and 100 pairs of known lengths.
func world() *facts.Facts {
	var lengths []int
	for i := range 100 {
		lengths = append(lengths, 33+i) // 33 … 132
	}
	return &facts.Facts{
		Models: map[string]facts.Model{"rm": {Architecture: "LlamaForCausalLM", Supported: true, Layers: 2, Hidden: 8, FFN: 16, Heads: 2, KVHeads: 1,
			Params: []facts.Param{
				{Name: "model.embed_tokens.weight", Shape: []int{100, 8}, Axes: []string{"tensor", "fsdp"}},
				{Name: "model.layers.0.self_attn.q_proj.weight", Shape: []int{8, 8}, Axes: []string{"tensor", "fsdp"}},
				{Name: "model.layers.1.self_attn.q_proj.weight", Shape: []int{8, 8}, Axes: []string{"tensor", "fsdp"}},
			}}},
		Data: map[string]facts.Data{facts.Key("rm", "prefs"): {
			Rows: 120, Kept: 110, Train: 100, Holdout: 10, Sequences: 2, Lengths: lengths, ExampleMax: lengths, HoldoutMax: lengths[:10],
			TokensBefore: 20000, TokensAfter: 18000,
		}},
	}
}

func TestEstimate(t *testing.T) {
	e := build(t).Estimate(world())
	// 100·8 + 2·8·8 backbone, 8 head, 2 adapters of 8·(8+8).
	if m := e.Models[0]; m.Total != 928+8+256 || m.Trained != 8+256 || m.Frozen != 928 {
		t.Errorf("parameters: %+v", m)
	}
	if d := e.Data[0]; d.Shortest != 33 || d.Median != 82 || d.P90 != 122 || d.Longest != 132 {
		t.Errorf("lengths: %+v", d)
	}
	train := e.Stages[1]
	if train.Steps != 4 || train.WarmupSteps != 1 || train.Compiles != 2*len(train.Buckets) || len(train.Buckets) > 4 {
		t.Errorf("train: %+v", train)
	}
	examples := 0
	for _, b := range train.Buckets {
		examples += b.Examples
	}
	if examples != 100 || train.Padded < train.Tokens {
		t.Errorf("buckets: %+v", train)
	}
	m := train.Memory
	if m.Gradients != 3*4*264 || m.Moments != 2*2*4*264 || m.Weights != 4*928+2*4*264 || m.Total <= m.Weights+m.Gradients+m.Moments {
		t.Errorf("memory: %+v", m)
	}
}

func TestEstimateOnAMesh(t *testing.T) {
	p := build(t, "evaluate", "mesh { devices = 4, tensor = 2 }\n\nevaluate", "tune = lora { rank = 8, on = [q_proj] }", "tune = full")
	e := p.Estimate(world())
	rows := e.Models[0].Sharding
	if len(rows) != 2 || rows[1].Parameter != "model.layers.*.self_attn.q_proj.weight" || rows[1].Count != 2 ||
		!slices.Equal(rows[1].PerDevice, []int{4, 4}) {
		t.Errorf("sharding: %+v", rows)
	}
	if m := e.Stages[1].Memory; m.Gradients != 3*4*(928/4+8) {
		t.Errorf("a device holds gradients of %d bytes, want a quarter of the backbone's and the head's", m.Gradients)
	}
	for _, b := range e.Stages[1].Buckets {
		if b.Micro%2 != 0 {
			t.Errorf("micro %d cannot be split over fsdp 2", b.Micro)
		}
	}
}

func TestEstimateOfAFrozenBackbone(t *testing.T) {
	e := build(t, "tune = lora { rank = 8, on = [q_proj] }", "tune = head").Estimate(world())
	embed, train := e.Stages[1], e.Stages[2]
	if embed.Kind != plan.Embed || embed.Compiles == 0 || train.Compiles != 1 || len(train.Buckets) != 0 {
		t.Errorf("embed %+v\ntrain %+v", embed, train)
	}
	if train.Memory.Weights != 2*4*8 {
		t.Errorf("training a head keeps %d bytes of weights, want the head's alone", train.Memory.Weights)
	}
}

// Rows of several sequences may be longer than each; what is counted are they.
func TestEstimateOfPackedRows(t *testing.T) {
	w := world()
	for key, d := range w.Data {
		d.Distinct, d.Packed = []int{30, 40, 20, 10}, []int{70, 10}
		w.Data[key] = d
	}
	e := build(t, "tune = lora { rank = 8, on = [q_proj] }", "tune = head").Estimate(w).Stages[1]
	if e.Kind != plan.Embed || e.Examples != 4 || e.Tokens != 80 || e.Buckets[len(e.Buckets)-1].Length < 70 {
		t.Errorf("%+v", e)
	}
}

func TestEstimateOfNothingKnown(t *testing.T) {
	e := build(t).Estimate(&facts.Facts{})
	if len(e.Models)+len(e.Data)+len(e.Stages) != 0 {
		t.Errorf("knowing nothing it says %+v", e)
	}
}
