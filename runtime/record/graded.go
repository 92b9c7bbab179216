package record

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/table"
)

// The layouts of labels data, as spec.Data.Format names them.
const (
	formatConversations = "conversations"
	formatSteps         = "steps"
	formatSolutions     = "solutions"
	formatShepherd      = "math_shepherd"
	formatPRM800K       = "prm800k"
	formatProcessBench  = "processbench"
	formatBIGBench      = "bigbench_mistake"
	formatMRBen         = "mr_ben"
	formatPRMBench      = "prmbench"
	formatTrees         = "math_aps"
)

// labelFormats lists them.
func labelFormats() []string {
	return []string{formatConversations, formatSteps, formatSolutions, formatShepherd, formatPRM800K, formatProcessBench,
		formatBIGBench, formatMRBen, formatPRMBench, formatTrees, FormatIDs}
}

// decideLabels finds the layout of rows with labels.
func (l *Layout) decideLabels(row table.Row, where string) error {
	for _, c := range []struct {
		format string
		has    []string
	}{
		{FormatIDs, []string{"ids"}},
		{formatConversations, []string{"conversations"}},
		{formatConversations, []string{"messages"}},
		{formatMRBen, []string{"Model_Solution_Steps"}},
		{formatPRMBench, []string{"modified_process"}},
		{formatTrees, []string{"reasoning_steps"}},
		{formatPRM800K, []string{"label.steps", "question.problem"}},
		{formatProcessBench, []string{"problem", "steps", "label"}},
	} {
		if !slices.ContainsFunc(c.has, func(name string) bool { return !l.has(row, name) }) {
			l.Format, l.Why = c.format, "the rows have "+strings.Join(c.has, " and ")
			return nil
		}
	}
	input, _ := l.Value(row, "input").(string)
	_, mistake := At(row.Fields, l.Column("mistake_index"))
	_, answered := l.first(row, "steps", "response", "solution")
	switch {
	case mistake && l.has(row, "steps"):
		l.Format, l.Why = formatBIGBench, "the rows have steps and mistake_index"
	case strings.Contains(input, stepTag) && l.has(row, "label"):
		l.Format, l.Why = formatShepherd, "input has the tag "+stepTag
	case len(l.answers(row)) > 0:
		l.Format, l.Why = formatSolutions, "the rows have solutions with is_correct, or answers with labels"
	case answered:
		l.Format, l.Why = formatSteps, "the rows have a question, steps or a response, and labels"
	default:
		return l.Missing(row, where, "steps")
	}
	return nil
}

// first finds the column of several that a row has.
func (l *Layout) first(row table.Row, names ...string) (name string, ok bool) {
	for _, name := range names {
		switch {
		case l.has(row, name):
			return name, true
		case name == "steps" && l.has(row, "completions"): // TRL's stepwise supervision
			return "completions", true
		}
	}
	return names[0], false
}

// asks reads the question of a row, whatever its column is called.
func (l *Layout) asks(row table.Row, where string) (string, error) {
	name, _ := l.first(row, "prompt", "question", "problem", "input")
	return l.text(row, where, name)
}

// graded reads a row of labels data.
func (l *Layout) graded(row table.Row, where string) (Record, error) {
	switch l.Format {
	case FormatIDs:
		return l.placed(row, where)
	case formatConversations:
		return l.signed(row, where)
	}
	s, err := l.solution(row, where)
	if err != nil {
		return Record{}, err
	}
	return l.dialogue(s).Record(strings.TrimSpace(s.question)), nil
}

// solution reads a row of the layouts that have a question, steps and labels
// apart.
func (l *Layout) solution(row table.Row, where string) (s solution, err error) {
	switch l.Format {
	case formatSteps:
		s, err = l.stepList(row, where)
	case formatSolutions:
		s, err = l.oneOfAnswers(row, where)
	case formatShepherd:
		s, err = l.shepherd(row, where)
	case formatPRM800K:
		s, err = l.prm800k(row, where)
	case formatProcessBench:
		s, err = l.processBench(row, where)
	case formatBIGBench:
		s, err = l.bigBench(row, where)
	case formatMRBen:
		s, err = l.mrBen(row, where)
	case formatPRMBench:
		s, err = l.prmBench(row, where)
	case formatTrees:
		s, err = l.branch(row, where)
	default:
		err = fmt.Errorf("no layout %q for labels: there are auto, %s", l.Format, strings.Join(labelFormats(), ", "))
	}
	if err == nil && l.unlabelled {
		s.open()
	}
	return s, err
}

