package jinja

import "fmt"

// arguments gives a call's arguments by name, as Python binds them.
type arguments struct {
	values map[string]any
	err    error
}

// bind matches arguments with the names of parameters.
func bind(args []any, kwargs map[string]any, names ...string) *arguments {
	a := &arguments{values: map[string]any{}}
	if len(args) > len(names) {
		a.err = fmt.Errorf("takes at most %d arguments, not %d", len(names), len(args))
		return a
	}
	for i, v := range args {
		a.values[names[i]] = v
	}
	for name, v := range kwargs {
		known := false
		for _, n := range names {
			known = known || n == name
		}
		if _, twice := a.values[name]; !known || twice {
			a.err = fmt.Errorf("takes no argument %s, or not twice", name)
		}
		a.values[name] = v
	}
	return a
}

// get is an argument, or what holds without it.
func (a *arguments) get(name string, otherwise any) any {
	if v, ok := a.values[name]; ok {
		return v
	}
	return otherwise
}

func (a *arguments) text(name, otherwise string) string {
	v := a.get(name, otherwise)
	text, ok := v.(string)
	if !ok && a.err == nil {
		a.err = fmt.Errorf("%s is %s, not text", name, typeName(v))
	}
	return text
}

func (a *arguments) int(name string, otherwise int) int {
	v := a.get(name, otherwise)
	_, i, isInt, _ := number(v)
	if !isInt && a.err == nil {
		a.err = fmt.Errorf("%s is %s, not a whole number", name, typeName(v))
	}
	return i
}
