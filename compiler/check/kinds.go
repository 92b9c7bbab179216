package check

import (
	"slices"

	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
)

// A dataKind is what the rows of one kind of data offer to an objective.
type dataKind struct {
	name  string
	batch Axis
	views []view
	// zeroColumns are real[batch] and 0 where the data does not declare them.
	zeroColumns []string
}

// A view is a part of a row that a model can read.
type view struct {
	name   string
	ragged []Axis // beyond the batch
}

// kindTable has all kinds of data. Ratings (row; attributes as columns over a
// fixed axis) and steps (row, ragged step) are a line each.
func kindTable() []dataKind {
	return []dataKind{
		{
			name:        "preference",
			batch:       Axis{Name: "pair", Kind: BatchAxis},
			views:       []view{{name: "chosen"}, {name: "rejected"}, {name: "prompt"}},
			zeroColumns: []string{"margin"},
		},
		{
			// Candidates are listed best first.
			name:  "ranking",
			batch: Axis{Name: "row", Kind: BatchAxis},
			views: []view{
				{name: "candidates", ragged: []Axis{{Name: "candidate", Kind: RaggedAxis}}},
				{name: "prompt"},
			},
		},
	}
}

func kindOf(name string) (dataKind, bool) {
	for _, k := range kindTable() {
		if k.name == name {
			return k, true
		}
	}
	return dataKind{}, false
}

func (k dataKind) view(name string) *view {
	for i := range k.views {
		if k.views[i].name == name {
			return &k.views[i]
		}
	}
	return nil
}

func (k dataKind) viewNames() []string {
	var names []string
	for _, v := range k.views {
		names = append(names, v.name)
	}
	return names
}

// A term is something that a model says of a view.
type term struct {
	name string
	doc  string
	axes func(m *Model, view string) []Axis // beyond those of the view
}

