package recipes

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// staged is ArmoRM over a tiny model: a stage of every kind that reads another.
const staged = `recipe staged

use std/preference

model backbone: encoder { base = "file:model", layer = 2 }

data ratings: ratings {
  source      = "file:ratings.jsonl"
  format      = ids
  attributes  = [helpful, brief]
  missing     = mask
  max_length  = 32 tokens
  over_length = error
  split       = holdout { fraction = 20%, by = row }
}

data prefs: preference {
  source      = "file:prefs.jsonl"
  format      = ids
  max_length  = 32 tokens
  over_length = error
  split       = holdout { fraction = 20%, by = row }
}

fit probe  = ridge on backbone(ratings) { intercept = true, alphas = [0.1, 10] }
fit debias = decorrelate on probe(prefs) { from = brief }

model gate: mlp { input = backbone, hidden = [8], outputs = attribute }
model bt: mlp { input = backbone }

objective gated on preference {
  let gates(x) = softmax(gate(x) / 10, over attribute)
  let s(x)     = sum(gates(x) * debias(probe(x)), over attribute)
  loss         = mean(-log_sigmoid(s(chosen) - s(rejected)))
}

train gate on prefs { objective = gated, optimizer = adamw { lr = 1e-2 }, batch = 32 pairs, steps = 12, save = 4 }
train bt on prefs { objective = bradley_terry, optimizer = adamw { lr = 1e-2 }, batch = 32 pairs, steps = 12 }

reward armo = gated.s

evaluate probe on ratings.holdout
evaluate armo on prefs.holdout
evaluate bt on prefs.holdout
`

// stagedTrainer writes the recipe and its rows into a folder and builds there.
func stagedTrainer(t *testing.T) (dir, trainer string) {
	t.Helper()
	dir = tiny(t)
	random := rand.New(rand.NewPCG(9, 9))
	ids := func(n int) []int {
		all := []int{1}
		for range n {
			all = append(all, 2+random.IntN(300))
		}
		return all
	}
	var ratings, prefs strings.Builder
	put := func(b *strings.Builder, row map[string]any) {
		text, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(b, "%s\n", text)
	}
	for range 80 {
		prompt := ids(6)
		row := map[string]any{"prompt_ids": prompt, "ids": append(append([]int{}, prompt...), ids(10)...), "helpful": random.IntN(5), "brief": random.IntN(5)}
		put(&ratings, row)
	}
	for range 300 {
		prompt := ids(8)
		side := func() []int { return append(append([]int{}, prompt...), ids(8+random.IntN(12))...) }
		put(&prefs, map[string]any{"prompt_ids": prompt, "chosen_ids": side(), "rejected_ids": side()})
	}
	for name, text := range map[string]string{"ratings.jsonl": ratings.String(), "prefs.jsonl": prefs.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "tiny.rmr")); err != nil {
		t.Fatal(err)
	}
	build(t, dir, staged)
	return dir, filepath.Join(dir, "trainer")
}

// build builds a recipe in a folder.
func build(t *testing.T, dir, recipe string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "staged.rmr"), []byte(recipe), 0o644); err != nil {
		t.Fatal(err)
	}
	command(t, dir, 0, rmc, "build", "--backend", "go")
}

// edited is a recipe with one text in place of another.
func edited(t *testing.T, recipe, from, to string) string {
	t.Helper()
	if strings.Count(recipe, from) != 1 {
		t.Fatalf("%q stands %d times in the recipe", from, strings.Count(recipe, from))
	}
	return strings.Replace(recipe, from, to, 1)
}

