package world

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"strings"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/embed"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/pack"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/states"
)

// Embeddings are the hidden states of the different sequences of a data set as
// m sees it: an encoder, or a reward model of which only the head is trained.
// They are computed, or read where an earlier run computed them from the same
// weights and tokens; the backbone is opened only for what is still to compute.
func (w *World) Embeddings(ctx context.Context, m spec.Model, d spec.Data) (*states.Reader, error) {
	parts := w.Program.Embedded(d)
	if len(parts) == 1 {
		return w.embeddingsOf(ctx, m, parts[0])
	}
	all := make([]*states.Reader, len(parts))
	for i, part := range parts {
		var err error
		if all[i], err = w.embeddingsOf(ctx, m, part); err != nil {
			return nil, err
		}
	}
	return states.Join(all), nil
}

func (w *World) embeddingsOf(ctx context.Context, m spec.Model, d spec.Data) (*states.Reader, error) {
	name := m.Name + " " + d.Name
	if e, ok := w.states[name]; ok {
		return e, nil
	}
	plan, err := w.Embedding(ctx, m, d)
	if err != nil {
		return nil, err
	}
	l, err := w.Devices()
	if err != nil {
		return nil, err
	}
	e := states.NewReader(plan.Sequences(), plan.Hidden, l.FSDP)
	err = w.Fill(ctx, m, plan, func(int) bool { return true }, func(values []float32) { e.Values = append(e.Values, values...) })
	if err != nil {
		return nil, err
	}
	if _, err := plan.Folder.Finish(); err != nil {
		return nil, err
	}
	if w.states == nil {
		w.states = map[string]*states.Reader{}
	}
	w.states[name] = e
	return e, nil
}

// Embedding plans the computing: a pure function of the weights and the set.
func (w *World) Embedding(ctx context.Context, m spec.Model, d spec.Data) (*states.Plan, error) {
	set, err := w.Set(ctx, m, d)
	if err != nil {
		return nil, err
	}
	f, err := w.Features(ctx, m)
	if err != nil {
		return nil, err
	}
	if err := f.Knows(set.Stats.LargestID); err != nil {
		return nil, fmt.Errorf("data %s: row %d: %w", d.Name, set.Stats.LargestIDAt+1, err)
	}
	plan := states.PlanOf(m.Name+" on "+d.Name, f, set.Distinct())
	about, err := w.manifest(ctx, m, d, set.Stats)
	if err != nil {
		return nil, err
	}
	about.Model.SHA256 = f.Digest
	plan.Keep(filepath.Join(w.Dir, "stages"), about)
	return plan, nil
}

// manifest says where sequences and weights are from, and what became of the rows.
func (w *World) manifest(ctx context.Context, m spec.Model, d spec.Data, s data.Stats) (embed.Manifest, error) {
	weights, err := w.Fetch(ctx, "model", m.Base)
	if err != nil {
		return embed.Manifest{}, err
	}
	about, err := w.rowsFrom(ctx, d)
	if err != nil {
		return embed.Manifest{}, err
	}
	about.Licence, about.Read, about.Filters, about.Kept = d.Licence, s.Read, []embed.Filter{}, s.Kept
	out := embed.Manifest{
		Model: embed.Model{Source: m.Base, Revision: weights.Revision, Layer: m.Depth(), DType: m.DType},
		Data:  about,
	}
	for _, f := range s.Filters {
		out.Data.Filters = append(out.Data.Filters, embed.Filter{Name: f.Name, Before: f.Before, After: f.After})
	}
	return out, nil
}

// rowsFrom says where the rows of a data set are from: of one that is made of
// others, where theirs are.
func (w *World) rowsFrom(ctx context.Context, d spec.Data) (embed.Data, error) {
	parts := []spec.Data{d}
	if !program.IsRows(d) {
		parts = w.Program.PartsOf(d)
	}
	var sources, revisions, digests []string
	for _, part := range parts {
		rows, err := w.Fetch(ctx, "data", part.Source)
		if err != nil {
			return embed.Data{}, err
		}
		sources, digests = append(sources, part.Source), append(digests, digestOf(rows))
		if rows.Revision != "" {
			revisions = append(revisions, rows.Revision)
		}
	}
	out := embed.Data{Source: strings.Join(sources, " + "), Revision: strings.Join(revisions, " + "), SHA256: digests[0]}
	if len(digests) > 1 {
		out.SHA256 = disk.Digest(strings.Join(digests, "\n"))
	}
	return out, nil
}

