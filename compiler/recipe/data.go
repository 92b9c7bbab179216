package recipe

import (
	"slices"

	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// Data is a declared data set, or a sum of some.
type Data struct {
	Spec  spec.Data
	Decl  *ast.Decl // of a sum, that of its first part
	Loose bool      // it may have more columns than Spec says, for what says so was reported
	Label *Label    // that makes it, whose Base it is a copy of; nil for data that is declared
	Parts []*Data   // whose rows it is made of, as Spec.From says; nil for rows of a source
	// Exclude are the data of Spec.Exclude.
	Exclude []*Data
}

// Roots are the data with a source that d is made of, each once: d itself, the
// roots of its parts, what a label relabels.
func (d *Data) Roots() []*Data {
	var all []*Data
	d.visit(func(x *Data) {
		if len(x.Parts) == 0 && x.Label == nil && !slices.Contains(all, x) {
			all = append(all, x)
		}
	})
	return all
}

// MadeOf lists the data that d is made of, itself not among them.
func (d *Data) MadeOf() []*Data {
	var all []*Data
	d.visit(func(x *Data) {
		if x != d && !slices.Contains(all, x) {
			all = append(all, x)
		}
	})
	return all
}

// Labels are the labels that have to be there before d is.
func (d *Data) Labels() []*Label {
	var all []*Label
	d.visit(func(x *Data) {
		if x.Label != nil && !slices.Contains(all, x.Label) {
			all = append(all, x.Label)
		}
	})
	return all
}

// Holds reports whether d keeps rows apart.
func (d *Data) Holds() bool {
	return slices.ContainsFunc(d.Roots(), func(x *Data) bool { return x.Spec.Split.Kind != "none" })
}

// Undecided reports whether d has pairs of which neither side is better.
func (d *Data) Undecided() bool {
	found := false
	d.visit(func(x *Data) { found = found || x.Spec.From.Undecided() })
	return found
}

// visit calls f for d and all that it is made of.
func (d *Data) visit(f func(*Data)) {
	f(d)
	for _, p := range d.Parts {
		p.visit(f)
	}
	if d.Label != nil && d.Label.Base != nil {
		d.Label.Base.visit(f)
	}
}

// Has reports whether rows of d are rows of base as they are, and not as a label
// left them.
func (d *Data) Has(base *Data) bool {
	return d == base || d != nil && slices.ContainsFunc(d.Parts, func(p *Data) bool { return p.Has(base) })
}

// Question is the data among d's parts that compare makes; nil where it is none.
func (d *Data) Question() *Data {
	if d.Spec.From.Kind == "compare" {
		return d
	}
	if d.Spec.From.Kind == "union" {
		return d.Parts[0].Question()
	}
	return nil
}

// Path is where the values of a data set are: data.prefs. What a label makes has
// those of its base.
func (d *Data) Path() string {
	if d.Label != nil {
		return d.Label.Base.Path()
	}
	return "data." + d.Spec.Name
}
