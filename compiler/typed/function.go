package typed

// A Shape is how a function treats axes.
type Shape int

// The shapes.
const (
	Elementwise Shape = iota // aligns by name; the result has the union of the axes
	Reduction                // takes one axis away
	Along                    // works along one axis and keeps it
)

// A Function is one that objectives can call by name.
type Function struct {
	Name  string
	Shape Shape
	Args  int
	Doc   string
}

// Functions has the functions of the language. min and max are both
// elementwise, of two, and a reduction, of one.
func Functions() []Function {
	return []Function{
		{"exp", Elementwise, 1, "e^x"},
		{"log", Elementwise, 1, "the natural logarithm"},
		{"sqrt", Elementwise, 1, "the square root"},
		{"abs", Elementwise, 1, "the distance from 0"},
		{"square", Elementwise, 1, "x^2"},
		{"tanh", Elementwise, 1, "the hyperbolic tangent"},
		{"sigmoid", Elementwise, 1, "1 / (1 + e^-x)"},
		{"log_sigmoid", Elementwise, 1, "log(sigmoid(x)), finite for every x"},
		{"softplus", Elementwise, 1, "log(1 + e^x), finite for every x"},
		{"relu", Elementwise, 1, "max(x, 0)"},
		{"stop_gradient", Elementwise, 1, "x, through which no gradient flows"},
		{"min", Elementwise, 2, "the smaller of two; of one, the smallest over an axis"},
		{"max", Elementwise, 2, "the larger of two; of one, the largest over an axis"},
		{"where", Elementwise, 3, "the second where the first (a bool) holds, else the third"},
		{"sum", Reduction, 1, "the sum; of a bool, how many hold"},
		{"mean", Reduction, 1, "the mean; of a bool, the share that holds; over the batch, of the whole optimizer step"},
		{"logsumexp", Reduction, 1, "log(sum(e^x)), finite for every x"},
		{"last", Reduction, 1, "the last that is there along a ragged axis"},
		{"dot", Reduction, 2, "sum(x * y)"},
		{"corr", Reduction, 2, "Pearson's correlation, 0 where one of the two does not vary"},
		{"softmax", Along, 1, "e^x / sum(e^x)"},
		{"log_softmax", Along, 1, "log(softmax(x)), finite for every x"},
		{"suffix_logsumexp", Along, 1, "at each position the logsumexp from there to the end"},
		{"rank", Along, 1, "the position of each among the sorted, the smallest 1, equal ones the mean; no gradient"},
	}
}

// FunctionOf returns the function of that name, or nil.
func FunctionOf(name string) *Function {
	for _, f := range Functions() {
		if f.Name == name {
			return &f
		}
	}
	return nil
}

// Ordered reports whether f goes along an axis in its order, so that two make no
// sense at once.
func (f *Function) Ordered() bool { return f.Name == "suffix_logsumexp" || f.Name == "last" }

// FunctionNames lists the functions in the order of the table.
func FunctionNames() []string {
	var names []string
	for _, f := range Functions() {
		names = append(names, f.Name)
	}
	return names
}

// Form shows how f is called.
func (f Function) Form() string {
	args := [...]string{"", "x", "x, y", "c, x, y"}[f.Args]
	if f.Shape != Elementwise {
		args += ", over axis"
	}
	return f.Name + "(" + args + ")"
}

// Operators names the function of each binary operator.
func Operators() map[string]string {
	return map[string]string{
		"+": "add", "-": "sub", "*": "mul", "/": "div", "^": "pow",
		"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne",
		"&&": "and", "||": "or",
	}
}
