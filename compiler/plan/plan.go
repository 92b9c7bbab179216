// Package plan is a recipe as an ordered list of stages: plain, versioned data
// without places in a text, that prints as JSON. It also estimates, from facts,
// what a run will take.
package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/rmc-lang/rmc/compiler/check"
	"github.com/rmc-lang/rmc/compiler/resolve"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// A Plan is everything that decides a run, but for the bytes of its sources,
// which are in the lock.
type Plan struct {
	Version    int               `json:"version"` // spec.PlanVersion…
	Name       string            `json:"name"`
	Source     string            `json:"source"` // display name of the recipe
	Mesh       spec.Mesh         `json:"mesh"`
	Models     []spec.Model      `json:"models"`
	Data       []spec.Data       `json:"data"`
	Objectives []Objective       `json:"objectives"`
	Stages     []Stage           `json:"stages"`
	From       map[string]string `json:"from"` // path of a value → who set it
}

// The kinds of stage.
const (
	Prepare  = "prepare"  // rows become token ids
	Embed    = "embed"    // hidden states of a frozen backbone, computed once
	Train    = "train"    // parameters are fitted
	Evaluate = "evaluate" // scores are compared
)

// A Stage is one step with typed inputs. Its result may be reused where Hash
// and the digests of its sources are the same.
type Stage struct {
	Name      string         `json:"name"` // train.rm
	Kind      string         `json:"kind"`
	Model     string         `json:"model"`
	Data      string         `json:"data"`
	Objective string         `json:"objective,omitempty"` // Name of one of the plan's
	Train     *spec.Train    `json:"train,omitempty"`
	Evaluate  *spec.Evaluate `json:"evaluate,omitempty"`
	Inputs    []string       `json:"inputs"` // names of stages
	Hash      string         `json:"hash"`   // sha256 of its own text and its inputs' hashes
}

// An Objective is the typed text of one loss, as one stage uses it.
type Objective struct {
	Stage   string   `json:"stage"`
	Name    string   `json:"name"`
	Params  []Param  `json:"params,omitempty"`
	Terms   []string `json:"terms"`             // forwards it needs: score rm chosen: real[pair]
	Columns []string `json:"columns,omitempty"` // data columns it reads
	Lets    []Named  `json:"lets,omitempty"`
	Loss    string   `json:"loss"`
	Reports []Named  `json:"reports,omitempty"`
	Notes   []string `json:"notes,omitempty"`
}

// A Param is a parameter with its value.
type Param struct {
	Name string  `json:"name"`
	Is   float64 `json:"is"`
	From string  `json:"from"`
}

// A Named is a named expression in recipe syntax.
type Named struct {
	Name string `json:"name"`
	Is   string `json:"is"`
}

// New plans a recipe without errors; objectives are by name of training stage.
func New(r *resolve.Recipe, objectives map[string]*check.Objective) *Plan {
	p := &Plan{Version: spec.PlanVersion1, Name: r.Name, Source: r.Source, Mesh: r.Mesh, From: map[string]string{}}
	for _, m := range r.Models {
		p.Models = append(p.Models, m.Spec)
	}
	for _, d := range r.Data {
		p.Data = append(p.Data, d.Spec)
	}
	for _, v := range r.Values {
		p.From[v.Path] = v.Origin
	}
	b := &builder{plan: p, trained: map[string]string{}}
	for _, s := range r.Stages {
		switch s := s.(type) {
		case *resolve.Train:
			p.Objectives = append(p.Objectives, objective("train."+s.Name, objectives[s.Name]))
			b.train(s)
		case *resolve.Evaluate:
			b.evaluate(s)
		}
	}
	return p
}

