// Package plan is a recipe as an ordered list of stages: plain, versioned data
// without places in a text, that prints as JSON. It also estimates, from facts,
// what a run will take.
package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/compiler/typed"
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
	Rewards    []Reward          `json:"rewards,omitempty"`
	Suites     []spec.Suite      `json:"suites,omitempty"`
	Stages     []Stage           `json:"stages"`
	From       map[string]string `json:"from"` // path of a value → who set it
}

// The kinds of stage.
const (
	Prepare  = "prepare"  // rows become token ids
	Embed    = "embed"    // hidden states of a frozen backbone, computed once
	Fit      = "fit"      // something is computed of features in closed form, or by search
	Label    = "label"    // pairs are judged
	Train    = "train"    // parameters are fitted
	Evaluate = "evaluate" // scores are compared
)

// A Stage is one step with typed inputs. Its result may be reused where Hash
// and the digests of its sources are the same.
type Stage struct {
	Name      string         `json:"name"` // train.rm
	Kind      string         `json:"kind"`
	Model     string         `json:"model"`             // that is trained or measured, or whose backbone reads; "" where there is none
	Encoder   string         `json:"encoder,omitempty"` // whose backbone reads, where it is another
	Data      string         `json:"data"`
	Objective string         `json:"objective,omitempty"` // Name of one of the plan's
	Reward    string         `json:"reward,omitempty"`    // that is measured
	Train     *spec.Train    `json:"train,omitempty"`
	Fit       *spec.Fit      `json:"fit,omitempty"` // that is computed, or measured
	Label     *spec.Label    `json:"label,omitempty"`
	Evaluate  *spec.Evaluate `json:"evaluate,omitempty"`
	Inputs    []string       `json:"inputs"` // names of stages
	Hash      string         `json:"hash"`   // sha256 of its own text and its inputs' hashes
}

// Reads is the model whose backbone reads the stage's data, or "".
func (s Stage) Reads() string { return cmp.Or(s.Encoder, s.Model) }

// A Reward is what the recipe names as a score.
type Reward struct {
	Name  string `json:"name"`
	Is    string `json:"is"`              // gated.s, or the name of a tree
	Stage string `json:"stage,omitempty"` // whose model and parameters it has: train.gate
	Score string `json:"score,omitempty"` // its right side in the recipe
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
	Name  string  `json:"name"`
	Is    float64 `json:"is"`
	Names string  `json:"names,omitempty"` // the model or fit that it stands for
	From  string  `json:"from"`
}

// A Named is a named expression in recipe syntax.
type Named struct {
	Name string `json:"name"`
	Is   string `json:"is"`
}

// New plans a recipe without errors; objectives are by name of training stage,
// rewards that are lets of them by their own.
func New(r *recipe.Recipe, objectives map[string]*typed.Objective, rewards map[string]*typed.Reward) *Plan {
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
	for _, w := range r.Rewards {
		p.Rewards = append(p.Rewards, reward(w, rewards[w.Name]))
	}
	for _, s := range r.Suites {
		p.Suites = append(p.Suites, s.Spec)
	}
	b := &builder{plan: p, trained: map[string]string{}}
	for _, s := range r.Stages {
		switch s := s.(type) {
		case *recipe.Fit:
			b.fit(s)
		case *recipe.Label:
			b.label(s)
		case *recipe.Train:
			p.Objectives = append(p.Objectives, objective("train."+s.Name, objectives[s.Name]))
			b.train(s)
		case *recipe.Evaluate:
			b.evaluate(s)
		}
	}
	return p
}

// reward writes down what decides a score.
func reward(w *recipe.Reward, o *typed.Reward) Reward {
	if w.Fit != nil {
		return Reward{Name: w.Name, Is: w.Fit.Name, Stage: "fit." + w.Fit.Name}
	}
	return Reward{Name: w.Name, Is: o.Objective + "." + o.Let, Stage: "train." + w.Train.Name, Score: o.Score.Text}
}

