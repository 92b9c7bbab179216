package resolve

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/compiler/schema"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
)

// networks binds what small networks name: the encoder that each reads, and the
// attributes that are its outputs.
func (r *resolver) networks() {
	for _, m := range r.recipe.Models {
		if m.Spec.Kind != "mlp" {
			continue
		}
		path := "model." + m.Spec.Name
		v := r.recipe.Value(path + ".input")
		if v == nil && !r.lost[path] && !r.lost[path+".input"] {
			r.constantOnly(m, path)
		}
		if v != nil {
			m.Input = r.encoder(&ast.Ident{Span: v.Span, Name: m.Spec.Input})
		}
		if r.recipe.Has(path + ".outputs") {
			r.outputs(m, path)
		} else { // reported; likely one for each attribute
			m.Spec.Axis, m.Spec.Outputs = schema.Attribute, 1
		}
	}
}

// constantOnly demands that a network without an input says nothing of layers,
// which it does not have.
func (r *resolver) constantOnly(m *recipe.Model, path string) {
	for _, name := range []string{"hidden", "activation", "dropout", "bias"} {
		v := r.recipe.Value(path + "." + name)
		if v == nil || v.Origin == recipe.Default || name == "bias" && m.Spec.Bias {
			continue
		}
		e := r.errs.Addf(diag.FieldNotOfKind, v.Span, "%s reads no encoder, and so has no %s", m.Spec.Name, name)
		e.Notes = []diag.Note{{Message: "without input a network is its last bias: a learnt vector, the same for every text"}}
		e.Help = "write input = ENCODER, or leave " + name + " out"
	}
}

// encoder binds the name of an encoder; nil after a report.
func (r *resolver) encoder(name *ast.Ident) *recipe.Model {
	m := r.findModel(name)
	if m == nil || m.Spec.Kind == "encoder" {
		return m
	}
	e := r.otherKind(name, "an encoder", m.Decl)
	if m.Spec.Base != "" {
		e.Help = fmt.Sprintf("declare model NAME: encoder { base = %q } and name that", m.Spec.Base)
	}
	return nil
}

// outputs names the axis of a network's outputs and, where they are attributes,
// counts and names them.
func (r *resolver) outputs(m *recipe.Model, path string) {
	switch {
	case m.Spec.Outputs > 1:
		m.Spec.Axis = "head"
	case m.Spec.Outputs == 0:
		m.Spec.Axis = schema.Attribute
		if len(m.Spec.Labels) == 0 && !r.lost[path+".labels"] {
			r.attributesOf(m, path)
		}
		m.Spec.Outputs = max(1, len(m.Spec.Labels))
		v := r.recipe.Value(path + ".outputs")
		v.Go, v.Is = strconv.Itoa(m.Spec.Outputs), m.Spec.Outputs
	}
}

// attributesOf gives a network the attributes of the recipe's ratings.
func (r *resolver) attributesOf(m *recipe.Model, path string) {
	outputs := r.recipe.Value(path + ".outputs")
	var from *recipe.Data
	for _, d := range r.recipe.Data {
		switch {
		case d.Spec.Kind != "ratings" || len(d.Spec.Attributes) == 0:
		case from == nil:
			from = d
		case !slices.Equal(from.Spec.Attributes, d.Spec.Attributes):
			e := r.errs.Addf(diag.AttributeAxis, outputs.Span, "outputs = attribute could be those of %s or of %s, which differ", from.Spec.Name, d.Spec.Name)
			e.Notes = append(r.recipe.Note(from.Path()+".attributes", "those of "+from.Spec.Name), r.recipe.Note(d.Path()+".attributes", "those of "+d.Spec.Name)...)
			e.Help = "write labels = [" + strings.Join(from.Spec.Attributes, ", ") + "] beside outputs = attribute"
			m.Loose = true
			return
		}
	}
	if from == nil {
		m.Loose = true
		if !slices.ContainsFunc(r.decls, isRatings) { // or its own declaration was reported
			r.errs.Addf(diag.AttributeAxis, outputs.Span, "outputs = attribute, and the recipe has no ratings with attributes").Help =
				"write labels = [NAME, …] beside it, or the number of outputs"
		}
		return
	}
	m.Spec.Labels = slices.Clone(from.Spec.Attributes)
	is := r.recipe.Value(from.Path() + ".attributes")
	r.record(recipe.Value{Path: path + ".labels", Text: is.Text, Go: is.Go, Is: is.Is, Origin: is.Origin, Span: is.Span})
}

func isRatings(d *ast.Decl) bool {
	return d.Keyword.Name == "data" && (d.Kind == nil || d.Kind.Name == "ratings")
}

