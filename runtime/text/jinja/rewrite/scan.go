// Package rewrite writes a template of Jinja's so that gonja's parser reads it as
// Jinja does.
package rewrite

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// scanner rewrites a template for gonja's parser, which then sees tags and
// expressions only, with single spaces between their tokens. This, with
// rewriter, is the one place that makes up for gonja's parser (v2.9.1):
//
//   - Text between tags becomes {{ jinja_text_N }}, with the white space that
//     Jinja's rules leave: gonja strips too much between tags on one line.
//   - String literals become jinja_text_N: gonja decodes escapes differently.
//   - Line ends inside tags become spaces: gonja takes "and" before one for a
//     name.
//   - Expressions are rewritten, see rewriter.
//
// A gonja that passes the tests of package jinja without one of these makes it unnecessary.
type scanner struct {
	source string
	pos    int
	texts  []string
	out    strings.Builder
	// atLineStart says whether the last token ended a line, or nothing came
	// before.
	atLineStart bool
	lines       int // written so far
}

// TextName begins the names that stand for texts: jinja_text_3 is the fourth.
const TextName = "jinja_text_"

// Source rewrites a template. The texts that its names stand for come beside it, by
// their number.
func Source(template string) (rewritten string, texts []string, err error) {
	s := &scanner{source: normalizeNewlines(template)}
	if err := s.scan(); err != nil {
		return "", nil, fmt.Errorf("line %d: %w", s.line(), err)
	}
	return s.out.String(), s.texts, nil
}

// normalizeNewlines does what Jinja's lexer does first: one kind of line end,
// and none at the end of the source.
func normalizeNewlines(source string) string {
	source = strings.ReplaceAll(source, "\r\n", "\n")
	source = strings.ReplaceAll(source, "\r", "\n")
	return strings.TrimSuffix(source, "\n")
}

func (s *scanner) line() int { return strings.Count(s.source[:s.pos], "\n") + 1 }

func (s *scanner) scan() error {
	s.atLineStart = true
	for s.pos < len(s.source) {
		rest := s.source[s.pos:]
		i := opening(rest)
		if i < 0 {
			s.data(rest)
			return nil
		}
		text, kind := rest[:i], rest[i+1]
		s.pos += i + 2
		sign := s.sign()
		switch {
		case sign == '-':
			text = strings.TrimRightFunc(text, IsSpace)
		case sign != '+' && kind != '{':
			text = s.leftStrip(text)
		}
		s.data(text)
		s.keepLines()
		if err := s.tag(kind); err != nil {
			return err
		}
	}
	return nil
}

// opening finds the first {{, {% or {#.
func opening(text string) int {
	for i := 0; i+1 < len(text); i++ {
		if text[i] == '{' && (text[i+1] == '{' || text[i+1] == '%' || text[i+1] == '#') {
			return i
		}
	}
	return -1
}

func (s *scanner) sign() byte {
	if s.pos < len(s.source) && (s.source[s.pos] == '-' || s.source[s.pos] == '+') {
		s.pos++
		return s.source[s.pos-1]
	}
	return 0
}

// leftStrip takes away the white space between the start of a line and a tag
// (lstrip_blocks).
func (s *scanner) leftStrip(text string) string {
	line := strings.LastIndexByte(text, '\n') + 1
	if (line > 0 || s.atLineStart) && strings.TrimFunc(text[line:], IsSpace) == "" {
		return text[:line]
	}
	return text
}

// data writes text between tags.
func (s *scanner) data(text string) {
	if text != "" {
		fmt.Fprintf(&s.out, "{{ %s }}", s.keep(text))
	}
}

// keep puts a text aside and returns the name for it.
func (s *scanner) keep(text string) string {
	s.texts = append(s.texts, text)
	return fmt.Sprint(TextName, len(s.texts)-1)
}

// keepLines writes comments so that gonja counts the lines as the source does.
func (s *scanner) keepLines() {
	if n := s.line() - 1 - s.lines; n > 0 {
		fmt.Fprintf(&s.out, "{#%s#}", strings.Repeat("\n", n))
		s.lines += n
	}
}

// tag reads and rewrites what follows {{, {% or {#.
func (s *scanner) tag(kind byte) error {
	if kind == '#' {
		end := strings.Index(s.source[s.pos:], "#}")
		if end < 0 {
			return errors.New("a comment that nothing closes")
		}
		sign := byte(0)
		if end > 0 {
			sign = s.source[s.pos+end-1]
		}
		s.pos += end + 2
		s.close(sign, true)
		return nil
	}
	list, sign, err := s.tokens(kind)
	if err != nil {
		return err
	}
	w := rewriter{list: list}
	if kind == '{' {
		fmt.Fprintf(&s.out, "{{ %s }}", w.tuple(w.condition))
	} else {
		fmt.Fprintf(&s.out, "{%% %s %%}", w.statement())
	}
	if w.err == nil && w.pos < len(list) {
		w.fail("%s where nothing can follow", list[w.pos])
	}
	s.close(sign, kind == '%')
	return w.err
}

