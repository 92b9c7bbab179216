package resolve

import (
	"fmt"
	"strings"

	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/parse"
	"github.com/rmc-lang/rmc/lang/source"
)

// An override is one path=value of --set. It is shown in messages as a file
// of that name with the override as its only line.
type override struct {
	path  []string // train, rm, optimizer, lr
	keys  []*ast.Ident
	value ast.Expr
	used  bool
}

// parseSets parses the overrides; what cannot be parsed is reported and left.
func (r *resolver) parseSets(texts []string) {
	for _, text := range texts {
		if o := r.parseSet(text); o != nil {
			r.sets = append(r.sets, o)
		}
	}
}

// parseSet parses one override. The value is parsed where it stands in the
// text, the path before it blanked out, so that its spans are right.
func (r *resolver) parseSet(text string) *override {
	path, value, ok := strings.Cut(text, "=")
	file := source.New(Set, strings.Repeat(" ", len(text)-len(value))+value)
	whole := source.Span{File: file, Start: 0, End: len(text)}
	if !ok || strings.TrimSpace(value) == "" || strings.Count(path, ".") < 1 {
		file.Text = text
		r.errs.Addf(diag.BadOverride, whole, "an override is PATH=VALUE").Help = "as in --set train.rm.optimizer.lr=1e-5"
		return nil
	}
	expr, errs := parse.Expr(file)
	file.Text = text
	if len(errs) > 0 {
		*r.errs = append(*r.errs, errs...)
		return nil
	}
	o := &override{value: expr}
	start := 0
	for _, name := range strings.Split(path, ".") {
		trimmed := strings.TrimSpace(name)
		at := start + strings.Index(name, trimmed)
		o.path = append(o.path, trimmed)
		o.keys = append(o.keys, &ast.Ident{Span: source.Span{File: file, Start: at, End: at + len(trimmed)}, Name: trimmed})
		start += len(name) + 1
	}
	return o
}

// below reports whether o is for something under path, and the key next to it.
func (o *override) below(path string) (*ast.Ident, bool) {
	n := strings.Count(path, ".") + 1
	if len(o.path) <= n || strings.Join(o.path[:n], ".") != path {
		return nil, false
	}
	return o.keys[n], true
}

// readSets files the overrides of one struct over what its block says.
func (r *resolver) readSets(w *written) {
	for _, o := range r.sets {
		key, ok := o.below(w.path)
		if !ok {
			continue
		}
		o.used = true
		if key == o.keys[len(o.keys)-1] {
			r.readKey(w, key, entry{key.Span, o.value})
			continue
		}
		f := w.schema.field(key.Name)
		switch {
		case f == nil && w.meant[diag.Suggest(key.Name, w.schema.names(w.kind))]:
		case f == nil:
			r.unknownField(w, key)
		case !f.applies(w.kind):
			r.notOfKind(w, key, f)
		case !isVariant(f.Type) && !f.Call:
			next := o.keys[len(strings.Split(w.path, "."))+1]
			r.errs.Addf(diag.UnknownPath, next.Span, "%s has no fields", key.Name).Help = "leave ." + next.Name + " out"
		}
	}
}

// unusedSets reports the overrides that reached no declaration.
func (r *resolver) unusedSets() {
	for _, o := range r.sets {
		if !o.used {
			r.unknownPath(o)
		}
	}
}

// unknownPath says at which word an override leaves the recipe.
func (r *resolver) unknownPath(o *override) {
	starts := r.paths()
	head := o.path[0]
	if len(o.path) > 1 && o.path[0] != "mesh" {
		head += "." + o.path[1]
	}
	span := o.keys[0].Span
	if head != o.path[0] {
		span = span.To(o.keys[1].Span)
	}
	r.errs.Addf(diag.UnknownPath, span, "the recipe has no %s", head).Help =
		didYouMean(head, starts, "paths")
}

// paths returns where an override may start: model.rm, train.rm, mesh.
func (r *resolver) paths() []string {
	var all []string
	for _, m := range r.recipe.Models {
		all = append(all, "model."+m.Spec.Name)
	}
	for _, d := range r.recipe.Data {
		all = append(all, "data."+d.Spec.Name)
	}
	for _, s := range r.recipe.Stages {
		switch s := s.(type) {
		case *Train:
			all = append(all, "train."+s.Name)
		case *Evaluate:
			all = append(all, "evaluate."+s.Name)
		}
	}
	return append(all, "mesh")
}

// parseDefault parses a default of spec, which is in recipe syntax.
func parseDefault(f Field) ast.Expr {
	expr, errs := parse.Expr(source.New(Default, f.Default))
	if len(errs) > 0 {
		panic(fmt.Sprintf("resolve: the default of %s is no value: %q: %s", f.Name, f.Default, errs[0].Message))
	}
	return expr
}
