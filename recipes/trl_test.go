package recipes

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/rmc-lang/rmc/conformance"
)

// trl is the run that testdata of TRL's RewardTrainer was recorded with.
const trl = `/// What TRL 1.16's RewardTrainer did, step by step.
recipe trl

use std/preference

model rm: reward {
  base = "file:init"
  head = linear { init = keep }
  tune = full
}

data pairs: preference {
  source      = "file:pairs.jsonl"
  format      = ids
  columns     = named { margin = "margin" }
  max_length  = 512 tokens
  over_length = error
  split       = none
}

train rm on pairs {
  objective = bradley_terry { center = 0.01 }
  optimizer = adamw { lr = 5e-4, betas = [0.9, 0.95], weight_decay = 0.01, clip = 1.0 }
  schedule  = cosine { warmup = 4 steps }
  batch     = 8 pairs
  micro     = 4 pairs
  steps     = 30
  order     = listed
}
`

// The trajectory of TRL's RewardTrainer (margins, centering, clipping, decay,
// accumulation), through a recipe and the trainer generated from it.
// Tolerances: loss 3e-4, gradient norm 1 %, learning rate exact in float64.
func TestTrajectoryOfTRL(t *testing.T) {
	from := shared(t, "conformance/trl_bt")
	text, err := os.ReadFile(filepath.Join(from, "reference.json"))
	if err != nil {
		t.Fatal(err)
	}
	var reference struct {
		Pairs []json.RawMessage
		Steps []struct {
			Loss     float64
			GradNorm float64 `json:"grad_norm"`
			LR       float64 `json:"learning_rate"`
			Accuracy float64
		}
	}
	if err := json.Unmarshal(text, &reference); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(from, "init"), filepath.Join(dir, "init")); err != nil {
		t.Fatal(err)
	}
	rows := bytes.Join(raw(reference.Pairs), []byte("\n"))
	for name, content := range map[string][]byte{"trl.rmr": []byte(trl), "pairs.jsonl": rows} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	command(t, dir, 0, rmc, "build", "--backend", fastest())
	command(t, dir, 0, filepath.Join(dir, "trainer"))
	got := metrics(t, filepath.Join(dir, "runs", "trl", "metrics.jsonl"))
	if len(got) != 30 || len(reference.Steps) != 30 {
		t.Fatalf("%d steps, the reference has %d; want 30", len(got), len(reference.Steps))
	}
	var losses, wantLosses, norms, wantNorms []float64
	for i, want := range reference.Steps {
		g := got[i]
		losses, wantLosses = append(losses, g["loss"]), append(wantLosses, want.Loss)
		norms, wantNorms = append(norms, g["grad_norm"]/want.GradNorm), append(wantNorms, 1)
		if math.Abs(g["lr"]-want.LR) > 1e-12*want.LR {
			t.Errorf("step %d: learning rate %g, TRL has %g", i+1, g["lr"], want.LR)
		}
		if g["accuracy"] != want.Accuracy {
			t.Errorf("step %d: accuracy %g, TRL has %g", i+1, g["accuracy"], want.Accuracy)
		}
	}
	name := "30 steps of TRL by a recipe's trainer, " + fastest()
	conformance.Close(t, name+": losses", losses, wantLosses, 3e-4)
	conformance.Close(t, name+": gradient norms, relative", norms, wantNorms, 0.01)
}

func raw(all []json.RawMessage) [][]byte {
	out := make([][]byte, len(all))
	for i, m := range all {
		var b bytes.Buffer
		if err := json.Compact(&b, m); err != nil {
			panic(err) // it was just decoded
		}
		out[i] = b.Bytes()
	}
	return out
}

// shared is a folder of the data that lies beside the checkout in CI and is no
// part of it.
func shared(t *testing.T, name string) string {
	t.Helper()
	root := os.Getenv("RMC_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "shared")
	}
	path, err := filepath.Abs(filepath.Join(root, name))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Skipf("needs ../shared/%s, which a checkout has not: %v", name, err)
	}
	return path
}

// fastest is the backend that is there: xla where the plugin is in the cache.
func fastest() string {
	if found, _ := filepath.Glob(filepath.Join(conformance.Cache(), "pjrt", "*.so")); len(found) > 0 {
		return "xla"
	}
	return "go"
}
