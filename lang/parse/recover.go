package parse

import (
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
)

// mostLost is how many items of a declaration may be wrong before the rest is
// no longer looked at.
const mostLost = 100

// parseDeclaration parses the declaration tokens[start:end]. A field, let or
// report that is wrong is reported, left out and noted as lost, so that one
// run tells what is wrong with the others. What is wrong outside of any block,
// or with the brackets, leaves nothing to go on with.
func (p *parser) parseDeclaration(start, end int) (*declaration, bool) {
	if p.brackets(start, end) {
		p.skip(p.span(start, end))
		return nil, false
	}
	p.loseMalformed(start, end)
	for range mostLost {
		d, at := attempt(p, grammar().declaration, start, end)
		if d != nil {
			return d, true
		}
		from, to, block := p.item(start, at, end)
		switch {
		case block < 0 && p.reported(p.span(start, end)):
		case block < 0 || !p.reportedIn(from, to):
			p.complain(p.scanner.explain(start, at, end, false))
		}
		if block < 0 {
			p.skip(p.span(start, end))
			return nil, false
		}
		p.lose(from, to, block)
	}
	p.skip(p.span(start, end))
	return nil, false
}

// brackets reports whether the brackets of tokens[start:end] are wrong.
func (p *parser) brackets(start, end int) bool {
	return slices.ContainsFunc(p.errs, func(d diag.Diagnostic) bool {
		within := p.span(start, end).Start <= d.Span.Start && d.Span.Start < p.span(start, end).End
		switch d.Code {
		case diag.UnclosedBracket, diag.StrayCloser, diag.TooDeep:
			return within
		case diag.UnclosedString: // it may have swallowed some
			return within && strings.ContainsAny(d.Span.Text(), "()[]{}")
		}
		return false
	})
}

// loseMalformed leaves out the items that hold a malformed number or string, or
// a sign that means nothing and is not merely one too many.
func (p *parser) loseMalformed(start, end int) {
	for _, d := range p.errs {
		if d.Span.Start < p.span(start, end).Start || d.Span.Start >= p.span(start, end).End || p.scanner.extra[d.Span.Start] {
			continue
		}
		at := start
		for at < end && p.scanner.tokens[at].end <= d.Span.Start {
			at++
		}
		if from, to, block := p.item(start, at, end); block >= 0 && !p.scanner.tokens[from].lost {
			p.lose(from, to, block)
		}
	}
}

// item finds the innermost field, let or report around token at, with the
// separators behind it, and the { of its block; -1 outside of all.
func (p *parser) item(start, at, end int) (from, to, block int) {
	c := complaint{s: p.scanner, start: start, end: end, at: at}
	stack, items := c.nesting()
	n := len(stack) - 1
	for n > 0 && !c.isPunct(stack[n], "{") {
		n--
	}
	c.open, c.item = stack[n], items[n]
	from = items[n]
	if n == 0 || c.inLoop() || from < end && p.scanner.tokens[from].lost {
		return 0, 0, -1
	}
	depth := 0
	for to = from; to < end; to++ {
		switch closes := c.isPunct(to, ")]}"); {
		case depth == 0 && (c.word(to) == "" || c.word(to) == ","), depth == 0 && closes && to > from:
			return from, p.separators(to, end), stack[n]
		case depth == 0 && closes:
			return 0, 0, -1
		case closes:
			depth--
		case c.isPunct(to, "([{"):
			depth++
		}
	}
	return 0, 0, -1
}

// separators skips the commas and new lines from token i on.
func (p *parser) separators(i, end int) int {
	for i < end && (p.scanner.tokens[i].kind == newline || p.scanner.text(i) == ",") {
		i++
	}
	return i
}

// reportedIn tells whether a diagnostic lies in tokens[from:to].
func (p *parser) reportedIn(from, to int) bool {
	span := p.span(from, to)
	return slices.ContainsFunc(p.errs, func(d diag.Diagnostic) bool {
		return span.Start <= d.Span.Start && d.Span.Start < span.End
	})
}

// lose leaves out the item tokens[from:to] of the block whose { is given.
func (p *parser) lose(from, to, block int) {
	s := p.scanner
	for i := from; i < to; i++ {
		s.tokens[i].lost = true
	}
	p.skip(p.span(from, to))
	offset := s.tokens[block].start
	p.convert.lost[offset] = append(p.convert.lost[offset], p.names(from, to)...)
}

// names returns what the item tokens[from:to] was to set: its first name, and
// each that an = follows, for a comma may be missing. Without one it is nil.
func (p *parser) names(from, to int) []*ast.Ident {
	s := p.scanner
	if word := s.text(from); (word == "let" || word == "report") && from+1 < to && s.tokens[from+1].kind == ident {
		from++
	}
	var names []*ast.Ident
	depth := 0
	for i := from; i < to; i++ {
		word := s.text(i)
		if s.tokens[i].kind == punct {
			depth += strings.Count("([{", word) - strings.Count(")]}", word)
		}
		if i != from && (depth != 0 || i+1 >= to || s.text(i+1) != "=") {
			continue
		}
		id := &ast.Ident{Span: s.span(s.tokens[i].start, s.tokens[i].end), Name: word}
		switch s.tokens[i].kind {
		case text:
			id.Name = strings.Trim(word, `"`) // it may not be closed
			names = append(names, id)
		case ident, unit:
			names = append(names, id)
		}
	}
	if len(names) == 0 || s.tokens[from].kind != ident && s.tokens[from].kind != text {
		names = append(names, nil)
	}
	return names
}
