package text

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rmc-lang/rmc/runtime/text/definition"
)

// A decoder step rewrites the spellings of tokens on the way back to text.
type decoder func(tokens []string) []string

// newDecoder builds the "decoder" of a tokenizer.json.
func newDecoder(raw json.RawMessage) (decoder, error) {
	name, err := kind(raw)
	if err != nil {
		return nil, err
	}
	switch name {
	case "":
		return func(tokens []string) []string { return []string{strings.Join(tokens, " ")} }, nil
	case "Sequence":
		return newDecoders(raw)
	case "ByteLevel":
		var c struct {
			bare
			AddPrefixSpace bool `json:"add_prefix_space"` // these three are the pre-tokenizer's
			TrimOffsets    bool `json:"trim_offsets"`
			UseRegex       bool `json:"use_regex"`
		}
		return decodeBytes, definition.Strict(raw, &c)
	case "ByteFallback":
		return decodeFallback, definition.Strict(raw, &bare{})
	case "Fuse":
		return func(tokens []string) []string { return []string{strings.Join(tokens, "")} }, definition.Strict(raw, &bare{})
	case "Replace":
		return newDecodeReplace(raw)
	case "Strip":
		return newDecodeStrip(raw)
	case "Metaspace":
		return newDecodeMetaspace(raw)
	}
	return nil, definition.Unsupported("decoder", name, "Sequence", "ByteLevel", "ByteFallback", "Fuse", "Replace", "Strip", "Metaspace")
}

func newDecoders(raw json.RawMessage) (decoder, error) {
	var c struct {
		bare
		Decoders []json.RawMessage `json:"decoders"`
	}
	if err := definition.Strict(raw, &c); err != nil {
		return nil, err
	}
	var steps []decoder
	for i, raw := range c.Decoders {
		step, err := newDecoder(raw)
		if err != nil {
			return nil, fmt.Errorf("decoders[%d]: %w", i, err)
		}
		steps = append(steps, step)
	}
	return func(tokens []string) []string {
		for _, step := range steps {
			tokens = step(tokens)
		}
		return tokens
	}, nil
}

// decodeBytes reads GPT-2's alphabet; tokens with other characters stand for
// themselves.
func decodeBytes(tokens []string) []string {
	var raw []byte
	for _, t := range tokens {
		if bytes, ok := fromAlphabet(t); ok {
			t = bytes
		}
		raw = append(raw, t...)
	}
	return []string{lossy(raw)}
}

// decodeFallback joins <0x..> tokens to characters. A run that is not UTF-8
// becomes one U+FFFD a byte.
func decodeFallback(tokens []string) []string {
	var out []string
	var run []byte
	flush := func() {
		switch {
		case len(run) == 0:
		case utf8.Valid(run):
			out = append(out, string(run))
		default:
			out = append(out, strings.Repeat("\uFFFD", len(run)))
		}
		run = run[:0]
	}
	for _, t := range tokens {
		if b, ok := fallbackByte(t); ok {
			run = append(run, b)
			continue
		}
		flush()
		out = append(out, t)
	}
	flush()
	return out
}

// fallbackByte is the byte that a token like <0x0A> stands for.
func fallbackByte(token string) (b byte, ok bool) {
	if len(token) != 6 || !strings.HasPrefix(token, "<0x") || token[5] != '>' {
		return 0, false
	}
	n, err := strconv.ParseUint(token[3:5], 16, 8)
	return byte(n), err == nil
}

func newDecodeReplace(raw json.RawMessage) (decoder, error) {
	var c struct {
		bare
		Pattern match  `json:"pattern"`
		Content string `json:"content"`
	}
	if err := definition.Strict(raw, &c); err != nil {
		return nil, err
	}
	p, err := c.Pattern.compile()
	rewrite := replace(p, c.Content)
	return func(tokens []string) []string {
		for i, t := range tokens {
			tokens[i] = rewrite(piece{text: t}).text
		}
		return tokens
	}, err
}

func newDecodeStrip(raw json.RawMessage) (decoder, error) {
	var c struct {
		bare
		Content string `json:"content"`
		Start   int    `json:"start"`
		Stop    int    `json:"stop"`
	}
	err := definition.Strict(raw, &c)
	return func(tokens []string) []string {
		for i, t := range tokens {
			for n := 0; n < c.Start && strings.HasPrefix(t, c.Content); n++ {
				t = t[len(c.Content):]
			}
			for n := 0; n < c.Stop && strings.HasSuffix(t, c.Content); n++ {
				t = t[:len(t)-len(c.Content)]
			}
			tokens[i] = t
		}
		return tokens
	}, err
}

func newDecodeMetaspace(raw json.RawMessage) (decoder, error) {
	c := struct {
		bare
		Replacement    string `json:"replacement"`
		StrRep         string `json:"str_rep"`
		PrependScheme  string `json:"prepend_scheme"`
		AddPrefixSpace *bool  `json:"add_prefix_space"`
		Split          bool   `json:"split"`
	}{Replacement: "▁", PrependScheme: "always"}
	err := definition.Strict(raw, &c)
	keep := c.PrependScheme == "never" || c.AddPrefixSpace != nil && !*c.AddPrefixSpace
	return func(tokens []string) []string {
		for i, t := range tokens {
			if i == 0 && !keep {
				tokens[i] = strings.ReplaceAll(t, c.Replacement, "")
			} else {
				tokens[i] = strings.ReplaceAll(t, c.Replacement, " ")
			}
		}
		return tokens
	}, err
}

// Decode is the text of ids, control tokens included: transformers'
// decode(ids, clean_up_tokenization_spaces=False). Ids without a token are
// left out.
func (t *Tokenizer) Decode(ids []int32) string {
	tokens := make([]string, 0, len(ids))
	for _, id := range ids {
		if text, ok := t.respelt[id]; ok { // so tokenizers 0.23 does
			tokens = append(tokens, text)
		} else if text, ok := t.spelling(id); ok {
			tokens = append(tokens, text)
		}
	}
	return strings.Join(t.decoder(tokens), "")
}

// Piece is what a reader should see of one token: its text, with bytes that
// are no whole character as <0x..>; "" for an id without a token.
func (t *Tokenizer) Piece(id int32) string {
	text, _ := t.spelling(id)
	if t.splitters.bytes && !t.added[id] {
		raw, ok := fromAlphabet(text)
		if !ok {
			return text
		}
		return showBytes(raw)
	}
	return strings.ReplaceAll(text, "▁", " ")
}

func showBytes(raw string) string {
	var out strings.Builder
	for i, r := range raw {
		if r == '\uFFFD' && !strings.HasPrefix(raw[i:], "\uFFFD") {
			fmt.Fprintf(&out, "<0x%02X>", raw[i])
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}

// Token is a token as the vocabulary spells it: "<|im_end|>", "Ġhello",
// "▁hello"; "" for an id without a token.
func (t *Tokenizer) Token(id int32) string {
	text, _ := t.spelling(id)
	return text
}

// SameTokens reports whether ids mean the same tokens in both: those that both
// have. One may have more, as a model that was trained to converse has.
func (t *Tokenizer) SameTokens(o *Tokenizer) bool {
	n := min(len(t.tokens), len(o.tokens))
	return slices.Equal(t.tokens[:n], o.tokens[:n])
}

// spelling is a token as the vocabulary spells it.
func (t *Tokenizer) spelling(id int32) (text string, ok bool) {
	if id < 0 || int(id) >= len(t.tokens) {
		return "", false
	}
	return t.tokens[id], t.tokens[id] != ""
}
