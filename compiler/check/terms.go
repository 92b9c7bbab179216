package check

import (
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/compiler/typed"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/source"
)

// A term is something that a model or the data says of a view.
type term struct {
	name string
	form string
	doc  string
	of   []string                                 // kinds of model that have it; none for what the data has
	axes func(m *Model, view string) []typed.Axis // beyond those of the view
}

func termTable() []term {
	hidden := typed.Axis{Name: "hidden", Kind: typed.FixedAxis}
	fixed := func(axes ...typed.Axis) func(*Model, string) []typed.Axis {
		return func(*Model, string) []typed.Axis { return axes }
	}
	outputs := func(m *Model, _ string) []typed.Axis { return m.axes() }
	return []term{
		{"score", "score(x)", "what a model with one output gives each sequence", []string{"reward", "mlp"}, fixed()},
		{"heads", "heads(x)", "all outputs of the model, over head; of an mlp, over the axis of its outputs", []string{"reward", "mlp"}, outputs},
		{"embed", "embed(x)", "the hidden state that the head reads, or that an encoder gives, over hidden", []string{"reward", "encoder"}, fixed(hidden)},
		{"weights", "weights()", "the matrix of the trained linear head, over head and hidden", []string{"reward"},
			func(m *Model, _ string) []typed.Axis { return append(m.axes(), hidden) }},
		{"logprob", "logprob(x)", "the log-probability of each token of the response, over token; on labels, of each label among all tokens, over step and label", []string{"policy"},
			func(_ *Model, view string) []typed.Axis {
				return []typed.Axis{{Name: "token", Kind: typed.RaggedAxis, Of: view}}
			}},
		{"logits", "logits(x)", "on labels: the logit of each label, over step and label", []string{"policy"}, fixed()},
		{"ending", "ending(x)", "on labels: the log-probability among all tokens of the one that follows each label and ends its turn, over step; 0 where none does. For a loss alone: what is scored ends before its last label", []string{"policy"}, fixed()},
		{"length", "length(x)", "how many tokens the response has, after truncation", nil, fixed()},
	}
}

func termOf(name string) *term {
	for _, t := range termTable() {
		if t.name == name {
			return &t
		}
	}
	return nil
}

// views is how many views t reads.
func (t *term) views() int { return strings.Count(t.form, "x") - strings.Count(t.name, "x") }

// axes is the axis of m's outputs, unless m is an mlp with one.
func (m *Model) axes() []typed.Axis {
	name := m.Axis
	switch {
	case name == "" && m.Kind == "mlp":
		return nil
	case name == "":
		name = "head"
	}
	return []typed.Axis{{Name: name, Kind: typed.FixedAxis, Elements: m.Labels, Loose: m.Loose}}
}

// blind reports whether m reads no text, and gives every view the same.
func (m *Model) blind() bool { return m.Kind == "mlp" && m.Encoder == "" }

func (c *checker) model(name string) *Model {
	name = c.alias(name)
	for i := range c.env.Models {
		if c.env.Models[i].Name == name {
			return &c.env.Models[i]
		}
	}
	return nil
}

func (c *checker) fit(name string) *Fit {
	name = c.alias(name)
	for i := range c.env.Fits {
		if c.env.Fits[i].Name == name {
			return &c.env.Fits[i]
		}
	}
	return nil
}

func (c *checker) trained() *Model {
	for i := range c.env.Models {
		if c.env.Models[i].Trained {
			return &c.env.Models[i]
		}
	}
	return nil
}

// looseModel reports whether not all is known of the models.
func (c *checker) looseModel() bool {
	return slices.ContainsFunc(c.env.Models, func(m Model) bool { return m.Loose })
}

// term types a call like score(chosen) or heads(x, model = ref).
func (c *checker) term(call *ast.Call, t *term) *typed.Expr {
	m, views, ok := c.termArgs(call, t)
	if !ok {
		return poison(call.Span)
	}
	view := ""
	if len(views) == 1 {
		view, ok = c.viewArg(t.name, views[0].Value)
	}
	switch {
	case !ok:
		return poison(call.Span)
	case !c.ofResponse(t, view, views):
		return poison(call.Span)
	case t.of == nil:
		return c.ask(call.Span, &typed.Term{Kind: t.name, View: view, Type: c.viewType(view)}, false)
	case m == nil || !c.hasTerm(call, t, m) || !c.oneOutput(call, t, m):
		return poison(call.Span)
	}
	typ, kind := c.viewType(view), t.name
	switch {
	case c.kind.labelled && (kind == "logits" || kind == "logprob"):
		typ.Axes, _, _, _ = typed.Union(typ.Axes, c.labelAxes())
	case kind == "ending":
		typ.Axes, _, _, _ = typed.Union(typ.Axes, c.labelAxes()[:1])
	default:
		typ.Axes, _, _, _ = typed.Union(typ.Axes, t.axes(m, view))
	}
	if kind == "heads" && m.Kind == "mlp" {
		kind = "model" // along the axis of its outputs, whatever that is
	}
	return c.ask(call.Span, &typed.Term{Kind: kind, Model: m.Name, View: view, Type: typ}, m.Trained)
}

