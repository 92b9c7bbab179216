package emit

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// suites prints a variable for each suite that an evaluation names:
//
//	// llmbar is std/llmbar.rmr:9.
//	var llmbar = spec.Suite{
//		Name: "llmbar", Data: "preference", Overall: "weighted",
//		Rule: spec.Rule{Kind: "pairs", Ties: "wrong", Orders: "mean"},
//		Sections: []spec.Section{
//			{Name: "Natural", Kind: "mean", Weight: 1, Absent: "zero", Of: []string{"*natural"}},
//		},
//	}
func (p *program) suites() {
	for _, s := range p.recipe.Suites {
		id := p.names.of("suite", s.Name, "")
		p.file.Line()
		p.file.Comment(fmt.Sprintf("%s is %s.", id, recipe.Origin(s.Decl.Keyword.Span)))
		p.file.Var().Id(id).Op("=").Qual(specPath, "Suite").Add(block(func(g *jen.Group) {
			g.Add(field("Name").Lit(s.Name), jen.Op(","), field("Data").Lit(s.Spec.Data), jen.Op(","), field("Overall").Lit(s.Spec.Overall), jen.Op(",").Line())
			g.Add(field("Rule").Op(plain(reflect.ValueOf(s.Spec.Rule), true)).Op(",").Line())
			rows := block(func(g *jen.Group) {
				for _, sec := range s.Spec.Sections {
					g.Add(jen.Op(section(sec)).Op(",").Line())
				}
			})
			g.Add(field("Sections").Index().Qual(specPath, "Section").Add(rows).Op(",").Line())
		}))
	}
}

// section prints one, its subsets on a line each where they have weights.
func section(s spec.Section) string {
	text := plain(reflect.ValueOf(s), false)
	if len(s.Subsets) == 0 {
		return text
	}
	var rows []string
	for _, sub := range s.Subsets {
		rows = append(rows, plain(reflect.ValueOf(sub), false)+",\n")
	}
	return strings.TrimSuffix(text, "}") + ", Subsets: []spec.Subset{\n" + strings.Join(rows, "") + "}}"
}

// plain prints a struct with the fields that are not empty, but for lists of
// structs.
func plain(v reflect.Value, typed bool) string {
	var all []string
	for i := range v.NumField() {
		f := v.Field(i)
		value := ""
		switch {
		case empty(f):
			continue
		case f.Kind() == reflect.Struct:
			value = plain(f, true)
		case f.Kind() == reflect.String:
			value = strconv.Quote(f.String())
		case f.Kind() == reflect.Float64:
			value = strconv.FormatFloat(f.Float(), 'g', -1, 64)
		case f.Type() == reflect.TypeFor[[]string]():
			value = stringList(f.Interface().([]string))
		default:
			continue
		}
		all = append(all, v.Type().Field(i).Name+": "+value)
	}
	name := ""
	if typed {
		name = "spec." + v.Type().Name()
	}
	return name + "{" + strings.Join(all, ", ") + "}"
}
