package trainer

import (
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/report"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// exampleSections show what the scores of some evaluated pairs are made of, for
// each evaluation of a reward: heat maps and the texts.
func (c *reportCommand) exampleSections(in *invocation, rec *rundir.Record, rows []rundir.Evaluated) ([]report.Section, error) {
	var out []report.Section
	for _, res := range rec.Results {
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
		s.Head, s.Rows = in.texts(res.Stage, chosen)
		out = append(out, s)
	}
	return out, nil
}

// choose picks the evaluated pairs with parts that are shown: the rows that were
// asked for, or some that are evenly spread.
func (c *reportCommand) choose(stage string, rows []rundir.Evaluated) []rundir.Evaluated {
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

// texts are the last turns of some evaluated pairs; only the scores where the
// data cannot be read any more.
func (in *invocation) texts(stage string, rows []rundir.Evaluated) (head []string, table [][]string) {
	texts := map[int]data.Text{}
	for _, s := range in.program.Stages {
		if s.Name() == stage {
			texts = in.readTexts(s.Data)
		}
	}
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

// readTexts are the rows of a data set in words, by number; none where its file
// is not there, or is not what was locked.
func (in *invocation) readTexts(d spec.Data) map[int]data.Text {
	r := &Run{Program: in.program, Root: in.root, Dir: in.dir}
	local, err := r.fetch(in.ctx, "data", d.Source)
	if err != nil {
		return nil
	}
	all, err := data.Texts(d, local.Path)
	if err != nil {
		return nil
	}
	judged := map[int]int8{}
	if d.Label != "" && d.Kind == "preference" {
		if judged, err = r.preferences(d.Label); err != nil {
			return nil
		}
	}
	out := map[int]data.Text{}
	for _, t := range all {
		if judged[t.Row] > 0 {
			slices.Reverse(t.Responses)
		}
		out[t.Row] = t
	}
	return out
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

// fitSections show what was fitted: probes, transforms and trees.
func fitSections(in *invocation) ([]report.Section, error) {
	r := &Run{Program: in.program, Dir: in.dir}
	var out []report.Section
	for _, s := range in.program.Stages {
		if s.Kind != "fit" {
			continue
		}
		f, err := r.fitted(s.Fit.Name)
		if err != nil {
			continue // not fitted yet
		}
		section := report.Section{Title: s.Name(), Text: fmt.Sprintf("%s on %s, from %d rows.", s.Fit.Kind, strings.Join(s.Fit.Of, " → "), f.rows)}
		switch {
		case f.probe != nil:
			f.probeTable(&section)
		case f.transform != nil:
			f.transformTable(&section)
		default:
			f.treeTable(&section)
		}
		out = append(out, section)
	}
	return out, nil
}

func (f *fitted) probeTable(s *report.Section) {
	s.Head = []string{"attribute", "alpha", "rows fitted on", "rows that chose alpha", "their MSE", "mean rating"}
	for a, name := range f.probe.Attributes {
		c := f.probe.Chosen[a]
		mse := "–"
		for _, t := range c.Tried {
			if t.Alpha == c.Alpha && c.SelectRows > 0 {
				mse = fmt.Sprintf("%.4g", t.MSE)
			}
		}
		s.Rows = append(s.Rows, []string{name, fmt.Sprintf("%g", c.Alpha), fmt.Sprint(c.Rows), fmt.Sprint(c.SelectRows), mse, fmt.Sprintf("%.4g", c.Mean)})
	}
}

func (f *fitted) transformTable(s *report.Section) {
	t := f.transform
	s.Text += " " + strings.Join(t.Notes, " ")
	s.Head = []string{"attribute", "penalty", t.Measure + " with " + t.From + ", before", "after"}
	for a, name := range t.Attributes {
		s.Rows = append(s.Rows, []string{name, fmt.Sprintf("%.4g", t.Penalties[a]), fmt.Sprintf("%+.3f", t.Before[a]), fmt.Sprintf("%+.3f", t.After[a])})
	}
}

func (f *fitted) treeTable(s *report.Section) {
	s.Plots = []template.HTML{template.HTML(f.tree.SVG())} // it escapes the names itself
	s.Code = f.tree.Rules()
	s.Head = []string{"attribute", "importance", "mean over resampled trees", "95 % of them"}
	for _, i := range f.tree.importances {
		s.Rows = append(s.Rows, []string{i.Attribute, fmt.Sprintf("%.3f", i.Share), fmt.Sprintf("%.3f", i.Mean), fmt.Sprintf("%.3f to %.3f", i.Low, i.High)})
	}
}
