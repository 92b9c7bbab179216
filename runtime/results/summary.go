package results

import (
	"fmt"

	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/suite"
)

// Headline is an evaluation in a line: accuracy before and after with the
// interval of the latter.
func Headline(res measure.Result) string {
	if len(res.Attributes) > 0 {
		return fmt.Sprintf("%s: %d attributes", res.Stage, len(res.Attributes))
	}
	if res.Marked != nil {
		return res.Stage + ": " + markedHeadline(res.Marked)
	}
	if res.AllTie() {
		return fmt.Sprintf("%s: all %d pairs tie: %s", res.Stage, res.Pairs, measure.NoDifference)
	}
	before := ""
	if res.Before != nil {
		before = measure.Share(res.Before.Accuracy) + " → "
		if res.Before.AllTie() {
			before = "(all tied before) "
		}
	}
	line := fmt.Sprintf("%s: accuracy %s%s   95 %% interval %s to %s   %d pairs",
		res.Stage, before, measure.Share(res.Accuracy), measure.Share(res.Interval[0]), measure.Share(res.Interval[1]), res.Pairs)
	if p := res.Positions; p != nil {
		line += fmt.Sprintf("   the first wins %s   the same in both orders %s", measure.Share(p.First), measure.Share(p.Consistent))
	}
	return line
}

// Details are the further lines of an evaluation.
func Details(res measure.Result) []string {
	var lines []string
	for _, a := range res.Attributes {
		line := fmt.Sprintf("%-16s %5d rows   MSE %.4g (of the mean %.4g)   R² %+.3f   Pearson %+.3f (%+.3f to %+.3f)   Spearman %+.3f",
			a.Attribute, a.Rows, a.MSE, a.MeanMSE, a.R2, a.Pearson, a.Interval[0], a.Interval[1], a.Spearman)
		if a.Undefined != "" {
			line = fmt.Sprintf("%-16s %5d rows   MSE %.4g (of the mean %.4g)   no correlation: %s", a.Attribute, a.Rows, a.MSE, a.MeanMSE, a.Undefined)
		}
		lines = append(lines, line)
	}
	if m := res.Measures; m != nil {
		lines = append(lines, fmt.Sprintf("the shorter one wins: %s   margin %+.3f   log loss %.3f   ties %s   correlation with length %+.3f",
			measure.Share(m.Shorter), m.Margin, m.LogLoss, m.TiesText(), m.LengthCorrelation))
		if p := m.Positions; p != nil {
			lines = append(lines, fmt.Sprintf("the one shown first wins: %s   the same in both orders: %s of %d pairs", measure.Share(p.First), measure.Share(p.Consistent), p.Pairs))
		}
	}
	return append(lines, tableLines(res.Suite)...)
}

// markedHeadline is what a line of the summary says of conversations with labels.
func markedHeadline(m *measure.Marked) string {
	line := fmt.Sprintf("%d conversations", m.Conversations)
	if m.Places > 0 {
		worst := m.Labels[len(m.Labels)-1]
		line = fmt.Sprintf("accuracy %s   95 %% interval %s to %s   %d labels in %d conversations   always %s: %s   F1 of %s %.3f   log loss %.4f",
			measure.Share(m.Accuracy), measure.Share(m.Interval[0]), measure.Share(m.Interval[1]), m.Places, m.Conversations, m.Commonest, measure.Share(m.Majority), worst.Label, worst.F1, m.LogLoss)
	}
	if p := m.Positions; p != nil {
		line += fmt.Sprintf("   first preferred %s   same in both orders %s of %d", measure.Share(p.First), measure.Share(p.Consistent), p.Pairs)
	}
	if o := m.Outcome; o != nil {
		line += fmt.Sprintf("   AUC %.3f", o.AUC)
		for i, b := range o.BestOf {
			line += fmt.Sprintf("   best of %d %s (of %s)", b.N, measure.Share(b.Value), measure.Share(o.PassAt[i].Value))
			if o.Majority != nil {
				line += fmt.Sprintf(", majority %s", measure.Share(o.Majority[i].Value))
			}
			if b.Short > 0 {
				line += fmt.Sprintf(", %d questions have fewer", b.Short)
			}
		}
	}
	return line
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
	line := fmt.Sprintf("%s  %7s   %7s to %7s   %5d rows", name, measure.Share(l.Value), measure.Share(l.Interval[0]), measure.Share(l.Interval[1]), l.Rows)
	for _, p := range l.Parts {
		line += fmt.Sprintf("   %s %s", p.Name, measure.Share(p.Value))
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
