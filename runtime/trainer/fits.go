package trainer

import (
	"context"
	"fmt"
	"strings"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/fit"
	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/tree"
)

// A fitted is what a fit stage came to: one of the three.
type fitted struct {
	stage     program.Stage
	rows      int    // fitted on
	inputs    string // digest of all that it depends on
	digest    string // of what it computes with
	probe     *fit.Probe
	transform *fit.Transform
	tree      *grownTree
}

// A grownTree is a tree with what a single response is held against.
type grownTree struct {
	*tree.Tree
	references  [][]float64 // attributes of training responses
	importances []tree.Importance
}

// attributes names what the fit gives, or, of a tree, reads.
func (f *fitted) attributes() []string {
	switch {
	case f.probe != nil:
		return f.probe.Attributes
	case f.transform != nil:
		return f.transform.Attributes
	}
	return f.tree.Attributes
}

// fit computes a fit, or takes what an earlier run computed from the same
// inputs. It reports which.
func (r *Run) fit(ctx context.Context, s program.Stage) (reused bool, err error) {
	m, err := r.Program.ReadBy(s)
	if err != nil {
		return false, err
	}
	set, err := r.set(ctx, m, s.Data)
	if err != nil {
		return false, err
	}
	inputs, err := r.fitInputs(ctx, s, m, set)
	if err != nil {
		return false, err
	}
	if f, err := r.keptFit(s); err == nil && f.inputs == inputs {
		r.remember(f)
		r.note(fmt.Sprintf("%s: as computed before, from %s", s.Name(), r.fitFolder(s.Fit.Name)))
		return true, nil
	}
	f, err := r.compute(ctx, s, m, set)
	if err != nil {
		return false, err
	}
	f.inputs, f.digest = inputs, f.sum()
	if err := r.keepFit(f); err != nil {
		return false, fmt.Errorf("keeping what was fitted: %w", err)
	}
	r.remember(f)
	for _, line := range f.summary() {
		r.note(fmt.Sprintf("%s: %s", s.Name(), line))
	}
	return false, nil
}

func (r *Run) remember(f *fitted) {
	if r.world.fits == nil {
		r.world.fits = map[string]*fitted{}
	}
	r.world.fits[f.stage.Fit.Name] = f
}

// fitted is a fit of the program, computed in this run or an earlier one.
func (r *Run) fitted(name string) (*fitted, error) {
	if f, ok := r.world.fits[name]; ok {
		return f, nil
	}
	s, err := r.Program.FindFit(name)
	if err != nil {
		return nil, err
	}
	f, err := r.keptFit(s)
	if err != nil {
		return nil, err
	}
	r.remember(f)
	return f, nil
}

// fitInputs is a digest of all that a fit depends on: its settings, the weights
// that make its features, the fits below it, and the rows.
func (r *Run) fitInputs(ctx context.Context, s program.Stage, m spec.Model, set *data.Set) (string, error) {
	f, err := r.features(ctx, m)
	if err != nil {
		return "", err
	}
	var all strings.Builder
	fmt.Fprintf(&all, "1 %+v\n%s %d %s\n", s.Fit, f.Digest, m.Depth(), m.DType)
	for _, name := range s.Fit.Of[1:] {
		below, err := r.fitted(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&all, "%s %s\n", name, below.digest)
	}
	fmt.Fprintf(&all, "%v %v\n%s\n", set.Attributes, set.Columns, fingerprint(set.Train))
	for _, e := range set.Train {
		all.WriteString(e.Prompt)
	}
	return disk.Digest(all.String()), nil
}

// compute fits on the training part of a set.
func (r *Run) compute(ctx context.Context, s program.Stage, m spec.Model, set *data.Set) (*fitted, error) {
	out := &fitted{stage: s, rows: len(set.Train)}
	hidden, err := r.hiddenOf(ctx, m, s.Data, responsesOf(s.Data, set.Train))
	if err != nil {
		return nil, err
	}
	if s.Fit.Kind == "ridge" {
		return out, out.ridge(set, hidden)
	}
	rows, names, err := r.through(s.Fit.Of, hidden)
	if err != nil {
		return nil, err
	}
	if s.Fit.Kind == "tree" {
		return out, out.grow(set, rows, names)
	}
	if out.transform, err = fit.Decorrelate(rows, names, s.Fit); err != nil {
		return nil, err
	}
	roundRows(out.transform.Matrix)
	return out, nil
}

