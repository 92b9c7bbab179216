// Package check gives every expression of an objective its type and axes, in the
// terms of package typed, and decides whether the whole is a loss. It knows no objective by name and asks
// nothing: what it needs of the stage comes in an Env.
//
// New goes over the tree three times: names and types (everything that can be
// wrong is found here, and a mistake poisons what is built on it), then
// simplification (parameters are known numbers, and unstable forms are
// rewritten), then the rules of a loss on what is left.
package check

import (
	"slices"

	"github.com/rmc-lang/rmc/compiler/typed"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/source"
)

// New checks decl, an objective declaration, as a stage with env would use it.
// All problems go to errs; the result is nil when one is an error, or when
// something of env is not known. A declaration
// that is broken or on another kind of data than env's has been reported before.
func New(decl *ast.Decl, env Env, errs *diag.List) *typed.Objective {
	kind, ok := kindOf(env.Data.Kind)
	on, _ := decl.On.(*ast.Ident)
	if !ok || decl.Broken || on == nil || on.Name != env.Data.Kind {
		return nil
	}
	if decl.Body == nil {
		empty := *decl
		empty.Body = &ast.Block{}
		decl = &empty
	}
	c := newChecker(decl, env, kind)
	o := &typed.Objective{Name: decl.Name.Name, Span: decl.Name.Span, Data: env.Data.Kind, Axis: kind.batch.Name}
	c.params(o)
	c.body(o)
	c.unused()
	whole := !env.loose() && len(decl.Body.Lost) == 0 &&
		!slices.ContainsFunc(o.Outputs(), func(out typed.Output) bool { return out.Value.Type.Poisoned() })
	switch {
	case c.errs.HasErrors():
	case whole:
		c.finish(o)
	case !o.Loss.Value.Type.Poisoned():
		c.checkLoss(o)
		c.reducedFirst(o)
		c.sums(o)
		c.checkTrained(o)
	}
	if whole && !c.errs.HasErrors() {
		c.served()
	}
	*errs = append(*errs, c.errs...)
	if !whole || c.errs.HasErrors() {
		return nil
	}
	return o
}

type checker struct {
	env     Env
	kind    dataKind
	decl    *ast.Decl
	errs    diag.List
	seen    map[mistake]bool // the body of a let with parameters is typed once a call
	several map[string]bool  // models of several outputs whose score was asked for
	byName  map[string]*binding
	order   []*binding // params and lets as declared
	locals  []map[string]local
	reward  bool              // a reward is checked, not an objective
	scored  string            // of a reward, the view that is scored: response
	aliases map[string]string // models and fits by the parameters that stand for them
	within  []string          // calls of lets that are being inlined, outermost first
	terms   []*typed.Term
	asked   []source.Span         // where each of terms is asked for first
	calls   map[string]*typed.Let // inlined calls by name and arguments
	lets    []*typed.Let          // in order of computation
}

func newChecker(decl *ast.Decl, env Env, kind dataKind) *checker {
	return &checker{
		env: env, kind: kind, decl: decl,
		seen: map[mistake]bool{}, several: map[string]bool{}, byName: map[string]*binding{}, aliases: map[string]string{}, calls: map[string]*typed.Let{},
	}
}

type mistake struct {
	code diag.Code
	span source.Span
}

// A binding is what a name of the objective means.
type binding struct {
	name  *ast.Ident
	param *typed.Param // of a parameter
	let   *ast.Let     // of a let
	value *typed.Let   // of a let without parameters, once it is typed
	lost  bool         // it could not be parsed, and may be anything
}

// A local is what a parameter of a let stands for in one call.
type local struct {
	view  string
	value *typed.Expr
}

// report adds an error unless the same was said of the same text before.
func (c *checker) report(code diag.Code, span source.Span, format string, args ...any) *diag.Diagnostic {
	if c.seen[mistake{code, span}] {
		return &diag.Diagnostic{}
	}
	c.seen[mistake{code, span}] = true
	d := c.errs.Addf(code, span, format, args...)
	if n := len(c.within); n > 0 {
		d.Notes = append(d.Notes, diag.Note{Message: "in the call " + c.within[n-1]})
	}
	return d
}

// poison is the expression of a mistake that has been reported.
func poison(span source.Span) *typed.Expr { return &typed.Expr{Kind: typed.Literal, Span: span} }

func (c *checker) body(o *typed.Objective) {
	var loss *ast.Field
	o.Loss.Value = poison(c.decl.Name.Span)
	for _, name := range c.decl.Body.Lost {
		if name != nil && c.byName[name.Name] == nil && c.builtin(name.Name) == "" {
			c.byName[name.Name] = &binding{name: name, lost: true}
		}
	}
	for _, item := range c.decl.Body.Items {
		if l, ok := item.(*ast.Let); ok {
			c.declare(&binding{name: l.Name, let: l})
			c.declareParams(l)
		}
	}
	for _, item := range c.decl.Body.Items {
		switch item := item.(type) {
		case *ast.Let:
			c.let(item)
		case *ast.Report:
			c.reportItem(o, item)
		case *ast.Field:
			if c.field(item, loss) {
				loss = item
				o.Loss = c.output("loss", item.Value.Pos(), item.Value)
			}
		case *ast.Decl:
			c.report(diag.NotInObjective, item.Keyword.Span, "an objective has no %s in it", item.Keyword.Name).Help =
				"it holds let, loss and report"
		}
	}
	if loss == nil && len(c.decl.Body.Lost) == 0 {
		c.report(diag.NoLoss, c.decl.Name.Span, "%s has no loss", c.decl.Name.Name).Help =
			"add loss = mean(…)"
	}
}

