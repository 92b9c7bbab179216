// Package schema is what a recipe may say, as the tags of runtime/spec have it:
// declarations, their kinds and fields, and how one value is read, units and bounds.
package schema

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/parse"
	"github.com/rmc-lang/rmc/lang/source"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// A Field is one name that a recipe can write, read from the tags of spec.
type Field struct {
	Name      string
	Doc       string
	Default   string   // in recipe syntax, without unit
	Silent    bool     // a recipe may leave it out: it has a default or is optional
	Units     []string // units that may follow a number; the first is the usual one
	Bare      bool     // a number may also stand without a unit
	Of        []string // kinds of the struct that have the field; empty is all
	OneOf     []string // values it may take
	Later     []string // values that a later version will take
	Contested string   // why there is no default: what each peer does
	Scores    bool     // part of the scoring contract
	Source    bool     // a file:, hf: or pypi: source
	Min, Max  *float64 // bounds, inclusive
	Repeats   bool     // a list that may have one value twice
	Call      bool     // an objective with its arguments
	Names     string   // what the field names without quotes: an encoder, an attribute, data
	Axis      bool     // a number, or the name of an axis that has as many elements
	Rest      bool     // takes every other name
	Keys      []string // the only names that a rest takes; empty is any
	Type      reflect.Type
	Index     int
}

// A Struct is the fields of one struct of spec and the kinds it has.
type Struct struct {
	Fields []Field
	Kind   int // index of the Kind field; -1 when there is none
	Kinds  []string
	Later  []string
}

// Of reads the tags of a struct. A tag that makes no sense is our bug.
func Of(t reflect.Type) Struct {
	s := Struct{Kind: -1}
	for i := range t.NumField() {
		tag, ok := t.Field(i).Tag.Lookup("rmr")
		if !ok {
			continue
		}
		f := fieldOf(t.Field(i), i)
		if tag == ",kind" || tag == ":kind" {
			s.Kind, s.Kinds, s.Later = i, f.OneOf, f.Later
			continue
		}
		s.Fields = append(s.Fields, f)
	}
	return s
}

// fieldOf reads the tags of one field.
func fieldOf(sf reflect.StructField, index int) Field {
	tag := sf.Tag
	name, option, _ := strings.Cut(tag.Get("rmr"), ",")
	def, hasDefault := tag.Lookup("default")
	f := Field{
		Name: name, Doc: tag.Get("doc"), Default: def, Type: sf.Type, Index: index,
		Silent:    hasDefault || tag.Get("optional") == "true" || option == "rest",
		Of:        list(tag.Get("of")),
		OneOf:     list(tag.Get("one_of")),
		Later:     list(tag.Get("later")),
		Contested: tag.Get("contested"),
		Scores:    tag.Get("scores") == "true",
		Source:    tag.Get("source") == "true",
		Min:       bound(tag.Get("min")),
		Max:       bound(tag.Get("max")),
		Repeats:   tag.Get("repeats") == "true",
		Call:      option == "call",
		Axis:      option == "axis",
		Rest:      option == "rest",
		Keys:      list(tag.Get("keys")),
	}
	if slices.Contains([]string{"encoder", "attribute", "suite", "model", "data", "policy"}, option) {
		f.Names = option
	}
	for _, unit := range strings.Split(tag.Get("unit"), "|") {
		if unit == "" {
			f.Bare = true
		} else {
			f.Units = append(f.Units, unit)
		}
	}
	return f
}

// list splits a tag's alternatives.
func list(tag string) []string {
	if tag == "" {
		return nil
	}
	return strings.Split(tag, "|")
}

// bound reads a tag's number, or nil.
func bound(tag string) *float64 {
	if tag == "" {
		return nil
	}
	x, err := strconv.ParseFloat(tag, 64)
	if err != nil {
		panic("schema: spec has a bound that is no number: " + tag)
	}
	return &x
}

// Applies reports whether a struct of that kind has the field.
func (f Field) Applies(kind string) bool { return len(f.Of) == 0 || slices.Contains(f.Of, kind) }

