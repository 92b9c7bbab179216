package record

import (
	"errors"
	"fmt"

	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/table"
)

// Scored reads a row that is to be scored and not trained on: messages, a
// prompt and a response, ids, or a row as d describes it.
func Scored(row table.Row, d spec.Data) (Record, error) {
	l := &Layout{Format: formatAuto, rename: d.Columns.Map}
	const where = "the row"
	switch {
	case row.Fields["messages"] != nil:
		turns, err := messages(row.Fields["messages"])
		if err != nil {
			return Record{}, fmt.Errorf("messages: %w", err)
		}
		if len(turns) == 0 {
			return Record{}, fmt.Errorf("messages is empty")
		}
		return divide(turns), nil
	case row.Fields["ids"] != nil:
		return new(Layout).idLists(row, where, "ids")
	case row.Fields["response"] != nil:
		return new(Layout).replies(row, where, "prompt", "response")
	case d.Kind == KindRatings:
		l.Kind, l.Format = KindRatings, d.Format
		if l.Format == formatAuto {
			if err := l.decide(row, where); err != nil {
				return Record{}, err
			}
		}
		return l.single(row, where)
	case l.has(row, "responses") || l.has(row, "response_ids"):
		l.Kind = KindRanking
		if err := l.decide(row, where); err != nil {
			return Record{}, err
		}
		return l.candidates(row, where) // in the row's order, whatever its ranks
	case l.has(row, "output_1") && l.has(row, "output_2"):
		rec, err := l.labelled(row, where)
		if errors.Is(err, TieError{}) {
			err = nil
		}
		return rec, err
	case l.has(row, "chosen") || l.has(row, "chosen_ids"):
		l.Kind = KindPreference
		if err := l.decide(row, where); err != nil {
			return Record{}, err
		}
		return l.sides(row, where)
	}
	return Record{}, fmt.Errorf("the row has %s; what can be scored is messages, prompt and response, ids, or chosen and rejected", orNothing(columnNames(row.Fields)))
}
