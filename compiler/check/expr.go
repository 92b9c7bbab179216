package check

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/rmc-lang/rmc/compiler/typed"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/source"
)

// expr types an expression. One that is wrong is reported and poisoned.
func (c *checker) expr(e ast.Expr) *typed.Expr {
	switch e := e.(type) {
	case *ast.Number:
		return c.number(e)
	case *ast.Ident:
		return c.ident(e)
	case *ast.Paren:
		return c.expr(e.X)
	case *ast.Unary:
		return c.unary(e)
	case *ast.Binary:
		return c.binary(e)
	case *ast.Call:
		return c.call(e)
	case *ast.Index:
		return c.index(e)
	case *ast.Select:
		if x, ok := c.scalar(e); ok {
			return x
		}
	}
	c.report(diag.NotAnExpression, e.Pos(), "%s is no number", typed.Short(text(e))).Help =
		"an objective computes with numbers, views, columns and functions of them"
	return poison(e.Pos())
}

// number types a literal; one that is written like an integer is int, and
// becomes real beside a real.
func (c *checker) number(n *ast.Number) *typed.Expr {
	value, err := strconv.ParseFloat(n.Text, 64)
	if err != nil || value > math.MaxFloat32 {
		c.report(diag.NotFinite, n.Span, "%s is too large: objectives are computed in float32", n.Text).Help = "the largest number is 3.4e38"
		return poison(n.Span)
	}
	elem := typed.Int
	if strings.ContainsAny(n.Text, ".eE") {
		elem = typed.Real
	}
	if n.Unit != nil {
		if n.Unit.Name != "%" {
			c.report(diag.UnitInObjective, n.Span, "a number in an objective has no unit, and this one is in %s", n.Unit.Name).Help =
				"write " + n.Text + "; only % is understood here"
			return poison(n.Span)
		}
		return &typed.Expr{Kind: typed.Literal, Type: typed.Type{Elem: typed.Real}, Span: n.Span, Value: value / 100, Text: typed.FormatNumber(value / 100)}
	}
	return &typed.Expr{Kind: typed.Literal, Type: typed.Type{Elem: elem}, Span: n.Span, Value: value, Text: n.Text}
}

// goText is a constant as Go can read it, as the recipe wrote it if it may be.
func goText(text string, value float64) string {
	if strings.ContainsAny(text, "%()") {
		return typed.FormatNumber(value)
	}
	return text
}

func (c *checker) unary(e *ast.Unary) *typed.Expr {
	name := map[string]string{"-": "neg", "!": "not"}[e.Op]
	return c.apply(name, e.Op+"x", e.Span, c.expr(e.X))
}

func (c *checker) binary(e *ast.Binary) *typed.Expr {
	x, y := c.expr(e.X), c.expr(e.Y)
	return c.apply(typed.Operators()[e.Op], e.Op, e.Span, x, y)
}

// apply types an elementwise function or operator; shown is what it is called
// in messages.
func (c *checker) apply(name, shown string, span source.Span, args ...*typed.Expr) *typed.Expr {
	elem, ok := c.elements(name, shown, args)
	t := typed.Type{Elem: elem}
	for i, a := range args {
		if a.Type.Poisoned() {
			ok = false
			continue
		}
		axes, p, q, fits := typed.Union(t.Axes, a.Type.Axes)
		if !fits && ok {
			c.neverMeet(span, args[:i+1], p, q)
		}
		ok = ok && fits
		t.Axes = axes
	}
	if !ok {
		return poison(span)
	}
	return typed.NewCall(name, span, t, nil, args...)
}

// elements checks bool against number and returns the element of the result.
func (c *checker) elements(name, shown string, args []*typed.Expr) (typed.Elem, bool) {
	ok, integers := true, true
	for i, a := range args {
		wantBool := name == "not" || name == "and" || name == "or" || name == "where" && i == 0
		if a.Type.Poisoned() {
			continue
		}
		if (a.Type.Elem == typed.Bool) != wantBool {
			ok = false
			c.wrongElement(shown, a, wantBool)
		}
		if a.Type.Elem == typed.Real {
			integers = false
		}
	}
	switch name {
	case "not", "and", "or", "lt", "le", "gt", "ge", "eq", "ne":
		return typed.Bool, ok
	case "add", "sub", "mul", "neg", "where", "abs", "square", "min", "max", "relu", "stop_gradient":
		if integers {
			return typed.Int, ok
		}
	}
	return typed.Real, ok
}