// ran lists the fit and train stages that a run computed, not reused, as its
// run.json tells.
func ran(t *testing.T, run string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(run, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	var rec struct {
		Status string
		Stages []struct {
			Stage  string
			Reused bool
		}
	}
	if err := json.Unmarshal(text, &rec); err != nil {
		t.Fatal(err)
	}
	if rec.Status != "finished" || len(rec.Stages) != 7 {
		t.Fatalf("%s, %d stages", rec.Status, len(rec.Stages))
	}
	var all []string
	for _, s := range rec.Stages {
		if !s.Reused && !strings.HasPrefix(s.Stage, "evaluate") {
			all = append(all, strings.Fields(s.Stage)[1])
		}
	}
	return strings.Join(all, " ")
}

// results are what stages of a run came to, by file: all but what tells of time.
func results(t *testing.T, run string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for name, content := range files(t, run) {
		switch {
		case strings.HasSuffix(name, ".safetensors") && !strings.HasPrefix(name, "checkpoint/"), strings.HasPrefix(name, "fits/"),
			strings.HasSuffix(name, "training.json"), name == "evaluation.jsonl":
			out[name] = content
		}
	}
	return out
}

// same demands the results of a run that was done at once.
func same(t *testing.T, run, whole string) {
	t.Helper()
	got, want := results(t, run), results(t, whole)
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s of %s is not that of %s", name, filepath.Base(run), filepath.Base(whole))
		}
	}
	sameLines(t, run, whole)
}

// sameLines demands the same log, but for how fast steps were.
func sameLines(t *testing.T, run, whole string) {
	t.Helper()
	got, want := metrics(t, filepath.Join(run, "metrics.jsonl")), metrics(t, filepath.Join(whole, "metrics.jsonl"))
	if len(got) != len(want) {
		t.Fatalf("%d steps, want %d", len(got), len(want))
	}
	for i := range want {
		for name, x := range want[i] {
			if name != "examples_per_s" && name != "tokens_per_s" && got[i][name] != x {
				t.Errorf("line %d: %s is %v, want %v", i+1, name, got[i][name], x)
			}
		}
	}
}

// After an edit, rmc build and ./trainer run what the edit changes and what reads
// that, and nothing else; where that would replace what a finished run has, they
// say so and wait for --force. What comes out is what a run of its own gives.
func TestRerunDoesOnlyWhatChanged(t *testing.T) {
	dir, trainer := stagedTrainer(t)
	run := filepath.Join(dir, "runs", "staged")
	command(t, dir, 0, trainer)
	if got := ran(t, run); got != "probe debias gate bt" {
		t.Errorf("a first run computes %q", got)
	}
	recipe := staged
	for _, c := range []struct {
		name, from, to string
		says           []string // of what would be lost; none: it runs unasked
		ran            string
	}{
		{"a comment", "model gate:", "// what weighs\nmodel gate:", nil, ""},
		{"formatting", "let gates(x) = softmax(gate(x) / 10, over attribute)", "let shares(y)   =   softmax( gate(y)/10, over attribute )", nil, ""},
		{"an evaluation", "evaluate bt on prefs.holdout", "evaluate bt on prefs.train", nil, ""},
		{"a wider gate", "hidden = [8]", "hidden = [12]", []string{"train gate on prefs: model.hidden was [8] and is [12] now"}, "gate"},
		{"alphas", "alphas = [0.1, 10]", "alphas = [100]", []string{"fit probe on ratings: its settings", "fit debias on prefs: it reads probe, which changes",
			"train gate on prefs: it reads debias, which changes"}, "probe debias gate"},
		{"another rate", "adamw { lr = 1e-2 }, batch = 32 pairs, steps = 12 }", "adamw { lr = 3e-2 }, batch = 32 pairs, steps = 12 }",
			[]string{"train bt on prefs: train.optimizer.lr was 0.01 and is 0.03 now"}, "bt"},
		{"a constant", "gate(y)/10", "gate(y)/20", []string{"train gate on prefs: its objective is another"}, "gate"},
		{"a sign", "s(chosen) - s(rejected)", "s(rejected) - s(chosen)", []string{"train gate on prefs: its objective is another"}, "gate"},
	} {
		from := c.from
		if c.name == "formatting" { // the name of a let, too
			recipe = strings.ReplaceAll(recipe, "sum(gates(x) *", "sum(shares(x) *")
		}
		recipe = edited(t, recipe, from, c.to)
		build(t, dir, recipe)
		if len(c.says) > 0 {
			before := files(t, run)
			_, errs := command(t, dir, 1, trainer)
			says(t, errs, append(c.says, "differs in recipe", "--force does so and keeps the rest", "--out DIR keeps it all")...)
			if n := strings.Count(errs, "\n  "); n != len(c.says) {
				t.Errorf("%s: %d stages are named, want %d:\n%s", c.name, n, len(c.says), errs)
			}
			unchanged(t, run, before)
			_, errs = command(t, dir, 0, trainer, "--force")
			for _, kept := range []string{"gate", "bt"} {
				note := "train " + kept + " on prefs: unchanged, kept"
				if strings.Contains(errs, note) == strings.Contains(" "+c.ran+" ", " "+kept+" ") {
					t.Errorf("%s: whether %q is said is wrong in\n%s", c.name, note, errs)
				}
			}
		} else {
			_, errs := command(t, dir, 0, trainer)
			says(t, errs, "differs in recipe; what it computed is kept", "train gate on prefs: unchanged, kept", "train bt on prefs: unchanged, kept")
		}
		if got := ran(t, run); got != c.ran {
			t.Errorf("%s: computed %q, want %q", c.name, got, c.ran)
		}
	}
	command(t, dir, 0, trainer, "--out", "whole")
	same(t, run, filepath.Join(dir, "whole"))
	_, errs := command(t, dir, 0, trainer)
	says(t, errs, "nothing changed since this run finished", "--anew trains it all again")
	command(t, dir, 0, trainer, "--anew")
	if got := ran(t, run); got != "probe debias gate bt" {
		t.Errorf("anew, it computes %q", got)
	}
	same(t, run, filepath.Join(dir, "whole"))
}

