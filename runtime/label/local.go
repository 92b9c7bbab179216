package label

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
func (a asker) local(ctx context.Context, l spec.Label) (*judge.Local, error) {
	if l.Policy == "" {
		return nil, nil
	}
	m, err := a.Program.FindModel(l.Policy)
	if err != nil {
		return nil, err
	}
	t, err := a.Tokenizer(ctx, m)
	if err != nil {
		return nil, err
	}
	n, err := a.Network(ctx, m)
	if err != nil {
		return nil, err
	}
	identity, err := a.identity(n, t)
	if err != nil {
		return nil, err
	}
	s := &speak.Speaker{Label: l, Net: n, Tokenizer: t}
	return &judge.Local{Name: m.Name, Identity: identity, Ask: s.Ask}, nil
}

// identity is a digest of all that decides what a policy says besides what it is
// asked and how. Its first number counts ways of drawing.
func (a asker) identity(n *network.Network, t *text.Tokenizer) (string, error) {
	trained := ""
	if a.IsTrained(n.Model.Name) {
		var err error
		if trained, err = a.TrainedDigest(n.Model); err != nil {
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
