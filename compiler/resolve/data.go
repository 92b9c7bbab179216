package resolve

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/compiler/schema"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
)

// A binding says whether the parts of a data set were looked up.
type binding int

const (
	unbound binding = iota
	underWay
	done
	wrong // and reported
)

// The fields that data made of other data lacks, because those say them.
var (
	madeLacks  = []string{"source", "format", "columns", "split", "limit", "seed", "exclude"}
	unionLacks = append([]string{"attributes", "missing", "sentinels", "labels", "tokens", "level", "max_length", "over_length", "ties", "licence"}, madeLacks...)
)

// madeOf is the kind of data that each form of from makes, and those that it
// takes; a union makes what it takes.
var madeOf = map[string]struct {
	makes string
	takes []string
}{
	"compare": {"labels", []string{"preference", "ranking"}}, "augment": {"preference", []string{"preference", "ranking"}},
}

// dataSet resolves data NAME: KIND { … }. What it is made of is looked up when
// something uses it.
func (r *resolver) dataSet(d *ast.Decl) {
	s := &recipe.Data{Decl: d}
	v := reflect.ValueOf(&s.Spec).Elem()
	if !r.declaredKind(d, v, "data") {
		r.skipSets("data." + d.Name.Name)
		return
	}
	s.Spec.Name = d.Name.Name
	path := "data." + d.Name.Name
	from := r.said(d.Body, path, "from")
	kind := ""
	if name, _ := schema.Variant(from); name != nil {
		kind = name.Name
	}
	r.fillBut(v, path, "data "+d.Name.Name, d.Name.Span, d.Body, dataLacks(kind, r.namesIn(from, path+".from", "data")))
	s.Loose = kind == "" && (r.recipe.Value(path+".columns") == nil || r.lost[path] || r.lost[path+".columns"])
	r.data[d.Name.Name] = s
	r.recipe.Data = append(r.recipe.Data, s)
	r.partNames[s] = r.namesIn(from, path+".from", "data")
	r.madeRight(s, from)
	if s.Spec.Kind == "labels" && kind != "union" {
		r.labelTokens(s, path)
	}
}

// dataLacks is what data lacks of which kind says where its rows come from.
func dataLacks(kind string, of []*ast.Ident) lacks {
	l := lacks{fields: madeLacks, because: "takes its rows from other data", help: "leave it out; it is that of the data in from"}
	if len(of) > 0 {
		l.help = "leave it out, or say it in data " + of[0].Name
	}
	switch kind {
	case "union":
		l.fields = unionLacks
	case "compare":
		l.fields = append([]string{"level"}, madeLacks...)
	case "augment":
	default:
		return lacks{}
	}
	return l
}

// said is what a block, or an override, sets a field to; nil where neither does.
func (r *resolver) said(block *ast.Block, path, field string) ast.Expr {
	var found ast.Expr
	if block != nil {
		for _, item := range block.Items {
			if f, ok := item.(*ast.Field); ok && f.Key.Name == field && found == nil {
				found = f.Value
			}
		}
	}
	for _, o := range r.sets {
		if strings.Join(o.path, ".") == path+"."+field {
			found = o.value
		}
	}
	return found
}

// namesIn are the names in the list that a field of a construct has.
func (r *resolver) namesIn(x ast.Expr, path, field string) []*ast.Ident {
	_, block := schema.Variant(x)
	return identsOf(r.said(block, path, field))
}

func identsOf(x ast.Expr) []*ast.Ident {
	list, ok := x.(*ast.List)
	if !ok {
		return nil
	}
	var names []*ast.Ident
	for _, item := range list.Items {
		if id, ok := item.(*ast.Ident); ok {
			names = append(names, id)
		}
	}
	return names
}

// madeRight demands a form of from that makes data of its kind.
func (r *resolver) madeRight(s *recipe.Data, from ast.Expr) {
	form := madeOf[s.Spec.From.Kind]
	if form.makes == "" || form.makes == s.Spec.Kind {
		return
	}
	e := r.errs.Addf(diag.DataKind, from.Pos(), "%s makes data of kind %s, and %s is %s", s.Spec.From.Kind, form.makes, s.Spec.Name, s.Spec.Kind)
	e.Notes = []diag.Note{{Span: s.Decl.Kind.Span, Message: "its kind"}}
	e.Help = "declare data " + s.Spec.Name + ": " + form.makes
	r.bound[s] = wrong
}

