package judge

import (
	"errors"
	"fmt"
	"slices"

	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/text"
)

// SamplesOf is how many answers a label wants to each text.
func SamplesOf(l spec.Label) int { return max(1, l.Samples) }

// Texts are the different texts that a label asks about pairs, in order.
func Texts(l spec.Label, questions []Question) ([]string, error) {
	s, err := unopened(l)
	if err != nil {
		return nil, err
	}
	texts, err := s.texts(limited(l, questions))
	return different(slices.Concat(texts...)), err
}

// Beginnings are the different texts that a label has gone on from, in order: at most,
// where nothing is asked after a step that leads nowhere.
func Beginnings(l spec.Label, solutions []Solution) ([]string, error) {
	s, err := unopened(l)
	if err != nil {
		return nil, err
	}
	attempts, err := s.attempts(limited(l, solutions))
	var all []string
	for _, a := range attempts {
		if a != nil {
			all = append(all, a.texts...)
		}
	}
	return different(all), err
}

// unopened is a session that can say what it would ask, and asks nothing.
func unopened(l spec.Label) (*session, error) {
	p, err := newPrompt(l)
	return &session{label: l, prompt: p}, err
}

// different leaves out texts that were there before.
func different(all []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(all), func(text string) bool {
		before := seen[text]
		seen[text] = true
		return before
	})
}

// Tokens are those of a text as a label has a model of the recipe asked.
func Tokens(l spec.Label, t *text.Tokenizer, content string) ([]int32, error) {
	if l.API == "completions" {
		return t.Begin(content), nil
	}
	ids, err := t.Ask(content)
	if errors.Is(err, text.ErrNoTemplate) {
		return nil, fmt.Errorf("model %s has no chat template to be asked with: write api = completions in label %s, or template in the model", l.Policy, l.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("as model %s is asked: %w", l.Policy, err)
	}
	return ids, nil
}
