package trainer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/embed"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/pack"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// embeddings are the hidden states that a head reads, computed once for each
// different sequence: where the backbone is frozen they never change.
type embeddings struct {
	size   int                 // of a hidden state
	width  int                 // sequences of an example
	slots  int                 // examples of an optimizer step, for all devices
	ways   int                 // devices that rows are split over
	places map[data.Digest]int // by sequence
	values []float32           // [place, hidden]
}

// The micro-batches of embeddings have one token a row: its place in values.

func (e *embeddings) Step(examples []data.Example) []*data.Micro {
	return data.Batch(e.placed(examples), e.width, []int{1}, func(int) int { return e.slots })
}

func (e *embeddings) Batches(all []data.Sequence, rows int) []*data.Micro {
	return data.Batch(e.placed(network.Single(all)), 1, []int{1}, func(int) int { return roundUp(rows, e.ways) })
}

// placed replaces the tokens of each sequence by its place.
func (e *embeddings) placed(examples []data.Example) []data.Example {
	out := slices.Clone(examples)
	for i, example := range examples {
		out[i].Sequences = make([]data.Sequence, len(example.Sequences))
		for v, s := range example.Sequences {
			place, ok := e.places[s.Digest()]
			if !ok {
				panic(fmt.Sprintf("trainer: no hidden state of a sequence of row %d", example.Row))
			}
			out[i].Sequences[v].IDs = []int32{int32(place)}
		}
	}
	return out
}

func (e *embeddings) Rows(m *data.Micro) []*tensors.Tensor {
	flat := make([]float32, 0, len(m.Tokens)*e.size)
	for _, place := range m.Tokens {
		flat = append(flat, e.values[int(place)*e.size:(int(place)+1)*e.size]...)
	}
	return []*tensors.Tensor{tensors.FromFlatDataAndDimensions(flat, len(m.Tokens), e.size)}
}

func (e *embeddings) Hidden(_ model.Params, rows []*Node) *Node { return rows[0] }

// An embedding is the computing of a data set's hidden states: what is computed
// in which forward, which of it each chunk keeps, and where.
type embedding struct {
	of     string // as messages call it: backbone on prefs
	model  spec.Model
	chunks []chunk
	packer network.Packer
	folder *embed.Folder
	dir    string
	hidden int
}

// A chunk is rows of forwards and the sequences that end in them, in the order
// in which its file keeps their states.
type chunk struct {
	rows      []pack.Tree
	sequences []data.Sequence
}

// embeddings are the hidden states of the different sequences of a data set as
// m sees it: an encoder, or a reward model of which only the head is trained.
// They are computed, or read where an earlier run computed them from the same
// weights and tokens; the backbone is opened only for what is still to compute.
func (r *Run) embeddings(ctx context.Context, m spec.Model, d spec.Data) (*embeddings, error) {
	parts := r.Program.Embedded(d)
	if len(parts) == 1 {
		return r.embeddingsOf(ctx, m, parts[0])
	}
	all := &embeddings{places: map[data.Digest]int{}}
	for _, part := range parts {
		e, err := r.embeddingsOf(ctx, m, part)
		if err != nil {
			return nil, err
		}
		for sequence, place := range e.places {
			all.places[sequence] = len(all.values)/e.size + place
		}
		all.size, all.ways, all.values = e.size, e.ways, append(all.values, e.values...)
	}
	return all, nil
}

func (r *Run) embeddingsOf(ctx context.Context, m spec.Model, d spec.Data) (*embeddings, error) {
	name := m.Name + " " + d.Name
	if e, ok := r.world.embeddings[name]; ok {
		return e, nil
	}
	plan, err := r.embedding(ctx, m, d)
	if err != nil {
		return nil, err
	}
	e := newEmbeddings(plan.sequences(), plan.hidden, plan.packer.Ways)
	err = r.fill(ctx, plan, func(int) bool { return true }, func(values []float32) { e.values = append(e.values, values...) })
	if err != nil {
		return nil, err
	}
	if _, err := plan.folder.Finish(); err != nil {
		return nil, err
	}
	if r.world.embeddings == nil {
		r.world.embeddings = map[string]*embeddings{}
	}
	r.world.embeddings[name] = e
	return e, nil
}

