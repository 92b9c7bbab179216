package unroll

import (
	"strconv"

	"github.com/rmc-lang/rmc/compiler/schema"
	"github.com/rmc-lang/rmc/lang/ast"
)

// naming are the fields whose values are names of declarations.
func naming() map[string]bool {
	all := map[string]bool{}
	for _, d := range schema.Describe() {
		if d.Names != "" {
			all[d.Name] = true
		}
	}
	return all
}

// A round copies declarations into one round.
type round struct {
	number   int
	counter  string          // repeat 3 as round: round, which is the number
	declares map[string]bool // names that the round declares
	naming   map[string]bool // fields whose values are names
}

func (x *round) name(name string) string { return name + "_" + strconv.Itoa(x.number) }

// renamed is a name, or what it is called in the round.
func (x *round) renamed(id *ast.Ident) *ast.Ident {
	if id == nil || !x.declares[id.Name] {
		return id
	}
	return &ast.Ident{Span: id.Span, Name: x.name(id.Name)}
}

func (x *round) decl(d *ast.Decl) *ast.Decl {
	c := *d
	if c.Name = x.renamed(d.Name); !declares(d) && d.Name != nil {
		as := d.Name
		if d.As != nil {
			as = d.As
		}
		c.As = &ast.Ident{Span: as.Span, Name: x.name(as.Name)}
	}
	c.Value, c.On = x.expr(d.Value, true), x.expr(d.On, true)
	if d.Body != nil {
		c.Body = x.block(d.Body, false)
	}
	return &c
}

// block copies fields; names tells that all their values are names.
func (x *round) block(b *ast.Block, names bool) *ast.Block {
	c := *b
	c.Items = nil
	for _, item := range b.Items {
		if f, ok := item.(*ast.Field); ok {
			field := *f
			field.Value = x.expr(f.Value, names || x.naming[f.Key.Name] || f.Key.Name == "objective")
			item = &field
		}
		c.Items = append(c.Items, item)
	}
	return &c
}

// expr copies a value. names tells whether names in it are of declarations.
func (x *round) expr(e ast.Expr, names bool) ast.Expr {
	switch e := e.(type) {
	case *ast.Ident:
		switch {
		case e.Name == x.counter:
			return &ast.Number{Span: e.Span, Text: strconv.Itoa(x.number)}
		case names:
			return x.renamed(e)
		}
	case *ast.List:
		c := *e
		c.Items = nil
		for _, item := range e.Items {
			c.Items = append(c.Items, x.expr(item, names))
		}
		return &c
	case *ast.Construct:
		c := *e
		if c.Body != nil {
			c.Body = x.block(e.Body, names)
		}
		return &c
	case *ast.Paren:
		c := *e
		c.X = x.expr(e.X, names)
		return &c
	case *ast.Binary:
		c := *e
		c.X, c.Y = x.expr(e.X, names), x.expr(e.Y, names)
		return &c
	case *ast.Select:
		c := *e
		c.X = x.expr(e.X, names)
		return &c
	case *ast.Call:
		c := *e
		c.Fun, c.Args = x.expr(e.Fun, names), nil
		for _, a := range e.Args {
			arg := *a
			arg.Value = x.expr(a.Value, names)
			c.Args = append(c.Args, &arg)
		}
		return &c
	}
	return e
}
