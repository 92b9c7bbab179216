package recipes

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/conformance"
)

// several has an objective on rankings, one with margins and label smoothing,
// and one of its user's own that reads a column and reports. At lr = 0 nothing
// moves, so that scores tell what every loss must be.
const several = `recipe several

use std/preference
use std/ranking

model ranked: reward {
  base = "file:model"
  head = linear { init = keep }
}

model smoothed: reward {
  base = "file:model"
  head = linear { init = keep }
}

model own: reward {
  base = "file:model"
  head = linear { init = keep }
}

data rankings: ranking {
  source      = "file:rankings.jsonl"
  format      = ids
  max_length  = 16 tokens
  over_length = error
  split       = holdout { fraction = 20%, by = row }
}

data pairs: preference {
  source      = "file:gaps.jsonl"
  format      = ids
  columns     = named { margin = "by_how_much", gap = "gap" }
  max_length  = 16 tokens
  over_length = error
  split       = none
}

/// Bradley–Terry with annotator noise and a margin that grows with the gap.
objective cautious(noise: real = 0.05) on preference {
  let d = score(chosen) - score(rejected) - 0.5 * tanh(gap)
  loss  = mean((1 - noise) * -log_sigmoid(d) + noise * -log_sigmoid(-d))

  report sure     = mean(d > 0)
  report mean_gap = mean(gap)
}

train ranked on rankings {
  objective = plackett_luce { center = 0.01 }
  optimizer = adamw { lr = 0 }
  batch     = 8 rows
  steps     = 4
  order     = listed
}

train smoothed on pairs {
  objective = smoothed_bradley_terry { noise = 0.1, center = 0.02 }
  optimizer = adamw { lr = 0 }
  batch     = 8 pairs
  steps     = 4
  order     = listed
}

train own on pairs {
  objective = cautious { noise = 0.2 }
  optimizer = adamw { lr = 0 }
  batch     = 8 pairs
  steps     = 4
  order     = listed
}

evaluate ranked on rankings.holdout
`

// A graded is a row of token ids with what the objectives read beside it.
type graded struct {
	Responses [][]int `json:"response_ids,omitempty"`
	Chosen    []int   `json:"chosen_ids,omitempty"`
	Rejected  []int   `json:"rejected_ids,omitempty"`
	Margin    float64 `json:"by_how_much"`
	Gap       float64 `json:"gap"`
}

func idsOf(row, side int) []int {
	ids := []int{1}
	for i := range 4 + (row+3*side)%9 {
		ids = append(ids, 2+(17*row+59*side+5*i*i)%300)
	}
	return ids
}

// severalRows are 40 rankings of two to four candidates and 40 pairs.
func severalRows() (rankings, pairs []graded) {
	for row := range 40 {
		var candidates [][]int
		for side := range 2 + row%3 {
			candidates = append(candidates, idsOf(row, side))
		}
		rankings = append(rankings, graded{Responses: candidates})
		pairs = append(pairs, graded{
			Chosen: idsOf(row, 5), Rejected: idsOf(row, 6), Margin: float64(row%4) / 4, Gap: float64(row%5) - 2,
		})
	}
	return rankings, pairs
}

