package label

import (
	"context"
	"fmt"
	"math"
	"os"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/scoring"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// filter leaves out of what augment made the pairs that a model of the recipe, with
// the weights that it has by now, judges right.
func (a asker) filter(ctx context.Context, s program.Stage) (out *rundir.Filtered, reused bool, err error) {
	m, err := a.Program.FindModel(s.Label.Scorer)
	if err != nil {
		return nil, false, err
	}
	pairs, err := a.Pairs(ctx, m, s.Data)
	if err != nil {
		return nil, false, err
	}
	inputs, err := a.askedInputs(ctx, s, m, pairs)
	if err != nil {
		return nil, false, err
	}
	folder := a.LabelFolder(s.Label.Name)
	if kept, err := rundir.ReadLabels[rundir.Filtering](folder, rundir.FilterFile); err == nil && kept.Inputs == inputs {
		a.Note(fmt.Sprintf("%s: as filtered before, %s", s.Name(), kept.Summary))
		return &kept.Summary, true, nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, false, err
	}
	p, positions, err := a.chances(ctx, s, m, pairs)
	if err != nil {
		return nil, false, err
	}
	easy, of := data.Easy(pairs, p, s.Label.Least)
	out = &rundir.Filtered{Hardness: of, Scorer: m.Name, Least: s.Label.Least, Positions: positions}
	a.Note(fmt.Sprintf("%s: %s", s.Name(), out))
	for _, k := range of.Kinds {
		a.Note(fmt.Sprintf("%s: %d of %d of %s", s.Label.Name, k.Hard, k.Made, k.Kind))
	}
	return out, false, writeFilter(folder, rundir.Filtering{Label: s.Label, Inputs: inputs, Easy: easy, Summary: *out}, pairs, p)
}

// chances is the model's probability that the first side of each pair that was made
// is better; NaN of pairs that it could not be asked about, and of those that were
// there before.
func (a asker) chances(ctx context.Context, s program.Stage, m spec.Model, pairs []data.Pair) ([]float64, *data.Positions, error) {
	p := make([]float64, len(pairs))
	var made []data.Pair
	var at []int
	for i, pair := range pairs {
		if p[i] = math.NaN(); pair.Made != "" {
			made, at = append(made, pair), append(at, i)
		}
	}
	a.Note(fmt.Sprintf("%s: asking %s about %d pairs that were made", s.Name(), m.Name, len(made)))
	var said []float64
	var of *data.Positions
	var err error
	if m.Kind == "policy" {
		said, of, err = a.chancesByOrders(ctx, s, m, made)
	} else {
		said, err = a.chancesByScores(ctx, s, m, made)
	}
	if err != nil {
		return nil, nil, err
	}
	for i, x := range said {
		p[at[i]] = x
	}
	return p, of, nil
}

// chancesByOrders asks a policy about both orders of each pair.
func (a asker) chancesByOrders(ctx context.Context, s program.Stage, m spec.Model, pairs []data.Pair) ([]float64, *data.Positions, error) {
	c, err := a.Comparing(ctx, m, s.Label.Form)
	if err != nil {
		return nil, nil, err
	}
	contests := make([]scoring.Contest, len(pairs))
	for i, pair := range pairs {
		contests[i] = scoring.Contest{Prompt: pair.Prompt, First: pair.Chosen, Second: pair.Rejected}
	}
	results, err := c.Compare(ctx, contests)
	if err != nil {
		return nil, nil, err
	}
	p := make([]float64, len(results))
	for i, result := range results {
		if p[i] = result.Mean(); result.Failed != nil {
			p[i] = math.NaN()
		}
	}
	return p, scoring.Positions(results), nil
}

// chancesByScores is what the difference of two scores says, as in Bradley–Terry.
// Each response to a prompt is scored once, in however many pairs it is.
func (a asker) chancesByScores(ctx context.Context, s program.Stage, m spec.Model, pairs []data.Pair) ([]float64, error) {
	encode, err := a.Encoder(ctx, m, s.Data)
	if err != nil {
		return nil, err
	}
	var all []data.Sequence
	place := map[data.Digest]int{}
	sides := make([][2]int, len(pairs)) // places; -1 of a response that cannot be scored
	for i, pair := range pairs {
		for k, response := range [][]data.Message{pair.Chosen, pair.Rejected} {
			sides[i][k] = -1
			sequence, err := data.Answer(s.Data, pair.Prompt, response, encode)
			if err != nil {
				continue
			}
			at, met := place[sequence.Digest()]
			if !met {
				at = len(all)
				place[sequence.Digest()], all = at, append(all, sequence)
			}
			sides[i][k] = at
		}
	}
	scores, err := a.scoresOf(ctx, m, s, all)
	if err != nil {
		return nil, err
	}
	p := make([]float64, len(pairs))
	for i, two := range sides {
		if p[i] = math.NaN(); min(two[0], two[1]) >= 0 {
			p[i] = measure.Probability(scores[two[0]] - scores[two[1]])
		}
	}
	return p, nil
}

// scoresOf is what a reward model, as trained by now, gives for sequences.
func (a asker) scoresOf(ctx context.Context, m spec.Model, s program.Stage, all []data.Sequence) ([]float64, error) {
	n, err := a.Network(ctx, m)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	read, err := a.ReaderOf(ctx, n, all, s.Data.MaxLength)
	if err != nil {
		return nil, err
	}
	return n.Score(ctx, read, all, 2*max(1, s.Label.Batch))
}

// writeFilter keeps what a filter came to, and what it was made of.
func writeFilter(folder string, f rundir.Filtering, pairs []data.Pair, p []float64) error {
	easy := map[int]bool{}
	for _, row := range f.Easy {
		easy[row] = true
	}
	var lines []any
	for i, pair := range pairs {
		if pair.Made == "" {
			continue
		}
		line := rundir.Chance{Row: pair.Row, Made: pair.Made, Kept: !easy[pair.Row]}
		if !math.IsNaN(p[i]) {
			line.P = &p[i]
		}
		lines = append(lines, line)
	}
	return rundir.KeepLabels(folder, rundir.ChancesFile, lines, rundir.FilterFile, f)
}
