package check

import (
	"math"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/compiler/typed"
	"github.com/rmc-lang/rmc/lang/diag"
)

// checkLoss holds the loss against the rules that its type can break.
func (c *checker) checkLoss(o *typed.Objective) {
	t, span := o.Loss.Value.Type, o.Loss.Span
	if t.Elem == typed.Bool {
		c.report(diag.LossNotReduced, span, "the loss is one number, and this is %s", t).Help = scalarHelp(t, o.Loss.Text)
		return
	}
	batch, open := t.Batch()
	switch {
	case open:
		d := c.report(diag.LossNotReduced, span, "the loss is one number, and this is %s", t)
		d.Notes = append(d.Notes, diag.Note{Message: "one number for each " + batch.Name})
		d.Help = scalarHelp(t, o.Loss.Text)
	case !t.Scalar():
		d := c.report(diag.LossNotReduced, span, "the loss is one number, and this is %s", t)
		d.Help = scalarHelp(t, o.Loss.Text)
	}
}

// finite demands that what is known is a number: 1 / t is none where t is 0.
func (c *checker) finite(o *typed.Objective) {
	for _, out := range o.Outputs() {
		typed.Visit(out.Value, func(e *typed.Expr) {
			v, ok := typed.Known(e)
			switch {
			case ok && (math.IsNaN(v) || math.IsInf(v, 0)):
				c.report(diag.NotFinite, e.Span, "%s is %g here", typed.Short(typed.OneLine(e.Span)), v).Help = "give the parameters that it is made of other values"
			case e.Kind == typed.Call && e.Name == "div" && typed.Is(e.Args[1], 0):
				c.report(diag.NotFinite, e.Args[1].Span, "%s is 0 here, and divides", typed.Short(typed.OneLine(e.Args[1].Span))).Help = "give the parameters that it is made of other values"
			}
		})
	}
}

// reducedFirst warns of a loss that compares the mean of the batch where each
// example was meant: the pairs of one batch then make up for each other.
func (c *checker) reducedFirst(o *typed.Objective) {
	typed.Visit(o.Loss.Value, func(e *typed.Expr) {
		if e.Kind != typed.Call || !bent(e) {
			return
		}
		d := c.report(diag.ReducedFirst, e.Span, "%s is computed once for the whole batch, not for each %s", typed.Short(typed.OneLine(e.Span)), c.kind.batch.Name)
		d.Severity = diag.Warning
		d.Help = "reduce last: mean(" + e.Name + "(…))"
	})
}

// sums warns of sums over the batch that make the loss grow with it. What is
// divided by another number of the batch does not.
func (c *checker) sums(o *typed.Objective) {
	seen := map[*typed.Expr]bool{}
	var walk func(*typed.Expr)
	walk = func(e *typed.Expr) {
		if seen[e] || e.Kind == typed.Call && (bent(e) || e.Name == "div" && e.Args[1].Batch != typed.BatchNone) {
			return
		}
		seen[e] = true
		if e.Kind == typed.Call && e.Name == "sum" && typed.OverBatch(e) {
			d := c.report(diag.SumOverBatch, e.Span, "a sum over `%s` grows with the batch", strings.Join(e.Axes, "`, `"))
			d.Severity = diag.Warning
			d.Help = "write mean(…): then neither the loss nor the right learning rate depends on batch"
		}
		if e.Kind == typed.LetRef {
			walk(e.Let.Value)
		}
		for _, a := range e.Args {
			walk(a)
		}
	}
	walk(o.Loss.Value)
}

// bent reports whether e is a curve of a number that is of all of the batch.
func bent(e *typed.Expr) bool {
	curve := slices.Contains([]string{"log_sigmoid", "sigmoid", "softplus", "relu", "tanh", "exp", "log"}, e.Name)
	return curve && e.Args[0].Grad && (e.Args[0].Batch == typed.BatchMean || e.Args[0].Batch == typed.BatchSum)
}

// facts tells which statistics micro-batches do not add up to, so that a step of
// several makes each forward twice.
func (c *checker) facts(o *typed.Objective) []typed.Fact {
	var facts []typed.Fact
	seen := map[*typed.Expr]bool{}
	var walk func(*typed.Expr)
	walk = func(e *typed.Expr) {
		if seen[e] {
			return
		}
		seen[e] = true
		made := slices.ContainsFunc(e.Args, func(a *typed.Expr) bool { return a.Batch == typed.BatchStat })
		if e.Kind != typed.LetRef && e.Batch == typed.BatchStat && !made {
			if !slices.ContainsFunc(facts, func(f typed.Fact) bool { return f.Span == e.Span }) {
				facts = append(facts, typed.Fact{Span: e.Span, Text: typed.Short(typed.OneLine(e.Span)) + " sees " + c.step() + ": where they take several forwards, each is made twice"})
			}
			return
		}
		if e.Kind == typed.Call && e.Name == "mean" && typed.OverBatch(e) && typed.Reduces(e, typed.RaggedAxis) {
			facts = c.pooled(facts, e)
		}
		if e.Kind == typed.LetRef {
			walk(e.Let.Value)
		}
		for _, a := range e.Args {
			walk(a)
		}
	}
	for _, out := range o.Outputs() {
		walk(out.Value)
	}
	return facts
}

// pooled adds that a mean is over all that rows have, and not over rows.
func (c *checker) pooled(facts []typed.Fact, e *typed.Expr) []typed.Fact {
	ragged := slices.DeleteFunc(slices.Clone(e.Axes), func(a string) bool { return a == c.kind.batch.Name })
	text := " takes each " + overText(ragged) + " of " + c.step() + " alike: a " + c.kind.batch.Name + " counts by how many it has"
	if slices.ContainsFunc(facts, func(f typed.Fact) bool { return strings.HasSuffix(f.Text, text) }) {
		return facts // said once, most often of the loss
	}
	return append(facts, typed.Fact{Span: e.Span, Text: typed.Short(typed.OneLine(e.Span)) + text})
}

// step is all examples of an optimizer step, in words.
func (c *checker) step() string {
	if n := c.env.Batch; n > 1 {
		return "all " + count(n, c.kind.batch.Name) + " of a step"
	}
	return "all " + c.kind.batch.Name + "s of a step"
}
