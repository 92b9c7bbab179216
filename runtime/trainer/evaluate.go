package trainer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/fit"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/suite"
)

// part is the examples that a stage works on.
func part(set *data.Set, s program.Stage) []data.Example {
	switch {
	case s.Kind == "train" || s.Evaluate.Part == "train":
		return set.Train
	case s.Evaluate.Part == "holdout":
		return set.Holdout
	}
	return append(set.Train[:len(set.Train):len(set.Train)], set.Holdout...)
}

// measured is the examples that an evaluate stage measures.
func (r *Run) measured(ctx context.Context, s program.Stage) (spec.Model, *data.Set, []data.Example, error) {
	m, err := r.Program.ReadBy(s)
	if err != nil {
		return m, nil, nil, err
	}
	set, err := r.set(ctx, m, s.Data)
	if err != nil {
		return m, nil, nil, err
	}
	examples := part(set, s)
	if len(examples) == 0 {
		return m, nil, nil, fmt.Errorf("data %s has no %s rows: its split holds none out; write split = holdout { … }, or evaluate %s.train",
			s.Data.Name, s.Evaluate.Part, s.Data.Name)
	}
	return m, set, examples, nil
}

// evaluate compares the responses of each example of an evaluate stage, with the
// model or the reward as it is.
func (r *Run) evaluate(ctx context.Context, s program.Stage) (Measures, []Scored, error) {
	s.Suite = spec.Suite{}
	m, rows, _, err := r.tabulate(ctx, s)
	return m, rows, err
}

// tabulate is evaluate with the table of the stage's suite, nil where it has none.
func (r *Run) tabulate(ctx context.Context, s program.Stage) (Measures, []Scored, *suite.Table, error) {
	_, set, examples, err := r.measured(ctx, s)
	if err != nil {
		return Measures{}, nil, nil, err
	}
	said, err := r.sayingsOf(ctx, s, set, examples)
	if err != nil {
		return Measures{}, nil, nil, err
	}
	rows := compare(s.Data, examples, said)
	for _, row := range rows {
		if !isFinite(row.Chosen) || !isFinite(row.Rejected) {
			return Measures{}, nil, nil, fmt.Errorf("row %d of %s scores %v and %v: %s gives no numbers", row.Row+1, s.Data.Name, row.Chosen, row.Rejected, s.Subject())
		}
	}
	m := measure(rows)
	m.Positions = said.positions
	m.LengthCorrelation = lengthCorrelation(examples, said.scores)
	table, err := suiteTable(s, set, examples, said)
	return m, rows, table, err
}

// sayings are what is said of responses, in their order.
type sayings struct {
	scores []float64
	parts  []Parts // of a reward; else nil
	// steps are the probabilities of the labels at each place, [response][place][label],
	// of what a policy says of conversations with labels; else nil.
	steps [][][]float64
	// beats is the probability that response i is better than j, of a reward that
	// compares; nil where the scores say it.
	beats func(i, j int) float64
	// unasked reports whether a policy could not be asked about two responses; nil
	// where nothing is asked.
	unasked func(i, j int) bool
	// orders is the same in each of the two orders that a pair was asked in, and
	// positions what the orders change; of policies that compare.
	orders    func(i, j int) []float64
	positions *data.Positions
}

// sayingsOf is what the model or reward of an evaluate stage says of the
// responses of examples, one after another.
func (r *Run) sayingsOf(ctx context.Context, s program.Stage, set *data.Set, examples []data.Example) (*sayings, error) {
	if s.Reward != "" {
		return r.rewardsOf(ctx, s, set, examples)
	}
	if s.Model.Kind == "policy" {
		c, err := r.comparing(ctx, program.Reward{}, s.Model, s.Evaluate.Form)
		if err != nil {
			return nil, err
		}
		return r.pairwise(ctx, s, c, examples)
	}
	net, err := r.network(ctx, s.Model)
	if err != nil {
		return nil, err
	}
	read, err := r.reader(ctx, net, s)
	if err != nil {
		return nil, err
	}
	scores, err := net.Score(ctx, read, responsesOf(s.Data, examples), max(1, s.Evaluate.Batch)*set.Width)
	return &sayings{scores: scores}, err
}

