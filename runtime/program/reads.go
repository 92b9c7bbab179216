package program

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// FindEncoder is the encoder of a name.
func (p Program) FindEncoder(name string) (spec.Model, error) {
	for _, m := range p.Encoders {
		if m.Name == name {
			return m, nil
		}
	}
	return spec.Model{}, fmt.Errorf("the program has no encoder %q", name)
}

// FindModel is a model of a name that a stage trains or reads.
func (p Program) FindModel(name string) (spec.Model, error) {
	for _, s := range p.Stages {
		if s.Kind == "train" && s.Model.Name == name {
			return s.Model, nil
		}
	}
	for _, m := range p.Models {
		if m.Name == name {
			return m, nil
		}
	}
	return spec.Model{}, fmt.Errorf("the program has no model %q", name)
}

// FindReward is the reward of a name.
func (p Program) FindReward(name string) (Reward, error) {
	for _, r := range p.Rewards {
		if r.Name == name {
			return r, nil
		}
	}
	return Reward{}, fmt.Errorf("the program has no reward %q", name)
}

// FindFit is the stage of a fit's name.
func (p Program) FindFit(name string) (Stage, error) {
	for _, s := range p.Stages {
		if s.Kind == "fit" && s.Fit.Name == name {
			return s, nil
		}
	}
	return Stage{}, fmt.Errorf("the program has no fit %q", name)
}

// FindData is the data set of a name: one that others name, or that a stage has.
func (p Program) FindData(name string) (spec.Data, error) {
	for _, d := range p.Data {
		if d.Name == name {
			return d, nil
		}
	}
	for _, s := range p.Stages {
		if s.Data.Name == name {
			return s.Data, nil
		}
	}
	return spec.Data{}, fmt.Errorf("the program has no data %q", name)
}

// ScorerOf is the model that a label asks.
func (p Program) ScorerOf(label string) (spec.Model, error) {
	for _, s := range p.Stages {
		if s.Kind == "label" && s.Label.Name == label {
			return p.FindModel(s.Label.Scorer)
		}
	}
	return spec.Model{}, fmt.Errorf("the program has no label %q", label)
}

// Trains is the last stage that trains a model; "" is the only model there is.
func (p Program) Trains(model string) (Stage, error) {
	stages := map[string]Stage{}
	for _, s := range p.Stages {
		if s.Kind == "train" {
			stages[s.Model.Name] = s
		}
	}
	names := slices.Sorted(maps.Keys(stages))
	if model == "" && len(names) == 1 {
		model = names[0]
	}
	if s, ok := stages[model]; ok {
		return s, nil
	}
	if model == "" {
		return Stage{}, fmt.Errorf("the recipe trains %s; --model says which", strings.Join(names, " and "))
	}
	return Stage{}, fmt.Errorf("the recipe trains no model %q; it trains %s", model, strings.Join(names, " and "))
}

// Reads is the model whose tokens and hidden states m works with: of a network
// its encoder, which is the program's only one where the network says none; else
// m itself.
func (p Program) Reads(m spec.Model) (spec.Model, error) {
	switch {
	case m.Kind != "mlp":
		return m, nil
	case m.Input != "":
		return p.FindEncoder(m.Input)
	case len(p.Encoders) == 1:
		return p.Encoders[0], nil
	}
	return m, fmt.Errorf("model %s has no input, and the recipe has %d encoders: which one's tokens its data are in is unknown; give it an input", m.Name, len(p.Encoders))
}

// ReadBy is the model whose tokens a stage works with.
func (p Program) ReadBy(s Stage) (spec.Model, error) {
	switch {
	case s.Reward != "":
		reward, err := p.FindReward(s.Reward)
		if err != nil {
			return spec.Model{}, err
		}
		return p.ReadByReward(reward)
	case s.Fit.Name != "":
		return p.FindEncoder(s.Fit.Of[0])
	case s.Kind == "label":
		return p.readByLabel(s)
	}
	return p.Reads(s.Model)
}

// readByLabel is the model of the first stage that works with judged pairs, or
// any encoder: what a judge is shown are texts.
func (p Program) readByLabel(label Stage) (spec.Model, error) {
	if label.Label.Scorer != "" {
		return p.FindModel(label.Label.Scorer)
	}
	made := func(d spec.Data) bool { return d.Name == label.Label.Name }
	for _, s := range p.Stages {
		if s.Kind != "label" && (made(s.Data) || slices.ContainsFunc(p.PartsOf(s.Data), made)) {
			return p.ReadBy(s)
		}
	}
	if len(p.Encoders) > 0 {
		return p.Encoders[0], nil
	}
	if label.Label.Policy != "" {
		return p.FindModel(label.Label.Policy)
	}
	return spec.Model{}, fmt.Errorf("no stage reads %s", label.Label.Name)
}

// ReadByReward is the model whose hidden states a reward reads.
func (p Program) ReadByReward(reward Reward) (spec.Model, error) {
	if reward.Fit != "" {
		s, err := p.FindFit(reward.Fit)
		if err != nil {
			return spec.Model{}, err
		}
		return p.FindEncoder(s.Fit.Of[0])
	}
	for _, m := range reward.Models {
		if m.Kind != "mlp" || m.Input != "" {
			return p.Reads(m)
		}
	}
	return p.Reads(spec.Model{Name: reward.Name, Kind: "mlp"})
}

