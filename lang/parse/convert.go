package parse

import (
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/source"
)

// A converter turns the nodes that participle filled into the tree.
type converter struct {
	src  *source.File
	docs map[int][]doc        // by the offset of the token they stand above; taken ones are removed
	lost map[int][]*ast.Ident // names of lost items, by the offset of their block
}

func (c *converter) span(start, end lexer.Position) source.Span {
	return source.Span{File: c.src, Start: start.Offset, End: end.Offset}
}

// doc takes the doc comments above the token at p.
func (c *converter) doc(p lexer.Position) string {
	var lines []string
	for _, d := range c.docs[p.Offset] {
		lines = append(lines, d.text)
	}
	delete(c.docs, p.Offset)
	return strings.Join(lines, "\n")
}

func (c *converter) name(n *name) *ast.Ident {
	if n == nil {
		return nil
	}
	return &ast.Ident{Span: c.word(n.Pos, n.Text), Name: n.Text}
}

// word is the span of a token, which is never changed on its way through participle.
func (c *converter) word(p lexer.Position, text string) source.Span {
	return source.Span{File: c.src, Start: p.Offset, End: p.Offset + len(text)}
}

func (c *converter) use(u *use) *ast.Use {
	path := strings.Join(u.Parts, "")
	if u.Quoted != "" {
		path, _ = unquote(u.Quoted)
	}
	span := c.span(u.Pos, u.EndPos)
	at := span
	at.Start = at.End - len(strings.TrimLeft(strings.TrimPrefix(span.Text(), "use"), " \t"))
	return &ast.Use{Span: span, Path: path, At: at}
}

func (c *converter) declaration(d *declaration) *ast.Decl {
	if l := d.Loop; l != nil {
		return &ast.Decl{
			Span: c.span(l.Pos, l.EndPos), Doc: c.doc(l.Pos), Keyword: c.name(l.Keyword),
			Count: c.number(l.Count), As: c.name(l.As), Body: c.declarations(l.Body),
		}
	}
	p := d.Plain
	out := &ast.Decl{
		Span: c.span(p.Pos, p.EndPos), Doc: c.doc(p.Pos), Keyword: c.name(p.Keyword),
		On: c.optional(p.On), As: c.name(p.As), Body: c.block(p.Body),
	}
	if n := p.Named; n != nil {
		out.Name, out.Kind, out.Value = c.name(n.Name), c.name(n.Kind), c.optional(n.Value)
		out.HasParams = n.Params != nil
		out.Params = c.params(n.Params)
	}
	return out
}

func (c *converter) declarations(d *declarations) *ast.Block {
	b := &ast.Block{Span: c.span(d.Pos, d.EndPos)}
	for _, item := range d.Items {
		b.Items = append(b.Items, c.declaration(item))
	}
	return b
}

func (c *converter) params(p *params) []*ast.Param {
	if p == nil {
		return nil
	}
	var out []*ast.Param
	for _, q := range p.Items {
		param := &ast.Param{Span: c.span(q.Pos, q.EndPos), Name: c.name(q.Name), Type: c.name(q.Type)}
		if q.Default != nil {
			param.Default = c.value(q.Default)
		}
		out = append(out, param)
	}
	return out
}

func (c *converter) block(b *block) *ast.Block {
	if b == nil {
		return nil
	}
	out := &ast.Block{Span: c.span(b.Pos, b.EndPos), Lost: c.lost[b.Pos.Offset]}
	for _, item := range b.Items {
		out.Items = append(out.Items, c.item(item))
	}
	return out
}

func (c *converter) item(i *item) ast.Item {
	switch {
	case i.Let != nil:
		l := &ast.Let{Span: c.span(i.Let.Pos, i.Let.EndPos), Doc: c.doc(i.Let.Pos), Name: c.name(i.Let.Name)}
		for _, p := range i.Let.Params {
			l.Params = append(l.Params, c.name(p))
		}
		l.Value = c.or(i.Let.Value)
		return l
	case i.Report != nil:
		return &ast.Report{
			Span: c.span(i.Report.Pos, i.Report.EndPos), Doc: c.doc(i.Report.Pos),
			Name: c.name(i.Report.Name), Value: c.or(i.Report.Value),
		}
	}
	f := &ast.Field{Span: c.span(i.Field.Pos, i.Field.EndPos), Doc: c.doc(i.Field.Pos), Key: c.name(i.Field.Name)}
	if q := i.Field.Quoted; q != nil {
		key, _ := unquote(q.Text)
		f.Key, f.Quoted = &ast.Ident{Span: c.word(q.Pos, q.Text), Name: key}, true
	}
	f.Value = c.value(i.Field.Value)
	return f
}

