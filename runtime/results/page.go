// Package results tells what a run came to: in lines, and on a page.
package results

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/report"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/suite"
)

// Sources are what the page of a run is drawn from.
type Sources struct {
	Dir     string // run directory
	Program program.Program
	Record  *rundir.Record
	Fits    []Fitted // those that there are yet, in the order of the program
	// Texts is the rows that a stage evaluated in words, by number; none where they
	// cannot be read any more. It is asked for stages with examples alone.
	Texts    func(stage string) map[int]data.Text
	Examples int   // how many evaluated examples of each stage to show
	Rows     []int // which rows to show instead, from 1
}

// Page composes the page of whatever the run directory holds: results first, then
// how they came about. An unfinished run has curves too.
func (c *Sources) Page() (report.Page, error) {
	rec := c.Record
	status := rec.Status
	if rec.StoppedAfter > 0 {
		status = fmt.Sprintf("stopped after step %d by --steps", rec.StoppedAfter)
	}
	p := report.Page{Title: rec.Program, Subtitle: fmt.Sprintf("%s; started %s; backend %s, devices %d, CPUs %d, %s",
		status, rec.Started.Format("2 January 2006 15:04 UTC"), rec.Device.Backend, rec.Device.Devices, rec.Device.CPUs, rec.Device.System)}
	steps, err := rundir.ReadLines[map[string]any](filepath.Join(c.Dir, rundir.MetricsFile))
	if err != nil {
		return p, err
	}
	rows, err := rundir.ReadLines[rundir.Evaluated](filepath.Join(c.Dir, rundir.RowsFile))
	if err != nil {
		return p, err
	}
	for _, section := range []func() ([]report.Section, error){
		func() ([]report.Section, error) { return resultSections(rec), nil },
		func() ([]report.Section, error) { return markedSections(rec.Results) },
		func() ([]report.Section, error) { return suiteSections(rec.Results), nil },
		func() ([]report.Section, error) { return c.exampleSections(rows) },
		func() ([]report.Section, error) { return fitSections(c.Fits), nil },
		func() ([]report.Section, error) { return curveSections(c.Program, steps) },
		func() ([]report.Section, error) { return scoreSections(rec.Results, rows) },
		func() ([]report.Section, error) { return dataSections(rec.Data) },
	} {
		all, err := section()
		if err != nil {
			return p, err
		}
		p.Sections = append(p.Sections, all...)
	}
	p.Sections = append(p.Sections, contractSection(rec),
		report.Section{Title: "Recipe", Code: rec.Recipe}, report.Section{Title: "Lock", Code: rec.Lock})
	return p, nil
}

func resultSections(rec *rundir.Record) []report.Section {
	pairs := report.Section{Title: "Result", Head: []string{"stage", "before", "after", "95 % interval", "the shorter one wins", "log loss", "correlation with length", "pairs", "ties"}}
	rated := report.Section{Title: "Attributes", Text: "Against the ratings of rows that nothing was fitted on, unless the stage says train.",
		Head: []string{"stage", "attribute", "rows", "MSE", "MSE of the mean", "R²", "Pearson", "95 % interval", "Spearman"}}
	orders := report.Section{Title: "Positions", Text: "Of responses that are compared with each other: each pair is asked in both orders. A judge without a bias prefers the one shown first half of the time.",
		Head: []string{"stage", "the one shown first wins", "the same in both orders", "pairs"}}
	for _, r := range rec.Results {
		if r.Measures != nil && r.Positions != nil {
			p := r.Positions
			orders.Rows = append(orders.Rows, []string{r.Stage, measure.Share(p.First), measure.Share(p.Consistent), fmt.Sprint(p.Pairs)})
		}
		for _, a := range r.Attributes {
			row := []string{r.Stage, a.Attribute, fmt.Sprint(a.Rows), fmt.Sprintf("%.4g", a.MSE), fmt.Sprintf("%.4g", a.MeanMSE)}
			if a.Undefined == "" {
				row = append(row, fmt.Sprintf("%+.3f", a.R2), fmt.Sprintf("%+.3f", a.Pearson), fmt.Sprintf("%+.3f to %+.3f", a.Interval[0], a.Interval[1]), fmt.Sprintf("%+.3f", a.Spearman))
			} else {
				row = append(row, "–", "–", a.Undefined, "–")
			}
			rated.Rows = append(rated.Rows, row)
		}
		if r.Measures == nil {
			continue
		}
		before := "–"
		if r.Before != nil {
			before = measure.Share(r.Before.Accuracy)
		}
		pairs.Rows = append(pairs.Rows, []string{r.Stage, before, measure.Share(r.Accuracy), measure.Share(r.Interval[0]) + " to " + measure.Share(r.Interval[1]),
			measure.Share(r.Shorter), fmt.Sprintf("%.3f", r.LogLoss), fmt.Sprintf("%+.3f", r.LengthCorrelation), fmt.Sprint(r.Pairs), r.TiesText()})
	}
	if len(rec.Results) == 0 {
		pairs.Text = "Nothing was evaluated yet."
	}
	var out []report.Section
	if len(pairs.Rows) > 0 || pairs.Text != "" {
		out = append(out, pairs)
	}
	for _, more := range []report.Section{rated, orders} {
		if len(more.Rows) > 0 {
			out = append(out, more)
		}
	}
	if len(rec.Comparisons) > 0 {
		out = append(out, comparisonSection(rec.Comparisons))
	}
	return out
}

