// Package speak has a policy on a mesh answer: prompts as it is asked, and answers
// drawn token by token, many at once.
package speak

import (
	"context"
	"fmt"

	"github.com/rmc-lang/rmc/runtime/generate"
	"github.com/rmc-lang/rmc/runtime/judge"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/text"
)

// A Speaker is a policy of the recipe that goes on with texts, with the weights that
// it has by then.
type Speaker struct {
	Label     spec.Label // how it is asked, and how answers are drawn
	Net       *network.Network
	Tokenizer *text.Tokenizer // of the network
}

// Ask has all answered, and hands on each answer as soon as it has ended: it is
// judge.Local.Ask. An error names who asks what cannot be asked.
func (s *Speaker) Ask(ctx context.Context, all []judge.Asked, answered func(i int, a judge.Answer) error) error {
	questions, err := s.questions(all)
	if err != nil {
		return err
	}
	prompts, seeds := make([]int, len(all)), make([][32]byte, len(all))
	for _, q := range questions {
		for _, i := range q.Answers {
			prompts[i], seeds[i] = len(q.IDs), all[i].Seed
		}
	}
	speech := speechOf(s.Net, generate.Settings{
		Temperature: s.Label.Temperature, MaxTokens: s.Label.MaxTokens, Until: s.Label.Until, Ends: s.Tokenizer.Ends(), Decode: s.Tokenizer.Decode,
	}, s.Label.Batch, s.Label.Samples)
	err = speech.answer(ctx, questions, seeds, func(i int, a generate.Answer) error {
		return answered(i, judge.Answer{Text: a.Text, Finish: a.Finish, PromptTokens: prompts[i], AnswerTokens: a.Tokens})
	})
	speech.finish() // not deferred: a graph that cannot be panics with its function locked
	return err
}

// questions are the prompts of all answers, each once where they stand together.
func (s *Speaker) questions(all []judge.Asked) ([]generate.Question, error) {
	var out []generate.Question
	for i, one := range all {
		if i > 0 && one.Text == all[i-1].Text {
			out[len(out)-1].Answers = append(out[len(out)-1].Answers, i)
			continue
		}
		ids, err := s.prompt(one.Text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.Who, err)
		}
		out = append(out, generate.Question{IDs: ids, Answers: []int{i}})
	}
	return out, nil
}

// prompt is the tokens of a text as the model is asked.
func (s *Speaker) prompt(content string) ([]int32, error) {
	ids, err := judge.Tokens(s.Label, s.Tokenizer, content)
	if err != nil {
		return nil, err
	}
	return s.fits(ids)
}

// fits demands a prompt that the model can read and go on from.
func (s *Speaker) fits(ids []int32) ([]int32, error) {
	name := s.Net.Model.Name
	if len(ids) == 0 {
		return nil, fmt.Errorf("the prompt has no token in the vocabulary of model %s", name)
	}
	for _, id := range ids {
		if err := s.Net.Knows(id); err != nil {
			return nil, err
		}
	}
	settings := generate.Settings{Positions: s.Net.Decoder.Config.MaxPositions}
	if most := settings.Positions; !settings.Fits(len(ids)) {
		return nil, fmt.Errorf("the prompt has %d tokens, and model %s was made for %d in all: shorten the prompt or the solutions", len(ids), name, most)
	}
	return ids, nil
}
