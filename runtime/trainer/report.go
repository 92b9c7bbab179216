package trainer

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/results"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/world"
)

// A reportCommand draws the page of a run.
type reportCommand struct {
	Output   string `short:"o" help:"Where to write the page; report.html in the run directory otherwise." placeholder:"FILE"`
	Examples int    `help:"How many evaluated examples to show with what their scores are made of." default:"8" placeholder:"N"`
	Rows     []int  `help:"Which rows of the data to show instead, from 1." placeholder:"ROW"`
}

// Run writes the page of whatever the run directory holds: an unfinished run
// has curves too.
func (c *reportCommand) Run(in *invocation) error {
	rec, err := rundir.Read(in.dir)
	if err != nil {
		return err
	}
	if rec == nil {
		return fmt.Errorf("%s holds no run; train first, or name another folder with --out", in.dir)
	}
	from := results.Sources{Dir: in.dir, Program: in.program, Record: rec, Fits: in.fits(), Texts: in.texts, Examples: c.Examples, Rows: c.Rows}
	page, err := from.Page()
	if err != nil {
		return err
	}
	html, err := page.Render()
	if err != nil {
		return err
	}
	path := c.Output
	if path == "" {
		path = filepath.Join(in.dir, rundir.ReportFile)
	}
	if err := disk.Write(path, html); err != nil {
		return err
	}
	fmt.Fprintln(in.stdout, path)
	return nil
}

// texts are the rows that a stage evaluated in words, by number.
func (in *invocation) texts(stage string) map[int]data.Text {
	texts := map[int]data.Text{}
	for _, s := range in.program.Stages {
		if s.Name() == stage {
			texts = in.readTexts(s.Data)
		}
	}
	return texts
}

// readTexts are the rows of a data set in words, by number; none where its file
// is not there, or is not what was locked.
func (in *invocation) readTexts(d spec.Data) map[int]data.Text {
	w := &world.World{Program: in.program, Root: in.root, Dir: in.dir}
	local, err := w.Fetch(in.ctx, "data", d.Source)
	if err != nil {
		return nil
	}
	all, err := data.Texts(d, local.Path)
	if err != nil {
		return nil
	}
	judged := map[int]int8{}
	if d.Label != "" && d.Kind == "preference" {
		if judged, err = w.Preferences(d.Label); err != nil {
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

// fits are what the run directory has of the program's fits.
func (in *invocation) fits() (all []results.Fitted) {
	w := &world.World{Program: in.program, Dir: in.dir}
	for _, s := range in.program.Stages {
		if s.Kind != "fit" {
			continue
		}
		f, err := w.Fitted(s.Fit.Name)
		if err != nil {
			continue // not fitted yet
		}
		one := results.Fitted{Stage: s, Rows: f.Rows, Probe: f.Probe, Transform: f.Transform}
		if f.Tree != nil {
			one.Tree, one.Importances = f.Tree.Tree, f.Tree.Importances
		}
		all = append(all, one)
	}
	return all
}