// labelTokens demands a text of its own for each label. What compare makes has
// one label, after both responses.
func (r *resolver) labelTokens(s *recipe.Data, path string) {
	if from := r.recipe.Value(path + ".from"); s.Spec.From.Kind == "compare" && from != nil {
		s.Spec.Level = "outcome"
		r.record(recipe.Value{Path: path + ".level", Text: "outcome", Go: `"outcome"`, Is: "outcome", Origin: from.Origin, Span: from.Span, Scores: true})
		if r.recipe.Has(path+".labels", path+".tokens") && r.recipe.Value(path+".labels").Origin == recipe.Default && r.recipe.Value(path+".tokens").Origin == recipe.Default {
			r.usual(s, path, []string{"first", "second"}, []string{"A", "B"})
		}
	}
	if !r.recipe.Has(path+".labels", path+".tokens") {
		return
	}
	span := r.recipe.Where(path+".tokens", r.recipe.Where(path+".labels", s.Decl.Name.Span))
	switch labels, tokens := s.Spec.Labels, s.Spec.Tokens; {
	case len(labels) < 2:
		r.errs.Addf(diag.WrongLength, r.recipe.Where(path+".labels", span), "labels names %s: there is nothing to tell apart", diag.Count(len(labels), "label")).Help = "as in labels = [good, bad]"
	case len(labels) != len(tokens):
		r.errs.Addf(diag.WrongLength, span, "there are %s and %s", diag.Count(len(labels), "label"), diag.Count(len(tokens), "token")).Help =
			"write one token for each label, in their order"
	}
}

// bind looks up what a data set is made of, for a stage that names it at; false
// after a report. A label that is made further down may be there for a later
// stage.
func (r *resolver) bind(s *recipe.Data, at *ast.Ident) bool {
	switch r.bound[s] {
	case done, underWay:
		return true
	case wrong:
		return false
	}
	r.bound[s] = underWay
	s.Parts = nil
	found := done
	for _, name := range r.partNames[s] {
		p := r.part(s, name, at)
		if p == nil && r.notYet(name) {
			r.bound[s] = unbound
			return false
		}
		if s.Parts = append(s.Parts, p); p == nil {
			found = wrong
		}
	}
	if r.bound[s] = found; found == done {
		r.excluded(s)
		r.madeData(s)
	}
	return r.bound[s] == done
}

// notYet reports whether a name is that of a label whose stage was not reached.
func (r *resolver) notYet(name *ast.Ident) bool {
	d := r.texts[r.ofLastRound(name).Name]
	return d != nil && d.Keyword.Name == "label" && !d.Broken && r.data[d.Name.Name] == nil && !r.meant[d.Name.Name]
}

// part finds one of the data that s is made of; nil after a report.
func (r *resolver) part(s *recipe.Data, name, at *ast.Ident) *recipe.Data {
	if r.notYet(name) {
		r.used["data "+name.Name] = true
		if d := r.texts[r.ofLastRound(name).Name]; at != nil {
			e := r.errs.Addf(diag.UsedBefore, at.Span, "%s is used before %s is made, which it is made of", s.Spec.Name, name.Name)
			e.Notes = []diag.Note{{Span: d.Name.Span, Message: name.Name + " is declared here, and stages run in their order"}}
			e.Help = "move label " + name.Name + " above this stage"
		}
		return nil
	}
	p := r.findData(name)
	takes := madeOf[s.Spec.From.Kind].takes
	if takes == nil {
		takes = []string{s.Spec.Kind}
	}
	switch {
	case p == nil:
	case p == s:
		r.errs.Addf(diag.UsedBefore, name.Span, "%s is made of itself", name.Name).Help = "name the data that gives its rows"
		return nil
	case r.bound[p] == underWay:
		e := r.errs.Addf(diag.UsedBefore, name.Span, "%s and %s are made of each other", s.Spec.Name, name.Name)
		e.Notes = []diag.Note{{Span: p.Decl.Name.Span, Message: name.Name + " is declared here"}}
		e.Help = "let one of the two have a source"
		return nil
	case !slices.Contains(takes, p.Spec.Kind):
		r.dataKind(name, s.Spec.From.Kind, strings.Join(takes, " or "), p)
		return nil
	}
	return p
}

