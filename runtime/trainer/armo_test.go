package trainer

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/backend"
	"github.com/rmc-lang/rmc/runtime/op"
	"github.com/rmc-lang/rmc/runtime/spec"
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
	labels := []string{"helpful", "brief"}
	d := spec.Data{Format: "ids", Columns: spec.Columns{Kind: "same"}, MaxLength: 64, OverLength: "drop", Ties: "drop",
		Split: spec.Split{Kind: "holdout", Fraction: 0.3, By: "row"}, Prompts: true}
	a := armo{ratings: d, prefs: d}
	a.ratings.Name, a.ratings.Kind, a.ratings.Source, a.ratings.Attributes, a.ratings.Missing = "ratings", "ratings", "file:"+tinyRatings(t, 90), labels, "mask"
	a.prefs.Name, a.prefs.Kind, a.prefs.Source = "prefs", "preference", "file:"+tinyDomains(t, 120)
	a.backbone = spec.Model{Name: "backbone", Kind: "encoder", Base: "file:" + tinyModel(t), DType: "float32", Read: "last_token", Layer: 0}
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
	train := func(m spec.Model, objective func(*op.Batch) op.Objective) Stage {
		how := a.train
		how.Name, how.Objective = m.Name, "of "+m.Name
		return Train(m, a.prefs, how, objective)
	}
	evaluated := func(name string, d spec.Data) spec.Evaluate {
		return spec.Evaluate{Name: name, Data: d.Name, Part: "holdout", Batch: 16}
	}
	btLoss := func(b *op.Batch) op.Objective {
		return op.Objective{Loss: op.Mean(op.Neg(op.LogSigmoid(op.Sub(b.Score("bt", "chosen"), b.Score("bt", "rejected")))), "pair")}
	}
	p := Program{
		Name: "armo", Recipe: "recipe armo\n", Encoders: []spec.Model{a.backbone},
		Rewards: []Reward{
			{Name: "armo", Score: gatedReward("gate", debiased), Models: []spec.Model{a.gate}},
			{Name: "constant", Score: gatedReward("flat", debiased), Models: []spec.Model{a.flat}},
			{Name: "judge", Fit: "tree"},
		},
		Stages: []Stage{
			Fit(a.probe, a.ratings), Fit(a.debias, a.prefs), Fit(a.tree, a.prefs),
			train(a.gate, gatedBy("gate", debiased)), train(a.flat, gatedBy("flat", debiased)), train(a.bt, btLoss),
			EvaluateReward("armo", a.prefs, evaluated("armo", a.prefs)), EvaluateReward("constant", a.prefs, evaluated("constant", a.prefs)),
			Evaluate(a.bt, a.prefs, evaluated("bt", a.prefs)), EvaluateReward("judge", a.prefs, evaluated("judge", a.prefs)),
			EvaluateFit(a.probe, a.ratings, evaluated("probe", a.ratings)),
		},
	}
	return &Run{Program: p, Dir: t.TempDir(), Backend: b, OnNote: func(s string) { t.Log(s) }}
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
	for _, row := range gate.Rows {
		g, other := partOf(row.ChosenParts, "gates"), partOf(row.RejectedParts, "gates")
		if fmt.Sprint(g) != fmt.Sprint(other) {
			t.Fatalf("gates of one prompt differ: %v, %v", g, other)
		}
	}
}

func partOf(parts Parts, name string) map[string]float32 {
	out, _ := parts[name].(map[string]float32)
	return out
}
