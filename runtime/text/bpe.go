package text

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/rmc-lang/rmc/runtime/text/definition"
)

// A token is an id and the number of bytes of normalized text it stands for.
type token struct{ id, size int32 }

// bpe is byte-pair encoding, over bytes or over characters.
type bpe struct {
	ids          map[string]int32 // by bytes, or by text
	merges       mergeTable
	unk          int32 // or -1
	unkText      string
	fuseUnk      bool
	ignoreMerges bool // a word that is a token is that token
	fallback     *[256]int32
	overBytes    bool
	bytes        [256]int32 // ids of single bytes, or -1
	runes        map[rune]int32
	// joins holds every pair of symbols that some token has side by side.
	// Between two others no merge can happen, so that a long text may be cut
	// there without changing a token.
	joins map[uint64]bool
}

// newBPE builds a BPE model; overBytes if its vocabulary spells bytes in
// GPT-2's alphabet.
func newBPE(d *definition.Model, overBytes bool) (*bpe, error) {
	if err := plainBPE(d); err != nil {
		return nil, err
	}
	b := &bpe{ids: d.Vocab.IDs, unk: -1, fuseUnk: d.FuseUnk, ignoreMerges: d.IgnoreMerges, overBytes: overBytes}
	if d.UnkToken != nil && *d.UnkToken != "" {
		id, ok := b.ids[*d.UnkToken]
		if !ok {
			return nil, fmt.Errorf("the vocabulary lacks unk_token %q", *d.UnkToken)
		}
		b.unk, b.unkText = id, *d.UnkToken
	}
	if d.ByteFallback {
		b.fallback = fallbackIDs(b.ids)
	}
	if err := b.merge(d.Merges); err != nil {
		return nil, err
	}
	if overBytes {
		b.spellInBytes()
	} else {
		b.indexRunes()
		b.indexJoins(d.Merges)
	}
	return b, nil
}

// plainBPE refuses what models of this size do not use.
func plainBPE(d *definition.Model) error {
	set := func(s *string) bool { return s != nil && *s != "" }
	switch {
	case d.Dropout != nil && *d.Dropout != 0:
		return errors.New("BPE with dropout is random, which is not supported")
	case set(d.ContinuingSubwordPrefix):
		return fmt.Errorf("BPE with continuing_subword_prefix %q is not supported", *d.ContinuingSubwordPrefix)
	case set(d.EndOfWordSuffix):
		return fmt.Errorf("BPE with end_of_word_suffix %q is not supported", *d.EndOfWordSuffix)
	case d.Vocab.Pieces != nil:
		return errors.New("BPE with a list as vocabulary is not supported")
	case d.UnkID != nil:
		return errors.New("BPE with an unk_id is not supported")
	}
	return nil
}

func fallbackIDs(ids map[string]int32) *[256]int32 {
	var fallback [256]int32
	for i := range fallback {
		id, ok := ids[fmt.Sprintf("<0x%02X>", i)]
		if !ok {
			id = -1
		}
		fallback[i] = id
	}
	return &fallback
}

func (b *bpe) merge(merges []definition.Pair) error {
	b.merges = newMergeTable(len(merges))
	var joined []byte
	for rank, m := range merges {
		left, okLeft := b.ids[m[0]]
		right, okRight := b.ids[m[1]]
		joined = append(append(joined[:0], m[0]...), m[1]...)
		id, ok := b.ids[string(joined)]
		if !ok || !okLeft || !okRight {
			return fmt.Errorf("merge %d makes %q of %q and %q, which are not all in the vocabulary", rank, joined, m[0], m[1])
		}
		b.merges.put(key(left, right), uint32(rank), id)
	}
	return nil
}

// spellInBytes replaces the spelling in GPT-2's alphabet by the bytes meant.
// Tokens with other characters can only be added tokens.
func (b *bpe) spellInBytes() {
	spelled := b.ids
	b.ids = make(map[string]int32, len(spelled))
	for text, id := range spelled {
		if raw, ok := fromAlphabet(text); ok {
			b.ids[raw] = id
		}
	}
	for i := range b.bytes {
		id, ok := b.ids[string([]byte{byte(i)})]
		if !ok {
			id = -1
		}
		b.bytes[i] = id
	}
}

func (b *bpe) indexRunes() {
	b.runes = map[rune]int32{}
	for text, id := range b.ids {
		if r, size := utf8.DecodeRuneInString(text); size == len(text) && size > 0 {
			b.runes[r] = id
		}
	}
}