func writeRows(t *testing.T, path string, rows []graded) {
	t.Helper()
	var b strings.Builder
	for _, row := range rows {
		text, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\n", text)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func logSigmoid(x float64) float64 { return -math.Log1p(math.Exp(-x)) }

// plackettLuce is the loss of one ranking, best first.
func plackettLuce(scores []float64) float64 {
	loss, mean := 0.0, 0.0
	for i, s := range scores {
		left := 0.0
		for _, other := range scores[i:] {
			left += math.Exp(other - s)
		}
		loss += math.Log(left)
		mean += s / float64(len(scores))
	}
	return loss + 0.01*mean*mean
}

// Rankings, margins, label smoothing, and an objective with a column and reports
// of its own: each step of the trainer has the loss that its formula gives on
// the trainer's own scores, and the reports are in metrics.jsonl.
func TestObjectivesEndToEnd(t *testing.T) {
	dir := tiny(t)
	rankings, pairs := severalRows()
	writeRows(t, filepath.Join(dir, "rankings.jsonl"), rankings)
	writeRows(t, filepath.Join(dir, "gaps.jsonl"), pairs)
	if err := os.WriteFile(filepath.Join(dir, "tiny.rmr"), []byte(several), 0o644); err != nil {
		t.Fatal(err)
	}
	command(t, dir, 0, rmc, "build", "--backend", "go")
	trainer := filepath.Join(dir, "trainer")
	out, _ := command(t, dir, 0, trainer)
	says(t, out, "evaluate ranked on rankings.holdout: accuracy ")

	steps := map[string][]float64{}
	all := metrics(t, filepath.Join(dir, "runs", "several", "metrics.jsonl"))
	if len(all) != 12 {
		t.Fatalf("metrics.jsonl has %d lines, want 4 of each stage", len(all))
	}
	for i, step := range all {
		name := []string{"ranked", "smoothed", "own"}[i/4]
		if step["step"] != float64(i%4+1) {
			t.Errorf("line %d is step %v", i+1, step["step"])
		}
		for _, of := range []string{"loss", "sure", "mean_gap"} {
			if x, ok := step[of]; ok {
				steps[name+" "+of] = append(steps[name+" "+of], x)
			}
		}
	}
	want := severalByHand(t, dir, trainer, pairs)
	for _, name := range []string{"smoothed loss", "own loss", "own sure", "own mean_gap"} {
		conformance.Close(t, name, steps[name], want[name], 1e-5)
	}
	rankedLosses(t, dir, trainer, rankings, steps["ranked loss"])

	command(t, dir, 0, trainer, "report")
	says(t, files(t, filepath.Join(dir, "runs", "several"))["report.html"], "mean_gap", "sure", "train ranked on rankings", "train own on pairs", "rankings: length of a sequence")

	// Let loose on a few rows at once, each learns.
	args := []string{"--out", "learnt", "--set", "data.rankings.limit=8", "--set", "data.pairs.limit=8"}
	for _, model := range []string{"ranked", "smoothed", "own"} {
		for _, value := range []string{"optimizer.lr=3e-4", "batch=8", "steps=4"} {
			args = append(args, "--set", "train."+model+"."+value)
		}
	}
	command(t, dir, 0, trainer, args...)
	learnt := metrics(t, filepath.Join(dir, "learnt", "metrics.jsonl"))
	if len(learnt) != 12 {
		t.Fatalf("metrics.jsonl has %d lines, want 12", len(learnt))
	}
	for i, name := range []string{"ranked", "smoothed", "own"} {
		first, last := learnt[4*i]["loss"], learnt[4*i+3]["loss"]
		if last >= 0.98*first {
			t.Errorf("%s: the loss goes from %.3f to %.3f", name, first, last)
		}
	}
}

// scoresOf has the trainer score rows of ids.
func scoresOf(t *testing.T, dir, trainer, model string, rows [][]int) []float64 {
	t.Helper()
	var in strings.Builder
	for _, ids := range rows {
		text, err := json.Marshal(map[string][]int{"ids": ids})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&in, "%s\n", text)
	}
	return scored(t, in.String(), dir, trainer, "--model", model)
}

// severalByHand is what the two objectives on pairs give for each step, from
// the model's scores.
func severalByHand(t *testing.T, dir, trainer string, pairs []graded) map[string][]float64 {
	t.Helper()
	var sides [][]int
	for _, p := range pairs {
		sides = append(sides, p.Chosen, p.Rejected)
	}
	want := map[string][]float64{}
	for _, model := range []string{"smoothed", "own"} {
		scores := scoresOf(t, dir, trainer, model, sides)
		for step := range 4 {
			var smoothed, own, sure, gap float64
			for i := 8 * step; i < 8*step+8; i++ {
				chosen, rejected := scores[2*i], scores[2*i+1]
				d := chosen - rejected - pairs[i].Margin
				smoothed += -(0.9*logSigmoid(d) + 0.1*logSigmoid(-d)) + 0.02*(chosen+rejected)*(chosen+rejected)
				d = chosen - rejected - 0.5*math.Tanh(pairs[i].Gap)
				own += -(0.8*logSigmoid(d) + 0.2*logSigmoid(-d))
				if d > 0 {
					sure++
				}
				gap += pairs[i].Gap
			}
			if model == "smoothed" {
				want["smoothed loss"] = append(want["smoothed loss"], smoothed/8)
				continue
			}
			want["own loss"], want["own sure"] = append(want["own loss"], own/8), append(want["own sure"], sure/8)
			want["own mean_gap"] = append(want["own mean_gap"], gap/8)
		}
	}
	return want
}

// rankedLosses holds the losses on rankings against their formula. Which rows
// the split holds out the trainer decides; what is left it takes in order.
func rankedLosses(t *testing.T, dir, trainer string, rankings []graded, losses []float64) {
	t.Helper()
	held := map[int]bool{}
	for text := range strings.Lines(files(t, filepath.Join(dir, "runs", "several"))["evaluation.jsonl"]) {
		var row struct{ Row int }
		if err := json.Unmarshal([]byte(text), &row); err != nil {
			t.Fatal(err)
		}
		held[row.Row] = true
	}
	var rows []int
	var sides [][]int
	for i, r := range rankings {
		if !held[i] {
			rows = append(rows, i)
			sides = append(sides, r.Responses...)
		}
	}
	if len(held) == 0 || len(rows) == 0 {
		t.Fatalf("%d rankings held out, %d trained on", len(held), len(rows))
	}
	scores := scoresOf(t, dir, trainer, "ranked", sides)
	var each []float64
	for _, row := range rows {
		n := len(rankings[row].Responses)
		each = append(each, plackettLuce(scores[:n]))
		scores = scores[n:]
	}
	var want []float64
	for step := range 4 {
		sum := 0.0
		for i := range 8 {
			sum += each[(8*step+i)%len(each)]
		}
		want = append(want, sum/8)
	}
	if slices.Max(want)-slices.Min(want) < 1e-3 {
		t.Errorf("all steps have one loss: %v", want)
	}
	conformance.Close(t, "ranked loss", losses, want, 1e-5)
}