func termTable() []term {
	fixed := func(name string) func(*Model, string) []Axis {
		return func(*Model, string) []Axis { return []Axis{{Name: name, Kind: FixedAxis}} }
	}
	return []term{
		{"score", "what a head with one output gives each sequence", func(*Model, string) []Axis { return nil }},
		{"heads", "all outputs of the head, over head", func(m *Model, _ string) []Axis {
			return []Axis{{Name: "head", Kind: FixedAxis, Elements: m.Labels}}
		}},
		{"embed", "the hidden state that the head reads, over hidden", fixed("hidden")},
		{"logprob", "the log-probability of each token of the response, over token", func(_ *Model, view string) []Axis {
			return []Axis{{Name: "token", Kind: RaggedAxis, Of: view}}
		}},
		{"logits", "the logits of the token that comes next, over vocab", fixed("vocab")},
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

func (c *checker) model(name string) *Model {
	for i := range c.env.Models {
		if c.env.Models[i].Name == name {
			return &c.env.Models[i]
		}
	}
	return nil
}

// term types a call like score(chosen) or heads(x, model = ref).
func (c *checker) term(call *ast.Call, t *term) *Expr {
	var positional []*ast.Arg
	m := c.trained()
	for _, a := range call.Args {
		switch {
		case a.Name != nil && a.Name.Name == "model":
			m = c.modelArg(a)
		case a.Name != nil || a.Over:
			what := "over"
			if a.Name != nil {
				what = a.Name.Name
			}
			c.report(diag.WrongArguments, a.Span, "%s takes no %s", t.name, what).Help =
				"write " + t.name + "(view) or " + t.name + "(view, model = name)"
			return poison(call.Span)
		default:
			positional = append(positional, a)
		}
	}
	if len(positional) != 1 {
		c.report(diag.WrongArguments, call.Span, "%s takes one view of the data, not %d", t.name, len(positional)).Help =
			"views: " + list(c.kind.viewNames())
		return poison(call.Span)
	}
	name, ok := c.viewArg(t, positional[0].Value)
	if !ok || m == nil || !c.oneOutput(call, t, m) {
		return poison(call.Span)
	}
	return c.ask(call, t, m, name)
}

// ask is the one expression of a term; asking twice costs one forward.
func (c *checker) ask(call *ast.Call, t *term, m *Model, view string) *Expr {
	v := c.kind.view(view)
	axes, _, _, _ := union([]Axis{c.kind.batch}, v.ragged)
	axes, _, _, _ = union(axes, t.axes(m, view))
	i := slices.IndexFunc(c.terms, func(o *Term) bool { return o.Kind == t.name && o.Model == m.Name && o.View == view })
	if i < 0 {
		i = len(c.terms)
		c.asked = append(c.asked, call.Span)
		c.terms = append(c.terms, &Term{Kind: t.name, Model: m.Name, View: view, Type: Type{Real, axes}})
	}
	return &Expr{Kind: TermRef, Type: c.terms[i].Type, Span: call.Span, Term: c.terms[i], grad: m.Trained}
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

func (c *checker) modelArg(a *ast.Arg) *Model {
	id, ok := a.Value.(*ast.Ident)
	if ok && c.model(id.Name) != nil {
		return c.model(id.Name)
	}
	var names []string
	for _, m := range c.env.Models {
		names = append(names, m.Name)
	}
	if slices.Contains(c.env.Meant, text(a.Value)) || c.looseModel() && c.trained() != nil && diag.Suggest(text(a.Value), names) == "" {
		return c.trained() // some model: it was reported, or is not known
	}
	d := c.report(diag.NotAModel, a.Value.Pos(), "%s is no model", short(text(a.Value)))
	d.Help = "models: " + list(names)
	if near := diag.Suggest(text(a.Value), names); near != "" {
		d.Help = "did you mean `" + near + "`?"
	}
	return nil
}

// viewArg resolves the view that a term reads, through a let's parameter too.
func (c *checker) viewArg(t *term, e ast.Expr) (string, bool) {
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
	// A value that is wrong in itself is the mistake to speak of, but a misspelt
	// view is best called one.
	if !ok && c.expr(e).Type.poisoned() {
		return "", false
	}
	d := c.report(diag.NotAView, e.Pos(), "%s reads a view of the data, and %s is none", t.name, short(text(e)))
	d.Help = "views of " + c.kind.name + " data: " + list(c.kind.viewNames())
	if near := diag.Suggest(text(e), c.kind.viewNames()); near != "" {
		d.Help = "did you mean `" + near + "`?"
	}
	return "", false
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
	d.Help = "write outputs = 1, or an objective of heads(" + text(call.Args[0].Value) + "), which has the axis head"
	return false
}

// served reports terms that the runtime cannot compute. It comes last: what the
// trainer lacks is no mistake in the recipe, and not said of a recipe with one.
func (c *checker) served() {
	trained := c.trained()
	said := map[string]bool{}
	for i, t := range c.terms {
		key := t.Kind + " " + t.Model
		if slices.Contains(c.env.Serves, t.Kind) && (trained == nil || c.model(t.Model).Trained) {
			key += " " + t.View
		}
		if said[key] {
			continue
		}
		said[key] = true
		asked := short(oneLine(c.asked[i]))
		switch {
		case !slices.Contains(c.env.Serves, t.Kind):
			c.report(diag.TermNotServed, c.asked[i], "%s type-checks, but the trainer cannot compute it yet", asked).Help =
				"terms that it computes: " + list(c.env.Serves)
		case trained != nil && !c.model(t.Model).Trained:
			c.report(diag.TermNotServed, c.asked[i], "%s type-checks, but the trainer computes only terms of %s, which it trains", asked, trained.Name).Help =
				"leave out model = " + t.Model
		case !slices.Contains(c.env.Views, t.View):
			c.report(diag.TermNotServed, c.asked[i], "%s type-checks, but the trainer does not read %s on its own yet", asked, t.View).Help =
				"views that it reads: " + list(c.env.Views)
		}
	}
}