func (c *converter) value(v *value) ast.Expr {
	if k := v.Construct; k != nil {
		return &ast.Construct{Span: c.span(k.Pos, k.EndPos), Name: c.name(k.Name), Body: c.block(k.Body)}
	}
	return c.or(v.Expression)
}

// optional is or, with a nil interface for nil.
func (c *converter) optional(d *disjunction) ast.Expr {
	if d == nil {
		return nil
	}
	return c.or(d)
}

func (c *converter) binary(x ast.Expr, op string, pos lexer.Position, y ast.Expr) ast.Expr {
	return &ast.Binary{Span: x.Pos().To(y.Pos()), Op: op, OpSpan: c.word(pos, op), X: x, Y: y}
}

func (c *converter) or(d *disjunction) ast.Expr {
	x := c.and(d.First)
	for _, r := range d.Rest {
		x = c.binary(x, r.Op, r.Pos, c.and(r.X))
	}
	return x
}

func (c *converter) and(d *conjunction) ast.Expr {
	x := c.comparison(d.First)
	for _, r := range d.Rest {
		x = c.binary(x, r.Op, r.Pos, c.comparison(r.X))
	}
	return x
}

func (c *converter) comparison(d *comparison) ast.Expr {
	x := c.sum(d.First)
	if r := d.Rest; r != nil {
		x = c.binary(x, r.Op, r.Pos, c.sum(r.X))
	}
	return x
}

func (c *converter) sum(d *sum) ast.Expr {
	x := c.product(d.First)
	for _, r := range d.Rest {
		x = c.binary(x, r.Op, r.Pos, c.product(r.X))
	}
	return x
}

func (c *converter) product(d *product) ast.Expr {
	x := c.power(d.First)
	for _, r := range d.Rest {
		x = c.binary(x, r.Op, r.Pos, c.power(r.X))
	}
	return x
}

// power folds from the right; a sign takes the whole power to its right.
func (c *converter) power(p *power) ast.Expr {
	operand := func(i int) *signed {
		if i == 0 {
			return p.First
		}
		return p.Rest[i-1].X
	}
	var y ast.Expr
	for i := len(p.Rest); i >= 0; i-- {
		x := c.postfix(operand(i).X)
		if i < len(p.Rest) {
			x = c.binary(x, p.Rest[i].Op, p.Rest[i].Pos, y)
		}
		y = c.signs(operand(i).Signs, x)
	}
	return y
}

func (c *converter) signs(signs []*sign, x ast.Expr) ast.Expr {
	for i := len(signs) - 1; i >= 0; i-- {
		s := signs[i]
		x = &ast.Unary{Span: c.word(s.Pos, s.Op).To(x.Pos()), Op: s.Op, X: x}
	}
	return x
}

func (c *converter) postfix(p *postfix) ast.Expr {
	x := c.primary(p.First)
	for _, s := range p.Rest {
		span := c.span(p.Pos, s.EndPos)
		switch {
		case s.Args != nil:
			x = &ast.Call{Span: span, Fun: x, Args: c.arguments(s.Args)}
		case s.Elem != nil:
			x = &ast.Index{Span: span, X: x, Elem: c.name(s.Elem)}
		default:
			x = &ast.Select{Span: span, X: x, Name: c.name(s.Select)}
		}
	}
	return x
}

func (c *converter) arguments(a *arguments) []*ast.Arg {
	var out []*ast.Arg
	for _, arg := range a.Items {
		x := &ast.Arg{Span: c.span(arg.Pos, arg.EndPos), Name: c.name(arg.Name)}
		if arg.Over != nil {
			x.Over, x.Value = true, c.name(arg.Over)
		} else {
			x.Value = c.value(arg.Value)
		}
		out = append(out, x)
	}
	return out
}

func (c *converter) primary(p *primary) ast.Expr {
	switch {
	case p.Number != nil:
		return c.number(p.Number)
	case p.String != nil:
		v, _ := unquote(p.String.Text)
		return &ast.String{Span: c.word(p.String.Pos, p.String.Text), Value: v}
	case p.List != nil:
		l := &ast.List{Span: c.span(p.List.Pos, p.List.EndPos)}
		for _, v := range p.List.Items {
			l.Items = append(l.Items, c.value(v))
		}
		return l
	case p.Paren != nil:
		return &ast.Paren{Span: c.span(p.Paren.Pos, p.Paren.EndPos), X: c.or(p.Paren.X)}
	}
	return c.name(p.Name)
}

func (c *converter) number(n *count) *ast.Number {
	out := &ast.Number{Span: c.span(n.Pos, n.EndPos), Text: n.Text}
	if n.Unit != nil {
		out.Unit = &ast.Ident{Span: c.word(n.Unit.Pos, n.Unit.Text), Name: n.Unit.Text}
	}
	return out
}
