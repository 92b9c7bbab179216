package jinja

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rmc-lang/rmc/runtime/text/jinja/rewrite"
	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// filter applies the filter of that name to v.
func filter(name string, v any, args []any, kwargs map[string]any) (any, error) {
	switch name {
	case "trim", "upper", "lower", "capitalize", "title", "string", "safe", "replace", "indent":
		return textFilter(name, v, bind(args, kwargs, textParameters[name]...))
	case "length", "count":
		return length(v)
	case "default", "d":
		a := bind(args, kwargs, "default_value", "boolean")
		_, missing := v.(undefined)
		if missing || truth(a.get("boolean", false)) && !truth(v) {
			return a.get("default_value", ""), a.err
		}
		return v, a.err
	case "tojson":
		return jsonFilter(v, args, kwargs)
	case "int", "float", "round", "abs":
		return numberFilter(name, v, args, kwargs)
	case "map":
		return mapFilter(v, args, kwargs)
	case "select", "reject":
		return selectFilter(v, name == "select", "", args)
	case "selectattr", "rejectattr":
		if len(args) == 0 {
			return nil, errors.New("takes the name of an attribute")
		}
		return selectFilter(v, name == "selectattr", str(args[0]), args[1:])
	}
	return listFilter(name, v, args, kwargs)
}

// textParameters are the parameters of the filters of text.
var textParameters = map[string][]string{
	"trim": {"chars"}, "replace": {"old", "new", "count"}, "indent": {"width", "first", "blank"},
}

// wordStart is what Jinja's title takes for the end of a word.
var wordStart = regexp.MustCompile(`[-\s({\[<]+`)

func textFilter(name string, v any, a *arguments) (any, error) {
	s := str(v)
	switch name {
	case "trim":
		if chars := a.get("chars", nil); chars != nil {
			return strings.Trim(s, str(chars)), a.err
		}
		return strings.TrimFunc(s, rewrite.IsSpace), a.err
	case "upper":
		return upper(s), a.err
	case "lower":
		return strings.ToLower(s), a.err
	case "capitalize":
		return capitalize(s), a.err
	case "title":
		return title(s), a.err
	case "replace":
		return strings.Replace(s, str(a.get("old", "")), str(a.get("new", "")), count(a)), a.err
	case "indent":
		return indent(s, a)
	}
	return s, a.err // string, and safe, which means nothing without escaping
}

// count is the limit of replacements; negative is none.
func count(a *arguments) int {
	if a.get("count", nil) == nil {
		return -1
	}
	return a.int("count", -1)
}

// upper is str.upper, for which ß is SS.
func upper(s string) string { return cases.Upper(language.Und).String(s) }

func capitalize(s string) string {
	_, size := utf8.DecodeRuneInString(s)
	return upper(s[:size]) + strings.ToLower(s[size:])
}

func title(s string) string {
	var out strings.Builder
	last := 0
	for _, gap := range append(wordStart.FindAllStringIndex(s, -1), []int{len(s), len(s)}) {
		word := s[last:gap[0]]
		_, size := utf8.DecodeRuneInString(word)
		out.WriteString(upper(word[:size]) + strings.ToLower(word[size:]) + s[gap[0]:gap[1]])
		last = gap[1]
	}
	return out.String()
}

func indent(s string, a *arguments) (any, error) {
	width, ok := a.get("width", 4).(string)
	if !ok {
		width = strings.Repeat(" ", min(max(a.int("width", 4), 0), maxRepeat))
	}
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if (i > 0 || truth(a.get("first", false))) && (line != "" || truth(a.get("blank", false))) {
			lines[i] = width + line
		}
	}
	return strings.Join(lines, "\n"), a.err
}

func length(v any) (any, error) {
	switch v := v.(type) {
	case string:
		return utf8.RuneCountInString(v), nil
	case []any, tuple, *dict, undefined:
		items, err := iterate(v)
		return len(items), err
	}
	return nil, fmt.Errorf("%s has no length", typeName(v))
}

func numberFilter(name string, v any, args []any, kwargs map[string]any) (any, error) {
	f, i, isInt, ok := number(v)
	switch name {
	case "int":
		a := bind(args, kwargs, "default", "base")
		return toInt(v, a), a.err
	case "float":
		a := bind(args, kwargs, "default")
		if text, isText := v.(string); isText {
			parsed, err := strconv.ParseFloat(strings.TrimFunc(text, rewrite.IsSpace), 64)
			f, ok = parsed, err == nil
		}
		if !ok {
			return a.get("default", 0.0), a.err
		}
		return f, a.err
	}
	switch {
	case !ok:
		return nil, fmt.Errorf("%s is not a number", typeName(v))
	case name == "abs" && isInt:
		return max(i, -i), nil
	case name == "abs":
		return math.Abs(f), nil
	}
	a := bind(args, kwargs, "precision", "method")
	scale := math.Pow(10, float64(a.int("precision", 0)))
	switch method := a.text("method", "common"); method {
	case "common":
		return math.RoundToEven(f*scale) / scale, a.err
	case "ceil":
		return math.Ceil(f*scale) / scale, a.err
	case "floor":
		return math.Floor(f*scale) / scale, a.err
	default:
		return nil, fmt.Errorf("method %q", method)
	}
}

