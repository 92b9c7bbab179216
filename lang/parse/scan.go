package parse

import (
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/source"
)

// The kinds of token.
const (
	ident lexer.TokenType = iota + 1
	number
	unit // a name or % right after a number, on its line
	text // a string, with its quotes and escapes
	punct
	newline // ends a statement; inserted, as in Go, after a token that can end one
	space   // whatever lies between tokens; participle finds the end of a node by it
)

// A scanner cuts a file into tokens and those into statements: runs of tokens
// that a newline outside all brackets ends.
type scanner struct {
	src    *source.File
	errs   *diag.List
	rescue bool // brackets do not balance: find where by indentation

	pos      int
	line     int // where its line begins
	tokens   []token
	open     []opener
	newlines int // since the last token or comment
	// Statements are tokens[cuts[i]:cuts[i+1]].
	cuts     []int
	unclosed bool // a bracket was open at the end of the file
	broken   bool // the text is none that can be read

	head     []string // detached doc lines before the first token
	pending  []doc    // doc comments waiting for their token
	stray    []doc    // doc comments with no token to document
	comments []*ast.Comment
	extra    map[int]bool // where reported characters begin without which the rest may make sense
}

type token struct {
	kind       lexer.TokenType
	start, end int   // bytes
	docs       []doc // doc comments right above
	first      bool  // first of its line
	lost       bool  // of an item that could not be parsed, and is left out
}

type doc struct {
	span source.Span
	text string
}

// An opener is a bracket that is not closed yet.
type opener struct {
	token  int // index
	indent int // of its line, in bytes
}

// scan reads src and reports what is wrong with single tokens and brackets.
func scan(src *source.File) (*scanner, diag.List) {
	if s := unreadable(src); s != nil {
		return s, *s.errs
	}
	s := run(src, false)
	if s.unclosed {
		s = run(src, true)
	}
	return s, *s.errs
}

func run(src *source.File, rescue bool) *scanner {
	s := &scanner{src: src, errs: &diag.List{}, rescue: rescue, cuts: []int{0}, extra: map[int]bool{}}
	if strings.HasPrefix(src.Text, "\ufeff") {
		s.pos = len("\ufeff")
	}
	for s.pos < len(src.Text) {
		s.next()
	}
	s.closeAll(0)
	s.terminate()
	s.cut()
	s.detach()
	return s
}

// next reads one token, comment, or character of white space.
func (s *scanner) next() {
	switch c := s.src.Text[s.pos]; {
	case c == '\n':
		s.breakLine()
	case c == ' ' || c == '\t' || c == '\r':
		s.pos++
	case s.at("//"):
		s.comment()
	case isLetter(c):
		s.name()
	case isDigit(c), c == '.' && isDigit(s.byteAt(s.pos+1)) && !s.selects():
		s.number()
	case c == '"':
		s.string()
	case c == '%' && s.afterNumber():
		s.add(unit, s.pos+1)
	case s.at("/*"):
		s.badCharacters()
	default:
		s.punctuation()
	}
}

func (s *scanner) breakLine() {
	if len(s.open) == 0 || s.text(s.open[len(s.open)-1].token) == "{" {
		s.terminate()
	}
	s.pos++
	s.line = s.pos
	s.newlines++
	if s.newlines > 1 {
		s.detach()
	}
}

// terminate ends the line, and the statement with it if the last token can end
// one.
func (s *scanner) terminate() {
	if len(s.tokens) == 0 || !s.endsStatement(s.tokens[len(s.tokens)-1]) {
		return
	}
	end := s.pos
	if s.byteAt(end) == '\n' {
		end++
	}
	s.tokens = append(s.tokens, token{kind: newline, start: s.pos, end: end})
	s.cut()
}

// cut ends the statement if no bracket is open.
func (s *scanner) cut() {
	if len(s.open) == 0 && s.cuts[len(s.cuts)-1] < len(s.tokens) {
		s.cuts = append(s.cuts, len(s.tokens))
	}
}