func (b *bpe) indexJoins(merges []definition.Pair) {
	b.joins = map[uint64]bool{}
	for _, m := range merges {
		last, _ := utf8.DecodeLastRuneInString(m[0])
		first, _ := utf8.DecodeRuneInString(m[1])
		for _, left := range b.edges(last, m[0]) {
			for _, right := range b.edges(first, m[1]) {
				b.joins[key(left, right)] = true
			}
		}
	}
}

// edges are the symbols that a token can have at the end where r is: r's own,
// or the token itself if it stands for a byte or for what is unknown.
func (b *bpe) edges(r rune, text string) []int32 {
	edges := make([]int32, 0, 2)
	if id, ok := b.runes[r]; ok {
		edges = append(edges, id)
	}
	if _, isByte := fallbackByte(text); isByte || text == b.unkText {
		edges = append(edges, b.ids[text])
	}
	return edges
}

// encode appends the tokens of one word.
func (b *bpe) encode(e *encoder, word string) {
	if b.ignoreMerges {
		if id, ok := b.ids[word]; ok {
			e.out = append(e.out, token{id, int32(len(word))})
			return
		}
	}
	if b.overBytes {
		b.encodeBytes(e, word)
		return
	}
	e.symbols = b.symbols(e.symbols[:0], word)
	at := 0
	for i := 0; i < len(e.symbols); {
		j, end := i, at
		for {
			end += int(e.symbols[j].size)
			if j++; j == len(e.symbols) || !b.joins[key(e.symbols[j-1].id, e.symbols[j].id)] {
				break
			}
		}
		b.chunk(e, word[at:end], e.symbols[i:j])
		i, at = j, end
	}
}

func (b *bpe) encodeBytes(e *encoder, word string) {
	if known, ok := e.cache[word]; ok {
		e.out = append(e.out, known...)
		return
	}
	e.symbols = b.byteSymbols(e.symbols[:0], word)
	e.remember(word, b.merges.apply(e, e.symbols))
}

// byteSymbols appends the bytes of a word. One that has no token becomes the
// unknown token; without such a token it is dropped, and what stands beside it
// covers its place in the text.
func (b *bpe) byteSymbols(symbols []token, word string) []token {
	unknown, dropped := false, int32(0)
	for i := range len(word) {
		id := b.bytes[word[i]]
		switch {
		case id >= 0:
			symbols = append(symbols, token{id, 1 + dropped})
			dropped = 0
		case b.unk < 0:
			dropped++
		case unknown && b.fuseUnk:
			symbols[len(symbols)-1].size++
		default:
			symbols = append(symbols, token{b.unk, 1})
		}
		unknown = id < 0
	}
	if dropped > 0 && len(symbols) > 0 {
		symbols[len(symbols)-1].size += dropped
	}
	return symbols
}

// chunk appends the tokens of symbols, which spell text.
func (b *bpe) chunk(e *encoder, text string, symbols []token) {
	if len(symbols) == 1 {
		e.out = append(e.out, symbols[0])
		return
	}
	if known, ok := e.cache[text]; ok {
		e.out = append(e.out, known...)
		return
	}
	e.remember(text, b.merges.apply(e, symbols))
}

// symbols appends what a word is before any merge: its characters, bytes for
// those that are not in the vocabulary, or the unknown token. Without such a
// token what is unknown is dropped, as in byteSymbols.
func (b *bpe) symbols(symbols []token, word string) []token {
	unknown, dropped := false, int32(0)
	for i := 0; i < len(word); {
		r, size := utf8.DecodeRuneInString(word[i:])
		id, ok := b.runes[r]
		ok = ok && (r != utf8.RuneError || size > 1)
		after := unknown
		unknown = false
		switch {
		case ok:
			symbols = append(symbols, token{id, int32(size) + dropped})
			dropped = 0
		case b.fallsBack(word[i : i+size]):
			for j := i; j < i+size; j++ {
				symbols = append(symbols, token{b.fallback[word[j]], 1 + dropped})
				dropped = 0
			}
		case b.unk < 0:
			dropped += int32(size)
		case after && b.fuseUnk:
			symbols[len(symbols)-1].size += int32(size)
			unknown = true
		default:
			symbols = append(symbols, token{b.unk, int32(size)})
			unknown = true
		}
		i += size
	}
	if dropped > 0 && len(symbols) > 0 {
		symbols[len(symbols)-1].size += dropped
	}
	return symbols
}

// fallsBack reports whether every byte of a character has a token.
func (b *bpe) fallsBack(char string) bool {
	if b.fallback == nil {
		return false
	}
	for i := range len(char) {
		if b.fallback[char[i]] < 0 {
			return false
		}
	}
	return true
}

// A mergeTable maps a pair of ids to its rank and to the id it becomes.
type mergeTable struct {
	entries []mergeEntry // open addressing; a power of two
	shift   uint
}

