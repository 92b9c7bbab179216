package resolve

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/compiler/schema"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/source"
)

// An entry is what a recipe or an override says about one field.
type entry struct {
	key   source.Span
	value ast.Expr // nil when it could not be parsed
}

// A written is all that is said about one struct.
type written struct {
	path   string // model.rm, train.rm.optimizer
	what   string // in messages: model, adamw
	span   source.Span
	kind   string
	schema schema.Struct
	fields map[string]entry
	rest   map[string]entry
	order  []string // of rest, as written
	meant  map[string]bool
	lacks  lacks
}

// A lacks names fields that a struct does not have although its kind does, and
// what to do instead.
type lacks struct {
	fields  []string
	because string // takes its rows from other data
	help    string
}

// fill sets the fields of a struct of spec from the block of a recipe, the
// overrides below path and the defaults, in that order of force from the
// middle out. The Kind field, if any, is already set.
func (r *resolver) fill(v reflect.Value, path, what string, span source.Span, block *ast.Block) {
	r.fillBut(v, path, what, span, block, lacks{})
}

// fillBut is fill for a struct that lacks some fields.
func (r *resolver) fillBut(v reflect.Value, path, what string, span source.Span, block *ast.Block, but lacks) {
	w := &written{path: path, what: what, span: span, schema: schema.Of(v.Type()), lacks: but,
		fields: map[string]entry{}, rest: map[string]entry{}, meant: map[string]bool{}}
	if w.schema.Kind >= 0 {
		w.kind = v.Field(w.schema.Kind).String()
	}
	if block != nil {
		r.readBlock(w, block)
	}
	r.readSets(w)
	for _, f := range w.schema.Fields {
		if f.Applies(w.kind) && !slices.Contains(but.fields, f.Name) {
			r.fillField(v.Field(f.Index), f, w)
		}
	}
}

// readBlock sorts the items of a block by field.
func (r *resolver) readBlock(w *written, block *ast.Block) {
	for _, name := range block.Lost {
		r.readLost(w, name)
	}
	for _, item := range block.Items {
		f, ok := item.(*ast.Field)
		if !ok {
			r.misplaced(item, w.what)
			continue
		}
		r.readKey(w, f.Key, entry{f.Key.Span, f.Value})
	}
}

// readLost notes what an item was to set that could not be parsed.
func (r *resolver) readLost(w *written, name *ast.Ident) {
	switch {
	case name == nil:
		r.lost[w.path] = true
	case w.schema.Field(name.Name) == nil && w.schema.Rest(w.kind, name.Name) != nil:
		w.order = append(w.order, name.Name)
		w.rest[name.Name] = entry{key: name.Span}
	default:
		for _, meant := range []string{name.Name, diag.Suggest(name.Name, w.schema.Names(w.kind))} {
			w.meant[meant] = true
			r.lost[w.path+"."+meant] = true
		}
	}
}

// readKey files one entry under its name, or says why it cannot.
func (r *resolver) readKey(w *written, key *ast.Ident, e entry) {
	f := w.schema.Field(key.Name)
	switch {
	case f == nil && w.schema.Rest(w.kind, key.Name) != nil:
		if old, twice := w.rest[key.Name]; twice && !overrides(e) {
			r.duplicate(key, old.key)
			return
		} else if !twice {
			w.order = append(w.order, key.Name)
		}
		w.rest[key.Name] = e
	case f == nil:
		r.unknownField(w, key)
	case !f.Applies(w.kind):
		r.notOfKind(w, key, f)
	case slices.Contains(w.lacks.fields, key.Name):
		r.lacking(w, key)
	default:
		if old, twice := w.fields[key.Name]; twice && !overrides(e) {
			r.duplicate(key, old.key)
			return
		}
		w.fields[key.Name] = e
	}
}

// overrides reports whether an entry comes from --set and so may stand beside
// what the recipe says.
func overrides(e entry) bool { return e.key.Valid() && e.key.File.Name == recipe.Set }

func (r *resolver) duplicate(key *ast.Ident, first source.Span) {
	d := r.errs.Addf(diag.DuplicateField, key.Span, "%s is set twice", key.Name)
	d.Notes = []diag.Note{{Span: first, Message: "first set here"}}
	d.Help = "keep one of the two"
}

func (r *resolver) unknownField(w *written, key *ast.Ident) {
	names := w.schema.Names(w.kind)
	d := r.errs.Addf(diag.UnknownField, key.Span, "%s has no field %q", w.what, key.Name)
	inner, kind := w.schema.Owner(key.Name)
	switch {
	case inner != "" && key.Span.File.Name == recipe.Set:
		d.Help = fmt.Sprintf("%s belongs to %s: --set %s.%s.%s=…", key.Name, inner, w.path, inner, key.Name)
	case inner != "":
		d.Help = fmt.Sprintf("%s belongs to %s: write %s = %s { %s = … }", key.Name, inner, inner, kind, key.Name)
	case len(names) == 0 && w.schema.OfOther(key.Name) != "":
		d.Help = fmt.Sprintf("write %s = %s { %s = … }", w.path[strings.LastIndex(w.path, ".")+1:], w.schema.OfOther(key.Name), key.Name)
	default:
		d.Help = schema.DidYouMean(key.Name, names, "fields of "+w.what)
		w.meant[diag.Suggest(key.Name, names)] = true
	}
}