// ofResponse reports whether a view has what t is of: the tokens of one response,
// or places where labels stand.
func (c *checker) ofResponse(t *term, view string, args []*ast.Arg) bool {
	tokens := t.name == "length" || t.name == "logprob" && !c.kind.labelled
	switch {
	case tokens && (view == "prompt" || c.kind.labelled):
		c.report(diag.NotAView, args[0].Value.Pos(), "%s is of the tokens of a response, and %s is none", t.name, view).Help =
			"views: " + list(slices.DeleteFunc(c.kind.viewNames(), func(v string) bool { return v == "prompt" }))
	case t.name == "logprob" && view == "responses":
		c.report(diag.NotAView, args[0].Value.Pos(), "the tokens of two responses are two axes, and logprob has one").Help =
			"write logprob(chosen) and logprob(rejected)"
	case (t.name == "logits" || t.name == "ending") && !c.kind.labelled:
		c.report(diag.WrongTerm, args[0].Value.Pos(), "%s is read where labels stand, and %s data has none", t.name, c.kind.name).Help =
			"logprob(" + view + ") is the log-probability of each token of a response, its end of turn among them"
	case t.name == "ending" && c.reward:
		c.report(diag.NotAReward, args[0].Value.Pos(), "it reads what follows a label, and a conversation that is scored ends before its last one").Help =
			"logits(" + view + ") and logprob(" + view + ") are of the labels"
	default:
		return true
	}
	return false
}

// termArgs are the model that a term is asked of, the trained one unless the
// call names another, and the views.
func (c *checker) termArgs(call *ast.Call, t *term) (m *Model, views []*ast.Arg, ok bool) {
	m = c.trained()
	for _, a := range call.Args {
		switch {
		case a.Name != nil && a.Name.Name == "model" && t.of != nil:
			m = c.modelArg(a)
		case a.Name != nil || a.Over:
			what := "over"
			if a.Name != nil {
				what = a.Name.Name
			}
			c.report(diag.WrongArguments, a.Span, "%s takes no %s", t.name, what).Help = t.help()
			return nil, nil, false
		default:
			views = append(views, a)
		}
	}
	if len(views) == t.views() {
		return m, views, true
	}
	d := c.report(diag.WrongArguments, call.Span, "%s takes one view of the data, not %d", t.name, len(views))
	d.Help = "views: " + list(c.kind.viewNames())
	if t.views() == 0 {
		d.Message, d.Help = t.name+" takes no view: a matrix is the same for all texts", t.help()
	}
	return nil, nil, false
}

func (t *term) help() string {
	if t.of == nil {
		return "write " + t.form
	}
	model := ", model = name)"
	if t.views() == 0 {
		model = "model = name)"
	}
	return "write " + t.form + " or " + strings.TrimSuffix(t.form, ")") + model
}

// viewType is what a number for each text of a view is; without a view it is
// one number.
func (c *checker) viewType(view string) typed.Type {
	t := typed.Type{Elem: typed.Real}
	if view != "" {
		t.Axes, _, _, _ = typed.Union([]typed.Axis{c.kind.batch}, c.kind.view(view).axes)
	}
	return t
}

// ask is the one expression of a term; asking twice costs one forward.
func (c *checker) ask(span source.Span, t *typed.Term, grad bool) *typed.Expr {
	i := slices.IndexFunc(c.terms, func(o *typed.Term) bool { return o.Kind == t.Kind && o.Model == t.Model && o.View == t.View })
	if i < 0 {
		i = len(c.terms)
		c.asked = append(c.asked, span)
		c.terms = append(c.terms, t)
	}
	return &typed.Expr{Kind: typed.TermRef, Type: c.terms[i].Type, Span: span, Term: c.terms[i], Grad: grad}
}

