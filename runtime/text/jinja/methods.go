package jinja

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rmc-lang/rmc/runtime/text/jinja/rewrite"
)

// methodOf is the method of that name, or nil. Methods that change their
// owner are not there: the sandbox forbids them.
func methodOf(owner any, name string) function {
	switch x := owner.(type) {
	case string:
		if stringMethods[name] == nil {
			return nil
		}
		return func(args []any, kwargs map[string]any) (any, error) {
			v, err := stringMethods[name](x, args, kwargs)
			if err != nil {
				return nil, fmt.Errorf("str.%s: %w", name, err)
			}
			return v, nil
		}
	case *dict:
		return dictMethod(x, name)
	case []any:
		return listMethod(x, name)
	case tuple:
		return listMethod(x, name)
	}
	return nil
}

func dictMethod(d *dict, name string) function {
	switch name {
	case "items":
		return func(args []any, kwargs map[string]any) (any, error) {
			return itemsFilter("items", d, nil, nil)
		}
	case "keys":
		return func([]any, map[string]any) (any, error) { return slices.Clone(d.keys), nil }
	case "values":
		return func([]any, map[string]any) (any, error) {
			values := []any{}
			for _, key := range d.keys {
				values = append(values, d.values[key])
			}
			return values, nil
		}
	case "get":
		return func(args []any, kwargs map[string]any) (any, error) {
			a := bind(args, kwargs, "key", "default")
			key := a.get("key", nil)
			if !hashable(key) {
				return nil, fmt.Errorf("%s cannot be a key", typeName(key))
			}
			if v, there := d.values[keyOf(key)]; there {
				return v, a.err
			}
			return a.get("default", nil), a.err
		}
	case "update", "pop", "popitem", "clear", "setdefault":
		return forbidden("dict", name)
	}
	return nil
}

func listMethod(list []any, name string) function {
	switch name {
	case "index":
		return func(args []any, _ map[string]any) (any, error) {
			if len(args) == 1 {
				if i := slices.IndexFunc(list, func(v any) bool { return equal(v, args[0]) }); i >= 0 {
					return i, nil
				}
			}
			return nil, errors.New("list.index: the value is not in the list")
		}
	case "count":
		return func(args []any, _ map[string]any) (any, error) {
			n := 0
			for _, v := range list {
				if len(args) == 1 && equal(v, args[0]) {
					n++
				}
			}
			return n, nil
		}
	case "append", "extend", "insert", "pop", "remove", "reverse", "sort", "clear":
		return forbidden("list", name)
	}
	return nil
}

// forbidden is a method that changes its owner.
func forbidden(owner, name string) function {
	return func([]any, map[string]any) (any, error) {
		return nil, fmt.Errorf("%s.%s changes a value, which the sandbox forbids", owner, name)
	}
}

type stringMethod func(s string, args []any, kwargs map[string]any) (any, error)

// stringMethods are the methods of str that do not depend on a locale.
var stringMethods = map[string]stringMethod{
	"strip":        stripping(strings.TrimFunc),
	"lstrip":       stripping(strings.TrimLeftFunc),
	"rstrip":       stripping(strings.TrimRightFunc),
	"split":        split,
	"rsplit":       rsplit,
	"splitlines":   splitlines,
	"startswith":   affix(strings.HasPrefix),
	"endswith":     affix(strings.HasSuffix),
	"removeprefix": removing(strings.TrimPrefix),
	"removesuffix": removing(strings.TrimSuffix),
	"replace":      replaceMethod,
	"upper":        changing(upper),
	"lower":        changing(strings.ToLower),
	"capitalize":   changing(capitalize),
	"title":        changing(titleMethod),
	"find":         finding(strings.Index),
	"rfind":        finding(strings.LastIndex),
	"count":        countMethod,
	"join":         joinMethod,
	"isdigit":      asking(unicode.IsDigit),
	"isalpha":      asking(unicode.IsLetter),
	"isalnum":      asking(func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }),
	"isspace":      asking(rewrite.IsSpace),
	"isupper":      casing(upper),
	"islower":      casing(strings.ToLower),
}

// stripping strips white space or, given characters, those.
func stripping(trim func(string, func(rune) bool) string) stringMethod {
	return func(s string, args []any, kwargs map[string]any) (any, error) {
		a := bind(args, kwargs, "chars")
		if a.get("chars", nil) == nil {
			return trim(s, rewrite.IsSpace), a.err
		}
		chars := a.text("chars", "")
		return trim(s, func(r rune) bool { return strings.ContainsRune(chars, r) }), a.err
	}
}

// fields cuts a text at white space, at most limit times from the left.
func fields(s string, limit int) []any {
	out := []any{}
	for s = strings.TrimLeftFunc(s, rewrite.IsSpace); s != ""; {
		i := strings.IndexFunc(s, rewrite.IsSpace)
		if i < 0 || len(out) == limit {
			return append(out, s)
		}
		out = append(out, s[:i])
		s = strings.TrimLeftFunc(s[i:], rewrite.IsSpace)
	}
	return out
}

