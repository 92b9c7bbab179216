package world

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/text"
)

// Encoder renders and tokenises conversations as model m sees them. Data of
// token ids needs none: the result is nil.
func (w *World) Encoder(ctx context.Context, m spec.Model, d spec.Data) (data.Encode, error) {
	if d.Format == "ids" {
		return nil, nil
	}
	t, err := w.Tokenizer(ctx, m)
	if err != nil {
		return nil, err
	}
	if d.Kind == "labels" {
		return t.Labelled(d.Tokens), nil
	}
	return t.Conversation, nil
}

// Tokenizer opens the tokenizer of a model.
func (w *World) Tokenizer(ctx context.Context, m spec.Model) (*text.Tokenizer, error) {
	if t, ok := w.tokenizers[m.Name]; ok {
		return t, nil
	}
	kind, from := "model", m.Base
	if m.Tokenizer != "" {
		kind, from = "tokens", m.Tokenizer
	}
	local, err := w.Fetch(ctx, kind, from)
	if err != nil {
		return nil, fmt.Errorf("the tokenizer of model %s: %w", m.Name, err)
	}
	t, err := text.Load(local.Path)
	if err != nil {
		return nil, fmt.Errorf("the tokenizer of model %s: %w", m.Name, err)
	}
	if m.Template != "" {
		if t, err = w.withTemplate(ctx, t, m.Template); err != nil {
			return nil, fmt.Errorf("the chat template of model %s: %w", m.Name, err)
		}
	}
	if w.tokenizers == nil {
		w.tokenizers = map[string]*text.Tokenizer{}
	}
	w.tokenizers[m.Name] = t
	return t, nil
}

// withTemplate is t with the chat template of a file that the recipe names.
func (w *World) withTemplate(ctx context.Context, t *text.Tokenizer, file string) (*text.Tokenizer, error) {
	local, err := w.Fetch(ctx, "template", "file:"+file)
	if err != nil {
		return nil, err
	}
	template, err := os.ReadFile(local.Path)
	if err != nil {
		return nil, err
	}
	return t.WithTemplate(string(template))
}

// ContractOf is all that decides the scores of m, given its weights.
func (w *World) ContractOf(ctx context.Context, m spec.Model, d spec.Data) (*rundir.Contract, error) {
	reads, err := w.Program.Reads(m)
	if err != nil {
		return nil, err
	}
	c, err := w.contractOn(ctx, reads, d)
	if err != nil {
		return nil, err
	}
	if m.Kind == "mlp" {
		c.Networks = rundir.NetworkText(m)
		if c.Fits, err = w.fitDigests(m.Name); err != nil {
			return nil, err
		}
	}
	sealed := c.Seal()
	return &sealed, nil
}

// RewardContract is all that decides a reward, given the weights of its models.
func (w *World) RewardContract(ctx context.Context, reward program.Reward) (*rundir.Contract, error) {
	d, reads, err := w.Program.RewardReads(reward)
	if err != nil {
		return nil, err
	}
	c, err := w.contractOn(ctx, reads, d)
	if err != nil {
		return nil, err
	}
	var shapes []string
	for _, m := range reward.Models {
		switch {
		case m.Kind == "mlp":
			shapes = append(shapes, rundir.NetworkText(m))
		case m.Kind == "policy" && m.Name != reads.Name:
			shapes = append(shapes, fmt.Sprintf("%s: base=%s layer=%d", m.Name, m.Base, m.Layer))
		}
	}
	c.Networks, c.Reward = strings.Join(shapes, "; "), reward.Name+" = "+w.Program.FormulaText(reward.Name)
	if c.Fits, err = w.fitDigests(""); err != nil {
		return nil, err
	}
	sealed := c.Seal()
	return &sealed, nil
}

// contractOn is what a model whose tokens are read adds to a contract.
func (w *World) contractOn(ctx context.Context, m spec.Model, d spec.Data) (rundir.Contract, error) {
	d, err := w.Program.First(d)
	if err != nil {
		return rundir.Contract{}, err
	}
	c := rundir.NewContract(m, d)
	if d.Kind == "labels" {
		if c.Labels, err = w.labelText(ctx, m, d); err != nil {
			return c, err
		}
	}
	if c.BaseSHA256, err = rundir.BaseDigest(w.Program.Lock, m.Base); err != nil || d.Format == "ids" {
		return c, err
	}
	t, err := w.Tokenizer(ctx, m)
	if err != nil {
		return c, err
	}
	c.Tokenizer = t.Fingerprint()
	if t.Template() != "" {
		c.Template = disk.Digest(t.Template())
	}
	if id, ok := t.BOS(); ok && t.WantsBOS() {
		c.BOS = t.Token(id)
	}
	if id, ok := t.EOS(); ok {
		c.EOS = t.Token(id)
	}
	return c, nil
}

// fitDigests names each fit that the training of a model reads, or, for no model,
// each fit there is, with its digest.
func (w *World) fitDigests(model string) (string, error) {
	var reads []string
	var err error
	if model != "" {
		if reads, err = w.fitsOf(model); err != nil {
			return "", err
		}
	}
	var all []string
	for _, s := range w.Program.Stages {
		if s.Kind != "fit" || model != "" && !slices.Contains(reads, s.Fit.Name) {
			continue
		}
		f, err := w.Fitted(s.Fit.Name)
		if err != nil {
			return "", err
		}
		all = append(all, s.Fit.Name+" "+f.Digest[:16])
	}
	return strings.Join(all, ", "), nil
}

// fitsOf lists the fits that the training of a model reads, in this run or in the
// one that left the model.
func (w *World) fitsOf(model string) ([]string, error) {
	if reads, ok := w.readFits[model]; ok {
		return reads, nil
	}
	past, err := rundir.ReadTraining(w.leftBy(spec.Model{Name: model}))
	if err != nil {
		return nil, err
	}
	if past == nil {
		return nil, w.untrained()
	}
	var all []string
	for path := range past.Fields {
		if name, ok := strings.CutPrefix(path, "fit."); ok {
			all = append(all, name)
		}
	}
	return all, nil
}

// Contract is the scoring contract of the program's first reward, or, where it
// has none, of the first model that it trains.
func (w *World) Contract() (*rundir.Contract, error) {
	if len(w.Program.Rewards) > 0 {
		return w.RewardContract(context.Background(), w.Program.Rewards[0])
	}
	for _, s := range w.Program.Stages {
		if s.Kind == "train" {
			return w.ContractOf(context.Background(), s.Model, s.Data)
		}
	}
	return nil, fmt.Errorf("program %s trains no model and has no reward", w.Program.Name)
}
