package parse

import (
	"unicode/utf8"

	"github.com/rmc-lang/rmc/lang/diag"
)

func (s *scanner) badNumber(tail, end int) {
	s.errs.Addf(diag.MalformedNumber, s.span(s.pos, end), "`%s` is not a number", s.src.Text[s.pos:end])
}

func (s *scanner) unclosedString(end int) {
	s.errs.Addf(diag.UnclosedString, s.span(s.pos, end), "string is not closed on its line")
}

func (s *scanner) badEscape(at int) {
	s.errs.Addf(diag.UnknownEscape, s.span(at, at+1), "unknown escape")
}

func (s *scanner) badCharacters() {
	_, n := utf8.DecodeRuneInString(s.src.Text[s.pos:])
	s.errs.Addf(diag.UnknownCharacter, s.span(s.pos, s.pos+n), "%q means nothing here", s.src.Text[s.pos:s.pos+n])
	s.pos += n
}

func (s *scanner) strayCloser() {
	s.errs.Addf(diag.StrayCloser, s.span(s.pos, s.pos+1), "`%c` closes nothing", s.src.Text[s.pos])
}

func (s *scanner) unclosedBracket(i int) {
	t := s.tokens[i]
	s.errs.Addf(diag.UnclosedBracket, s.span(t.start, t.end), "`%s` is not closed", s.text(i))
}
