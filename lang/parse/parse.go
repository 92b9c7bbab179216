// Package parse turns the text of a recipe into its tree. It judges shapes
// alone: which names a recipe may use is not for it to say. It is the only
// package that calls participle.
package parse

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/source"
)

// File parses a recipe or a library. The tree holds all that could be parsed,
// whatever the list says; a declaration that could not is Broken.
func File(src *source.File) (*ast.File, diag.List) {
	s, errs := scan(src)
	p := &parser{scanner: s, errs: errs, file: &ast.File{Source: src}}
	p.convert = &converter{src: src, docs: map[int][]doc{}}
	for _, t := range s.tokens {
		if len(t.docs) > 0 {
			p.convert.docs[t.start] = t.docs
		}
	}
	for i := range len(s.cuts) - 1 {
		p.statement(s.cuts[i], s.cuts[i+1])
	}
	p.leftovers()
	return p.file, p.errs
}

// Expr parses a value on its own: what stands to the right of a field's =.
func Expr(src *source.File) (ast.Expr, diag.List) {
	s, errs := scan(src)
	n := len(s.tokens)
	for n > 0 && s.tokens[n-1].kind == newline {
		n--
	}
	if errs.HasErrors() {
		return nil, errs
	}
	if n == 0 {
		errs.Addf(diag.MissingValue, s.span(0, len(src.Text)), "there is no value here")
		return nil, errs
	}
	p := &parser{scanner: s, convert: &converter{src: src}}
	v, ok := parseWith(p, grammar().value, 0, n)
	if !ok {
		return nil, p.errs
	}
	return p.convert.value(v), p.errs
}

type parser struct {
	scanner *scanner
	errs    diag.List
	convert *converter
	file    *ast.File
}

// statement parses tokens[start:end].
func (p *parser) statement(start, end int) {
	s := p.scanner
	if s.tokens[end-1].kind == newline {
		end--
	}
	if start == end {
		return
	}
	switch word := s.text(start); {
	case word == "recipe":
		p.recipe(start, end)
	case word == "use":
		p.use(start, end)
	default:
		p.declaration(start, end)
	}
}

func (p *parser) recipe(start, end int) {
	r, ok := parseWith(p, grammar().recipe, start, end)
	if !ok {
		return
	}
	p.file.Recipe = p.convert.name(r.Name)
	p.file.Doc = p.convert.doc(lexer.Position{Offset: p.scanner.tokens[start].start})
}

func (p *parser) use(start, end int) {
	if u, ok := parseWith(p, grammar().use, start, end); ok {
		p.file.Uses = append(p.file.Uses, p.convert.use(u))
	}
}

func (p *parser) declaration(start, end int) {
	if d, ok := parseWith(p, grammar().declaration, start, end); ok {
		p.file.Decls = append(p.file.Decls, p.convert.declaration(d))
	} else if p.scanner.tokens[start].kind == ident {
		p.file.Decls = append(p.file.Decls, p.broken(start, end))
	}
}

// broken keeps of a declaration what its first tokens tell.
func (p *parser) broken(start, end int) *ast.Decl {
	s := p.scanner
	word := func(i int) *ast.Ident {
		if i >= end || s.tokens[i].kind != ident {
			return nil
		}
		return &ast.Ident{Span: s.span(s.tokens[i].start, s.tokens[i].end), Name: s.text(i)}
	}
	d := &ast.Decl{
		Span:    s.span(s.tokens[start].start, s.tokens[end-1].end),
		Keyword: word(start), Name: word(start + 1), Broken: true,
	}
	if start+2 < end && s.text(start+2) == ":" {
		d.Kind = word(start + 3)
	}
	return d
}

// parseWith parses tokens[start:end] unless something in them has been
// reported already, and reports what is wrong.
func parseWith[G any](p *parser, g *participle.Parser[G], start, end int) (*G, bool) {
	s := p.scanner
	first, last := s.tokens[start].start, s.tokens[end-1].end
	for _, d := range p.errs {
		if first <= d.Span.Start && d.Span.Start < last {
			return nil, false
		}
	}
	lex, err := lexer.Upgrade(&stream{s: s, i: start, n: end, pos: first}, space)
	if err != nil {
		panic(err) // a stream returns none
	}
	node, err := g.ParseFromLexer(lex)
	if err == nil {
		return node, true
	}
	var wrong participle.Error
	if !errors.As(err, &wrong) {
		panic(err)
	}
	at := start + slices.IndexFunc(append(s.tokens[start:end:end], token{start: last}), func(t token) bool {
		return t.start >= wrong.Position().Offset
	})
	p.explain(start, at, end)
	return nil, false
}

func (p *parser) explain(start, at, end int) {
	s := p.scanner
	if at == end {
		last := s.tokens[end-1].end
		p.errs.Addf(diag.UnexpectedToken, s.span(last-1, last), "unexpected end after `%s`", s.text(end-1))
		return
	}
	p.errs.Addf(diag.UnexpectedToken, s.span(s.tokens[at].start, s.tokens[at].end), "unexpected `%s`", s.text(at))
}

// leftovers keeps what belongs to no declaration: comments, and doc comments
// that document nothing.
func (p *parser) leftovers() {
	s := p.scanner
	if len(s.head) > 0 {
		if p.file.Doc != "" {
			s.head = append(s.head, "", p.file.Doc)
		}
		p.file.Doc = strings.Join(s.head, "\n")
	}
	p.file.Comments = s.comments
	for _, d := range s.stray {
		p.file.Comments = append(p.file.Comments, &ast.Comment{Span: d.span, Text: strings.TrimSpace(d.text)})
	}
	slices.SortFunc(p.file.Comments, func(a, b *ast.Comment) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
}