// excluded looks up the data whose questions are left out of s.
func (r *resolver) excluded(s *recipe.Data) {
	for _, name := range identsOf(r.said(s.Decl.Body, s.Path(), "exclude")) {
		if name.Name == s.Spec.Name {
			r.errs.Addf(diag.UsedBefore, name.Span, "%s leaves itself out", name.Name).Help = "name other data"
		} else if d := r.findData(name); d != nil && d.Label != nil {
			r.otherKind(name, "data that is there before", d.Decl).Help = "name " + d.Label.Base.Spec.Name + ", whose questions are the same"
		} else if d != nil {
			s.Exclude = append(s.Exclude, d)
		}
	}
}

// madeData checks what a data set and its parts say together.
func (r *resolver) madeData(s *recipe.Data) {
	path := s.Path()
	switch s.Spec.From.Kind {
	case "union":
		r.united(s, path)
	case "compare":
		r.answers(s, path)
	}
}

// answers names a label for each answer to the question which response is better:
// the first, the second, and neither where that can be. With two labels such
// pairs are left out.
func (r *resolver) answers(s *recipe.Data, path string) {
	if !r.recipe.Has(path+".labels", path+".tokens") {
		return
	}
	if s.Undecided() && r.recipe.Value(path+".labels").Origin == recipe.Default && r.recipe.Value(path+".tokens").Origin == recipe.Default {
		r.usual(s, path, []string{"first", "second", "same"}, []string{"A", "B", "Same"})
	}
	n := len(s.Spec.Labels)
	if n == 2 || n == 3 && s.Undecided() {
		return
	}
	e := r.errs.Addf(diag.WrongLength, r.recipe.Where(path+".labels", s.Decl.Name.Span), "there are %d labels, and of two responses the first is better or the second", n)
	e.Help = `write labels = [first, second], tokens = ["A", "B"]`
	if s.Undecided() {
		e.Message, e.Help = e.Message+" or neither", `write labels = [first, second, same], tokens = ["A", "B", "Same"]`
	}
}

// usual names the answers to a question of which a recipe says nothing.
func (r *resolver) usual(s *recipe.Data, path string, labels, tokens []string) {
	s.Spec.Labels, s.Spec.Tokens = labels, tokens
	for field, list := range map[string][]string{"labels": labels, "tokens": tokens} {
		v := r.recipe.Value(path + "." + field)
		v.Text, v.Go, v.Is = "["+strings.Join(list, ", ")+"]", goStrings(list), list
		if field == "tokens" {
			v.Text = `["` + strings.Join(list, `", "`) + `"]`
		}
	}
}

func goStrings(list []string) string { return fmt.Sprintf("%#v", list) }

// united takes from the parts of a union what it does not say itself: that in
// which they must agree, and the largest length.
func (r *resolver) united(s *recipe.Data, path string) {
	first := s.Parts[0]
	for _, p := range s.Parts[1:] {
		for _, list := range []struct {
			field string
			a, b  []string
		}{{"labels", first.Spec.Labels, p.Spec.Labels}, {"tokens", first.Spec.Tokens, p.Spec.Tokens}, {"attributes", first.Spec.Attributes, p.Spec.Attributes}} {
			if slices.Equal(list.a, list.b) {
				continue
			}
			e := r.errs.Addf(diag.DataKind, r.partNames[s][slices.Index(s.Parts, p)].Span, "%s and %s have different %s", first.Spec.Name, p.Spec.Name, list.field)
			e.Notes = append(r.recipe.Note(first.Path()+"."+list.field, "those of "+first.Spec.Name), r.recipe.Note(p.Path()+"."+list.field, "those of "+p.Spec.Name)...)
			e.Help = "only rows that say the same are put together"
			r.bound[s] = wrong
			return
		}
	}
	s.Spec.Labels, s.Spec.Tokens, s.Spec.Level, s.Spec.Attributes = first.Spec.Labels, first.Spec.Tokens, first.Spec.Level, first.Spec.Attributes
	for _, field := range []string{"labels", "tokens", "level", "attributes"} {
		r.inherit(s, first, field)
	}
	longest := first
	for _, p := range s.Parts {
		if p.Spec.MaxLength > longest.Spec.MaxLength {
			longest = p
		}
		s.Loose = s.Loose || p.Loose
	}
	s.Spec.MaxLength = longest.Spec.MaxLength
	r.inherit(s, longest, "max_length")
}

// inherit records a value of a part as that of the whole.
func (r *resolver) inherit(s, part *recipe.Data, field string) {
	if v := r.recipe.Value(part.Path() + "." + field); v != nil && r.recipe.Value(s.Path()+"."+field) == nil {
		copied := *v
		copied.Path = s.Path() + "." + field
		r.record(copied)
	}
}

