package parse

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/source"
)

// maxDepth is how deep brackets may nest; participle recurses that deep.
const maxDepth = 100

// badNumber reports the number from s.pos to end, of which a good one reaches
// to tail.
func (s *scanner) badNumber(tail, end int) {
	raw := s.src.Text[s.pos:end]
	if s.byteAt(end) >= utf8.RuneSelf {
		return // the minus of a word processor: that is the mistake
	}
	d := s.errs.Addf(diag.MalformedNumber, s.span(s.pos, end), "`%s` is not a number", raw)
	good, rest := s.src.Text[s.pos:tail], s.src.Text[tail:end]
	switch {
	case strings.HasPrefix(good, "."):
		d.Help = fmt.Sprintf("write `0%s`", good)
	case strings.HasSuffix(good, "."):
		d.Help = fmt.Sprintf("write `%s0`", good)
	case strings.Contains(raw, "_"):
		d.Help = fmt.Sprintf("write `%s`", strings.ReplaceAll(raw, "_", ""))
	case strings.EqualFold(rest, "e"):
		d.Help = fmt.Sprintf("the exponent has no digits; write `%se-5`", good)
	case rest != "" && isLetter(rest[0]):
		d.Help = fmt.Sprintf("a unit stands apart: `%s %s`", good, rest)
	}
}

// unclosedString reports the string from s.pos to end, where its line ends. Of the
// brackets open before it, those that it swallowed the partner of are closed.
func (s *scanner) unclosedString(end int) {
	d := s.errs.Addf(diag.UnclosedString, s.span(s.pos, end), "string is not closed before the end of its line")
	d.Help = "close it with `\"`; a line break inside is written `\\n`"
	for _, c := range []byte(s.src.Text[s.pos:end]) {
		if n := len(s.open) - 1; n >= 0 && strings.IndexByte(")]}", c) >= 0 && s.text(s.open[n].token) == partner(c) {
			s.open = s.open[:n]
		}
	}
}

// badEscape reports the escape whose backslash is before at.
func (s *scanner) badEscape(at int) {
	_, n := utf8.DecodeRuneInString(s.src.Text[at:])
	d := s.errs.Addf(diag.UnknownEscape, s.span(at-1, at+n), "unknown escape `%s`", s.src.Text[at-1:at+n])
	d.Help = "the escapes are `\\\"`, `\\\\`, `\\n`, `\\t`, `\\r` and `\\u` with four hexadecimal digits"
}

// badCharacters reports, and skips, what no token can begin with.
func (s *scanner) badCharacters() {
	rest, _, _ := strings.Cut(s.src.Text[s.pos:], "\n")
	n, message, help := foreign(rest)
	if !s.saidOfLine(message) {
		s.errs.Addf(diag.UnknownCharacter, s.span(s.pos, s.pos+n), "%s", message).Help = help
	}
	r, _ := utf8.DecodeRuneInString(rest)
	s.extra[s.pos] = strings.ContainsRune("#/;", r) || unicode.IsSpace(r) || !unicode.IsPrint(r)
	s.pos += n
}

// saidOfLine reports whether the last message is the same and of this line.
func (s *scanner) saidOfLine(message string) bool {
	n := len(*s.errs) - 1
	return n >= 0 && (*s.errs)[n].Message == message && (*s.errs)[n].Span.Start >= s.line
}

// unreadable recognises texts of which nothing can be read, for which one
// message is enough; nil for others.
func unreadable(src *source.File) *scanner {
	s := &scanner{src: src, errs: &diag.List{}, cuts: []int{0}, broken: true}
	start := src.Text[:min(len(src.Text), 2)]
	switch {
	case start == "\xff\xfe" || start == "\xfe\xff":
		s.errs.Addf(diag.UnknownCharacter, s.span(0, 0), "the file is UTF-16, not UTF-8").Help = "save it as UTF-8"
	case strings.Contains(src.Text, "\r") && !strings.Contains(src.Text, "\n"):
		at := strings.Index(src.Text, "\r")
		s.errs.Addf(diag.UnknownCharacter, s.span(at, at+1), "lines end with a carriage return alone").Help = "save it with line feeds (LF)"
	default:
		return nil
	}
	return s
}

// checkUTF8 reports the first bytes from s.pos to end that are not UTF-8.
func (s *scanner) checkUTF8(end int) {
	for i := s.pos; i < end; {
		r, n := utf8.DecodeRuneInString(s.src.Text[i:end])
		if r == utf8.RuneError && n == 1 {
			_, message, help := foreign(s.src.Text[i:end])
			s.errs.Addf(diag.UnknownCharacter, s.span(i, i+1), "%s", message).Help = help
			return
		}
		i += n
	}
}

