package program

import (
	"fmt"
	"reflect"
	"strings"
)

// Values lists every value that --set can change, with its path.
func (p Program) Values() [][2]string {
	var out [][2]string
	seen := map[string]bool{}
	add := func(prefix string, v any) {
		if !seen[prefix] {
			seen[prefix] = true
			out = append(out, fields(prefix, reflect.ValueOf(v))...)
		}
	}
	for _, m := range p.Encoders {
		add("model."+m.Name, m)
	}
	for _, s := range p.Stages {
		if s.Model.Name != "" {
			add("model."+s.Model.Name, s.Model)
		}
		add("data."+s.Data.Name, s.Data)
		switch s.Kind {
		case "fit":
			add("fit."+s.Fit.Name, s.Fit)
		case "label":
			add("label."+s.Label.Name, s.Label)
		case "train":
			add("train."+s.Train.Name, s.Train)
		default:
			add("evaluate."+s.Evaluate.Name, s.Evaluate)
		}
	}
	add("mesh", p.Mesh)
	return out
}

// fields walks a spec struct by its rmr tags, leaving out what does not apply
// to its kind.
func fields(prefix string, v reflect.Value) [][2]string {
	var out [][2]string
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("rmr"), ",")
		if name == "" {
			continue
		}
		f, _, err := fieldByTag(v, name)
		if err != nil {
			continue
		}
		path := prefix + "." + name
		if f.Kind() == reflect.Struct {
			if kind := f.FieldByName("Kind"); kind.IsValid() {
				out = append(out, [2]string{path, kind.String()})
			}
			out = append(out, fields(path, f)...)
			continue
		}
		out = append(out, [2]string{path, fmt.Sprint(f.Interface())})
	}
	return out
}
