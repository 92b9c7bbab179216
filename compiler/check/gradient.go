package check

import (
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/compiler/typed"
	"github.com/rmc-lang/rmc/lang/diag"
)

// checkTrained demands that the loss, as written, trains what the stage trains.
func (c *checker) checkTrained(o *typed.Objective) {
	if m := c.trained(); m != nil && !o.Loss.Value.Grad {
		c.noGradient(o, m)
	}
}

// checkGradient demands that the simplified loss trains all that the stage
// trains.
func (c *checker) checkGradient(o *typed.Objective) {
	c.checkTrained(o)
	m := c.trained()
	if m == nil || !o.Loss.Value.Grad {
		return
	}
	r := newReach(c, m)
	r.walk(o.Loss.Value, "")
	switch {
	case len(r.outputs) == 0 && len(r.scalars) == 0:
		c.noGradient(o, m)
		r.explain(c.errs)
		return
	case len(r.outputs) == 0 && (!m.blind() || c.asksOutputs(m)):
		d := c.report(diag.HeadUntrained, o.Loss.Span, "the outputs of %s get no gradient from this loss", m.Name)
		d.Notes = append(d.Notes, diag.Note{Span: m.Span, Message: m.Name + " is declared here"})
		d.Help = "use " + m.Name + "(x) in the loss"
	case !r.outputs[""] && len(r.outputs) > 0:
		for _, label := range m.Labels {
			if !r.outputs[label] {
				c.untrained(o, m, "output "+label, "use "+c.anOutput(m)+"["+label+"] in the loss, or drop the output")
			}
		}
	}
	for _, name := range m.Scalars {
		if !r.scalars[name] {
			c.untrained(o, m, "the number "+name, "use "+m.Name+"."+name+" in the loss, or take it out of scalars")
		}
	}
	r.explain(c.errs)
}

// untrained reports a part of the trained model that the loss does not move.
func (c *checker) untrained(o *typed.Objective, m *Model, what, help string) {
	d := &diag.Diagnostic{Code: diag.HeadUntrained, Span: o.Loss.Span, Message: what + " of " + m.Name + " gets no gradient from this loss", Help: help}
	d.Notes = append(d.Notes, diag.Note{Span: m.Span, Message: m.Name + " is declared here"})
	c.errs = append(c.errs, *d)
}

// anOutput is how the outputs of m are asked for.
func (c *checker) anOutput(m *Model) string {
	if m.Kind == "mlp" {
		return m.Name + "(…)"
	}
	return "heads(…)"
}

// asksOutputs reports whether the objective names the outputs of m.
func (c *checker) asksOutputs(m *Model) bool {
	return slices.ContainsFunc(c.terms, func(t *typed.Term) bool { return t.Model == m.Name && t.Kind != "scalar" })
}

func (c *checker) noGradient(o *typed.Objective, m *Model) {
	d := c.report(diag.NoGradient, o.Loss.Span, "the loss sends no gradient to %s, which the stage trains", m.Name)
	d.Help = "a loss needs a term of " + m.Name + ": score(" + c.kind.views[0].name + ")"
	if m.Kind == "policy" {
		d.Help = "a loss needs a term of " + m.Name + ": logprob(" + c.kind.views[0].name + ")"
	}
	if m.Kind == "mlp" && m.Outputs > 1 {
		d.Help = "a loss needs a term of " + m.Name + ": " + m.Name + "(" + c.kind.views[0].name + ")"
	}
	typed.Visit(o.Loss.Value, func(e *typed.Expr) {
		for i, a := range e.Args {
			if a.Grad && !e.Flows(i) && len(d.Notes) == 0 {
				d.Notes = append(d.Notes, diag.Note{Span: e.Span, Message: typed.Short(typed.OneLine(e.Span)) + " has no slope to follow"})
				d.Help = "a comparison becomes a loss as log_sigmoid of the difference; rank and stop_gradient belong in reports and weights"
			}
		}
	})
}

