package program

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// apply sets one value of the program as --set says it: path=value, the path
// being what `rmc render` prints (train.rm.optimizer.lr=1e-5). Every stage that
// holds the named model, data or mesh sees the change. The error names the
// part of the path or the value that is wrong, with what would be right.
//
// What shapes the generated code (objectives and their arguments, the list of
// stages) is compiled in and can only be set by `rmc build --set`.
func (p *Program) apply(override string) error {
	path, value, ok := strings.Cut(override, "=")
	path, value = strings.TrimSpace(path), strings.TrimSpace(value)
	if !ok || value == "" {
		return fmt.Errorf("--set %s: want path=value, as in train.rm.optimizer.lr=1e-5", override)
	}
	parts := strings.Split(path, ".")
	targets, rest, err := p.targets(parts)
	if err != nil {
		return fmt.Errorf("--set %s: %w", override, err)
	}
	for _, t := range targets {
		err := compiledIn(t, rest[0])
		if err == nil {
			err = setField(t, rest, value)
		}
		if err != nil {
			return fmt.Errorf("--set %s: %w", override, err)
		}
	}
	p.Overrides = append(p.Overrides, path+"="+value)
	return nil
}

// targets finds the structs that the first parts of a path mean, and what is
// left of the path.
func (p *Program) targets(parts []string) (found []reflect.Value, rest []string, err error) {
	if parts[0] == "mesh" {
		if len(parts) < 2 {
			return nil, nil, fmt.Errorf("a path into the mesh is mesh.FIELD")
		}
		return []reflect.Value{reflect.ValueOf(&p.Mesh).Elem()}, parts[1:], nil
	}
	all, ok := p.settable(parts[0])
	if !ok {
		return nil, nil, fmt.Errorf("no %q: a path begins with model, data, fit, label, train, evaluate or mesh", parts[0])
	}
	if len(parts) < 3 {
		return nil, nil, fmt.Errorf("a path has at least three parts, as in %s.NAME.FIELD", parts[0])
	}
	var names []string
	for _, one := range all {
		v := reflect.ValueOf(one).Elem()
		name := v.FieldByName("Name").String()
		if name == parts[1] {
			found = append(found, v)
		} else if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(found) == 0 {
		return nil, nil, fmt.Errorf("no %s %q: there is %s", parts[0], parts[1], cmp.Or(strings.Join(names, ", "), "none"))
	}
	return found, parts[2:], nil
}

// compiledIn refuses a field of a label that asks a policy of the recipe if it says
// whom it asks, or is for servers.
func compiledIn(t reflect.Value, field string) error {
	l, ok := t.Addr().Interface().(*spec.Label)
	ofServer := []string{"model", "endpoint", "key", "parallel", "retries", "timeout", "price_in", "price_out"}
	if !ok || l.Policy == "" || !slices.Contains(ofServer, field) {
		return nil
	}
	return fmt.Errorf("label %s asks %s of the recipe, which is compiled in: it has no %s to set here; rmc build --set says whom it asks", l.Name, l.Policy, field)
}

// settable lists pointers to all structs of a kind that the program holds; the
// same model, data set or fit may be there several times.
func (p *Program) settable(kind string) (all []any, ok bool) {
	for i := range p.Stages {
		s := &p.Stages[i]
		switch {
		case kind == "model":
			all = append(all, &s.Model)
		case kind == "data":
			all = append(all, &s.Data)
		case kind == "fit":
			all = append(all, &s.Fit)
		case kind == "label" && s.Kind == kind:
			all = append(all, &s.Label)
		case kind == "train" && s.Kind == kind:
			all = append(all, &s.Train)
		case kind == "evaluate" && s.Kind == kind:
			all = append(all, &s.Evaluate)
		}
	}
	if kind == "model" {
		for i := range p.Encoders {
			all = append(all, &p.Encoders[i])
		}
		for i := range p.Models {
			all = append(all, &p.Models[i])
		}
		for _, r := range p.Rewards {
			for i := range r.Models {
				all = append(all, &r.Models[i])
			}
		}
	}
	return all, slices.Contains([]string{"model", "data", "fit", "label", "train", "evaluate"}, kind)
}

// setField walks path into v by rmr tags and parses value for the field there.
func setField(v reflect.Value, path []string, value string) error {
	field, sf, err := fieldByTag(v, path[0])
	if err != nil {
		return err
	}
	if len(path) > 1 {
		if field.Kind() != reflect.Struct {
			return fmt.Errorf("%s has no fields", path[0])
		}
		return setField(field, path[1:], value)
	}
	if field.Kind() == reflect.Struct {
		return fmt.Errorf("%s is a group; name one of its fields: %s", path[0], strings.Join(tagNames(field), ", "))
	}
	return parseInto(field, sf, value)
}

// fieldByTag returns the field that a recipe calls name. A field that does not
// apply to the kind chosen in the recipe is refused.
func fieldByTag(v reflect.Value, name string) (reflect.Value, reflect.StructField, error) {
	for i := range v.NumField() {
		sf := v.Type().Field(i)
		tag, option, _ := strings.Cut(sf.Tag.Get("rmr"), ",")
		if tag != name {
			continue
		}
		if option == "file" {
			return reflect.Value{}, sf, fmt.Errorf("the text of %s is compiled in: rmc build --set sets it", name)
		}
		if of := sf.Tag.Get("of"); of != "" {
			if kind := v.FieldByName("Kind").String(); !slices.Contains(strings.Split(of, "|"), kind) {
				return reflect.Value{}, sf, fmt.Errorf("%s belongs to %s, and the recipe chose %s", name, of, kind)
			}
		}
		return v.Field(i), sf, nil
	}
	return reflect.Value{}, reflect.StructField{}, fmt.Errorf("no field %q: there is %s", name, strings.Join(tagNames(v), ", "))
}

func tagNames(v reflect.Value) []string {
	var names []string
	for i := range v.NumField() {
		if tag, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("rmr"), ","); tag != "" {
			names = append(names, tag)
		}
	}
	return names
}

