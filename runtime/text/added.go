package text

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rmc-lang/rmc/runtime/text/definition"
	"github.com/rmc-lang/rmc/runtime/text/pattern"
)

// A finder finds the added tokens of a text: leftmost first, of those the
// longest, as Hugging Face's tokenizers does.
type finder struct {
	tokens []definition.AddedToken
	nodes  []trieNode
	first  [256]bool // the bytes that a token can start with
}

// A trieNode is a state on the way through the spellings of tokens.
type trieNode struct {
	next  map[byte]int32
	token int32 // index of the token that ends here, or -1
}

// newFinder indexes tokens by how they are spelled; nil for none.
func newFinder(tokens []definition.AddedToken, spelled func(definition.AddedToken) string) *finder {
	if len(tokens) == 0 {
		return nil
	}
	f := &finder{tokens: tokens, nodes: []trieNode{{token: -1}}}
	for i, t := range tokens {
		if spelling := spelled(t); spelling != "" {
			f.insert(spelling, int32(i))
		}
	}
	return f
}

func (f *finder) insert(spelling string, token int32) {
	f.first[spelling[0]] = true
	at := int32(0)
	for i := range len(spelling) {
		next, ok := f.nodes[at].next[spelling[i]]
		if !ok {
			next = int32(len(f.nodes))
			f.nodes = append(f.nodes, trieNode{token: -1})
			if f.nodes[at].next == nil {
				f.nodes[at].next = map[byte]int32{}
			}
			f.nodes[at].next[spelling[i]] = next
		}
		at = next
	}
	if f.nodes[at].token < 0 { // of two that are spelled alike the first counts
		f.nodes[at].token = token
	}
}

// longest is the longest token that s starts with, and its length.
func (f *finder) longest(s string) (token int32, length int) {
	token = -1
	at := int32(0)
	for i := range len(s) {
		next, ok := f.nodes[at].next[s[i]]
		if !ok {
			break
		}
		if at = next; f.nodes[at].token >= 0 {
			token, length = f.nodes[at].token, i+1
		}
	}
	return token, length
}

// cut hands out a piece in order: what lies between tokens to rest, and the
// tokens, with the white space they strip, to found.
func (f *finder) cut(p piece, rest func(piece), found func(piece, definition.AddedToken)) {
	last := 0
	if f != nil {
		for at := 0; at < len(p.text); {
			if !f.first[p.text[at]] {
				at++
				continue
			}
			i, length := f.longest(p.text[at:])
			if i < 0 {
				at++
				continue
			}
			start, end := at, at+length
			at = end
			token := f.tokens[i]
			if token.SingleWord && !alone(p.text, start, end) {
				continue
			}
			if token.LStrip {
				start = max(last, len(strings.TrimRightFunc(p.text[:start], unicode.IsSpace)))
			}
			if token.RStrip {
				end = len(p.text) - len(strings.TrimLeftFunc(p.text[end:], unicode.IsSpace))
			}
			if last < start {
				rest(p.sub(last, start))
			}
			found(p.sub(min(start, end), end), token)
			last = end
		}
	}
	if last < len(p.text) {
		rest(p.sub(last, len(p.text)))
	}
}

// alone reports whether no word goes on before start or after end.
func alone(s string, start, end int) bool {
	before, size := utf8.DecodeLastRuneInString(s[:start])
	after, sizeAfter := utf8.DecodeRuneInString(s[end:])
	return (size == 0 || !pattern.IsWord(before)) && (sizeAfter == 0 || !pattern.IsWord(after))
}
