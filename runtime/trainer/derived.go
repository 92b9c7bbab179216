package trainer

import (
	"context"
	"fmt"
	"slices"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// derived makes a set of other data, as spec.From says.
func (r *Run) derived(ctx context.Context, m spec.Model, d spec.Data) (*data.Set, error) {
	if d.From.Kind == "union" {
		return r.union(ctx, m, d)
	}
	pairs, err := r.pairs(ctx, m, d)
	if err != nil {
		return nil, err
	}
	encode, err := r.encoder(ctx, m, d)
	if err != nil {
		return nil, err
	}
	set, err := data.FromPairs(d, pairs, encode)
	if err != nil {
		return nil, fmt.Errorf("data %s: %w", d.Name, err)
	}
	return set, nil
}

// union is the sets of other data as one.
func (r *Run) union(ctx context.Context, m spec.Model, d spec.Data) (*data.Set, error) {
	var sets []*data.Set
	for _, name := range d.From.Data {
		part, err := r.Program.data(name)
		if err != nil {
			return nil, err
		}
		part.Prompts, part.Subsets = d.Prompts, d.Subsets
		set, err := r.set(ctx, m, part)
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	set, err := data.Join(d.From.Data, sets...)
	if err != nil {
		return nil, fmt.Errorf("data %s: %w", d.Name, err)
	}
	return set, nil
}

// pairs is the rows of preference data, or those that comparisons are made of, in
// words. Of what a filter left they are as the model saw them that was asked.
func (r *Run) pairs(ctx context.Context, m spec.Model, d spec.Data) ([]data.Pair, error) {
	if isRows(d) {
		return r.rowPairs(ctx, m, d)
	}
	if d.Label != "" {
		var err error
		if m, err = r.Program.scorerOf(d.Label); err != nil {
			return nil, err
		}
	}
	var all [][]data.Pair
	for _, name := range d.From.Data {
		part, err := r.Program.data(name)
		if err != nil {
			return nil, err
		}
		pairs, err := r.pairs(ctx, m, part)
		if err != nil {
			return nil, err
		}
		all = append(all, pairs)
	}
	pairs := data.Union(all...)
	if d.From.Kind != "augment" {
		return pairs, nil
	}
	made, err := data.Augment(d, pairs)
	if err != nil {
		return nil, fmt.Errorf("data %s: %w", d.Name, err)
	}
	if d.Label != "" {
		return r.hard(d.Label, made.Pairs)
	}
	return made.Pairs, nil
}

// scorerOf is the model that a label asks.
func (p Program) scorerOf(label string) (spec.Model, error) {
	for _, s := range p.Stages {
		if s.Kind == "label" && s.Label.Name == label {
			return p.model(s.Label.Scorer)
		}
	}
	return spec.Model{}, fmt.Errorf("the program has no label %q", label)
}

// rowPairs is the pairs of a source, with the sides that a label gave them.
func (r *Run) rowPairs(ctx context.Context, m spec.Model, d spec.Data) ([]data.Pair, error) {
	texts, err := r.rowTexts(ctx, m, d)
	if err != nil {
		return nil, err
	}
	pairs := data.PairsOf(d, texts)
	if d.Label == "" {
		return pairs, nil
	}
	preferences, err := r.preferences(d.Label)
	if err != nil {
		return nil, err
	}
	return data.Relabelled(pairs, texts, preferences), nil
}

// rowTexts is the rows of a source in words, but for those with questions of data
// that it excludes.
func (r *Run) rowTexts(ctx context.Context, m spec.Model, d spec.Data) ([]data.Text, error) {
	local, err := r.fetch(ctx, "data", d.Source)
	if err != nil {
		return nil, fmt.Errorf("data %s: %w", d.Name, err)
	}
	texts, err := data.Texts(d, local.Path)
	if err != nil {
		return nil, fmt.Errorf("data %s: %w", d.Name, err)
	}
	others, err := r.excluded(ctx, m, d)
	if err != nil {
		return nil, err
	}
	return data.Apart(texts, others...), nil
}

// excluded is the data whose questions d must not have.
func (r *Run) excluded(ctx context.Context, m spec.Model, d spec.Data) ([]*data.Set, error) {
	var all []*data.Set
	for _, name := range d.Exclude {
		other, err := r.Program.data(name)
		if err != nil {
			return nil, err
		}
		set, err := r.set(ctx, m, other)
		if err != nil {
			return nil, err
		}
		all = append(all, set)
	}
	return all, nil
}

// without leaves out the rows whose questions are in data that d excludes.
func (r *Run) without(ctx context.Context, m spec.Model, d spec.Data, set *data.Set) (*data.Set, error) {
	others, err := r.excluded(ctx, m, d)
	for i, other := range others {
		if set, err = data.Without(set, other, d.Exclude[i]); err != nil {
			return nil, fmt.Errorf("data %s: %w", d.Name, err)
		}
	}
	return set, err
}

// isRows reports whether a data set has a source of its own.
func isRows(d spec.Data) bool { return d.From.Kind == "" || d.From.Kind == "rows" }

// waits reports whether a data set is made of one that a label stage has still to
// label.
func (p Program) waits(d spec.Data) bool {
	return d.Label != "" && !isRows(d) || slices.ContainsFunc(d.From.Data, func(name string) bool {
		part, err := p.data(name)
		return err == nil && (part.Label != "" || p.waits(part))
	})
}

// partsOf are the data sets with a source of their own that d is made of.
func (p Program) partsOf(d spec.Data) (all []spec.Data) {
	for _, name := range d.From.Data {
		part, err := p.data(name)
		switch {
		case err != nil:
		case isRows(part):
			all = append(all, part)
		default:
			all = append(all, p.partsOf(part)...)
		}
	}
	return all
}

// fetchParts fetches the sources that a data set is made of.
func (r *Run) fetchParts(ctx context.Context, d spec.Data) error {
	for _, part := range r.Program.partsOf(d) {
		if _, err := r.fetch(ctx, "data", part.Source); err != nil {
			return fmt.Errorf("data %s: %w", part.Name, err)
		}
	}
	return nil
}

// data is the data set of a name: one that others name, or that a stage has.
func (p Program) data(name string) (spec.Data, error) {
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