// Scored is the reward or the trained model of a name.
func (p Program) Scored(name string) (Reward, spec.Model, error) {
	if name == "" && len(p.Rewards) == 1 {
		return p.Rewards[0], spec.Model{}, nil
	}
	var names []string
	for _, r := range p.Rewards {
		if r.Name == name {
			return r, spec.Model{}, nil
		}
		names = append(names, r.Name)
	}
	if name == "" && len(names) > 1 {
		return Reward{}, spec.Model{}, fmt.Errorf("the recipe has the rewards %s; --model says which", strings.Join(names, " and "))
	}
	s, err := p.Trains(name)
	if err != nil && len(names) > 0 {
		err = fmt.Errorf("%w; its rewards are %s", err, strings.Join(names, " and "))
	}
	return Reward{}, s.Model, err
}

// ModelReads is the data that a model was trained on, as its head sees it, and
// the model whose tokens and hidden states it reads.
func (p Program) ModelReads(m spec.Model) (spec.Data, spec.Model, error) {
	s, err := p.Trains(m.Name)
	if err != nil {
		return spec.Data{}, m, err
	}
	s.Data.Prompts = false
	reads, err := p.Reads(m)
	if err != nil {
		return s.Data, reads, err
	}
	d, err := p.First(s.Data)
	return d, reads, err
}

// RewardReads is the data whose rows a reward scores, and the model whose tokens
// and hidden states it reads: the data that its model was trained on, or its
// tree grown on, or else the data that it is evaluated on.
func (p Program) RewardReads(reward Reward) (spec.Data, spec.Model, error) {
	m, err := p.ReadByReward(reward)
	if err != nil {
		return spec.Data{}, m, err
	}
	if reward.Fit != "" {
		s, err := p.FindFit(reward.Fit)
		s.Data.Prompts = false
		return s.Data, m, err
	}
	if reward.Form != "" {
		d, err := p.FindData(reward.Form)
		return d, m, err
	}
	for _, one := range reward.Models {
		if s, err := p.Trains(one.Name); err == nil {
			d, err := p.First(s.Data)
			return d, m, err
		}
	}
	for _, s := range p.Stages {
		if s.Reward == reward.Name {
			d, err := p.First(s.Data)
			return d, m, err
		}
	}
	return spec.Data{}, m, fmt.Errorf("no stage trains or evaluates the reward %s, so how its rows are read is unknown", reward.Name)
}

// First is the first of the data sets that a union has, whose rows are read as
// those of all are.
func (p Program) First(d spec.Data) (spec.Data, error) {
	for d.From.Kind == "union" {
		part, err := p.FindData(d.From.Data[0])
		if err != nil {
			return d, err
		}
		d = part
	}
	return d, nil
}

// IsRows reports whether a data set has a source of its own.
func IsRows(d spec.Data) bool { return d.From.Kind == "" || d.From.Kind == "rows" }

// PartsOf are the data sets with a source of their own that d is made of.
func (p Program) PartsOf(d spec.Data) (all []spec.Data) {
	for _, name := range d.From.Data {
		part, err := p.FindData(name)
		switch {
		case err != nil:
		case IsRows(part):
			all = append(all, part)
		default:
			all = append(all, p.PartsOf(part)...)
		}
	}
	return all
}

// MadeOf lists the labels and data that a data set is made of.
func (p Program) MadeOf(d spec.Data) []string {
	var all []string
	if d.Label != "" {
		all = append(all, d.Label)
	}
	for _, name := range slices.Concat(d.From.Data, d.Exclude) {
		all = append(all, name)
		for _, other := range p.Data {
			if other.Name == name {
				all = append(all, p.MadeOf(other)...)
			}
		}
	}
	return all
}

// Waits reports whether a data set is made of one that a label stage has still to
// label.
func (p Program) Waits(d spec.Data) bool {
	return d.Label != "" && !IsRows(d) || slices.ContainsFunc(d.From.Data, func(name string) bool {
		part, err := p.FindData(name)
		return err == nil && (part.Label != "" || p.Waits(part))
	})
}

// SourcesOf names where the rows of a data set are from, as the recipe writes it: of
// one that is made of others, the sources of all of these, each once.
func (p Program) SourcesOf(d spec.Data) string {
	if IsRows(d) {
		return d.Source
	}
	var all []string
	for _, part := range p.PartsOf(d) {
		if !slices.Contains(all, part.Source) {
			all = append(all, part.Source)
		}
	}
	return strings.Join(all, " and ")
}

// Unjudged is the data set that a judged one is made of: it has all of its
// sequences, and is d itself where d was not judged.
func (p Program) Unjudged(d spec.Data) spec.Data {
	for _, s := range p.Stages {
		if s.Kind == "label" && s.Label.Name == d.Label && s.Label.Kind != "rollout" && (s.Data.Prompts || !d.Prompts) {
			return p.Unjudged(s.Data)
		}
	}
	return d
}

// Embedded are the data sets whose hidden states are those of d: of a union its
// parts, so that nothing is computed anew for it.
func (p Program) Embedded(d spec.Data) (all []spec.Data) {
	d = p.Unjudged(d)
	if d.From.Kind != "union" {
		return []spec.Data{d}
	}
	for _, name := range d.From.Data {
		if part, err := p.FindData(name); err == nil { // what is not there, set has said
			part.Prompts = d.Prompts
			all = append(all, p.Embedded(part)...)
		}
	}
	return all
}

// GoneOnFrom is the data that a rollout goes on from to make d; ok is false where
// no rollout makes it.
func (p Program) GoneOnFrom(d spec.Data) (base spec.Data, ok bool) {
	for _, s := range p.Stages {
		if s.Kind == "label" && s.Label.Kind == "rollout" && s.Label.Name == d.Label {
			return s.Data, true
		}
	}
	return d, false
}