// foreign tells how many bytes of line are of another language, and what to
// write instead.
func foreign(line string) (n int, message, help string) {
	r, n := utf8.DecodeRuneInString(line)
	message = fmt.Sprintf("`%c` has no meaning here", r)
	switch {
	case r == utf8.RuneError && n == 1:
		return n, "the file is not UTF-8 here", "save it as UTF-8"
	case r == '#' || strings.HasPrefix(line, "/*"):
		if i := strings.Index(line, "*/"); r == '/' && i >= 0 {
			return i + 2, "`/*` does not begin a comment", "a comment begins with `//` and ends with its line"
		}
		return len(strings.TrimRight(line, " \t\r")), fmt.Sprintf("`%s` does not begin a comment", line[:max(1, strings.IndexByte(line, '*')+1)]),
			"a comment begins with `//` and ends with its line"
	case strings.ContainsRune("'“”‘’`", r):
		if i := strings.IndexAny(line[n:], "'“”‘’`"); i >= 0 {
			_, m := utf8.DecodeRuneInString(line[n+i:])
			n += i + m
		}
		return n, fmt.Sprintf("`%c` does not begin a string", r), "strings stand in \"double quotes\""
	case r == ';':
		return n, message, "delete it: a new line or a comma ends a field"
	case r == '?':
		return n, message, "a choice is written `where(condition, a, b)`"
	case plainSign(r) != "":
		return n, message, fmt.Sprintf("write `%s`", plainSign(r))
	case unicode.Is(unicode.Zs, r):
		return n, fmt.Sprintf("invisible character %U", r), "write a plain space"
	case r == '&' || r == '|':
		return n, message, fmt.Sprintf("did you mean `%c%c`?", r, r)
	case r == '%':
		return n, "`%` stands only after a number", "write the number first, as in `3%`"
	case unicode.IsLetter(r):
		return len(line) - len(strings.TrimLeftFunc(line, unicode.IsLetter)), "a name is made of the letters a–z and A–Z, digits and `_`", ""
	case unicode.IsSpace(r) || !unicode.IsPrint(r):
		return n, fmt.Sprintf("invisible character %U", r), "delete it"
	}
	return n, message, ""
}

// plainSign is what the language writes for a sign that word processors and
// papers use, or "".
func plainSign(r rune) string {
	return map[rune]string{'−': "-", '–': "-", '—': "-", '×': "*", '·': "*", '÷': "/", '≤': "<=", '≥': ">=", '≠': "!=", '²': "^2"}[r]
}

// meantBrace reports whether the ) or ] at s.pos stands where the } of a block
// belongs: the block began on this line, which has no } for it.
func (s *scanner) meantBrace(block opener) bool {
	rest, _, _ := strings.Cut(s.src.Text[s.pos:], "\n")
	return s.tokens[block.token].start >= s.line && strings.Count(rest, "}") <= strings.Count(rest, "{")
}

// strayCloser reports the closing bracket at s.pos, which has no partner. It
// is taken for that of the last ( or [, if one is open.
func (s *scanner) strayCloser() {
	c := s.src.Text[s.pos]
	d := s.errs.Addf(diag.StrayCloser, s.span(s.pos, s.pos+1), "`%c` closes nothing", c)
	d.Help = "take it away"
	n := len(s.open) - 1
	if n < 0 || s.text(s.open[n].token) == "{" && !s.meantBrace(s.open[n]) {
		return
	}
	t := s.tokens[s.open[n].token]
	opener := s.text(s.open[n].token)
	d.Message = fmt.Sprintf("`%s` is closed with `%c`", opener, c)
	d.Notes = []diag.Note{{Span: s.span(t.start, t.end), Message: fmt.Sprintf("`%s` is opened here", opener)}}
	d.Help = fmt.Sprintf("write `%s`", closer(opener))
	s.open = s.open[:n]
}

// unclosedBracket reports the bracket that is the ith token.
func (s *scanner) unclosedBracket(i int) {
	t := s.tokens[i]
	d := s.errs.Addf(diag.UnclosedBracket, s.span(t.start, t.end), "`%s` is never closed", s.text(i))
	if s.pos < len(s.src.Text) {
		end := s.pos
		if isLetter(s.src.Text[end]) {
			for isLetter(s.byteAt(end)) || isDigit(s.byteAt(end)) {
				end++
			}
		} else {
			end++
		}
		d.Notes = []diag.Note{{Span: s.span(s.pos, end), Message: fmt.Sprintf("its `%s` is missing before this `%s`", closer(s.text(i)), s.src.Text[s.pos:end])}}
	}
	d.Help = fmt.Sprintf("add `%s`", closer(s.text(i)))
}

func (s *scanner) tooDeep() {
	d := s.errs.Addf(diag.TooDeep, s.span(s.pos, s.pos+1), "brackets nest more than %d deep", maxDepth)
	d.Help = "name a part of it with `let`"
}

func partner(closer byte) string { return string("([{"[strings.IndexByte(")]}", closer)]) }

func closer(opener string) string { return string(")]}"[strings.Index("([{", opener)]) }
