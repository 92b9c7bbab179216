package record

import (
	"fmt"

	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/table"
)

// A Rows reads a file example by example.
type Rows struct {
	reader  *table.Reader
	data    spec.Data
	Layout  *Layout   // decided by the first row
	row     table.Row // at hand
	parts   int       // examples that it makes
	where   string
	Counted int // examples read
}

// Read reads the rows of r as d describes them; the first decides the layout.
func Read(r *table.Reader, d spec.Data) *Rows { return &Rows{reader: r, data: d} }

// Next is the next example's row. Its number counts the examples before it: where
// each row makes one, the rows.
func (s *Rows) Next() (row table.Row, where string, err error) {
	if s.row.Part++; s.row.Part >= s.parts {
		if s.row, err = s.reader.Next(); err != nil {
			return table.Row{}, "", err
		}
		s.where = s.reader.Where(s.row)
		if s.Layout == nil {
			if s.Layout, err = newLayout(s.data, s.row, s.where); err != nil {
				return table.Row{}, "", err
			}
		}
		s.parts = s.Layout.parts(s.row)
	}
	row, where = s.row, s.where
	if s.parts > 1 {
		where = fmt.Sprintf("%s, example %d of %d", where, s.row.Part+1, s.parts)
	}
	row.Number = s.Counted
	s.Counted++
	return row, where, nil
}
