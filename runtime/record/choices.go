package record

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
type place struct{ Subset, Name string }

// inBench reads the place of a row, where a suite asks for it.
func (l *Layout) inBench(row table.Row, where string) (place, error) {
	if !l.subsets {
		return place{}, nil
	}
	subset, err := l.text(row, where, subsetColumn)
	if err != nil {
		return place{}, err
	}
	switch id := l.Value(row, idColumn).(type) {
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
func (l *Layout) choices(row table.Row, where string) (Record, error) {
	prompt, err := l.turns(row, where, "prompt", "user")
	if err != nil {
		return Record{}, err
	}
	rec := Record{Prompt: prompt}
	for _, side := range []string{"chosen", "rejected"} {
		if !l.has(row, side) {
			return Record{}, l.Missing(row, where, side)
		}
		list, ok := l.Value(row, side).([]any)
		if !ok || len(list) == 0 {
			return Record{}, l.mistyped(row, where, side, "a list of responses", l.Value(row, side))
		}
		for i, item := range list {
			if text, ok := item.(string); ok {
				item = map[string]any{"role": "assistant", "content": text}
			}
			answer, err := messages(item)
			if err != nil {
				return Record{}, fmt.Errorf("%s: column %q: response %d: %w", where, l.Column(side), i+1, err)
			}
			rec.Responses = append(rec.Responses, withoutPrompt(answer, prompt))
		}
		if side == "chosen" {
			rec.Better = len(rec.Responses)
		}
	}
	return rec, nil
}