func splitArguments(args []any, kwargs map[string]any) (separator string, limit int, given bool, err error) {
	a := bind(args, kwargs, "sep", "maxsplit")
	limit = a.int("maxsplit", -1)
	if a.get("sep", nil) == nil {
		return "", limit, false, a.err
	}
	separator = a.text("sep", "")
	if separator == "" && a.err == nil {
		a.err = errors.New("empty separator")
	}
	return separator, limit, true, a.err
}

func split(s string, args []any, kwargs map[string]any) (any, error) {
	separator, limit, given, err := splitArguments(args, kwargs)
	if err != nil {
		return nil, err
	}
	if !given {
		return fields(s, limit), nil
	}
	if limit >= 0 {
		limit++
	}
	return texts(strings.SplitN(s, separator, limit)), nil
}

func rsplit(s string, args []any, kwargs map[string]any) (any, error) {
	separator, limit, given, err := splitArguments(args, kwargs)
	if err != nil {
		return nil, err
	}
	if !given {
		if limit >= 0 {
			return nil, errors.New("maxsplit without a separator is not known here")
		}
		return fields(s, limit), nil
	}
	parts := strings.Split(s, separator)
	if n := len(parts) - 1 - limit; limit >= 0 && n > 0 {
		parts = append([]string{strings.Join(parts[:n+1], separator)}, parts[n+1:]...)
	}
	return texts(parts), nil
}

func texts(parts []string) []any {
	out := make([]any, len(parts))
	for i, part := range parts {
		out[i] = part
	}
	return out
}

func splitlines(s string, args []any, kwargs map[string]any) (any, error) {
	a := bind(args, kwargs, "keepends")
	out := []any{}
	for s != "" {
		i := strings.IndexFunc(s, isLineEnd)
		if i < 0 {
			out = append(out, s)
			break
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		end := i + size
		if strings.HasPrefix(s[i:], "\r\n") {
			end = i + 2
		}
		if truth(a.get("keepends", false)) {
			i = end
		}
		out = append(out, s[:i])
		s = s[end:]
	}
	return out, a.err
}

func isLineEnd(r rune) bool {
	return r >= '\n' && r <= '\r' || r >= 0x1c && r <= 0x1e || r == 0x85 || r == 0x2028 || r == 0x2029
}

// affix asks for a start or end, or one of a tuple.
func affix(has func(s, affix string) bool) stringMethod {
	return func(s string, args []any, kwargs map[string]any) (any, error) {
		a := bind(args, kwargs, "affix")
		if list, ok := a.get("affix", nil).(tuple); ok {
			return slices.ContainsFunc(list, func(v any) bool { return has(s, str(v)) }), a.err
		}
		found := has(s, a.text("affix", ""))
		return found, a.err
	}
}

func removing(remove func(s, affix string) string) stringMethod {
	return func(s string, args []any, kwargs map[string]any) (any, error) {
		a := bind(args, kwargs, "affix")
		rest := remove(s, a.text("affix", ""))
		return rest, a.err
	}
}

func replaceMethod(s string, args []any, kwargs map[string]any) (any, error) {
	a := bind(args, kwargs, "old", "new", "count")
	replaced := strings.Replace(s, a.text("old", ""), a.text("new", ""), count(a))
	return replaced, a.err
}

func changing(change func(string) string) stringMethod {
	return func(s string, args []any, kwargs map[string]any) (any, error) {
		return change(s), bind(args, kwargs).err
	}
}

// titleMethod is str.title, for which every letter after none starts a word.
func titleMethod(s string) string {
	inWord := false
	return strings.Map(func(r rune) rune {
		cased := unicode.IsLetter(r)
		defer func() { inWord = cased }()
		if inWord {
			return unicode.ToLower(r)
		}
		return unicode.ToTitle(r)
	}, s)
}

// finding is an index in characters.
func finding(find func(s, part string) int) stringMethod {
	return func(s string, args []any, kwargs map[string]any) (any, error) {
		a := bind(args, kwargs, "sub")
		i := find(s, a.text("sub", ""))
		if i > 0 {
			i = utf8.RuneCountInString(s[:i])
		}
		return i, a.err
	}
}

func countMethod(s string, args []any, kwargs map[string]any) (any, error) {
	a := bind(args, kwargs, "sub")
	n := strings.Count(s, a.text("sub", ""))
	return n, a.err
}

func joinMethod(s string, args []any, kwargs map[string]any) (any, error) {
	a := bind(args, kwargs, "iterable")
	items, err := iterate(a.get("iterable", nil))
	if err != nil {
		return nil, err
	}
	for _, item := range items {
		if _, ok := item.(string); !ok {
			return nil, fmt.Errorf("an item is %s, not text", typeName(item))
		}
	}
	return joined(items, s), a.err
}

// asking asks whether all of at least one character are so.
func asking(is func(rune) bool) stringMethod {
	return func(s string, args []any, kwargs map[string]any) (any, error) {
		all := s != "" && strings.IndexFunc(s, func(r rune) bool { return !is(r) }) < 0
		return all, bind(args, kwargs).err
	}
}

func casing(change func(string) string) stringMethod {
	return func(s string, args []any, kwargs map[string]any) (any, error) {
		cased := upper(s) != strings.ToLower(s)
		return cased && s == change(s), bind(args, kwargs).err
	}
}