type mergeEntry struct {
	key  uint64 // 0 is empty
	rank uint32
	id   int32
}

// noMerge is the rank of pairs that do not merge.
const noMerge = math.MaxUint32

// key is never 0 for ids of which the left is not -1.
func key(left, right int32) uint64 { return uint64(left+1)<<32 | uint64(uint32(right)) }

func newMergeTable(n int) mergeTable {
	bits := uint(4)
	for 1<<bits < 2*n {
		bits++
	}
	return mergeTable{entries: make([]mergeEntry, 1<<bits), shift: 64 - bits}
}

func (t *mergeTable) slot(key uint64) *mergeEntry {
	mask := uint64(len(t.entries) - 1)
	i := key * 0x9E3779B97F4A7C15 >> t.shift
	for t.entries[i].key != 0 && t.entries[i].key != key {
		i = (i + 1) & mask
	}
	return &t.entries[i]
}

func (t *mergeTable) put(key uint64, rank uint32, id int32) {
	*t.slot(key) = mergeEntry{key, rank, id}
}

func (t *mergeTable) rank(left, right int32) uint32 {
	if e := t.slot(key(left, right)); e.key != 0 {
		return e.rank
	}
	return noMerge
}

// longWord is the number of symbols from which a heap beats a scan.
const longWord = 64

// apply merges symbols, best rank first and of these the leftmost, until
// nothing is left to merge. It works in place.
func (t *mergeTable) apply(e *encoder, symbols []token) []token {
	if len(symbols) >= longWord {
		return t.applyLong(e, symbols)
	}
	ranks := e.ranks[:0]
	for i := range len(symbols) - 1 {
		ranks = append(ranks, t.rank(symbols[i].id, symbols[i+1].id))
	}
	e.ranks = ranks
	for {
		best, rank := 0, uint32(noMerge)
		for i, r := range ranks {
			if r < rank {
				best, rank = i, r
			}
		}
		if rank == noMerge {
			return symbols
		}
		merged := t.slot(key(symbols[best].id, symbols[best+1].id)).id
		symbols[best] = token{merged, symbols[best].size + symbols[best+1].size}
		symbols = append(symbols[:best+1], symbols[best+2:]...)
		ranks = append(ranks[:best], ranks[best+1:]...)
		if best > 0 {
			ranks[best-1] = t.rank(symbols[best-1].id, merged)
		}
		if best < len(ranks) {
			ranks[best] = t.rank(merged, symbols[best+1].id)
		}
	}
}

// applyLong does the same with a heap of (rank, position) over a linked list.
func (t *mergeTable) applyLong(e *encoder, symbols []token) []token {
	n := len(symbols)
	next, before := make([]int, n), make([]int, n)
	var heap heap
	rank := func(i int) uint32 {
		if symbols[i].size < 0 || next[i] == n {
			return noMerge
		}
		return t.rank(symbols[i].id, symbols[next[i]].id)
	}
	for i := range n {
		next[i], before[i] = i+1, i-1
	}
	push := func(i int) {
		if r := rank(i); r != noMerge {
			heap.push(uint64(r)<<32 | uint64(i))
		}
	}
	for i := range n {
		push(i)
	}
	for len(heap) > 0 {
		top := heap.pop()
		i := int(uint32(top))
		if rank(i) != uint32(top>>32) {
			continue // the pair has changed since
		}
		j := next[i]
		merged := t.slot(key(symbols[i].id, symbols[j].id)).id
		symbols[i] = token{merged, symbols[i].size + symbols[j].size}
		symbols[j].size = -1
		if next[i] = next[j]; next[i] < n {
			before[next[i]] = i
		}
		if before[i] >= 0 {
			push(before[i])
		}
		push(i)
	}
	kept := symbols[:0]
	for _, s := range symbols {
		if s.size >= 0 {
			kept = append(kept, s)
		}
	}
	return kept
}

// A heap gives back the smallest of its numbers first.
type heap []uint64

func (h *heap) push(x uint64) {
	*h = append(*h, x)
	s := *h
	for i := len(s) - 1; i > 0; {
		up := (i - 1) / 2
		if s[up] <= s[i] {
			break
		}
		s[up], s[i] = s[i], s[up]
		i = up
	}
}

func (h *heap) pop() uint64 {
	s := *h
	top := s[0]
	s[0] = s[len(s)-1]
	s = s[:len(s)-1]
	*h = s
	for i := 0; ; {
		low := 2*i + 1
		if low >= len(s) {
			return top
		}
		if low+1 < len(s) && s[low+1] < s[low] {
			low++
		}
		if s[i] <= s[low] {
			return top
		}
		s[i], s[low] = s[low], s[i]
		i = low
	}
}
