package text

// A model turns one word into tokens, which it appends to e.out.
type model interface {
	encode(e *encoder, word string)
}

// An encoder is the working memory of one call of Encode.
type encoder struct {
	t       *Tokenizer
	out     []token
	spans   []Span // of out; kept only if asked for
	track   bool
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

// A Span is the bytes of a text, from Start to before End, that became one
// token. Spans of consecutive tokens touch, so that together they are the
// text; a token that stands for no text of its own, or for a part of a
// character that the normalizer changed, may have an empty one.
type Span struct{ Start, End int }

// Encode is the token ids of text, without the tokens that the
// post-processor adds: encode(text, add_special_tokens=False) of
// transformers. Added tokens in the text, control tokens too, become their
// ids, as there. It is safe for concurrent use.
func (t *Tokenizer) Encode(text string) []int32 {
	e := t.encoders.Get().(*encoder)
	defer t.encoders.Put(e)
	e.run(text, false)
	ids := make([]int32, len(e.out))
	for i, token := range e.out {
		ids[i] = token.id
	}
	return ids
}

// EncodeSpans is Encode, and the bytes of text behind each token.
func (t *Tokenizer) EncodeSpans(text string) ([]int32, []Span) {
	e := t.encoders.Get().(*encoder)
	defer t.encoders.Put(e)
	e.run(text, true)
	ids, spans := make([]int32, len(e.out)), make([]Span, len(e.out))
	for i, token := range e.out {
		ids[i], spans[i] = token.id, e.spans[i]
	}
	return ids, spans
}

// EncodeSpecial is Encode with the tokens that the post-processor adds:
// encode(text) of transformers.
func (t *Tokenizer) EncodeSpecial(text string) []int32 {
	ids := t.Encode(text)
	all := make([]int32, 0, len(t.before)+len(ids)+len(t.after))
	return append(append(append(all, t.before...), ids...), t.after...)
}

func (e *encoder) run(text string, track bool) {
	e.out, e.spans, e.track = e.out[:0], e.spans[:0], track
	p := piece{text: text}
	if track {
		p.from = make([]int32, len(text)+1)
		for i := range p.from {
			p.from[i] = int32(i)
		}
	}
	e.t.raw.cut(p, e.normalize, e.add)
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
		e.word(p)
		return
	}
	steps[0](p, func(q piece) { e.split(steps[1:], q) })
}

func (e *encoder) word(p piece) {
	first := len(e.out)
	e.t.model.encode(e, p.text)
	if !e.track {
		return
	}
	at := 0
	for _, t := range e.out[first:] {
		end := min(at+int(t.size), len(p.text))
		e.spans = append(e.spans, Span{int(p.from[at]), int(p.from[end])})
		at = end
	}
}

func (e *encoder) add(p piece, t addedToken) {
	e.out = append(e.out, token{t.ID, int32(len(p.text))})
	if e.track {
		e.spans = append(e.spans, Span{int(p.from[0]), int(p.from[len(p.text)])})
	}
}
