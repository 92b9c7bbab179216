package text

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/rmc-lang/rmc/runtime/text/definition"
	"github.com/rmc-lang/rmc/runtime/text/pattern"
)

// A splitter cuts a piece into smaller ones, in order.
type splitter func(p piece, emit func(piece))

// splitters is a "pre_tokenizer": each cuts what the one before emits.
type splitters struct {
	steps []splitter
	bytes bool // the model reads bytes, spelled in GPT-2's alphabet
}

// newSplitters builds the "pre_tokenizer" of a tokenizer.json.
func newSplitters(raw json.RawMessage) (splitters, error) {
	var s splitters
	return s, s.add(raw)
}

func (s *splitters) add(raw json.RawMessage) error {
	name, err := kind(raw)
	if err != nil || name == "" {
		return err
	}
	if s.bytes {
		return fmt.Errorf("the pre-tokenizer %s after a ByteLevel is not supported", name)
	}
	var step splitter
	switch name {
	case "Sequence":
		return s.addAll(raw)
	case "ByteLevel":
		return s.addByteLevel(raw)
	case "Split":
		step, err = newSplit(raw)
	case "Digits":
		step, err = newDigits(raw)
	case "Metaspace":
		step, err = newMetaspace(raw)
	case "WhitespaceSplit":
		step, err = newCharSplit(`\s`, removed)
		err = errors.Join(err, definition.Strict(raw, &bare{}))
	default:
		err = definition.Unsupported("pre-tokenizer", name, "Sequence", "ByteLevel", "Split", "Digits", "Metaspace", "WhitespaceSplit")
	}
	s.steps = append(s.steps, step)
	return err
}

func (s *splitters) addAll(raw json.RawMessage) error {
	var c struct {
		bare
		PreTokenizers []json.RawMessage `json:"pretokenizers"`
	}
	if err := definition.Strict(raw, &c); err != nil {
		return err
	}
	for i, raw := range c.PreTokenizers {
		if err := s.add(raw); err != nil {
			return fmt.Errorf("pretokenizers[%d]: %w", i, err)
		}
	}
	return nil
}

// gpt2 is the pattern of GPT-2, which ByteLevel uses unless told otherwise.
const gpt2 = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

func (s *splitters) addByteLevel(raw json.RawMessage) error {
	c := struct {
		bare
		AddPrefixSpace bool `json:"add_prefix_space"`
		TrimOffsets    bool `json:"trim_offsets"` // of offsets only; ours always cover the text
		UseRegex       bool `json:"use_regex"`
	}{AddPrefixSpace: true, UseRegex: true}
	if err := definition.Strict(raw, &c); err != nil {
		return err
	}
	s.bytes = true
	if c.AddPrefixSpace {
		s.steps = append(s.steps, func(p piece, emit func(piece)) {
			if !strings.HasPrefix(p.text, " ") {
				p = prepend(" ")(p)
			}
			emit(p)
		})
	}
	if c.UseRegex {
		p, err := pattern.Compile(gpt2)
		if err != nil {
			return err
		}
		s.steps = append(s.steps, splitBy(p, isolated, false))
	}
	return nil
}

// A behavior says where the matches of a pattern go.
type behavior string

const (
	removed            behavior = "Removed"
	isolated           behavior = "Isolated"
	mergedWithPrevious behavior = "MergedWithPrevious"
	mergedWithNext     behavior = "MergedWithNext"
	contiguous         behavior = "Contiguous"
)

func newSplit(raw json.RawMessage) (splitter, error) {
	var c struct {
		bare
		Pattern  match    `json:"pattern"`
		Behavior behavior `json:"behavior"`
		Invert   bool     `json:"invert"`
	}
	if err := definition.Strict(raw, &c); err != nil {
		return nil, err
	}
	switch c.Behavior {
	case removed, isolated, mergedWithPrevious, mergedWithNext, contiguous:
	default:
		return nil, definition.Unsupported("split behavior", string(c.Behavior), string(removed), string(isolated), string(mergedWithPrevious), string(mergedWithNext), string(contiguous))
	}
	p, err := c.Pattern.compile()
	return splitBy(p, c.Behavior, c.Invert), err
}