// Hidden is the hidden states of sequences that are in no data set, in their
// order: [sequence, hidden], flat.
func (w *World) Hidden(ctx context.Context, m spec.Model, all []data.Sequence) ([]float32, error) {
	if len(all) == 0 {
		return nil, nil
	}
	n, err := w.backbone(ctx, m)
	if err != nil {
		return nil, err
	}
	rows := pack.Sequences(all)
	return n.Embed(ctx, network.Packer{Buckets: network.Ladder(rows), Ways: n.Layout.FSDP}, rows, len(all))
}

// Fill computes or reads the chunks that are mine, and hands each to take. The
// backbone is gone afterwards, unless it was there before.
func (w *World) Fill(ctx context.Context, m spec.Model, p *states.Plan, mine func(chunk int) bool, take func(values []float32)) error {
	defer w.freeBackbones(maps.Clone(w.backbones))
	return p.Fill(ctx, states.Work{
		Mine: mine, Take: take, Note: w.Note,
		Backbone: func() (*network.Network, error) { return w.backbone(ctx, m) },
	})
}

// Reader is what the head of a model reads in a stage: hidden states where the
// backbone is frozen, else tokens through it.
func (w *World) Reader(ctx context.Context, n *network.Network, s program.Stage) (network.Reader, error) {
	set, err := w.Set(ctx, s.Model, s.Data)
	if err != nil {
		return nil, err
	}
	reads, err := w.Program.Reads(s.Model)
	if err != nil {
		return nil, err
	}
	if !network.IsFrozen(reads) {
		if err := n.Knows(set.Stats.LargestID); err != nil {
			return nil, fmt.Errorf("data %s: row %d: %w", s.Data.Name, set.Stats.LargestIDAt+1, err)
		}
		c, err := network.NewCutter(s.Train, s.Data, set.Width, Part(set, s), n.Layout.FSDP)
		return network.Tokens{Network: n, Cutter: c, Reads: network.SitesOf(set, s.Model)}, err
	}
	e, err := w.Embeddings(ctx, reads, s.Data)
	if err != nil {
		return nil, err
	}
	return e.Batched(set.Width, s.Train.Batch), nil
}

// ReaderOf is what the head of a model reads of sequences that are in no data
// set and have at most longest tokens.
func (w *World) ReaderOf(ctx context.Context, n *network.Network, all []data.Sequence, longest int) (network.Reader, error) {
	if n.Model.Tune.Kind != "head" {
		return network.Tokens{Network: n, Cutter: network.Cutter{Width: 1, Buckets: scorerBuckets(longest), Ways: n.Layout.FSDP}, Reads: network.AtEnd}, nil
	}
	values, err := w.Hidden(ctx, n.Model, all)
	if err != nil {
		return nil, err
	}
	e := states.NewReader(all, n.Decoder.Config.Hidden, n.Layout.FSDP)
	e.Values = values
	return e, nil
}

// scorerBuckets are padded lengths for rows of which nothing is known but the
// longest they may be.
func scorerBuckets(longest int) []int {
	var all []int
	for _, parts := range []int{8, 4, 2, 1} {
		length := (longest + parts*spec.BucketMultiple - 1) / (parts * spec.BucketMultiple) * spec.BucketMultiple
		if len(all) == 0 || length > all[len(all)-1] {
			all = append(all, length)
		}
	}
	return all
}

// Part is the examples that a stage works on.
func Part(set *data.Set, s program.Stage) []data.Example {
	switch {
	case s.Kind == "train" || s.Evaluate.Part == "train":
		return set.Train
	case s.Evaluate.Part == "holdout":
		return set.Holdout
	}
	return append(set.Train[:len(set.Train):len(set.Train)], set.Holdout...)
}