// hasTerm reports whether a model of m's kind has the term.
func (c *checker) hasTerm(call *ast.Call, t *term, m *Model) bool {
	if m.Kind == "" || slices.Contains(t.of, m.Kind) {
		return true
	}
	d := c.report(diag.WrongTerm, call.Span, "%s is of kind %s, which has no %s", m.Name, m.Kind, t.name)
	d.Notes = append(d.Notes, diag.Note{Span: m.Span, Message: m.Name + " is declared here"})
	switch {
	case m.Kind == "encoder":
		d.Help = "embed(x, model = " + m.Name + ") is its hidden state; a model of kind mlp, or a fit, makes numbers of it"
	case m.Kind == "policy" && c.kind.labelled:
		d.Help = "logits(conversation) are its logits of the labels, logprob(conversation) the log-probabilities, ending(conversation) those of what follows"
	case m.Kind == "policy":
		d.Help = "logprob(x) is the log-probability of each token of a response"
	case t.name == "logprob" || t.name == "logits" || t.name == "ending":
		d.Help = "a model of kind policy has it: one that is read through its language head"
	case t.name == "embed" && m.Encoder != "":
		d.Help = "it reads " + m.Encoder + ": embed(x, model = " + m.Encoder + ")"
	default:
		d.Help = m.Name + "(x) is what it gives, and score(x) if that is one number"
	}
	return false
}

// oneOutput reports whether the term can be asked of the model.
func (c *checker) oneOutput(call *ast.Call, t *term, m *Model) bool {
	if t.name != "score" || m.Outputs < 2 {
		return true
	}
	if c.several[m.Name] {
		return false // said before; it is one mistake
	}
	c.several[m.Name] = true
	d := c.report(diag.SeveralOutputs, call.Span, "%s has %d outputs, and score is one number", m.Name, m.Outputs)
	d.Notes = append(d.Notes, diag.Note{Span: m.Span, Message: m.Name + " is declared here"})
	d.Help = "write outputs = 1, or an objective of heads(" + text(call.Args[0].Value) + "), which has the axis " + m.axes()[0].Name
	return false
}

func (c *checker) modelArg(a *ast.Arg) *Model {
	id, ok := a.Value.(*ast.Ident)
	if ok && c.model(id.Name) != nil {
		return c.model(id.Name)
	}
	names := c.names("model")
	if slices.Contains(c.env.Meant, text(a.Value)) || ok && c.anyObject(id.Name) || c.looseModel() && c.trained() != nil && diag.Suggest(text(a.Value), names) == "" {
		return c.trained() // some model: it was reported, or is not known
	}
	d := c.report(diag.NotAModel, a.Value.Pos(), "%s is no model", typed.Short(text(a.Value)))
	d.Help = "models: " + list(names)
	switch near := diag.Suggest(text(a.Value), names); {
	case ok && c.fit(id.Name) != nil:
		d.Message = id.Name + " is a fit, not a model"
		d.Help = "call it by its name: " + id.Name + "(x)"
	case near != "":
		d.Help = "did you mean `" + near + "`?"
	}
	return nil
}

// viewArg resolves the view that a term reads, through a let's parameter too.
func (c *checker) viewArg(reader string, e ast.Expr) (string, bool) {
	for {
		p, ok := e.(*ast.Paren)
		if !ok {
			break
		}
		e = p.X
	}
	id, ok := e.(*ast.Ident)
	if ok {
		if l, ok := c.local(id.Name); ok && l.view != "" {
			return l.view, true
		}
		if c.kind.view(id.Name) != nil {
			return id.Name, true
		}
	}
	if ok && c.notOfResponse(id) {
		return "", false
	}
	// A value that is wrong in itself is the mistake to speak of, but a misspelt
	// view is best called one.
	if !ok && c.expr(e).Type.Poisoned() {
		return "", false
	}
	d := c.report(diag.NotAView, e.Pos(), "%s reads a view of the data, and %s is none", reader, typed.Short(text(e)))
	d.Help = "views of " + c.kind.name + " data: " + list(c.kind.viewNames())
	if near := diag.Suggest(text(e), c.kind.viewNames()); near != "" {
		d.Help = "did you mean `" + near + "`?"
	}
	return "", false
}

