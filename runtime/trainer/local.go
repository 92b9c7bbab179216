package trainer

import (
	"context"
	"fmt"

	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/judge"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/speak"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/text"
)

// local is the model of the recipe that a label asks; nil where it asks a server.
func (r *Run) local(ctx context.Context, l spec.Label) (*judge.Local, error) {
	if l.Policy == "" {
		return nil, nil
	}
	m, err := r.Program.FindModel(l.Policy)
	if err != nil {
		return nil, err
	}
	t, err := r.Tokenizer(ctx, m)
	if err != nil {
		return nil, err
	}
	n, err := r.Network(ctx, m)
	if err != nil {
		return nil, err
	}
	identity, err := r.identity(n, t)
	if err != nil {
		return nil, err
	}
	s := &speak.Speaker{Label: l, Net: n, Tokenizer: t}
	return &judge.Local{Name: m.Name, Identity: identity, Ask: s.Ask}, nil
}

// identity is a digest of all that decides what a policy says besides what it is
// asked and how. Its first number counts ways of drawing.
func (r *Run) identity(n *network.Network, t *text.Tokenizer) (string, error) {
	trained := ""
	if r.IsTrained(n.Model.Name) {
		var err error
		if trained, err = r.TrainedDigest(n.Model); err != nil {
			return "", err
		}
	}
	lora := ""
	if n.Decoder.LoRA != nil && trained != "" { // fresh adapters change nothing
		lora = fmt.Sprintf("%+v", *n.Decoder.LoRA)
	}
	m := n.Model
	return disk.Digest(fmt.Sprintf("1 %s %s %s %d %s %s %q", n.Digest, trained, lora, m.Depth(), m.DType, t.Fingerprint(), t.Template())), nil
}
