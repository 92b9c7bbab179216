package recipe

import "slices"

// A Use is a data set as the backbone of a model reads it.
type Use struct {
	Model *Model
	Data  *Data
}

// UsesOf lists the backbones that read a stage's data, which are several where
// an objective names models of several. Those of a recipe with errors may be nil.
func UsesOf(s Stage) []Use {
	var all []Use
	add := func(m *Model, d *Data) {
		if u := (Use{m, d}); m != nil && !slices.Contains(all, u) {
			all = append(all, u)
		}
	}
	of := func(t *Train, d *Data) {
		if t != nil {
			for _, m := range t.Encoders() {
				add(m, d)
			}
		}
	}
	switch s := s.(type) {
	case *Fit:
		add(s.Encoder, s.Data)
	case *Label:
		if s.Scorer != nil {
			add(s.Scorer.Encoder(), s.Base)
		}
	case *Train:
		of(s, s.Data)
	case *Evaluate:
		switch {
		case s.Model != nil:
			add(s.Model.Encoder(), s.Data)
		case s.Fit != nil:
			add(s.Fit.Encoder, s.Data)
		case s.Reward != nil && s.Reward.Fit != nil:
			add(s.Reward.Fit.Encoder, s.Data)
		case s.Reward != nil:
			of(s.Reward.Train, s.Data)
		}
	}
	return all
}

// Uses lists them once each, in the order of the stages.
func (r *Recipe) Uses() []Use {
	var all []Use
	for _, s := range r.Stages {
		for _, u := range UsesOf(s) {
			if u.Model != nil && u.Data != nil && !slices.Contains(all, u) {
				all = append(all, u)
			}
		}
	}
	return all
}
