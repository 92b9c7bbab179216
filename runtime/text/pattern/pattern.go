// Package pattern matches the regular expressions of tokenizer files, as
// Oniguruma does for Hugging Face's tokenizers: by backtracking, leftmost, the
// first alternative first, with the character classes of Unicode 16.
//
// It is ours because these expressions need look-ahead and possessive
// repeats, which regexp lacks, and Unicode 16's letters, which regexp2 lacks:
// both would cut some texts differently from the tokenizers that models were
// trained with.
package pattern

import (
	"fmt"
	"unicode/utf8"
)

// A Pattern is a compiled regular expression. It is safe for concurrent use.
type Pattern struct{ start *node }

// A node matches something at a position and hands on to next; nil matches.
type node struct {
	op         op
	set        *set
	min, max   int // repeats of set; max < 0 is no limit
	possessive bool
	negative   bool    // of look
	body       *node   // of look and atomic
	options    []*node // of choice, each linked on to what follows the choice
	next       *node
}

type op uint8

const (
	repeat op = iota // set, min to max times, as often as possible
	choice           // the first option that leads to a match
	look             // body must (or must not) match here, and takes nothing
	atomic           // body's first match, for good
)

// Find returns the leftmost match at or after byte from; start < 0 if there is
// none.
func (p *Pattern) Find(s string, from int) (start, end int) {
	for from <= len(s) {
		if end := p.start.match(s, from); end >= 0 {
			return from, end
		}
		if from == len(s) {
			break
		}
		_, size := utf8.DecodeRuneInString(s[from:])
		from += size
	}
	return -1, -1
}

// match returns where a match that starts at pos ends, or -1.
func (n *node) match(s string, pos int) int {
	for ; n != nil; n = n.next {
		switch n.op {
		case repeat:
			end, count := n.set.run(s, pos, n.max)
			if count < n.min {
				return -1
			}
			if n.next != nil && !n.possessive && count > n.min {
				return n.backtrack(s, end, count)
			}
			pos = end
		case choice:
			for _, option := range n.options {
				if end := option.match(s, pos); end >= 0 {
					return end
				}
			}
			return -1
		case look:
			if (n.body.match(s, pos) >= 0) == n.negative {
				return -1
			}
		case atomic:
			if pos = n.body.match(s, pos); pos < 0 {
				return -1
			}
		}
	}
	return pos
}

// backtrack gives up one repeat after the other until the rest matches.
func (n *node) backtrack(s string, end, count int) int {
	for ; count >= n.min; count-- {
		if found := n.next.match(s, end); found >= 0 {
			return found
		}
		if count > 0 {
			_, size := utf8.DecodeLastRuneInString(s[:end])
			end -= size
		}
	}
	return -1
}

// Compile makes a pattern of source. An error names what is not supported:
// guessing would cut texts wrongly.
func Compile(source string) (*Pattern, error) {
	p := &parser{source: source}
	tree, err := p.alternatives()
	if err == nil && p.pos < len(p.source) {
		err = fmt.Errorf("a ) that nothing opened")
	}
	if err != nil {
		return nil, fmt.Errorf("pattern %q, at byte %d: %w", source, p.pos, err)
	}
	start, err := tree.link(nil)
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", source, err)
	}
	return &Pattern{start}, nil
}

// Literal is the pattern that matches text itself.
func Literal(text string) *Pattern {
	var t tree
	for _, r := range text {
		t.parts = append(t.parts, tree{set: single(r)})
	}
	start, err := t.link(nil)
	if err != nil {
		panic(err) // a sequence of single characters always links
	}
	return &Pattern{start}
}

// A tree is a parsed expression. Exactly one of set, parts, options and body
// says what it is; an empty tree matches the empty text.
type tree struct {
	set      *set
	parts    []tree // one after the other
	options  []tree // one of them
	body     *tree  // what is repeated, looked at or atomic
	op       op     // of body
	negative bool
	min, max int
	hold     bool // possessive
}

// maxCopies bounds how often a repeated group is written out.
const maxCopies = 64

// link turns a tree into nodes that hand on to next.
func (t tree) link(next *node) (*node, error) {
	switch {
	case t.set != nil:
		return &node{op: repeat, set: t.set, min: 1, max: 1, next: next}, nil
	case t.options != nil:
		return t.linkOptions(next)
	case t.body == nil:
		var err error
		for i := len(t.parts) - 1; i >= 0 && err == nil; i-- {
			next, err = t.parts[i].link(next)
		}
		return next, err
	case t.op == look || t.op == atomic:
		body, err := t.body.link(nil)
		return &node{op: t.op, body: body, negative: t.negative, next: next}, err
	case t.body.set != nil:
		return &node{op: repeat, set: t.body.set, min: t.min, max: t.max, possessive: t.hold, next: next}, nil
	case t.hold:
		loose := t
		loose.hold = false
		return tree{op: atomic, body: &loose}.link(next)
	}
	return t.linkGroup(next)
}

// nothing matches the empty text.
func nothing() *node { return &node{op: repeat, set: span(1, 0)} }

func (t tree) linkOptions(next *node) (*node, error) {
	n := &node{op: choice}
	for _, option := range t.options {
		linked, err := option.link(next)
		if err != nil {
			return nil, err
		}
		if linked == nil { // an empty option at the very end
			linked = nothing()
		}
		n.options = append(n.options, linked)
	}
	return n, nil
}

// linkGroup writes a repeated group out: min copies, then optional ones or a
// loop.
func (t tree) linkGroup(next *node) (*node, error) {
	if t.min > maxCopies || t.max > maxCopies {
		return nil, fmt.Errorf("a group repeated over %d times is not supported", maxCopies)
	}
	end := next
	if end == nil {
		end = nothing()
	}
	next = end
	if t.max < 0 {
		if t.body.mayBeEmpty() {
			return nil, fmt.Errorf("a repeated group that can match nothing is not supported")
		}
		loop := &node{op: choice}
		again, err := t.body.link(loop)
		if err != nil {
			return nil, err
		}
		loop.options = []*node{again, end}
		next = loop
	}
	for i := max(t.max, t.min) - 1; i >= 0; i-- {
		once, err := t.body.link(next)
		if err != nil {
			return nil, err
		}
		if next = once; i >= t.min {
			next = &node{op: choice, options: []*node{once, end}}
		}
	}
	return next, nil
}

func (t tree) mayBeEmpty() bool {
	switch {
	case t.set != nil:
		return false
	case t.options != nil:
		for _, option := range t.options {
			if option.mayBeEmpty() {
				return true
			}
		}
		return false
	case t.body != nil:
		return t.op == look || t.op == repeat && t.min == 0 || t.body.mayBeEmpty()
	}
	for _, part := range t.parts {
		if !part.mayBeEmpty() {
			return false
		}
	}
	return true
}
