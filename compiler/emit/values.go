package emit

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// values prints a variable for each declaration, every value with who set it:
//
//	var rm = spec.Model{
//		Name: "rm", Kind: "reward",  // quickstart.rmr:6
//		Base:  "pypi:…",             // quickstart.rmr:7
//		DType: "float32",            // default
//	}
func (p *program) values() {
	for _, m := range p.recipe.Models {
		l := p.literal("model."+m.Spec.Name, reflect.ValueOf(m.Spec))
		for _, s := range m.Spec.Shard {
			l.shard(m.Spec.Name, s.Pattern, s.Axes)
		}
		p.variable("model", m.Spec.Name, "Model", l)
	}
	for _, d := range p.recipe.Data {
		l := p.literal(d.Path(), reflect.ValueOf(d.Spec))
		if d.Label != nil {
			l.elements[0].origin = recipe.Origin(d.Label.Decl.Span)
		}
		if len(d.Spec.Extra) > 0 {
			l.add("Extra", stringList(d.Spec.Extra), "read by the objective")
		}
		if d.Spec.Prompts {
			l.add("Prompts", "true", "the view prompt is read")
		}
		if d.Spec.Endings {
			l.add("Endings", "true", "what follows a label is read")
		}
		if d.Spec.Subsets {
			l.add("Subsets", "true", "a suite reads them")
		}
		if d.Spec.Unlabelled {
			l.add("Unlabelled", "true", "a rollout makes the labels")
		}
		p.variable("data", d.Spec.Name, "Data", l)
	}
	for _, s := range p.recipe.Stages {
		switch s := s.(type) {
		case *recipe.Fit:
			p.variable("fit", s.Name, "Fit", p.literal("fit."+s.Name, reflect.ValueOf(s.Spec)))
		case *recipe.Label:
			p.label(s)
		case *recipe.Train:
			p.variable("train", s.Name, "Train", p.literal("train."+s.Name, reflect.ValueOf(s.Spec)))
		case *recipe.Evaluate:
			p.variable("evaluate", s.Name, "Evaluate", p.literal("evaluate."+s.Name, reflect.ValueOf(s.Spec)))
		}
	}
	p.suites()
	if p.meshed() {
		p.variable("mesh", "", "Mesh", p.literal("mesh", reflect.ValueOf(p.recipe.Mesh)))
	}
}

// meshed reports whether the recipe says anything of devices; silent, it runs
// on one, which is what the zero Mesh means.
func (p *program) meshed() bool {
	return p.recipe.Mesh != spec.Mesh{Devices: 1, FSDP: 1, Tensor: 1}
}

// variable prints var name = spec.Type{ … }, on one line where all its values
// have one origin.
func (p *program) variable(keyword, name, typ string, l *literal) {
	id := "mesh"
	if keyword != "mesh" {
		id = p.names.of(keyword, name, "")
	}
	p.file.Line()
	value := p.file.Var().Id(id).Op("=").Qual(specPath, typ)
	if origin, ok := l.short(); ok {
		value.Add(l.oneLine()).Comment(origin)
		return
	}
	value.Add(l.lines())
}

// A literal is the elements of a composite literal.
type literal struct {
	program  *program
	elements []element
}

// An element is one line: its values and who set them.
type element struct {
	keys   []string
	values []jen.Code
	origin string
	brief  bool // may share a line with its neighbours
}

// add appends an element of one value that is Go source.
func (l *literal) add(key, value, origin string) {
	l.elements = append(l.elements, element{[]string{key}, []jen.Code{jen.Op(value)}, origin, len(value) <= 12})
}

