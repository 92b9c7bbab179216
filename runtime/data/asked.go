package data

import (
	"errors"
	"fmt"
	"slices"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// Solution is a question and the steps of an answer as an example that is to be
// scored: with a mark after each step, or of level outcome one. labelIDs is as
// Set.LabelIDs. What d.OverLength would leave out is an error.
func Solution(d spec.Data, question string, steps []string, encode Encode) (e Example, labelIDs []int32, err error) {
	if err := checkLabels(d); err != nil {
		return e, nil, err
	}
	l := &layout{kind: kindLabels, labels: newLabelling(d)}
	s := solution{question: question, steps: slices.Clone(steps), outcome: []float32{}}
	for range steps {
		s.gold = append(s.gold, []float32{})
	}
	return l.score(d, l.dialogue(s), encode)
}

// Compared is two answers to a conversation as an example that is to be scored: which
// is better, the first or the second? As Solution.
func Compared(d spec.Data, prompt, first, second []Message, encode Encode) (e Example, labelIDs []int32, err error) {
	d.Level = levelOutcome
	if err := checkLabels(d); err != nil {
		return e, nil, err
	}
	l := &layout{kind: kindLabels, labels: newLabelling(d)}
	text, from, to := comparison(prompt, first, second)
	s := &stepwise{turns: []string{text}, gold: [][]float32{{}}, from: from, to: to}
	if len(prompt) == 0 {
		s.flaw = NoPrompt
	}
	return l.score(d, s, encode)
}

// score tokenises what must give marks.
func (l *layout) score(d spec.Data, s *stepwise, encode Encode) (Example, []int32, error) {
	p := prepared{where: "the row", record: s.record("")}
	if p.flaw = p.record.flaw(); p.flaw == "" {
		p.tokeniseSteps(d, l, encode)
	}
	switch {
	case p.failure != nil:
		return Example{}, nil, p.failure
	case p.refusal != nil:
		return Example{}, nil, p.refusal
	case p.flaw == OverLong || p.flaw == CutWhole:
		return Example{}, nil, fmt.Errorf("%d tokens exceed max_length = %d, and over_length = %s leaves nothing to score", longest(p.full), d.MaxLength, d.OverLength)
	case p.flaw == Unlabelled:
		return Example{}, nil, errors.New("there is no step to score")
	case p.flaw != "":
		return Example{}, nil, errors.New(reasonOf(p.flaw))
	}
	return Example{Sequences: p.cut, Marks: p.marks}, p.labelIDs, nil
}