// objective writes down what decides a loss.
func objective(stage string, o *typed.Objective) Objective {
	out := Objective{Stage: stage, Name: o.Name, Columns: o.Columns, Loss: o.Loss.Text}
	for _, p := range o.Params {
		param := Param{Name: p.Name, Is: p.Value, From: p.Origin}
		if p.Elem == typed.Object {
			param.Names = p.Text
		}
		out.Params = append(out.Params, param)
	}
	for _, t := range o.Terms {
		out.Terms = append(out.Terms, strings.Join(strings.Fields(t.Kind+" "+t.Model+" "+t.View), " ")+": "+t.Type.String())
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

// inputs adds what must be done before a stage has its features: the token ids
// of its data for each backbone that reads them and, of frozen ones, the hidden
// states. What a label makes needs the judge's answers as well.
func (b *builder) inputs(s recipe.Stage, d *recipe.Data) []string {
	var all []string
	for _, u := range recipe.UsesOf(s) {
		for _, made := range b.features(u.Model, u.Data) {
			if !slices.Contains(all, made) {
				all = append(all, made)
			}
		}
	}
	if d.Label != nil {
		all = append(all, "label."+d.Label.Name)
	}
	return all
}

// rows is what decides the rows of a data set and how they become token ids. What
// reads a column says so itself.
func rows(d *recipe.Data) []any {
	var all []any
	for _, x := range append(append(d.MadeOf(), d.Exclude...), d) {
		s := x.Spec
		s.Extra = nil
		all = append(all, s)
	}
	return all
}

// asked is what decides how a policy is asked about two responses.
func asked(form *recipe.Data) any {
	if form == nil {
		return nil
	}
	s := form.Spec
	s.Name, s.From.Data, s.Extra = "", nil, nil
	return s
}

// features adds the tokens of data for one backbone, and its hidden states: of a
// union those of its parts, so that nothing is computed for it.
func (b *builder) features(m *recipe.Model, d *recipe.Data) []string {
	if d.Label != nil && d.Label.Spec.Kind != "rollout" && d.Spec.Prompts == d.Label.Base.Spec.Prompts {
		d = d.Label.Base // the same texts
	}
	name := m.Spec.Name + "." + d.Spec.Name
	s := Stage{Name: "prepare." + name, Kind: Prepare, Model: m.Spec.Name, Data: d.Spec.Name}
	if len(d.Parts) > 0 { // else the texts are the same, whichever is preferred
		for _, l := range d.Labels() {
			s.Inputs = append(s.Inputs, "label."+l.Name)
		}
	}
	prepared := b.add(s, append(rows(d), m.Spec.Base, m.Spec.Tokenizer, m.Spec.Template)...)
	if !frozen(m.Spec) {
		return []string{prepared}
	}
	if d.Spec.From.Kind == "union" {
		all := []string{prepared} // which rows, and on which side of a split
		for _, part := range d.Parts {
			all = append(all, b.features(m, part)...)
		}
		return all
	}
	s = Stage{Name: "embed." + name, Kind: Embed, Model: m.Spec.Name, Data: d.Spec.Name, Inputs: []string{prepared}}
	return []string{b.add(s, m.Spec.Base, m.Spec.DType, cmp.Or(m.Spec.Read, m.Spec.Head.Read), m.Spec.Depth())}
}

// frozen reports whether a model's backbone stays as it is, so that its hidden
// states are computed once.
func frozen(m spec.Model) bool {
	return m.Kind != "policy" && (m.Kind != "reward" || m.Tune.Kind == "head")
}

// reader is the backbone that reads a stage's data, where it is not that of the
// model itself.
func reader(s recipe.Stage, model string) string {
	for _, u := range recipe.UsesOf(s) {
		if u.Model.Spec.Name != model {
			return u.Model.Spec.Name
		}
		return ""
	}
	return ""
}

// after adds the stage that trained a model before, if any.
func (b *builder) after(m *recipe.Model, inputs []string) []string {
	if last := b.trained[m.Spec.Name]; last != "" && !slices.Contains(inputs, last) {
		inputs = append(inputs, last)
	}
	return inputs
}

// read adds the stages that made what an objective names.
func (b *builder) read(t *recipe.Train, inputs []string) []string {
	for _, f := range t.Reads.Fits {
		inputs = append(inputs, "fit."+f.Name)
	}
	for _, m := range t.Reads.Models {
		inputs = b.after(m, inputs)
	}
	return inputs
}

func (b *builder) fit(f *recipe.Fit) {
	s := Stage{Name: "fit." + f.Name, Kind: Fit, Model: f.Encoder.Spec.Name, Data: f.Data.Spec.Name, Fit: &f.Spec}
	s.Inputs = b.inputs(f, f.Data)
	for _, inner := range f.Chain {
		s.Inputs = append(s.Inputs, "fit."+inner.Name)
	}
	b.add(s, f.Spec)
}

func (b *builder) label(l *recipe.Label) {
	s := Stage{Name: "label." + l.Name, Kind: Label, Data: l.Base.Spec.Name, Label: &l.Spec}
	how, base := l.Spec, l.Base.Spec
	base.Extra, base.Prompts, base.Endings = nil, false, false
	how.Key, how.Parallel, how.Retries, how.Timeout, how.Batch, how.Form = "", 0, 0, 0, 0, ""
	how.PriceIn, how.PriceOut = 0, 0 // none of these changes an answer
	own := []any{how, base}
	if l.Scorer != nil {
		s.Model = l.Scorer.Spec.Name
		s.Inputs = b.after(l.Scorer, b.inputs(l, l.Base))
		own = append(own, decidingModel(l.Scorer.Spec), asked(l.Form))
	}
	if l.Policy != nil {
		s.Model = l.Policy.Spec.Name
		s.Inputs = b.after(l.Policy, s.Inputs)
		p := l.Policy.Spec
		own = append(own, decidingModel(p), p.Base, p.Tokenizer, p.Template)
	}
	b.add(s, own...)
}

func (b *builder) train(t *recipe.Train) {
	model := t.Model.Spec.Name
	s := Stage{Name: "train." + t.Name, Kind: Train, Model: model, Encoder: reader(t, model), Data: t.Data.Spec.Name,
		Objective: t.Spec.Objective, Train: &t.Spec}
	if s.Inputs = b.inputs(t, t.Data); t.Spec.From != "base" {
		s.Inputs = b.after(t.Model, s.Inputs)
	}
	s.Inputs = b.read(t, s.Inputs)
	o := b.plan.Objectives[len(b.plan.Objectives)-1]
	own := []any{deciding(t.Spec), decidingModel(t.Model.Spec), o}
	for _, m := range t.Reads.Models {
		own = append(own, decidingModel(m.Spec))
	}
	b.trained[model] = b.add(s, own...)
}

// deciding is a training stage without what changes no result: how batches are
// cut and padded, and how often it is saved. With a validation the last one
// decides which weights are kept.
func deciding(t spec.Train) spec.Train {
	t.Micro, t.Buckets = 0, nil
	if t.Validate.Kind != "holdout" {
		t.Save = 0
	}
	return t
}

// decidingModel is a model without what only costs memory and time.
func decidingModel(m spec.Model) spec.Model {
	m.Shard, m.Tune.Checkpoint = nil, false
	return m
}

func (b *builder) evaluate(e *recipe.Evaluate) {
	s := Stage{Name: "evaluate." + e.Name, Kind: Evaluate, Data: e.Data.Spec.Name, Evaluate: &e.Spec, Inputs: b.inputs(e, e.Data)}
	own := []any{e.Spec.Part}
	if e.Suite != nil {
		own = append(own, e.Suite.Spec)
	}
	switch {
	case e.Reward != nil:
		s.Reward = e.Reward.Name
		i := slices.IndexFunc(b.plan.Rewards, func(w Reward) bool { return w.Name == e.Reward.Name })
		own = append(own, b.plan.Rewards[i])
		if t := e.Reward.Train; t != nil {
			s.Model = t.Model.Spec.Name
			s.Inputs = b.read(t, append(s.Inputs, "train."+t.Name))
		} else {
			s.Fit = &e.Reward.Fit.Spec
			s.Inputs = append(s.Inputs, "fit."+e.Reward.Fit.Name)
		}
	case e.Fit != nil:
		s.Fit = &e.Fit.Spec
		s.Inputs = append(s.Inputs, "fit."+e.Fit.Name)
	default:
		s.Model = e.Model.Spec.Name
		s.Inputs = b.after(e.Model, s.Inputs)
		own = append(own, decidingModel(e.Model.Spec))
		if e.Form != nil {
			own = append(own, asked(e.Form))
		}
	}
	s.Encoder = reader(e, s.Model)
	b.add(s, own...)
}