// literal collects what is to be printed of a struct of spec: its own name and
// kind in one element, then the fields that are not zero.
func (p *program) literal(path string, v reflect.Value) *literal {
	l := &literal{program: p}
	head := element{origin: p.declared(path)}
	for i := range v.NumField() {
		sf, tag := v.Type().Field(i), v.Type().Field(i).Tag.Get("rmr")
		switch {
		case sf.Name == "Text" && tag == "": // a constant of its own
		case tag == "" && v.Field(i).Kind() == reflect.String && !v.Field(i).IsZero() || tag == ":kind" || tag == ",kind":
			head.keys = append(head.keys, sf.Name)
			head.values = append(head.values, jen.Lit(v.Field(i).String()))
		case sf.Name == "Of" && tag == "":
			head.keys = append(head.keys, sf.Name)
			head.values = append(head.values, jen.Op(stringList(v.Field(i).Interface().([]string))))
		case tag != "" && !empty(v.Field(i)):
			l.field(sf, path, v.Field(i))
		}
	}
	if len(head.keys) > 0 {
		l.elements = append([]element{head}, l.elements...)
	}
	return l
}

// declared is the origin of a declaration: model rm: reward stands there.
func (p *program) declared(path string) string {
	keyword, name, _ := strings.Cut(path, ".")
	for _, s := range p.recipe.Stages {
		switch s := s.(type) {
		case *recipe.Train:
			if keyword == "train" && s.Name == name {
				return recipe.Origin(s.Decl.Span)
			}
		case *recipe.Evaluate:
			if keyword == "evaluate" && s.Name == name {
				return recipe.Origin(s.Decl.Span)
			}
		}
	}
	return p.origin(path)
}

func (p *program) origin(path string) string {
	if v := p.recipe.Value(path); v != nil {
		return v.Origin
	}
	return ""
}

// field adds one field that a recipe can write.
func (l *literal) field(sf reflect.StructField, path string, v reflect.Value) {
	name, option, _ := strings.Cut(sf.Tag.Get("rmr"), ",")
	at := path + "." + name
	switch {
	case v.Kind() == reflect.Struct:
		l.variant(sf, at, v)
	case option == "call":
		l.add(sf.Name, strconv.Quote(v.String()), l.program.origin(at))
	case option == "rest":
		l.rest(sf, path, v)
	default:
		value := l.program.recipe.Value(at)
		l.add(sf.Name, value.Go, value.Origin)
	}
}

// rest adds a map, its keys sorted.
func (l *literal) rest(sf reflect.StructField, path string, v reflect.Value) {
	var pairs, origins []string
	keys := slices.SortedFunc(slices.Values(v.MapKeys()), func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, key := range keys {
		value := l.program.recipe.Value(path + "." + key.String())
		pairs = append(pairs, fmt.Sprintf("%q: %s", key.String(), value.Go))
		if !slices.Contains(origins, value.Origin) {
			origins = append(origins, value.Origin)
		}
	}
	l.add(sf.Name, v.Type().String()+"{"+strings.Join(pairs, ", ")+"}", strings.Join(origins, ", "))
}

// shard adds a row of the sharding table.
func (l *literal) shard(model, pattern string, axes []string) {
	origin := l.program.origin("shard." + model + "." + pattern)
	row := fmt.Sprintf("{Pattern: %q, Axes: %s}", pattern, stringList(axes))
	if len(axes) == 0 {
		row = fmt.Sprintf("{Pattern: %q}", pattern)
	}
	last := len(l.elements) - 1
	if l.elements[last].keys[0] != "Shard" {
		l.elements = append(l.elements, element{keys: []string{"Shard"}})
		last++
	}
	l.elements[last].values = append(l.elements[last].values, jen.Op(row).Op(",").Comment(origin).Line())
}

// variant adds a struct that has kinds, a line for each run of values that
// have one origin.
func (l *literal) variant(sf reflect.StructField, path string, v reflect.Value) {
	inner := &literal{program: l.program}
	inner.add("Kind", strconv.Quote(v.FieldByName("Kind").String()), l.program.origin(path))
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Tag.Get("rmr") != ",kind" && !empty(v.Field(i)) {
			inner.field(f, path, v.Field(i))
		}
	}
	inner.group()
	value := jen.Qual(specPath, sf.Type.Name()).Add(inner.wrapped())
	last := inner.elements[len(inner.elements)-1].origin
	l.elements = append(l.elements, element{[]string{sf.Name}, []jen.Code{value}, last, false})
}

