package check

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/rmc-lang/rmc/compiler/typed"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/source"
)

// params binds the parameters of the objective to what the stage says, else to
// their defaults.
func (c *checker) params(o *typed.Objective) {
	for _, p := range c.decl.Params {
		o.Params = append(o.Params, c.param(p))
		c.declare(&binding{name: p.Name, param: &o.Params[len(o.Params)-1]})
	}
	c.bindings(o)
	var names []string
	for _, p := range o.Params {
		names = append(names, p.Name)
	}
	for _, a := range c.env.Args {
		c.unknownArg(a, names)
	}
}

// bindings points the bindings at the parameters where they came to lie.
func (c *checker) bindings(o *typed.Objective) {
	for i := range o.Params {
		if b := c.byName[o.Params[i].Name]; b != nil && b.param != nil {
			b.param = &o.Params[i]
		}
	}
}

func (c *checker) param(p *ast.Param) typed.Param {
	bound := typed.Param{Name: p.Name.Name, Elem: c.paramType(p)}
	for _, a := range c.env.Args {
		if a.Name == p.Name.Name {
			bound.Origin = a.Origin
			if a.Value != nil {
				c.constant(&bound, a.Value)
			}
			return bound
		}
	}
	if p.Default == nil && (c.env.Loose || c.misspelt(p.Name.Name)) {
		return bound
	}
	if p.Default == nil {
		c.missing(p)
		bound.Elem = typed.Poison
		return bound
	}
	bound.Origin = origin(p.Span)
	c.constant(&bound, p.Default)
	return bound
}

// missing reports the parameters from p on that have no value, once.
func (c *checker) missing(p *ast.Param) {
	var names []string
	for _, q := range c.decl.Params {
		set := slices.ContainsFunc(c.env.Args, func(a Arg) bool { return a.Name == q.Name.Name })
		if q.Default == nil && !set && !c.misspelt(q.Name.Name) {
			names = append(names, q.Name.Name)
		}
	}
	span := c.env.Call
	if !span.Valid() {
		span = c.decl.Name.Span
	}
	d := c.report(diag.MissingArgument, span, "%s needs a value for %s", c.decl.Name.Name, list(names))
	d.Notes = append(d.Notes, diag.Note{Span: p.Span, Message: "it has no default"})
	d.Help = "write objective = " + c.decl.Name.Name + " { " + strings.Join(names, " = …, ") + " = … }"
}

// misspelt reports whether the stage sets a parameter that does not exist and was
// likely meant to be this one.
func (c *checker) misspelt(param string) bool {
	var names []string
	for _, p := range c.decl.Params {
		names = append(names, p.Name.Name)
	}
	return slices.ContainsFunc(c.env.Args, func(a Arg) bool { return diag.Suggest(a.Name, names) == param && !slices.Contains(names, a.Name) })
}

// origin is a place as generated programs name it: std/preference.rmr:9.
func origin(s source.Span) string { return s.File.Name + ":" + strconv.Itoa(s.Line()) }

func (c *checker) paramType(p *ast.Param) typed.Elem {
	help := "write " + p.Name.Name + ": real = …"
	if p.Type == nil {
		c.report(diag.ParamType, p.Name.Span, "parameter %s has no type", p.Name.Name).Help = help
		return typed.Poison
	}
	if p.Type.Name == "model" || p.Type.Name == "fit" {
		return typed.Object
	}
	for _, e := range []typed.Elem{typed.Real, typed.Int, typed.Bool} {
		if e.String() == p.Type.Name {
			return e
		}
	}
	c.report(diag.ParamType, p.Type.Span, "there is no type %q for a parameter", p.Type.Name).Help = "types: real, int and bool; model and fit for what the objective calls"
	return typed.Poison
}

// constant reads the value of a parameter into p.
func (c *checker) constant(p *typed.Param, e ast.Expr) {
	if p.Elem == typed.Object {
		c.object(p, e)
		return
	}
	value, elem, ok := constantOf(e)
	p.Text, p.Value = text(e), value
	switch {
	case p.Elem == typed.Poison:
	case !ok:
		c.wrongParam(p, e, typed.Short(p.Text)+" is none")
	case p.Elem == typed.Bool != (elem == typed.Bool):
		c.wrongParam(p, e, p.Text+" is "+elem.String())
	case p.Elem == typed.Int && value != math.Trunc(value):
		c.wrongParam(p, e, p.Text+" is no whole number")
	}
}

// object reads the model or fit that a parameter stands for.
func (c *checker) object(p *typed.Param, e ast.Expr) {
	i := slices.IndexFunc(c.decl.Params, func(q *ast.Param) bool { return q.Name.Name == p.Name })
	what, known := c.decl.Params[i].Type.Name, c.names(c.decl.Params[i].Type.Name)
	p.Text = text(e)
	switch {
	case slices.Contains(known, p.Text):
		c.aliases[p.Name] = p.Text
		return
	case !slices.Contains(c.env.Meant, p.Text):
		d := c.report(diag.NotAModel, e.Pos(), "parameter %s is a %s, and %s is none", p.Name, what, typed.Short(p.Text))
		d.Help = what + "s: " + list(known)
		if near := diag.Suggest(p.Text, known); near != "" {
			d.Help = "did you mean `" + near + "`?"
		} else if len(known) == 0 {
			d.Help = "the recipe declares none"
		}
	}
	p.Elem = typed.Poison
}

// names are those of the models or the fits in scope.
func (c *checker) names(what string) []string {
	var names []string
	if what == "fit" {
		for _, f := range c.env.Fits {
			names = append(names, f.Name)
		}
		return names
	}
	for _, m := range c.env.Models {
		names = append(names, m.Name)
	}
	return names
}

func (c *checker) wrongParam(p *typed.Param, e ast.Expr, but string) {
	help := map[typed.Elem]string{typed.Real: "a number such as 0.5 or 3%", typed.Int: "a whole number such as 2", typed.Bool: "true or false"}[p.Elem]
	c.report(diag.WrongParam, e.Pos(), "parameter %s is %s, and %s", p.Name, p.Elem, but).Help = help
	p.Elem = typed.Poison
}

// constantOf evaluates a value that a parameter can take.
func constantOf(e ast.Expr) (float64, typed.Elem, bool) {
	switch e := e.(type) {
	case *ast.Paren:
		return constantOf(e.X)
	case *ast.Unary:
		v, elem, ok := constantOf(e.X)
		return -v, elem, ok && e.Op == "-" && elem != typed.Bool
	case *ast.Ident:
		return typed.Truth(e.Name == "true"), typed.Bool, e.Name == "true" || e.Name == "false"
	case *ast.Number:
		v, err := strconv.ParseFloat(e.Text, 64)
		elem := typed.Int
		if strings.ContainsAny(e.Text, ".eE") || e.Unit != nil {
			elem = typed.Real
		}
		if e.Unit != nil {
			return v / 100, elem, err == nil && e.Unit.Name == "%"
		}
		return v, elem, err == nil
	}
	return 0, typed.Poison, false
}

func (c *checker) unknownArg(a Arg, names []string) {
	for _, n := range names {
		if n == a.Name {
			return
		}
	}
	d := c.report(diag.UnknownParam, a.Span, "%s has no parameter %q", c.decl.Name.Name, a.Name)
	switch near := diag.Suggest(a.Name, names); {
	case near != "":
		d.Help = "did you mean `" + near + "`?"
	case len(names) == 0:
		d.Help = c.decl.Name.Name + " has no parameters"
	default:
		d.Help = "its parameters: " + list(names)
	}
}
