package check

import (
	"slices"

	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
)

// reduce types a function that names axes.
func (c *checker) reduce(e *ast.Call, f *function, values []*Expr, over []*ast.Arg, ok bool) *Expr {
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
	t := x.as(Real)
	if f.shape == reduction {
		t = t.without(names...)
	}
	switch f.name {
	case "dot":
		product := newCall("mul", e.Span, x.as(Real), nil, values...)
		return newCall("sum", e.Span, t, names, product)
	case "min", "max":
		return newCall(f.name+"_over", e.Span, t, names, values...)
	}
	return newCall(f.name, e.Span, t, names, values...)
}

// operand is the type that a reduction works on: the union of its arguments,
// which are numbers, or for sum and mean a bool that is counted.
func (c *checker) operand(e *ast.Call, f *function, values []*Expr) (Type, bool) {
	t, ok := Type{Elem: Real}, true
	for i, v := range values {
		if v.Type.Elem == Bool && f.name != "sum" && f.name != "mean" {
			c.wrongElement(f.name, v, false)
			ok = false
		}
		axes, p, q, fits := union(t.Axes, v.Type.Axes)
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
func (c *checker) axesOf(e *ast.Call, f *function, x Type, values []*Expr, over []*ast.Arg) ([]Axis, bool) {
	switch {
	case x.scalar():
		c.scalarReduced(e, f, values, over)
		return nil, false
	case len(over) == 0 && len(x.Axes) == 1 && x.Axes[0].Kind == BatchAxis:
		return x.Axes, true
	case len(over) == 0:
		d := c.report(diag.AxisNotNamed, e.Span, "%s does not say over which axis", f.name)
		d.Notes = append(d.Notes, diag.Note{Span: operandArg(e).Span, Message: operandText(e) + " is " + x.String()})
		d.Help = "add over " + x.Axes[len(x.Axes)-1].Name + ", or others of its axes"
		return nil, false
	}
	var axes []Axis
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
func (c *checker) noSuchAxis(e *ast.Call, f *function, x Type, over *ast.Arg) {
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
func axesFor(f *function, x Type) []string {
	if batch, ok := x.Batch(); ok && mixes(f.name) {
		x = x.without(batch.Name)
	}
	return x.names()
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
func (c *checker) scalarReduced(e *ast.Call, f *function, values []*Expr, over []*ast.Arg) {
	expr := operandText(e)
	span := e.Span
	if len(over) > 0 {
		span = over[0].Value.Pos()
	}
	if values[0].batch != batchNone {
		c.report(diag.ReducedTwice, span, "`%s` is reduced twice", c.kind.batch.Name).Help =
			expr + " is one number already; take one of the two reductions away"
		return
	}
	d := c.report(diag.NoSuchAxis, span, "%s is one number, with nothing to take the %s of", expr, f.name)
	d.Help = "take " + f.name + "(…) away, or reduce something that has axes"
}

// mayReduce keeps a function from axes that it makes no sense over.
func (c *checker) mayReduce(e *ast.Call, f *function, x Type, over []*ast.Arg, axes []Axis) bool {
	i := slices.IndexFunc(axes, func(a Axis) bool { return a.Kind == BatchAxis })
	if i < 0 {
		return true
	}
	axis, span := axes[i], e.Span
	if len(over) > 0 {
		span = over[i].Span
	}
	expr := operandText(e)
	if c.reward {
		c.report(diag.NotAReward, span, "%s is over all responses of a batch", f.name)
		return false
	}
	if mixes(f.name) {
		d := c.report(diag.MixesExamples, span, "%s over `%s` mixes unrelated examples", f.name, axis.Name)
		d.Notes = append(d.Notes, diag.Note{Span: operandArg(e).Span, Message: expr + " is " + x.String() + "; `" + axis.Name + "` is the axis of the batch"})
		d.Help = batchHelp(x, axis)
		return false
	}
	for _, a := range x.Axes {
		if a.Kind == RaggedAxis && !slices.ContainsFunc(axes, func(o Axis) bool { return o.Name == a.Name }) {
			d := c.report(diag.RaggedLeft, span, "`%s` is reduced before `%s`, which differs from %s to %s", axis.Name, a.Name, axis.Name, axis.Name)
			d.Notes = append(d.Notes, diag.Note{Span: operandArg(e).Span, Message: expr + " is " + x.String()})
			d.Help = "reduce over " + a.Name + " first"
			return false
		}
	}
	return true
}

const noOtherAxis = "it has no other axis: heads(…) has `head`, a ranking has `candidate`, labels have `step`"

func batchHelp(x Type, batch Axis) string {
	rest := x.without(batch.Name).names()
	switch len(rest) {
	case 0:
		return noOtherAxis
	case 1:
		return "did you mean `over " + rest[0] + "`?"
	}
	return "its other axes: " + list(rest)
}

// operandText is what a reduction is of, as a message quotes it.
func operandText(e *ast.Call) string { return short(text(operandArg(e).Value)) }

// operandArg is the first argument that is no axis; there is one.
func operandArg(e *ast.Call) *ast.Arg {
	for _, a := range e.Args {
		if !a.Over {
			return a
		}
	}
	panic("check: a reduction of nothing")
}