func (s *scanner) endsStatement(t token) bool {
	switch t.kind {
	case ident, number, unit, text:
		return true
	case punct:
		// A value begins on the line of its =.
		return strings.Contains(")]}=", s.src.Text[t.start:t.end])
	}
	return false
}

// add appends the token that begins at s.pos and ends at end.
func (s *scanner) add(kind lexer.TokenType, end int) {
	s.tokens = append(s.tokens, token{
		kind: kind, start: s.pos, end: end,
		docs: s.pending, first: s.first(),
	})
	s.pending, s.newlines, s.pos = nil, 0, end
}

func (s *scanner) text(i int) string { return s.src.Text[s.tokens[i].start:s.tokens[i].end] }

func (s *scanner) span(start, end int) source.Span {
	return source.Span{File: s.src, Start: start, End: end}
}

func (s *scanner) at(prefix string) bool { return strings.HasPrefix(s.src.Text[s.pos:], prefix) }

func (s *scanner) byteAt(i int) byte {
	if i < len(s.src.Text) {
		return s.src.Text[i]
	}
	return 0
}

// first reports whether the token at s.pos is the first of its line.
func (s *scanner) first() bool {
	return len(s.tokens) == 0 || s.tokens[len(s.tokens)-1].end <= s.line
}

// indent returns how many blanks the line begins with.
func (s *scanner) indent() int {
	n := 0
	for s.byteAt(s.line+n) == ' ' || s.byteAt(s.line+n) == '\t' {
		n++
	}
	return n
}

// selects reports whether a dot at s.pos selects from what stands before it.
func (s *scanner) selects() bool {
	if len(s.tokens) == 0 {
		return false
	}
	t := s.tokens[len(s.tokens)-1]
	return t.end == s.pos && s.endsStatement(t) && s.text(len(s.tokens)-1) != "="
}

// afterNumber reports whether the token before s.pos is a number on its line.
func (s *scanner) afterNumber() bool {
	if len(s.tokens) == 0 {
		return false
	}
	t := s.tokens[len(s.tokens)-1]
	return t.kind == number && !strings.Contains(s.src.Text[t.end:s.pos], "\n")
}

func (s *scanner) name() {
	end := s.pos
	for isLetter(s.byteAt(end)) || isDigit(s.byteAt(end)) {
		end++
	}
	kind := ident
	if word := s.src.Text[s.pos:end]; s.afterNumber() && word != "as" && word != "on" {
		kind = unit
	}
	if s.rescue && s.startsDeclaration(end) {
		s.closeAll(0)
		s.terminate()
		s.cut()
	}
	s.add(kind, end)
}

// startsDeclaration guesses whether the name that ends at end begins a
// declaration although brackets are open.
func (s *scanner) startsDeclaration(end int) bool {
	if len(s.open) == 0 || s.pos != s.line {
		return false
	}
	if word := s.src.Text[s.pos:end]; word == "let" || word == "report" {
		return false
	}
	rest := strings.TrimLeft(s.src.Text[end:], " \t")
	return rest != "" && (isLetter(rest[0]) || isDigit(rest[0]) || rest[0] == '{')
}

func (s *scanner) number() {
	end := s.pos
	digits := func() int {
		n := 0
		for ; isDigit(s.byteAt(end)); n++ {
			end++
		}
		return n
	}
	whole := digits()
	ok := whole > 0
	if s.byteAt(end) == '.' {
		end++
		ok = digits() > 0 && ok
	}
	if c := s.byteAt(end); c == 'e' || c == 'E' {
		mark := end
		end++
		if c := s.byteAt(end); c == '+' || c == '-' {
			end++
		}
		if digits() == 0 {
			end = mark
		}
	}
	tail := end
	for isLetter(s.byteAt(end)) || isDigit(s.byteAt(end)) || s.byteAt(end) == '.' {
		end++
	}
	if !ok || end > tail {
		s.badNumber(tail, end)
	}
	s.add(number, end)
}

