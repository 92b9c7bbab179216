package trainer

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/report"
)

// A reportCommand draws the page of a run.
type reportCommand struct {
	Output string `short:"o" help:"Where to write the page; report.html in the run directory otherwise." placeholder:"FILE"`
}

// Run writes the page of whatever the run directory holds: an unfinished run
// has curves too.
func (c *reportCommand) Run(in *invocation) error {
	rec, err := readRecord(in.dir)
	if err != nil {
		return err
	}
	if rec == nil {
		return fmt.Errorf("%s holds no run; train first, or name another folder with --out", in.dir)
	}
	page, err := runPage(in.dir, rec)
	if err != nil {
		return err
	}
	html, err := page.Render()
	if err != nil {
		return err
	}
	path := c.Output
	if path == "" {
		path = filepath.Join(in.dir, reportFile)
	}
	if err := disk.Write(path, html); err != nil {
		return err
	}
	fmt.Fprintln(in.stdout, path)
	return nil
}

// runPage composes the page: results first, then how they came about.
func runPage(dir string, rec *Record) (report.Page, error) {
	status := rec.Status
	if rec.StoppedAfter > 0 {
		status = fmt.Sprintf("stopped after step %d by --steps", rec.StoppedAfter)
	}
	p := report.Page{Title: rec.Program, Subtitle: fmt.Sprintf("%s; started %s; backend %s, devices %d, CPUs %d, %s",
		status, rec.Started.Format("2 January 2006 15:04 UTC"), rec.Device.Backend, rec.Device.Devices, rec.Device.CPUs, rec.Device.System)}
	steps, err := readLines[map[string]any](filepath.Join(dir, metricsFile))
	if err != nil {
		return p, err
	}
	rows, err := readLines[evaluated](filepath.Join(dir, evaluationFile))
	if err != nil {
		return p, err
	}
	p.Sections = append(p.Sections, resultSection(rec.Results))
	for _, section := range []func() (report.Section, error){
		func() (report.Section, error) { return curveSection(steps) },
		func() (report.Section, error) { return scoreSection(rec.Results, rows) },
		func() (report.Section, error) { return dataSection(rec.Data) },
	} {
		s, err := section()
		if err != nil {
			return p, err
		}
		p.Sections = append(p.Sections, s)
	}
	p.Sections = append(p.Sections, contractSection(rec),
		report.Section{Title: "Recipe", Code: rec.Recipe}, report.Section{Title: "Lock", Code: rec.Lock})
	return p, nil
}

// An evaluated is a line of evaluation.jsonl.
type evaluated struct {
	Stage string `json:"stage"`
	Scored
}

// readLines reads a file of JSON lines; a file that is not there has none.
func readLines[T any](path string) ([]T, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []T
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		var v T
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		out = append(out, v)
	}
	return out, lines.Err()
}

func resultSection(results []Result) report.Section {
	s := report.Section{Title: "Result", Head: []string{"stage", "before", "after", "95 % interval", "the shorter one wins", "log loss", "pairs", "ties"}}
	if len(results) == 0 {
		s.Text = "Nothing was evaluated yet."
	}
	for _, r := range results {
		before := "–"
		if r.Before != nil {
			before = share(r.Before.Accuracy)
		}
		s.Rows = append(s.Rows, []string{r.Stage, before, share(r.Accuracy), share(r.Interval[0]) + " to " + share(r.Interval[1]),
			share(r.Shorter), fmt.Sprintf("%.3f", r.LogLoss), fmt.Sprint(r.Pairs), fmt.Sprint(r.Ties)})
	}
	return s
}

// curveSection draws every number that metrics.jsonl has, a curve for each
// stage that has it.
func curveSection(steps []map[string]any) (report.Section, error) {
	s := report.Section{Title: "Training"}
	if len(steps) == 0 {
		s.Text = "No steps were recorded."
		return s, nil
	}
	for _, name := range curveNames(steps) {
		svg, err := report.Curves(name, "optimizer step", "", byStage(steps, name)...)
		if err != nil {
			return s, err
		}
		s.Plots = append(s.Plots, svg)
	}
	return s, nil
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
	skip := []string{"step", "of", "stage", "pairs_per_s", "tokens_per_s"}
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

func scoreSection(results []Result, rows []evaluated) (report.Section, error) {
	s := report.Section{Title: "Held-out scores"}
	for _, r := range results {
		var chosen, rejected report.Series
		chosen.Name, rejected.Name = "chosen", "rejected"
		for _, row := range rows {
			if row.Stage == r.Stage {
				chosen.Y, rejected.Y = append(chosen.Y, row.Chosen), append(rejected.Y, row.Rejected)
			}
		}
		hist, err := report.Histogram(r.Stage, "score", "rows", 30, chosen, rejected)
		if err != nil {
			return s, err
		}
		var bins []report.Bin
		for _, b := range r.Calibration {
			bins = append(bins, report.Bin{Predicted: b.Predicted, Observed: b.Observed, Count: b.Pairs})
		}
		cal, err := report.Calibration("calibration", bins)
		if err != nil {
			return s, err
		}
		s.Plots = append(s.Plots, hist, cal)
	}
	return s, nil
}

// dataSection tells what became of the rows, filter by filter.
func dataSection(sets []DataRecord) (report.Section, error) {
	s := report.Section{Title: "Data", Head: []string{"set", "step", "rows before", "rows after", "why"}}
	var plots []template.HTML
	for _, d := range sets {
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
			return s, err
		}
		plots = append(plots, svg)
	}
	s.Plots = plots
	return s, nil
}

func contractSection(rec *Record) report.Section {
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
