package jinja

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// builtins are the names that every template has.
func builtins(now time.Time) map[string]any {
	return map[string]any{
		"namespace": function(newNamespace),
		"dict": function(func(args []any, kwargs map[string]any) (any, error) {
			ns, err := newNamespace(args, kwargs)
			if err != nil {
				return nil, err
			}
			d := newDict()
			for name, v := range ns.(*namespace).vars {
				d.set(name, v)
			}
			return d, nil
		}),
		"range": function(pythonRange),
		"raise_exception": function(func(args []any, kwargs map[string]any) (any, error) {
			a := bind(args, kwargs, "message")
			return nil, &RaisedError{str(a.get("message", ""))}
		}),
		"strftime_now": function(func(args []any, kwargs map[string]any) (any, error) {
			a := bind(args, kwargs, "format")
			format := a.text("format", "")
			if a.err != nil {
				return nil, a.err
			}
			return strftime(now, format)
		}),
	}
}

func newNamespace(args []any, kwargs map[string]any) (any, error) {
	ns := &namespace{map[string]any{}}
	if len(args) > 1 {
		return nil, errors.New("takes at most one mapping")
	}
	if len(args) == 1 {
		d, ok := args[0].(*dict)
		if !ok {
			return nil, fmt.Errorf("takes a mapping, not %s", typeName(args[0]))
		}
		for _, key := range d.keys {
			ns.vars[str(key)] = d.values[key]
		}
	}
	for name, v := range kwargs {
		ns.vars[name] = v
	}
	return ns, nil
}

// maxRange is MAX_RANGE of Jinja's sandbox.
const maxRange = 100000

func pythonRange(args []any, kwargs map[string]any) (any, error) {
	numbers := []int{0, 0, 1}
	for i, v := range args {
		_, n, isInt, _ := number(v)
		if !isInt || i > 2 {
			return nil, errors.New("range takes one to three whole numbers")
		}
		numbers[i] = n
	}
	if len(args) == 1 {
		numbers[0], numbers[1] = 0, numbers[0]
	}
	if len(args) == 0 || len(kwargs) > 0 || numbers[2] == 0 {
		return nil, errors.New("range takes one to three whole numbers")
	}
	list := []any{}
	for i := numbers[0]; numbers[2] > 0 && i < numbers[1] || numbers[2] < 0 && i > numbers[1]; i += numbers[2] {
		if len(list) == maxRange {
			return nil, fmt.Errorf("a range of more than %d numbers", maxRange)
		}
		list = append(list, i)
	}
	return list, nil
}

// directives are strftime's as Go's time layouts.
var directives = map[byte]string{
	'd': "02", 'm': "01", 'y': "06", 'Y': "2006", 'b': "Jan", 'B': "January", 'a': "Mon", 'A': "Monday",
	'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM", 'j': "002", 'f': "000000",
	'F': "2006-01-02", 'T': "15:04:05", 'D': "01/02/06", 'R': "15:04", 'e': "_2", 'h': "Jan", 'z': "", 'Z': "",
}

func strftime(now time.Time, format string) (string, error) {
	var out strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			out.WriteByte(format[i])
			continue
		}
		i++
		at := i
		if format[i] == '-' && i+1 < len(format) { // glibc: without leading zeros
			i++
		}
		if format[i] == '%' {
			out.WriteByte('%')
			continue
		}
		layout, ok := directives[format[i]]
		if !ok {
			return "", fmt.Errorf("strftime_now: %%%s is not known here", format[at:i+1])
		}
		text := ""
		switch {
		case format[i] == 'f':
			text = fmt.Sprintf("%06d", now.Nanosecond()/1000)
		case layout != "":
			text = now.Format(layout)
		}
		if format[at] == '-' {
			text = strings.TrimLeft(text, "0 ")
		}
		out.WriteString(text)
	}
	return out.String(), nil
}