// embedding plans the computing: a pure function of the weights and the set.
func (r *Run) embedding(ctx context.Context, m spec.Model, d spec.Data) (*embedding, error) {
	set, err := r.set(ctx, m, d)
	if err != nil {
		return nil, err
	}
	f, err := r.features(ctx, m)
	if err != nil {
		return nil, err
	}
	if err := f.Knows(set.Stats.LargestID); err != nil {
		return nil, fmt.Errorf("data %s: row %d: %w", d.Name, set.Stats.LargestIDAt+1, err)
	}
	e := &embedding{of: m.Name + " on " + d.Name, model: m, hidden: f.Decoder.Config.Hidden}
	all := set.Distinct()
	rows := pack.Sequences(all)
	e.packer = network.NewPacker(rows, f.Layout.FSDP)
	for _, rows := range e.packer.Chunks(rows) {
		e.chunks = append(e.chunks, newChunk(rows, all))
	}
	about, err := r.manifest(ctx, m, d, set.Stats)
	if err != nil {
		return nil, err
	}
	about.Of, about.Sequences, about.Hidden, about.Model.SHA256 = e.digest(f.Digest), len(all), e.hidden, f.Digest
	e.dir = filepath.Join(r.Dir, "stages", "embed-"+about.Of[:16])
	e.folder = embed.Open(e.dir, about, e.counts())
	return e, nil
}

// newChunk renumbers the sequences that rows read from 0 on.
func newChunk(rows []pack.Tree, all []data.Sequence) chunk {
	var p chunk
	for _, row := range rows {
		row.Reads = slices.Clone(row.Reads)
		for i, read := range row.Reads {
			row.Reads[i].Sequence = len(p.sequences)
			p.sequences = append(p.sequences, all[read.Sequence])
		}
		p.rows = append(p.rows, row)
	}
	return p
}

