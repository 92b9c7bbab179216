package recipes

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// imitation trains a policy by DPO, and another that learns what the first says of
// each token, on other pairs.
const imitation = `recipe tiny

use std/dpo
use std/inverse_q

model best: policy { base = "file:model", tune = full }
model pm: policy { base = "file:model", tune = full }
model ref: policy { base = "file:model" }

data prefs: preference {
  source      = "file:rows.jsonl"
  limit       = 24 pairs
  max_length  = 64 tokens
  over_length = drop
  split       = holdout { fraction = 30%, by = prompt }
}

data others: preference {
  source      = "file:rows.jsonl"
  max_length  = 64 tokens
  over_length = drop
  split       = none
  exclude     = [prefs]
}

train best on prefs { objective = dpo { ref = ref }, optimizer = adamw { lr = 3e-3 }, batch = 8 pairs, steps = 12 }
train pm on others { objective = inverse_q { best = best, ref = ref }, optimizer = adamw { lr = 3e-3 }, batch = 8 pairs, micro = 3 pairs, steps = 30 }

reward implicit = dpo.implicit
reward value    = inverse_q.value
reward learnt   = inverse_q.learnt
evaluate implicit on prefs.holdout
evaluate value on prefs.holdout
evaluate learnt on prefs.holdout
`

// A policy learns, without a preference, what another says of each token: its reward
// is the other's, and where it stood before it learnt nothing of it. The estimated
// policy's reward is the implicit one. A second run does nothing.
func TestInverseQInPureGo(t *testing.T) {
	var rows []string
	for i := range 48 {
		rows = append(rows, fmt.Sprintf(`{"prompt":"q%d","chosen":"yes%d","rejected":"no%d"}`, i, i%7, i%5))
	}
	dir := talks(t, imitation, strings.Join(rows, "\n"))
	command(t, dir, 0, rmc, "build", "--backend", "go")
	command(t, dir, 0, filepath.Join(dir, "trainer"))
	var losses []float64
	text, err := os.ReadFile(filepath.Join(dir, "runs", "tiny", "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var step struct {
			Stage string  `json:"stage"`
			Loss  float64 `json:"loss"`
		}
		if err := json.Unmarshal([]byte(line), &step); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(step.Stage, "train pm") {
			losses = append(losses, step.Loss)
		}
	}
	if len(losses) != 30 || !(losses[29] < 0.1*losses[0]) {
		t.Errorf("the losses are %v", losses)
	}
	var run struct {
		Results []struct {
			Accuracy float64 `json:"accuracy"`
		} `json:"results"`
	}
	record, err := os.ReadFile(filepath.Join(dir, "runs", "tiny", "run.json"))
	if err == nil {
		err = json.Unmarshal(record, &run)
	}
	if err != nil || len(run.Results) != 3 {
		t.Fatalf("%v, %d results", err, len(run.Results))
	}
	implicit, value, learnt := run.Results[0], run.Results[1], run.Results[2]
	if implicit.Accuracy < 0.9 || value.Accuracy != implicit.Accuracy || learnt.Accuracy < 0.9 {
		t.Errorf("DPO %v, its credit %v, learnt %v", implicit.Accuracy, value.Accuracy, learnt.Accuracy)
	}
	if _, errs := command(t, dir, 0, filepath.Join(dir, "trainer")); !strings.Contains(errs, "nothing changed") {
		t.Errorf("a second run says %q", errs)
	}
}