// Usual returns the field's default as a recipe would write it, with its unit.
func (f Field) Usual() string {
	if f.Default == "" || len(f.Units) == 0 || f.Bare || strings.ContainsAny(f.Default, "%[ ") {
		return f.Default
	}
	return f.Default + " " + f.Units[0]
}

// Field returns the field of that name, or nil.
func (s Struct) Field(name string) *Field {
	for i := range s.Fields {
		if s.Fields[i].Name == name && !s.Fields[i].Rest {
			return &s.Fields[i]
		}
	}
	return nil
}

// Rest returns the field that takes a name which is no field's own, if the kind has
// one that does.
func (s Struct) Rest(kind, name string) *Field {
	for i, f := range s.Fields {
		if f.Rest && f.Applies(kind) && (len(f.Keys) == 0 || slices.Contains(f.Keys, name)) {
			return &s.Fields[i]
		}
	}
	return nil
}

// Names returns the names a struct of that kind has.
func (s Struct) Names(kind string) []string {
	var names []string
	for _, f := range s.Fields {
		if !f.Applies(kind) {
			continue
		}
		if f.Rest {
			names = append(names, f.Keys...)
		} else {
			names = append(names, f.Name)
		}
	}
	return names
}

// IsVariant reports whether t is written kind { … }.
func IsVariant(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && Of(t).Kind >= 0
}

// variant is the struct that a field is written as, kind { … }, or each of the
// entries that it takes by name; nil for none.
func (f Field) variant() reflect.Type {
	t := f.Type
	if f.Rest && t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if IsVariant(t) {
		return t
	}
	return nil
}

// Structs are the structs of spec behind the declarations, by keyword, in the
// order in which a recipe usually has them.
func Structs() []struct {
	Keyword string
	Type    reflect.Type
} {
	return []struct {
		Keyword string
		Type    reflect.Type
	}{
		{"model", reflect.TypeFor[spec.Model]()},
		{"data", reflect.TypeFor[spec.Data]()},
		{"fit", reflect.TypeFor[spec.Fit]()},
		{"label", reflect.TypeFor[spec.Label]()},
		{"train", reflect.TypeFor[spec.Train]()},
		{"evaluate", reflect.TypeFor[spec.Evaluate]()},
		{"suite", reflect.TypeFor[spec.Suite]()},
		{"mesh", reflect.TypeFor[spec.Mesh]()},
	}
}

// Keywords returns the declarations that have fields, in the order of structs.
func Keywords() []string {
	var names []string
	for _, s := range Structs() {
		names = append(names, s.Keyword)
	}
	return names
}

// Kinds returns the kinds of a declaration and what they are, or nothing.
func Kinds(keyword string) (kinds []string, doc string) {
	for _, s := range Structs() {
		if schema := Of(s.Type); s.Keyword == keyword && schema.Kind >= 0 {
			return schema.Kinds, s.Type.Field(schema.Kind).Tag.Get("doc")
		}
	}
	return nil, ""
}

// Usage returns how a declaration is written, or "".
func Usage(keyword string) string {
	for _, f := range Forms {
		if f.Keyword == keyword {
			return f.Usage
		}
	}
	return ""
}

// A Described is a field with the path that names it in a recipe and in --set.
type Described struct {
	Path string // model.tune.rank: without the declaration's own name
	Field
	Kinds []string // the variants, of a field that is written kind { … }
}

// Describe returns every field of every declaration, depth first: what
// `rmc explain FIELD` and the tables of lang/SPEC.md are made of.
func Describe() []Described {
	var all []Described
	for _, s := range Structs() {
		all = append(all, describe(s.Keyword, s.Type)...)
	}
	return all
}

func describe(path string, t reflect.Type) []Described {
	var all []Described
	for _, f := range Of(t).Fields {
		d := Described{Path: path + "." + f.Name, Field: f}
		if f.Rest {
			d.Path = path + ".…"
		}
		if of := f.variant(); of != nil {
			d.Kinds = Of(of).Kinds
			all = append(all, d)
			all = append(all, describe(d.Path, of)...)
			continue
		}
		all = append(all, d)
	}
	return all
}

