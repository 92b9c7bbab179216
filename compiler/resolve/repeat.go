package resolve

import (
	"slices"
	"strconv"

	"github.com/rmc-lang/rmc/compiler/schema"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/source"
)

// mostRounds bounds what a repeat unrolls to.
const mostRounds = 99

// repeated are the declarations that a repeat may hold.
var repeated = []string{"model", "data", "fit", "label", "train", "reward", "evaluate"}

// unroll puts the rounds of each repeat in its place. What a round declares has
// the number of the round behind its name: pseudo_1. Within the round its own
// name means it, and below the repeat that of the last round.
func (r *resolver) unroll(decls []*ast.Decl) []*ast.Decl {
	var all []*ast.Decl
	for _, d := range decls {
		if d.Keyword.Name != "repeat" || d.Count == nil || d.Broken {
			all = append(all, d)
			continue
		}
		r.loops = append(r.loops, d.Span)
		for n := range r.roundsOf(d) {
			all = append(all, r.round(d, n+1)...)
		}
	}
	return all
}

// roundsOf is how many rounds a repeat has, which are at most so many; of one
// that says nonsense, one, so that what it holds is looked at.
func (r *resolver) roundsOf(d *ast.Decl) int {
	n, err := strconv.Atoi(d.Count.Text)
	switch {
	case d.Count.Unit != nil:
		r.errs.Addf(diag.WrongUnit, d.Count.Unit.Span, "a number of rounds has no unit").Help = "write repeat " + d.Count.Text
	case err != nil:
		r.errs.Addf(diag.WrongType, d.Count.Span, "repeat takes a whole number of rounds").Help = "as in repeat 3 as round { … }"
	case n < 1 || n > mostRounds:
		r.errs.Addf(diag.OutOfRange, d.Count.Span, "repeat takes 1 to %d rounds", mostRounds).Help = "as in repeat 3 as round { … }"
	}
	return max(1, min(n, mostRounds))
}

// round is what a repeat holds, as declared in its n-th round.
func (r *resolver) round(d *ast.Decl, n int) []*ast.Decl {
	x := &rounds{number: n, declares: map[string]bool{}, naming: naming()}
	if d.As != nil {
		x.counter = d.As.Name
	}
	var inner []*ast.Decl
	for _, item := range d.Body.Items {
		if c, ok := item.(*ast.Decl); ok && r.mayRepeat(c, n) {
			inner = append(inner, c)
			if c.Name != nil && declares(c) {
				x.declares[c.Name.Name] = true
			}
		}
	}
	for name := range x.declares {
		r.rounds[name] = append(r.rounds[name], x.name(name))
	}
	var all []*ast.Decl
	for _, c := range inner {
		if !c.Broken || n == 1 {
			all = append(all, x.decl(c))
		}
	}
	return all
}

// mayRepeat reports what a repeat cannot hold, in its first round.
func (r *resolver) mayRepeat(d *ast.Decl, n int) bool {
	if slices.Contains(repeated, d.Keyword.Name) {
		return true
	}
	known := slices.ContainsFunc(schema.Forms, func(f schema.Form) bool { return f.Keyword == d.Keyword.Name })
	switch {
	case n > 1:
	case known || d.Keyword.Name == "objective":
		r.errs.Addf(diag.Misplaced, d.Keyword.Span, "%s stands at the top of a recipe, not in repeat", d.Keyword.Name).Help = "move it out of the braces"
	default:
		r.unknownDeclaration(d.Keyword)
	}
	return false
}

// declares reports whether a declaration gives its name to something new.
func declares(d *ast.Decl) bool { return d.Keyword.Name != "train" && d.Keyword.Name != "evaluate" }

// ofLastRound is a name as it is below a repeat that declares it.
func (r *resolver) ofLastRound(name *ast.Ident) *ast.Ident {
	rounds := r.rounds[name.Name]
	if len(rounds) == 0 || r.texts[name.Name] != nil || r.scored[name.Name] != nil {
		return name
	}
	return &ast.Ident{Span: name.Span, Name: rounds[len(rounds)-1]}
}

// naming are the fields whose values are names of declarations.
func naming() map[string]bool {
	all := map[string]bool{}
	for _, d := range schema.Describe() {
		if d.Names != "" {
			all[d.Name] = true
		}
	}
	return all
}

// A rounds copies declarations into one round.
type rounds struct {
	number   int
	counter  string          // repeat 3 as round: round, which is the number
	declares map[string]bool // names that the round declares
	naming   map[string]bool // fields whose values are names
}

func (x *rounds) name(name string) string { return name + "_" + itoa(x.number) }

