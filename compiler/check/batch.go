package check

import (
	"math"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/source"
)

// A batchUse tells what has become of the batch axis in an expression, and so
// whether the expression over a whole optimizer step is what its micro-batches
// add up to.
type batchUse int

const (
	batchNone batchUse = iota // not reduced, or never there
	batchMean                 // linear in means over the batch: micro-batches add up to it
	batchSum                  // linear in a sum over the batch: likewise
	batchStat                 // anything else: it takes all examples of the step at once
)

// newCall is a call with what follows from its arguments. Reductions have axes.
func newCall(name string, span source.Span, t Type, axes []string, args ...*Expr) *Expr {
	return derived(&Expr{Kind: Call, Name: name, Type: t, Span: span, Axes: axes, Args: args})
}

// derived sets what follows from the arguments of e.
func derived(e *Expr) *Expr {
	e.batch, e.grad = useOf(e), false
	for i, a := range e.Args {
		e.grad = e.grad || a.grad && e.flows(i)
	}
	return e
}

// flows reports whether a gradient of e reaches its argument i.
func (e *Expr) flows(i int) bool {
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

// overBatch reports whether e reduces the batch axis.
func overBatch(e *Expr) bool { return len(e.Axes) > 0 && reduces(e, BatchAxis) }

// reduces reports whether e reduces, or works along, an axis of the kind.
func reduces(e *Expr, kind AxisKind) bool {
	return slices.ContainsFunc(e.Args, func(a *Expr) bool {
		return slices.ContainsFunc(a.Type.Axes, func(x Axis) bool { return x.Kind == kind && slices.Contains(e.Axes, x.Name) })
	})
}

func useOf(e *Expr) batchUse {
	least, used := batchNone, 0
	for _, a := range e.Args {
		least = max(least, a.batch)
		if a.batch != batchNone {
			used++
		}
	}
	_, perExample := e.Type.Batch()
	switch {
	case overBatch(e):
		return useOver(e, used > 0)
	case used == 0:
		return batchNone
	case perExample:
		return batchStat
	}
	linear := e.Kind == Index || e.Kind == Transform
	switch e.Name {
	case "add", "sub", "neg", "sum", "mean", "stop_gradient":
		linear = true
	case "mul":
		linear = used == 1
	case "div":
		linear = e.Args[1].batch == batchNone
	case "where":
		linear = e.Args[0].batch == batchNone
	}
	if !linear {
		return batchStat
	}
	return least
}

// useOver is the use of a reduction over the batch; again tells that what is
// reduced is made of a reduction already.
func useOver(e *Expr, again bool) batchUse {
	switch {
	case again:
		return batchStat
	case e.Name == "sum":
		return batchSum
	case e.Name == "mean" && countKnown(e):
		return batchMean
	}
	return batchStat
}

// countKnown reports whether it is known before a forward how many values a mean
// over the batch is of: so many for each example, or as many as the rows have
// steps or candidates. Of the tokens of a view it is not.
func countKnown(e *Expr) bool {
	return !slices.ContainsFunc(e.Args, func(a *Expr) bool {
		return slices.ContainsFunc(a.Type.Axes, func(x Axis) bool { return x.Of != "" && slices.Contains(e.Axes, x.Name) })
	})
}

// checkLoss holds the loss against the rules that its type can break.
func (c *checker) checkLoss(o *Objective) {
	t, span := o.Loss.Value.Type, o.Loss.Span
	if t.Elem == Bool {
		c.report(diag.LossNotReduced, span, "the loss is one number, and this is %s", t).Help = scalarHelp(t, o.Loss.Text)
		return
	}
	batch, open := t.Batch()
	switch {
	case open:
		d := c.report(diag.LossNotReduced, span, "the loss is one number, and this is %s", t)
		d.Notes = append(d.Notes, diag.Note{Message: "one number for each " + batch.Name})
		d.Help = scalarHelp(t, o.Loss.Text)
	case !t.scalar():
		d := c.report(diag.LossNotReduced, span, "the loss is one number, and this is %s", t)
		d.Help = scalarHelp(t, o.Loss.Text)
	}
}

// finite demands that what is known is a number: 1 / t is none where t is 0.
func (c *checker) finite(o *Objective) {
	for _, out := range o.outputs() {
		visit(out.Value, func(e *Expr) {
			v, ok := known(e)
			switch {
			case ok && (math.IsNaN(v) || math.IsInf(v, 0)):
				c.report(diag.NotFinite, e.Span, "%s is %g here", short(oneLine(e.Span)), v).Help = "give the parameters that it is made of other values"
			case e.Kind == Call && e.Name == "div" && is(e.Args[1], 0):
				c.report(diag.NotFinite, e.Args[1].Span, "%s is 0 here, and divides", short(oneLine(e.Args[1].Span))).Help = "give the parameters that it is made of other values"
			}
		})
	}
}

// reducedFirst warns of a loss that compares the mean of the batch where each
// example was meant: the pairs of one batch then make up for each other.
func (c *checker) reducedFirst(o *Objective) {
	visit(o.Loss.Value, func(e *Expr) {
		if e.Kind != Call || !bent(e) {
			return
		}
		d := c.report(diag.ReducedFirst, e.Span, "%s is computed once for the whole batch, not for each %s", short(oneLine(e.Span)), c.kind.batch.Name)
		d.Severity = diag.Warning
		d.Help = "reduce last: mean(" + e.Name + "(…))"
	})
}

// sums warns of sums over the batch that make the loss grow with it. What is
// divided by another number of the batch does not.
func (c *checker) sums(o *Objective) {
	seen := map[*Expr]bool{}
	var walk func(*Expr)
	walk = func(e *Expr) {
		if seen[e] || e.Kind == Call && (bent(e) || e.Name == "div" && e.Args[1].batch != batchNone) {
			return
		}
		seen[e] = true
		if e.Kind == Call && e.Name == "sum" && overBatch(e) {
			d := c.report(diag.SumOverBatch, e.Span, "a sum over `%s` grows with the batch", strings.Join(e.Axes, "`, `"))
			d.Severity = diag.Warning
			d.Help = "write mean(…): then neither the loss nor the right learning rate depends on batch"
		}
		if e.Kind == LetRef {
			walk(e.Let.Value)
		}
		for _, a := range e.Args {
			walk(a)
		}
	}
	walk(o.Loss.Value)
}

// bent reports whether e is a curve of a number that is of all of the batch.
func bent(e *Expr) bool {
	curve := slices.Contains([]string{"log_sigmoid", "sigmoid", "softplus", "relu", "tanh", "exp", "log"}, e.Name)
	return curve && e.Args[0].grad && (e.Args[0].batch == batchMean || e.Args[0].batch == batchSum)
}

// facts tells which statistics micro-batches do not add up to, so that a step of
// several makes each forward twice.
func (c *checker) facts(o *Objective) []Fact {
	var facts []Fact
	seen := map[*Expr]bool{}
	var walk func(*Expr)
	walk = func(e *Expr) {
		if seen[e] {
			return
		}
		seen[e] = true
		made := slices.ContainsFunc(e.Args, func(a *Expr) bool { return a.batch == batchStat })
		if e.Kind != LetRef && e.batch == batchStat && !made {
			if !slices.ContainsFunc(facts, func(f Fact) bool { return f.Span == e.Span }) {
				facts = append(facts, Fact{e.Span, short(oneLine(e.Span)) + " sees " + c.step() + ": where they take several forwards, each is made twice"})
			}
			return
		}
		if e.Kind == Call && e.Name == "mean" && overBatch(e) && reduces(e, RaggedAxis) {
			facts = c.pooled(facts, e)
		}
		if e.Kind == LetRef {
			walk(e.Let.Value)
		}
		for _, a := range e.Args {
			walk(a)
		}
	}
	for _, out := range o.outputs() {
		walk(out.Value)
	}
	return facts
}

// pooled adds that a mean is over all that rows have, and not over rows.
func (c *checker) pooled(facts []Fact, e *Expr) []Fact {
	ragged := slices.DeleteFunc(slices.Clone(e.Axes), func(a string) bool { return a == c.kind.batch.Name })
	text := " takes each " + overText(ragged) + " of " + c.step() + " alike: a " + c.kind.batch.Name + " counts by how many it has"
	if slices.ContainsFunc(facts, func(f Fact) bool { return strings.HasSuffix(f.Text, text) }) {
		return facts // said once, most often of the loss
	}
	return append(facts, Fact{e.Span, short(oneLine(e.Span)) + text})
}

// step is all examples of an optimizer step, in words.
func (c *checker) step() string {
	if n := c.env.Batch; n > 1 {
		return "all " + count(n, c.kind.batch.Name) + " of a step"
	}
	return "all " + c.kind.batch.Name + "s of a step"
}
