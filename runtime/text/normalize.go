package text

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/rmc-lang/rmc/runtime/text/definition"
	"github.com/rmc-lang/rmc/runtime/text/pattern"
)

// A normalizer rewrites a text before it is cut.
type normalizer func(piece) piece

// newNormalizer builds the "normalizer" of a tokenizer.json; nil if there is none.
func newNormalizer(raw json.RawMessage) (normalizer, error) {
	name, err := kind(raw)
	if err != nil || name == "" {
		return nil, err
	}
	switch name {
	case "Sequence":
		return newNormalizers(raw)
	case "NFC":
		return form(norm.NFC), definition.Strict(raw, &bare{})
	case "NFD":
		return form(norm.NFD), definition.Strict(raw, &bare{})
	case "NFKC":
		return form(norm.NFKC), definition.Strict(raw, &bare{})
	case "NFKD":
		return form(norm.NFKD), definition.Strict(raw, &bare{})
	case "Lowercase":
		return lowercase, definition.Strict(raw, &bare{})
	case "Strip":
		var c struct {
			bare
			StripLeft  bool `json:"strip_left"`
			StripRight bool `json:"strip_right"`
		}
		err := definition.Strict(raw, &c)
		return strip(c.StripLeft, c.StripRight), err
	case "Prepend":
		var c struct {
			bare
			Prepend string `json:"prepend"`
		}
		err := definition.Strict(raw, &c)
		return prepend(c.Prepend), err
	case "Replace":
		return newReplace(raw)
	}
	return nil, definition.Unsupported("normalizer", name, "Sequence", "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Strip", "Prepend", "Replace")
}

// bare is a component with a type and nothing else.
type bare struct {
	Type string `json:"type"`
}

func newNormalizers(raw json.RawMessage) (normalizer, error) {
	var c struct {
		bare
		Normalizers []json.RawMessage `json:"normalizers"`
	}
	if err := definition.Strict(raw, &c); err != nil {
		return nil, err
	}
	var steps []normalizer
	for i, raw := range c.Normalizers {
		step, err := newNormalizer(raw)
		if err != nil {
			return nil, fmt.Errorf("normalizers[%d]: %w", i, err)
		}
		steps = append(steps, step)
	}
	return func(p piece) piece {
		for _, step := range steps {
			p = step(p)
		}
		return p
	}, nil
}

func newReplace(raw json.RawMessage) (normalizer, error) {
	var c struct {
		bare
		Pattern match  `json:"pattern"`
		Content string `json:"content"`
	}
	if err := definition.Strict(raw, &c); err != nil {
		return nil, err
	}
	if old := c.Pattern.String; old != nil && len(*old) == 1 {
		return replaceByte((*old)[0], c.Content), nil
	}
	p, err := c.Pattern.compile()
	return replace(p, c.Content), err
}

func replace(p *pattern.Pattern, content string) normalizer {
	return func(src piece) piece {
		var out strings.Builder
		last := 0
		for at := 0; at < len(src.text); {
			start, end := p.Find(src.text, at)
			if start < 0 {
				break
			}
			if end == start { // nothing found here: go on behind the next character
				_, size := utf8.DecodeRuneInString(src.text[start:])
				at = start + max(size, 1)
				continue
			}
			out.WriteString(src.text[last:start])
			out.WriteString(content)
			last, at = end, end
		}
		out.WriteString(src.text[last:])
		return src.with(out.String())
	}
}

// replaceByte is replace for the one that all SentencePiece models need.
func replaceByte(old byte, content string) normalizer {
	return func(src piece) piece { return src.with(strings.ReplaceAll(src.text, string(old), content)) }
}

