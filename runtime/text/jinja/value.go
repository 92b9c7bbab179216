package jinja

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Values are Python's: nil is None; bool, int, float64 and string are
// themselves; []any is a list; the others follow.

// undefined is what a name without a value gives. It prints as nothing and
// counts as false; anything else that is done with it is an error.
type undefined struct{ name string }

func (u undefined) err() error { return fmt.Errorf("%q is undefined", u.name) }

// A tuple is a list that is not equal to a list.
type tuple []any

// A dict keeps its keys in the order they came.
type dict struct {
	keys   []any
	values map[any]any
}

func newDict() *dict { return &dict{values: map[any]any{}} }

func (d *dict) set(key, value any) {
	if _, there := d.values[key]; !there {
		d.keys = append(d.keys, key)
	}
	d.values[key] = value
}

// A namespace is the one thing whose attributes a template can set.
type namespace struct{ vars map[string]any }

// A function can be called.
type function func(args []any, kwargs map[string]any) (any, error)

// A loop is the variable of that name inside of for.
type loop struct {
	items []any
	index int
}

func (l *loop) attribute(name string) any {
	n := len(l.items)
	switch name {
	case "index":
		return l.index + 1
	case "index0":
		return l.index
	case "revindex":
		return n - l.index
	case "revindex0":
		return n - l.index - 1
	case "first":
		return l.index == 0
	case "last":
		return l.index == n-1
	case "length":
		return n
	case "depth": // of recursive loops, which are not known here
		return 1
	case "depth0":
		return 0
	case "previtem":
		if l.index > 0 {
			return l.items[l.index-1]
		}
	case "nextitem":
		if l.index < n-1 {
			return l.items[l.index+1]
		}
	case "cycle":
		index := l.index
		return function(func(args []any, _ map[string]any) (any, error) {
			if len(args) == 0 {
				return nil, fmt.Errorf("loop.cycle without values")
			}
			return args[index%len(args)], nil
		})
	}
	return undefined{"loop." + name}
}

// A Dict is a mapping that keeps its order when it is printed.
type Dict []Item

// An Item is a key of a Dict and its value.
type Item struct {
	Key   string
	Value any
}

// fromGo makes a value of what Render is given.
func fromGo(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, int, float64, string:
		return v, nil
	case int64:
		return int(v), nil
	case []any:
		return listOf(v)
	case []map[string]any:
		return listOf(v)
	case []string:
		return listOf(v)
	case Dict:
		d := newDict()
		for _, item := range v {
			value, err := fromGo(item.Value)
			if err != nil {
				return nil, err
			}
			d.set(item.Key, value)
		}
		return d, nil
	case []Dict:
		return listOf(v)
	case map[string]any:
		var sorted Dict
		for _, key := range slices.Sorted(maps.Keys(v)) {
			sorted = append(sorted, Item{key, v[key]})
		}
		return fromGo(sorted)
	}
	return nil, fmt.Errorf("a template cannot have a %T", v)
}

func listOf[T any](items []T) (any, error) {
	list := make([]any, len(items))
	for i, item := range items {
		value, err := fromGo(item)
		if err != nil {
			return nil, err
		}
		list[i] = value
	}
	return list, nil
}

// typeName is Python's name for the type of v.
func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case []any:
		return "list"
	case tuple:
		return "tuple"
	case *dict:
		return "dict"
	case undefined:
		return "Undefined"
	case *namespace:
		return "Namespace"
	case *loop:
		return "LoopContext"
	}
	return "function"
}

// truth is Python's bool(v).
func truth(v any) bool {
	switch v := v.(type) {
	case nil, undefined:
		return false
	case bool:
		return v
	case int:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case tuple:
		return len(v) > 0
	case *dict:
		return len(v.keys) > 0
	}
	return true
}

// str is Python's str(v).
func str(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case undefined:
		return ""
	}
	return repr(v)
}

// repr is Python's repr(v).
func repr(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case int:
		return strconv.Itoa(v)
	case float64:
		return reprFloat(v)
	case string:
		return reprString(v)
	case undefined:
		return "Undefined"
	case []any:
		return "[" + reprAll(v) + "]"
	case tuple:
		if len(v) == 1 {
			return "(" + repr(v[0]) + ",)"
		}
		return "(" + reprAll(v) + ")"
	case *dict:
		var items []string
		for _, key := range v.keys {
			items = append(items, repr(key)+": "+repr(v.values[key]))
		}
		return "{" + strings.Join(items, ", ") + "}"
	}
	return "<" + typeName(v) + ">"
}