func toInt(v any, a *arguments) any {
	if text, ok := v.(string); ok {
		text = strings.TrimFunc(text, rewrite.IsSpace)
		if i, err := strconv.ParseInt(text, a.int("base", 10), 64); err == nil {
			return int(i)
		}
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return a.get("default", 0)
		}
		v = f
	}
	f, i, isInt, ok := number(v)
	switch {
	case isInt:
		return i
	case ok && math.Abs(f) < 1<<62:
		return int(f)
	}
	return a.get("default", 0)
}

func mapFilter(v any, args []any, kwargs map[string]any) (any, error) {
	items, err := iterate(v)
	if err != nil {
		return nil, err
	}
	path, byAttribute := kwargs["attribute"]
	if !byAttribute && len(args) == 0 {
		return nil, errors.New("takes a filter or an attribute")
	}
	out := []any{}
	for _, item := range items {
		var mapped any
		if byAttribute {
			if mapped, err = follow(item, path); err != nil {
				return nil, err
			}
			if _, missing := mapped.(undefined); missing {
				if otherwise, ok := kwargs["default"]; ok {
					mapped = otherwise
				}
			}
		} else if mapped, err = filter(str(args[0]), item, args[1:], kwargs); err != nil {
			return nil, err
		}
		out = append(out, mapped)
	}
	return out, nil
}