// form brings text into a Unicode normal form. Characters that the tables of
// Hugging Face's tokenizers do not know stay as they are, and nothing moves
// past them.
func form(f norm.Form) normalizer {
	return func(src piece) piece {
		if f.IsNormalString(src.text) {
			return src
		}
		var out strings.Builder
		last := 0
		for i, r := range src.text {
			if r >= firstUnformed && unicode.Is(unformed, r) {
				out.WriteString(f.String(src.text[last:i]))
				last = i + utf8.RuneLen(r)
				out.WriteString(src.text[i:last])
			}
		}
		out.WriteString(f.String(src.text[last:]))
		return src.with(out.String())
	}
}

func lowercase(src piece) piece {
	var out strings.Builder
	for i, r := range src.text {
		switch lower := unicode.ToLower(r); {
		case r == 'İ': // the one letter whose lower case is two characters
			out.WriteString("i̇")
		case lower != r:
			out.WriteRune(lower)
		default:
			_, size := utf8.DecodeRuneInString(src.text[i:])
			out.WriteString(src.text[i : i+size]) // broken UTF-8 as it is
		}
	}
	return src.with(out.String())
}

func strip(left, right bool) normalizer {
	return func(src piece) piece {
		text := src.text
		if left {
			text = strings.TrimLeftFunc(text, unicode.IsSpace)
		}
		if right {
			text = strings.TrimRightFunc(text, unicode.IsSpace)
		}
		return src.with(text)
	}
}

func prepend(text string) normalizer {
	return func(src piece) piece {
		if src.text == "" {
			return src
		}
		return src.with(text + src.text)
	}
}

// unformed are the characters with a decomposition or a place among combining
// marks that came after Unicode 9, of which the normal forms of Hugging
// Face's tokenizers are (crate unicode-normalization-alignments 0.1); and the
// variation selectors U+E0100 on, which x/text's norm takes for U+0100 on
// when an accent follows.
var unformed = rangeTable(
	0x7fd, 0x7fd, 0x898, 0x89f, 0x8ca, 0x8d3, 0x9fe, 0x9fe, 0xc3c, 0xc3c, 0xd3b, 0xd3c,
	0xeba, 0xeba, 0x1715, 0x1715, 0x1abf, 0x1ace, 0x1df6, 0x1dfa, 0x32ff, 0x32ff, 0xa7f2, 0xa7f4,
	0xa82c, 0xa82c, 0xab69, 0xab69, 0x10781, 0x10785, 0x10787, 0x107b0, 0x107b2, 0x107ba, 0x10d24, 0x10d27,
	0x10eab, 0x10eac, 0x10efd, 0x10eff, 0x10f46, 0x10f50, 0x10f82, 0x10f85, 0x11070, 0x11070, 0x1133b, 0x1133b,
	0x1145e, 0x1145e, 0x11839, 0x1183a, 0x11930, 0x11930, 0x11938, 0x11938, 0x1193d, 0x1193e, 0x11943, 0x11943,
	0x119e0, 0x119e0, 0x11a34, 0x11a34, 0x11a47, 0x11a47, 0x11a99, 0x11a99, 0x11d42, 0x11d42, 0x11d44, 0x11d45,
	0x11d97, 0x11d97, 0x11f00, 0x11f01, 0x11f38, 0x11f39, 0x11f40, 0x11f42, 0x16ff0, 0x16ff1, 0x1e030, 0x1e06d,
	0x1e08f, 0x1e08f, 0x1e130, 0x1e136, 0x1e2ae, 0x1e2ae, 0x1e2ec, 0x1e2ef, 0x1e4ec, 0x1e4ef, 0x1f16c, 0x1f16c,
	0x1fbf0, 0x1fbf9, 0xe0100, 0xe01ef,
)

// firstUnformed is the first of them.
const firstUnformed = 0x7fd

// rangeTable makes a table of pairs: first and last character.
func rangeTable(bounds ...rune) *unicode.RangeTable {
	t := &unicode.RangeTable{}
	for pair := range slices.Chunk(bounds, 2) {
		t.R32 = append(t.R32, unicode.Range32{Lo: uint32(pair[0]), Hi: uint32(pair[1]), Stride: 1})
	}
	return t
}
