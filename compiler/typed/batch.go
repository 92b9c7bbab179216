package typed

import (
	"slices"

	"github.com/rmc-lang/rmc/lang/source"
)

// A BatchUse tells what has become of the batch axis in an expression, and so
// whether the expression over a whole optimizer step is what its micro-batches
// add up to.
type BatchUse int

// The uses, from the least to the most.
const (
	BatchNone BatchUse = iota // not reduced, or never there
	BatchMean                 // linear in means over the batch: micro-batches add up to it
	BatchSum                  // linear in a sum over the batch: likewise
	BatchStat                 // anything else: it takes all examples of the step at once
)

// NewCall is a call with what follows from its arguments. Reductions have axes.
func NewCall(name string, span source.Span, t Type, axes []string, args ...*Expr) *Expr {
	return Derived(&Expr{Kind: Call, Name: name, Type: t, Span: span, Axes: axes, Args: args})
}

// Derived sets what follows from the arguments of e.
func Derived(e *Expr) *Expr {
	e.Batch, e.Grad = useOf(e), false
	for i, a := range e.Args {
		e.Grad = e.Grad || a.Grad && e.Flows(i)
	}
	return e
}

// Flows reports whether a gradient of e reaches its argument i.
func (e *Expr) Flows(i int) bool {
	if e.Kind != Call {
		return true
	}
	switch e.Name {
	case "lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not", "rank", "stop_gradient":
		return false
	case "where":
		return i > 0
	}
	return true
}

// OverBatch reports whether e reduces the batch axis.
func OverBatch(e *Expr) bool { return len(e.Axes) > 0 && Reduces(e, BatchAxis) }

// Reduces reports whether e reduces, or works along, an axis of the kind.
func Reduces(e *Expr, kind AxisKind) bool {
	return slices.ContainsFunc(e.Args, func(a *Expr) bool {
		return slices.ContainsFunc(a.Type.Axes, func(x Axis) bool { return x.Kind == kind && slices.Contains(e.Axes, x.Name) })
	})
}

func useOf(e *Expr) BatchUse {
	least, used := BatchNone, 0
	for _, a := range e.Args {
		least = max(least, a.Batch)
		if a.Batch != BatchNone {
			used++
		}
	}
	_, perExample := e.Type.Batch()
	switch {
	case OverBatch(e):
		return useOver(e, used > 0)
	case used == 0:
		return BatchNone
	case perExample:
		return BatchStat
	}
	linear := e.Kind == Index || e.Kind == Transform
	switch e.Name {
	case "add", "sub", "neg", "sum", "mean", "stop_gradient":
		linear = true
	case "mul":
		linear = used == 1
	case "div":
		linear = e.Args[1].Batch == BatchNone
	case "where":
		linear = e.Args[0].Batch == BatchNone
	}
	if !linear {
		return BatchStat
	}
	return least
}

// useOver is the use of a reduction over the batch; again tells that what is
// reduced is made of a reduction already.
func useOver(e *Expr, again bool) BatchUse {
	switch {
	case again:
		return BatchStat
	case e.Name == "sum":
		return BatchSum
	case e.Name == "mean" && countKnown(e):
		return BatchMean
	}
	return BatchStat
}

// countKnown reports whether it is known before a forward how many values a mean
// over the batch is of: so many for each example, or as many as the rows have
// steps or candidates. Of the tokens of a view it is not.
func countKnown(e *Expr) bool {
	return !slices.ContainsFunc(e.Args, func(a *Expr) bool {
		return slices.ContainsFunc(a.Type.Axes, func(x Axis) bool { return x.Of != "" && slices.Contains(e.Axes, x.Name) })
	})
}
