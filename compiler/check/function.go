package check

import (
	"maps"
	"slices"
)

// A shape is how a function treats axes.
type shape int

const (
	elementwise shape = iota // aligns by name; the result has the union of the axes
	reduction                // takes one axis away
	along                    // works along one axis and keeps it
)

// A function is one that objectives can call by name.
type function struct {
	name  string
	shape shape
	args  int
	doc   string
}

// functionTable has the functions of the language. min and max are both
// elementwise, of two, and a reduction, of one.
func functionTable() []function {
	return []function{
		{"exp", elementwise, 1, "e^x"},
		{"log", elementwise, 1, "the natural logarithm"},
		{"sqrt", elementwise, 1, "the square root"},
		{"abs", elementwise, 1, "the distance from 0"},
		{"square", elementwise, 1, "x^2"},
		{"tanh", elementwise, 1, "the hyperbolic tangent"},
		{"sigmoid", elementwise, 1, "1 / (1 + e^-x)"},
		{"log_sigmoid", elementwise, 1, "log(sigmoid(x)), finite for every x"},
		{"softplus", elementwise, 1, "log(1 + e^x), finite for every x"},
		{"relu", elementwise, 1, "max(x, 0)"},
		{"stop_gradient", elementwise, 1, "x, through which no gradient flows"},
		{"min", elementwise, 2, "the smaller of two; of one, the smallest over an axis"},
		{"max", elementwise, 2, "the larger of two; of one, the largest over an axis"},
		{"where", elementwise, 3, "the second where the first (a bool) holds, else the third"},
		{"sum", reduction, 1, "the sum; of a bool, how many hold"},
		{"mean", reduction, 1, "the mean; of a bool, the share that holds; over the batch, of the whole optimizer step"},
		{"logsumexp", reduction, 1, "log(sum(e^x)), finite for every x"},
		{"last", reduction, 1, "the last that is there along a ragged axis"},
		{"dot", reduction, 2, "sum(x * y)"},
		{"corr", reduction, 2, "Pearson's correlation, 0 where one of the two does not vary"},
		{"softmax", along, 1, "e^x / sum(e^x)"},
		{"log_softmax", along, 1, "log(softmax(x)), finite for every x"},
		{"suffix_logsumexp", along, 1, "at each position the logsumexp from there to the end"},
		{"rank", along, 1, "the position of each among the sorted, the smallest 1, equal ones the mean; no gradient"},
	}
}

func functionOf(name string) *function {
	for _, f := range functionTable() {
		if f.name == name {
			return &f
		}
	}
	return nil
}

// ordered reports whether f goes along an axis in its order, so that two make no
// sense at once.
func (f *function) ordered() bool { return f.name == "suffix_logsumexp" || f.name == "last" }

// Describe explains a function or model term: how it is written and what it is.
func Describe(name string) (form, doc string, ok bool) {
	if t := termOf(name); t != nil {
		return t.form, t.doc, true
	}
	if f := functionOf(name); f != nil {
		return f.form(), f.doc, true
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
	words := functionNames()
	for _, t := range termTable() {
		words = append(words, t.name)
	}
	return slices.AppendSeq(words, maps.Keys(said()))
}

func functionNames() []string {
	var names []string
	for _, f := range functionTable() {
		names = append(names, f.name)
	}
	return names
}

// form shows how f is called.
func (f function) form() string {
	args := [...]string{"", "x", "x, y", "c, x, y"}[f.args]
	if f.shape != elementwise {
		args += ", over axis"
	}
	return f.name + "(" + args + ")"
}

// operators names the function of each binary operator.
func operators() map[string]string {
	return map[string]string{
		"+": "add", "-": "sub", "*": "mul", "/": "div", "^": "pow",
		"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne",
		"&&": "and", "||": "or",
	}
}
