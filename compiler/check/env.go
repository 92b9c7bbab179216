package check

import (
	"slices"

	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/source"
)

// An Env is what an objective is checked against: the data and the models of
// the stage that uses it, and what the stage sets.
type Env struct {
	Data   Data
	Models []Model     // in scope; the stage's own has Trained set
	Call   source.Span // of what names the objective; the zero Span when nothing does
	Args   []Arg       // bradley_terry { center = 0.01 }, after overrides
	Loose  bool        // it may set others: a parameter without a value has one
	Meant  []string    // names that stand for something which was reported elsewhere
	Serves []string    // model terms that the runtime can compute: score, heads, …
	Views  []string    // views that it computes them for
}

// loose reports whether something of env is not known, so that an objective can
// be typed and no more.
func (e Env) loose() bool {
	return e.Loose || e.Data.Loose || slices.ContainsFunc(e.Models, func(m Model) bool { return m.Loose }) ||
		slices.ContainsFunc(e.Args, func(a Arg) bool { return a.Value == nil })
}

// Data is the data set that the stage trains on.
type Data struct {
	Name    string   // as declared: hh
	Kind    string   // preference | ranking
	Columns []string // columns that the declaration lists beyond the kind's own, margin among them
	Loose   bool     // it may have others: a name that means nothing else is a column
	Span    source.Span
}

// A Model is a model that the objective may ask for terms.
type Model struct {
	Name    string
	Kind    string   // reward
	Outputs int      // scalars per scored token; 0 is not known
	Labels  []string // of the outputs
	Loose   bool     // it may have other labels
	Trained bool     // receives the gradient of the stage
	Span    source.Span
}

// An Arg is a value that the stage gives a parameter.
type Arg struct {
	Name   string
	Value  ast.Expr    // nil for one that is not known
	Span   source.Span // of the name
	Origin string      // who set it: quickstart.rmr:19
}
