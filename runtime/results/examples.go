package results

import (
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/report"
	"github.com/rmc-lang/rmc/runtime/rundir"
)

// exampleSections show what the scores of some evaluated pairs are made of, for
// each evaluation of a reward: heat maps and the texts.
func (c *Sources) exampleSections(rows []rundir.Evaluated) ([]report.Section, error) {
	var out []report.Section
	for _, res := range c.Record.Results {
		chosen := c.choose(res.Stage, rows)
		if len(chosen) == 0 {
			continue
		}
		s := report.Section{Title: "Examples of " + strings.TrimPrefix(res.Stage, "evaluate ")}
		for _, name := range partNames(chosen) {
			plots, err := partPlots(name, chosen)
			if err != nil {
				return nil, err
			}
			s.Plots = append(s.Plots, plots...)
		}
		s.Head, s.Rows = exampleTexts(c.Texts(res.Stage), chosen)
		out = append(out, s)
	}
	return out, nil
}

// choose picks the evaluated pairs with parts that are shown: the rows that were
// asked for, or some that are evenly spread.
func (c *Sources) choose(stage string, rows []rundir.Evaluated) []rundir.Evaluated {
	var all, asked []rundir.Evaluated
	for _, row := range rows {
		if row.Stage != stage || len(row.ChosenParts) == 0 {
			continue
		}
		all = append(all, row)
		if slices.Contains(c.Rows, row.Row+1) {
			asked = append(asked, row)
		}
	}
	if len(c.Rows) > 0 {
		return asked
	}
	n := min(c.Examples, len(all))
	spread := make([]rundir.Evaluated, n)
	for i := range spread {
		spread[i] = all[i*len(all)/n]
	}
	return spread
}

// partNames are the parts that have elements, by name.
func partNames(rows []rundir.Evaluated) []string {
	var names []string
	for name, part := range rows[0].ChosenParts {
		if _, ok := part.(map[string]any); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// partPlots are the heat maps of one part: a row for each side of each pair, or
// for each pair where both sides have the same, as gates do.
func partPlots(name string, rows []rundir.Evaluated) ([]template.HTML, error) {
	first, _ := rows[0].ChosenParts[name].(map[string]any)
	g := report.Grid{Columns: slices.Sorted(maps.Keys(first))}
	same := !slices.ContainsFunc(rows, func(e rundir.Evaluated) bool {
		return fmt.Sprint(e.ChosenParts[name]) != fmt.Sprint(e.RejectedParts[name])
	})
	for _, e := range rows {
		if same {
			g.Rows, g.Values = append(g.Rows, fmt.Sprintf("row %d", e.Row+1)), append(g.Values, elements(e.ChosenParts[name], g.Columns))
			continue
		}
		g.Rows = append(g.Rows, fmt.Sprintf("row %d, chosen", e.Row+1), fmt.Sprintf("row %d, rejected", e.Row+1))
		g.Values = append(g.Values, elements(e.ChosenParts[name], g.Columns), elements(e.RejectedParts[name], g.Columns))
	}
	svg, err := report.Heat(name, g)
	return []template.HTML{svg}, err
}

// elements are the numbers of a part by the names of its elements.
func elements(part any, names []string) []float64 {
	byName, _ := part.(map[string]any)
	out := make([]float64, len(names))
	for i, name := range names {
		out[i], _ = byName[name].(float64)
	}
	return out
}

// exampleTexts are the last turns of some evaluated pairs; only the scores where
// the data cannot be read any more.
func exampleTexts(texts map[int]data.Text, rows []rundir.Evaluated) (head []string, table [][]string) {
	head = []string{"row", "side", "score", "prompt", "response"}
	for _, e := range rows {
		t := texts[e.Row]
		for i, side := range []string{"chosen", "rejected"} {
			score := e.Chosen
			if i == 1 {
				score = e.Rejected
			}
			line := []string{fmt.Sprint(e.Row + 1), side, fmt.Sprintf("%+.3f", score), "", ""}
			if len(t.Responses) == 2 {
				line[3], line[4] = lastTurn(t.Prompt), lastTurn(t.Responses[i])
			}
			table = append(table, line)
		}
	}
	return head, table
}

// shown is how many characters of a turn the page has.
const shown = 240

func lastTurn(turns []data.Message) string {
	if len(turns) == 0 {
		return ""
	}
	text := []rune(strings.Join(strings.Fields(turns[len(turns)-1].Content), " "))
	if len(text) > shown {
		return string(text[:shown]) + "…"
	}
	return string(text)
}
