package format

import (
	"fmt"
	"strings"

	"github.com/rmc-lang/rmc/lang/ast"
)

// fill prints the text of each row. The = of fields on adjacent lines are
// aligned, and so are those of lets; what does not fit on a line is apart.
func (p *printer) fill(rows []row, indent string) {
	for i := 0; i < len(rows); {
		if rows[i].comment() {
			i++
			continue
		}
		n := 1
		pad := columns(key(rows[i].node))
		for ; i+n < len(rows) && p.sameRun(&rows[i+n-1], &rows[i+n], indent); n++ {
			pad = max(pad, columns(key(rows[i+n].node)))
		}
		for k := range rows[i : i+n] {
			rows[i+k].text = p.node(rows[i+k].node, indent, pad)
		}
		i += n
	}
}

// sameRun reports whether b goes on a run of assignments that a is in.
func (p *printer) sameRun(a, b *row, indent string) bool {
	if b.blank || b.doc != "" || b.comment() || fmt.Sprintf("%T", a.node) != fmt.Sprintf("%T", b.node) {
		return false
	}
	return p.oneLine(a.node, indent) && p.oneLine(b.node, indent)
}

// oneLine reports whether an assignment fits on a line of its own.
func (p *printer) oneLine(node any, indent string) bool {
	if key(node) == "" {
		return false
	}
	text, ok := p.flat(value(node))
	return ok && len(indent)+columns(key(node))+len(" = ")+columns(text) <= width
}

// key is what stands to the left of the = of a field, let or report.
func key(node any) string {
	switch x := node.(type) {
	case *ast.Field:
		if x.Quoted {
			return quote(x.Key.Name)
		}
		return x.Key.Name
	case *ast.Let:
		return "let " + x.Name.Name + parameters(x.Params)
	case *ast.Report:
		return "report " + x.Name.Name
	}
	return ""
}

func value(node any) ast.Expr {
	switch x := node.(type) {
	case *ast.Field:
		return x.Value
	case *ast.Let:
		return x.Value
	case *ast.Report:
		return x.Value
	}
	return nil
}

func parameters(names []*ast.Ident) string {
	if len(names) == 0 {
		return ""
	}
	var out []string
	for _, n := range names {
		out = append(out, n.Name)
	}
	return "(" + strings.Join(out, ", ") + ")"
}

// node prints a row; the keys of its run are pad wide.
func (p *printer) node(node any, indent string, pad int) string {
	switch x := node.(type) {
	case recipeLine:
		return "recipe " + x.Name
	case *ast.Use:
		return "use " + path(x.Path)
	case *ast.Decl:
		return p.declaration(x, indent)
	case *ast.Field, *ast.Let, *ast.Report:
		left := key(x) + strings.Repeat(" ", pad-columns(key(x))) + " = "
		return left + p.expr(value(x), indent, len(indent)+columns(left), 0)
	case ast.Expr: // of a list
		return p.expr(x, indent, len(indent), 1) + ","
	}
	panic(fmt.Sprintf("format: %T is no row", node))
}

func path(s string) string {
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || strings.ContainsFunc(part, notInName) || part[0] >= '0' && part[0] <= '9' {
			return quote(s)
		}
	}
	return s
}

func notInName(r rune) bool {
	return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
}

func (p *printer) declaration(d *ast.Decl, indent string) string {
	body, oneLine := p.shortBody(d)
	head, flat := p.header(d)
	if !flat || len(indent)+columns(head)+len(" {") > width {
		head = p.brokenHeader(d, indent)
	}
	switch {
	case d.Body == nil:
		return head
	case oneLine && len(indent)+columns(head)+1+columns(body) <= width:
		return head + " " + body
	}
	return head + " " + p.block(d.Body, indent)
}

// shortBody returns the body on one line, if the author wrote it on one.
func (p *printer) shortBody(d *ast.Decl) (string, bool) {
	if d.Body == nil || d.Count != nil && len(d.Body.Items) > 0 || strings.Contains(d.Body.Span.Text(), "\n") {
		return "", false
	}
	return p.flatBlock(d.Body)
}

// header returns what stands before the { of d, on one line.
func (p *printer) header(d *ast.Decl) (string, bool) {
	head, ok := word(d), true
	flat := func(x ast.Expr) string {
		s, fits := p.flat(x)
		ok = ok && fits
		return s
	}
	if d.HasParams {
		var params []string
		for _, q := range d.Params {
			s := param(q)
			if q.Default != nil {
				s += flat(q.Default)
			}
			params = append(params, s)
		}
		head += "(" + strings.Join(params, ", ") + ")"
	}
	head += kind(d)
	if d.Value != nil {
		head += " = " + flat(d.Value)
	}
	if d.On != nil {
		head += " on " + flat(d.On)
	}
	return head + as(d), ok
}

// brokenHeader returns what stands before the { of d, with each parameter on a
// line of its own.
func (p *printer) brokenHeader(d *ast.Decl, indent string) string {
	head := word(d)
	if d.HasParams && len(d.Params) > 0 {
		head += "(\n"
		for _, q := range d.Params {
			s := indent + step + param(q)
			if q.Default != nil {
				s += p.expr(q.Default, indent+step, columns(s), 1)
			}
			head += s + ",\n"
		}
		head += indent + ")"
	} else if d.HasParams {
		head += "()"
	}
	head += kind(d)
	if d.Value != nil {
		head += " = "
		head += p.expr(d.Value, indent, len(indent)+columns(head), 2)
	}
	if d.On != nil {
		head += " on "
		head += p.expr(d.On, indent, len(indent)+columns(head), 2)
	}
	return head + as(d)
}

// word is keyword, count and name of d.
func word(d *ast.Decl) string {
	s := d.Keyword.Name
	if d.Count != nil {
		s += " " + number(d.Count)
	}
	if d.Name != nil {
		s += " " + d.Name.Name
	}
	return s
}

func kind(d *ast.Decl) string {
	if d.Kind == nil {
		return ""
	}
	return ": " + d.Kind.Name
}

func as(d *ast.Decl) string {
	if d.As == nil {
		return ""
	}
	return " as " + d.As.Name
}

// param returns a parameter up to its default.
func param(q *ast.Param) string {
	s := q.Name.Name
	if q.Type != nil {
		s += ": " + q.Type.Name
	}
	if q.Default != nil {
		s += " = "
	}
	return s
}

// block prints { … } with an item a line.
func (p *printer) block(b *ast.Block, indent string) string {
	rows, open := p.rows(items(b), b.Span.Start+1, b.Span.End-1, indent+step, true)
	return bracketed("{", rows, open, "}", indent)
}

func bracketed(left string, rows []row, open, right, indent string) string {
	if open != "" {
		open = "  " + open
	}
	if len(rows) == 0 && open == "" {
		return left + right
	}
	return left + open + "\n" + layOut(rows, indent+step) + indent + right
}
