package trainer

import (
	"context"
	"fmt"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/text"
)

// encoder renders and tokenises conversations as model m sees them.
func (r *Run) encoder(ctx context.Context, m spec.Model) (data.Encode, error) {
	t, err := r.tokenizer(ctx, m)
	if err != nil {
		return nil, err
	}
	return data.Encoder(t), nil
}

// tokenizer opens the tokenizer of a model.
func (r *Run) tokenizer(ctx context.Context, m spec.Model) (*text.Tokenizer, error) {
	if t, ok := r.world.tokenizers[m.Name]; ok {
		return t, nil
	}
	from := m.Base
	if m.Tokenizer != "" {
		from = m.Tokenizer
	}
	local, err := r.fetch(ctx, from)
	if err != nil {
		return nil, fmt.Errorf("the tokenizer of model %s: %w", m.Name, err)
	}
	t, err := data.Tokenizer(m, local.Path, r.Root)
	if err != nil {
		return nil, err
	}
	if r.world.tokenizers == nil {
		r.world.tokenizers = map[string]*text.Tokenizer{}
	}
	r.world.tokenizers[m.Name] = t
	return t, nil
}

// contract is what decides the scores of m on data such as d.
func (r *Run) contract(m spec.Model, d spec.Data) (*Contract, error) {
	c := newContract(m, d, r.Program.Lock)
	if d.Format != "ids" {
		t, err := r.tokenizer(context.Background(), m)
		if err != nil {
			return nil, err
		}
		c.Tokenizer, c.Template = t.Fingerprint(), hash(t.Template())
		if id, ok := t.BOS(); ok {
			c.BOS = t.Token(id)
		}
		if id, ok := t.EOS(); ok {
			c.EOS = t.Token(id)
		}
	}
	sealed := c.seal()
	return &sealed, nil
}