func (r *resolver) notOfKind(w *written, key *ast.Ident, f *schema.Field) {
	d := r.errs.Addf(diag.FieldNotOfKind, key.Span, "%s has no %s", w.what, key.Name)
	if names := w.schema.Names(w.kind); len(names) > 0 {
		d.Notes = []diag.Note{{Message: fmt.Sprintf("%s has: %s", w.what, strings.Join(names, ", "))}}
	} else {
		d.Notes = []diag.Note{{Message: fmt.Sprintf("%s has no fields", w.what)}}
	}
	d.Help = fmt.Sprintf("%s is a field of %s", key.Name, strings.Join(f.Of, " and "))
}

// lacking reports a field that something takes from elsewhere.
func (r *resolver) lacking(w *written, key *ast.Ident) {
	r.errs.Addf(diag.FieldNotOfKind, key.Span, "%s %s, and so has no %s of its own", w.what, w.lacks.because, key.Name).Help = w.lacks.help
}

// misplaced reports a let, report or declaration where only fields stand.
func (r *resolver) misplaced(item ast.Item, what string) {
	switch x := item.(type) {
	case *ast.Let:
		r.errs.Addf(diag.Misplaced, x.Span, "a let stands in an objective, not in %s", what).Help = "a field has no let: NAME = VALUE"
	case *ast.Report:
		r.errs.Addf(diag.Misplaced, x.Span, "a report stands in an objective, not in %s", what).Help = "move it to the objective"
	case *ast.Decl:
		r.errs.Addf(diag.Misplaced, x.Keyword.Span, "%s stands at the top of a recipe, not in %s", x.Keyword.Name, what).Help = "move it out of the braces"
	}
}

// fillField sets one field that applies, and records its value.
func (r *resolver) fillField(v reflect.Value, f schema.Field, w *written) {
	path := w.path + "." + f.Name
	e, said := w.fields[f.Name]
	switch {
	case f.Rest:
		r.fillRest(v, f, w)
	case f.Call: // bound where the objectives are known
		if !said && !w.meant[f.Name] {
			r.missing(w, f)
		}
	case said && e.value != nil:
		r.decode(v, f, path, e.value, recipe.Origin(e.key), e.key)
	case w.meant[f.Name]:
	case f.Default != "" || f.Silent && schema.IsVariant(f.Type):
		r.decode(v, f, path, schema.ParseDefault(f), recipe.Default, source.Span{})
	case f.Silent:
	default:
		r.missing(w, f)
	}
}

// missing reports a required field that was not written.
func (r *resolver) missing(w *written, f schema.Field) {
	if r.lost[w.path] {
		return
	}
	if f.Contested == "" {
		r.errs.Addf(diag.MissingField, w.span, "%s needs %s", w.what, f.Name).Help =
			fmt.Sprintf("%s = …, %s: %s", f.Name, f.Wants(), f.Doc)
		return
	}
	d := r.errs.Addf(diag.ContestedField, w.span, "%s must say %s, for there is no usual one", w.what, f.Name)
	d.Notes = []diag.Note{{Message: f.Contested}}
	d.Help = fmt.Sprintf("%s = %s", f.Name, f.Wants())
}

// fillRest sets a map from all entries that no field has.
func (r *resolver) fillRest(v reflect.Value, f schema.Field, w *written) {
	if len(w.order) == 0 {
		return
	}
	if v.Kind() == reflect.Slice {
		r.fillNamed(v, w)
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, name := range w.order {
		e := w.rest[name]
		text := reflect.New(v.Type().Elem()).Elem()
		element := f
		element.Name, element.Type, element.Rest, element.Keys = name, text.Type(), false, nil
		if e.value != nil {
			r.decode(text, element, w.path+"."+name, e.value, recipe.Origin(e.key), e.key)
		}
		v.SetMapIndex(reflect.ValueOf(name), text) // a name counts as said, whatever is wrong with its value
	}
}

// decode sets v to what expr says and records it. It reports whether it could.
func (r *resolver) decode(v reflect.Value, f schema.Field, path string, expr ast.Expr, from string, key source.Span) bool {
	if schema.IsVariant(v.Type()) {
		return r.decodeVariant(v, f, path, expr, from, key)
	}
	before := len(*r.errs)
	literal := r.Decode(v, f, expr, from == recipe.Default)
	if len(*r.errs) > before {
		r.lost[path] = true
		return false
	}
	text := oneLine(expr.Pos().Text())
	if from == recipe.Default && !key.Valid() { // within a default's braces it is written out
		text = f.Usual()
	}
	r.record(recipe.Value{Path: path, Text: text, Go: literal, Is: v.Interface(), Origin: from, Span: expr.Pos(), Scores: f.Scores})
	return true
}

// oneLine is a text without the line breaks that a list may have.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func (r *resolver) record(v recipe.Value) { r.recipe.Values = append(r.recipe.Values, v) }

// decodeVariant sets a struct written as kind or kind { … }.
func (r *resolver) decodeVariant(v reflect.Value, f schema.Field, path string, expr ast.Expr, from string, key source.Span) bool {
	name, block := schema.Variant(expr)
	s := schema.Of(v.Type())
	if text, ok := expr.(*ast.String); ok && slices.Contains(s.Kinds, text.Value) {
		r.errs.Addf(diag.WrongType, text.Span, "%s takes %s, without quotes", f.Name, f.Wants()).Help =
			"write " + f.Assigned(text.Value, text.Span)
		return false
	}
	if name == nil {
		r.WrongType(f, expr)
		return false
	}
	if !r.CheckKind(name, s, f.Name) {
		return false
	}
	v.Field(s.Kind).SetString(name.Name)
	r.record(recipe.Value{Path: path, Text: name.Name, Go: strconv.Quote(name.Name), Is: name.Name, Origin: from, Span: name.Span, Scores: f.Scores})
	span := name.Span
	if from == recipe.Default {
		span = source.Span{}
	}
	r.fill(v, path, name.Name, span, block)
	return true
}