// parseInto parses a value as a recipe writes it: 1e-5, 3%, 64 pairs, "text",
// name, true, [a, b].
func parseInto(field reflect.Value, sf reflect.StructField, value string) error {
	if field.Kind() == reflect.Slice || field.Kind() == reflect.Array {
		return parseList(field, sf, value)
	}
	switch field.Kind() {
	case reflect.String:
		s := strings.Trim(value, `"`)
		if allowed := sf.Tag.Get("one_of"); allowed != "" && !slices.Contains(strings.Split(allowed, "|"), s) {
			return fmt.Errorf("%q is none of %s", s, strings.ReplaceAll(allowed, "|", ", "))
		}
		field.SetString(s)
	case reflect.Bool:
		b, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", value)
		}
		field.SetBool(b)
	default:
		x, err := parseNumber(value, sf.Tag.Get("unit"))
		if err != nil {
			return err
		}
		return setNumber(field, sf, value, x)
	}
	return nil
}

// setNumber stores x, which value says, within the bounds of its field.
func setNumber(field reflect.Value, sf reflect.StructField, value string, x float64) error {
	for tag, sign := range map[string]float64{"min": 1, "max": -1} {
		bound, err := strconv.ParseFloat(sf.Tag.Get(tag), 64)
		if err == nil && sign*x < sign*bound {
			return fmt.Errorf("%q is out of bounds: the %simum is %g", value, tag, bound)
		}
	}
	switch {
	case field.Kind() == reflect.Float64:
		field.SetFloat(x)
	case x != math.Trunc(x) || math.Abs(x) > math.MaxInt32:
		return fmt.Errorf("%q is not a whole number, or too large", value)
	default:
		field.SetInt(int64(x))
	}
	return nil
}

// quantity is a number with its unit: 1e-5, 3%, 64 pairs.
var quantity = regexp.MustCompile(`^([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)\s*([%A-Za-z]*)$`)

// parseNumber parses a number and its unit. On the command line the unit may
// be left out; a wrong one may not be written.
func parseNumber(value, units string) (float64, error) {
	parts := quantity.FindStringSubmatch(value)
	if parts == nil {
		return 0, fmt.Errorf("%q is not a number", value)
	}
	x, err := strconv.ParseFloat(parts[1], 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number", value)
	}
	unit := parts[2]
	if unit == "" {
		return x, nil
	}
	if strings.Trim(units, "|") == "" {
		return 0, fmt.Errorf("%q has a unit, and the value has none", value)
	}
	if !slices.Contains(strings.Split(units, "|"), unit) {
		return 0, fmt.Errorf("the unit of %q is not %s", value, strings.ReplaceAll(strings.Trim(units, "|"), "|", " or "))
	}
	if unit == "%" {
		x /= 100
	}
	return x, nil
}

func parseList(field reflect.Value, sf reflect.StructField, value string) error {
	inner, ok := strings.CutPrefix(value, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	if !ok || !closed {
		return fmt.Errorf("%q is not a list: want [a, b]", value)
	}
	var items []string
	if strings.TrimSpace(inner) != "" {
		items = strings.Split(inner, ",")
	}
	if field.Kind() == reflect.Array && len(items) != field.Len() {
		return fmt.Errorf("%q has %d values; want %d", value, len(items), field.Len())
	}
	if field.Kind() == reflect.Slice {
		field.Set(reflect.MakeSlice(field.Type(), len(items), len(items)))
	}
	for i, item := range items {
		if err := parseInto(field.Index(i), sf, strings.TrimSpace(item)); err != nil {
			return err
		}
	}
	return nil
}

// Set applies what --set said, one after another. What p shares with other copies
// of the program is copied first.
func (p *Program) Set(sets []string) error {
	p.Stages, p.Encoders, p.Models, p.Rewards = slices.Clone(p.Stages), slices.Clone(p.Encoders), slices.Clone(p.Models), slices.Clone(p.Rewards)
	for i := range p.Rewards {
		p.Rewards[i].Models = slices.Clone(p.Rewards[i].Models)
	}
	for _, s := range sets {
		if err := p.apply(s); err != nil {
			return err
		}
	}
	return nil
}