// group brings elements of one origin together, in the order in which the
// origins first appear.
func (l *literal) group() {
	var order []string
	for _, e := range l.elements {
		if !slices.Contains(order, e.origin) {
			order = append(order, e.origin)
		}
	}
	slices.SortStableFunc(l.elements, func(a, b element) int {
		return slices.Index(order, a.origin) - slices.Index(order, b.origin)
	})
}

// empty reports whether a value is what Go has without being told: zero, or a
// variant of the kind that its zero value means.
func empty(v reflect.Value) bool {
	if v.Kind() == reflect.Struct {
		kind, ok := v.Type().FieldByName("Kind")
		return v.IsZero() || ok && kind.Tag.Get("zero") != "" && kind.Tag.Get("zero") == v.FieldByName("Kind").String()
	}
	return v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0
}

// wrapped prints the elements of a nested literal; the origin of the last ones
// is the caller's to print:
//
//	{Kind: "adamw", LR: 2e-5, // quickstart.rmr:20
//		Eps: 1e-8, Clip: 1.0}
func (l *literal) wrapped() *jen.Statement {
	return jen.CustomFunc(jen.Options{Open: "{", Close: "}"}, func(g *jen.Group) {
		for i, e := range l.elements {
			g.Add(field(e.keys[0]).Add(e.values[0]))
			if i == len(l.elements)-1 {
				return
			}
			g.Add(jen.Op(","))
			if l.elements[i+1].origin != e.origin {
				g.Add(jen.Comment(e.origin).Line())
			}
		}
	})
}

// origins says who set the values: quickstart.rmr:24; default: Batch.
func (l *literal) origins() string {
	main := l.elements[0].origin
	var others []string
	for _, e := range l.elements[1:] {
		if e.origin != main {
			others = append(others, e.keys...)
		}
	}
	if len(others) > 0 {
		main += "; default: " + strings.Join(others, ", ")
	}
	return main
}

// short reports whether a literal is small enough for one line, with its origins.
func (l *literal) short() (string, bool) {
	for _, e := range l.elements {
		if e.origin != recipe.Default && e.origin != l.elements[0].origin || len(e.values) != len(e.keys) {
			return "", false
		}
	}
	return l.origins(), len(l.elements) <= 3
}

// oneLine prints {Kind: "lora", Rank: 16}.
func (l *literal) oneLine() *jen.Statement {
	return jen.CustomFunc(jen.Options{Open: "{", Close: "}", Separator: ","}, func(g *jen.Group) {
		for _, e := range l.elements {
			for i, key := range e.keys {
				g.Add(field(key).Add(e.values[i]))
			}
		}
	})
}

// lines prints the elements, a line for each with its origin behind it;
// neighbours of one origin share a line.
func (l *literal) lines() *jen.Statement {
	return block(func(g *jen.Group) {
		for i, e := range l.elements {
			if e.keys[0] == "Shard" {
				rows := block(func(g *jen.Group) { g.Add(e.values...) })
				g.Add(field("Shard").Index().Qual(specPath, "Shard").Add(rows).Op(",").Line())
				continue
			}
			for k, key := range e.keys {
				g.Add(field(key).Add(e.values[k]).Op(","))
			}
			if i == len(l.elements)-1 || !l.joined(i) {
				g.Add(jen.Comment(e.origin).Line())
			}
		}
	})
}

// joined reports whether element i shares its line with the next: both short
// and of one origin.
func (l *literal) joined(i int) bool {
	a, b := l.elements[i], l.elements[i+1]
	return a.brief && b.brief && a.origin == b.origin
}
