package program

import (
	"reflect"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/spec"
)

func sample() Program {
	m := spec.Model{Name: "rm", Kind: "reward", DType: "float32", Tune: spec.Tune{Kind: "lora", Rank: 16}}
	d := spec.Data{Name: "prefs", MaxLength: 512, OverLength: "drop"}
	return Program{Name: "x", Stages: []Stage{
		Train(m, d, spec.Train{Name: "rm", Optimizer: spec.Optimizer{Kind: "adamw", LR: 1}, Schedule: spec.Schedule{Kind: "cosine"}}, nil),
		Evaluate(m, d, spec.Evaluate{Name: "rm"}),
	}}
}

func TestApplySets(t *testing.T) {
	p := sample()
	for _, s := range []string{
		"train.rm.optimizer.lr=2e-5", "train.rm.optimizer.betas=[0.9, 0.95]", "train.rm.schedule.warmup=3%",
		"train.rm.batch=32 pairs", "train.rm.epochs = 2", "data.prefs.max_length=256 tokens", "data.prefs.over_length=truncate_left",
		"model.rm.tune.rank=8", "model.rm.tune.on=[q_proj, v_proj]", "model.rm.tune.checkpoint=true", "mesh.devices=4",
	} {
		if err := p.apply(s); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	tr := p.Stages[0].Train
	if tr.Optimizer.LR != 2e-5 || tr.Optimizer.Betas != [2]float64{0.9, 0.95} || tr.Schedule.Warmup != 0.03 || tr.Batch != 32 || tr.Epochs != 2 {
		t.Errorf("train = %+v", tr)
	}
	for i, s := range p.Stages {
		if s.Data.MaxLength != 256 || s.Data.OverLength != "truncate_left" || s.Model.Tune.Rank != 8 ||
			!reflect.DeepEqual(s.Model.Tune.On, []string{"q_proj", "v_proj"}) || !s.Model.Tune.Checkpoint {
			t.Errorf("stage %d: data %+v, model %+v", i, s.Data, s.Model)
		}
	}
	if p.Mesh.Devices != 4 || len(p.Overrides) != 11 || p.Overrides[4] != "train.rm.epochs=2" {
		t.Errorf("mesh %+v, overrides %q", p.Mesh, p.Overrides)
	}
}

func TestApplyRefuses(t *testing.T) {
	for set, want := range map[string]string{
		"train.rm.optimizer.lr":              "want path=value",
		"optimizer.lr=1":                     "begins with model, data, fit, label, train, evaluate or mesh",
		"train.pm.batch=3":                   `no train "pm": there is rm`,
		"train.rm=3":                         "at least three parts",
		"train.rm.optimizer.learning_rate=3": `no field "learning_rate": there is lr`,
		"train.rm.optimizer=adamw":           "name one of its fields: lr",
		"train.rm.batch.size=3":              "batch has no fields",
		"train.rm.batch=many":                `"many" is not a number`,
		"train.rm.batch=1.5":                 "not a whole number",
		"train.rm.batch=1e12":                "too large",
		"train.rm.batch=0":                   `"0" is out of bounds: the minimum is 1`,
		"train.rm.optimizer.betas=[0.9, 2]":  `"2" is out of bounds: the maximum is 0.999999`,
		"train.rm.optimizer.lr=1e-5 pairs":   "has a unit, and the value has none",
		"train.rm.optimizer.lr=1e-5e":        "has a unit",
		"train.rm.optimizer.lr=1..2":         `"1..2" is not a number`,
		"mesh=4":                             "a path into the mesh is mesh.FIELD",
		"train.rm.batch=3 tokens":            "is not pairs or rows",
		"train.rm.optimizer.betas=[0.9]":     "has 1 values; want 2",
		"train.rm.optimizer.betas=0.9":       "is not a list",
		"data.prefs.over_length=cut":         "none of drop, truncate_left",
		"model.rm.tune.checkpoint=maybe":     "neither true nor false",
		"train.rm.schedule.floor=x":          "not a number",
	} {
		p := sample()
		err := p.apply(set)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", set, err, want)
		}
		if !reflect.DeepEqual(p.Overrides, []string(nil)) {
			t.Errorf("%s: refused and recorded", set)
		}
	}
	p := sample()
	p.Stages[0].Model.Tune.Kind = "full"
	if err := p.apply("model.rm.tune.rank=4"); err == nil || !strings.Contains(err.Error(), "rank belongs to lora, and the recipe chose full") {
		t.Errorf("a field of another kind: %v", err)
	}
}

// An encoder, a fit and the networks of a reward are set wherever the program
// holds them, and in no other copy of it.
func TestApplySetsEverywhere(t *testing.T) {
	p := sample()
	f := spec.Fit{Name: "probe", Kind: "ridge", Of: []string{"backbone"}}
	d := spec.Data{Name: "ratings"}
	p.Encoders = []spec.Model{{Name: "backbone", Kind: "encoder", Layer: 12}}
	p.Rewards = []Reward{{Name: "armo", Models: []spec.Model{{Name: "gate", Kind: "mlp"}}}}
	p.Stages = append(p.Stages, Fit(f, d), EvaluateFit(f, d, spec.Evaluate{Name: "probe"}))
	was := p.Rewards[0].Models
	if err := p.Set([]string{"model.backbone.layer=6", "model.gate.hidden=[8, 4]", "fit.probe.alphas=[1, 2]", "fit.probe.seed=3"}); err != nil {
		t.Fatal(err)
	}
	if p.Encoders[0].Layer != 6 || !reflect.DeepEqual(p.Rewards[0].Models[0].Hidden, []int{8, 4}) || was[0].Hidden != nil {
		t.Errorf("%+v, %+v, was %+v", p.Encoders, p.Rewards, was)
	}
	for _, s := range p.Stages[2:] {
		if !reflect.DeepEqual(s.Fit.Alphas, []float64{1, 2}) || s.Fit.Seed != 3 {
			t.Errorf("%s: %+v", s.Name(), s.Fit)
		}
	}
	if err := p.apply("fit.debias.seed=1"); err == nil || !strings.Contains(err.Error(), `no fit "debias": there is probe`) {
		t.Error(err)
	}
}

// A label that asks a policy of the recipe cannot be sent to a server by a value, and
// what the policy is can be set.
func TestApplyToALabelThatAsksAPolicy(t *testing.T) {
	p := sample()
	p.Models = []spec.Model{{Name: "gen", Kind: "policy", Layer: 12}}
	p.Stages = append(p.Stages, Label(spec.Label{Name: "steps", Kind: "rollout", Model: "gen", Policy: "gen"}, spec.Data{Name: "solutions"}))
	was := p.Models
	if err := p.Set([]string{"label.steps.samples=4", "label.steps.batch=8 answers", "model.gen.layer=6"}); err != nil {
		t.Fatal(err)
	}
	if l := p.Stages[2].Label; l.Samples != 4 || l.Batch != 8 || p.Models[0].Layer != 6 || was[0].Layer != 12 {
		t.Errorf("%+v, %+v, was %+v", l, p.Models, was)
	}
	for _, field := range []string{"model=other", "endpoint=http://127.0.0.1:1/v1", "parallel=2"} {
		if err := p.apply("label.steps." + field); err == nil || !strings.Contains(err.Error(), "label steps asks gen of the recipe, which is compiled in") {
			t.Errorf("%s: %v", field, err)
		}
	}
}
