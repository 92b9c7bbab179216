package trainer

import (
	"context"
	"errors"
	"fmt"

	"github.com/rmc-lang/rmc/runtime/generate"
	"github.com/rmc-lang/rmc/runtime/judge"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/text"
)

// A speaker is a policy of the recipe that goes on with texts, with the weights that
// it has by then.
type speaker struct {
	label     spec.Label
	net       *network.Network
	tokenizer *text.Tokenizer
}

// local is the model of the recipe that a label asks; nil where it asks a server.
func (r *Run) local(ctx context.Context, l spec.Label) (*judge.Local, error) {
	if l.Policy == "" {
		return nil, nil
	}
	m, err := r.Program.FindModel(l.Policy)
	if err != nil {
		return nil, err
	}
	t, err := r.tokenizer(ctx, m)
	if err != nil {
		return nil, err
	}
	n, err := r.network(ctx, m)
	if err != nil {
		return nil, err
	}
	identity, err := r.identity(n, t)
	if err != nil {
		return nil, err
	}
	s := &speaker{l, n, t}
	return &judge.Local{Name: m.Name, Identity: identity, Ask: s.ask}, nil
}

// identity is a digest of all that decides what a policy says besides what it is
// asked and how. Its first number counts ways of drawing.
func (r *Run) identity(n *network.Network, t *text.Tokenizer) (string, error) {
	trained := ""
	if r.world.left[n.Model.Name] != "" {
		var err error
		if trained, err = r.trainedDigest(n.Model); err != nil {
			return "", err
		}
	}
	lora := ""
	if n.Decoder.LoRA != nil && trained != "" { // fresh adapters change nothing
		lora = fmt.Sprintf("%+v", *n.Decoder.LoRA)
	}
	m := n.Model
	return hash(fmt.Sprintf("1 %s %s %s %d %s %s %q", n.Digest, trained, lora, m.Depth(), m.DType, t.Fingerprint(), t.Template())), nil
}

// ask is judge.Local.Ask.
func (s *speaker) ask(ctx context.Context, all []judge.Asked, answered func(i int, a judge.Answer) error) error {
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
	speech := speechOf(s.net, generate.Settings{
		Temperature: s.label.Temperature, MaxTokens: s.label.MaxTokens, Until: s.label.Until, Ends: s.tokenizer.Ends(), Decode: s.tokenizer.Decode,
	}, s.label.Batch, s.label.Samples)
	err = speech.answer(ctx, questions, seeds, func(i int, a generate.Answer) error {
		return answered(i, judge.Answer{Text: a.Text, Finish: a.Finish, PromptTokens: prompts[i], AnswerTokens: a.Tokens})
	})
	speech.finish() // not deferred: a graph that cannot be panics with its function locked
	return err
}

// questions are the prompts of all answers, each once where they stand together.
func (s *speaker) questions(all []judge.Asked) ([]generate.Question, error) {
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
func (s *speaker) prompt(content string) ([]int32, error) {
	name := s.net.Model.Name
	if s.label.API == "completions" {
		return s.fits(s.tokenizer.Begin(content))
	}
	ids, err := s.tokenizer.Ask(content)
	if errors.Is(err, text.ErrNoTemplate) {
		return nil, fmt.Errorf("model %s has no chat template to be asked with: write api = completions in label %s, or template in the model", name, s.label.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("as model %s is asked: %w", name, err)
	}
	return s.fits(ids)
}

// fits demands a prompt that the model can read and go on from.
func (s *speaker) fits(ids []int32) ([]int32, error) {
	name := s.net.Model.Name
	if len(ids) == 0 {
		return nil, fmt.Errorf("the prompt has no token in the vocabulary of model %s", name)
	}
	for _, id := range ids {
		if err := s.net.Knows(id); err != nil {
			return nil, err
		}
	}
	if most := s.net.Decoder.Config.MaxPositions; most > 0 && len(ids) >= most {
		return nil, fmt.Errorf("the prompt has %d tokens, and model %s was made for %d in all: shorten the prompt or the solutions", len(ids), name, most)
	}
	return ids, nil
}
