package text

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
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
		return form(norm.NFC), strict(raw, &bare{})
	case "NFD":
		return form(norm.NFD), strict(raw, &bare{})
	case "NFKC":
		return form(norm.NFKC), strict(raw, &bare{})
	case "NFKD":
		return form(norm.NFKD), strict(raw, &bare{})
	case "Lowercase":
		return lowercase, strict(raw, &bare{})
	case "Strip":
		var c struct {
			bare
			StripLeft  bool `json:"strip_left"`
			StripRight bool `json:"strip_right"`
		}
		err := strict(raw, &c)
		return strip(c.StripLeft, c.StripRight), err
	case "Prepend":
		var c struct {
			bare
			Prepend string `json:"prepend"`
		}
		err := strict(raw, &c)
		return prepend(c.Prepend), err
	case "Replace":
		return newReplace(raw)
	}
	return nil, unsupported("normalizer", name, "Sequence", "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Strip", "Prepend", "Replace")
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
	if err := strict(raw, &c); err != nil {
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
	if err := strict(raw, &c); err != nil {
		return nil, err
	}
	if old := c.Pattern.String; old != nil && len(*old) == 1 {
		return replaceByte((*old)[0], c.Content), nil
	}
	p, err := c.Pattern.compile()
	return replace(p, c.Content), err
}

func replace(p *pattern, content string) normalizer {
	return func(src piece) piece {
		w := rewriter{src: src}
		last := 0
		for at := 0; at < len(src.text); {
			start, end := p.find(src.text, at)
			if start < 0 {
				break
			}
			if end == start { // nothing found here: go on behind the next character
				_, size := utf8.DecodeRuneInString(src.text[start:])
				at = start + max(size, 1)
				continue
			}
			w.keep(last, start)
			w.put(content, start)
			last, at = end, end
		}
		if last == 0 {
			return src
		}
		w.keep(last, len(src.text))
		return w.piece()
	}
}

// replaceByte is replace for the one that all SentencePiece models need.
func replaceByte(old byte, content string) normalizer {
	return func(src piece) piece {
		if src.from == nil {
			src.text = strings.ReplaceAll(src.text, string(old), content)
			return src
		}
		w := rewriter{src: src}
		for i := range len(src.text) {
			if src.text[i] == old {
				w.put(content, i)
			} else {
				w.keep(i, i+1)
			}
		}
		return w.piece()
	}
}

// form brings text into a Unicode normal form. Characters that the tables of
// Hugging Face's tokenizers do not know stay as they are, and nothing moves
// past them.
func form(f norm.Form) normalizer {
	return func(src piece) piece {
		if f.IsNormalString(src.text) {
			return src
		}
		w := rewriter{src: src}
		last := 0
		for i, r := range src.text {
			if r >= firstUnformed && unicode.Is(unformed, r) {
				w.form(f, last, i)
				last = i + utf8.RuneLen(r)
				w.keep(i, last)
			}
		}
		w.form(f, last, len(src.text))
		return w.piece()
	}
}

// form writes src's bytes from i to j in a normal form.
func (w *rewriter) form(f norm.Form, i, j int) {
	if w.src.from == nil {
		w.out = append(w.out, f.String(w.src.text[i:j])...) // AppendString would join it to what is there
		return
	}
	for i < j { // norm.Iter would do, but panics on broken UTF-8
		end := i + max(f.NextBoundaryInString(w.src.text[i:j], true), 1)
		if out := f.String(w.src.text[i:end]); out == w.src.text[i:end] {
			w.keep(i, end)
		} else {
			w.put(out, i)
		}
		i = end
	}
}

func lowercase(src piece) piece {
	w := rewriter{src: src}
	for i, r := range src.text {
		switch lower := unicode.ToLower(r); {
		case r == 'İ': // the one letter whose lower case is two characters
			w.put("i̇", i)
		case lower != r:
			w.put(string(lower), i)
		default:
			_, size := utf8.DecodeRuneInString(src.text[i:])
			w.keep(i, i+size)
		}
	}
	return w.piece()
}

func strip(left, right bool) normalizer {
	return func(src piece) piece {
		i, j := 0, len(src.text)
		if left {
			i = j - len(strings.TrimLeftFunc(src.text, unicode.IsSpace))
		}
		if right {
			j = i + len(strings.TrimRightFunc(src.text[i:], unicode.IsSpace))
		}
		stripped := src.sub(i, j)
		stripped.base = src.base // it still begins where src began
		return stripped
	}
}

func prepend(text string) normalizer {
	return func(src piece) piece {
		if src.text == "" {
			return src
		}
		w := rewriter{src: src}
		w.put(text, 0)
		w.keep(0, len(src.text))
		return w.piece()
	}
}