func comparisonSection(all []measure.Comparison) report.Section {
	s := report.Section{Title: "Differences", Text: "Of the accuracies on the same pairs. An interval that has 0 in it says that the pairs do not tell the two apart.",
		Head: []string{"A", "B", "A less B, points", "95 % interval", "pairs", "prompts"}}
	for _, c := range all {
		s.Rows = append(s.Rows, []string{c.A, c.B, fmt.Sprintf("%+.1f", 100*c.Difference),
			fmt.Sprintf("%+.1f to %+.1f", 100*c.Interval[0], 100*c.Interval[1]), fmt.Sprint(c.Pairs), fmt.Sprint(c.Prompts)})
	}
	return s
}

// curveSections draws every number that metrics.jsonl has, a curve for each
// stage that has it.
func curveSections(p program.Program, steps []map[string]any) ([]report.Section, error) {
	s := report.Section{Title: "Training"}
	if len(steps) == 0 {
		if !p.Has("train") {
			return nil, nil
		}
		s.Text = "No steps were recorded."
		return []report.Section{s}, nil
	}
	for _, name := range curveNames(steps) {
		svg, err := report.Curves(name, "optimizer step", "", byStage(steps, name)...)
		if err != nil {
			return nil, err
		}
		s.Plots = append(s.Plots, svg)
	}
	return []report.Section{s}, nil
}

// byStage is one number of the steps over the steps of each stage.
func byStage(steps []map[string]any, name string) []report.Series {
	var all []report.Series
	for _, line := range steps {
		y, ok := line[name].(float64)
		if !ok {
			continue
		}
		stage, _ := line["stage"].(string)
		step, _ := line["step"].(float64)
		if len(all) == 0 || all[len(all)-1].Name != stage {
			all = append(all, report.Series{Name: stage})
		}
		s := &all[len(all)-1]
		s.X, s.Y = append(s.X, step), append(s.Y, y)
	}
	return all
}

// curveNames orders the curves: what one looks at first comes first, and then
// the objectives' own reports by name.
func curveNames(steps []map[string]any) []string {
	names := []string{"loss", "accuracy", "margin", "mean_reward", "grad_norm", "lr"}
	skip := []string{"step", "of", "stage", "examples_per_s", "tokens_per_s"}
	var own []string
	for _, step := range steps {
		for name, v := range step {
			if _, number := v.(float64); number && !slices.Contains(names, name) && !slices.Contains(skip, name) {
				own = append(own, name)
			}
		}
	}
	slices.Sort(own)
	return append(names, slices.Compact(own)...)
}

func scoreSections(results []measure.Result, rows []rundir.Evaluated) ([]report.Section, error) {
	s := report.Section{Title: "Scores"}
	for _, r := range results {
		if r.Measures == nil {
			continue
		}
		var chosen, rejected report.Series
		chosen.Name, rejected.Name = "chosen", "rejected"
		for _, row := range rows {
			if row.Stage == r.Stage {
				chosen.Y, rejected.Y = append(chosen.Y, row.Chosen), append(rejected.Y, row.Rejected)
			}
		}
		hist, err := report.Histogram(r.Stage, "score", "rows", 30, chosen, rejected)
		if err != nil {
			return nil, err
		}
		var bins []report.Bin
		for _, b := range r.Calibration {
			bins = append(bins, report.Bin{Predicted: b.Predicted, Observed: b.Observed, Count: b.Pairs})
		}
		cal, err := report.Calibration("calibration", bins)
		if err != nil {
			return nil, err
		}
		s.Plots = append(s.Plots, hist, cal)
	}
	if len(s.Plots) == 0 {
		return nil, nil
	}
	return []report.Section{s}, nil
}

