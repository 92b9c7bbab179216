package data

import (
	"errors"
	"fmt"
	"slices"

	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/table"
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
	return Example{Sequences: p.cut, Marks: p.marks, LabelIDs: p.labelIDs}, p.labelIDs, nil
}

// conversations makes the examples of a row that is to be scored: a prompt with
// steps, a response or several responses; of comparisons, with two.
func conversations(row table.Row, d spec.Data, encode Encode) ([]Example, error) {
	if d.From.Kind == "compare" {
		return bothOrders(row, d, encode)
	}
	const where = "the row"
	l := &layout{format: formatAuto, rename: d.Columns.Map}
	question, err := l.asks(row, where)
	if err != nil {
		return nil, err
	}
	var all [][]string
	switch name, _ := l.first(row, "steps", "responses", "response"); {
	case name == "responses":
		texts, err := l.list(row, where, name)
		if err != nil {
			return nil, err
		}
		for _, text := range texts {
			all = append(all, CutSteps(text))
		}
	case name == "response":
		text, err := l.text(row, where, name)
		if err != nil {
			return nil, err
		}
		all = [][]string{CutSteps(text)}
	default:
		steps, err := l.list(row, where, name)
		if err != nil {
			return nil, err
		}
		all = [][]string{steps}
	}
	var out []Example
	for _, steps := range all {
		e, _, err := Solution(d, question, steps, encode)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// bothOrders makes the two comparisons of a row's two sides: in the second the
// first side is shown second, and so Swapped.
func bothOrders(row table.Row, d spec.Data, encode Encode) ([]Example, error) {
	pairs := d
	pairs.Kind = kindPreference
	rec, err := scoredRecord(row, pairs)
	if err != nil {
		return nil, err
	}
	if len(rec.responses) != 2 {
		return nil, fmt.Errorf("a comparison has two responses, not %d", len(rec.responses))
	}
	var out []Example
	for first := range 2 {
		e, _, err := Compared(d, rec.prompt, rec.responses[first], rec.responses[1-first], encode)
		if err != nil {
			return nil, err
		}
		e.Swapped = first == 1
		out = append(out, e)
	}
	return out, nil
}
