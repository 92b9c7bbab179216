package trainer

import (
	"context"
	"errors"
	"fmt"

	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// An embedCommand computes hidden states ahead of the stages that read them. It
// does not claim the run directory: several may work in one at once, each on its
// shard, and their files together are those of one that does all.
type embedCommand struct {
	Shard string `help:"Compute only the K-th of N shares, so that several processes or machines can work in one folder." placeholder:"K/N"`
}

// Run computes what is not there yet.
func (c *embedCommand) Run(in *invocation) error {
	s, err := parseShard(c.Shard)
	if err != nil {
		return usageError{err}
	}
	r, err := in.open()
	if err != nil {
		return err
	}
	r.OnNote = newProgress(in.stderr).note
	return r.Embed(in.ctx, s)
}

// A Shard is the K-th of N shares of the work, from 1 on.
type Shard struct{ K, N int }

// parseShard reads K/N; "" is all.
func parseShard(text string) (Shard, error) {
	if text == "" {
		return Shard{1, 1}, nil
	}
	var s Shard
	var rest string
	if n, _ := fmt.Sscanf(text+" .", "%d/%d %s", &s.K, &s.N, &rest); n != 3 || rest != "." || s.K < 1 || s.K > s.N {
		return s, fmt.Errorf("--shard %s: want K/N with K from 1 to N, as in 2/4", text)
	}
	return s, nil
}

// has reports whether a chunk is in the shard. Chunks come the longest rows
// first, so that dealing them out gives equal shares.
func (s Shard) has(chunk int) bool { return chunk%s.N == s.K-1 }

// Embed computes the hidden states that the program's stages read, or a shard of
// them; what is there already is not computed again.
func (r *Run) Embed(ctx context.Context, s Shard) error {
	done := map[string]bool{}
	for _, stage := range r.Program.Stages {
		m, err := r.Program.ReadBy(stage)
		if err != nil {
			return r.Program.Failed(stage, err)
		}
		if !network.IsFrozen(m) || stage.Kind == "label" {
			continue
		}
		for _, d := range r.Program.Embedded(stage.Data) {
			name := m.Name + " " + d.Name
			if done[name] {
				continue
			}
			done[name] = true
			if err := r.embedShard(ctx, m, d, s); err != nil {
				return r.Program.Failed(stage, err)
			}
		}
	}
	if len(done) == 0 {
		return errors.New("nothing to compute ahead: no stage reads hidden states of a frozen model; an encoder, or tune = head, gives such")
	}
	return nil
}

func (r *Run) embedShard(ctx context.Context, m spec.Model, d spec.Data, s Shard) error {
	e, err := r.Embedding(ctx, m, d)
	if err != nil {
		return err
	}
	if err := r.Fill(ctx, m, e, s.has, func([]float32) {}); err != nil {
		return err
	}
	missing, err := e.Folder.Finish()
	if err == nil && missing > 0 {
		r.Note(fmt.Sprintf("embed %s: %d of %d chunks are not there yet; they are in the other shards", e.Of, missing, len(e.Chunks)))
	}
	return err
}
