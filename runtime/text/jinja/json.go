package jinja

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

// jsonFilter is tojson of transformers: json.dumps, with ensure_ascii off.
func jsonFilter(v any, args []any, kwargs map[string]any) (any, error) {
	a := bind(args, kwargs, "ensure_ascii", "indent", "separators", "sort_keys")
	w := jsonWriter{ascii: truth(a.get("ensure_ascii", false)), sort: truth(a.get("sort_keys", false)), item: ", ", key: ": "}
	switch indent := a.get("indent", nil).(type) {
	case nil:
	case string:
		w.indent, w.lines, w.item = indent, true, ","
	default:
		w.indent, w.lines, w.item = strings.Repeat(" ", min(max(a.int("indent", 0), 0), maxRepeat)), true, ","
	}
	if separators, err := iterate(a.get("separators", undefined{})); err == nil && len(separators) == 2 {
		w.item, w.key = str(separators[0]), str(separators[1])
	}
	if a.err == nil {
		a.err = w.write(v, "\n")
	}
	return w.out.String(), a.err
}

// A jsonWriter writes a value as Python's json does.
type jsonWriter struct {
	out       strings.Builder
	ascii     bool
	sort      bool
	lines     bool // one item a line
	indent    string
	item, key string // separators
}

func (w *jsonWriter) write(v any, newline string) error {
	switch v := v.(type) {
	case nil:
		w.out.WriteString("null")
	case bool:
		w.out.WriteString(strings.ToLower(repr(v)))
	case int:
		w.out.WriteString(repr(v))
	case float64:
		w.out.WriteString(map[string]string{"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}[repr(v)])
		if s := repr(v); !strings.ContainsAny(s, "in") {
			w.out.WriteString(s)
		}
	case string:
		w.text(v)
	case []any:
		return w.all("[", "]", len(v), newline, func(i int, inner string) error { return w.write(v[i], inner) })
	case tuple:
		return w.write([]any(v), newline)
	case *dict:
		return w.dict(v, newline)
	default:
		return fmt.Errorf("%s cannot be written as JSON", typeName(v))
	}
	return nil
}

func (w *jsonWriter) dict(d *dict, newline string) error {
	keys := d.keys
	if w.sort {
		var err error
		if keys, err = sorted(keys, nil, true, false, &arguments{}); err != nil {
			return err
		}
	}
	return w.all("{", "}", len(keys), newline, func(i int, inner string) error {
		switch key := keys[i].(type) {
		case string:
			w.text(key)
		case nil:
			w.out.WriteString(`"null"`)
		case bool:
			w.text(strings.ToLower(repr(key)))
		default:
			w.text(repr(key))
		}
		w.out.WriteString(w.key)
		return w.write(d.values[keys[i]], inner)
	})
}

// all writes n items between brackets.
func (w *jsonWriter) all(open, end string, n int, newline string, item func(i int, inner string) error) error {
	w.out.WriteString(open)
	inner := newline + w.indent
	for i := range n {
		if i > 0 {
			w.out.WriteString(w.item)
		}
		if w.lines {
			w.out.WriteString(inner)
		}
		if err := item(i, inner); err != nil {
			return err
		}
	}
	if w.lines && n > 0 {
		w.out.WriteString(newline)
	}
	w.out.WriteString(end)
	return nil
}

func (w *jsonWriter) text(s string) {
	w.out.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			w.out.WriteByte('\\')
			w.out.WriteRune(r)
		case r == '\n':
			w.out.WriteString(`\n`)
		case r == '\r':
			w.out.WriteString(`\r`)
		case r == '\t':
			w.out.WriteString(`\t`)
		case r == '\b':
			w.out.WriteString(`\b`)
		case r == '\f':
			w.out.WriteString(`\f`)
		case r < ' ' || w.ascii && r > '~' && r < 0x10000:
			fmt.Fprintf(&w.out, `\u%04x`, r)
		case w.ascii && r >= 0x10000:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&w.out, `\u%04x\u%04x`, high, low)
		default:
			w.out.WriteRune(r)
		}
	}
	w.out.WriteByte('"')
}