// called types a call of a model or a fit by its name: gate(prompt),
// probe(chosen), debias(t). ok is false where the name is of neither.
func (c *checker) called(e *ast.Call, id *ast.Ident) (x *typed.Expr, ok bool) {
	m, f := c.model(id.Name), c.fit(id.Name)
	switch {
	case m == nil && f == nil:
		return nil, false
	case len(e.Args) != 1 || e.Args[0].Name != nil || e.Args[0].Over:
		c.report(diag.WrongArguments, e.Span, "%s takes one argument", id.Name).Help = "write " + id.Name + "(x)"
		return poison(e.Span), true
	case m != nil:
		return c.callModel(e, m), true
	case f.Kind == "tree":
		d := c.report(diag.WrongTerm, e.Span, "%s is a decision tree, and no loss can follow its steps", f.Name)
		d.Notes = append(d.Notes, diag.Note{Span: f.Span, Message: f.Name + " is declared here"})
		d.Help = "it is a reward as it is: reward NAME = " + f.Name
		return poison(e.Span), true
	case f.Kind == "decorrelate":
		return c.transform(e, f), true
	}
	view, ok := c.viewArg(f.Name, e.Args[0].Value)
	if !ok {
		return poison(e.Span), true
	}
	t := c.viewType(view)
	t.Axes, _, _, _ = typed.Union(t.Axes, []typed.Axis{f.axis()})
	return c.ask(e.Span, &typed.Term{Kind: "fit", Model: f.Name, View: view, Type: t}, false), true
}

// callModel is all that a model gives for a view: what score or heads is of a
// reward model.
func (c *checker) callModel(e *ast.Call, m *Model) *typed.Expr {
	kind := "heads"
	if m.Kind == "encoder" || m.Kind == "policy" {
		c.hasTerm(e, &term{name: "outputs"}, m)
		return poison(e.Span)
	}
	view, ok := c.viewArg(m.Name, e.Args[0].Value)
	if !ok {
		return poison(e.Span)
	}
	t := c.viewType(view)
	switch {
	case m.Kind == "mlp":
		kind = "model"
	case m.Outputs == 1:
		return c.ask(e.Span, &typed.Term{Kind: "score", Model: m.Name, View: view, Type: t}, m.Trained)
	}
	t.Axes, _, _, _ = typed.Union(t.Axes, m.axes())
	return c.ask(e.Span, &typed.Term{Kind: kind, Model: m.Name, View: view, Type: t}, m.Trained)
}

// axis is what a fit's numbers stand along.
func (f *Fit) axis() typed.Axis {
	return typed.Axis{Name: "attribute", Kind: typed.FixedAxis, Elements: f.Attributes, Loose: f.Attributes == nil}
}

// transform types debias(t), where t is over attribute.
func (c *checker) transform(e *ast.Call, f *Fit) *typed.Expr {
	arg := e.Args[0].Value
	if view := c.viewNamed(arg); view != "" {
		d := c.report(diag.NotAValue, arg.Pos(), "%s changes attributes, and %s is a text", f.Name, typed.Short(text(arg)))
		d.Notes = append(d.Notes, diag.Note{Span: f.Span, Message: f.Name + " is declared here"})
		d.Help = "write " + f.Name + "(" + f.Of + "(" + text(arg) + "))"
		return poison(e.Span)
	}
	x := c.expr(arg)
	if x.Type.Poisoned() {
		return poison(e.Span)
	}
	if x.Type.Elem == typed.Bool {
		c.wrongElement(f.Name, x, false)
		return poison(e.Span)
	}
	axis, has := x.Type.Axis("attribute")
	switch {
	case !has:
		d := c.report(diag.NoSuchAxis, arg.Pos(), "%s changes attributes, and %s has no axis `attribute`", f.Name, typed.Short(text(arg)))
		d.Notes = append(d.Notes, diag.Note{Span: arg.Pos(), Message: typed.Short(text(arg)) + " is " + x.Type.String()})
		d.Help = "write " + f.Name + "(" + f.Of + "(x))"
		return poison(e.Span)
	case !typed.Together(axis, f.axis()):
		c.neverMeet(e.Span, []*typed.Expr{x}, f.axis(), axis)
		return poison(e.Span)
	}
	return typed.Derived(&typed.Expr{Kind: typed.Transform, Name: f.Name, Type: x.Type.As(typed.Real), Span: e.Span, Args: []*typed.Expr{x}})
}

