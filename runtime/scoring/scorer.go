package scoring

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/fit"
	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/rewards"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// A Scorer gives the scores of a trained model or of a reward.
type Scorer struct {
	data   spec.Data
	encode data.Encode // nil where the model was trained on token ids
	knows  func(id int32) error
	say    func(ctx context.Context, all []rewards.Answered) (*measure.Sayings, error)
	labels []int32 // the token of each label, of what reads conversations with labels; else nil
	rivals bool    // two responses are compared, in both orders
}

// scorerRows is how many sequences a Scorer sends through one forward.
const scorerRows = 8

// Scorer opens a reward, or a model, of which an earlier run left what it needs
// in Dir; "" is the only reward, or the only model of a program without rewards.
func (a *Asker) Scorer(ctx context.Context, name string) (*Scorer, error) {
	reward, m, err := a.Program.Scored(name)
	if err != nil {
		return nil, err
	}
	s := &Scorer{}
	var reads spec.Model
	if reward.Name != "" {
		s.data, reads, err = a.Program.RewardReads(reward)
	} else {
		s.data, reads, err = a.Program.ModelReads(m)
	}
	if err != nil {
		return nil, err
	}
	if s.encode, err = a.Encoder(ctx, reads, s.data); err != nil {
		return nil, err
	}
	f, err := a.Features(ctx, reads)
	if err != nil {
		return nil, err
	}
	s.knows = f.Knows
	hidden := a.statesOfAny(ctx, reads, s.data)
	switch {
	case reads.Kind == "policy":
		if _, err := a.TrainedNetwork(ctx, reads); err != nil {
			return nil, err
		}
		if s.say, err = a.policySays(ctx, reward, reads, s.data); err == nil && s.data.Kind == "labels" {
			s.labels, err = a.LabelIDs(ctx, reads, s.data)
			s.rivals = s.data.From.Kind == "compare"
		}
		if err != nil {
			return nil, err
		}
	case reward.Name != "":
		s.say = func(ctx context.Context, all []rewards.Answered) (*measure.Sayings, error) {
			return a.rewarded(ctx, reward, all, hidden)
		}
	case m.Kind == "mlp":
		s.say = func(ctx context.Context, all []rewards.Answered) (*measure.Sayings, error) {
			return a.networkSays(ctx, m, all, hidden)
		}
	default:
		s.say = func(ctx context.Context, all []rewards.Answered) (*measure.Sayings, error) {
			return a.modelSays(ctx, m, s.data, all)
		}
	}
	return s, s.opens(ctx)
}

// opens holds that what was trained is there, before the first row comes.
func (s *Scorer) opens(ctx context.Context) error {
	_, err := s.say(ctx, nil)
	return err
}

// statesOfAny gives hidden states of sequences of which nothing is known but the
// longest they may be.
func (a *Asker) statesOfAny(ctx context.Context, m spec.Model, d spec.Data) lookup {
	return func(all []data.Sequence) (fit.Matrix[float32], error) {
		if len(all) == 0 {
			return fit.Matrix[float32]{}, nil
		}
		if m.Kind == "encoder" {
			flat, err := a.Hidden(ctx, m, all)
			return fit.Matrix[float32]{Rows: len(all), Cols: len(flat) / len(all), Data: flat}, err
		}
		net, err := a.TrainedNetwork(ctx, m)
		if err != nil {
			return fit.Matrix[float32]{}, err
		}
		read, err := a.ReaderOf(ctx, net, all, d.MaxLength)
		if err != nil {
			return fit.Matrix[float32]{}, err
		}
		return a.statesOf(ctx, net, read, all, scorerRows)
	}
}

// modelSays is the head's first output of a trained model.
func (a *Asker) modelSays(ctx context.Context, m spec.Model, d spec.Data, all []rewards.Answered) (*measure.Sayings, error) {
	net, err := a.TrainedNetwork(ctx, m)
	if err != nil {
		return nil, err
	}
	sequences := sequencesOf(all)
	read, err := a.ReaderOf(ctx, net, sequences, d.MaxLength)
	if err != nil {
		return nil, err
	}
	scores, err := net.Score(ctx, read, sequences, scorerRows)
	return &measure.Sayings{Scores: scores}, err
}