// close deals with the white space after a tag that ends with a sign.
func (s *scanner) close(sign byte, block bool) {
	start := s.pos
	switch {
	case sign == '-':
		s.pos = len(s.source) - len(strings.TrimLeftFunc(s.source[s.pos:], IsSpace))
	case block && sign != '+' && strings.HasPrefix(s.source[s.pos:], "\n"):
		s.pos++ // trim_blocks
	}
	s.atLineStart = s.pos > start && s.source[s.pos-1] == '\n'
}

// tokenPattern is the tokens of Jinja's expressions but for strings.
var tokenPattern = regexp.MustCompile(`^(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d[\d_]*)?|[\pL\pM\p{Nd}\p{Pc}]+|//|\*\*|==|!=|>=|<=|[-+/*%~\[\](){}<>=.:|,;])`)

// tokens reads up to the end of a tag.
func (s *scanner) tokens(kind byte) (list []string, sign byte, err error) {
	end := map[byte]string{'{': "}}", '%': "%}"}[kind]
	depth := 0
	for s.pos < len(s.source) {
		rest := s.source[s.pos:]
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case depth == 0 && strings.HasPrefix(rest, end):
			s.pos += 2
			return list, 0, nil
		case depth == 0 && (rest[0] == '-' || rest[0] == '+' && kind == '%') && strings.HasPrefix(rest[1:], end):
			s.pos += 3
			return list, rest[0], nil
		case IsSpace(r):
			s.pos += size
			continue
		case r == '"' || r == '\'':
			if err := s.literal(&list); err != nil {
				return nil, 0, err
			}
			continue
		}
		token := tokenPattern.FindString(rest)
		switch token {
		case "":
			return nil, 0, fmt.Errorf("%q cannot be in an expression", r)
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			depth--
		}
		list = append(list, token)
		s.pos += len(token)
	}
	return nil, 0, errors.New("a tag that nothing closes")
}

// literal reads a string and appends a name for it. Strings side by side are
// one.
func (s *scanner) literal(list *[]string) error {
	quote := s.source[s.pos]
	i := s.pos + 1
	for i < len(s.source) && s.source[i] != quote {
		if s.source[i] == '\\' {
			i++
		}
		i++
	}
	if i >= len(s.source) {
		return errors.New("a string that nothing closes")
	}
	text, err := unescape(s.source[s.pos+1 : i])
	if err != nil {
		return err
	}
	s.pos = i + 1
	if n := len(*list); n > 0 && strings.HasPrefix((*list)[n-1], TextName) {
		s.texts[len(s.texts)-1] += text
		return nil
	}
	*list = append(*list, s.keep(text))
	return nil
}

// unescape decodes Python's escapes.
func unescape(body string) (string, error) {
	var out strings.Builder
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' || i+1 == len(body) {
			out.WriteByte(body[i])
			continue
		}
		i++
		if plain, ok := escapes[body[i]]; ok {
			out.WriteString(plain)
			continue
		}
		digits, base := 0, 16
		switch c := body[i]; {
		case c == 'x':
			digits = 2
		case c == 'u':
			digits = 4
		case c == 'U':
			digits = 8
		case c >= '0' && c <= '7':
			base, i = 8, i-1
			for digits < 3 && i+1+digits < len(body) && body[i+1+digits] >= '0' && body[i+1+digits] <= '7' {
				digits++
			}
		default:
			out.WriteByte('\\')
			out.WriteByte(c)
			continue
		}
		number := body[min(i+1, len(body)):min(i+1+digits, len(body))]
		code, err := strconv.ParseUint(number, base, 32)
		if err != nil || len(number) < digits {
			return "", fmt.Errorf("the escape \\%s is not complete", body[i:min(i+1+digits, len(body))])
		}
		out.WriteRune(rune(code))
		i += digits
	}
	return out.String(), nil
}

// escapes are those of one character.
var escapes = map[byte]string{
	'n': "\n", 't': "\t", 'r': "\r", 'f': "\f", 'v': "\v", 'a': "\a", 'b': "\b",
	'\\': `\`, '\'': "'", '"': `"`, '\n': "",
}

// IsSpace is Python's str.isspace.
func IsSpace(r rune) bool {
	return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f
}