// digest names what the hidden states are a function of, and how they are cut
// into chunks. Names of model and data set are no part of it, for they change no
// number.
func (e *embedding) digest(weights string) string {
	h := sha256.New()
	fmt.Fprintf(h, "2 %s %d %s\n", weights, e.model.Depth(), e.model.DType)
	for _, p := range e.chunks {
		fmt.Fprintf(h, "%d\n", len(p.sequences))
		for _, s := range p.sequences {
			k := s.Digest()
			h.Write(k[:])
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func (e *embedding) counts() []int {
	all := make([]int, len(e.chunks))
	for i, p := range e.chunks {
		all[i] = len(p.sequences)
	}
	return all
}

// sequences lists those of all chunks, in their order.
func (e *embedding) sequences() (all []data.Sequence) {
	for _, p := range e.chunks {
		all = append(all, p.sequences...)
	}
	return all
}

// manifest says where sequences and weights are from, and what became of the rows.
func (r *Run) manifest(ctx context.Context, m spec.Model, d spec.Data, s data.Stats) (embed.Manifest, error) {
	weights, err := r.fetch(ctx, "model", m.Base)
	if err != nil {
		return embed.Manifest{}, err
	}
	about, err := r.rowsFrom(ctx, d)
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
func (r *Run) rowsFrom(ctx context.Context, d spec.Data) (embed.Data, error) {
	parts := []spec.Data{d}
	if !program.IsRows(d) {
		parts = r.Program.PartsOf(d)
	}
	var sources, revisions, digests []string
	for _, part := range parts {
		rows, err := r.fetch(ctx, "data", part.Source)
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
		out.SHA256 = hash(strings.Join(digests, "\n"))
	}
	return out, nil
}

// newEmbeddings has places for different sequences, and no values yet.
func newEmbeddings(all []data.Sequence, size, ways int) *embeddings {
	e := &embeddings{size: size, ways: ways, places: map[data.Digest]int{}}
	for i, s := range all {
		e.places[s.Digest()] = i
	}
	return e
}

// of is the hidden state of a sequence, [hidden]; nil where it is none of the
// data set's.
func (e *embeddings) of(s data.Sequence) []float32 {
	if place, ok := e.places[s.Digest()]; ok {
		return e.values[place*e.size : (place+1)*e.size]
	}
	return nil
}

// hidden is the hidden states of sequences that are in no data set, in their
// order: [sequence, hidden], flat.
func (r *Run) hidden(ctx context.Context, m spec.Model, all []data.Sequence) ([]float32, error) {
	if len(all) == 0 {
		return nil, nil
	}
	n, err := r.backbone(ctx, m)
	if err != nil {
		return nil, err
	}
	rows := pack.Sequences(all)
	return n.Embed(ctx, network.Packer{Buckets: network.Ladder(rows), Ways: n.Layout.FSDP}, rows, len(all))
}

// fill computes or reads the chunks that are mine, and hands each to take. The
// backbone is gone afterwards, unless it was there before.
func (r *Run) fill(ctx context.Context, e *embedding, mine func(chunk int) bool, take func(values []float32)) error {
	p := e.pace(mine)
	defer r.freeBackbones(maps.Clone(r.world.backbones))
	for i := range e.chunks {
		if !mine(i) {
			continue
		}
		values, err := e.folder.Read(i)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				r.note(fmt.Sprintf("%v; computing it again", err))
			}
			if values, err = r.computeChunk(ctx, e, i, p); err != nil {
				return err
			}
		} else {
			p.skip(e.chunks[i].sequences)
		}
		take(values)
	}
	r.note(fmt.Sprintf("embed %s: %d sequences, %d of them from %s%s", e.of, p.sequences, p.reused, e.dir, p.summary()))
	return nil
}

// computeChunk computes the i-th chunk and keeps it.
func (r *Run) computeChunk(ctx context.Context, e *embedding, i int, p *pace) ([]float32, error) {
	if p.first() {
		r.note(fmt.Sprintf("embed %s: %d sequences, %d tokens, of which %d stand in common beginnings and are computed once for all", e.of, p.sequences-p.reused, p.left, p.shared))
	}
	n, err := r.backbone(ctx, e.model)
	if err != nil {
		return nil, err
	}
	values, err := n.Embed(ctx, e.packer, e.chunks[i].rows, len(e.chunks[i].sequences))
	if err != nil {
		return nil, err
	}
	if err := e.folder.Write(i, values); err != nil {
		return nil, err
	}
	if line := p.pass(e.chunks[i].sequences); line != "" {
		r.note(fmt.Sprintf("embed %s: %s", e.of, line))
	}
	return values, nil
}

// reader is what the head of a model reads in a stage: hidden states where the
// backbone is frozen, else tokens through it.
func (r *Run) reader(ctx context.Context, n *network.Network, s program.Stage) (network.Reader, error) {
	set, err := r.set(ctx, s.Model, s.Data)
	if err != nil {
		return nil, err
	}
	reads, err := r.Program.Reads(s.Model)
	if err != nil {
		return nil, err
	}
	if !network.IsFrozen(reads) {
		if err := n.Knows(set.Stats.LargestID); err != nil {
			return nil, fmt.Errorf("data %s: row %d: %w", s.Data.Name, set.Stats.LargestIDAt+1, err)
		}
		c, err := network.NewCutter(s.Train, s.Data, set.Width, part(set, s), n.Layout.FSDP)
		return network.Tokens{Network: n, Cutter: c, Reads: network.SitesOf(set, s.Model)}, err
	}
	e, err := r.embeddings(ctx, reads, s.Data)
	if err != nil {
		return nil, err
	}
	return e.batched(set.Width, s.Train.Batch), nil
}

// readerOf is what the head of a model reads of sequences that are in no data
// set and have at most longest tokens.
func (r *Run) readerOf(ctx context.Context, n *network.Network, all []data.Sequence, longest int) (network.Reader, error) {
	if n.Model.Tune.Kind != "head" {
		return network.Tokens{Network: n, Cutter: network.Cutter{Width: 1, Buckets: scorerBuckets(longest), Ways: n.Layout.FSDP}, Reads: network.AtEnd}, nil
	}
	values, err := r.hidden(ctx, n.Model, all)
	if err != nil {
		return nil, err
	}
	e := newEmbeddings(all, n.Decoder.Config.Hidden, n.Layout.FSDP)
	e.values = values
	return e, nil
}

// batched is e for examples of width sequences, batch of them in a step.
func (e *embeddings) batched(width, batch int) *embeddings {
	out := *e
	out.width = width
	for out.slots = batch; out.slots*width%e.ways != 0; out.slots++ {
	}
	return &out
}