// Wants says what a field takes, in a recipe's words: number in tokens.
func (f Field) Wants() string {
	switch {
	case f.Call:
		return "an objective"
	case len(f.Keys) > 0:
		return strings.Join(f.Keys, ", ") + ", with " + wants(f.Type.Elem()) + f.inUnits() + " each"
	case len(f.OneOf) > 0 && f.Type.Kind() == reflect.Slice:
		return "a list out of " + strings.Join(f.OneOf, ", ")
	case len(f.OneOf) > 0:
		return strings.Join(f.OneOf, " | ")
	case IsVariant(f.Type):
		return strings.Join(Of(f.Type).Kinds, " | ")
	case f.Source:
		return "a quoted source"
	case f.Names == "data":
		return "a list of data"
	case f.Names == "policy":
		return "a quoted text, or the name of a policy"
	case f.Names != "":
		article := "a "
		if strings.ContainsAny(f.Names[:1], "ae") {
			article = "an "
		}
		return "the name of " + article + f.Names
	case f.Axis:
		return "a whole number, or attribute"
	}
	return wants(f.Type) + f.inUnits()
}

// inUnits says " in tokens" or " in % or steps".
func (f Field) inUnits() string {
	if len(f.Units) == 0 {
		return ""
	}
	return " in " + strings.Join(f.Units, " or ")
}

// wants names a Go type in a recipe's words.
func wants(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a quoted text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Array:
		return "a list of " + strconv.Itoa(t.Len()) + " numbers"
	case reflect.Slice:
		switch t.Elem().Kind() {
		case reflect.Struct:
			if IsVariant(t.Elem()) {
				return "names with " + strings.Join(Of(t.Elem()).Kinds, " | ") + " each"
			}
			return "names with a number each"
		case reflect.String:
			return "a list of names"
		case reflect.Float64:
			return "a list of numbers"
		}
		return "a list of whole numbers"
	case reflect.Map:
		if t.Elem().Kind() == reflect.Float64 {
			return "names with a number each"
		}
		return "names with a quoted column each"
	}
	panic("schema: spec has a field of a type that a recipe cannot write: " + t.String())
}

// A Form is how a declaration is written: the parts that it has, and those of
// them that may be left out.
type Form struct {
	Keyword string
	Usage   string
	Parts   []string // of: name kind value on as
	Silent  []string // of the parts: may be left out
}

// Forms are the declarations that this version understands.
var Forms = []Form{
	{"model", "model NAME: reward { … }", []string{"name", "kind"}, nil},
	{"data", "data NAME: preference { … }", []string{"name", "kind"}, nil},
	{"fit", "fit NAME = ridge on ENCODER(DATA) { … }", []string{"name", "value", "on"}, nil},
	{"label", "label NAME = llm on DATA { … }", []string{"name", "value", "on"}, nil},
	{"train", "train MODEL on DATA { … }", []string{"name", "on", "as"}, []string{"as"}},
	{"reward", "reward NAME = OBJECTIVE.LET", []string{"name", "value", "on"}, []string{"on"}},
	{"evaluate", "evaluate MODEL on DATA.holdout", []string{"name", "on", "as"}, []string{"as"}},
	{"suite", "suite NAME on preference { rule = pairs { ties = wrong }, … }", []string{"name", "on"}, nil},
	{"repeat", "repeat 3 as round { … }", []string{"rounds", "as"}, []string{"as"}},
	{"mesh", "mesh { … }", nil, nil},
	{"shard", "shard MODEL { \"PATTERN\" = [fsdp, tensor] }", []string{"name"}, nil},
}

// Attribute is the axis whose elements are the attributes of ratings.
const Attribute = "attribute"

// ParseDefault parses a default of spec, which is in recipe syntax.
func ParseDefault(f Field) ast.Expr {
	expr, errs := parse.Expr(source.New(recipe.Default, f.Default))
	if len(errs) > 0 {
		panic(fmt.Sprintf("schema: the default of %s is no value: %q: %s", f.Name, f.Default, errs[0].Message))
	}
	return expr
}
