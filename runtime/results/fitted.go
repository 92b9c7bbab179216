package results

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/rmc-lang/rmc/runtime/fit"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/report"
	"github.com/rmc-lang/rmc/runtime/tree"
)

// A Fitted is what a fit stage came to: one of a probe, a transform and a tree.
type Fitted struct {
	Stage       program.Stage
	Rows        int // fitted on
	Probe       *fit.Probe
	Transform   *fit.Transform
	Tree        *tree.Tree
	Importances []tree.Importance // of the tree
}

// fitSections show what was fitted: probes, transforms and trees.
func fitSections(all []Fitted) []report.Section {
	var out []report.Section
	for _, f := range all {
		s := f.Stage
		section := report.Section{Title: s.Name(), Text: fmt.Sprintf("%s on %s, from %d rows.", s.Fit.Kind, strings.Join(s.Fit.Of, " → "), f.Rows)}
		switch {
		case f.Probe != nil:
			f.probeTable(&section)
		case f.Transform != nil:
			f.transformTable(&section)
		default:
			f.treeTable(&section)
		}
		out = append(out, section)
	}
	return out
}

func (f *Fitted) probeTable(s *report.Section) {
	s.Head = []string{"attribute", "alpha", "rows fitted on", "rows that chose alpha", "their MSE", "mean rating"}
	for a, name := range f.Probe.Attributes {
		c := f.Probe.Chosen[a]
		mse := "–"
		for _, t := range c.Tried {
			if t.Alpha == c.Alpha && c.SelectRows > 0 {
				mse = fmt.Sprintf("%.4g", t.MSE)
			}
		}
		s.Rows = append(s.Rows, []string{name, fmt.Sprintf("%g", c.Alpha), fmt.Sprint(c.Rows), fmt.Sprint(c.SelectRows), mse, fmt.Sprintf("%.4g", c.Mean)})
	}
}

func (f *Fitted) transformTable(s *report.Section) {
	t := f.Transform
	s.Text += " " + strings.Join(t.Notes, " ")
	s.Head = []string{"attribute", "penalty", t.Measure + " with " + t.From + ", before", "after"}
	for a, name := range t.Attributes {
		s.Rows = append(s.Rows, []string{name, fmt.Sprintf("%.4g", t.Penalties[a]), fmt.Sprintf("%+.3f", t.Before[a]), fmt.Sprintf("%+.3f", t.After[a])})
	}
}

func (f *Fitted) treeTable(s *report.Section) {
	s.Plots = []template.HTML{template.HTML(f.Tree.SVG())} // it escapes the names itself
	s.Code = f.Tree.Rules()
	s.Head = []string{"attribute", "importance", "mean over resampled trees", "95 % of them"}
	for _, i := range f.Importances {
		s.Rows = append(s.Rows, []string{i.Attribute, fmt.Sprintf("%.3f", i.Share), fmt.Sprintf("%.3f", i.Mean), fmt.Sprintf("%.3f to %.3f", i.Low, i.High)})
	}
}