// networkSays is the first output of a network over an encoder.
func (a *Asker) networkSays(ctx context.Context, m spec.Model, all []rewards.Answered, hidden lookup) (*measure.Sayings, error) {
	if _, err := a.TrainedNetwork(ctx, m); err != nil || len(all) == 0 {
		return &measure.Sayings{}, err
	}
	h, err := hidden(sequencesOf(all))
	if err != nil {
		return nil, err
	}
	outputs, _, err := a.OutputsOf(ctx, m, h)
	if err != nil {
		return nil, err
	}
	return &measure.Sayings{Scores: outputs.Column(0)}, nil
}

func sequencesOf(all []rewards.Answered) []data.Sequence {
	out := make([]data.Sequence, len(all))
	for i, a := range all {
		out[i] = a.Response
	}
	return out
}

// Encode reads the responses of one row: one of messages, of prompt and response
// or of ids, two of a preference row. The recipe's over_length applies; a row
// that it would drop is an error.
func (s *Scorer) Encode(row map[string]any) ([]rewards.Answered, error) {
	if s.rivals {
		return s.rivalries(row)
	}
	examples, err := data.Responses(row, s.data, s.encode)
	if err != nil {
		return nil, err
	}
	return s.answers(examples)
}

// answers are examples as they are asked about.
func (s *Scorer) answers(examples []data.Example) (out []rewards.Answered, err error) {
	for _, e := range examples {
		for _, one := range e.Sequences {
			err = cmp.Or(err, s.knows(slices.Max(one.IDs)))
		}
		if s.labels != nil && !slices.Equal(e.LabelIDs, s.labels) {
			err = cmp.Or(err, fmt.Errorf("the labels are the tokens %v in this row, and %v where the model was trained", e.LabelIDs, s.labels))
		}
		a := rewards.Answered{Response: e.Sequences[0], Marks: marksOf(e)}
		if len(e.Lengths) > 0 {
			a.Tokens = e.Lengths[0]
		}
		if s.data.Prompts {
			a.Prompt = &e.Sequences[1]
		}
		out = append(out, a)
	}
	return out, err
}

// rivalries are the comparisons of a row's responses: each two of them, in both
// orders one after the other.
func (s *Scorer) rivalries(row map[string]any) ([]rewards.Answered, error) {
	list, several := row["responses"].([]any)
	if !several {
		list = []any{nil, nil} // chosen and rejected
	}
	if len(list) < 2 {
		return nil, fmt.Errorf("%d responses, and it takes two to compare", len(list))
	}
	var out []rewards.Answered
	for i, first := range list {
		for _, second := range list[i+1:] {
			pair := row
			if several {
				pair = paired(row, first, second)
			}
			examples, err := data.Responses(pair, s.data, s.encode)
			if err != nil {
				return nil, err
			}
			both, err := s.answers(examples)
			if err != nil {
				return nil, err
			}
			out = append(out, both...)
		}
	}
	return out, nil
}

// paired is a row with two of its responses.
func paired(row map[string]any, first, second any) map[string]any {
	pair := maps.Clone(row)
	delete(pair, "responses")
	pair["chosen"], pair["rejected"] = first, second
	return pair
}

// Score is what the model or reward says of each response, in their order.
func (s *Scorer) Score(ctx context.Context, all []rewards.Answered) (*measure.Sayings, error) {
	return s.say(ctx, all)
}

// Compares reports whether responses are compared two by two, and not scored alone.
func (s *Scorer) Compares() bool { return s.rivals }

// Lines answers each line of in, a row, with a line of out, in the same order: what
// is said of its responses, bare without what that is made of. A line that cannot be
// scored is answered with its number and the reason, and counted; the others go on. The
// error is of reading, writing or the model.
func (s *Scorer) Lines(ctx context.Context, in io.Reader, out io.Writer, bare bool) (bad int, err error) {
	say := func(all []rewards.Answered) (*measure.Sayings, error) { return s.say(ctx, all) }
	return scoreLines(in, out, answerer{encode: s.Encode, say: say, bare: bare, rivals: s.rivals})
}
