package data

import (
	"errors"
	"fmt"

	"github.com/rmc-lang/rmc/runtime/record"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/table"
)

// Solution is a question and the steps of an answer as an example that is to be
// scored: with a mark after each step, or of level outcome one. labelIDs is as
// Set.LabelIDs. What d.OverLength would leave out is an error.
func Solution(d spec.Data, question string, steps []string, encode Encode) (e Example, labelIDs []int32, err error) {
	if err := record.CheckLabels(d); err != nil {
		return e, nil, err
	}
	l := record.NewForm(d, record.KindLabels, "")
	return score(l, d, l.ToScore(question, steps), encode)
}

// Compared is two answers to a conversation as an example that is to be scored: which
// is better, the first or the second? As Solution.
func Compared(d spec.Data, prompt, first, second []Message, encode Encode) (e Example, labelIDs []int32, err error) {
	d.Level = record.LevelOutcome
	if err := record.CheckLabels(d); err != nil {
		return e, nil, err
	}
	l := record.NewForm(d, record.KindLabels, "")
	text, from, to := comparison(prompt, first, second)
	s := &record.Stepwise{Turns: []string{text}, Gold: [][]float32{{}}, From: from, To: to}
	if len(prompt) == 0 {
		s.Flaw = record.NoPrompt
	}
	return score(l, d, s, encode)
}

// score tokenises what must give marks.
func score(l *record.Layout, d spec.Data, s *record.Stepwise, encode Encode) (Example, []int32, error) {
	d.Endings = false // what is asked ends before its last label
	p := prepared{where: "the row", record: s.Record("")}
	if p.flaw = p.record.Flaw(); p.flaw == "" {
		p.tokeniseSteps(d, l, encode)
	}
	switch {
	case p.failure != nil:
		return Example{}, nil, p.failure
	case p.refusal != nil:
		return Example{}, nil, p.refusal
	case p.flaw == OverLong || p.flaw == CutWhole:
		return Example{}, nil, fmt.Errorf("%d tokens exceed max_length = %d, and over_length = %s leaves nothing to score", longest(p.full), d.MaxLength, d.OverLength)
	case p.flaw == record.Unlabelled:
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
	question, all, err := record.SolutionsToScore(row, d)
	if err != nil {
		return nil, err
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
	pairs.Kind = record.KindPreference
	rec, err := record.Scored(row, pairs)
	if err != nil {
		return nil, err
	}
	if len(rec.Responses) != 2 {
		return nil, fmt.Errorf("a comparison has two responses, not %d", len(rec.Responses))
	}
	var out []Example
	for first := range 2 {
		e, _, err := Compared(d, rec.Prompt, rec.Responses[first], rec.Responses[1-first], encode)
		if err != nil {
			return nil, err
		}
		e.Swapped = first == 1
		out = append(out, e)
	}
	return out, nil
}
