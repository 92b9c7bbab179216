// Package fitted is what a fit stage comes to, a probe, a transform or a tree: computed
// from rows, applied to hidden states, kept in a folder. How each is computed is of
// runtime/fit and runtime/tree.
package fitted

import (
	"fmt"
	"strings"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/fit"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/tree"
)

// A Fit is what a fit stage came to: one of the three.
type Fit struct {
	Stage     program.Stage
	Rows      int    // fitted on
	Inputs    string // digest of all that it depends on
	Digest    string // of what it computes with
	Probe     *fit.Probe
	Transform *fit.Transform
	Tree      *Tree
}

// A Tree is a tree with what a single response is held against.
type Tree struct {
	*tree.Tree
	References  [][]float64 // attributes of training responses
	Importances []tree.Importance
}

// Attributes names what the fit gives, or, of a tree, reads.
func (f *Fit) Attributes() []string {
	switch {
	case f.Probe != nil:
		return f.Probe.Attributes
	case f.Transform != nil:
		return f.Transform.Attributes
	}
	return f.Tree.Attributes
}

// Inputs is a digest of all that a fit depends on: its settings, the weights that make
// its features, which m reads, the fits below it, and the rows.
func Inputs(s program.Stage, m spec.Model, weights string, below []*Fit, set *data.Set) string {
	var all strings.Builder
	fmt.Fprintf(&all, "1 %+v\n%s %d %s\n", s.Fit, weights, m.Depth(), m.DType)
	for i, f := range below {
		fmt.Fprintf(&all, "%s %s\n", s.Fit.Of[1+i], f.Digest)
	}
	fmt.Fprintf(&all, "%v %v\n%s\n", set.Attributes, set.Columns, data.Fingerprint(set.Train))
	for _, e := range set.Train {
		all.WriteString(e.Prompt)
	}
	return disk.Digest(all.String())
}

// New computes the fit of a stage on the training part of a set: hidden is the hidden
// states of its responses, [response, hidden], and below are the fits between.
func New(s program.Stage, set *data.Set, hidden fit.Matrix[float32], below []*Fit, inputs string) (*Fit, error) {
	f := &Fit{Stage: s, Rows: len(set.Train), Inputs: inputs}
	if err := f.compute(set, hidden, below); err != nil {
		return nil, err
	}
	f.Digest = f.sum()
	return f, nil
}

func (f *Fit) compute(set *data.Set, hidden fit.Matrix[float32], below []*Fit) error {
	how := f.Stage.Fit
	if how.Kind == "ridge" {
		return f.ridge(set, hidden)
	}
	rows, names, err := Through(below, hidden)
	if err != nil {
		return err
	}
	if how.Kind == "tree" {
		return f.grow(set, rows, names)
	}
	if f.Transform, err = fit.Decorrelate(rows, names, how); err != nil {
		return err
	}
	roundRows(f.Transform.Matrix)
	return nil
}

// Through sends hidden states through the fits of a chain, from the encoder outward:
// [row, attribute], and the attributes' names.
func Through(chain []*Fit, hidden fit.Matrix[float32]) (fit.Matrix[float64], []string, error) {
	var rows fit.Matrix[float64]
	var names []string
	for _, f := range chain {
		switch {
		case f.Probe != nil:
			rows = f.Probe.Apply(hidden)
		case f.Transform != nil:
			rows = f.Transform.Apply(rows)
		default:
			return rows, nil, fmt.Errorf("the fit %s is a tree, and nothing reads a tree", f.Stage.Fit.Name)
		}
		names = f.Attributes()
	}
	return rows, names, nil
}

// ridge fits a probe on the ratings of a set. Its weights are kept as float32,
// which is what graphs compute with.
func (f *Fit) ridge(set *data.Set, hidden fit.Matrix[float32]) error {
	groups := make([]string, len(set.Train))
	for i, e := range set.Train {
		groups[i] = e.Group(f.Stage.Fit.Select)
	}
	rated := fit.Rated{Attributes: set.Attributes, Features: hidden, Ratings: Ratings(set, set.Train), Groups: groups}
	var err error
	if f.Probe, err = fit.Ridge(rated, f.Stage.Fit); err != nil {
		return err
	}
	roundRows(f.Probe.Weight)
	roundRows([][]float64{f.Probe.Intercept})
	return nil
}

// roundRows rounds numbers to float32.
func roundRows(rows [][]float64) {
	for _, row := range rows {
		for i, x := range row {
			row[i] = float64(float32(x))
		}
	}
}

// grow grows a tree on the differences between the sides of each pair.
func (f *Fit) grow(set *data.Set, rows fit.Matrix[float64], names []string) error {
	pairs, responses := tree.Pairs{}, [][]float64{}
	for i, e := range set.Train {
		chosen, rejected := rows.Row(2*i), rows.Row(2*i+1)
		pairs.Delta = append(pairs.Delta, difference(chosen, rejected))
		pairs.Group = append(pairs.Group, e.Group(f.Stage.Fit.Select))
		responses = append(responses, chosen, rejected)
	}
	grown, err := tree.Grow(pairs, f.Stage.Fit, names)
	if err != nil {
		return err
	}
	importances, err := grown.Importances(pairs, f.Stage.Fit)
	if err != nil {
		return err
	}
	f.Tree = &Tree{grown, tree.References(responses, f.Stage.Fit), importances}
	roundRows(f.Tree.References)
	return nil
}

// Beats is the probability that a response with the attributes x is better than one
// with y.
func (t *Tree) Beats(x, y []float64) float64 { return t.Probability(difference(x, y)) }

func difference(x, y []float64) []float64 {
	out := make([]float64, len(x))
	for i := range out {
		out[i] = x[i] - y[i]
	}
	return out
}

// Summary is what a reader of the log should know of a fit, in lines.
func (f *Fit) Summary() (lines []string) {
	switch {
	case f.Probe != nil:
		for a, name := range f.Probe.Attributes {
			c := f.Probe.Chosen[a]
			lines = append(lines, fmt.Sprintf("%s: alpha %g, fitted on %d rows and chosen on %d", name, c.Alpha, c.Rows, c.SelectRows))
		}
	case f.Transform != nil:
		for a, name := range f.Transform.Attributes {
			if name != f.Transform.From {
				lines = append(lines, fmt.Sprintf("%s: penalty %.3g, %s correlation with %s %+.3f → %+.3f", name, f.Transform.Penalties[a],
					f.Transform.Measure, f.Transform.From, f.Transform.Before[a], f.Transform.After[a]))
			}
		}
		lines = append(lines, f.Transform.Notes...)
	default:
		lines = append(lines, fmt.Sprintf("%d leaves, depth %d, from %d pairs", f.Tree.Leaves(), f.Tree.Depth(), f.Rows))
	}
	return lines
}

// Ratings is the ratings of examples, [row, attribute]: NaN where there is none.
func Ratings(set *data.Set, examples []data.Example) fit.Matrix[float64] {
	out := fit.Zeros[float64](len(examples), len(set.Attributes))
	for i, e := range examples {
		for a := range set.Attributes {
			out.Row(i)[a] = float64(e.Columns[a])
		}
	}
	return out
}
