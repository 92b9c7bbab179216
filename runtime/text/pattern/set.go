package pattern

import (
	"unicode"
	"unicode/utf8"
)

// A set of characters: a range, properties, a union of sets, or all that are
// not in it. Made by span, union, not, fold and the pattern parser.
type set struct {
	low, high rune // low > high: not a range
	tables    []*unicode.RangeTable
	parts     []*set
	negative  bool
	folded    bool
	ascii     [2]uint64 // the answer for each of U+0000 to U+007F
}

func span(low, high rune) *set {
	s := &set{low: low, high: high}
	s.index()
	return s
}

func single(r rune) *set { return span(r, r) }

func union(tables ...*unicode.RangeTable) *set {
	s := &set{low: 1, high: 0, tables: tables}
	s.index()
	return s
}

// not is the set of all characters that are not in s.
func (s *set) not() *set {
	inverse := *s
	inverse.negative = !s.negative
	inverse.index()
	return &inverse
}

// fold is the set of all characters that differ from one in s by case alone.
func (s *set) fold() *set {
	folded := &set{low: 1, high: 0, parts: []*set{s}, folded: true}
	folded.index()
	return folded
}

func (s *set) index() {
	s.ascii = [2]uint64{}
	for r := rune(0); r < utf8.RuneSelf; r++ {
		if s.slow(r) {
			s.ascii[r/64] |= 1 << (r % 64)
		}
	}
}

func (s *set) has(r rune) bool {
	if r < utf8.RuneSelf {
		return s.ascii[r/64]&(1<<(r%64)) != 0
	}
	return s.slow(r)
}

func (s *set) slow(r rune) bool {
	if s.member(r) {
		return !s.negative
	}
	if s.folded {
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			if s.member(f) {
				return !s.negative
			}
		}
	}
	return s.negative
}

func (s *set) member(r rune) bool {
	if s.low <= r && r <= s.high {
		return true
	}
	if unicode.In(r, s.tables...) {
		return true
	}
	for _, part := range s.parts {
		if part.slow(r) {
			return true
		}
	}
	return false
}

// run counts the characters from pos on that are in s, at most limit of them
// (limit < 0: no limit), and returns where they end.
func (s *set) run(text string, pos, limit int) (end, count int) {
	for pos < len(text) && count != limit {
		c := text[pos]
		if c < utf8.RuneSelf {
			if s.ascii[c/64]&(1<<(c%64)) == 0 {
				break
			}
			pos++
		} else {
			r, size := utf8.DecodeRuneInString(text[pos:])
			if !s.slow(r) {
				break
			}
			pos += size
		}
		count++
	}
	return pos, count
}