func (s *scanner) string() {
	end := s.pos + 1
	for end < len(s.src.Text) && s.src.Text[end] != '"' && s.src.Text[end] != '\n' {
		if s.src.Text[end] == '\\' && s.byteAt(end+1) != '\n' {
			end++
		}
		end++
	}
	s.checkUTF8(min(end, len(s.src.Text)))
	if s.byteAt(end) != '"' {
		end = s.pos + len(strings.TrimRight(s.src.Text[s.pos:min(end, len(s.src.Text))], " \t\r"))
		s.unclosedString(end)
		s.add(text, end)
		return
	}
	if _, bad := unquote(s.src.Text[s.pos : end+1]); bad >= 0 {
		s.badEscape(s.pos + bad + 1)
	}
	s.add(text, end+1)
}

func (s *scanner) comment() {
	end := s.pos
	for end < len(s.src.Text) && s.src.Text[end] != '\n' {
		end++
	}
	raw := strings.TrimRight(s.src.Text[s.pos:end], " \t\r")
	span := s.span(s.pos, s.pos+len(raw))
	s.checkUTF8(end)
	if strings.HasPrefix(raw, "///") && !strings.HasPrefix(raw, "////") {
		s.doc(doc{span, strings.TrimPrefix(raw[3:], " ")})
	} else {
		s.comments = append(s.comments, &ast.Comment{Span: span, Text: strings.TrimSpace(strings.TrimLeft(raw, "/"))})
	}
	s.newlines, s.pos = 0, end
}

func (s *scanner) doc(d doc) {
	if s.first() {
		s.pending = append(s.pending, d)
	} else {
		s.stray = append(s.stray, d)
	}
}

// detach gives up the pending doc comments: a blank line follows them.
func (s *scanner) detach() {
	if len(s.tokens) > 0 {
		s.stray = append(s.stray, s.pending...)
	} else if len(s.pending) > 0 {
		if len(s.head) > 0 {
			s.head = append(s.head, "")
		}
		for _, d := range s.pending {
			s.head = append(s.head, d.text)
		}
	}
	s.pending = nil
}

func (s *scanner) punctuation() {
	for _, p := range [...]string{"==", "!=", "<=", ">=", "&&", "||"} {
		if s.at(p) {
			s.add(punct, s.pos+len(p))
			return
		}
	}
	switch c := s.src.Text[s.pos]; {
	case strings.IndexByte("([{", c) >= 0:
		if len(s.open) == maxDepth {
			s.tooDeep()
		}
		s.open = append(s.open, opener{len(s.tokens), s.indent()})
		s.add(punct, s.pos+1)
	case strings.IndexByte(")]}", c) >= 0:
		s.close(c)
	case strings.IndexByte("=<>!+-*/^,.:", c) >= 0:
		s.add(punct, s.pos+1)
	default:
		s.badCharacters()
	}
}

// close matches the closing bracket c at s.pos with what is open.
func (s *scanner) close(c byte) {
	if s.rescue && c == '}' && s.first() {
		indent := s.indent()
		for n := len(s.open); n > 1 && s.open[n-1].indent > indent; n-- {
			s.closeAll(n - 1)
		}
	}
	n := len(s.open) - 1
	for n >= 0 && s.text(s.open[n].token) != partner(c) {
		if c != '}' && s.text(s.open[n].token) == "{" {
			n = -1 // a ) or ] does not reach out of its block
			break
		}
		n--
	}
	if n < 0 {
		s.strayCloser()
		s.add(punct, s.pos+1)
		return
	}
	s.closeAll(n + 1)
	s.open = s.open[:n]
	s.add(punct, s.pos+1)
}

// closeAll takes all brackets from the nth on as closed, and reports the
// innermost: the others may well be closed with it.
func (s *scanner) closeAll(n int) {
	if n >= len(s.open) {
		return
	}
	s.unclosedBracket(s.open[len(s.open)-1].token)
	s.unclosed = s.unclosed || n == 0
	s.open = s.open[:n]
}

func isLetter(c byte) bool { return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
