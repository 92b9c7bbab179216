package recipes

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// semiSupervised is recipes/ssrm over a tiny model, with RRM's pairs, filtered, beside it.
const semiSupervised = `recipe tiny

use std/labels

model pm: policy { base = "file:model", tune = full }
model rrm: policy { base = "file:model", tune = full }

data labeled: preference {
  source      = "file:rows.jsonl"
  limit       = 24 pairs
  max_length  = 200 tokens
  over_length = drop
  split       = holdout { fraction = 50%, by = prompt }
}

data hidden: preference {
  source      = "file:rows.jsonl"
  max_length  = 200 tokens
  over_length = drop
  split       = none
  exclude     = [labeled]
}

data pairs: labels { from = compare { data = [labeled] }, max_length = 200 tokens, over_length = drop }
data augmented: preference { from = augment { data = [labeled], wins = 2, ties = 1 }, max_length = 200 tokens, over_length = drop }
data more: labels {
  from        = compare { data = [hard] }
  labels      = [first, second, same]
  tokens      = ["A", "B", "C"]
  max_length  = 200 tokens
  over_length = drop
}

train pm on pairs { objective = label_loss, optimizer = adamw { lr = 3e-3 }, batch = 6 rows, epochs = 5 }
evaluate pm on labeled.holdout

repeat 2 as round {
  label pseudo = model on hidden { scorer = pm, keep = 0.6 }
  data both: labels { from = compare { data = [labeled, pseudo] }, max_length = 200 tokens, over_length = drop }
  train pm on both {
    objective = label_loss
    optimizer = adamw { lr = 3e-3 }
    batch     = 6 rows
    epochs    = 2
    from      = base
    seed      = round
  }
  evaluate pm on labeled.holdout
}

label hard = filter on augmented { scorer = pm, least = 0.2 }
train rrm on more { objective = label_loss, optimizer = adamw { lr = 3e-3 }, batch = 6 rows, epochs = 1 }
evaluate rrm on labeled.holdout
`

// A pairwise model, its rounds and its augmented pairs go the whole way: from a
// recipe to numbers with both orders beside them, and what is hidden is judged
// whole and by itself. A second run does nothing.
func TestPairwiseRoundsInPureGo(t *testing.T) {
	var rows []string
	for i := range 44 {
		rows = append(rows, fmt.Sprintf(`{"prompt":"q%d","chosen":"yes%d","rejected":"no%d"}`, i, i%7, i%5))
	}
	dir := talks(t, semiSupervised, strings.Join(rows, "\n"))
	command(t, dir, 0, rmc, "build", "--backend", "go")
	out, errs := command(t, dir, 0, filepath.Join(dir, "trainer"))
	if strings.Count(out, "the same in both orders") < 4 {
		t.Errorf("the summary does not say how the orders agree:\n%s%s", out, errs)
	}
	text, err := os.ReadFile(filepath.Join(dir, "runs", "tiny", "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	var run struct {
		Stages []struct {
			Stage  string `json:"stage"`
			Pseudo *struct {
				Pairs, Kept, Agree int
				KeptAgree          int `json:"kept_agree"`
			} `json:"pseudo"`
			Filtered *struct {
				Made, Hard int
				Kinds      []struct{ Made, Hard int }
			} `json:"filtered"`
		} `json:"stages"`
		Results []struct {
			Stage     string  `json:"stage"`
			Accuracy  float64 `json:"accuracy"`
			Positions *struct {
				Pairs int `json:"pairs"`
			} `json:"positions"`
		} `json:"results"`
	}
	if err := json.Unmarshal(text, &run); err != nil {
		t.Fatal(err)
	}
	rounds, filters := 0, 0
	for _, s := range run.Stages {
		if s.Pseudo != nil {
			rounds++
			if s.Pseudo.Pairs != 20 || s.Pseudo.Kept > 20 || s.Pseudo.KeptAgree > s.Pseudo.Kept {
				t.Errorf("%s: %+v; 20 pairs are hidden", s.Stage, *s.Pseudo)
			}
		}
	}
	for _, s := range run.Stages {
		if f := s.Filtered; f != nil {
			filters++
			made, hard := 0, 0
			for _, k := range f.Kinds {
				made, hard = made+k.Made, hard+k.Hard
			}
			if made == 0 || made != f.Made || hard != f.Hard {
				t.Errorf("%s: %+v", s.Stage, *f)
			}
		}
	}
	if rounds != 2 || filters != 1 || len(run.Results) != 4 {
		t.Fatalf("%d rounds, %d filters and %d results in %s", rounds, filters, len(run.Results), text)
	}
	for _, r := range run.Results {
		if r.Positions == nil || r.Positions.Pairs == 0 {
			t.Errorf("%s has no positions", r.Stage)
		}
	}
	if _, errs := command(t, dir, 0, filepath.Join(dir, "trainer")); !strings.Contains(errs, "nothing changed") {
		t.Errorf("a second run says %q", errs)
	}
}

// headRounds are rounds of a reward model of which only the head is trained.
const headRounds = `recipe tiny

use std/preference

model rm: reward { base = "file:model", head = linear { init = normal }, tune = head }

data labeled: preference {
  source      = "file:rows.jsonl"
  limit       = 16 pairs
  max_length  = 64 tokens
  over_length = drop
  split       = holdout { fraction = 50%, by = prompt }
}

data hidden: preference {
  source      = "file:rows.jsonl"
  max_length  = 64 tokens
  over_length = drop
  split       = none
  exclude     = [labeled]
}

train rm on labeled { objective = bradley_terry, optimizer = adamw { lr = 1e-1 }, batch = 4 pairs, steps = 20 }

repeat 2 as round {
  label pseudo = model on hidden { scorer = rm, keep = 0.5 }
  train rm on labeled + pseudo { objective = bradley_terry, batch = 4 pairs, steps = 3, from = base }
  evaluate rm on labeled.holdout
}
`

// The hidden states of a union are those of its parts: rounds of a head compute
// each text once.
func TestRoundsOfAHeadComputeNothingTwice(t *testing.T) {
	var rows []string
	for i := range 36 {
		rows = append(rows, fmt.Sprintf(`{"prompt":"q%d","chosen":"yes%d","rejected":"no%d"}`, i, i%7, i%5))
	}
	dir := talks(t, headRounds, strings.Join(rows, "\n"))
	command(t, dir, 0, rmc, "build", "--backend", "go")
	_, errs := command(t, dir, 0, filepath.Join(dir, "trainer"))
	if n := strings.Count(errs, "20 pairs"); n < 2 {
		t.Errorf("20 pairs are hidden, which two rounds say %d times:\n%s", n, errs)
	}
	manifests, err := filepath.Glob(filepath.Join(dir, "runs", "tiny", "stages", "embed-*", "manifest.json"))
	if err != nil || len(manifests) != 2 {
		t.Fatalf("hidden states of %d data sets (%v), and the recipe has two with rows of their own", len(manifests), err)
	}
	sequences := 0
	for _, path := range manifests {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var m struct{ Sequences int }
		if err := json.Unmarshal(text, &m); err != nil {
			t.Fatal(err)
		}
		sequences += m.Sequences
	}
	if sequences != 2*36 {
		t.Errorf("%d sequences were computed, of 36 pairs", sequences)
	}
}
