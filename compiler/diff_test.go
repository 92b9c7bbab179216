package compiler_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/compiler"
)

func changes(t *testing.T, before, after string) []string {
	t.Helper()
	var all []string
	for _, c := range compiler.Diff(mustCompile(t, before), mustCompile(t, after)) {
		line := c.String()
		if c.Scores {
			line += " (scores)"
		}
		all = append(all, line)
	}
	return all
}

func TestDiff(t *testing.T) {
	for _, c := range []struct {
		name     string
		old, new string
		want     []string
	}{
		{"layout and comments", "  batch     = 32 pairs\n", "\n\n  // a comment\n  batch=32 pairs\n", nil},
		{"a number written in another way", "lr = 2e-5", "lr = 0.00002", nil},
		{"a default written out", "batch     = 32 pairs", "batch     = 32 pairs\n  epochs = 1", nil},
		{"a value", "lr = 2e-5", "lr = 3e-5", []string{"train.rm.optimizer.lr: 2e-5 → 3e-5"}},
		{"a value that decides scores", "512 tokens", "256 tokens", []string{"data.prefs.max_length: 512 tokens → 256 tokens (scores)"}},
		{"a parameter of the objective", "center = 0.01", "center = 0.02", []string{"train.rm.objective.center: 0.01 → 0.02"}},
		{"a parameter at its default", "bradley_terry { center = 0.01 }", "bradley_terry { center = 0 }",
			[]string{"train.rm.objective.center: 0.01 → 0"}},
		{"another kind", "lora { rank = 8, on = [q_proj, v_proj] }", "head", []string{
			"model.rm.tune: lora → head", "model.rm.tune.rank: 8 → (none)", "model.rm.tune.alpha: 32 → (none)",
			"model.rm.tune.on: [q_proj, v_proj] → (none)", "model.rm.tune.checkpoint: false → (none)"}},
		{"another stage", "evaluate rm on prefs.holdout\n", "", []string{
			"evaluate.rm.batch: 16 pairs → (none)", "stages: train rm, evaluate rm → train rm"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(quickstart, c.old) {
				t.Fatalf("the quickstart has no %q", c.old)
			}
			got := changes(t, quickstart, strings.Replace(quickstart, c.old, c.new, 1))
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

func TestDiffSeesWhatAnObjectiveComputes(t *testing.T) {
	own := func(loss string) string {
		text := strings.Replace(quickstart, "bradley_terry { center = 0.01 }", "mine", 1)
		return text + "\nobjective mine on preference {\n  let d = score(chosen) - score(rejected)\n  loss = " + loss + "\n}\n"
	}
	got := changes(t, own("mean(-log_sigmoid(d))"), own("mean(relu(1 - d))"))
	if want := []string{"train.rm.objective.loss: mean(-log_sigmoid(d)) → mean(relu(1 - d))"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := changes(t, own("mean(-log_sigmoid(d))"), own("mean( -log_sigmoid(d) )")); len(got) > 0 {
		t.Errorf("white space is a change: %v", got)
	}
}

func TestRender(t *testing.T) {
	r := mustCompile(t, quickstart, "train.rm.batch=8 pairs")
	got := map[string]compiler.Value{}
	for _, v := range compiler.Render(r) {
		if _, twice := got[v.Path]; twice {
			t.Errorf("%s is rendered twice", v.Path)
		}
		got[v.Path] = v
	}
	for _, want := range []struct{ path, value, origin string }{
		{"model.rm", "reward", "quickstart.rmr:6"},
		{"model.rm.tune.rank", "8", "quickstart.rmr:8"},
		{"model.rm.tune.alpha", "32", "default"},
		{"data.prefs.max_length", "512 tokens", "quickstart.rmr:13"},
		{"data.prefs.split.fraction", "20%", "quickstart.rmr:15"},
		{"data.prefs.limit", "0 rows", "default"},
		{"train.rm.objective", "bradley_terry", "quickstart.rmr:19"},
		{"train.rm.objective.center", "0.01", "quickstart.rmr:19"},
		{"train.rm.batch", "8 pairs", "--set"},
		{"train.rm.schedule.warmup", "3%", "default"},
		{"evaluate.rm.batch", "16 pairs", "default"},
		{"mesh.fsdp", "1", "default"},
	} {
		v, ok := got[want.path]
		if !ok || v.Value != want.value || v.Origin != want.origin {
			t.Errorf("%s: %q from %s, want %q from %s", want.path, v.Value, v.Origin, want.value, want.origin)
		}
	}
}
