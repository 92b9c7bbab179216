// Package text turns text into token ids and conversations into text, exactly
// as Hugging Face's tokenizers and transformers do.
//
// What a tokenizer is like, package definition reads. A tokenizer.json is the whole
// truth about its tokenizer: what it says and this package does not know is an
// error, never ignored.
// (transformers 5 builds a few families anew by their class, whatever their
// tokenizer.json says; WriteHF names a class that does not.)
//
// cmd/rmc links this package and may reach neither GoMLX nor cgo. That rules
// out the readers of go-huggingface, which import GoMLX's tensors; nor do
// they cut today's models' texts exactly.
package text

import (
	"fmt"
	"slices"
	"sync"

	"github.com/rmc-lang/rmc/runtime/text/definition"
	"github.com/rmc-lang/rmc/runtime/text/jinja"
)

// A Tokenizer turns text into token ids and back. It is safe for concurrent
// use.
type Tokenizer struct {
	raw, normalized *finder // the added tokens looked for before and after the normalizer
	normalizer      normalizer
	splitters       splitters
	model           model
	decoder         decoder
	before, after   []int32 // what EncodeSpecial adds

	tokens   []string         // spelling by id; "" where there is none
	respelt  map[int32]string // added tokens as the normalizer spells them
	added    map[int32]bool
	template string
	compiled func() (*jinja.Template, error) // compiles template once

	definition *definition.Tokenizer
	encoders   *sync.Pool
}

// newTokenizer builds a tokenizer of its definition.
func newTokenizer(d *definition.Tokenizer) (*Tokenizer, error) {
	t := &Tokenizer{definition: d}
	if err := t.build(d); err != nil {
		return nil, err
	}
	t.index(d)
	t.encoders = &sync.Pool{New: func() any { return &encoder{t: t, cache: map[string][]token{}} }}
	t.setTemplate(d.Template)
	return t, nil
}

// build makes the steps of the definition.
func (t *Tokenizer) build(d *definition.Tokenizer) (err error) {
	if t.normalizer, err = newNormalizer(d.Normalizer); err != nil {
		return fmt.Errorf("normalizer: %w", err)
	}
	if t.splitters, err = newSplitters(d.PreTokenizer); err != nil {
		return fmt.Errorf("pre_tokenizer: %w", err)
	}
	if t.decoder, err = newDecoder(d.Decoder); err != nil {
		return fmt.Errorf("decoder: %w", err)
	}
	if t.before, t.after, err = newPostProcessor(d.PostProcessor); err != nil {
		return fmt.Errorf("post_processor: %w", err)
	}
	if t.model, err = newModel(&d.Model, t.splitters.bytes); err != nil {
		return fmt.Errorf("model: %w", err)
	}
	var raw, normalized []definition.AddedToken
	for _, a := range d.AddedTokens {
		if a.Normalized {
			normalized = append(normalized, a)
		} else {
			raw = append(raw, a)
		}
	}
	t.raw = newFinder(raw, func(a definition.AddedToken) string { return a.Content })
	t.respelt = map[int32]string{}
	t.normalized = newFinder(normalized, func(a definition.AddedToken) string {
		if t.normalizer == nil {
			return a.Content
		}
		t.respelt[a.ID] = t.normalizer(piece{text: a.Content}).text
		return t.respelt[a.ID]
	})
	return nil
}

func newModel(d *definition.Model, overBytes bool) (model, error) {
	switch {
	case d.Type == "BPE" || d.Type == "" && d.Merges != nil:
		return newBPE(d, overBytes)
	}
	return nil, definition.Unsupported("model", d.Type, "BPE")
}

// index fills the tables by id.
func (t *Tokenizer) index(d *definition.Tokenizer) {
	t.tokens = d.Spellings()
	t.added = map[int32]bool{}
	for _, a := range d.AddedTokens {
		t.added[a.ID] = true
	}
}

// BOS is the token that begins a sequence; !ok if the tokenizer names none.
func (t *Tokenizer) BOS() (id int32, ok bool) { return t.named("bos_token") }

// EOS is the token that ends a sequence; !ok if the tokenizer names none.
func (t *Tokenizer) EOS() (id int32, ok bool) { return t.named("eos_token") }

// Pad is the token that fills rows up; !ok if the tokenizer names none.
func (t *Tokenizer) Pad() (id int32, ok bool) { return t.named("pad_token") }

func (t *Tokenizer) named(name string) (id int32, ok bool) {
	text, ok := t.definition.Names[name]
	if !ok {
		return 0, false
	}
	return t.ID(text)
}

// ID is the id of a token as the vocabulary spells it.
func (t *Tokenizer) ID(token string) (id int32, ok bool) {
	for _, a := range t.definition.AddedTokens {
		if a.Content == token {
			return a.ID, true
		}
	}
	id, ok = t.definition.Model.Vocab.IDs[token]
	return id, ok
}

// WantsBOS reports whether the tokenizer begins every sequence with BOS.
func (t *Tokenizer) WantsBOS() bool {
	id, ok := t.BOS()
	return ok && slices.Contains(t.before, id)
}

// Fingerprint is the SHA-256, in hex, of all that decides which ids a text
// becomes: vocabulary, merges, rules and special tokens. It is the same for a
// tokenizer and what WriteHF writes of it. The chat template is not in it.
func (t *Tokenizer) Fingerprint() string { return t.definition.Fingerprint() }
