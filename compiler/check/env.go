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
	Fits   []Fit       // in scope
	Call   source.Span // of what names the objective; the zero Span when nothing does
	Args   []Arg       // bradley_terry { center = 0.01 }, after overrides
	Loose  bool        // it may set others: a parameter without a value has one
	Meant  []string    // names that stand for something which was reported elsewhere
	Serves []string    // model terms that the runtime can compute: score, heads, …
	Views  []string    // views that it computes them for
	Batch  int         // examples of an optimizer step; 0 is not known
	// Rewards are the lets that rewards of the stage name, which use them.
	Rewards []string
	// Library tells that the objective is one of a library: its functions are there
	// for rewards, though a recipe names one or none.
	Library bool
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
	Kind    string   // preference | ranking | ratings | labels
	Columns []string // columns that the declaration lists beyond the kind's own, margin among them
	// Attributes of ratings are the elements of the axis attribute.
	Attributes []string
	Labels     []string // of labels: the elements of the axis label
	Loose      bool     // it may have other columns: a name that means nothing else is one
	Span       source.Span
}

// A Model is a model that the objective may ask for terms.
type Model struct {
	Name    string
	Kind    string   // reward | policy | encoder | mlp
	Outputs int      // numbers for each text; 0 is not known
	Labels  []string // of the outputs
	Axis    string   // of the outputs of an mlp: attribute, head, or "" where it has one
	Encoder string   // that an mlp reads; "" where it reads none
	Scalars []string // learnable numbers of an mlp or a policy
	Loose   bool     // it may have other labels
	Trained bool     // receives the gradient of the stage
	Span    source.Span
}

// A Fit is something computed in closed form that the objective may call.
type Fit struct {
	Name       string
	Kind       string   // ridge | decorrelate | tree
	Of         string   // the fit or encoder that makes its features
	Encoder    string   // at the root of its features
	Attributes []string // elements of the axis attribute; nil where they are not known
	Span       source.Span
}

// An Arg is a value that the stage gives a parameter.
type Arg struct {
	Name   string
	Value  ast.Expr    // nil for one that is not known
	Span   source.Span // of the name
	Origin string      // who set it: quickstart.rmr:19
}