// parts is how many examples a row makes.
func (l *Layout) parts(row table.Row) int {
	switch {
	case l.Kind != KindLabels:
		return 1
	case l.Format == formatSolutions:
		return max(1, len(l.answers(row)))
	case l.Format == formatTrees:
		tree, err := l.tree(row, "")
		if err != nil {
			return 1 // read says what is wrong
		}
		return max(1, len(tree.leaves))
	case l.Format == formatPRMBench && l.bothChains(row):
		return 2
	}
	return 1
}

// list reads a column that must be a list of texts.
func (l *Layout) list(row table.Row, where, name string) ([]string, error) {
	if !l.has(row, name) {
		return nil, l.Missing(row, where, name)
	}
	list, ok := l.Value(row, name).([]any)
	if !ok {
		return nil, l.mistyped(row, where, name, "a list of texts", l.Value(row, name))
	}
	out := make([]string, len(list))
	for i, item := range list {
		if out[i], ok = item.(string); !ok {
			return nil, l.mistyped(row, where, name, "a list of texts", item)
		}
	}
	return out, nil
}

// whole reads a column that must be a whole number.
func (l *Layout) whole(row table.Row, where, name string) (int, error) {
	v := l.Value(row, name)
	f, ok := number(v)
	switch {
	case v == nil:
		return 0, l.Missing(row, where, name)
	case !ok || f != math.Trunc(f) || math.Abs(f) > 1e6:
		return 0, l.mistyped(row, where, name, "a whole number", v)
	}
	return int(f), nil
}

// upTo labels steps of which the first wrong one is known: those before it are
// right, those after it have no label. Wrong is 0-based; below 0 all are right.
func (l *Layout) upTo(wrong, steps int) (gold [][]float32, flaw string) {
	gold = make([][]float32, steps)
	if wrong >= steps {
		return gold, Mislabelled
	}
	for i := range gold {
		if wrong < 0 || i < wrong {
			gold[i] = l.Labels.verdict(true)
		}
	}
	if wrong >= 0 {
		gold[wrong] = l.Labels.verdict(false)
	}
	return gold, ""
}

// stepList reads plain columns: a question, steps (a list) or a response (a text,
// of which the lines are steps), and labels, one for each step, or one label for
// the whole, which stands after the last step.
func (l *Layout) stepList(row table.Row, where string) (s solution, err error) {
	if s.question, err = l.asks(row, where); err != nil {
		return s, err
	}
	name, _ := l.first(row, "steps", "response", "solution")
	if text, ok := l.Value(row, name).(string); ok {
		s.steps = CutSteps(text)
	} else if s.steps, err = l.list(row, where, name); err != nil {
		return s, err
	}
	return s, l.labelList(row, where, &s)
}

// labelList reads labels or label into a solution.
func (l *Layout) labelList(row table.Row, where string, s *solution) error {
	names := []string{"labels", "label"}
	if l.Labels.level == LevelOutcome {
		slices.Reverse(names)
	}
	name, ok := l.first(row, names...)
	if !ok && l.unlabelled {
		return nil
	}
	if !ok {
		return l.Missing(row, where, names[0])
	}
	list, ok := l.Value(row, name).([]any)
	switch {
	case !ok || name == "label" && len(list) == len(l.Labels.Names) && len(list) != len(s.steps):
		list = make([]any, len(s.steps)) // one label, after the last step
		if len(list) > 0 {
			list[len(list)-1] = l.Value(row, name)
		}
	case len(list) != len(s.steps):
		return l.mistyped(row, where, name, fmt.Sprintf("a list of %d labels, one for each step,", len(s.steps)), l.Value(row, name))
	}
	for _, item := range list {
		gold, ok := l.Labels.read(item)
		if !ok {
			return l.mistyped(row, where, name, l.Labels.want(), item)
		}
		s.gold, s.outcome = append(s.gold, gold), gold
	}
	return nil
}

// outcome is the gold of a row's column that says whether the whole is right;
// nil where the row has none.
func (l *Layout) outcome(row table.Row, where, name string) ([]float32, error) {
	gold, ok := l.Labels.read(l.Value(row, name))
	if !ok {
		return nil, l.mistyped(row, where, name, l.Labels.want(), l.Value(row, name))
	}
	return gold, nil
}
