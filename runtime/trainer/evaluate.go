package trainer

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/fit"
	"github.com/rmc-lang/rmc/runtime/fitted"
	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/suite"
	"github.com/rmc-lang/rmc/runtime/world"
)

// measured is the examples that an evaluate stage measures.
func (r *Run) measured(ctx context.Context, s program.Stage) (spec.Model, *data.Set, []data.Example, error) {
	m, err := r.Program.ReadBy(s)
	if err != nil {
		return m, nil, nil, err
	}
	set, err := r.Set(ctx, m, s.Data)
	if err != nil {
		return m, nil, nil, err
	}
	examples := world.Part(set, s)
	if len(examples) == 0 {
		return m, nil, nil, fmt.Errorf("data %s has no %s rows: its split holds none out; write split = holdout { … }, or evaluate %s.train",
			s.Data.Name, s.Evaluate.Part, s.Data.Name)
	}
	return m, set, examples, nil
}

// evaluate compares the responses of each example of an evaluate stage, with the
// model or the reward as it is.
func (r *Run) evaluate(ctx context.Context, s program.Stage) (measure.Measures, []measure.Scored, error) {
	s.Suite = spec.Suite{}
	m, rows, _, err := r.tabulate(ctx, s)
	return m, rows, err
}

// tabulate is evaluate with the table of the stage's suite, nil where it has none.
func (r *Run) tabulate(ctx context.Context, s program.Stage) (measure.Measures, []measure.Scored, *suite.Table, error) {
	_, set, examples, err := r.measured(ctx, s)
	if err != nil {
		return measure.Measures{}, nil, nil, err
	}
	said, err := r.SayingsOf(ctx, s, set, examples)
	if err != nil {
		return measure.Measures{}, nil, nil, err
	}
	rows := measure.Rows(s.Data, examples, said)
	for _, row := range rows {
		if !isFinite(row.Chosen) || !isFinite(row.Rejected) {
			return measure.Measures{}, nil, nil, fmt.Errorf("row %d of %s scores %v and %v: %s gives no numbers", row.Row+1, s.Data.Name, row.Chosen, row.Rejected, s.Subject())
		}
	}
	m := measure.Pairs(rows)
	m.Positions = said.Positions
	m.LengthCorrelation = measure.LengthCorrelation(examples, said.Scores)
	table, err := measure.Table(s, set, examples, said)
	return m, rows, table, err
}

// rated holds what a fit or a network gives for the responses of a stage's
// ratings against them, attribute by attribute.
func (r *Run) rated(ctx context.Context, s program.Stage) ([]fit.Measures, error) {
	m, set, examples, err := r.measured(ctx, s)
	if err != nil {
		return nil, err
	}
	predicted, names, err := r.predicted(ctx, s, m, examples)
	if err != nil {
		return nil, err
	}
	ratings, trained := fitted.Ratings(set, examples), fitted.Ratings(set, set.Train)
	var all []fit.Measures
	for a, name := range set.Attributes {
		k := slices.Index(names, name)
		if k < 0 {
			return nil, fmt.Errorf("%s gives %s, and the data has ratings of %s", s.Subject(), strings.Join(names, ", "), strings.Join(set.Attributes, ", "))
		}
		all = append(all, fit.Measure(name, predicted.Column(k), ratings.Column(a), meanOf(trained.Column(a))))
	}
	return all, nil
}

// predicted is what a stage's fit or network gives for the responses of
// examples, [row, attribute], and the attributes' names.
func (r *Run) predicted(ctx context.Context, s program.Stage, m spec.Model, examples []data.Example) (fit.Matrix[float64], []string, error) {
	hidden, err := r.HiddenOf(ctx, m, s.Data, world.ResponsesOf(s.Data, examples))
	if err != nil {
		return fit.Matrix[float64]{}, nil, err
	}
	if s.Fit.Name != "" {
		chain, err := r.FittedAll(append(slices.Clone(s.Fit.Of[1:]), s.Fit.Name))
		if err != nil {
			return fit.Matrix[float64]{}, nil, err
		}
		return fitted.Through(chain, hidden)
	}
	return r.OutputsOf(ctx, s.Model, hidden)
}

// meanOf is the mean of the numbers that there are.
func meanOf(ratings []float64) float64 {
	sum, n := 0.0, 0
	for _, x := range ratings {
		if !math.IsNaN(x) {
			sum, n = sum+x, n+1
		}
	}
	return sum / float64(max(1, n))
}

// before measures a model that no step has trained yet. The result is kept, so
// that a run that is resumed still has it.
func (r *Run) before(ctx context.Context, s program.Stage) (*measure.Measures, error) {
	path := filepath.Join(r.Dir, "stages", "before-"+r.beforeKey(s)+".json")
	var m measure.Measures
	if sealed, err := os.ReadFile(path); err == nil {
		if text, err := disk.Unseal(sealed); err == nil && json.Unmarshal(text, &m) == nil {
			return &m, nil
		}
	}
	m, _, err := r.evaluate(ctx, s)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return &m, disk.Write(path, disk.Seal(text))
}

// beforeKey names what an untrained model's measures depend on.
func (r *Run) beforeKey(s program.Stage) string {
	all := program.LossFields(s)
	for _, name := range r.Program.MadeOf(s.Data) {
		if d, err := r.Program.FindData(name); err == nil { // else a label's
			program.Fields(all, "data."+name, reflect.ValueOf(d))
		}
	}
	fields, _ := json.Marshal(all) // of strings
	return disk.Digest(fmt.Sprintf("%s %s %d %s", fields, s.Evaluate.Part, r.Seed(s.Model.Name), r.Program.Lock))[:16]
}

// marked measures the policy, the reward or the reward model of an evaluate stage
// on conversations with labels.
func (r *Run) marked(ctx context.Context, s program.Stage) (*measure.Marked, []measure.Conversation, *suite.Table, error) {
	m, set, examples, err := r.measured(ctx, s)
	if err == nil {
		err = r.KnowsAll(ctx, m, s.Data, set)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	said, err := r.SaidOfMarked(ctx, s, m, set, examples)
	if err != nil {
		return nil, nil, nil, err
	}
	var out *measure.Marked
	if said.Steps != nil {
		out = measure.Labels(set, examples, said)
		out.Positions = measure.InBothOrders(examples, said)
	} else {
		out = &measure.Marked{Conversations: len(examples)}
	}
	if out.Positions == nil {
		if out.Outcome, err = measure.Solutions(examples, said.Scores); err != nil {
			return nil, nil, nil, err
		}
	}
	table, err := measure.Table(s, set, examples, said)
	return out, measure.Conversations(set, examples, said), table, err
}