// follow is the attribute of item that a path like "function.name" leads to.
func follow(v, path any) (any, error) {
	if i, ok := path.(int); ok {
		return item(v, i)
	}
	for _, name := range strings.Split(str(path), ".") {
		var key any = name
		if i, err := strconv.Atoi(name); err == nil {
			key = i
		}
		var err error
		if v, err = item(v, key); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// selectFilter keeps (or drops) the items, or those of which the attribute,
// that pass a test; without a test, those that are true.
func selectFilter(v any, keep bool, path string, args []any) (any, error) {
	items, err := iterate(v)
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, item := range items {
		tested := item
		if path != "" {
			if tested, err = follow(item, path); err != nil {
				return nil, err
			}
		}
		passed := truth(tested)
		if len(args) > 0 {
			if passed, err = test(str(args[0]), tested, args[1:]); err != nil {
				return nil, err
			}
		}
		if passed == keep {
			out = append(out, item)
		}
	}
	return out, nil
}

func listFilter(name string, v any, args []any, kwargs map[string]any) (any, error) {
	if name == "items" || name == "dictsort" {
		return itemsFilter(name, v, args, kwargs)
	}
	items, err := iterate(v)
	if err != nil {
		return nil, err
	}
	switch name {
	case "list":
		return slices.Clone(items), nil
	case "first":
		if len(items) == 0 {
			return undefined{"the first of nothing"}, nil
		}
		return items[0], nil
	case "last":
		if len(items) == 0 {
			return undefined{"the last of nothing"}, nil
		}
		return items[len(items)-1], nil
	case "join":
		return joinFilter(items, bind(args, kwargs, "d", "attribute"))
	case "reverse":
		reversed := slices.Clone(items)
		slices.Reverse(reversed)
		if _, isText := v.(string); isText {
			return joined(reversed, ""), nil
		}
		return reversed, nil
	case "sort", "unique", "min", "max":
		return orderFilter(name, items, args, kwargs)
	case "sum":
		return sumFilter(items, bind(args, kwargs, "attribute", "start"))
	}
	return nil, errors.New("no filter of that name is known here")
}

func itemsFilter(name string, v any, args []any, kwargs map[string]any) (any, error) {
	if _, missing := v.(undefined); missing && name == "items" {
		return []any{}, nil
	}
	d, ok := v.(*dict)
	if !ok {
		return nil, fmt.Errorf("%s is not a mapping", typeName(v))
	}
	pairs := []any{}
	for _, key := range d.keys {
		pairs = append(pairs, tuple{key, d.values[key]})
	}
	if name == "items" {
		return pairs, nil
	}
	a := bind(args, kwargs, "case_sensitive", "by", "reverse")
	by := map[string]int{"key": 0, "value": 1}[a.text("by", "key")]
	return sorted(pairs, by, truth(a.get("case_sensitive", false)), truth(a.get("reverse", false)), a)
}

func joinFilter(items []any, a *arguments) (any, error) {
	texts := make([]any, len(items))
	for i, item := range items {
		texts[i] = item
		if path := a.get("attribute", nil); path != nil {
			v, err := follow(item, path)
			if err != nil {
				return nil, err
			}
			texts[i] = v
		}
	}
	return joined(texts, str(a.get("d", ""))), a.err
}

func sumFilter(items []any, a *arguments) (any, error) {
	total := a.get("start", 0)
	for _, item := range items {
		var err error
		if path := a.get("attribute", nil); path != nil {
			if item, err = follow(item, path); err != nil {
				return nil, err
			}
		}
		if total, err = add(total, item); err != nil {
			return nil, err
		}
	}
	return total, a.err
}

func orderFilter(name string, items []any, args []any, kwargs map[string]any) (any, error) {
	names := []string{"case_sensitive", "attribute"}
	if name == "sort" {
		names = []string{"reverse", "case_sensitive", "attribute"}
	}
	a := bind(args, kwargs, names...)
	path, exact := a.get("attribute", nil), truth(a.get("case_sensitive", false))
	if name == "unique" {
		return unique(items, path, exact)
	}
	list, err := sorted(items, path, exact, name == "max" || truth(a.get("reverse", false)), a)
	if err != nil || name == "sort" {
		return list, err
	}
	if len(list) == 0 {
		return undefined{"the " + name + " of nothing"}, nil
	}
	return list[0], nil
}

// orderKey is what an item is ordered by.
func orderKey(item, path any, exact bool) (any, error) {
	if path != nil {
		var err error
		if item, err = follow(item, path); err != nil {
			return nil, err
		}
	}
	if text, ok := item.(string); ok && !exact {
		return strings.ToLower(text), nil
	}
	return item, nil
}

func sorted(items []any, path any, exact, reverse bool, a *arguments) ([]any, error) {
	if a.err != nil {
		return nil, a.err
	}
	keys := make(map[int]any, len(items))
	order := make([]int, len(items))
	for i, item := range items {
		key, err := orderKey(item, path, exact)
		if err != nil {
			return nil, err
		}
		keys[i], order[i] = key, i
	}
	var failed error
	slices.SortStableFunc(order, func(i, j int) int {
		c, err := compare(keys[i], keys[j])
		if err != nil {
			failed = err
		}
		if reverse {
			return -c
		}
		return c
	})
	out := make([]any, len(items))
	for i, j := range order {
		out[i] = items[j]
	}
	return out, failed
}

func unique(items []any, path any, exact bool) (any, error) {
	var seen []any
	out := []any{}
	for _, item := range items {
		key, err := orderKey(item, path, exact)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(seen, func(other any) bool { return equal(other, key) }) {
			seen = append(seen, key)
			out = append(out, item)
		}
	}
	return out, nil
}

// test is v is name(args).
func test(name string, v any, args []any) (bool, error) {
	_, missing := v.(undefined)
	_, isBool := v.(bool)
	_, i, isInt, isNumber := number(v)
	text, isText := v.(string)
	_, isDict := v.(*dict)
	switch name {
	case "defined":
		return !missing, nil
	case "undefined":
		return missing, nil
	case "none":
		return v == nil, nil
	case "boolean":
		return isBool, nil
	case "true":
		return v == true, nil
	case "false":
		return v == false, nil
	case "integer":
		return isInt && !isBool, nil
	case "float":
		return isNumber && !isInt, nil
	case "number":
		return isNumber, nil
	case "string":
		return isText, nil
	case "mapping":
		return isDict, nil
	case "iterable", "sequence":
		_, err := iterate(v)
		return err == nil, nil
	case "callable":
		_, ok := v.(function)
		return ok, nil
	case "lower":
		return isText && text == strings.ToLower(text) && strings.ContainsFunc(text, unicode.IsLetter), nil
	case "upper":
		return isText && text == upper(text) && strings.ContainsFunc(text, unicode.IsLetter), nil
	case "odd", "even":
		if !isInt {
			return false, fmt.Errorf("%s is not a whole number", typeName(v))
		}
		return (i%2 != 0) == (name == "odd"), nil
	}
	if len(args) != 1 {
		return false, errors.New("no test of that name without an argument is known here")
	}
	return testWith(name, v, args[0])
}

// testWith is the tests with one argument.
func testWith(name string, v, other any) (bool, error) {
	switch name {
	case "==", "eq", "equalto":
		return equal(v, other), nil
	case "!=", "ne":
		return !equal(v, other), nil
	case "in":
		return contains(other, v)
	case "sameas":
		return typeName(v) == typeName(other) && equal(v, other), nil
	case "divisibleby":
		_, i, okI, _ := number(v)
		_, j, okJ, _ := number(other)
		if !okI || !okJ || j == 0 {
			return false, errors.New("not two whole numbers")
		}
		return i%j == 0, nil
	}
	order, err := compare(v, other)
	if err != nil {
		return false, err
	}
	switch name {
	case "<", "lt", "lessthan":
		return order < 0, nil
	case "<=", "le":
		return order <= 0, nil
	case ">", "gt", "greaterthan":
		return order > 0, nil
	case ">=", "ge":
		return order >= 0, nil
	}
	return false, errors.New("no test of that name is known here")
}