func reprAll(list []any) string {
	items := make([]string, len(list))
	for i, v := range list {
		items[i] = repr(v)
	}
	return strings.Join(items, ", ")
}

func reprFloat(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "nan"
	}
	if size := math.Abs(f); size != 0 && (size < 1e-4 || size >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

func reprString(s string) string {
	quote := "'"
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = `"`
	}
	var out strings.Builder
	out.WriteString(quote)
	for _, r := range s {
		switch {
		case r == '\\' || string(r) == quote:
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\r':
			out.WriteString(`\r`)
		case r == '\t':
			out.WriteString(`\t`)
		case r == ' ' || unicode.IsPrint(r):
			out.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&out, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			fmt.Fprintf(&out, `\U%08x`, r)
		}
	}
	return out.String() + quote
}

// number reads a number; bools are numbers in Python.
func number(v any) (f float64, i int, isInt, ok bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, 1, true, true
		}
		return 0, 0, true, true
	case int:
		return float64(v), v, true, true
	case float64:
		return v, 0, false, true
	}
	return 0, 0, false, false
}

// equal is Python's ==.
func equal(a, b any) bool {
	if x, _, _, ok := number(a); ok {
		y, _, _, ok := number(b)
		return ok && x == y
	}
	switch a := a.(type) {
	case nil:
		return b == nil
	case string:
		other, ok := b.(string)
		return ok && a == other
	case undefined:
		_, ok := b.(undefined)
		return ok
	case []any:
		other, ok := b.([]any)
		return ok && slices.EqualFunc(a, other, equal)
	case tuple:
		other, ok := b.(tuple)
		return ok && slices.EqualFunc(a, other, equal)
	case *dict:
		other, ok := b.(*dict)
		return ok && maps.EqualFunc(a.values, other.values, equal)
	case *namespace, *loop:
		return a == b
	}
	return false
}

// compare orders two values as Python's < does, or says that it cannot.
func compare(a, b any) (int, error) {
	x, _, _, okX := number(a)
	y, _, _, okY := number(b)
	if okX && okY {
		return cmp.Compare(x, y), nil
	}
	switch a := a.(type) {
	case string:
		if b, ok := b.(string); ok {
			return cmp.Compare(a, b), nil
		}
	case []any:
		if b, ok := b.([]any); ok {
			return compareLists(a, b)
		}
	case tuple:
		if b, ok := b.(tuple); ok {
			return compareLists(a, b)
		}
	case undefined:
		return 0, a.err()
	}
	if b, ok := b.(undefined); ok {
		return 0, b.err()
	}
	return 0, fmt.Errorf("cannot compare %s and %s", typeName(a), typeName(b))
}

func compareLists(a, b []any) (int, error) {
	for i := range min(len(a), len(b)) {
		if !equal(a[i], b[i]) {
			return compare(a[i], b[i])
		}
	}
	return cmp.Compare(len(a), len(b)), nil
}

// iterate is the items that a loop over v sees.
func iterate(v any) ([]any, error) {
	switch v := v.(type) {
	case []any:
		return v, nil
	case tuple:
		return v, nil
	case undefined:
		return nil, nil
	case string:
		var items []any
		for _, r := range v {
			items = append(items, string(r))
		}
		return items, nil
	case *dict:
		return v.keys, nil
	case *namespace:
		return nil, fmt.Errorf("a namespace cannot be looped over")
	}
	return nil, fmt.Errorf("%s cannot be looped over", typeName(v))
}

// contains is Python's item in v.
func contains(v, item any) (bool, error) {
	switch v := v.(type) {
	case string:
		text, ok := item.(string)
		if !ok {
			return false, fmt.Errorf("%s in a string", typeName(item))
		}
		return strings.Contains(v, text), nil
	case *dict:
		if !hashable(item) {
			return false, fmt.Errorf("%s cannot be a key", typeName(item))
		}
		_, there := v.values[keyOf(item)]
		return there, nil
	}
	items, err := iterate(v)
	return slices.ContainsFunc(items, func(other any) bool { return equal(other, item) }), err
}

func hashable(v any) bool {
	switch v.(type) {
	case nil, bool, int, float64, string:
		return true
	}
	return false
}

// keyOf makes keys that Python holds for equal one.
func keyOf(v any) any {
	if f, i, isInt, ok := number(v); ok {
		if isInt {
			return i
		}
		if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return int(f)
		}
	}
	return v
}