// objective writes down what decides a loss.
func objective(stage string, o *check.Objective) Objective {
	out := Objective{Stage: stage, Name: o.Name, Columns: o.Columns, Loss: o.Loss.Text}
	for _, p := range o.Params {
		out.Params = append(out.Params, Param{p.Name, p.Value, p.Origin})
	}
	for _, t := range o.Terms {
		out.Terms = append(out.Terms, fmt.Sprintf("%s %s %s: %s", t.Kind, t.Model, t.View, t.Type))
	}
	for _, l := range o.Lets {
		out.Lets = append(out.Lets, Named{l.Name, l.Text})
	}
	for _, r := range o.Reports {
		out.Reports = append(out.Reports, Named{r.Name, r.Text})
	}
	for _, f := range o.Facts {
		out.Notes = append(out.Notes, f.Text)
	}
	return out
}

// A builder puts stages in order.
type builder struct {
	plan    *Plan
	trained map[string]string // model → stage that trained it last
}

// stage finds a stage by name, or nil.
func (p *Plan) stage(name string) *Stage {
	for i := range p.Stages {
		if p.Stages[i].Name == name {
			return &p.Stages[i]
		}
	}
	return nil
}

// add appends s with its hash, unless a stage of that name is there.
func (b *builder) add(s Stage, own ...any) string {
	if b.plan.stage(s.Name) != nil {
		return s.Name
	}
	own = append(own, s.Kind)
	for _, in := range s.Inputs {
		own = append(own, b.plan.stage(in).Hash)
	}
	s.Hash = hash(own)
	b.plan.Stages = append(b.plan.Stages, s)
	return s.Name
}

// hash is the sha256 of the JSON of what decides a stage.
func hash(own []any) string {
	text, err := json.Marshal(own)
	if err != nil {
		panic(err) // structs of strings and numbers always marshal
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// inputs adds what must be done before a model sees data: its token ids and,
// where the backbone is frozen, its hidden states.
func (b *builder) inputs(m *resolve.Model, d *resolve.Data) []string {
	name := m.Spec.Name + "." + d.Spec.Name
	s := Stage{Name: "prepare." + name, Kind: Prepare, Model: m.Spec.Name, Data: d.Spec.Name}
	prepared := b.add(s, d.Spec, m.Spec.Base, m.Spec.Tokenizer, m.Spec.Template)
	if m.Spec.Tune.Kind != "head" {
		return []string{prepared}
	}
	s = Stage{Name: "embed." + name, Kind: Embed, Model: m.Spec.Name, Data: d.Spec.Name, Inputs: []string{prepared}}
	return []string{b.add(s, m.Spec.Base, m.Spec.DType, m.Spec.Head.Read, m.Spec.Head.Layer)}
}

// after adds the stage that trained the model before, if any.
func (b *builder) after(m *resolve.Model, inputs []string) []string {
	if last := b.trained[m.Spec.Name]; last != "" {
		inputs = append(inputs, last)
	}
	return inputs
}

func (b *builder) train(t *resolve.Train) {
	s := Stage{Name: "train." + t.Name, Kind: Train, Model: t.Model.Spec.Name, Data: t.Data.Spec.Name,
		Objective: t.Spec.Objective, Train: &t.Spec}
	s.Inputs = b.after(t.Model, b.inputs(t.Model, t.Data))
	o := b.plan.Objectives[len(b.plan.Objectives)-1]
	b.trained[t.Model.Spec.Name] = b.add(s, deciding(t.Spec), decidingModel(t.Model.Spec), o)
}

// deciding is a training stage without what changes no result: how batches are
// cut and padded, and how often it is saved.
func deciding(t spec.Train) spec.Train {
	t.Micro, t.Save, t.Buckets = 0, 0, nil
	return t
}

// decidingModel is a model without what only costs memory and time.
func decidingModel(m spec.Model) spec.Model {
	m.Shard, m.Tune.Checkpoint = nil, false
	return m
}

func (b *builder) evaluate(e *resolve.Evaluate) {
	s := Stage{Name: "evaluate." + e.Name, Kind: Evaluate, Model: e.Model.Spec.Name, Data: e.Data.Spec.Name, Evaluate: &e.Spec}
	s.Inputs = b.after(e.Model, b.inputs(e.Model, e.Data))
	b.add(s, e.Spec.Part, decidingModel(e.Model.Spec))
}
