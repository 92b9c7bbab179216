// Package states has the hidden states of sequences that a frozen backbone gives,
// computed once: planned in chunks, computed or read from the disk, read by a head.
package states

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/embed"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/pack"
)

// A Plan is the computing of the hidden states of different sequences: what is
// computed in which forward, which of it each chunk keeps, and where.
type Plan struct {
	Of     string // as messages call it: backbone on prefs
	Digest string // names what the states are a function of, and how they are cut into chunks
	Hidden int    // numbers of a state
	Chunks []Chunk
	Folder *embed.Folder // that keeps them; after Keep
	Dir    string        // of the folder
	packer network.Packer
}

// A Chunk is rows of forwards and the sequences that end in them, in the order
// in which its file keeps their states.
type Chunk struct {
	Sequences []data.Sequence
	rows      []pack.Tree
}

// PlanOf plans what a backbone, whose weights need not be there, gives for different
// sequences. Of is what messages call it.
func PlanOf(of string, backbone *network.Network, all []data.Sequence) *Plan {
	rows := pack.Sequences(all)
	p := &Plan{Of: of, Hidden: backbone.Decoder.Config.Hidden, packer: network.NewPacker(rows, backbone.Layout.FSDP)}
	for _, rows := range p.packer.Chunks(rows) {
		p.Chunks = append(p.Chunks, newChunk(rows, all))
	}
	p.Digest = p.digest(backbone)
	return p
}

// Keep has the chunks kept in a folder of their own in dir, with a manifest that says
// about besides what the plan knows itself.
func (p *Plan) Keep(dir string, about embed.Manifest) {
	about.Of, about.Hidden, about.Sequences = p.Digest, p.Hidden, 0
	for _, n := range p.counts() {
		about.Sequences += n
	}
	p.Dir = filepath.Join(dir, "embed-"+p.Digest[:16])
	p.Folder = embed.Open(p.Dir, about, p.counts())
}

// newChunk renumbers the sequences that rows read from 0 on.
func newChunk(rows []pack.Tree, all []data.Sequence) Chunk {
	var c Chunk
	for _, row := range rows {
		row.Reads = slices.Clone(row.Reads)
		for i, read := range row.Reads {
			row.Reads[i].Sequence = len(c.Sequences)
			c.Sequences = append(c.Sequences, all[read.Sequence])
		}
		c.rows = append(c.rows, row)
	}
	return c
}

// digest names what the hidden states are a function of, and how they are cut
// into chunks. Names of model and data set are no part of it, for they change no
// number.
func (p *Plan) digest(backbone *network.Network) string {
	h := sha256.New()
	fmt.Fprintf(h, "2 %s %d %s\n", backbone.Digest, backbone.Model.Depth(), backbone.Model.DType)
	for _, c := range p.Chunks {
		fmt.Fprintf(h, "%d\n", len(c.Sequences))
		for _, s := range c.Sequences {
			k := s.Digest()
			h.Write(k[:])
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func (p *Plan) counts() []int {
	all := make([]int, len(p.Chunks))
	for i, c := range p.Chunks {
		all[i] = len(c.Sequences)
	}
	return all
}

// Sequences lists those of all chunks, in their order.
func (p *Plan) Sequences() (all []data.Sequence) {
	for _, c := range p.Chunks {
		all = append(all, c.Sequences...)
	}
	return all
}

// A Work is who does what of a plan.
type Work struct {
	Mine     func(chunk int) bool
	Backbone func() (*network.Network, error) // asked for before each chunk that is to compute
	Note     func(string)                     // is told of what a user should know, in a line
	Take     func(values []float32)           // has the states of each chunk, [sequence, hidden]
}

// Fill computes or reads the chunks that are of the work, in their order. One that
// is damaged is computed again.
func (p *Plan) Fill(ctx context.Context, w Work) error {
	at := p.pace(w.Mine)
	for i := range p.Chunks {
		if !w.Mine(i) {
			continue
		}
		values, err := p.Folder.Read(i)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				w.Note(fmt.Sprintf("%v; computing it again", err))
			}
			if values, err = p.compute(ctx, w, i, at); err != nil {
				return err
			}
		} else {
			at.skip(p.Chunks[i].Sequences)
		}
		w.Take(values)
	}
	w.Note(fmt.Sprintf("embed %s: %d sequences, %d of them from %s%s", p.Of, at.sequences, at.reused, p.Dir, at.summary()))
	return nil
}

// compute computes the i-th chunk and keeps it.
func (p *Plan) compute(ctx context.Context, w Work, i int, at *pace) ([]float32, error) {
	if at.first() {
		w.Note(fmt.Sprintf("embed %s: %d sequences, %d tokens, of which %d stand in common beginnings and are computed once for all", p.Of, at.sequences-at.reused, at.left, at.shared))
	}
	n, err := w.Backbone()
	if err != nil {
		return nil, err
	}
	values, err := n.Embed(ctx, p.packer, p.Chunks[i].rows, len(p.Chunks[i].Sequences))
	if err != nil {
		return nil, err
	}
	if err := p.Folder.Write(i, values); err != nil {
		return nil, err
	}
	if line := at.pass(p.Chunks[i].Sequences); line != "" {
		w.Note(fmt.Sprintf("embed %s: %s", p.Of, line))
	}
	return values, nil
}