func (c *checker) wrongElement(shown string, a *typed.Expr, wantBool bool) {
	expr := typed.Short(typed.OneLine(a.Span))
	if wantBool {
		c.report(diag.WrongElement, a.Span, "%s takes a bool, and this is %s", shown, a.Type).Help =
			"compare it: " + expr + " > 0"
		return
	}
	c.report(diag.WrongElement, a.Span, "%s takes numbers, and this is %s", shown, a.Type).Help =
		"count it: where(" + expr + ", 1, 0)"
}

// neverMeet reports axes that have one name and are not the same.
func (c *checker) neverMeet(span source.Span, args []*typed.Expr, p, q typed.Axis) {
	switch {
	case p.Name != q.Name && (p.Name == "head" || q.Name == "head"):
		c.report(diag.AxesNeverMeet, span, "outputs of a head and attributes are matched by no name").Help =
			"take one of each, heads(x)[a] and rating[a], or train a model of kind mlp with outputs = attribute"
		return
	case p.Name == q.Name && p.Kind == typed.FixedAxis:
		d := c.report(diag.AxesNeverMeet, span, "two axes are called `%s` and have different elements", p.Name)
		d.Notes = append(d.Notes, diag.Note{Message: elements(p) + " and " + elements(q)})
		d.Help = "take the elements that both have by name, or reduce one of the two first"
		return
	case p.Of != q.Of:
		d := c.report(diag.AxesNeverMeet, span, "`%s` of %s and `%s` of %s are different axes", p.Name, p.Of, q.Name, q.Of)
		last := args[len(args)-1]
		d.Notes = append(d.Notes, diag.Note{Span: last.Span, Message: typed.Short(typed.OneLine(last.Span)) + " is " + last.Type.String() +
			": position 7 of one response has nothing to do with position 7 of another"})
		d.Help = "reduce each first: sum(…, over " + p.Name + ")"
		return
	}
	c.report(diag.AxesNeverMeet, span, "`%s` and `%s` never belong together", p.Name, q.Name).Help =
		"reduce one of them first"
}

// call types f(…): a let with parameters, a model term or a function.
func (c *checker) call(e *ast.Call) *typed.Expr {
	id, ok := e.Fun.(*ast.Ident)
	if !ok {
		c.report(diag.UnknownFunction, e.Fun.Pos(), "%s is no function", typed.Short(text(e.Fun))).Help =
			"a function is called by its name: sigmoid(x)"
		return poison(e.Span)
	}
	if b := c.byName[id.Name]; b != nil && b.let != nil && len(b.let.Params) > 0 {
		return c.inline(e, b.let)
	}
	if t := termOf(id.Name); t != nil {
		return c.term(e, t)
	}
	if f := typed.FunctionOf(id.Name); f != nil {
		return c.function(e, f)
	}
	if !c.shadowed(id.Name) {
		if x, ok := c.called(e, id); ok {
			return x
		}
	}
	if !slices.Contains(c.env.Meant, id.Name) && !c.anyObject(id.Name) {
		c.unknownFunction(id)
	}
	for _, a := range e.Args {
		if !a.Over && c.viewNamed(a.Value) == "" {
			c.expr(a.Value) // for what is wrong with it
		}
	}
	return poison(e.Span)
}

func (c *checker) unknownFunction(id *ast.Ident) {
	if b := c.byName[id.Name]; b != nil {
		c.report(diag.UnknownFunction, id.Span, "%s is a value, not a function", id.Name).Help =
			"take the parentheses away"
		return
	}
	d := c.report(diag.UnknownFunction, id.Span, "there is no function %q", id.Name)
	d.Help = "functions: " + strings.Join(typed.FunctionNames(), ", ")
	if near := diag.Suggest(id.Name, c.callable()); near != "" {
		d.Help = "did you mean `" + near + "`?"
	}
}

// elements lists what is along a fixed axis.
func elements(a typed.Axis) string {
	if len(a.Elements) == 0 {
		return "one without names"
	}
	return "one of " + list(a.Elements)
}

