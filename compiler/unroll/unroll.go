// Package unroll rewrites the tree of a recipe before any name is looked up: each
// repeat gives place to its rounds.
package unroll

import (
	"slices"
	"strconv"
	"strings"

	"github.com/rmc-lang/rmc/compiler/schema"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/source"
)

// Rounds are the declarations of a recipe without repeat, and what is known of
// where they come from.
type Rounds struct {
	Decls []*ast.Decl
	loops []source.Span       // of the repeats
	names map[string][]string // that a repeat declares: as each of its rounds declares them, in order
	errs  *diag.List
}

// mostRounds bounds what a repeat unrolls to.
const mostRounds = 99

// repeated are the declarations that a repeat may hold.
var repeated = []string{"model", "data", "fit", "label", "train", "reward", "evaluate"}

// Decls puts the rounds of each repeat in its place. What a round declares has
// the number of the round behind its name: pseudo_1. Within the round its own
// name means it, and below the repeat that of the last round. What is wrong with
// a repeat goes to errs.
func Decls(decls []*ast.Decl, errs *diag.List) *Rounds {
	r := &Rounds{names: map[string][]string{}, errs: errs}
	for _, d := range decls {
		if d.Keyword.Name != "repeat" || d.Count == nil || d.Broken {
			r.Decls = append(r.Decls, d)
			continue
		}
		r.loops = append(r.loops, d.Span)
		for n := range r.count(d) {
			r.Decls = append(r.Decls, r.round(d, n+1)...)
		}
	}
	return r
}

// count is how many rounds a repeat has, which are at most so many; of one
// that says nonsense, one, so that what it holds is looked at.
func (r *Rounds) count(d *ast.Decl) int {
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
func (r *Rounds) round(d *ast.Decl, n int) []*ast.Decl {
	x := &round{number: n, declares: map[string]bool{}, naming: naming()}
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
		r.names[name] = append(r.names[name], x.name(name))
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
func (r *Rounds) mayRepeat(d *ast.Decl, n int) bool {
	if slices.Contains(repeated, d.Keyword.Name) {
		return true
	}
	known := slices.ContainsFunc(schema.Forms, func(f schema.Form) bool { return f.Keyword == d.Keyword.Name })
	switch {
	case n > 1:
	case known || d.Keyword.Name == "objective":
		r.errs.Addf(diag.Misplaced, d.Keyword.Span, "%s stands at the top of a recipe, not in repeat", d.Keyword.Name).Help = "move it out of the braces"
	default:
		schema.Reader{Errs: r.errs}.UnknownDeclaration(d.Keyword)
	}
	return false
}

// declares reports whether a declaration gives its name to something new.
func declares(d *ast.Decl) bool { return d.Keyword.Name != "train" && d.Keyword.Name != "evaluate" }

// Last is what the last round declares a name as; "" for one that no round
// declares.
func (r *Rounds) Last(name string) string {
	if all := r.names[name]; len(all) > 0 {
		return all[len(all)-1]
	}
	return ""
}

// Of names what the rounds declare of a keyword under a name in the recipe's text,
// stages by what they are called; none where something has that very name.
func (r *Rounds) Of(keyword, name string) []string {
	var names []string
	for _, d := range r.Decls {
		id := d.Name
		if d.As != nil && !declares(d) {
			id = d.As
		}
		if d.Keyword.Name != keyword || id == nil {
			continue
		}
		if id.Name == name {
			return nil
		}
		if base, ok := r.suffixed(d, id.Name); ok && base == name {
			names = append(names, id.Name)
		}
	}
	return names
}

// suffixed is the name that a declaration of a round has in the recipe's text.
func (r *Rounds) suffixed(d *ast.Decl, name string) (string, bool) {
	if !r.Within(d.Span) {
		return "", false
	}
	i := strings.LastIndexByte(name, '_')
	return name[:max(i, 0)], i > 0
}

// Within reports whether a place in the text is in a repeat.
func (r *Rounds) Within(s source.Span) bool {
	return slices.ContainsFunc(r.loops, func(l source.Span) bool { return s.File == l.File && s.Start >= l.Start && s.End <= l.End })
}

// Once keeps the first of the problems that several rounds have in one place.
func (r *Rounds) Once() {
	type place struct {
		code diag.Code
		span source.Span
	}
	seen := map[place]bool{}
	*r.errs = slices.DeleteFunc(*r.errs, func(d diag.Diagnostic) bool {
		p := place{d.Code, d.Span}
		again := r.Within(d.Span) && seen[p]
		seen[p] = true
		return again
	})
}