// scalar types gate.scale; ok is false where the name before the point is of no
// model or fit.
func (c *checker) scalar(e *ast.Select) (x *typed.Expr, ok bool) {
	id, ok := e.X.(*ast.Ident)
	if ok && c.anyObject(id.Name) {
		return poison(e.Span), true
	}
	if !ok || c.shadowed(id.Name) {
		return nil, false
	}
	m, f := c.model(id.Name), c.fit(id.Name)
	switch {
	case slices.Contains(c.env.Meant, id.Name):
		return poison(e.Span), true
	case f != nil:
		c.report(diag.UnknownScalar, e.Name.Span, "%s is a fit, and has no learnable numbers", f.Name).Help = f.Name + "(x) is what it gives"
		return poison(e.Span), true
	case m == nil:
		return nil, false
	case slices.Contains(m.Scalars, e.Name.Name):
		return c.ask(e.Span, &typed.Term{Kind: "scalar", Model: m.Name, View: e.Name.Name, Type: typed.Type{Elem: typed.Real}}, m.Trained), true
	case m.Loose:
		return poison(e.Span), true
	}
	d := c.report(diag.UnknownScalar, e.Name.Span, "%s has no learnable number %q", m.Name, e.Name.Name)
	d.Notes = append(d.Notes, diag.Note{Span: m.Span, Message: m.Name + " is declared here"})
	switch near := diag.Suggest(e.Name.Name, m.Scalars); {
	case near != "":
		d.Help = "did you mean `" + near + "`?"
	case slices.Contains(m.Labels, e.Name.Name):
		d.Help = "an output is an element: " + m.Name + "(x)[" + e.Name.Name + "]"
	case m.Kind == "mlp":
		d.Help = "declare it in model " + m.Name + ": scalars = named { " + e.Name.Name + " = 1 }"
	default:
		d.Help = "only models of kind mlp and policy have some"
	}
	return poison(e.Span), true
}

// served reports terms that the runtime cannot compute. It comes last: what the
// trainer lacks is no mistake in the recipe, and not said of a recipe with one.
func (c *checker) served() {
	said := map[string]bool{}
	for i, t := range c.terms {
		why, help := c.unserved(t)
		if key := why + " " + t.Kind + " " + t.Model; why != "" && !said[key] {
			said[key] = true
			c.report(diag.TermNotServed, c.asked[i], "%s type-checks, but the trainer %s", typed.Short(typed.OneLine(c.asked[i])), why).Help = help
		}
	}
}

// unserved says why the trainer cannot compute a term, and what to do; "" where
// it can.
func (c *checker) unserved(t *typed.Term) (why, help string) {
	trained := c.trained()
	switch {
	case !slices.Contains(c.env.Serves, t.Kind):
		return "cannot compute it yet", "terms that it computes: " + list(c.env.Serves)
	case t.View != "" && t.Kind != "scalar" && !slices.Contains(c.env.Views, t.View):
		return "does not read " + t.View + " on its own yet", "views that it reads: " + list(c.env.Views)
	}
	m, f := c.model(t.Model), c.fit(t.Model)
	if t.Model == "" || trained == nil || m != nil && (m.Trained || m.Kind == "policy" && trained.Kind == "policy") {
		return "", ""
	}
	if trained.Kind != "mlp" || m != nil && m.Kind == "reward" {
		help = "leave out model = " + t.Model
		if f != nil || m.Kind == "mlp" {
			help = "train a model of kind mlp on it: one that reads the same encoder"
		}
		return "computes only terms of " + trained.Name + ", which it trains", help
	}
	reads := c.readBy(t.Model)
	if by, encoder := c.reader(trained); reads != "" && encoder != reads {
		return "reads one encoder at a time, and " + by + " reads " + encoder, "let " + t.Model + " read " + encoder + " too"
	}
	return "", ""
}

// reader is the first that reads an encoder, and which: what is trained, or else
// what the objective asks.
func (c *checker) reader(trained *Model) (by, encoder string) {
	names := []string{trained.Name}
	for _, t := range c.terms {
		names = append(names, t.Model)
	}
	for _, name := range names {
		if encoder = c.readBy(name); encoder != "" {
			return name, encoder
		}
	}
	return "", ""
}

// readBy is the encoder that a model or fit reads; "" where it reads none.
func (c *checker) readBy(name string) string {
	if f := c.fit(name); f != nil {
		return f.Encoder
	}
	m := c.model(name)
	if m == nil {
		return ""
	}
	if m.Kind == "encoder" {
		return m.Name
	}
	return m.Encoder
}
