package check

import (
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/compiler/typed"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
)

// declare makes a parameter or let known, unless its name means something
// already: an objective reads the same from top to bottom, so nothing shadows.
// Columns are the exception, for a library cannot know those of its users.
func (c *checker) declare(b *binding) {
	name := b.name.Name
	old := c.byName[name]
	if old != nil && old.lost {
		return
	}
	if old != nil {
		d := c.report(diag.NameTaken, b.name.Span, "%s is declared twice", name)
		d.Notes = append(d.Notes, diag.Note{Span: old.name.Span, Message: "first here"})
		d.Help = "give one of them another name"
		return
	}
	if what := c.builtin(name); what != "" {
		d := c.report(diag.NameTaken, b.name.Span, "%s is %s", name, what)
		d.Help = "choose another name"
		if name == "loss" {
			d.Help = "write loss = …, without let"
		}
	}
	c.byName[name] = b
	c.order = append(c.order, b)
}

// declareParams holds the parameters of a let to the same rule.
func (c *checker) declareParams(l *ast.Let) {
	for i, p := range l.Params {
		what := c.builtin(p.Name)
		if c.byName[p.Name] != nil || slices.ContainsFunc(l.Params[:i], func(q *ast.Ident) bool { return q.Name == p.Name }) {
			what = "declared already"
		}
		if what != "" {
			c.report(diag.NameTaken, p.Span, "%s is %s", p.Name, what).Help = "choose another name"
		}
	}
}

// named collects every name that an expression of the objective mentions, in
// whatever is wrong with it too: what is meant to be used is not unused.
func (c *checker) named() map[string]bool {
	names := map[string]bool{}
	for _, x := range c.decl.Body.Values() {
		ast.Walk(x, func(x ast.Expr) {
			if id, ok := x.(*ast.Ident); ok { // also a parameter that stands for a model: gate.scale
				names[id.Name] = true
			}
		})
	}
	return names
}

// builtin says what a name means before the objective declares anything.
func (c *checker) builtin(name string) string {
	switch {
	case name == "loss":
		return "the name of the objective's result"
	case name == "true" || name == "false":
		return "a constant"
	case c.kind.view(name) != nil:
		return "a view of " + c.kind.name + " data"
	case c.kind.rated && (name == "rating" || name == "known"):
		return "what " + c.kind.name + " data says"
	case c.kind.labelled && name == "gold":
		return "what " + c.kind.name + " data says"
	case typed.FunctionOf(name) != nil:
		return "a function"
	case termOf(name) != nil:
		return "a model term"
	}
	return ""
}

// hasColumn reports whether the data declares a column.
func (c *checker) hasColumn(name string) bool { return slices.Contains(c.env.Data.Columns, name) }

// local returns what a parameter of the let that is being inlined stands for.
func (c *checker) local(name string) (local, bool) {
	if len(c.locals) == 0 {
		return local{}, false
	}
	l, ok := c.locals[len(c.locals)-1][name]
	return l, ok
}

// ident types a name that stands for a value.
func (c *checker) ident(id *ast.Ident) *typed.Expr {
	name := id.Name
	if l, ok := c.local(name); ok {
		if l.view != "" {
			return c.notAValue(id, "stands for the view "+l.view, "score("+name+") is a number")
		}
		return l.value
	}
	if b := c.byName[name]; b != nil {
		return c.bound(id, b)
	}
	axes := []typed.Axis{c.kind.batch}
	if c.notOfResponse(id) {
		return poison(id.Span)
	}
	switch {
	case name == "true" || name == "false":
		return &typed.Expr{Kind: typed.Literal, Type: typed.Type{Elem: typed.Bool}, Span: id.Span, Text: name, Value: typed.Truth(name == "true")}
	case c.kind.rated && (name == "rating" || name == "known"):
		return c.rated(id)
	case c.kind.labelled && name == "gold":
		t := typed.Type{Elem: typed.Real}
		t.Axes, _, _, _ = typed.Union([]typed.Axis{c.kind.batch}, c.labelAxes())
		return c.ask(id.Span, &typed.Term{Kind: "gold", Type: t}, false)
	case c.hasColumn(name):
		return &typed.Expr{Kind: typed.Column, Type: typed.Type{Elem: typed.Real, Axes: axes}, Span: id.Span, Name: name}
	case slices.Contains(c.kind.zeroColumns, name):
		return &typed.Expr{Kind: typed.Column, Type: typed.Type{Elem: typed.Real, Axes: axes}, Span: id.Span, Name: name, Absent: true}
	case c.kind.view(name) != nil:
		return c.notAValue(id, "is a view of the data, not a number", "score("+name+") is what the model makes of it")
	case typed.FunctionOf(name) != nil || termOf(name) != nil:
		return c.notAValue(id, "is a function", "call it: "+name+"(…)")
	case c.model(name) != nil:
		return c.notAValue(id, "is a model, not a number", name+"("+c.kind.views[0].name+") is what it gives")
	case c.fit(name) != nil:
		return c.notAValue(id, "is a fit, not a number", name+"("+c.kind.views[0].name+") is what it gives")
	}
	return c.unknown(id)
}

// rated types rating and known.
func (c *checker) rated(id *ast.Ident) *typed.Expr {
	attribute := typed.Axis{Name: "attribute", Kind: typed.FixedAxis, Elements: c.env.Data.Attributes, Loose: c.env.Data.Attributes == nil}
	t := typed.Type{Elem: typed.Real, Axes: []typed.Axis{c.kind.batch, attribute}}
	if id.Name == "known" {
		t.Elem = typed.Bool
	}
	return c.ask(id.Span, &typed.Term{Kind: id.Name, Type: t}, false)
}

