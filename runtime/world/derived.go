package world

import (
	"context"
	"fmt"
	"slices"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// derived makes a set of other data, as spec.From says.
func (w *World) derived(ctx context.Context, m spec.Model, d spec.Data) (*data.Set, error) {
	if d.From.Kind == "union" {
		return w.union(ctx, m, d)
	}
	pairs, err := w.Pairs(ctx, m, d)
	if err != nil {
		return nil, err
	}
	encode, err := w.Encoder(ctx, m, d)
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
func (w *World) union(ctx context.Context, m spec.Model, d spec.Data) (*data.Set, error) {
	var sets []*data.Set
	for _, name := range d.From.Data {
		part, err := w.Program.FindData(name)
		if err != nil {
			return nil, err
		}
		part.Prompts, part.Endings, part.Subsets = d.Prompts, d.Endings, d.Subsets
		set, err := w.Set(ctx, m, part)
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

// Pairs is the rows of preference data, or those that comparisons are made of, in
// words. Of what a filter left they are as the model saw them that was asked.
func (w *World) Pairs(ctx context.Context, m spec.Model, d spec.Data) ([]data.Pair, error) {
	if program.IsRows(d) {
		return w.rowPairs(ctx, m, d)
	}
	if d.Label != "" {
		var err error
		if m, err = w.Program.ScorerOf(d.Label); err != nil {
			return nil, err
		}
	}
	var all [][]data.Pair
	for _, name := range d.From.Data {
		part, err := w.Program.FindData(name)
		if err != nil {
			return nil, err
		}
		pairs, err := w.pairsWithin(ctx, m, part)
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
		return w.hard(d.Label, made.Pairs)
	}
	return made.Pairs, nil
}

// pairsWithin is the pairs of data that other data is made of. Those that it leaves
// out for their length are marked.
func (w *World) pairsWithin(ctx context.Context, m spec.Model, d spec.Data) ([]data.Pair, error) {
	pairs, err := w.Pairs(ctx, m, d)
	if err != nil || program.IsRows(d) {
		return pairs, err
	}
	encode, err := w.Encoder(ctx, m, d)
	if err != nil {
		return nil, err
	}
	return data.Within(d, pairs, encode), nil
}

// rowPairs is the pairs of a source, with the sides that a label gave them.
func (w *World) rowPairs(ctx context.Context, m spec.Model, d spec.Data) ([]data.Pair, error) {
	texts, err := w.rowTexts(ctx, m, d)
	if err != nil {
		return nil, err
	}
	encode, err := w.Encoder(ctx, m, d)
	if err != nil {
		return nil, err
	}
	if d.Ties == "error" || d.OverLength == "error" { // which the data itself says, used by a stage or not
		if _, err := w.Set(ctx, m, w.Program.Unjudged(d)); err != nil {
			return nil, err
		}
	}
	pairs := data.PairsOf(d, texts, encode)
	if d.Label == "" {
		return pairs, nil
	}
	preferences, err := w.Preferences(d.Label)
	if err != nil {
		return nil, err
	}
	return data.Relabelled(pairs, texts, preferences), nil
}

// rowTexts is the rows of a source in words, but for those with questions of data
// that it excludes.
func (w *World) rowTexts(ctx context.Context, m spec.Model, d spec.Data) ([]data.Text, error) {
	local, err := w.Fetch(ctx, "data", d.Source)
	if err != nil {
		return nil, fmt.Errorf("data %s: %w", d.Name, err)
	}
	texts, err := data.Texts(d, local.Path)
	if err != nil {
		return nil, fmt.Errorf("data %s: %w", d.Name, err)
	}
	others, err := w.excluded(ctx, m, d)
	if err != nil {
		return nil, err
	}
	return data.Apart(texts, others...), nil
}

// excluded is the data whose questions d must not have.
func (w *World) excluded(ctx context.Context, m spec.Model, d spec.Data) ([]*data.Set, error) {
	var all []*data.Set
	for _, name := range d.Exclude {
		other, err := w.Program.FindData(name)
		if err != nil {
			return nil, err
		}
		set, err := w.Set(ctx, m, other)
		if err != nil {
			return nil, err
		}
		all = append(all, set)
	}
	return all, nil
}

// without leaves out the rows whose questions are in data that d excludes.
func (w *World) without(ctx context.Context, m spec.Model, d spec.Data, set *data.Set) (*data.Set, error) {
	others, err := w.excluded(ctx, m, d)
	for i, other := range others {
		if set, err = data.Without(set, other, d.Exclude[i]); err != nil {
			return nil, fmt.Errorf("data %s: %w", d.Name, err)
		}
	}
	return set, err
}

// fetchParts fetches the sources that a data set is made of.
func (w *World) fetchParts(ctx context.Context, d spec.Data) error {
	for _, part := range w.Program.PartsOf(d) {
		if _, err := w.Fetch(ctx, "data", part.Source); err != nil {
			return fmt.Errorf("data %s: %w", part.Name, err)
		}
	}
	return nil
}

// Texts are the rows of a data set in words, by Example.Row.
func (w *World) Texts(ctx context.Context, m spec.Model, d spec.Data) (map[int]data.Text, error) {
	out := map[int]data.Text{}
	if d.From.Kind == "augment" {
		pairs, err := w.Pairs(ctx, m, d)
		for _, p := range pairs {
			out[p.Row] = data.Text{Row: p.Row, Prompt: p.Prompt, Responses: [][]data.Message{p.Chosen, p.Rejected}}
		}
		return out, err
	}
	if !program.IsRows(d) {
		return nil, fmt.Errorf("data %s is made of %v: the comparisons of each of these are measured alone", d.Name, d.From.Data)
	}
	texts, err := w.rowTexts(ctx, m, d)
	if err != nil {
		return nil, err
	}
	preferences := map[int]int8{}
	if d.Label != "" {
		if preferences, err = w.Preferences(d.Label); err != nil {
			return nil, err
		}
	}
	for _, t := range texts {
		if preferences[t.Row] > 0 {
			slices.Reverse(t.Responses)
		}
		out[t.Row] = t
	}
	return out, nil
}
