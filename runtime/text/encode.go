package text

import "github.com/rmc-lang/rmc/runtime/text/definition"

// A model turns one word into tokens, which it appends to e.out.
type model interface {
	encode(e *encoder, word string)
}

// An encoder is the working memory of one call of Encode.
type encoder struct {
	t       *Tokenizer
	out     []token
	symbols []token
	ranks   []uint32
	// cache holds what words became; a text has few different ones.
	cache map[string][]token
}

// maxCached bounds the cache of one encoder, in words, and maxCachedWord the
// length of one, in bytes.
const (
	maxCached     = 1 << 15
	maxCachedWord = 256
)

// remember appends the tokens of word to the output and keeps them.
func (e *encoder) remember(word string, tokens []token) {
	e.out = append(e.out, tokens...)
	if len(word) > maxCachedWord {
		return
	}
	if len(e.cache) >= maxCached {
		clear(e.cache)
	}
	// The word may be part of a long text, which the cache must not keep alive.
	e.cache[string([]byte(word))] = append([]token(nil), tokens...)
}

// Encode is the token ids of text, without the tokens that the
// post-processor adds: encode(text, add_special_tokens=False) of
// transformers. Added tokens in the text, control tokens too, become their
// ids, as there. It is safe for concurrent use.
func (t *Tokenizer) Encode(text string) []int32 {
	e := t.encoders.Get().(*encoder)
	defer t.encoders.Put(e)
	e.run(text)
	ids := make([]int32, len(e.out))
	for i, token := range e.out {
		ids[i] = token.id
	}
	return ids
}

// EncodeSpecial is Encode with the tokens that the post-processor adds:
// encode(text) of transformers.
func (t *Tokenizer) EncodeSpecial(text string) []int32 {
	ids := t.Encode(text)
	all := make([]int32, 0, len(t.before)+len(ids)+len(t.after))
	return append(append(append(all, t.before...), ids...), t.after...)
}

func (e *encoder) run(text string) {
	e.out = e.out[:0]
	e.t.raw.cut(piece{text: text}, e.normalize, e.add)
}

// normalize takes what lies between added tokens.
func (e *encoder) normalize(p piece) {
	if e.t.normalizer != nil {
		p = e.t.normalizer(p)
	}
	e.t.normalized.cut(p, func(q piece) { e.split(e.t.splitters.steps, q) }, e.add)
}

func (e *encoder) split(steps []splitter, p piece) {
	if p.text == "" {
		return
	}
	if len(steps) == 0 {
		e.t.model.encode(e, p.text)
		return
	}
	steps[0](p, func(q piece) { e.split(steps[1:], q) })
}

func (e *encoder) add(p piece, t definition.AddedToken) {
	e.out = append(e.out, token{t.ID, int32(len(p.text))})
}
