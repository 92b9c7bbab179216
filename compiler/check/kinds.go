package check

import (
	"slices"

	"github.com/rmc-lang/rmc/compiler/typed"
)

// A dataKind is what the rows of one kind of data offer to an objective.
type dataKind struct {
	name  string
	batch typed.Axis
	views []view
	rated bool // has rating and known
	// labelled data has gold, and terms over step and label.
	labelled bool
	// zeroColumns are real[batch] and 0 where the data does not declare them.
	zeroColumns []string
}

// A view is a part of a row that a model can read.
type view struct {
	name string
	axes []typed.Axis // beyond the batch
}

// kindTable has all kinds of data.
func kindTable() []dataKind {
	row := typed.Axis{Name: "row", Kind: typed.BatchAxis}
	return []dataKind{
		{
			name:  "preference",
			batch: typed.Axis{Name: "pair", Kind: typed.BatchAxis},
			views: []view{
				{name: "chosen"}, {name: "rejected"},
				{"responses", []typed.Axis{{Name: "side", Kind: typed.FixedAxis, Elements: []string{"chosen", "rejected"}}}},
				{name: "prompt"},
			},
			zeroColumns: []string{"margin"},
		},
		{
			// Candidates are listed best first.
			name:  "ranking",
			batch: row,
			views: []view{{"candidates", []typed.Axis{{Name: "candidate", Kind: typed.RaggedAxis}}}, {name: "prompt"}},
		},
		{name: "ratings", batch: row, views: []view{{name: "response"}, {name: "prompt"}}, rated: true},
		{name: "labels", batch: row, views: []view{{name: "conversation"}}, labelled: true},
	}
}

// scoredKind is what a reward of an objective on k is checked on: responses to be
// scored or, of labels, conversations, of which nothing is known but the text. The
// first of its views is what is scored.
func (k dataKind) scoredKind() dataKind {
	if k.labelled {
		return k // less gold
	}
	return dataKind{name: "response", batch: typed.Axis{Name: "row", Kind: typed.BatchAxis}, views: []view{{name: "response"}, {name: "prompt"}}}
}

func kindOf(name string) (dataKind, bool) {
	for _, k := range kindTable() {
		if k.name == name {
			return k, true
		}
	}
	return dataKind{}, false
}

func (k dataKind) view(name string) *view {
	for i := range k.views {
		if k.views[i].name == name {
			return &k.views[i]
		}
	}
	return nil
}

// hasAxis reports whether some view is over the named axis.
func (k dataKind) hasAxis(name string) bool {
	return slices.ContainsFunc(k.views, func(v view) bool {
		return slices.ContainsFunc(v.axes, func(a typed.Axis) bool { return a.Name == name })
	})
}

func (k dataKind) viewNames() []string {
	var names []string
	for _, v := range k.views {
		names = append(names, v.name)
	}
	return names
}