// labelAxes are those along which labels stand.
func (c *checker) labelAxes() []typed.Axis {
	return []typed.Axis{
		{Name: "step", Kind: typed.RaggedAxis},
		{Name: "label", Kind: typed.FixedAxis, Elements: c.env.Data.Labels, Loose: c.env.Data.Labels == nil},
	}
}

// alias is the model or fit that a parameter stands for, or the name itself.
func (c *checker) alias(name string) string {
	if of, ok := c.aliases[name]; ok {
		return of
	}
	return name
}

// anyObject reports whether a name is a parameter that stands for a model or fit
// which is not known.
func (c *checker) anyObject(name string) bool {
	b := c.byName[name]
	if b == nil || b.param == nil || c.aliases[name] != "" {
		return false
	}
	return b.param.Elem == typed.Object || b.param.Elem == typed.Poison
}

// shadowed reports whether a let or a parameter hides a model or fit of its name.
func (c *checker) shadowed(name string) bool { return c.byName[name] != nil && c.aliases[name] == "" }

// bound is the value of a parameter or let.
func (c *checker) bound(id *ast.Ident, b *binding) *typed.Expr {
	switch {
	case b.lost:
		return poison(id.Span)
	case b.param != nil:
		switch b.param.Elem {
		case typed.Poison:
			return poison(id.Span)
		case typed.Object:
			return c.notAValue(id, "stands for a model or a fit, not a number", id.Name+"("+c.kind.views[0].name+") is what it gives")
		}
		return &typed.Expr{Kind: typed.Literal, Type: typed.Type{Elem: b.param.Elem}, Span: id.Span,
			Name: b.name.Name, Value: b.param.Value, Text: goText(b.param.Text, b.param.Value)}
	case len(b.let.Params) > 0:
		return c.notAValue(id, "is a let with parameters", "call it: "+id.Name+"("+b.let.Params[0].Name+")")
	case b.value == nil && c.reward:
		c.locals = append(c.locals, nil) // its names are those of the objective
		c.let(b.let)
		c.locals = c.locals[:len(c.locals)-1]
		return c.bound(id, b)
	case b.value == nil:
		c.early(id, b)
		return poison(id.Span)
	}
	return &typed.Expr{Kind: typed.LetRef, Type: b.value.Value.Type, Span: id.Span, Let: b.value,
		Batch: b.value.Value.Batch, Grad: b.value.Value.Grad}
}

// early reports a name that is used before its value exists.
func (c *checker) early(id *ast.Ident, b *binding) {
	d := c.report(diag.UsedEarly, id.Span, "%s is used before it is computed", id.Name)
	d.Notes = append(d.Notes, diag.Note{Span: b.name.Span, Message: "its let is here"})
	d.Help = "move the let above its first use"
	if id.Span.Start >= b.let.Span.Start && id.Span.End <= b.let.Span.End {
		d.Message = id.Name + " is computed from itself"
		d.Notes = nil
		d.Help = "objectives have no recursion; give the inner one another name"
	}
}

func (c *checker) notAValue(id *ast.Ident, what, help string) *typed.Expr {
	c.report(diag.NotAValue, id.Span, "%s %s", id.Name, what).Help = help
	return poison(id.Span)
}

// unknown reports a name that means nothing.
func (c *checker) unknown(id *ast.Ident) *typed.Expr {
	near := diag.Suggest(id.Name, c.values())
	if near == "" && c.env.Data.Loose {
		return poison(id.Span) // some column, or what was to be a scalar
	}
	if slices.Contains(c.decl.Body.Lost, nil) || slices.Contains(c.env.Meant, id.Name) {
		return poison(id.Span) // what is lost may have been its let
	}
	d := c.report(diag.UnknownValue, id.Span, "there is no value %q here", id.Name)
	if near != "" {
		d.Help = "did you mean `" + near + "`?"
		return poison(id.Span)
	}
	data := c.env.Data.Name
	if data == "" {
		data = "the data"
	}
	d.Help = "if it is a column, let " + data + " say so: columns = named { " + id.Name + " = \"" + id.Name + "\" }"
	return poison(id.Span)
}

// values lists the names that can stand for a value or be called for one.
func (c *checker) values() []string {
	var names []string
	if n := len(c.locals); n > 0 {
		for name := range c.locals[n-1] {
			names = append(names, name)
		}
		slices.Sort(names)
	}
	for _, b := range c.order {
		names = append(names, b.name.Name)
	}
	names = append(names, c.env.Data.Columns...)
	names = append(names, c.kind.zeroColumns...)
	if c.kind.rated {
		names = append(names, "rating", "known")
	}
	if c.kind.labelled {
		names = append(names, "gold")
	}
	for _, v := range c.kind.views {
		names = append(names, v.name)
	}
	return names
}

// callable lists the names that can be called.
func (c *checker) callable() []string {
	var names []string
	for _, b := range c.order {
		if b.let != nil && len(b.let.Params) > 0 {
			names = append(names, b.name.Name)
		}
	}
	for _, t := range termTable() {
		names = append(names, t.name)
	}
	names = append(append(names, c.names("model")...), c.names("fit")...)
	for _, f := range typed.Functions() {
		names = append(names, f.Name)
	}
	return names
}

// text is the source of an expression on one line.
func text(e ast.Expr) string { return typed.OneLine(e.Pos()) }

// list joins names as prose: a, b and c.
func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