// dataSections tell where the rows are from and what became of them, filter by
// filter.
func dataSections(sets []rundir.DataRecord) ([]report.Section, error) {
	from := report.Section{Title: "Data", Head: []string{"set", "source", "revision", "licence", "sha256"}}
	s := report.Section{Title: "Rows", Head: []string{"set", "step", "rows before", "rows after", "why"}}
	for _, d := range sets {
		source := d.Source
		if d.Judged != "" {
			source += ", judged by " + d.Judged
		}
		from.Rows = append(from.Rows, []string{d.Name, source, cmp.Or(d.Revision, "–"), cmp.Or(d.Licence, "not said"), d.SHA256[:min(16, len(d.SHA256))]})
		s.Rows = append(s.Rows, []string{d.Name, "read", fmt.Sprint(d.Read), fmt.Sprint(d.Read), strings.TrimSuffix(d.Format+": "+d.Decided, ": ")})
		for _, f := range d.Filters {
			s.Rows = append(s.Rows, []string{d.Name, f.Name, fmt.Sprint(f.Before), fmt.Sprint(f.After), f.Reason})
		}
		s.Rows = append(s.Rows, []string{d.Name, "split", fmt.Sprint(d.Kept), fmt.Sprintf("%d + %d", d.Train, d.Holdout),
			fmt.Sprintf("train + hold-out; %d prompts, %d in both", d.Prompts, d.InBoth)})
		var lengths report.Series
		for _, l := range d.Lengths {
			lengths.Y = append(lengths.Y, float64(l))
		}
		svg, err := report.Histogram(fmt.Sprintf("%s: length of a sequence, at most %d", d.Name, d.MaxLength), "tokens", "sequences", 30, lengths)
		if err != nil {
			return nil, err
		}
		s.Plots = append(s.Plots, svg)
	}
	return []report.Section{from, s}, nil
}

func contractSection(rec *rundir.Record) report.Section {
	s := report.Section{Title: "Scoring contract", Text: "With the weights, these decide a score."}
	if rec.Contract == nil {
		return s
	}
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(rec.Contract); err != nil {
		panic(err) // strings and numbers always marshal
	}
	s.Code = text.String()
	return s
}

// markedSections are a table, and a calibration plot each, of the results on
// conversations with labels.
func markedSections(results []measure.Result) ([]report.Section, error) {
	s := report.Section{Title: "Labels", Head: []string{"stage", "accuracy", "95 % interval", "always the commonest", "log loss", "labels", "F1 of each", "AUC of the whole", "best of n, and the best choice"}}
	for _, r := range results {
		m := r.Marked
		if m == nil {
			continue
		}
		row := []string{r.Stage, "–", "–", "–", "–", "–", "–", "–", "–"}
		if m.Places > 0 {
			var each []string
			for _, l := range m.Labels {
				each = append(each, fmt.Sprintf("%s %.3f", l.Label, l.F1))
			}
			copy(row[1:], []string{measure.Share(m.Accuracy), measure.Share(m.Interval[0]) + " to " + measure.Share(m.Interval[1]), m.Commonest + " " + measure.Share(m.Majority),
				fmt.Sprintf("%.4f", m.LogLoss), fmt.Sprintf("%d in %d conversations", m.Places, m.Conversations), strings.Join(each, ", ")})
			var bins []report.Bin
			for _, b := range m.Calibration {
				bins = append(bins, report.Bin{Predicted: b.Predicted, Observed: b.Observed, Count: b.Pairs})
			}
			plot, err := report.Calibration(r.Stage, bins)
			if err != nil {
				return nil, err
			}
			s.Plots = append(s.Plots, plot)
		}
		if o := m.Outcome; o != nil {
			var best []string
			for i, b := range o.BestOf {
				best = append(best, fmt.Sprintf("%d: %s of %s", b.N, measure.Share(b.Value), measure.Share(o.PassAt[i].Value)))
			}
			row[7], row[8] = fmt.Sprintf("%.3f", o.AUC), strings.Join(best, ", ")
		}
		s.Rows = append(s.Rows, row)
	}
	if len(s.Rows) == 0 {
		return nil, nil
	}
	return []report.Section{s}, nil
}

// suiteSections are a table of the page for each result that a suite measured.
func suiteSections(results []measure.Result) []report.Section {
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
		parts = append(parts, p.Name+" "+measure.Share(p.Value))
	}
	return []string{section, subset, weight, measure.Share(l.Value), measure.Share(l.Interval[0]) + " to " + measure.Share(l.Interval[1]), l.Method,
		fmt.Sprint(l.Rows), fmt.Sprint(l.Ties), strings.Join(parts, ", ")}
}