func newDigits(raw json.RawMessage) (splitter, error) {
	var c struct {
		bare
		IndividualDigits bool `json:"individual_digits"`
	}
	if err := definition.Strict(raw, &c); err != nil {
		return nil, err
	}
	if c.IndividualDigits {
		return newCharSplit(`\p{N}`, isolated)
	}
	return newCharSplit(`\p{N}`, contiguous)
}

// newCharSplit cuts at characters of one kind.
func newCharSplit(kind string, b behavior) (splitter, error) {
	p, err := pattern.Compile(kind)
	return splitBy(p, b, false), err
}

func newMetaspace(raw json.RawMessage) (splitter, error) {
	c := struct {
		bare
		Replacement    string `json:"replacement"`
		StrRep         string `json:"str_rep"` // an old spelling of the same
		PrependScheme  string `json:"prepend_scheme"`
		AddPrefixSpace *bool  `json:"add_prefix_space"`
		Split          bool   `json:"split"`
	}{Replacement: "▁", PrependScheme: "always", Split: true}
	if err := definition.Strict(raw, &c); err != nil {
		return nil, err
	}
	if c.AddPrefixSpace != nil && !*c.AddPrefixSpace {
		c.PrependScheme = "never"
	}
	if c.PrependScheme != "always" && c.PrependScheme != "first" && c.PrependScheme != "never" {
		return nil, definition.Unsupported("prepend_scheme", c.PrependScheme, "always", "first", "never")
	}
	if utf8.RuneCountInString(c.Replacement) != 1 {
		return nil, errors.New("the replacement of Metaspace is not one character")
	}
	return metaspace(c.Replacement, c.PrependScheme, c.Split), nil
}

// metaspace writes spaces as replacement, with one at the start, and cuts in
// front of each.
func metaspace(replacement, scheme string, cut bool) splitter {
	spaces, front := replaceByte(' ', replacement), prepend(replacement)
	words := splitBy(pattern.Literal(replacement), mergedWithNext, false)
	return func(p piece, emit func(piece)) {
		p = spaces(p)
		if (scheme == "always" || scheme == "first" && p.base == 0) && !strings.HasPrefix(p.text, replacement) {
			p = front(p)
		}
		if cut {
			words(p, emit)
		} else {
			emit(p)
		}
	}
}

// A part of a piece, and whether it matched.
type part struct {
	start, end int
	match      bool
}

// splitBy cuts at the matches of p.
func splitBy(p *pattern.Pattern, b behavior, invert bool) splitter {
	if b == isolated { // invert changes nothing: everything is kept either way
		return func(src piece, emit func(piece)) {
			parts(p, src.text, func(q part) { emit(src.sub(q.start, q.end)) })
		}
	}
	return func(src piece, emit func(piece)) {
		var all []part
		parts(p, src.text, func(q part) {
			q.match = q.match != invert
			all = append(all, q)
		})
		for _, q := range join(all, b) {
			if b != removed || !q.match {
				emit(src.sub(q.start, q.end))
			}
		}
	}
}

// parts cuts a text into matches and what is between them.
func parts(p *pattern.Pattern, s string, emit func(part)) {
	last := 0
	for at := 0; at < len(s); {
		start, end := p.Find(s, at)
		if start < 0 {
			break
		}
		if start == end {
			_, size := utf8.DecodeRuneInString(s[start:])
			at = start + max(size, 1)
			continue
		}
		if last < start {
			emit(part{last, start, false})
		}
		emit(part{start, end, true})
		last, at = end, end
	}
	if last < len(s) {
		emit(part{last, len(s), false})
	}
}

// join puts matches together with their neighbours, as b says.
func join(parts []part, b behavior) []part {
	var joined []part
	switch b {
	case mergedWithPrevious, contiguous:
		before := false
		for i, q := range parts {
			with := q.match && !before
			if b == contiguous {
				with = q.match == before
			}
			if with && i > 0 {
				joined[len(joined)-1].end = q.end
			} else {
				joined = append(joined, q)
			}
			before = q.match
		}
	case mergedWithNext:
		before := false // whether the last match still waits for what follows
		for _, q := range parts {
			if before && !q.match {
				joined[len(joined)-1].end = q.end
			} else {
				joined = append(joined, q)
			}
			before = q.match
		}
	default:
		return parts
	}
	return joined
}
