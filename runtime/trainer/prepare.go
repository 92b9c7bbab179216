package trainer

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/text"
)

// encoder renders and tokenises conversations as model m sees them. Data of
// token ids needs none: the result is nil.
func (r *Run) encoder(ctx context.Context, m spec.Model, d spec.Data) (data.Encode, error) {
	if d.Format == "ids" {
		return nil, nil
	}
	t, err := r.tokenizer(ctx, m)
	if err != nil {
		return nil, err
	}
	return t.Conversation, nil
}

// tokenizer opens the tokenizer of a model.
func (r *Run) tokenizer(ctx context.Context, m spec.Model) (*text.Tokenizer, error) {
	if t, ok := r.world.tokenizers[m.Name]; ok {
		return t, nil
	}
	kind, from := "model", m.Base
	if m.Tokenizer != "" {
		kind, from = "tokens", m.Tokenizer
	}
	local, err := r.fetch(ctx, kind, from)
	if err != nil {
		return nil, fmt.Errorf("the tokenizer of model %s: %w", m.Name, err)
	}
	t, err := text.Load(local.Path)
	if err != nil {
		return nil, fmt.Errorf("the tokenizer of model %s: %w", m.Name, err)
	}
	if m.Template != "" {
		if t, err = r.withTemplate(ctx, t, m.Template); err != nil {
			return nil, fmt.Errorf("the chat template of model %s: %w", m.Name, err)
		}
	}
	if r.world.tokenizers == nil {
		r.world.tokenizers = map[string]*text.Tokenizer{}
	}
	r.world.tokenizers[m.Name] = t
	return t, nil
}

// withTemplate is t with the chat template of a file that the recipe names.
func (r *Run) withTemplate(ctx context.Context, t *text.Tokenizer, file string) (*text.Tokenizer, error) {
	local, err := r.fetch(ctx, "template", "file:"+file)
	if err != nil {
		return nil, err
	}
	template, err := os.ReadFile(local.Path)
	if err != nil {
		return nil, err
	}
	return t.WithTemplate(string(template))
}

// contract is all that decides the scores of m, given its weights.
func (r *Run) contract(ctx context.Context, m spec.Model, d spec.Data) (*Contract, error) {
	c := newContract(m, d)
	var err error
	if c.BaseSHA256, err = lockedDigest(r.Program.Lock, m.Base); err != nil {
		return nil, err
	}
	if d.Format != "ids" {
		t, err := r.tokenizer(ctx, m)
		if err != nil {
			return nil, err
		}
		c.Tokenizer = t.Fingerprint()
		if t.Template() != "" {
			c.Template = hash(t.Template())
		}
		if id, ok := t.BOS(); ok && t.WantsBOS() {
			c.BOS = t.Token(id)
		}
		if id, ok := t.EOS(); ok {
			c.EOS = t.Token(id)
		}
	}
	c = c.seal()
	return &c, nil
}

// Contract is the scoring contract of the program's model; of the first, where
// it trains several.
func (r *Run) Contract() (*Contract, error) {
	for _, s := range r.Program.Stages {
		if s.Kind == "train" {
			return r.contract(context.Background(), s.Model, s.Data)
		}
	}
	return nil, fmt.Errorf("program %s trains no model", r.Program.Name)
}

// trains is the last stage that trains a model; "" is the only model there is.
func (p Program) trains(model string) (Stage, error) {
	stages := map[string]Stage{}
	for _, s := range p.Stages {
		if s.Kind == "train" {
			stages[s.Model.Name] = s
		}
	}
	names := slices.Sorted(maps.Keys(stages))
	if model == "" && len(names) == 1 {
		model = names[0]
	}
	if s, ok := stages[model]; ok {
		return s, nil
	}
	if model == "" {
		return Stage{}, fmt.Errorf("the recipe trains %s; --model says which", strings.Join(names, " and "))
	}
	return Stage{}, fmt.Errorf("the recipe trains no model %q; it trains %s", model, strings.Join(names, " and "))
}