// field reports whether f is the loss.
func (c *checker) field(f, loss *ast.Field) bool {
	switch {
	case f.Key.Name != "loss":
		c.report(diag.NotInObjective, f.Key.Span, "an objective has no field %q", f.Key.Name).Help =
			"a value is let " + f.Key.Name + " = …, a metric is report " + f.Key.Name + " = …"
		return false
	case loss != nil:
		d := c.report(diag.NameTaken, f.Key.Span, "the loss is set twice")
		d.Notes = append(d.Notes, diag.Note{Span: loss.Key.Span, Message: "first here"})
		d.Help = "add the two, or keep one"
		return false
	}
	return true
}

func (c *checker) output(name string, span source.Span, value ast.Expr) typed.Output {
	return typed.Output{Name: name, Text: text(value), Span: span, Value: c.expr(value)}
}

func (c *checker) reportItem(o *typed.Objective, r *ast.Report) {
	for _, other := range o.Reports {
		if other.Name == r.Name.Name {
			d := c.report(diag.NameTaken, r.Name.Span, "%q is reported twice", r.Name.Name)
			d.Notes = append(d.Notes, diag.Note{Span: other.Span, Message: "first here"})
			d.Help = "give one of them another name"
			return
		}
	}
	out := c.output(r.Name.Name, r.Name.Span, r.Value)
	if t := out.Value.Type; !t.Poisoned() && (!t.Scalar() || t.Elem == typed.Bool) {
		d := c.report(diag.ReportNotScalar, r.Value.Pos(), "a report is one number, and this is %s", t)
		d.Help = scalarHelp(t, text(r.Value))
	}
	o.Reports = append(o.Reports, out)
}

// scalarHelp tells how to make one number of an expression.
func scalarHelp(t typed.Type, expr string) string {
	if len(expr) > 30 {
		expr = "…"
	}
	if len(t.Axes) == 1 {
		return "reduce it: mean(" + expr + ", over " + t.Axes[0].Name + ")"
	}
	if len(t.Axes) == 0 {
		return "count it: where(" + expr + ", 1, 0)"
	}
	return "reduce it over " + list(t.Names())
}

// let types a let without parameters; those with parameters are typed by each
// call, when the types of the arguments are known.
func (c *checker) let(l *ast.Let) {
	b := c.byName[l.Name.Name]
	switch {
	case len(l.Params) > 0:
		return
	case b == nil || b.let != l:
		c.expr(l.Value) // its name was taken; for what else is wrong with it
		return
	}
	value := &typed.Let{Name: l.Name.Name, Head: l.Name.Name, Text: text(l.Value), Span: l.Span, Value: c.expr(l.Value)}
	b.value = value
	c.lets = append(c.lets, value)
}

// unused reports lets and parameters that nothing reads.
func (c *checker) unused() {
	if len(c.decl.Body.Lost) > 0 {
		return // what is lost may have used them
	}
	named := c.named()
	for _, b := range c.order {
		switch {
		case named[b.name.Name] || c.builtin(b.name.Name) != "" || slices.Contains(c.env.Rewards, b.name.Name):
		case b.let != nil && c.env.Library && len(b.let.Params) == 1:
		case b.param != nil:
			c.report(diag.UnusedParam, b.name.Span, "parameter %s is never used", b.name.Name).Help =
				"use it, or take it out: a value that changes nothing is a mistake somewhere"
		default:
			c.report(diag.UnusedLet, b.name.Span, "%s is computed and never used", b.name.Name).Help =
				"use it in the loss or a report, or take it out"
		}
	}
}

// finish simplifies and applies the rules of a loss.
func (c *checker) finish(o *typed.Objective) {
	c.checkLoss(o)
	if c.errs.HasErrors() {
		return
	}
	s := &typed.Simplifier{Lets: map[*typed.Let]*typed.Let{}}
	o.Loss.Value = s.Expr(o.Loss.Value)
	for i := range o.Reports {
		o.Reports[i].Value = s.Expr(o.Reports[i].Value)
	}
	c.finite(o)
	c.constants(o)
	if c.errs.HasErrors() {
		return
	}
	c.reducedFirst(o)
	c.sums(o)
	o.Lets, o.Terms, o.Columns = c.collect(o.Outputs(), s)
	c.checkGradient(o)
	o.Facts = append(s.Facts, c.facts(o)...)
}

// collect lists what simplified outputs still need.
func (c *checker) collect(outputs []typed.Output, s *typed.Simplifier) (lets []*typed.Let, terms []*typed.Term, columns []string) {
	needs := map[any]bool{}
	for _, out := range outputs {
		typed.Visit(out.Value, func(e *typed.Expr) {
			switch e.Kind {
			case typed.LetRef:
				needs[e.Let] = true
			case typed.TermRef:
				needs[e.Term] = true
			case typed.Column:
				needs[e.Name] = !e.Absent
			}
		})
	}
	for _, l := range c.lets {
		if simple := s.Lets[l]; simple != nil && needs[simple] {
			lets = append(lets, simple)
		}
	}
	for _, t := range c.terms {
		if needs[t] {
			terms = append(terms, t)
		}
	}
	for key := range needs {
		if name, ok := key.(string); ok && needs[name] {
			columns = append(columns, name)
		}
	}
	slices.Sort(columns)
	return lets, terms, columns
}
