package resolve

import (
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/compiler/schema"
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
	file := source.New(recipe.Set, strings.Repeat(" ", len(text)-len(value))+value)
	whole := source.Span{File: file, Start: 0, End: len(text)}
	if !ok || strings.TrimSpace(value) == "" || strings.TrimSpace(path) == "" {
		file.Text = text
		r.errs.Addf(diag.BadOverride, whole, "an override is PATH=VALUE").Help = "as in --set train.rm.optimizer.lr=1e-5"
		return nil
	}
	expr, ok := r.parseSetValue(file, text, value)
	if !ok {
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

// parseSetValue parses the value at the end of an override. A source may stand
// without quotes, for a shell takes them away.
func (r *resolver) parseSetValue(file *source.File, text, value string) (ast.Expr, bool) {
	bare := strings.TrimSpace(value)
	if scheme, _, ok := strings.Cut(bare, ":"); ok && slices.Contains(schema.Schemes, scheme) {
		file.Text = text
		start := strings.LastIndex(text, bare)
		return &ast.String{Span: source.Span{File: file, Start: start, End: start + len(bare)}, Value: bare}, true
	}
	expr, errs := parse.Expr(file)
	file.Text = text
	for i := range errs {
		if errs[i].Help == "" {
			errs[i].Help = "a text stands in quotes, and all of it in others for the shell: --set 'PATH=\"TEXT\"'"
		}
	}
	*r.errs = append(*r.errs, errs...)
	return expr, len(errs) == 0
}

// everyRound gives each round of a repeat an override that names none:
// label.pseudo.keep is that of pseudo_1, pseudo_2 and so on.
func (r *resolver) everyRound() {
	var all []*override
	for _, o := range r.sets {
		var rounds []string
		if len(o.path) > 1 {
			rounds = r.rounds.Of(o.path[0], o.path[1])
		}
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
		f := w.schema.Field(key.Name)
		switch {
		case f == nil && w.meant[diag.Suggest(key.Name, w.schema.Names(w.kind))]:
		case f == nil:
			r.unknownField(w, key)
		case !f.Applies(w.kind):
			r.notOfKind(w, key, f)
		case slices.Contains(w.lacks.fields, key.Name):
			r.lacking(w, key)
		case !schema.IsVariant(f.Type) && !f.Call:
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
	head, span := o.path[0], o.keys[0].Span
	if len(o.path) > 1 && head != "mesh" {
		if r.meant[o.path[1]] {
			return // a declaration of that name was reported
		}
		head, span = head+"."+o.path[1], span.To(o.keys[1].Span)
	}
	if slices.Contains(starts, head) {
		r.errs.Addf(diag.UnknownPath, span, "%s has no value of its own, only fields", head).Help =
			"as in --set " + r.firstBelow(head)
		return
	}
	d := r.errs.Addf(diag.UnknownPath, span, "the recipe has no %s", head)
	d.Help = schema.DidYouMean(head, starts, "paths")
	if longer := r.endingIn(strings.Join(o.path, ".")); len(longer) > 0 {
		d.Help = "did you mean " + strings.Join(longer, " or ") + "?"
	}
}

// endingIn lists the paths of values that end in a shorter one.
func (r *resolver) endingIn(path string) []string {
	var all []string
	for _, v := range r.recipe.Values {
		if strings.HasSuffix(v.Path, "."+path) {
			all = append(all, v.Path)
		}
	}
	slices.Sort(all)
	return all
}

// firstBelow writes the first value below a path as an override.
func (r *resolver) firstBelow(path string) string {
	for _, v := range r.recipe.Values {
		if strings.HasPrefix(v.Path, path+".") {
			return v.Path + "=" + strings.ReplaceAll(v.Text, " ", "")
		}
	}
	return path + ".FIELD=VALUE"
}

// paths returns where an override may start: model.rm, train.rm, mesh.
func (r *resolver) paths() []string {
	var all []string
	for _, m := range r.recipe.Models {
		all = append(all, "model."+m.Spec.Name)
	}
	for _, d := range r.recipe.Data {
		if d.Label == nil {
			all = append(all, d.Path())
		}
	}
	for _, s := range r.recipe.Stages {
		switch s := s.(type) {
		case *recipe.Fit:
			all = append(all, "fit."+s.Name)
		case *recipe.Label:
			all = append(all, "label."+s.Name)
		case *recipe.Train:
			all = append(all, "train."+s.Name)
		case *recipe.Evaluate:
			all = append(all, "evaluate."+s.Name)
		}
	}
	return append(all, "mesh")
}
