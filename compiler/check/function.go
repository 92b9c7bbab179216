package check

import (
	"maps"
	"slices"

	"github.com/rmc-lang/rmc/compiler/typed"
)

// Describe explains a function or model term: how it is written and what it is.
func Describe(name string) (form, doc string, ok bool) {
	if t := termOf(name); t != nil {
		return t.form, t.doc, true
	}
	if f := typed.FunctionOf(name); f != nil {
		return f.Form(), f.Doc, true
	}
	doc, ok = said()[name]
	return name, doc, ok
}

// said is what data says beside its columns.
func said() map[string]string {
	return map[string]string{
		"rating": "of ratings: what each row was rated, over attribute; 0 where it was not",
		"known":  "of ratings: whether each row was rated, over attribute",
		"gold":   "of labels: what stands at each step, over step and label: a share of each label",
	}
}

// Words lists what Describe explains.
func Words() []string {
	words := typed.FunctionNames()
	for _, t := range termTable() {
		words = append(words, t.name)
	}
	return slices.AppendSeq(words, maps.Keys(said()))
}
