package data

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/rmc-lang/rmc/runtime/record"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/table"
)

// Undecided is the reason for which Relabel leaves a row out.
const Undecided = "undecided"

// Relabel is a set of pairs with the sides that a judge gave them: -1 prefers
// the side that was chosen, +1 the other, by 0-based row. A row with 0, or
// without an entry, is left out as Undecided. A margin, which says by how much
// the old chosen side was better, changes its sign with the sides; other columns
// stay as they are. It fails if no row of the training part is left.
func Relabel(set *Set, preferences map[int]int8) (*Set, error) {
	out := *set
	undecided := Filter{Name: Undecided, Reason: "the judge prefers neither side", Before: set.Stats.Kept}
	margin := slices.Index(set.Columns, record.MarginColumn)
	side := func(all []Example) []Example {
		var kept []Example
		for _, e := range all {
			switch preferences[e.Row] {
			case -1:
				kept = append(kept, e)
			case +1:
				kept = append(kept, e.swapped(margin))
			default:
				undecided.Rows = noted(undecided.Rows, e.Row)
			}
		}
		return kept
	}
	out.Train, out.Holdout = side(set.Train), side(set.Holdout)
	out.recount(undecided)
	if len(out.Train) == 0 {
		return nil, fmt.Errorf("the judge prefers a side of none of the %d pairs that are trained on", len(set.Train))
	}
	return &out, nil
}

// recount counts what is kept anew and adds the filter for which some were left
// out, if any was.
func (s *Set) recount(f Filter) {
	s.count()
	if s.Stats.InBoth == 0 {
		s.Stats.InBothExample = ""
	}
	if f.After = s.Stats.Kept; f.After < f.Before {
		s.Stats.Filters = append(slices.Clone(s.Stats.Filters), f)
	}
}

// swapped is e with its first two sequences in each other's place.
func (e Example) swapped(margin int) Example {
	e.Sequences, e.Lengths = slices.Clone(e.Sequences), slices.Clone(e.Lengths)
	e.Sequences[0], e.Sequences[1] = e.Sequences[1], e.Sequences[0]
	e.Lengths[0], e.Lengths[1] = e.Lengths[1], e.Lengths[0]
	if margin >= 0 {
		e.Columns = slices.Clone(e.Columns)
		e.Columns[margin] = -e.Columns[margin]
	}
	return e
}

// A Text is one row in words: what a judge is shown.
type Text struct {
	Row       int         // 0-based
	Prompt    []Message   // what all responses follow
	Responses [][]Message // preference: chosen, rejected; ranking: best first
	Better    int         // how many of them are chosen, where the rows list those, as Example.Better; else 0
}

// Texts reads the rows of path that have texts without a flaw, as d describes
// them and at most d.Limit, without tokenising them.
func Texts(d spec.Data, path string) ([]Text, error) {
	l := &loading{data: d, columns: map[string]*profile{}}
	r, err := table.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var out []Text
	source := record.Read(r, d)
	for {
		rows, err := l.some(source)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if l.layout != nil && l.layout.Format == record.FormatIDs {
			return nil, fmt.Errorf("%s: the rows have token ids (format = ids) and no text", r.Name)
		}
		for _, p := range rows {
			if p.flaw == "" {
				out = append(out, Text{Row: p.row, Prompt: p.record.Prompt, Responses: p.record.Responses, Better: p.record.Better})
			}
		}
		if err != nil || d.Limit > 0 && l.stats.Read >= d.Limit {
			return out, nil
		}
	}
}