// Killed while it computes hidden states, a run goes on with the chunks that are
// missing and no others; killed while it trains a changed gate, it has the gate
// of before until there is another.
func TestKilledStagesGoOn(t *testing.T) {
	dir, trainer := stagedTrainer(t)
	whole, killed := filepath.Join(dir, "whole"), filepath.Join(dir, "killed")
	command(t, dir, 0, trainer, "--out", "whole")

	chunks := func(run string) []string {
		found, err := filepath.Glob(filepath.Join(run, "stages", "embed-*", "hidden-*.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	all := len(chunks(whole))
	p := start(t, dir, trainer, "--out", "killed")
	for deadline := time.Now().Add(20 * time.Second); len(chunks(killed)) < all/2; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d chunks after 20 s: %s", len(chunks(killed)), all, &p.output)
		}
	}
	if !p.stop() {
		t.Fatalf("it was over before it could be killed: %s", &p.output)
	}
	there := map[string]time.Time{}
	for _, path := range chunks(killed) {
		stat, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		there[path] = stat.ModTime()
	}
	if len(there) >= all {
		t.Fatalf("all %d chunks were there", all)
	}
	command(t, dir, 0, trainer, "--out", "killed", "--resume")
	computed := 0
	for _, path := range chunks(killed) {
		stat, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if then, ok := there[path]; !ok {
			computed++
		} else if !stat.ModTime().Equal(then) {
			t.Errorf("%s was computed twice", filepath.Base(path))
		}
	}
	if computed != all-len(there) {
		t.Errorf("%d of %d chunks were there and %d were computed", len(there), all, computed)
	}
	same(t, killed, whole)

	build(t, dir, edited(t, edited(t, staged, "hidden = [8]", "hidden = [64, 64]"), "steps = 12, save = 4", "steps = 150, save = 4"))
	command(t, dir, 0, trainer, "--out", "wide")
	old, wide := results(t, killed), filepath.Join(dir, "wide")
	p = start(t, dir, trainer, "--out", "killed", "--force")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if found, _ := filepath.Glob(filepath.Join(killed, "checkpoint", "gate", "step-00002?")); len(found) > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no checkpoint after 20 s: %s", &p.output)
		}
	}
	if !p.stop() {
		t.Fatalf("it was over before it could be killed: %s", &p.output)
	}
	now := results(t, killed)
	for _, name := range []string{"model/gate/model.safetensors", "model/gate/training.json", "model/bt/model.safetensors"} {
		if now[name] != old[name] || old[name] == "" {
			t.Errorf("killed, %s is another", name)
		}
	}
	_, errs := command(t, dir, 0, trainer, "--out", "killed", "--resume")
	says(t, errs, "train gate on prefs: going on from step ", "train bt on prefs: unchanged, kept")
	if got := ran(t, killed); got != "gate" {
		t.Errorf("resumed, it computes %q", got)
	}
	same(t, killed, wide)
}