// trainedOn binds what a stage trains on: data, or a sum of some.
func (r *resolver) trainedOn(on ast.Expr) *recipe.Data {
	if id, ok := on.(*ast.Ident); ok {
		return r.findData(id)
	}
	names, ok := summands(on)
	if !ok {
		r.badData(on)
		return nil
	}
	return r.sum(names, on)
}

// summands are the names in a + b + c.
func summands(x ast.Expr) ([]*ast.Ident, bool) {
	switch x := x.(type) {
	case *ast.Ident:
		return []*ast.Ident{x}, true
	case *ast.Paren:
		return summands(x.X)
	case *ast.Binary:
		left, okLeft := summands(x.X)
		right, okRight := summands(x.Y)
		return append(left, right...), x.Op == "+" && okLeft && okRight
	}
	return nil, false
}

// sum is the union that labeled + pseudo stands for. It is called
// labeled_pseudo, and is the same wherever it is written.
func (r *resolver) sum(names []*ast.Ident, on ast.Expr) *recipe.Data {
	var words []string
	for i, n := range names {
		if slices.Contains(words, n.Name) {
			r.errs.Addf(diag.DuplicateItem, n.Span, "%s is in the sum twice", n.Name).Help = "keep one of the two"
			return nil
		}
		words = append(words, r.ofLastRound(names[i]).Name)
	}
	name := strings.Join(words, "_")
	for r.texts[name] != nil {
		name += "_sum"
	}
	if d := r.data[name]; d != nil {
		return d
	}
	var first *recipe.Data
	for i := range names {
		d := r.findData(names[len(names)-1-i])
		if d == nil {
			return nil
		}
		first = d
	}
	s := &recipe.Data{Decl: first.Decl}
	r.partNames[s] = names
	s.Spec.Name, s.Spec.Kind = name, first.Spec.Kind
	s.Spec.From.Kind, s.Spec.From.Data = "union", words
	if !r.bind(s, names[0]) {
		return nil
	}
	r.recordSum(s, on)
	r.data[name] = s
	r.recipe.Data = append(r.recipe.Data, s)
	r.used["data "+name] = true
	return s
}

// recordSum gives a sum the values that a declared union has.
func (r *resolver) recordSum(s *recipe.Data, on ast.Expr) {
	path, origin := "data."+s.Spec.Name, recipe.Origin(on.Pos())
	for _, v := range []recipe.Value{
		{Path: path, Text: s.Spec.Kind, Go: fmt.Sprintf("%q", s.Spec.Kind), Is: s.Spec.Kind, Scores: true},
		{Path: path + ".from", Text: "union", Go: `"union"`, Is: "union", Scores: true},
		{Path: path + ".from.data", Text: "[" + strings.Join(s.Spec.From.Data, ", ") + "]", Go: goStrings(s.Spec.From.Data), Is: s.Spec.From.Data},
	} {
		v.Origin, v.Span = origin, on.Pos()
		r.record(v)
	}
}

// bindAll looks up what data is made of that no stage uses, for what is wrong
// with it.
func (r *resolver) bindAll() {
	for _, d := range r.recipe.Data {
		if r.bound[d] == unbound {
			r.bind(d, nil)
		}
	}
	for _, d := range r.recipe.Data {
		for _, x := range d.Exclude {
			if d.Label == nil && x != d && r.needs(x, d) {
				names := identsOf(r.said(d.Decl.Body, d.Path(), "exclude"))
				e := r.errs.Addf(diag.UsedBefore, names[0].Span, "%s leaves out what is in %s, which is made after it", d.Spec.Name, x.Spec.Name)
				e.Notes = []diag.Note{{Span: x.Decl.Name.Span, Message: x.Spec.Name + " is declared here"}}
				e.Help = "take the questions of one of the two out of the other, and not both"
				return
			}
		}
	}
}

// needs reports whether a data set must be there before another is.
func (r *resolver) needs(d, other *recipe.Data) bool {
	seen := map[*recipe.Data]bool{}
	var walk func(x *recipe.Data) bool
	walk = func(x *recipe.Data) bool {
		if x == other || seen[x] {
			return x == other
		}
		seen[x] = true
		return slices.ContainsFunc(slices.Concat(x.MadeOf(), x.Exclude), walk)
	}
	return walk(d)
}
