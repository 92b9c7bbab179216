package check

import (
	"math"
	"slices"

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
	batchStat                 // anything else: each micro-batch has its own
)

// newCall is a call with what follows from its arguments. Reductions have an
// axis.
func newCall(name string, span source.Span, t Type, axis string, args ...*Expr) *Expr {
	e := &Expr{Kind: Call, Name: name, Type: t, Span: span, Axis: axis, Args: args}
	e.batch = useOf(e)
	for i, a := range args {
		e.grad = e.grad || a.grad && flows(name, i)
	}
	return e
}

// flows reports whether a gradient reaches argument i of a function.
func flows(name string, i int) bool {
	switch name {
	case "lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not", "rank", "stop_gradient":
		return false
	case "where":
		return i > 0
	}
	return true
}

// overBatch reports whether e reduces the batch axis.
func overBatch(e *Expr) bool {
	if e.Axis == "" {
		return false
	}
	return slices.ContainsFunc(e.Args, func(a *Expr) bool {
		axis, ok := a.Type.Axis(e.Axis)
		return ok && axis.Kind == BatchAxis
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
	case overBatch(e) && least == batchNone && e.Name == "mean":
		return batchMean
	case overBatch(e) && least == batchNone && e.Name == "sum":
		return batchSum
	case overBatch(e) || used > 0 && perExample:
		return batchStat
	case used == 0:
		return batchNone
	}
	linear := false
	switch e.Name {
	case "", "add", "sub", "neg", "sum", "mean", "stop_gradient": // "" is an index
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
			d := c.report(diag.SumOverBatch, e.Span, "a sum over `%s` grows with the batch", e.Axis)
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

// checkTrained demands that the loss, as written, trains what the stage trains.
func (c *checker) checkTrained(o *Objective) {
	if m := c.trained(); m != nil && !o.Loss.Value.grad {
		c.noGradient(o, m)
	}
}

// checkGradient demands that the simplified loss trains what the stage trains.
func (c *checker) checkGradient(o *Objective) {
	c.checkTrained(o)
	if m := c.trained(); m != nil && o.Loss.Value.grad {
		c.headGradients(o, m)
	}
}

func (c *checker) noGradient(o *Objective, m *Model) {
	d := c.report(diag.NoGradient, o.Loss.Span, "the loss sends no gradient to %s, which the stage trains", m.Name)
	d.Help = "a loss needs a term of " + m.Name + ": score(" + c.kind.views[0].name + ")"
	visit(o.Loss.Value, func(e *Expr) {
		for i, a := range e.Args {
			if a.grad && !flows(e.Name, i) && len(d.Notes) == 0 {
				d.Notes = append(d.Notes, diag.Note{Span: e.Span, Message: short(oneLine(e.Span)) + " has no slope to follow"})
				d.Help = "a comparison becomes a loss as log_sigmoid of the difference; rank and stop_gradient belong in reports and weights"
			}
		}
	})
}

// headGradients demands that every output of a trained head is in the loss.
func (c *checker) headGradients(o *Objective, m *Model) {
	r := reach{model: m.Name, outputs: map[string]bool{}, seen: map[reached]bool{}}
	r.walk(o.Loss.Value, "")
	if r.outputs[""] || len(r.outputs) == 0 {
		return
	}
	for _, label := range m.Labels {
		if !r.outputs[label] {
			d := c.report(diag.HeadUntrained, o.Loss.Span, "output %s of %s gets no gradient from this loss", label, m.Name)
			d.Notes = append(d.Notes, diag.Note{Span: m.Span, Message: m.Name + " is declared here"})
			d.Help = "use heads(…)[" + label + "] in the loss, or drop the output"
		}
	}
}

// A reach collects the outputs of a model's head to which a gradient flows; ""
// stands for all of them.
type reach struct {
	model   string
	outputs map[string]bool
	seen    map[reached]bool
}

type reached struct {
	e      *Expr
	output string
}

// walk follows the gradient of e at one output of the head.
func (r *reach) walk(e *Expr, output string) {
	if !e.grad || r.seen[reached{e, output}] {
		return
	}
	r.seen[reached{e, output}] = true
	switch {
	case e.Kind == LetRef:
		r.walk(e.Let.Value, output)
	case e.Kind == TermRef && e.Term.Kind == "heads" && e.Term.Model == r.model:
		r.outputs[output] = true
	case e.Kind == Index && e.Axis == "head":
		output = e.Elem
	case e.Axis == "head": // reduced or normalised: every output counts
		output = ""
	}
	for i, a := range e.Args {
		if flows(e.Name, i) {
			r.walk(a, output)
		}
	}
}

// facts tells what accumulation does not preserve.
func (c *checker) facts(o *Objective) []Fact {
	var facts []Fact
	for _, out := range o.outputs() {
		visit(out.Value, func(e *Expr) {
			stat := slices.ContainsFunc(e.Args, func(a *Expr) bool { return a.batch == batchStat })
			if e.Kind != Call || e.batch != batchStat || stat || slices.ContainsFunc(facts, func(f Fact) bool { return f.Span == e.Span }) {
				return
			}
			facts = append(facts, Fact{e.Span, short(oneLine(e.Span)) + " is a statistic of one micro-batch: " +
				"accumulation gives its mean over micro-batches, not its value over the batch"})
		})
	}
	return facts
}
