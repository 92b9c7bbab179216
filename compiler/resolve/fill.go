package resolve

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

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
	schema schema
	fields map[string]entry
	rest   map[string]entry
	order  []string // of rest, as written
	meant  map[string]bool
}

// fill sets the fields of a struct of spec from the block of a recipe, the
// overrides below path and the defaults, in that order of force from the
// middle out. The Kind field, if any, is already set.
func (r *resolver) fill(v reflect.Value, path, what string, span source.Span, block *ast.Block) {
	w := &written{path: path, what: what, span: span, schema: schemaOf(v.Type()),
		fields: map[string]entry{}, rest: map[string]entry{}, meant: map[string]bool{}}
	if w.schema.kind >= 0 {
		w.kind = v.Field(w.schema.kind).String()
	}
	if block != nil {
		r.readBlock(w, block)
	}
	r.readSets(w)
	for _, f := range w.schema.fields {
		if f.applies(w.kind) {
			r.fillField(v.Field(f.index), f, w)
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
	case w.schema.field(name.Name) == nil && w.schema.rest(w.kind) != nil:
		w.order = append(w.order, name.Name)
		w.rest[name.Name] = entry{key: name.Span}
	default:
		for _, meant := range []string{name.Name, diag.Suggest(name.Name, w.schema.names(w.kind))} {
			w.meant[meant] = true
			r.lost[w.path+"."+meant] = true
		}
	}
}

// readKey files one entry under its name, or says why it cannot.
func (r *resolver) readKey(w *written, key *ast.Ident, e entry) {
	f := w.schema.field(key.Name)
	switch {
	case f == nil && w.schema.rest(w.kind) != nil:
		if old, twice := w.rest[key.Name]; twice && !overrides(e) {
			r.duplicate(key, old.key)
			return
		} else if !twice {
			w.order = append(w.order, key.Name)
		}
		w.rest[key.Name] = e
	case f == nil:
		r.unknownField(w, key)
	case !f.applies(w.kind):
		r.notOfKind(w, key, f)
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
func overrides(e entry) bool { return e.key.Valid() && e.key.File.Name == Set }

func (r *resolver) duplicate(key *ast.Ident, first source.Span) {
	d := r.errs.Addf(diag.DuplicateField, key.Span, "%s is set twice", key.Name)
	d.Notes = []diag.Note{{Span: first, Message: "first set here"}}
	d.Help = "keep one of the two"
}

func (r *resolver) unknownField(w *written, key *ast.Ident) {
	names := w.schema.names(w.kind)
	d := r.errs.Addf(diag.UnknownField, key.Span, "%s has no field %q", w.what, key.Name)
	inner, kind := w.schema.owner(key.Name)
	switch {
	case inner != "" && key.Span.File.Name == Set:
		d.Help = fmt.Sprintf("%s belongs to %s: --set %s.%s.%s=…", key.Name, inner, w.path, inner, key.Name)
	case inner != "":
		d.Help = fmt.Sprintf("%s belongs to %s: write %s = %s { %s = … }", key.Name, inner, inner, kind, key.Name)
	case len(names) == 0 && w.schema.ofOther(key.Name) != "":
		d.Help = fmt.Sprintf("write %s = %s { %s = … }", w.path[strings.LastIndex(w.path, ".")+1:], w.schema.ofOther(key.Name), key.Name)
	default:
		d.Help = didYouMean(key.Name, names, "fields of "+w.what)
		w.meant[diag.Suggest(key.Name, names)] = true
	}
}

// ofOther is the kind of s that takes a name, or "".
func (s schema) ofOther(name string) string {
	for _, kind := range s.kinds {
		if f := s.field(name); f != nil && f.applies(kind) || s.rest(kind) != nil {
			return kind
		}
	}
	return ""
}

// owner returns the variant that has a field, as in optimizer = adamw { lr = … },
// and its kind, when the field was written one level too high.
func (s schema) owner(name string) (variant, kind string) {
	for _, f := range s.fields {
		if !isVariant(f.Type) {
			continue
		}
		inner := schemaOf(f.Type)
		for _, kind := range inner.kinds {
			if g := inner.field(name); g != nil && g.applies(kind) {
				return f.Name, kind
			}
		}
	}
	return "", ""
}

func (r *resolver) notOfKind(w *written, key *ast.Ident, f *Field) {
	d := r.errs.Addf(diag.FieldNotOfKind, key.Span, "%s has no %s", w.what, key.Name)
	if names := w.schema.names(w.kind); len(names) > 0 {
		d.Notes = []diag.Note{{Message: fmt.Sprintf("%s has: %s", w.what, strings.Join(names, ", "))}}
	} else {
		d.Notes = []diag.Note{{Message: fmt.Sprintf("%s has no fields", w.what)}}
	}
	d.Help = fmt.Sprintf("%s is a field of %s", key.Name, strings.Join(f.Of, " and "))
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
func (r *resolver) fillField(v reflect.Value, f Field, w *written) {
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
		r.decode(v, f, path, e.value, Origin(e.key), e.key)
	case w.meant[f.Name]:
	case f.Default != "" || f.Silent && isVariant(f.Type):
		r.decode(v, f, path, parseDefault(f), Default, source.Span{})
	case f.Silent:
	default:
		r.missing(w, f)
	}
}

// missing reports a required field that was not written.
func (r *resolver) missing(w *written, f Field) {
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
func (r *resolver) fillRest(v reflect.Value, f Field, w *written) {
	if len(w.order) == 0 {
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, name := range w.order {
		e := w.rest[name]
		text := reflect.New(v.Type().Elem()).Elem()
		element := Field{Name: name, Type: text.Type(), Scores: f.Scores}
		if e.value != nil {
			r.decode(text, element, w.path+"."+name, e.value, Origin(e.key), e.key)
		}
		v.SetMapIndex(reflect.ValueOf(name), text) // a name counts as said, whatever is wrong with its value
	}
}

// decode sets v to what expr says and records it. It reports whether it could.
func (r *resolver) decode(v reflect.Value, f Field, path string, expr ast.Expr, from string, key source.Span) bool {
	if isVariant(v.Type()) {
		return r.decodeVariant(v, f, path, expr, from, key)
	}
	before := len(*r.errs)
	literal := r.decodeValue(v, f, expr, from == Default)
	if len(*r.errs) > before {
		r.lost[path] = true
		return false
	}
	text := oneLine(expr.Pos().Text())
	if from == Default {
		text = f.Usual()
	}
	r.record(Value{Path: path, Text: text, Go: literal, Is: v.Interface(), Origin: from, Span: expr.Pos(), Scores: f.Scores})
	return true
}

// oneLine is a text without the line breaks that a list may have.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func (r *resolver) record(v Value) { r.recipe.Values = append(r.recipe.Values, v) }

// decodeVariant sets a struct written as kind or kind { … }.
func (r *resolver) decodeVariant(v reflect.Value, f Field, path string, expr ast.Expr, from string, key source.Span) bool {
	name, block := variant(expr)
	s := schemaOf(v.Type())
	if text, ok := expr.(*ast.String); ok && slices.Contains(s.kinds, text.Value) {
		r.errs.Addf(diag.WrongType, text.Span, "%s takes %s, without quotes", f.Name, f.Wants()).Help =
			"write " + f.assigned(text.Value, text.Span)
		return false
	}
	if name == nil {
		r.wrongType(f, expr)
		return false
	}
	if !r.checkKind(name, s, f.Name) {
		return false
	}
	v.Field(s.kind).SetString(name.Name)
	r.record(Value{Path: path, Text: name.Name, Go: strconv.Quote(name.Name), Is: name.Name, Origin: from, Span: name.Span, Scores: f.Scores})
	span := name.Span
	if from == Default {
		span = source.Span{}
	}
	r.fill(v, path, name.Name, span, block)
	return true
}

// variant splits kind { … } or kind; name is nil for anything else.
func variant(expr ast.Expr) (name *ast.Ident, block *ast.Block) {
	switch x := expr.(type) {
	case *ast.Ident:
		return x, nil
	case *ast.Construct:
		return x.Name, x.Body
	}
	return nil, nil
}

// checkKind reports a kind that does not exist or not yet.
func (r *resolver) checkKind(name *ast.Ident, s schema, what string) bool {
	switch {
	case slices.Contains(s.kinds, name.Name):
		return true
	case slices.Contains(s.later, name.Name):
		r.notSupported(name.Span, fmt.Sprintf("%s %s", what, name.Name), s.kinds)
	default:
		r.errs.Addf(diag.UnknownKind, name.Span, "%s has no kind %q", what, name.Name).Help =
			didYouMean(name.Name, s.kinds, "kinds of "+what)
	}
	return false
}

// notSupported reports something that is planned.
func (r *resolver) notSupported(span source.Span, what string, instead []string) {
	d := r.errs.Addf(diag.NotSupported, span, "%s is not supported by this version of rmc", what)
	if len(instead) > 0 {
		d.Help = "supported: " + strings.Join(instead, ", ")
	}
}

// decodeValue sets v, which is no variant, and returns it as a Go literal.
// The defaults of spec need no units.
func (r *resolver) decodeValue(v reflect.Value, f Field, expr ast.Expr, bare bool) string {
	switch v.Kind() {
	case reflect.String:
		return r.decodeString(v, f, expr)
	case reflect.Bool:
		return r.decodeBool(v, f, expr)
	case reflect.Int, reflect.Float64:
		return r.decodeNumber(v, f, expr, bare)
	case reflect.Slice, reflect.Array:
		return r.decodeList(v, f, expr, bare)
	}
	panic("resolve: spec has a field of a type that a recipe cannot write: " + v.Type().String())
}

// wrongType reports a value of another kind than the field takes.
func (r *resolver) wrongType(f Field, expr ast.Expr) {
	r.errs.Addf(diag.WrongType, expr.Pos(), "%s takes %s, not %s", f.Name, f.Wants(), describeExpr(expr)).Help = f.asIn()
}

// asIn shows how a field is written.
func (f Field) asIn() string {
	switch {
	case f.Source:
		return "as in " + f.Name + ` = "file:PATH"`
	case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Int:
		return "as in " + f.Name + " = [256, 512]"
	case f.Usual() != "":
		return "as in " + f.Name + " = " + f.Usual()
	case f.Type.Kind() == reflect.Slice:
		return "as in " + f.Name + " = [quality, length]"
	case f.Type.Kind() == reflect.String && len(f.OneOf) == 0:
		return "as in " + f.Name + ` = "…"`
	}
	return f.Name + " = " + f.Wants()
}

// describeExpr names what was written.
func describeExpr(expr ast.Expr) string {
	switch x := expr.(type) {
	case *ast.Number:
		return "a number"
	case *ast.String:
		return "a quoted text"
	case *ast.List:
		return "a list"
	case *ast.Ident:
		return "the name " + x.Name
	case *ast.Construct:
		return x.Name.Name + " { … }"
	}
	return "an expression"
}

func (r *resolver) decodeString(v reflect.Value, f Field, expr ast.Expr) string {
	text, span := "", expr.Pos()
	switch x := expr.(type) {
	case *ast.Ident:
		text = x.Name
		if len(f.OneOf) == 0 {
			r.errs.Addf(diag.WrongType, span, "%s takes %s, not the name %s", f.Name, f.Wants(), text).Help =
				"write " + f.assigned(strconv.Quote(text), span)
			return ""
		}
	case *ast.String:
		text = x.Value
		if len(f.OneOf) > 0 {
			r.errs.Addf(diag.WrongType, span, "%s takes %s, without quotes", f.Name, f.Wants()).Help =
				"write " + f.assigned(text, span)
			return ""
		}
	case *ast.Select, *ast.Binary:
		r.wrongType(f, expr)
		if len(f.OneOf) == 0 {
			(*r.errs)[len(*r.errs)-1].Help = "write " + f.assigned(strconv.Quote(expr.Pos().Text()), span)
		}
		return ""
	default:
		r.wrongType(f, expr)
		return ""
	}
	if !r.checkString(f, text, span) {
		return ""
	}
	v.SetString(text)
	return strconv.Quote(text)
}

// checkString holds a text against the field's choices, or its source form.
func (r *resolver) checkString(f Field, text string, span source.Span) bool {
	switch {
	case slices.Contains(f.Later, text):
		r.notSupported(span, f.Name+" = "+text, f.OneOf)
		return false
	case len(f.OneOf) > 0 && !slices.Contains(f.OneOf, text):
		r.errs.Addf(diag.NotAChoice, span, "%s cannot be %s", f.Name, text).Help =
			didYouMean(text, f.OneOf, "choices")
		return false
	case f.Source:
		return r.checkSource(f, text, span)
	case text == "":
		r.errs.Addf(diag.WrongType, span, "%s is an empty text", f.Name).Help = "write what it names, or leave it out"
		return false
	}
	return true
}

// schemes are where a source may come from.
var schemes = []string{"file", "hf", "pypi"}

// checkSource demands a scheme: where a source comes from is never guessed.
func (r *resolver) checkSource(f Field, text string, span source.Span) bool {
	scheme, rest, ok := strings.Cut(text, ":")
	if ok && rest != "" && slices.Contains(schemes, scheme) {
		return true
	}
	d := r.errs.Addf(diag.BadSource, span, "%q does not say where it comes from", text)
	switch near := diag.Suggest(scheme, schemes); {
	case ok && rest != "" && near != "":
		d.Help = fmt.Sprintf("did you mean %q?", near+":"+rest)
	case !ok && text != "":
		d.Help = fmt.Sprintf("write \"file:%s\" for a path beside the recipe, or hf:OWNER/NAME/FILE, pypi:NAME==VERSION/FILE", text)
	default:
		d.Help = "a source is file:PATH, hf:OWNER/NAME/FILE or pypi:NAME==VERSION/FILE"
	}
	return false
}

func (r *resolver) decodeBool(v reflect.Value, f Field, expr ast.Expr) string {
	x, ok := expr.(*ast.Ident)
	if !ok || x.Name != "true" && x.Name != "false" {
		r.wrongType(f, expr)
		return ""
	}
	v.SetBool(x.Name == "true")
	return x.Name
}

// decodeNumber sets an int or float64, in the field's unit.
func (r *resolver) decodeNumber(v reflect.Value, f Field, expr ast.Expr, bare bool) string {
	sign, n := number(expr)
	if n == nil {
		r.wrongType(f, expr)
		return ""
	}
	if !r.checkUnit(f, n, bare) {
		return ""
	}
	x, err := strconv.ParseFloat(strings.ReplaceAll(n.Text, "_", ""), 64)
	literal := sign + strings.TrimLeft(n.Text, "+")
	if n.Unit != nil && n.Unit.Name == "%" {
		x /= 100
		literal = sign + strconv.FormatFloat(x, 'g', -1, 64)
	}
	if sign == "-" {
		x = -x
	}
	if len(f.Units) > 1 && n.Unit != nil && !r.checkShare(f, expr, x, n.Unit.Name) {
		return ""
	}
	if err != nil || math.IsInf(x, 0) {
		r.errs.Addf(diag.OutOfRange, expr.Pos(), "%s does not fit a number", n.Text).Help = f.asIn()
		return ""
	}
	return r.setNumber(v, f, expr, x, literal)
}

// checkShare keeps the shares and the numbers apart of a field that takes both:
// 3% is below 1, 3 steps are whole.
func (r *resolver) checkShare(f Field, expr ast.Expr, x float64, unit string) bool {
	switch {
	case !slices.Contains(f.Units, "%"):
		return true
	case unit == "%" && x >= 1:
		r.errs.Addf(diag.OutOfRange, expr.Pos(), "%s must be below 100%%", f.Name).Help = f.asIn()
	case unit != "%" && x != math.Trunc(x):
		r.errs.Addf(diag.WrongType, expr.Pos(), "%s takes a whole number of %s", f.Name, unit).Help =
			fmt.Sprintf("write %g %s or %g %s", math.Floor(x), unit, math.Ceil(x), unit)
	default:
		return true
	}
	return false
}

// setNumber checks the bounds and stores x.
func (r *resolver) setNumber(v reflect.Value, f Field, expr ast.Expr, x float64, literal string) string {
	switch {
	case v.Kind() == reflect.Int && x != math.Trunc(x):
		r.errs.Addf(diag.WrongType, expr.Pos(), "%s takes a whole number", f.Name).Help =
			fmt.Sprintf("write %s or %s", f.written(math.Floor(x)), f.written(math.Ceil(x)))
		return ""
	case f.Min != nil && x < *f.Min:
		r.errs.Addf(diag.OutOfRange, expr.Pos(), "%s must be at least %s", f.Name, f.bound(*f.Min)).Help = f.asIn()
		return ""
	case f.Max != nil && x > *f.Max:
		r.errs.Addf(diag.OutOfRange, expr.Pos(), "%s must be at most %s", f.Name, f.bound(*f.Max)).Help = f.asIn()
		return ""
	case v.Kind() == reflect.Int && math.Abs(x) > math.MaxInt32:
		r.errs.Addf(diag.OutOfRange, expr.Pos(), "%s must be below %d", f.Name, math.MaxInt32).Help = f.asIn()
		return ""
	}
	if v.Kind() == reflect.Int {
		v.SetInt(int64(x))
		return strconv.Itoa(int(x))
	}
	v.SetFloat(x)
	return literal
}

// bound prints a bound as the field would be written.
func (f Field) bound(x float64) string {
	if slices.Contains(f.Units, "%") && x != 0 {
		return strconv.FormatFloat(100*x, 'g', -1, 64) + "%"
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

// written prints a number with the field's usual unit, if it has one.
func (f Field) written(x float64) string {
	n := strconv.FormatFloat(x, 'f', -1, 64)
	if len(f.Units) == 0 || f.Bare || f.Units[0] == "%" {
		return n
	}
	return n + " " + f.Units[0]
}

// number unwraps a literal with an optional sign.
func number(expr ast.Expr) (sign string, n *ast.Number) {
	switch x := expr.(type) {
	case *ast.Number:
		return "", x
	case *ast.Unary:
		if n, ok := x.X.(*ast.Number); ok && x.Op == "-" {
			return "-", n
		}
	}
	return "", nil
}

// checkUnit holds a number's unit against the field's.
func (r *resolver) checkUnit(f Field, n *ast.Number, bare bool) bool {
	switch {
	case n.Unit == nil && (bare || f.Bare || len(f.Units) == 0):
		return true
	case n.Unit == nil:
		r.errs.Addf(diag.MissingUnit, n.Span, "%s needs a unit", f.Name).Help = "write " + f.inPlace(f.withUnit(n), n.Span)
	case len(f.Units) == 0:
		plain := n.Text
		if x, err := strconv.ParseFloat(n.Text, 64); err == nil && n.Unit.Name == "%" {
			plain = strconv.FormatFloat(x/100, 'g', -1, 64)
		}
		r.errs.Addf(diag.WrongUnit, n.Unit.Span, "%s has no unit", f.Name).Help = "write " + f.inPlace(plain, n.Span)
	case slices.Contains(f.Units, n.Unit.Name):
		return true
	case slices.Contains(allUnits(), n.Unit.Name):
		r.errs.Addf(diag.WrongUnit, n.Unit.Span, "%s is%s, not in %s", f.Name, f.inUnits(), n.Unit.Name).Help =
			"write " + f.inPlace(f.withUnit(n), n.Span)
	default:
		r.errs.Addf(diag.UnknownUnit, n.Unit.Span, "there is no unit %q", n.Unit.Name).Help =
			didYouMean(n.Unit.Name, f.Units, "units of "+f.Name)
	}
	return false
}

// inPlace is a value as it is typed where another stands: in an override it is
// quoted for the shell if it must be.
func (f Field) inPlace(value string, at source.Span) string {
	if at.File.Name != Set {
		return value
	}
	path, _, _ := strings.Cut(at.File.Text, "=")
	if value = strings.TrimSpace(path) + "=" + value; strings.ContainsAny(value, " \"[") {
		value = "'" + value + "'"
	}
	return "--set " + value
}

// assigned is name = value, as it is typed where another value stands.
func (f Field) assigned(value string, at source.Span) string {
	if at.File.Name == Set {
		return f.inPlace(value, at)
	}
	return f.Name + " = " + value
}

// withUnit writes a number in the field's usual unit: 512 tokens, but 3%. A bare
// fraction was meant as a share: 0.2 is 20%.
func (f Field) withUnit(n *ast.Number) string {
	if f.Units[0] != "%" {
		return n.Text + " " + f.Units[0]
	}
	x, err := strconv.ParseFloat(n.Text, 64)
	switch {
	case err == nil && x < 1 && n.Unit == nil:
		return strconv.FormatFloat(100*x, 'g', 6, 64) + "%"
	case err == nil && len(f.Units) > 1 && x == math.Trunc(x):
		return n.Text + " " + f.Units[1] // a share or a number of them
	}
	return n.Text + "%"
}

// allUnits returns every unit of the language.
func allUnits() []string {
	var all []string
	for _, d := range Describe() {
		all = append(all, d.Units...)
	}
	return all
}

// decodeList sets a slice or array, element by element.
func (r *resolver) decodeList(v reflect.Value, f Field, expr ast.Expr, bare bool) string {
	list, ok := expr.(*ast.List)
	if !ok {
		r.wrongType(f, expr)
		return ""
	}
	n := len(list.Items)
	if v.Kind() == reflect.Array && n != v.Len() {
		r.errs.Addf(diag.WrongLength, list.Span, "%s takes %d numbers, not %d", f.Name, v.Len(), n).Help = f.asIn()
		return ""
	}
	if n == 0 && f.Default != "[]" {
		r.errs.Addf(diag.WrongLength, list.Span, "%s is empty", f.Name).Help = f.asIn()
		return ""
	}
	if v.Kind() == reflect.Slice {
		v.Set(reflect.MakeSlice(v.Type(), n, n))
	}
	element := f
	element.Type, element.Bare = v.Type().Elem(), true
	seen := map[any]bool{}
	var literals []string
	for i, item := range list.Items {
		literal := r.decodeElement(v.Index(i), element, item, bare)
		if v.Kind() == reflect.Slice && literal != "" && seen[literal] {
			r.errs.Addf(diag.DuplicateItem, item.Pos(), "%s is in %s twice", item.Pos().Text(), f.Name).Help = "keep one of the two"
		}
		seen[literal] = true
		literals = append(literals, literal)
	}
	return strings.ReplaceAll(v.Type().String(), "interface {}", "any") + "{" + strings.Join(literals, ", ") + "}"
}

// decodeElement sets an element of a list; names need no quotes there.
func (r *resolver) decodeElement(v reflect.Value, f Field, item ast.Expr, bare bool) string {
	if x, ok := item.(*ast.Ident); ok && v.Kind() == reflect.String {
		if !r.checkString(f, x.Name, x.Span) {
			return ""
		}
		v.SetString(x.Name)
		return strconv.Quote(x.Name)
	}
	return r.decodeValue(v, f, item, bare)
}

func itoa(n int) string { return strconv.Itoa(n) }

// didYouMean is the help for an unknown name: the nearest, else all there are.
func didYouMean(name string, candidates []string, what string) string {
	if near := diag.Suggest(name, candidates); near != "" {
		return `did you mean "` + near + `"?`
	}
	if len(candidates) == 0 {
		return "there are no " + what + " here"
	}
	return what + ": " + strings.Join(candidates, ", ")
}
