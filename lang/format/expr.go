package format

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/lang/ast"
)

// expr prints x from column col on. tail columns follow it on its last line.
func (p *printer) expr(x ast.Expr, indent string, col, tail int) string {
	if s, ok := p.flat(x); ok && col+columns(s)+tail <= width {
		return s
	}
	switch x := x.(type) {
	case *ast.List:
		return p.list(x, indent)
	case *ast.Construct:
		return x.Name.Name + " " + p.block(x.Body, indent)
	case *ast.Call:
		return p.call(x, indent, col)
	case *ast.Paren:
		inner := p.expr(x.X, indent+step, len(indent+step), 0)
		return "(\n" + indent + step + inner + "\n" + indent + ")"
	case *ast.Binary:
		return p.binary(x, indent, col, tail)
	case *ast.Unary:
		return x.Op + p.expr(x.X, indent, col+len(x.Op), tail)
	case *ast.Index:
		return p.expr(x.X, indent, col, tail+columns(x.Elem.Name)+2) + "[" + x.Elem.Name + "]"
	case *ast.Select:
		return p.expr(x.X, indent, col, tail+columns(x.Name.Name)+1) + "." + x.Name.Name
	}
	s, _ := p.flat(x) // a name or literal, however long
	return s
}

func (p *printer) list(x *ast.List, indent string) string {
	var elements []element
	for _, item := range x.Items {
		elements = append(elements, element{item.Pos().Start, item.Pos().End, "", item})
	}
	rows, open := p.rows(elements, x.Span.Start+1, x.Span.End-1, indent+step, true)
	return bracketed("[", rows, open, "]", indent)
}

// call prints an argument a line.
func (p *printer) call(x *ast.Call, indent string, col int) string {
	fun := p.expr(x.Fun, indent, col, 1)
	if len(x.Args) == 0 {
		return fun + "()"
	}
	var b strings.Builder
	b.WriteString(fun + "(\n")
	for _, a := range x.Args {
		left := indent + step + label(a)
		b.WriteString(left + p.expr(a.Value, indent+step, columns(left), 1) + ",\n")
	}
	b.WriteString(indent + ")")
	return b.String()
}

func label(a *ast.Arg) string {
	switch {
	case a.Over:
		return "over "
	case a.Name != nil:
		return a.Name.Name + " = "
	}
	return ""
}

// binary breaks behind the loosest operators of x.
func (p *printer) binary(x *ast.Binary, indent string, col, tail int) string {
	if x.Op == "^" {
		left := p.expr(x.X, indent, col, 1) + "^"
		return left + p.expr(x.Y, indent, len(indent)+columns(left), tail)
	}
	terms, ops := chain(x)
	var b strings.Builder
	for i, t := range terms {
		if i == len(terms)-1 {
			b.WriteString(p.expr(t, indent+step, col, tail))
			break
		}
		b.WriteString(p.expr(t, indent+step, col, len(ops[i])+1))
		b.WriteString(" " + ops[i] + "\n" + indent + step)
		col = len(indent + step)
	}
	return b.String()
}

// chain takes x apart into the operands of operators as loose as its own.
func chain(x *ast.Binary) (terms []ast.Expr, ops []string) {
	for {
		terms, ops = append(terms, x.Y), append(ops, x.Op)
		left, ok := x.X.(*ast.Binary)
		if !ok || looseness(left.Op) != looseness(x.Op) {
			terms = append(terms, x.X)
			break
		}
		x = left
	}
	slices.Reverse(terms)
	slices.Reverse(ops)
	return terms, ops
}

func looseness(op string) int {
	switch op {
	case "||":
		return 5
	case "&&":
		return 4
	case "+", "-":
		return 2
	case "*", "/":
		return 1
	case "^":
		return 0
	}
	return 3 // a comparison
}

// flat prints x on one line, however wide. It fails if comments or doc comments
// stand inside.
func (p *printer) flat(x ast.Expr) (string, bool) {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name, true
	case *ast.Number:
		return number(x), true
	case *ast.String:
		return quote(x.Value), true
	case *ast.Construct:
		body, ok := p.flatBlock(x.Body)
		return x.Name.Name + " " + body, ok
	case *ast.List:
		items, ok := p.flatAll(x.Items)
		return "[" + items + "]", ok && !p.commented(x.Span.Start, x.Span.End)
	case *ast.Call:
		fun, ok := p.flat(x.Fun)
		args, fits := p.flatArgs(x.Args)
		return fun + "(" + args + ")", ok && fits
	case *ast.Paren:
		s, ok := p.flat(x.X)
		return "(" + s + ")", ok
	case *ast.Unary:
		s, ok := p.flat(x.X)
		return x.Op + s, ok
	case *ast.Index:
		s, ok := p.flat(x.X)
		return s + "[" + x.Elem.Name + "]", ok
	case *ast.Select:
		s, ok := p.flat(x.X)
		return s + "." + x.Name.Name, ok
	case *ast.Binary:
		return p.flatBinary(x)
	}
	panic(fmt.Sprintf("format: %T is no expression", x))
}

func (p *printer) flatBinary(x *ast.Binary) (string, bool) {
	terms, ops := chain(x)
	space := " "
	if x.Op == "^" {
		terms, ops, space = []ast.Expr{x.X, x.Y}, []string{"^"}, ""
	}
	var b strings.Builder
	for i, t := range terms {
		s, ok := p.flat(t)
		if !ok {
			return "", false
		}
		b.WriteString(s)
		if i < len(ops) {
			b.WriteString(space + ops[i] + space)
		}
	}
	return b.String(), true
}

func (p *printer) flatAll(xs []ast.Expr) (string, bool) {
	var out []string
	for _, x := range xs {
		s, ok := p.flat(x)
		if !ok {
			return "", false
		}
		out = append(out, s)
	}
	return strings.Join(out, ", "), true
}

func (p *printer) flatArgs(args []*ast.Arg) (string, bool) {
	var out []string
	for _, a := range args {
		s, ok := p.flat(a.Value)
		if !ok {
			return "", false
		}
		out = append(out, label(a)+s)
	}
	return strings.Join(out, ", "), true
}

// flatBlock prints { … } on one line.
func (p *printer) flatBlock(b *ast.Block) (string, bool) {
	if p.commented(b.Span.Start, b.Span.End) {
		return "", false
	}
	if len(b.Items) == 0 {
		return "{}", true
	}
	var out []string
	for _, e := range items(b) {
		if e.doc != "" || key(e.node) == "" {
			return "", false
		}
		s, ok := p.flat(value(e.node))
		if !ok {
			return "", false
		}
		out = append(out, key(e.node)+" = "+s)
	}
	return "{ " + strings.Join(out, ", ") + " }", true
}

func number(n *ast.Number) string {
	switch {
	case n.Unit == nil:
		return n.Text
	case n.Unit.Name == "%":
		return n.Text + "%"
	}
	return n.Text + " " + n.Unit.Name
}

// quote writes s as a string literal: what can stand for itself does.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