// arguments splits a call into positional arguments and its axes.
func (c *checker) arguments(e *ast.Call, f *typed.Function) (values []*typed.Expr, over []*ast.Arg, ok bool) {
	ok = true
	for _, a := range e.Args {
		switch {
		case a.Name != nil:
			c.report(diag.WrongArguments, a.Span, "%s has no argument %q", f.Name, a.Name.Name).Help = "write " + f.Form()
			ok = false
		case !a.Over && len(values) == f.Args && c.axisNamed(a.Value, values):
			c.report(diag.WrongArguments, a.Span, "the axis of %s stands after `over`", f.Name).Help = "write over " + text(a.Value)
			ok = false
		case a.Over && slices.ContainsFunc(over, func(o *ast.Arg) bool { return text(o.Value) == text(a.Value) }):
			c.report(diag.WrongArguments, a.Span, "`%s` is named twice", text(a.Value)).Help = "name each axis once"
			ok = false
		case a.Over && len(over) > 0 && f.Ordered():
			c.report(diag.WrongArguments, a.Span, "%s works along one axis", f.Name).Help = "write " + f.Form()
			ok = false
		case a.Over:
			over = append(over, a)
		default:
			v := c.expr(a.Value)
			ok = ok && !v.Type.Poisoned()
			values = append(values, v)
		}
	}
	return values, over, ok
}

// axisNamed reports whether e is the name of an axis of values, and no value.
func (c *checker) axisNamed(e ast.Expr, values []*typed.Expr) bool {
	id, ok := e.(*ast.Ident)
	if !ok || c.byName[id.Name] != nil || c.hasColumn(id.Name) {
		return false
	}
	return slices.ContainsFunc(values, func(v *typed.Expr) bool { _, has := v.Type.Axis(id.Name); return has })
}

func (c *checker) function(e *ast.Call, f *typed.Function) *typed.Expr {
	values, over, ok := c.arguments(e, f)
	extreme := f.Name == "min" || f.Name == "max"
	if extreme && len(values) == 1 {
		f = &typed.Function{Name: f.Name, Shape: typed.Reduction, Args: 1, Doc: f.Doc}
	}
	if len(values) != f.Args {
		if ok || len(values) == 0 {
			c.report(diag.WrongArguments, e.Span, "%s takes %s, not %d", f.Name, count(f.Args, "argument"), len(values)).Help =
				"write " + f.Form()
		}
		return poison(e.Span)
	}
	if f.Shape != typed.Elementwise {
		return c.reduce(e, f, values, over, ok)
	}
	if over != nil {
		c.report(diag.WrongArguments, over[0].Span, "%s is elementwise and takes no axis", f.Form()).Help =
			"it applies to every element"
		return poison(e.Span)
	}
	if !ok {
		return poison(e.Span)
	}
	return c.apply(f.Name, f.Name, e.Span, values...)
}