// constants reports normalisations and correlations of what does not vary along
// their axes. Their results are the same whatever the model says: a known script
// of ArmoRM normalised its gate over the two sides of a pair, for which the
// prompt, and so the gate, is one.
func (c *checker) constants(o *typed.Objective) {
	v := variation{c: c, known: map[variationKey]bool{}}
	for _, out := range o.Outputs() {
		typed.Visit(out.Value, func(e *typed.Expr) {
			if e.Kind != typed.Call || e.Name != "softmax" && e.Name != "log_softmax" && e.Name != "corr" {
				return
			}
			for _, a := range e.Args {
				if _, ok := typed.Known(a); ok || v.along(a, e.Axes) {
					continue
				}
				d := c.report(diag.ConstantAlong, a.Span, "%s over %s of %s, which is the same for %s: it is a constant",
					e.Name, overText(e.Axes), typed.Short(typed.OneLine(a.Span)), each(e.Axes))
				d.Help = "normalise over an axis that it varies along"
				if own := slices.DeleteFunc(v.axes(a), func(x string) bool { return x == c.kind.batch.Name }); len(own) > 0 {
					d.Help = "did you mean `over " + own[len(own)-1] + "`?"
				} else if e.Name == "corr" {
					d.Help = "what does not vary correlates with nothing"
				}
			}
		})
	}
}

func overText(axes []string) string { return "`" + strings.Join(axes, "` and `") + "`" }

// each says how a constant is the same along axes.
func each(axes []string) string {
	if len(axes) == 1 && axes[0] == "side" {
		return "both"
	}
	return "every `" + strings.Join(axes, "` and `") + "`"
}

// A variation tells along which axes values vary. A type cannot: a value may
// have an axis by addition of 0, and a model that reads no text is the same for
// every view.
type variation struct {
	c     *checker
	known map[variationKey]bool
}

type variationKey struct {
	e    *typed.Expr
	axes string
}

// along reports whether e varies along one of the axes.
func (v *variation) along(e *typed.Expr, axes []string) bool {
	if _, ok := typed.Known(e); ok || !e.Type.HasAny(axes) {
		return false
	}
	key := variationKey{e, strings.Join(axes, " ")}
	varies, ok := v.known[key]
	if ok {
		return varies
	}
	switch {
	case e.Kind == typed.LetRef:
		varies = v.along(e.Let.Value, axes)
	case e.Kind == typed.TermRef:
		m := v.c.model(e.Term.Model)
		varies = m == nil || !m.blind() || typed.Type{Axes: m.axes()}.HasAny(axes)
	case len(e.Args) == 0 || e.Name == "suffix_logsumexp":
		varies = true
	default:
		varies = slices.ContainsFunc(e.Args, func(a *typed.Expr) bool { return v.along(a, axes) })
	}
	v.known[key] = varies
	return varies
}

// axes are those that e varies along.
func (v *variation) axes(e *typed.Expr) []string {
	return slices.DeleteFunc(e.Type.Names(), func(name string) bool { return !v.along(e, []string{name}) })
}

// A reach collects what of a model a gradient flows to: its outputs, "" for all
// of them, and its learnable numbers. It knows sums that cancel, and parts that
// a softmax or a correlation does not see because they do not vary along its axis.
type reach struct {
	variation
	model   *Model
	axis    string // of the outputs
	outputs map[string]bool
	scalars map[string]bool
	unseen  []diag.Note // why something is not reached
	seen    map[reached]bool
	sums    map[*typed.Expr][]part
}

type reached struct {
	e      *typed.Expr
	output string
}

// A part is a summand and the number that it is multiplied by.
type part struct {
	e     *typed.Expr
	times float64
}

func newReach(c *checker, m *Model) *reach {
	r := &reach{
		variation: variation{c: c, known: map[variationKey]bool{}},
		model:     m, outputs: map[string]bool{}, scalars: map[string]bool{},
		seen: map[reached]bool{}, sums: map[*typed.Expr][]part{},
	}
	for _, a := range m.axes() {
		r.axis = a.Name
	}
	return r
}

// explain adds to the last problem why a part of the model is not reached.
func (r *reach) explain(errs diag.List) {
	if n := len(errs); n > 0 && len(r.unseen) > 0 && (errs[n-1].Code == diag.HeadUntrained || errs[n-1].Code == diag.NoGradient) {
		errs[n-1].Notes = append(errs[n-1].Notes, r.unseen[0])
	}
}

