// Package text turns text into token ids and conversations into text, exactly
// as Hugging Face's tokenizers and transformers do.
//
// Tokenizers are read from tokenizer.json, from SentencePiece models and from
// GGUF files. A tokenizer.json is the whole truth about its tokenizer: what it
// says and this package does not know is an error, never ignored.
// (transformers 5 builds a few families anew by their class, whatever their
// tokenizer.json says; WriteHF names a class that does not.)
//
// cmd/rmc links this package and may reach neither GoMLX nor cgo. That rules
// out the readers of go-huggingface, which import GoMLX's tensors; nor do
// they cut today's models' texts exactly.
package text

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"

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
	names    map[string]string // special tokens by name: "bos_token" → "<s>"
	template string
	compiled func() (*jinja.Template, error) // compiles template once

	definition *definition
	encoders   *sync.Pool
}

// newTokenizer builds a tokenizer of its definition and settings.
func newTokenizer(d *definition, s settings) (*Tokenizer, error) {
	t := &Tokenizer{definition: d, names: s.names}
	if err := checkIDs(d.AddedTokens, d.Model.Vocab.ids); err != nil {
		return nil, err
	}
	if err := s.addTokens(d); err != nil {
		return nil, err
	}
	if err := t.build(d); err != nil {
		return nil, err
	}
	t.index(d)
	t.encoders = &sync.Pool{New: func() any { return &encoder{t: t, cache: map[string][]token{}} }}
	t.setTemplate(s.template)
	return t, nil
}

// build makes the steps of the definition.
func (t *Tokenizer) build(d *definition) (err error) {
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
	var raw, normalized []addedToken
	for _, a := range d.AddedTokens {
		if a.Normalized {
			normalized = append(normalized, a)
		} else {
			raw = append(raw, a)
		}
	}
	t.raw = newFinder(raw, func(a addedToken) string { return a.Content })
	t.respelt = map[int32]string{}
	t.normalized = newFinder(normalized, func(a addedToken) string {
		if t.normalizer == nil {
			return a.Content
		}
		t.respelt[a.ID] = t.normalizer(piece{text: a.Content}).text
		return t.respelt[a.ID]
	})
	return nil
}

func newModel(d *modelDefinition, overBytes bool) (model, error) {
	switch {
	case d.Type == "BPE" || d.Type == "" && d.Merges != nil:
		return newBPE(d, overBytes)
	}
	return nil, unsupported("model", d.Type, "BPE")
}

// index fills the tables by id.
func (t *Tokenizer) index(d *definition) {
	size := int32(0)
	for _, id := range d.Model.Vocab.ids {
		size = max(size, id+1)
	}
	for _, a := range d.AddedTokens {
		size = max(size, a.ID+1)
	}
	t.tokens = make([]string, size)
	t.added = map[int32]bool{}
	for text, id := range d.Model.Vocab.ids {
		if id >= 0 {
			t.tokens[id] = text
		}
	}
	for _, a := range d.AddedTokens {
		t.tokens[a.ID] = a.Content
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
	text, ok := t.names[name]
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
	id, ok = t.definition.Model.Vocab.ids[token]
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
func (t *Tokenizer) Fingerprint() string {
	h := sha256.New()
	d := t.definition
	for id, text := range t.tokens {
		if text != "" {
			hashText(h, fmt.Sprint(id), text)
		}
	}
	for _, m := range d.Model.Merges {
		hashText(h, m[0], m[1])
	}
	for _, raw := range []json.RawMessage{d.Normalizer, d.PreTokenizer, d.PostProcessor, d.Decoder} {
		hashText(h, canonical(raw))
	}
	m := d.Model
	m.Vocab, m.Merges = vocabulary{}, nil
	hashText(h, canonical(mustJSON(m)), canonical(mustJSON(d.AddedTokens)), canonical(mustJSON(d.Model.Vocab.scores)))
	for _, name := range []string{"bos_token", "eos_token", "pad_token", "unk_token"} {
		hashText(h, name, t.names[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// hashText writes texts so that no two lists of them look alike.
func hashText(w io.Writer, texts ...string) {
	var size [8]byte
	for _, text := range texts {
		binary.LittleEndian.PutUint64(size[:], uint64(len(text)))
		w.Write(size[:]) // a hash takes everything
		io.WriteString(w, text)
	}
}

// canonical is JSON without its spaces and the order of its fields.
func canonical(raw []byte) string {
	if len(raw) == 0 {
		return "null"
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		panic(err) // it has been decoded before
	}
	return string(mustJSON(v))
}

func mustJSON(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // only our own plain types come here
	}
	return raw
}