func count(n int, what string) string {
	if n == 1 {
		return "one " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// index types x[element].
func (c *checker) index(e *ast.Index) *typed.Expr {
	x := c.expr(e.X)
	if x.Type.Poisoned() {
		return poison(e.Span)
	}
	var named []string
	var holds []typed.Axis // that have the element, or may have it
	for _, a := range x.Type.Axes {
		if slices.Contains(a.Elements, e.Elem.Name) {
			holds = append(holds, a)
		}
		named = append(named, a.Elements...)
	}
	for _, a := range x.Type.Axes {
		if len(holds) == 0 && a.Loose && diag.Suggest(e.Elem.Name, named) == "" {
			holds = append(holds, a)
		}
	}
	switch len(holds) {
	case 0:
	case 1:
		a := holds[0]
		return typed.Derived(&typed.Expr{Kind: typed.Index, Type: x.Type.Without(a.Name), Span: e.Span, Axes: []string{a.Name}, Args: []*typed.Expr{x},
			Elem: e.Elem.Name, Pos: max(0, slices.Index(a.Elements, e.Elem.Name))})
	default:
		d := c.report(diag.UnknownElement, e.Elem.Span, "%s is an element of `%s` and of `%s`", e.Elem.Name, holds[0].Name, holds[1].Name)
		d.Help = "reduce one of the two first, or give the element another name"
		return poison(e.Span)
	}
	d := c.report(diag.UnknownElement, e.Elem.Span, "%s has no element %q", typed.Short(text(e.X)), e.Elem.Name)
	d.Notes = append(d.Notes, diag.Note{Span: e.X.Pos(), Message: typed.Short(text(e.X)) + " is " + x.Type.String()})
	switch near := diag.Suggest(e.Elem.Name, named); {
	case near != "":
		d.Help = "did you mean `[" + near + "]`?"
	case len(named) > 0:
		d.Help = "elements: " + list(named)
	case c.trained() != nil && c.trained().Kind != "mlp" && slices.Contains(x.Type.Names(), "head"):
		d.Help = fmt.Sprintf("name the outputs in model %s: head = linear { outputs = %d, labels = [%s, …] }",
			c.trained().Name, max(2, c.trained().Outputs), e.Elem.Name)
	default:
		d.Help = "none of its axes has named elements; reduce it instead, as in sum(…, over axis)"
	}
	return poison(e.Span)
}

// inline types the body of a let with parameters for the arguments of a call.
// Equal calls are one value.
func (c *checker) inline(e *ast.Call, l *ast.Let) *typed.Expr {
	locals, shown, ok := c.bind(e, l)
	if !ok {
		return poison(e.Span)
	}
	if e.Span.Start < l.Span.End {
		c.early(e.Fun.(*ast.Ident), &binding{name: l.Name, let: l})
		return poison(e.Span)
	}
	key := l.Name.Name + "(" + strings.Join(shown, ", ") + ")"
	value := c.calls[key]
	if value == nil {
		c.locals = append(c.locals, locals)
		c.within = append(c.within, key)
		value = &typed.Let{Name: key, Text: text(l.Value), Span: l.Span, Value: c.expr(l.Value)}
		value.Head, value.Args = callForm(l, shown)
		c.locals = c.locals[:len(c.locals)-1]
		c.within = c.within[:len(c.within)-1]
		c.calls[key] = value
		c.lets = append(c.lets, value)
	}
	if value.Value.Type.Poisoned() {
		return poison(e.Span)
	}
	return &typed.Expr{Kind: typed.LetRef, Type: value.Value.Type, Span: e.Span, Let: value, Batch: value.Value.Batch, Grad: value.Value.Grad}
}

// callForm is how a let with parameters was declared, and what they stand for.
func callForm(l *ast.Let, shown []string) (head, args string) {
	var names, values []string
	for i, p := range l.Params {
		names = append(names, p.Name)
		values = append(values, p.Name+" = "+shown[i])
	}
	return l.Name.Name + "(" + strings.Join(names, ", ") + ")", strings.Join(values, ", ")
}

// bind matches the arguments of a call with a let's parameters. Each is a view
// or a value; shown is how the call is known.
func (c *checker) bind(e *ast.Call, l *ast.Let) (locals map[string]local, shown []string, ok bool) {
	if len(e.Args) != len(l.Params) {
		c.report(diag.WrongArguments, e.Span, "%s takes %s, not %d", l.Name.Name, count(len(l.Params), "argument"), len(e.Args)).
			Notes = []diag.Note{{Span: l.Name.Span, Message: "it is declared here"}}
		return nil, nil, false
	}
	locals, ok = map[string]local{}, true
	for i, a := range e.Args {
		if a.Name != nil || a.Over {
			c.report(diag.WrongArguments, a.Span, "%s takes plain arguments", l.Name.Name).Help =
				"write " + l.Name.Name + "(" + l.Params[i].Name + ")"
			ok = false
			continue
		}
		if view := c.viewNamed(a.Value); view != "" {
			locals[l.Params[i].Name] = local{view: view}
			shown = append(shown, view)
			continue
		}
		v := c.expr(a.Value)
		ok = ok && !v.Type.Poisoned()
		locals[l.Params[i].Name] = local{value: v}
		shown = append(shown, v.String())
	}
	return locals, shown, ok
}

// viewNamed is the view that an argument names, or "".
func (c *checker) viewNamed(e ast.Expr) string {
	id, ok := e.(*ast.Ident)
	if !ok {
		return ""
	}
	if l, ok := c.local(id.Name); ok {
		return l.view
	}
	if c.kind.view(id.Name) != nil {
		return id.Name
	}
	return ""
}
