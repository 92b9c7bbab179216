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
	p := &parser{scanner: s, errs: errs, file: &ast.File{Source: src, Broken: s.broken}}
	p.convert = &converter{src: src, docs: map[int][]doc{}, lost: map[int][]*ast.Ident{}}
	for _, t := range s.tokens {
		if len(t.docs) > 0 {
			p.convert.docs[t.start] = t.docs
		}
	}
	for i := range len(s.cuts) - 1 {
		p.statement(s.cuts[i], s.cuts[i+1])
	}
	p.leftovers()
	p.balance()
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
	file    *ast.File // nil when a value is parsed on its own
	outside bool      // the last statement was a field outside of any declaration
	skipped []source.Span
}

// statement parses tokens[start:end].
func (p *parser) statement(start, end int) {
	s := p.scanner
	if s.tokens[end-1].kind == newline {
		end--
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
		p.unnamed(start, end)
		return
	}
	if p.file.Recipe != nil {
		d := p.errs.Addf(diag.RecipeLine, p.span(start, end), "a file holds one recipe")
		d.Notes = []diag.Note{{Span: p.file.Recipe.Span, Message: "it has its name here"}}
		return
	}
	if len(p.file.Uses)+len(p.file.Decls) > 0 {
		p.errs.Addf(diag.RecipeLine, p.span(start, end), "the recipe line comes first").Help = "move it above all else"
	}
	p.file.Recipe = p.convert.name(r.Name)
	p.file.Doc = p.convert.doc(lexer.Position{Offset: p.scanner.tokens[start].start})
}

// unnamed makes a recipe of the file although its recipe line is wrong.
func (p *parser) unnamed(start, end int) {
	if p.file.Recipe != nil {
		return
	}
	p.file.Recipe = &ast.Ident{Span: p.span(start, end), Name: "recipe"}
	if start+1 < end && p.scanner.tokens[start+1].kind == ident {
		p.file.Recipe.Name = p.scanner.text(start + 1)
	}
}

func (p *parser) use(start, end int) {
	u, ok := parseWith(p, grammar().use, start, end)
	if !ok {
		p.file.Uses = append(p.file.Uses, &ast.Use{Span: p.span(start, end), Broken: true})
		return
	}
	if len(p.file.Decls) > 0 {
		p.errs.Addf(diag.LateUse, p.span(start, end), "`use` comes before the declarations").Help = "move it up, below the recipe line"
	}
	if p.file.Recipe == nil && len(p.file.Uses) == 0 && p.file.Doc == "" {
		p.file.Doc = p.convert.doc(u.Pos) // of a library
	}
	p.file.Uses = append(p.file.Uses, p.convert.use(u))
}

func (p *parser) declaration(start, end int) {
	d, ok := p.parseDeclaration(start, end)
	switch {
	case ok:
		p.outside = false
		p.file.Decls = append(p.file.Decls, p.convert.declaration(d))
	case p.scanner.tokens[start].kind == ident:
		p.file.Decls = append(p.file.Decls, p.broken(start, end))
		// Of a declaration without its { the fields stand outside.
		p.outside = p.outside || p.scanner.text(end-1) != "}"
	}
}

// span covers tokens[start:end].
func (p *parser) span(start, end int) source.Span {
	return p.scanner.span(p.scanner.tokens[start].start, p.scanner.tokens[end-1].end)
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
		Span:    p.span(start, end),
		Keyword: word(start), Name: word(start + 1), Broken: true,
	}
	if start+2 < end && s.text(start+2) == ":" {
		d.Kind = word(start + 3)
	}
	return d
}

// parseWith parses tokens[start:end] unless something in their lines has been
// reported already, and reports what is wrong.
func parseWith[G any](p *parser, g *participle.Parser[G], start, end int) (*G, bool) {
	span := p.span(start, end)
	if p.reported(span) {
		p.skip(span)
		return nil, false
	}
	node, at := attempt(p, g, start, end)
	if node == nil {
		p.skip(span)
		p.complain(p.scanner.explain(start, at, end, p.file == nil))
	}
	return node, node != nil
}

// attempt parses tokens[start:end]; if it cannot, node is nil and at the first
// token that fits nothing.
func attempt[G any](p *parser, g *participle.Parser[G], start, end int) (node *G, at int) {
	lex, err := lexer.Upgrade(&stream{s: p.scanner, i: start, n: end, pos: p.scanner.tokens[start].start}, space)
	if err != nil {
		panic(err) // a stream returns none
	}
	node, err = g.ParseFromLexer(lex)
	if err == nil {
		return node, end
	}
	var wrong participle.Error
	if !errors.As(err, &wrong) {
		panic(err)
	}
	at = start
	for at < end && (p.scanner.tokens[at].lost || p.scanner.tokens[at].start < wrong.Position().Offset) {
		at++
	}
	return nil, at
}

// complain adds d, unless it is about one more of the fields that all stand
// outside of their declaration.
func (p *parser) complain(d diag.Diagnostic) {
	if d.Code != diag.FieldOutside || !p.outside {
		p.errs.Add(d)
	}
	p.outside = d.Code == diag.FieldOutside
}

// skip gives up the statement at span, with its doc comments.
func (p *parser) skip(span source.Span) {
	p.skipped = append(p.skipped, span)
	for at := range p.convert.docs {
		if span.Start <= at && at < span.End {
			delete(p.convert.docs, at)
		}
	}
}

// reported tells whether a diagnostic lies in span or behind it on its last line.
func (p *parser) reported(span source.Span) bool {
	end := span.End
	for end < len(p.scanner.src.Text) && p.scanner.src.Text[end] != '\n' {
		end++
	}
	return slices.ContainsFunc(p.errs, func(d diag.Diagnostic) bool {
		return span.Start <= d.Span.Start && d.Span.Start < end
	})
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
	for _, docs := range p.convert.docs {
		s.stray = append(s.stray, docs...)
	}
	p.file.Comments = s.comments
	for _, d := range s.stray {
		p.stray(d)
	}
	slices.SortFunc(p.file.Comments, func(a, b *ast.Comment) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
}

// stray keeps a doc comment that documents nothing as a plain comment.
func (p *parser) stray(d doc) {
	inside := func(s source.Span) bool { return s.Start <= d.span.Start && d.span.Start < s.End }
	if slices.ContainsFunc(p.skipped, inside) {
		return
	}
	p.file.Comments = append(p.file.Comments, &ast.Comment{Span: d.span, Text: strings.TrimSpace(d.text)})
	p.errs.Add(diag.Diagnostic{
		Code: diag.StrayDoc, Severity: diag.Warning, Span: d.span,
		Message: "doc comment documents nothing",
		Help:    "it stands right above a declaration or field; a plain comment begins with `//`",
	})
}

// balance drops brackets that close nothing because an earlier one, already
// reported, closed too much.
func (p *parser) balance() {
	sorted := p.errs.Sorted()
	p.errs = nil
	for i, d := range sorted {
		if d.Code == diag.StrayCloser && i > 0 && sorted[i-1].Code == diag.FieldOutside {
			continue
		}
		p.errs.Add(d)
	}
}
