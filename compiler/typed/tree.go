// Package typed is an objective after checking: expressions with their types and
// axes, what follows from the parts of each, and their simplification.
package typed

import (
	"strings"

	"github.com/rmc-lang/rmc/lang/source"
)

// An Objective is an objective after checking: typed, inlined, with its
// parameters bound and the parts that they make void taken out. What is left
// is what is computed.
type Objective struct {
	Name    string // as declared: bradley_terry
	Span    source.Span
	Data    string   // kind of its data: preference
	Axis    string   // of the batch: pair
	Params  []Param  // in the order of declaration
	Columns []string // data columns it reads, sorted
	Terms   []*Term  // model terms it needs, in order of first use
	Lets    []*Let   // values that loss and reports need, in order of computation
	Loss    Output
	Reports []Output
	Facts   []Fact // what plan tells about it
}

// A Param is a parameter with the value it has in this stage.
type Param struct {
	Name   string
	Elem   Elem
	Value  float64 // 0 or 1 for bool
	Text   string  // as written: 1e-5, 3%
	Origin string  // std/preference.rmr:9 for a default, else the call site's
}

// A Term is what a model, a fit or the data says: most often of one view.
type Term struct {
	Kind  string // score | heads | embed | logprob | model | fit | scalar | weights | length | rating | known
	Model string // or fit; "" for length, rating and known
	View  string // chosen, rejected, prompt, …; the name of a scalar; "" for weights, rating and known
	Type  Type
}

// A Let is a named value, or one call of a let with parameters.
type Let struct {
	Name  string // d, or s(chosen)
	Head  string // as declared: d, or s(x)
	Args  string // of a call: x = chosen
	Text  string // its right side in the recipe
	Span  source.Span
	Value *Expr
}

// An Output is the loss or a report.
type Output struct {
	Name  string // loss, or the report's name
	Text  string // its right side in the recipe
	Span  source.Span
	Value *Expr
}

// A Fact is something true of the objective that its author should know.
type Fact struct {
	Span source.Span
	Text string // lower case, no stop
}

// A Kind tells what an Expr is.
type Kind int

// The kinds of expression.
const (
	Literal   Kind = iota // Value, written as Text
	Column                // Name; Absent where the data does not have it, and it is 0
	TermRef               // Term
	LetRef                // Let
	Index                 // Args[0] at position Pos, named Elem, of Axes[0]
	Transform             // the fit Name of Args[0], over attribute
	Call                  // the function or operator Name of Args; reductions over Axes
)

// An Expr is a typed expression. Which fields hold depends on Kind.
type Expr struct {
	Kind   Kind
	Type   Type
	Span   source.Span
	Name   string
	Args   []*Expr
	Axes   []string
	Elem   string
	Pos    int // 0-based
	Value  float64
	Text   string
	Term   *Term
	Let    *Let
	Absent bool
	Batch  BatchUse // how it has reduced the batch axis
	Grad   bool     // a gradient flows from it to a trained model

	fixed bool // Value is known, though the form is kept for its axes
}

// String prints e as a recipe would, names of lets unexpanded. Equal strings
// are equal values within one objective.
func (e *Expr) String() string {
	switch e.Kind {
	case Literal:
		if e.Name != "" {
			return e.Name
		}
		return e.Text
	case Column:
		return e.Name
	case TermRef:
		return e.Term.String()
	case LetRef:
		return e.Let.Name
	case Index:
		return e.Args[0].String() + "[" + e.Elem + "]"
	}
	var args []string
	for _, a := range e.Args {
		args = append(args, a.String())
	}
	if op := symbol(e.Name); op != "" && len(args) == 2 {
		return "(" + args[0] + " " + op + " " + args[1] + ")"
	}
	for _, a := range e.Axes {
		args = append(args, "over "+a)
	}
	return e.Name + "(" + strings.Join(args, ", ") + ")"
}

// String prints t as a recipe would.
func (t *Term) String() string {
	switch t.Kind {
	case "rating", "known":
		return t.Kind
	case "scalar":
		return t.Model + "." + t.View
	case "model", "fit":
		return t.Model + "(" + t.View + ")"
	case "length":
		return t.Kind + "(" + t.View + ")"
	case "weights":
		return t.Kind + "(model = " + t.Model + ")"
	}
	return t.Kind + "(" + t.View + ", model = " + t.Model + ")"
}

// symbol is the operator of a function, or "".
func symbol(name string) string {
	for op, f := range Operators() {
		if f == name {
			return op
		}
	}
	return ""
}

// Outputs are the loss and the reports.
func (o *Objective) Outputs() []Output { return append([]Output{o.Loss}, o.Reports...) }

// Visit calls f for e and all that it is computed from, each once.
func Visit(e *Expr, f func(*Expr)) {
	seen := map[*Expr]bool{}
	var walk func(*Expr)
	walk = func(e *Expr) {
		if seen[e] {
			return
		}
		seen[e] = true
		f(e)
		if e.Kind == LetRef {
			walk(e.Let.Value)
		}
		for _, a := range e.Args {
			walk(a)
		}
	}
	walk(e)
}
