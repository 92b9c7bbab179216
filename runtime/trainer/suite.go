package trainer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/report"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/suite"
)

// suiteTable is what a stage's suite makes of examples, given what was said of their
// responses, one after another; nil where it has none.
func suiteTable(s program.Stage, set *data.Set, examples []data.Example, said *sayings) (*suite.Table, error) {
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
func suiteRows(d spec.Data, examples []data.Example, said *sayings) []suite.Row {
	rows := make([]suite.Row, len(examples))
	if d.Kind == "labels" {
		return stepRows(examples, said)
	}
	first := 0
	for i, e := range examples {
		n := len(responses(d, e))
		rows[i] = suite.Row{Row: e.Row, Subset: e.Subset, Prompt: e.Prompt, Name: e.Name, Scores: said.scores[first : first+n], Better: max(1, e.Better)}
		switch {
		case d.Kind != "preference":
		case said.orders != nil:
			p := said.orders(first, first+1)
			rows[i].Scores, rows[i].Orders = nil, []float64{p[0] - 0.5, p[1] - 0.5}
		case said.beats != nil:
			rows[i].Scores, rows[i].Orders = nil, []float64{said.beats(first, first+1) - 0.5}
		}
		first += n
	}
	return rows
}

// stepRows are the rows of a suite of conversations with labels: how likely each
// step is right, and which is wrong first.
func stepRows(examples []data.Example, said *sayings) []suite.Row {
	rows := make([]suite.Row, len(examples))
	for i, e := range examples {
		rows[i] = suite.Row{Row: e.Row, Subset: e.Subset, Prompt: e.Prompt, Name: e.Name, Error: -1}
		rows[i].Lost = len(e.Lost)
		for k, mark := range slices.Concat(e.Marks, e.Lost) {
			if said.steps != nil && k < len(e.Marks) {
				rows[i].Scores = append(rows[i].Scores, said.steps[i][k][0])
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

// rankable reports rows that are for measuring alone.
func rankable(set *data.Set, s program.Stage) error {
	for _, e := range set.Train {
		if e.Better > 0 {
			return fmt.Errorf("row %d of %s lists chosen and rejected responses, which is no ranking: each chosen one is better than each rejected one, and nothing is known among them; make pairs of them (data %s: preference) to train on them",
				e.Row+1, s.Data.Name, s.Data.Name)
		}
	}
	return nil
}

// tableLines prints a table: overall, sections, their subsets below them.
func tableLines(t *suite.Table) []string {
	if t == nil {
		return nil
	}
	width := len(t.Suite)
	for _, s := range t.Sections {
		width = max(width, len(s.Name)+2)
		for _, sub := range s.Subsets {
			width = max(width, len(sub.Name)+4)
		}
	}
	lines := []string{tableLine(t.Overall, "", width)}
	for _, s := range t.Sections {
		lines = append(lines, tableLine(s.Line, "  ", width))
		for _, sub := range s.Subsets {
			lines = append(lines, tableLine(sub, "    ", width))
		}
	}
	return append(lines, tableNotes(t)...)
}

func tableLine(l suite.Line, indent string, width int) string {
	name := fmt.Sprintf("%-*s", width, indent+l.Name)
	if l.Absent != "" {
		return fmt.Sprintf("%s        –   %s", name, l.Absent)
	}
	line := fmt.Sprintf("%s  %7s   %7s to %7s   %5d rows", name, share(l.Value), share(l.Interval[0]), share(l.Interval[1]), l.Rows)
	for _, p := range l.Parts {
		line += fmt.Sprintf("   %s %s", p.Name, share(p.Value))
	}
	if l.Ties > 0 {
		line += fmt.Sprintf("   %d ties", l.Ties)
	}
	return line
}

// tableNotes are a table's notes, and the subsets that it does not count.
func tableNotes(t *suite.Table) []string {
	notes := t.Notes
	for _, o := range t.Outside {
		notes = append(notes[:len(notes):len(notes)], fmt.Sprintf("%d rows of %s are of no section and count nowhere", o.Rows, o.Name))
	}
	return notes
}

// suiteSections are a table of the page for each result that a suite measured.
func suiteSections(results []Result) []report.Section {
	var all []report.Section
	for _, r := range results {
		if r.Suite == nil {
			continue
		}
		s := report.Section{Title: r.Suite.Suite, Text: strings.Join(append([]string{r.Stage + "."}, tableNotes(r.Suite)...), " "),
			Head: []string{"section", "subset", "weight", "value", "95 % interval", "by", "rows", "ties", "made of"}}
		s.Rows = append(s.Rows, suiteCells(r.Suite.Overall, "overall", "", ""))
		for _, sec := range r.Suite.Sections {
			s.Rows = append(s.Rows, suiteCells(sec.Line, sec.Name, "", fmt.Sprintf("%g", sec.Weight)))
			for _, sub := range sec.Subsets {
				s.Rows = append(s.Rows, suiteCells(sub, "", sub.Name, fmt.Sprintf("%g", sub.Weight)))
			}
		}
		all = append(all, s)
	}
	return all
}

// suiteCells is a line of a table as a row of the page.
func suiteCells(l suite.Line, section, subset, weight string) []string {
	if l.Absent != "" {
		return []string{section, subset, weight, "–", l.Absent, "", fmt.Sprint(l.Rows), "", ""}
	}
	var parts []string
	for _, p := range l.Parts {
		parts = append(parts, p.Name+" "+share(p.Value))
	}
	return []string{section, subset, weight, share(l.Value), share(l.Interval[0]) + " to " + share(l.Interval[1]), l.Method,
		fmt.Sprint(l.Rows), fmt.Sprint(l.Ties), strings.Join(parts, ", ")}
}
