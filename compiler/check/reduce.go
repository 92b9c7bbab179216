package check

import (
	"slices"

	"github.com/rmc-lang/rmc/compiler/typed"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
)

// reduce types a function that names axes.
func (c *checker) reduce(e *ast.Call, f *typed.Function, values []*typed.Expr, over []*ast.Arg, ok bool) *typed.Expr {
	if !ok {
		return poison(e.Span)
	}
	x, ok := c.operand(e, f, values)
	if !ok {
		return poison(e.Span)
	}
	axes, ok := c.axesOf(e, f, x, values, over)
	if !ok || !c.mayReduce(e, f, x, over, axes) {
		return poison(e.Span)
	}
	var names []string
	for _, a := range axes {
		names = append(names, a.Name)
	}
	t := x.As(typed.Real)
	if f.Shape == typed.Reduction {
		t = t.Without(names...)
	}
	switch f.Name {
	case "dot":
		product := typed.NewCall("mul", e.Span, x.As(typed.Real), nil, values...)
		return typed.NewCall("sum", e.Span, t, names, product)
	case "min", "max":
		return typed.NewCall(f.Name+"_over", e.Span, t, names, values...)
	}
	return typed.NewCall(f.Name, e.Span, t, names, values...)
}

// operand is the type that a reduction works on: the union of its arguments,
// which are numbers, or for sum and mean a bool that is counted.
func (c *checker) operand(e *ast.Call, f *typed.Function, values []*typed.Expr) (typed.Type, bool) {
	t, ok := typed.Type{Elem: typed.Real}, true
	for i, v := range values {
		if v.Type.Elem == typed.Bool && f.Name != "sum" && f.Name != "mean" {
			c.wrongElement(f.Name, v, false)
			ok = false
		}
		axes, p, q, fits := typed.Union(t.Axes, v.Type.Axes)
		if !fits {
			c.neverMeet(e.Span, values[:i+1], p, q)
		}
		ok = ok && fits
		t.Axes = axes
	}
	return t, ok
}

// axesOf finds the axes that a call works on. They may go unnamed where there is
// no choice to make a mistake in: the batch is the only axis.
func (c *checker) axesOf(e *ast.Call, f *typed.Function, x typed.Type, values []*typed.Expr, over []*ast.Arg) ([]typed.Axis, bool) {
	switch {
	case x.Scalar():
		c.scalarReduced(e, f, values, over)
		return nil, false
	case len(over) == 0 && len(x.Axes) == 1 && x.Axes[0].Kind == typed.BatchAxis:
		return x.Axes, true
	case len(over) == 0:
		d := c.report(diag.AxisNotNamed, e.Span, "%s does not say over which axis", f.Name)
		d.Notes = append(d.Notes, diag.Note{Span: operandArg(e).Span, Message: operandText(e) + " is " + x.String()})
		d.Help = "add over " + x.Axes[len(x.Axes)-1].Name + ", or others of its axes"
		return nil, false
	}
	var axes []typed.Axis
	for _, o := range over {
		axis, ok := x.Axis(o.Value.(*ast.Ident).Name)
		if !ok {
			c.noSuchAxis(e, f, x, o)
			return nil, false
		}
		axes = append(axes, axis)
	}
	return axes, true
}

// noSuchAxis reports an axis that what is reduced does not have.
func (c *checker) noSuchAxis(e *ast.Call, f *typed.Function, x typed.Type, over *ast.Arg) {
	expr, name := operandText(e), text(over.Value)
	d := c.report(diag.NoSuchAxis, over.Value.Pos(), "%s has no axis `%s`", expr, name)
	note := expr + " is " + x.String()
	if c.kind.hasAxis(name) {
		note += ", the same for every `" + name + "`"
	}
	d.Notes = append(d.Notes, diag.Note{Span: operandArg(e).Span, Message: note})
	axes := axesFor(f, x)
	near := diag.Suggest(name, axes)
	switch {
	case near != "":
		d.Help = "did you mean `over " + near + "`?"
	case len(axes) == 1:
		d.Help = "write over " + axes[0]
	case len(axes) == 0:
		d.Help = noOtherAxis
	default:
		d.Help = "its axes: " + list(axes)
	}
}