// ridge fits a probe on the ratings of a set. Its weights are kept as float32,
// which is what graphs compute with.
func (f *fitted) ridge(set *data.Set, hidden fit.Matrix[float32]) error {
	groups := make([]string, len(set.Train))
	for i, e := range set.Train {
		groups[i] = groupOf(f.stage.Fit.Select, e)
	}
	rated := fit.Rated{Attributes: set.Attributes, Features: hidden, Ratings: ratingsOf(set, set.Train), Groups: groups}
	var err error
	if f.probe, err = fit.Ridge(rated, f.stage.Fit); err != nil {
		return err
	}
	roundRows(f.probe.Weight)
	roundRows([][]float64{f.probe.Intercept})
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
func (f *fitted) grow(set *data.Set, rows fit.Matrix[float64], names []string) error {
	pairs, responses := tree.Pairs{}, [][]float64{}
	for i, e := range set.Train {
		chosen, rejected := rows.Row(2*i), rows.Row(2*i+1)
		pairs.Delta = append(pairs.Delta, difference(chosen, rejected))
		pairs.Group = append(pairs.Group, groupOf(f.stage.Fit.Select, e))
		responses = append(responses, chosen, rejected)
	}
	grown, err := tree.Grow(pairs, f.stage.Fit, names)
	if err != nil {
		return err
	}
	importances, err := grown.Importances(pairs, f.stage.Fit)
	if err != nil {
		return err
	}
	f.tree = &grownTree{grown, tree.References(responses, f.stage.Fit), importances}
	roundRows(f.tree.references)
	return nil
}

func difference(x, y []float64) []float64 {
	out := make([]float64, len(x))
	for i := range out {
		out[i] = x[i] - y[i]
	}
	return out
}

// summary is what a reader of the log should know of a fit, in lines.
func (f *fitted) summary() (lines []string) {
	switch {
	case f.probe != nil:
		for a, name := range f.probe.Attributes {
			c := f.probe.Chosen[a]
			lines = append(lines, fmt.Sprintf("%s: alpha %g, fitted on %d rows and chosen on %d", name, c.Alpha, c.Rows, c.SelectRows))
		}
	case f.transform != nil:
		for a, name := range f.transform.Attributes {
			if name != f.transform.From {
				lines = append(lines, fmt.Sprintf("%s: penalty %.3g, %s correlation with %s %+.3f → %+.3f", name, f.transform.Penalties[a],
					f.transform.Measure, f.transform.From, f.transform.Before[a], f.transform.After[a]))
			}
		}
		lines = append(lines, f.transform.Notes...)
	default:
		lines = append(lines, fmt.Sprintf("%d leaves, depth %d, from %d pairs", f.tree.Leaves(), f.tree.Depth(), f.rows))
	}
	return lines
}

// through sends hidden states through the fits of a chain, from the encoder
// outward: [row, attribute], and the attributes' names.
func (r *Run) through(chain []string, hidden fit.Matrix[float32]) (fit.Matrix[float64], []string, error) {
	var rows fit.Matrix[float64]
	var names []string
	for _, name := range chain[1:] {
		f, err := r.fitted(name)
		if err != nil {
			return rows, nil, err
		}
		switch {
		case f.probe != nil:
			rows = f.probe.Apply(hidden)
		case f.transform != nil:
			rows = f.transform.Apply(rows)
		default:
			return rows, nil, fmt.Errorf("the fit %s is a tree, and nothing reads a tree", name)
		}
		names = f.attributes()
	}
	return rows, names, nil
}

// responsesOf lists the responses of examples, one after another: their
// sequences, but for the prompt where the data has it as a view.
func responsesOf(d spec.Data, examples []data.Example) []data.Sequence {
	var all []data.Sequence
	for _, e := range examples {
		all = append(all, measure.Responses(d, e)...)
	}
	return all
}

// hiddenOf is the hidden states of sequences of a data set: [sequence, hidden].
func (r *Run) hiddenOf(ctx context.Context, m spec.Model, d spec.Data, all []data.Sequence) (fit.Matrix[float32], error) {
	e, err := r.embeddings(ctx, m, d)
	if err != nil {
		return fit.Matrix[float32]{}, err
	}
	out := fit.Zeros[float32](len(all), e.Size)
	for i, s := range all {
		copy(out.Row(i), e.Of(s))
	}
	return out, nil
}

// ratingsOf is the ratings of examples, [row, attribute]: NaN where there is none.
func ratingsOf(set *data.Set, examples []data.Example) fit.Matrix[float64] {
	out := fit.Zeros[float64](len(examples), len(set.Attributes))
	for i, e := range examples {
		for a := range set.Attributes {
			out.Row(i)[a] = float64(e.Columns[a])
		}
	}
	return out
}