// parts are the summands of e, less those that cancel.
func (r *reach) parts(e *typed.Expr) []part {
	if _, ok := typed.Known(e); ok {
		return nil
	}
	if e.Kind == typed.LetRef {
		return r.parts(e.Let.Value)
	}
	sum, ok := r.sums[e]
	if ok {
		return sum
	}
	switch {
	case e.Kind != typed.Call:
		sum = []part{{e, 1}}
	case e.Name == "add":
		sum = r.add(r.parts(e.Args[0]), r.parts(e.Args[1]), 1)
	case e.Name == "sub":
		sum = r.add(r.parts(e.Args[0]), r.parts(e.Args[1]), -1)
	case e.Name == "neg":
		sum = r.add(nil, r.parts(e.Args[0]), -1)
	default:
		sum = r.multiple(e)
	}
	r.sums[e] = sum
	return sum
}

// multiple are the parts of a product with a known number.
func (r *reach) multiple(e *typed.Expr) []part {
	if e.Name == "mul" || e.Name == "div" {
		if k, ok := typed.Known(e.Args[1]); ok && k != 0 {
			if e.Name == "div" {
				k = 1 / k
			}
			return r.add(nil, r.parts(e.Args[0]), k)
		}
		if k, ok := typed.Known(e.Args[0]); ok && e.Name == "mul" {
			return r.add(nil, r.parts(e.Args[1]), k)
		}
	}
	return []part{{e, 1}}
}

// add is x + k·y.
func (r *reach) add(x, y []part, k float64) []part {
	sum := slices.Clone(x)
	for _, p := range y {
		i := slices.IndexFunc(sum, func(q part) bool { return r.name(q.e) == r.name(p.e) })
		if i < 0 {
			sum = append(sum, part{p.e, k * p.times})
			continue
		}
		sum[i].times += k * p.times
	}
	return slices.DeleteFunc(sum, func(p part) bool {
		if p.times == 0 && p.e.Grad {
			r.unseen = append(r.unseen, diag.Note{Span: p.e.Span, Message: typed.Short(typed.OneLine(p.e.Span)) + " cancels"})
		}
		return p.times == 0
	})
}

// name is the same for what has the same value.
func (r *reach) name(e *typed.Expr) string {
	name := e.String()
	for _, t := range r.c.terms {
		if m := r.c.model(t.Model); m != nil && m.blind() && t.Kind != "scalar" {
			name = strings.ReplaceAll(name, t.String(), m.Name+"()")
		}
	}
	return name
}

// walk follows the gradient of e at one output of the model.
func (r *reach) walk(e *typed.Expr, output string) {
	if !e.Grad || r.seen[reached{e, output}] {
		return
	}
	r.seen[reached{e, output}] = true
	for _, p := range r.parts(e) {
		r.part(p.e, output)
	}
}

func (r *reach) part(e *typed.Expr, output string) {
	switch {
	case !e.Grad:
		return
	case e.Kind == typed.TermRef:
		r.term(e.Term, output)
	case e.Kind == typed.Index && e.Axes[0] == r.axis:
		output = e.Elem
	case e.Kind == typed.Transform || slices.Contains(e.Axes, r.axis): // every output counts
		output = ""
	}
	for i, a := range e.Args {
		switch {
		case !e.Flows(i):
		case e.Kind == typed.Call && len(e.Axes) > 0:
			r.reduction(e, a, output)
		default:
			r.walk(a, output)
		}
	}
}

func (r *reach) term(t *typed.Term, output string) {
	switch {
	case t.Model != r.model.Name || t.Kind == "weights":
	case t.Kind == "scalar":
		r.scalars[t.View] = true
	default:
		r.outputs[output] = true
	}
}

// reduction follows the summands of a reduction's argument that it sees.
func (r *reach) reduction(e, arg *typed.Expr, output string) {
	for _, p := range r.parts(arg) {
		shifted := e.Name == "softmax" || e.Name == "log_softmax" || e.Name == "corr"
		whole := e.Name == "sum" || e.Name == "mean"
		normal := p.e.Kind == typed.Call && p.e.Name == "softmax" && !slices.ContainsFunc(p.e.Axes, func(a string) bool { return !slices.Contains(e.Axes, a) })
		switch {
		case shifted && !r.along(p.e, e.Axes):
			r.missed(p.e, "is the same for "+each(e.Axes)+", which "+e.Name+" does not see")
		case whole && normal:
			r.missed(p.e, "adds up to 1 over "+overText(p.e.Axes))
		default:
			r.part(p.e, output)
		}
	}
}

func (r *reach) missed(e *typed.Expr, why string) {
	if e.Grad {
		r.unseen = append(r.unseen, diag.Note{Span: e.Span, Message: typed.Short(typed.OneLine(e.Span)) + " " + why})
	}
}
