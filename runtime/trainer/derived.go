package trainer

import (
	"context"
	"fmt"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/program"
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
		part, err := r.Program.FindData(name)
		if err != nil {
			return nil, err
		}
		part.Prompts, part.Endings, part.Subsets = d.Prompts, d.Endings, d.Subsets
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
	if program.IsRows(d) {
		return r.rowPairs(ctx, m, d)
	}
	if d.Label != "" {
		var err error
		if m, err = r.Program.ScorerOf(d.Label); err != nil {
			return nil, err
		}
	}
	var all [][]data.Pair
	for _, name := range d.From.Data {
		part, err := r.Program.FindData(name)
		if err != nil {
			return nil, err
		}
		pairs, err := r.pairsWithin(ctx, m, part)
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

// pairsWithin is the pairs of data that other data is made of. Those that it leaves
// out for their length are marked.
func (r *Run) pairsWithin(ctx context.Context, m spec.Model, d spec.Data) ([]data.Pair, error) {
	pairs, err := r.pairs(ctx, m, d)
	if err != nil || program.IsRows(d) {
		return pairs, err
	}
	encode, err := r.encoder(ctx, m, d)
	if err != nil {
		return nil, err
	}
	return data.Within(d, pairs, encode), nil
}

// rowPairs is the pairs of a source, with the sides that a label gave them.
func (r *Run) rowPairs(ctx context.Context, m spec.Model, d spec.Data) ([]data.Pair, error) {
	texts, err := r.rowTexts(ctx, m, d)
	if err != nil {
		return nil, err
	}
	encode, err := r.encoder(ctx, m, d)
	if err != nil {
		return nil, err
	}
	if d.Ties == "error" || d.OverLength == "error" { // which the data itself says, used by a stage or not
		if _, err := r.set(ctx, m, r.Program.Unjudged(d)); err != nil {
			return nil, err
		}
	}
	pairs := data.PairsOf(d, texts, encode)
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
		other, err := r.Program.FindData(name)
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

// fetchParts fetches the sources that a data set is made of.
func (r *Run) fetchParts(ctx context.Context, d spec.Data) error {
	for _, part := range r.Program.PartsOf(d) {
		if _, err := r.fetch(ctx, "data", part.Source); err != nil {
			return fmt.Errorf("data %s: %w", part.Name, err)
		}
	}
	return nil
}
