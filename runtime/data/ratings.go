package data

import (
	"fmt"

	"github.com/rmc-lang/rmc/runtime/record"
	"github.com/rmc-lang/rmc/runtime/table"
)

// An UnratedError says that no row has a rating of an attribute: all are null,
// NaN or a sentinel.
type UnratedError struct {
	File      string // its base name, and the line of the first row
	Attribute string
	Column    string // that would hold it
	Rows      int
}

func (e *UnratedError) Error() string {
	return fmt.Sprintf("%s: none of %d rows has a rating %q: all are null, NaN or a sentinel", e.File, e.Rows, e.Column)
}

// rate notes which attributes were met.
func (l *loading) rate(row table.Row, where string) {
	if l.first.Fields == nil {
		l.first, l.firstAt, l.known = row, where, make([]bool, len(l.layout.Ratings.Names))
	}
	for i, name := range l.layout.Ratings.Names {
		if _, missing, _ := l.layout.Ratings.Rating(l.layout.Value(row, name)); !missing || i == l.layout.Ratings.Counted {
			l.known[i] = true
		}
	}
}

// unknown reports an attribute that no row has: a wrong name, most likely.
func (l *loading) unknown() error {
	for i, known := range l.known {
		name := l.layout.Ratings.Names[i]
		if _, there := record.At(l.first.Fields, l.layout.Column(name)); !known && !there {
			return l.layout.Missing(l.first, l.firstAt, name)
		}
		if !known {
			return &UnratedError{File: l.firstAt, Attribute: name, Column: l.layout.Column(name), Rows: l.stats.Read}
		}
	}
	return nil
}