// renamed is a name, or what it is called in the round.
func (x *rounds) renamed(id *ast.Ident) *ast.Ident {
	if id == nil || !x.declares[id.Name] {
		return id
	}
	return &ast.Ident{Span: id.Span, Name: x.name(id.Name)}
}

func (x *rounds) decl(d *ast.Decl) *ast.Decl {
	c := *d
	if c.Name = x.renamed(d.Name); !declares(d) && d.Name != nil {
		as := d.Name
		if d.As != nil {
			as = d.As
		}
		c.As = &ast.Ident{Span: as.Span, Name: x.name(as.Name)}
	}
	c.Value, c.On = x.expr(d.Value, true), x.expr(d.On, true)
	if d.Body != nil {
		c.Body = x.block(d.Body, false)
	}
	return &c
}

// block copies fields; names tells that all their values are names.
func (x *rounds) block(b *ast.Block, names bool) *ast.Block {
	c := *b
	c.Items = nil
	for _, item := range b.Items {
		if f, ok := item.(*ast.Field); ok {
			field := *f
			field.Value = x.expr(f.Value, names || x.naming[f.Key.Name] || f.Key.Name == "objective")
			item = &field
		}
		c.Items = append(c.Items, item)
	}
	return &c
}

// expr copies a value. names tells whether names in it are of declarations.
func (x *rounds) expr(e ast.Expr, names bool) ast.Expr {
	switch e := e.(type) {
	case *ast.Ident:
		switch {
		case e.Name == x.counter:
			return &ast.Number{Span: e.Span, Text: itoa(x.number)}
		case names:
			return x.renamed(e)
		}
	case *ast.List:
		c := *e
		c.Items = nil
		for _, item := range e.Items {
			c.Items = append(c.Items, x.expr(item, names))
		}
		return &c
	case *ast.Construct:
		c := *e
		if c.Body != nil {
			c.Body = x.block(e.Body, names)
		}
		return &c
	case *ast.Paren:
		c := *e
		c.X = x.expr(e.X, names)
		return &c
	case *ast.Binary:
		c := *e
		c.X, c.Y = x.expr(e.X, names), x.expr(e.Y, names)
		return &c
	case *ast.Select:
		c := *e
		c.X = x.expr(e.X, names)
		return &c
	case *ast.Call:
		c := *e
		c.Fun, c.Args = x.expr(e.Fun, names), nil
		for _, a := range e.Args {
			arg := *a
			arg.Value = x.expr(a.Value, names)
			c.Args = append(c.Args, &arg)
		}
		return &c
	}
	return e
}

// everyRound gives each round of a repeat an override that names none:
// label.pseudo.keep is that of pseudo_1, pseudo_2 and so on.
func (r *resolver) everyRound() {
	var all []*override
	for _, o := range r.sets {
		rounds := r.stageRounds(o)
		if len(rounds) == 0 {
			all = append(all, o)
		}
		for _, name := range rounds {
			c := *o
			c.path = slices.Clone(o.path)
			c.path[1] = name
			all = append(all, &c)
		}
	}
	r.sets = all
}

// stageRounds are the declarations of rounds that an override is for, where it
// names none of them.
func (r *resolver) stageRounds(o *override) []string {
	if len(o.path) < 2 {
		return nil
	}
	var names []string
	for _, d := range r.decls {
		id := d.Name
		if d.As != nil && !declares(d) {
			id = d.As
		}
		if d.Keyword.Name != o.path[0] || id == nil {
			continue
		}
		if id.Name == o.path[1] {
			return nil
		}
		if base, ok := r.suffixed(d, id.Name); ok && base == o.path[1] {
			names = append(names, id.Name)
		}
	}
	return names
}

// suffixed is the name that a declaration of a round has in the recipe's text.
func (r *resolver) suffixed(d *ast.Decl, name string) (string, bool) {
	if !r.inLoop(d.Span) {
		return "", false
	}
	for i := len(name) - 1; i > 0; i-- {
		if name[i] == '_' {
			return name[:i], true
		}
	}
	return "", false
}

func (r *resolver) inLoop(s source.Span) bool {
	return slices.ContainsFunc(r.loops, func(l source.Span) bool { return s.File == l.File && s.Start >= l.Start && s.End <= l.End })
}

// once keeps the first of the problems that several rounds have in one place.
func (r *resolver) once() {
	type place struct {
		code diag.Code
		span source.Span
	}
	seen := map[place]bool{}
	*r.errs = slices.DeleteFunc(*r.errs, func(d diag.Diagnostic) bool {
		p := place{d.Code, d.Span}
		again := r.inLoop(d.Span) && seen[p]
		seen[p] = true
		return again
	})
}
