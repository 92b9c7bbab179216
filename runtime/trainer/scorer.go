package trainer

import (
	"cmp"
	"context"
	"slices"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// A Scorer gives the scores of a trained model.
type Scorer struct {
	run    *Run
	net    *network
	data   spec.Data
	encode data.Encode // nil where the model was trained on token ids
}

// scorerRows is how many sequences a Scorer sends through one forward.
const scorerRows = 8

// Scorer opens a model that an earlier run trained into Dir; "" is the only one.
func (r *Run) Scorer(ctx context.Context, model string) (*Scorer, error) {
	s, err := r.Program.trains(model)
	if err != nil {
		return nil, err
	}
	net, err := r.trainedNetwork(ctx, s.Model)
	if err != nil {
		return nil, r.Program.failed(s, err)
	}
	encode, err := r.encoder(ctx, s.Model, s.Data)
	if err != nil {
		return nil, r.Program.failed(s, err)
	}
	return &Scorer{r, net, s.Data, encode}, nil
}

// scorerBuckets are padded lengths for rows of which nothing is known but the
// longest they may be.
func scorerBuckets(longest int) []int {
	var all []int
	for _, parts := range []int{8, 4, 2, 1} {
		length := roundUp((longest+parts-1)/parts, spec.BucketMultiple)
		if len(all) == 0 || length > all[len(all)-1] {
			all = append(all, length)
		}
	}
	return all
}

// Encode makes sequences of one row: one of messages, of prompt and response or
// of ids, two of a preference row. The recipe's over_length applies; a row that
// it would drop is an error.
func (s *Scorer) Encode(row map[string]any) ([]data.Sequence, error) {
	sequences, err := data.Scored(row, s.data, s.encode)
	for _, one := range sequences {
		err = cmp.Or(err, s.net.knows(slices.Max(one.IDs)))
	}
	return sequences, err
}

// Score is the score of each sequence, in their order.
func (s *Scorer) Score(ctx context.Context, all []data.Sequence) ([]float64, error) {
	read, err := s.run.readerOf(ctx, s.net, all, s.data.MaxLength)
	if err != nil {
		return nil, err
	}
	return s.net.score(ctx, read, all, scorerRows)
}
