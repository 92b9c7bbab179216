package data

import (
	"errors"
	"fmt"
	"slices"

	"github.com/rmc-lang/rmc/runtime/record"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/text"
)

// tokeniseSteps fills all that follows from a record of labels data.
func (p *prepared) tokeniseSteps(d spec.Data, l *record.Layout, encode Encode) {
	full, marks, tail, ok := p.labelled(l, encode)
	if !ok {
		return
	}
	p.full = []Sequence{full}
	if d.Endings {
		p.tail = tail
	}
	d.MaxLength -= len(lastLabel(p.tail))
	short, left, flaw := cutSteps(p.record, full, marks, d, encode)
	if p.flaw = flaw; flaw != "" {
		return
	}
	if n := len(left); d.Endings && n < len(marks) {
		_, p.tail = record.UpToMark(full.IDs, marks[n-1])
	}
	p.cut, p.marks, p.lost, p.answer = []Sequence{short}, left, marks[len(left):], p.record.Steps.Answer
	p.place(d)
}

// labelled renders a record and finds its marks. What is trained on ends with the
// last of them, and is so what a model is asked; tail is at most two tokens that follow.
func (p *prepared) labelled(l *record.Layout, encode Encode) (full Sequence, marks []record.Mark, tail []int32, ok bool) {
	s := p.record.Steps
	if s.Ids != nil {
		p.labelIDs = s.LabelIDs
		return Sequence{IDs: s.Ids}, s.Marks, s.Tail, true
	}
	e, err := encode(s.Conversation(l.Labels.Tokens[0]))
	var broken *text.LabelError
	switch {
	case errors.As(err, &broken):
		p.failure = fmt.Errorf("%s: after turn %d: %w", p.where, broken.Answer+1, err)
		return full, nil, nil, false
	case err != nil:
		p.flaw, p.refusal = Refused, err
		return full, nil, nil, false
	case len(e.Answers) != len(s.Turns):
		panic("data: labels data wants an Encode that says where its answers are: a Tokenizer's Labelled")
	}
	for i, a := range e.Answers {
		if a.Start < 1 {
			p.failure = fmt.Errorf("%s: after turn %d: no token comes before the label", p.where, i+1)
			return full, nil, nil, false
		}
		if p.failure = sameLabels(l.Labels.Names, &p.labelIDs, a.Labels, p.where); p.failure != nil {
			return full, nil, nil, false
		}
		if s.Gold[i] != nil {
			marks = append(marks, record.Mark{At: a.Start - 1, Gold: s.Gold[i]})
		}
	}
	context, tail := record.UpToMark(e.IDs, marks[len(marks)-1])
	return Sequence{IDs: context}, marks, tail, true
}

// sameLabels holds the tokens of labels at one place against those of all places
// before.
func sameLabels(names []string, known *[]int32, here []int32, where string) error {
	if *known == nil {
		*known = here
	}
	for i, id := range here {
		if id != (*known)[i] {
			return fmt.Errorf("%s: label %s is token %d here and token %d elsewhere: it must be the same after every step", where, names[i], id, (*known)[i])
		}
	}
	return nil
}

// cutSteps shortens a conversation with labels to the most tokens. flaw says why
// it cannot stay, "" when it can.
//
// truncate_left takes tokens off the start of the question, and never one of a
// step; what opens the turn stays. A question that would vanish leaves the row
// out. truncate_right leaves out the later steps with their labels.
func cutSteps(rec record.Record, s Sequence, marks []record.Mark, d spec.Data, encode Encode) (Sequence, []record.Mark, string) {
	over := len(s.IDs) - d.MaxLength
	switch {
	case over <= 0:
		return s, marks, ""
	case d.OverLength == "truncate_left":
		from, to := questionIn(rec.Steps, s.IDs, encode)
		if over >= to-from {
			return s, nil, CutWhole
		}
		moved := make([]record.Mark, len(marks))
		for i, m := range marks {
			moved[i] = record.Mark{At: m.At - over, Gold: m.Gold}
		}
		return Sequence{IDs: slices.Concat(s.IDs[:from], s.IDs[from+over:])}, moved, ""
	case d.OverLength == "truncate_right":
		n := 0
		for n < len(marks) && marks[n].At < d.MaxLength {
			n++
		}
		if n == 0 {
			return s, nil, CutWhole
		}
		return Sequence{IDs: s.IDs[:marks[n-1].At+1]}, marks[:n], ""
	}
	return s, nil, OverLong
}

// questionIn is where the tokens of the question are: [from, to). They are those
// that go when the question does and stay when all that follows it does.
func questionIn(s *record.Stepwise, ids []int32, encode Encode) (from, to int) {
	if s.Ids != nil {
		return 1, s.PromptTokens
	}
	user := func(content string) []int32 {
		e, err := encode(append(slices.Clone(s.Before), Message{Role: "user", Content: content}))
		if err != nil {
			return nil
		}
		return e.IDs
	}
	from = record.FirstDifference(ids, user(s.Turns[0][:s.From]+"\x00"))
	return from, record.FirstDifference(ids, user(s.Turns[0][:s.To]))
}