// axesFor lists the axes of x that f makes sense over.
func axesFor(f *typed.Function, x typed.Type) []string {
	if batch, ok := x.Batch(); ok && mixes(f.Name) {
		x = x.Without(batch.Name)
	}
	return x.Names()
}

// mixes reports whether a function makes its results depend on each other.
func mixes(name string) bool {
	switch name {
	case "softmax", "log_softmax", "logsumexp", "suffix_logsumexp", "last":
		return true
	}
	return false
}

// scalarReduced reports the reduction of a single number.
func (c *checker) scalarReduced(e *ast.Call, f *typed.Function, values []*typed.Expr, over []*ast.Arg) {
	expr := operandText(e)
	span := e.Span
	if len(over) > 0 {
		span = over[0].Value.Pos()
	}
	if values[0].Batch != typed.BatchNone {
		c.report(diag.ReducedTwice, span, "`%s` is reduced twice", c.kind.batch.Name).Help =
			expr + " is one number already; take one of the two reductions away"
		return
	}
	d := c.report(diag.NoSuchAxis, span, "%s is one number, with nothing to take the %s of", expr, f.Name)
	d.Help = "take " + f.Name + "(…) away, or reduce something that has axes"
}

// mayReduce keeps a function from axes that it makes no sense over.
func (c *checker) mayReduce(e *ast.Call, f *typed.Function, x typed.Type, over []*ast.Arg, axes []typed.Axis) bool {
	i := slices.IndexFunc(axes, func(a typed.Axis) bool { return a.Kind == typed.BatchAxis })
	if i < 0 {
		return true
	}
	axis, span := axes[i], e.Span
	if len(over) > 0 {
		span = over[i].Span
	}
	expr := operandText(e)
	if c.reward {
		c.report(diag.NotAReward, span, "%s is over all responses of a batch", f.Name)
		return false
	}
	if mixes(f.Name) {
		d := c.report(diag.MixesExamples, span, "%s over `%s` mixes unrelated examples", f.Name, axis.Name)
		d.Notes = append(d.Notes, diag.Note{Span: operandArg(e).Span, Message: expr + " is " + x.String() + "; `" + axis.Name + "` is the axis of the batch"})
		d.Help = batchHelp(x, axis)
		return false
	}
	for _, a := range x.Axes {
		if a.Kind == typed.RaggedAxis && !slices.ContainsFunc(axes, func(o typed.Axis) bool { return o.Name == a.Name }) {
			d := c.report(diag.RaggedLeft, span, "`%s` is reduced before `%s`, which differs from %s to %s", axis.Name, a.Name, axis.Name, axis.Name)
			d.Notes = append(d.Notes, diag.Note{Span: operandArg(e).Span, Message: expr + " is " + x.String()})
			d.Help = "reduce over " + a.Name + " first"
			return false
		}
	}
	return true
}

const noOtherAxis = "it has no other axis: heads(…) has `head`, a ranking has `candidate`, labels have `step`"

func batchHelp(x typed.Type, batch typed.Axis) string {
	rest := x.Without(batch.Name).Names()
	switch len(rest) {
	case 0:
		return noOtherAxis
	case 1:
		return "did you mean `over " + rest[0] + "`?"
	}
	return "its other axes: " + list(rest)
}

// operandText is what a reduction is of, as a message quotes it.
func operandText(e *ast.Call) string { return typed.Short(text(operandArg(e).Value)) }

// operandArg is the first argument that is no axis; there is one.
func operandArg(e *ast.Call) *ast.Arg {
	for _, a := range e.Args {
		if !a.Over {
			return a
		}
	}
	panic("check: a reduction of nothing")
}
