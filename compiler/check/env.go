package check

import (
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/source"
)

// An Env is what an objective is checked against: the data and the models of
// the stage that uses it, and what the stage sets.
type Env struct {
	Data   Data
	Models []Model  // in scope; the stage's own has Trained set
	Args   []Arg    // bradley_terry { center = 0.01 }, after overrides
	Serves []string // model terms that the runtime can compute: score, heads, …
	Views  []string // views that it computes them for
}

// Data is the data set that the stage trains on.
type Data struct {
	Name    string   // as declared: hh
	Kind    string   // preference | ranking
	Columns []string // columns that the declaration lists beyond the kind's own, margin among them
	Span    source.Span
}

// A Model is a model that the objective may ask for terms.
type Model struct {
	Name    string
	Kind    string // reward
	Outputs int    // scalars per scored token
	Labels  []string
	Trained bool // receives the gradient of the stage
	Span    source.Span
}

// An Arg is a value that the stage gives a parameter.
type Arg struct {
	Name   string
	Value  ast.Expr
	Span   source.Span // of the name
	Origin string      // who set it: quickstart.rmr:19
}
