package typed

import (
	"slices"
	"strings"
)

// An Elem is what one entry of a tensor is.
type Elem int

// The elements. Poison is the type of an expression that has been reported
// already: it fits everywhere, so that one mistake gives one message.
const (
	Poison Elem = iota
	Bool
	Int
	Real
	Object // a model or a fit, that a parameter stands for
)

// String spells e as a recipe does.
func (e Elem) String() string {
	return [...]string{"an error", "bool", "int", "real", "a model or fit"}[e]
}

// An AxisKind says how an axis gets its length.
type AxisKind int

// The kinds of axis, in the order in which types are printed.
const (
	BatchAxis  AxisKind = iota // the examples: pair, row
	RaggedAxis                 // differs from example to example, with a mask: candidate, step, token
	FixedAxis                  // the same for every example: side, head, attribute, hidden
)

// An Axis is a named dimension.
type Axis struct {
	Name     string
	Kind     AxisKind
	Of       string   // a ragged axis that belongs to one view: token of chosen
	Elements []string // names of a fixed axis's positions; nil where it has none, or they are not known
	Loose    bool     // its elements are not known
}

// A Type is an element and a set of axes. The order of axes carries no
// meaning; it is kept sorted (batch, ragged, fixed, by name) so that equal
// types print and compare equally.
type Type struct {
	Elem Elem
	Axes []Axis
}

// String spells t as a recipe's comment would: real[pair, head].
func (t Type) String() string {
	if len(t.Axes) == 0 {
		return t.Elem.String()
	}
	return t.Elem.String() + "[" + strings.Join(t.Names(), ", ") + "]"
}

// Names returns the names of t's axes in their order.
func (t Type) Names() []string {
	var names []string
	for _, a := range t.Axes {
		names = append(names, a.Name)
	}
	return names
}

// Axis returns t's axis of the given name.
func (t Type) Axis(name string) (Axis, bool) {
	i := slices.IndexFunc(t.Axes, func(a Axis) bool { return a.Name == name })
	if i < 0 {
		return Axis{}, false
	}
	return t.Axes[i], true
}

// Batch returns t's batch axis.
func (t Type) Batch() (Axis, bool) {
	i := slices.IndexFunc(t.Axes, func(a Axis) bool { return a.Kind == BatchAxis })
	if i < 0 {
		return Axis{}, false
	}
	return t.Axes[i], true
}

// Poisoned reports whether t is of a mistake that has been reported.
func (t Type) Poisoned() bool { return t.Elem == Poison }

// Scalar reports whether t has no axes.
func (t Type) Scalar() bool { return len(t.Axes) == 0 }

// Without returns t less the named axes.
func (t Type) Without(axes ...string) Type {
	kept := slices.DeleteFunc(slices.Clone(t.Axes), func(a Axis) bool { return slices.Contains(axes, a.Name) })
	return Type{t.Elem, kept}
}

// HasAny reports whether t has one of the named axes.
func (t Type) HasAny(axes []string) bool {
	return slices.ContainsFunc(t.Axes, func(a Axis) bool { return slices.Contains(axes, a.Name) })
}

// As returns t with another element.
func (t Type) As(e Elem) Type { return Type{e, t.Axes} }

// Union returns the axes of both, or the two axes that cannot meet: two
// batches, the ragged axes of two different views, fixed axes of other elements,
// or the outputs of a head beside attributes: those are matched by no name, and
// every output would be held against every attribute.
func Union(x, y []Axis) (axes []Axis, a, b Axis, ok bool) {
	axes = slices.Clone(x)
	for _, b := range y {
		for _, a := range x {
			if !Together(a, b) {
				return nil, a, b, false
			}
		}
		if !slices.ContainsFunc(x, func(a Axis) bool { return a.Name == b.Name }) {
			axes = append(axes, b)
		}
	}
	slices.SortStableFunc(axes, func(a, b Axis) int {
		if a.Kind != b.Kind {
			return int(a.Kind - b.Kind)
		}
		return strings.Compare(a.Name, b.Name)
	})
	return axes, Axis{}, Axis{}, true
}

// Together reports whether values with a and b can meet in one expression.
func Together(a, b Axis) bool {
	if a.Name != b.Name {
		outputs := a.Name == "head" && b.Name == "attribute" || a.Name == "attribute" && b.Name == "head"
		return (a.Kind != BatchAxis || b.Kind != BatchAxis) && !outputs
	}
	return a.Kind == b.Kind && a.Of == b.Of && (a.Loose || b.Loose || slices.Equal(a.Elements, b.Elements))
}