// compare makes a pair of each response and each one that it should beat. What
// is said is of the examples' responses, one after another.
func compare(d spec.Data, examples []data.Example, said *sayings) []Scored {
	var rows []Scored
	first := 0
	for _, e := range examples {
		all := responses(d, e)
		for i := range all {
			for j := i + 1; j < len(all); j++ {
				if e.Better > 0 && (i >= e.Better || j < e.Better) {
					continue // of choices it is not known which of the two is better
				}
				row := Scored{
					Row: e.Row, Chosen: said.scores[first+i], Rejected: said.scores[first+j],
					ChosenTokens: len(all[i].IDs), RejectedTokens: len(all[j].IDs), prompt: e.Prompt,
				}
				if said.parts != nil {
					row.ChosenParts, row.RejectedParts = said.parts[first+i], said.parts[first+j]
				}
				if said.beats != nil {
					p := said.beats(first+i, first+j)
					row.Probability = &p
				}
				if said.unasked != nil {
					row.Unasked = said.unasked(first+i, first+j)
				}
				rows = append(rows, row)
			}
		}
		first += len(all)
	}
	return rows
}

// lengthCorrelation is Pearson's of the scores and the tokens of the responses;
// 0 where one of them does not vary.
func lengthCorrelation(examples []data.Example, scores []float64) float64 {
	var lengths []float64
	for _, e := range examples {
		for _, n := range e.Lengths {
			lengths = append(lengths, float64(n))
		}
	}
	if r := fit.Pearson(scores, lengths); isFinite(r) {
		return r
	}
	return 0
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
	ratings, trained := ratingsOf(set, examples), ratingsOf(set, set.Train)
	var all []fit.Measures
	for a, name := range set.Attributes {
		k := slices.Index(names, name)
		if k < 0 {
			return nil, fmt.Errorf("%s gives %s, and the data has ratings of %s", s.Subject(), strings.Join(names, ", "), strings.Join(set.Attributes, ", "))
		}
		all = append(all, fit.Measure(name, column(predicted, k), column(ratings, a), meanOf(column(trained, a))))
	}
	return all, nil
}

// predicted is what a stage's fit or network gives for the responses of
// examples, [row, attribute], and the attributes' names.
func (r *Run) predicted(ctx context.Context, s program.Stage, m spec.Model, examples []data.Example) (fit.Matrix[float64], []string, error) {
	hidden, err := r.hiddenOf(ctx, m, s.Data, responsesOf(s.Data, examples))
	if err != nil {
		return fit.Matrix[float64]{}, nil, err
	}
	if s.Fit.Name != "" {
		return r.through(append(slices.Clone(s.Fit.Of), s.Fit.Name), hidden)
	}
	return r.outputsOf(ctx, s.Model, hidden)
}

// column copies column c of m.
func column(m fit.Matrix[float64], c int) []float64 {
	out := make([]float64, m.Rows)
	for i := range out {
		out[i] = m.Row(i)[c]
	}
	return out
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
func (r *Run) before(ctx context.Context, s program.Stage) (*Measures, error) {
	path := filepath.Join(r.Dir, "stages", "before-"+r.beforeKey(s)+".json")
	var m Measures
	if sealed, err := os.ReadFile(path); err == nil {
		if text, err := unseal(sealed); err == nil && json.Unmarshal(text, &m) == nil {
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
	return &m, disk.Write(path, seal(text))
}

// beforeKey names what an untrained model's measures depend on.
func (r *Run) beforeKey(s program.Stage) string {
	fields, _ := json.Marshal(lossFields(s)) // of strings
	return hash(fmt.Sprintf("%s %s %d %s", fields, s.Evaluate.Part, r.seed(s.Model.Name), r.Program.Lock))[:16]
}

// fingerprint is a digest of examples: rows, tokens, columns and labels.
func fingerprint(examples []data.Example) string {
	h := sha256.New()
	for _, e := range examples {
		binary.Write(h, binary.LittleEndian, int64(e.Row))
		for _, s := range e.Sequences {
			k := s.Digest()
			h.Write(k[:])
		}
		for _, c := range e.Columns {
			binary.Write(h, binary.LittleEndian, math.Float32bits(c))
		}
		for _, m := range e.Marks {
			binary.Write(h, binary.LittleEndian, int64(m.At))
			binary.Write(h, binary.LittleEndian, m.Gold)
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}
