package data

import (
	"fmt"

	"github.com/rmc-lang/rmc/runtime/table"
)

// The columns that say where in a benchmark a row is.
const (
	subsetColumn = "subset"
	idColumn     = "id"
)

// A place is where in a benchmark a row is: of which subset, and what it is
// called there.
type place struct{ subset, name string }

// inBench reads the place of a row, where a suite asks for it.
func (l *layout) inBench(row table.Row, where string) (place, error) {
	if !l.subsets {
		return place{}, nil
	}
	subset, err := l.text(row, where, subsetColumn)
	if err != nil {
		return place{}, err
	}
	switch id := l.value(row, idColumn).(type) {
	case nil:
		return place{subset, ""}, nil
	case string:
		return place{subset, id}, nil
	default:
		return place{subset, fmt.Sprint(id)}, nil
	}
}

// verdict is which of two responses a label prefers, 1 or 2, or 0 for neither: a
// number, or as JudgeBench writes it.
func verdict(v any) (float64, bool) {
	switch v {
	case "A>B":
		return 1, true
	case "B>A":
		return 2, true
	case "A=B":
		return 0, true
	}
	return number(v)
}

func isList(v any) bool {
	_, ok := v.([]any)
	return ok
}

// choices reads a prompt and lists of chosen and of rejected responses to it:
// each chosen one is better than each rejected one, and nothing else is known.
func (l *layout) choices(row table.Row, where string) (record, error) {
	prompt, err := l.turns(row, where, "prompt", "user")
	if err != nil {
		return record{}, err
	}
	rec := record{prompt: prompt}
	for _, side := range []string{"chosen", "rejected"} {
		if !l.has(row, side) {
			return record{}, l.missing(row, where, side)
		}
		list, ok := l.value(row, side).([]any)
		if !ok || len(list) == 0 {
			return record{}, l.mistyped(row, where, side, "a list of responses", l.value(row, side))
		}
		for i, item := range list {
			if text, ok := item.(string); ok {
				item = map[string]any{"role": "assistant", "content": text}
			}
			answer, err := messages(item)
			if err != nil {
				return record{}, fmt.Errorf("%s: column %q: response %d: %w", where, l.column(side), i+1, err)
			}
			rec.responses = append(rec.responses, withoutPrompt(answer, prompt))
		}
		if side == "chosen" {
			rec.better = len(rec.responses)
		}
	}
	return rec, nil
}

// same reports whether responses that are compared are the same tokens. Of
// choices they may be: what a benchmark has is not left out.
func (rec record) same(seqs []Sequence) bool { return rec.better == 0 && twins(seqs) }