// fit resolves fit NAME = METHOD on FEATURES(DATA) { … }.
func (r *resolver) fit(d *ast.Decl) {
	f := &recipe.Fit{Name: d.Name.Name, Decl: d}
	path := "fit." + f.Name
	v := reflect.ValueOf(&f.Spec).Elem()
	if !r.made(d, v, "write fit "+f.Name+" = ridge on ENCODER(DATA), decorrelate on PROBE(DATA) or tree on PROBE(DATA)") {
		r.skipSets(path)
		return
	}
	f.Spec.Name = f.Name
	before := len(*r.errs)
	r.features(f)
	bound := len(*r.errs) == before && f.Encoder != nil && f.Data != nil
	r.fill(v, path, "fit "+f.Name, d.Name.Span, d.Body)
	if !bound { // reported, so that nothing more is said of what reads it
		return
	}
	r.fits[f.Name] = f
	r.recipe.Fits = append(r.recipe.Fits, f)
	r.recipe.Stages = append(r.recipe.Stages, f)
}

// features binds debias(probe(prefs)): what is called, from the encoder outward,
// and the data within.
func (r *resolver) features(f *recipe.Fit) {
	calls, data, ok := called(f.Decl.On)
	if !ok || len(calls) == 0 {
		r.errs.Addf(diag.WrongType, f.Decl.On.Pos(), "a fit is on what reads the data, as in backbone(ratings), not on %s", schema.DescribeExpr(f.Decl.On)).Help =
			r.featuresHelp(f, data)
		return
	}
	f.Spec.Data = data.Name
	if f.Data = r.findData(data); f.Data != nil {
		f.Spec.Data = f.Data.Spec.Name
	}
	if f.Spec.Kind == "ridge" {
		r.fromEncoder(f, calls)
	} else {
		r.fromAttributes(f, calls)
	}
	r.fitData(f, data)
}

// featuresHelp writes the features that were likely meant.
func (r *resolver) featuresHelp(f *recipe.Fit, data *ast.Ident) string {
	inner := "DATA"
	if data != nil {
		inner = data.Name
	}
	outer := ""
	for _, m := range r.recipe.Models {
		if m.Spec.Kind == "encoder" && f.Spec.Kind == "ridge" {
			outer = m.Spec.Name
		}
	}
	for _, other := range r.recipe.Fits {
		if other.Spec.Kind == "ridge" && f.Spec.Kind != "ridge" {
			outer = other.Name
		}
	}
	if outer == "" {
		outer = map[bool]string{true: "ENCODER", false: "PROBE"}[f.Spec.Kind == "ridge"]
	}
	return fmt.Sprintf("write on %s(%s)", outer, inner)
}

// called splits nested calls into their names, innermost first, and the name
// within. ok is false for what is no such thing.
func called(x ast.Expr) (calls []*ast.Ident, data *ast.Ident, ok bool) {
	switch x := x.(type) {
	case *ast.Ident:
		return nil, x, true
	case *ast.Call:
		name, isName := x.Fun.(*ast.Ident)
		if !isName || len(x.Args) != 1 || x.Args[0].Name != nil || x.Args[0].Over {
			return nil, nil, false
		}
		calls, data, ok = called(x.Args[0].Value)
		return append(calls, name), data, ok
	}
	return nil, nil, false
}

// fromEncoder binds the features of a probe: an encoder, and nothing on it.
func (r *resolver) fromEncoder(f *recipe.Fit, calls []*ast.Ident) {
	if d := r.scored[calls[0].Name]; d != nil && d.Keyword.Name == "fit" || len(calls) > 1 {
		name := calls[len(calls)-1]
		r.errs.Addf(diag.OtherKind, name.Span, "a ridge fit is on an encoder, not on what %s makes of one", name.Name).Help =
			"write on ENCODER(DATA), with the name of a model of kind encoder"
		return
	}
	f.Encoder = r.encoder(calls[0])
	f.Spec.Of = []string{calls[0].Name}
}

// fromAttributes binds the features of a fit that reads attributes: a probe, and
// transforms on it.
func (r *resolver) fromAttributes(f *recipe.Fit, calls []*ast.Ident) {
	var chain []*recipe.Fit
	for i, name := range calls {
		inner := r.findFit(f, name)
		if inner == nil || !r.chained(f, chain, inner, name, i == 0) {
			return
		}
		chain = append(chain, inner)
	}
	f.Chain, f.Encoder = chain, chain[0].Encoder
	f.Spec.Of = slices.Clone(chain[0].Spec.Of)
	for _, inner := range chain {
		f.Spec.Of = append(f.Spec.Of, inner.Name)
	}
}

