package measure

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/suite"
)

// Table is what a stage's suite makes of examples, given what was said of their
// responses, one after another; nil where it has none.
func Table(s program.Stage, set *data.Set, examples []data.Example, said *Sayings) (*suite.Table, error) {
	if s.Suite.Name == "" {
		return nil, nil
	}
	t, err := suite.Score(s.Suite, suiteRows(s.Data, examples, said))
	if err != nil {
		return nil, err
	}
	for _, note := range []string{leftOut(set.Stats), readInPart(examples)} {
		if note != "" {
			t.Notes = append(t.Notes, note)
		}
	}
	return t, nil
}

// suiteRows are the rows of a suite. Of pairs the first response is the better.
func suiteRows(d spec.Data, examples []data.Example, said *Sayings) []suite.Row {
	rows := make([]suite.Row, len(examples))
	if d.Kind == "labels" {
		return stepRows(examples, said)
	}
	first := 0
	for i, e := range examples {
		n := len(Responses(d, e))
		rows[i] = suite.Row{Row: e.Row, Subset: e.Subset, Prompt: e.Prompt, Name: e.Name, Scores: said.Scores[first : first+n], Better: max(1, e.Better)}
		switch {
		case d.Kind != "preference":
		case said.Orders != nil:
			p := said.Orders(first, first+1)
			rows[i].Scores, rows[i].Orders = nil, []float64{p[0] - 0.5, p[1] - 0.5}
		case said.Beats != nil:
			rows[i].Scores, rows[i].Orders = nil, []float64{said.Beats(first, first+1) - 0.5}
		}
		first += n
	}
	return rows
}

// stepRows are the rows of a suite of conversations with labels: how likely each
// step is right, and which is wrong first.
func stepRows(examples []data.Example, said *Sayings) []suite.Row {
	rows := make([]suite.Row, len(examples))
	for i, e := range examples {
		rows[i] = suite.Row{Row: e.Row, Subset: e.Subset, Prompt: e.Prompt, Name: e.Name, Error: -1}
		rows[i].Lost = len(e.Lost)
		for k, mark := range slices.Concat(e.Marks, e.Lost) {
			if said.Steps != nil && k < len(e.Marks) {
				rows[i].Scores = append(rows[i].Scores, said.Steps[i][k][0])
			}
			if rows[i].Error < 0 && largest(mark.Gold) > 0 {
				rows[i].Error = k
			}
		}
	}
	return rows
}

// leftOut says which rows of the data a table does not have: a benchmark counts
// every one.
func leftOut(s data.Stats) string {
	if s.Read == s.Kept {
		return ""
	}
	var why []string
	for _, f := range s.Filters {
		why = append(why, fmt.Sprintf("%d because %s", f.Before-f.After, f.Reason))
	}
	return fmt.Sprintf("%d of %d rows of the data were left out and are not in these numbers: %s", s.Read-s.Kept, s.Read, strings.Join(why, ", "))
}

// readInPart says how many solutions have steps that truncation took away.
func readInPart(examples []data.Example) string {
	n := 0
	for _, e := range examples {
		if len(e.Lost) > 0 {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d rows are longer than max_length and read in part: a wrong step that is cut away counts as not found", n, len(examples))
}

// Rankable reports rows that are for measuring alone.
func Rankable(set *data.Set, s program.Stage) error {
	for _, e := range set.Train {
		if e.Better > 0 {
			return fmt.Errorf("row %d of %s lists chosen and rejected responses, which is no ranking: each chosen one is better than each rejected one, and nothing is known among them; make pairs of them (data %s: preference) to train on them",
				e.Row+1, s.Data.Name, s.Data.Name)
		}
	}
	return nil
}