// chained demands a probe first and then transforms of its attributes.
func (r *resolver) chained(f *recipe.Fit, chain []*recipe.Fit, inner *recipe.Fit, name *ast.Ident, first bool) bool {
	wanted := map[bool]string{true: "ridge", false: "decorrelate"}[first]
	if inner.Spec.Kind != wanted {
		e := r.errs.Addf(diag.OtherKind, name.Span, "%s is a %s fit, and here stands a %s fit", name.Name, inner.Spec.Kind, wanted)
		e.Notes = []diag.Note{{Span: inner.Decl.Name.Span, Message: "it is declared here"}}
		e.Help = fmt.Sprintf("write fit %s = %s on PROBE(DATA), or TRANSFORM(PROBE(DATA))", f.Name, f.Spec.Kind)
		return false
	}
	if !first && len(inner.Attributes()) > 0 && !slices.Equal(inner.Attributes(), chain[0].Attributes()) {
		e := r.errs.Addf(diag.AttributeAxis, name.Span, "%s was fitted on other attributes than those of %s", name.Name, chain[0].Name)
		e.Notes = []diag.Note{{Message: name.Name + ": " + strings.Join(inner.Attributes(), ", ")}, {Message: chain[0].Name + ": " + strings.Join(chain[0].Attributes(), ", ")}}
		e.Help = "call it on the probe that it was fitted on"
		return false
	}
	return true
}

// findFit binds the name of a fit that stands above f; nil after a report.
func (r *resolver) findFit(f *recipe.Fit, name *ast.Ident) *recipe.Fit {
	inner, ok := r.fits[name.Name]
	d := r.scored[name.Name]
	switch {
	case inner != nil || r.meant[name.Name]:
	case ok && name.Name == f.Name:
		r.errs.Addf(diag.UsedBefore, name.Span, "%s is made of itself", name.Name).Help = "name the fit that gives its features"
	case ok && d.Name.Span.Start > name.Span.Start && r.madeOf(d, f.Name):
		e := r.errs.Addf(diag.UsedBefore, name.Span, "%s and %s are made of each other", f.Name, name.Name)
		e.Notes = []diag.Note{{Span: d.Name.Span, Message: name.Name + " is declared here"}}
		e.Help = "let one of the two read something else"
	case ok:
		r.usedBefore(name.Span, d)
	case d != nil && d.Keyword.Name == "model":
		e := r.otherKind(name, "a fit that gives attributes", d)
		e.Help = fmt.Sprintf("declare fit PROBE = ridge on %s(RATINGS), and write on PROBE(%s)", name.Name, f.Spec.Data)
		r.used["model "+name.Name] = true
	case d != nil:
		r.otherKind(name, "a fit", d)
	default:
		r.unknownModel(name, "fit", keys(r.fits))
	}
	return inner
}

// madeOf reports whether a fit's declaration names another among its features,
// itself or through those.
func (r *resolver) madeOf(d *ast.Decl, name string) bool {
	seen := map[*ast.Decl]bool{}
	for queue := []*ast.Decl{d}; len(queue) > 0; queue = queue[1:] {
		d := queue[0]
		if d == nil || seen[d] {
			continue
		}
		seen[d] = true
		calls, _, _ := called(d.On)
		for _, c := range calls {
			if c.Name == name {
				return true
			}
			queue = append(queue, r.scored[c.Name])
		}
	}
	return false
}

// fitKinds are the kinds of data that each method learns from.
var fitKinds = map[string]string{"ridge": "ratings", "decorrelate": "preference", "tree": "preference"}

// fitData demands the kind of data that a method learns from.
func (r *resolver) fitData(f *recipe.Fit, data *ast.Ident) {
	if f.Data == nil || f.Data.Spec.Kind == fitKinds[f.Spec.Kind] {
		return
	}
	r.dataKind(data, fmt.Sprintf("a %s fit", f.Spec.Kind), fitKinds[f.Spec.Kind], f.Data)
	f.Data = nil
}

// dataKind reports data of another kind than something works on.
func (r *resolver) dataKind(at *ast.Ident, what, wanted string, d *recipe.Data) {
	e := r.errs.Addf(diag.DataKind, at.Span, "%s is on %s, and %s is %s", what, wanted, d.Spec.Name, d.Spec.Kind)
	e.Notes = []diag.Note{{Span: d.Decl.Name.Span, Message: "it is declared here"}}
	e.Help = "name data of kind " + wanted
	var fitting []string
	for _, other := range r.recipe.Data {
		if strings.Contains(wanted, other.Spec.Kind) {
			fitting = append(fitting, other.Spec.Name)
		}
	}
	if len(fitting) > 0 {
		e.Help += ": " + strings.Join(fitting, ", ")
	}
}
