package record

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/rmc-lang/rmc/runtime/table"
)

// prmBench reads a chain that was made wrong, of which all wrong steps are
// listed, 1-based, and in a further example the chain that it was made of, in
// which all are right.
func (l *Layout) prmBench(row table.Row, where string) (s solution, err error) {
	question, steps := "modified_question", "modified_process"
	if row.Part == 1 {
		question, steps = "original_question", "original_process"
	}
	if !l.has(row, question) {
		question = "question"
	}
	if s.question, err = l.text(row, where, question); err != nil {
		return s, err
	}
	if s.steps, err = l.list(row, where, steps); err != nil {
		return s, err
	}
	for range s.steps {
		s.gold = append(s.gold, l.Labels.verdict(true))
	}
	if row.Part == 1 {
		return s, nil
	}
	wrong, ok := l.Value(row, "error_steps").([]any)
	if !ok {
		return s, l.mistyped(row, where, "error_steps", "a list of numbers of steps", l.Value(row, "error_steps"))
	}
	for _, item := range wrong {
		n, ok := number(item)
		if !ok {
			return s, l.mistyped(row, where, "error_steps", "a list of numbers of steps", item)
		}
		if n < 1 || int(n) > len(s.steps) {
			s.flaw = Mislabelled
			return s, nil
		}
		s.gold[int(n)-1] = l.Labels.verdict(false)
	}
	return s, nil
}

// bothChains reports whether a row has a chain besides the one made of it.
func (l *Layout) bothChains(row table.Row) bool {
	made, _ := l.list(row, "", "modified_process")
	from, err := l.list(row, "", "original_process")
	return err == nil && !slices.Equal(made, from)
}

// A candidate is one of several solutions that a row has.
type candidate struct {
	column string // that the label is in
	text   any
	label  any
}

// answers lists the solutions of a row: columns with objects of solution and
// is_correct, by name, as GSM8K's; or the lists answers and labels (or label), as
// RLHFlow's test sets.
func (l *Layout) answers(row table.Row) []candidate {
	var out []candidate
	texts, isList := l.Value(row, "answers").([]any)
	name, _ := l.first(row, "labels", "label")
	labels, labelled := l.Value(row, name).([]any)
	for i := range texts {
		if isList && labelled && len(texts) == len(labels) {
			out = append(out, candidate{name, texts[i], labels[i]})
		}
	}
	if out != nil {
		return out
	}
	for _, column := range columnNames(row.Fields) {
		if one, ok := row.Fields[column].(map[string]any); ok && one["solution"] != nil && one["is_correct"] != nil {
			out = append(out, candidate{column + ".is_correct", one["solution"], one["is_correct"]})
		}
	}
	return out
}

// oneOfAnswers reads one of a row's solutions. Only the whole has a label: of level step
// it stands after the last.
func (l *Layout) oneOfAnswers(row table.Row, where string) (s solution, err error) {
	if s.question, err = l.asks(row, where); err != nil {
		return s, err
	}
	all := l.answers(row)
	if row.Part >= len(all) {
		s.flaw = Unlabelled
		return s, nil
	}
	one := all[row.Part]
	text, ok := one.text.(string)
	if !ok {
		return s, l.mistyped(row, where, one.column, "a solution, a text,", one.text)
	}
	if s.outcome, ok = l.Labels.read(one.label); !ok {
		return s, l.mistyped(row, where, one.column, l.Labels.want(), one.label)
	}
	s.steps = CutSteps(text)
	s.gold = make([][]float32, len(s.steps))
	if n := len(s.steps); n > 0 {
		s.gold[n-1] = s.outcome
	}
	return s, nil
}

// A tree is the samples of OmegaPRM (MATH-APS): beginnings of solutions, each
// with the share of completions that reach the right answer.
type tree struct {
	texts  []string // what each node adds to its parent
	values []float64
	parent []int // -1 for none
	leaves []int
}

// tree reads the nodes of a row, sorted, so that each comes after its parent: the
// longest other node that it begins with.
func (l *Layout) tree(row table.Row, where string) (*tree, error) {
	question, err := l.asks(row, where)
	if err != nil {
		return nil, err
	}
	nodes, ok := l.Value(row, "reasoning_steps").([]any)
	if !ok {
		return nil, l.mistyped(row, where, "reasoning_steps", "a list of beginnings with values", l.Value(row, "reasoning_steps"))
	}
	values := map[string]float64{}
	var texts []string
	for _, item := range nodes {
		node, _ := item.(map[string]any)
		text, _ := node["solution_prefix"].(string)
		value, ok := number(node["mc_value"])
		text, begins := strings.CutPrefix(text, question)
		if !ok || !begins || !(value >= 0 && value <= 1) {
			return nil, l.mistyped(row, where, "reasoning_steps", "a list of beginnings, the question before each, with values from 0 to 1", item)
		}
		if _, twice := values[text]; !twice && strings.TrimSpace(text) != "" { // the root is the question itself
			values[text], texts = value, append(texts, text)
		}
	}
	sort.Strings(texts)
	return grow(texts, values), nil
}

// grow makes a tree of sorted texts.
func grow(texts []string, values map[string]float64) *tree {
	t := &tree{}
	var path []int // from the root to the node at hand
	inner := map[int]bool{}
	for i, text := range texts {
		for len(path) > 0 && !strings.HasPrefix(text, texts[path[len(path)-1]]) {
			path = path[:len(path)-1]
		}
		parent, rest := -1, text
		if len(path) > 0 {
			parent = path[len(path)-1]
			rest, inner[parent] = text[len(texts[parent]):], true
		}
		t.parent, t.texts, t.values = append(t.parent, parent), append(t.texts, rest), append(t.values, values[text])
		path = append(path, i)
	}
	for i := range texts {
		if !inner[i] {
			t.leaves = append(t.leaves, i)
		}
	}
	return t
}

// branch reads one leaf of a row's tree with the steps that lead to it. A step of
// several leaves has its label in the first of them alone.
func (l *Layout) branch(row table.Row, where string) (s solution, err error) {
	if s.question, err = l.asks(row, where); err != nil {
		return s, err
	}
	t, err := l.tree(row, where)
	if err != nil || row.Part >= len(t.leaves) {
		s.flaw = Unlabelled
		return s, err
	}
	seen := map[int]bool{}
	for _, leaf := range t.leaves[:row.Part] {
		for n := leaf; n >= 0; n = t.parent[n] {
			seen[n] = true
		}
	}
	for n := t.leaves[row.Part]; n >= 0; n = t.parent[n] {
		if strings.TrimSpace(t.texts[n]) == "" {
			continue
		}
		var gold []float32
		if !seen[n] {
			gold = l.Labels.soft(t.values[n])
		}
		s.steps, s.gold = append(s.steps, t.texts[n]), append(s.gold, gold)
	}
	slices.Reverse(s.steps)
	slices.Reverse(s.gold)
	return s, nil
}

// placed reads token ids with the places of labels: ids, at (the index of the
// token before each label) and labels. The texts of the labels are ids as well.
func (l *Layout) placed(row table.Row, where string) (Record, error) {
	rec, err := l.idLists(row, where, "ids")
	if err != nil {
		return Record{}, err
	}
	places, err := l.tokenLists(row, where, "at")
	if err != nil {
		return Record{}, err
	}
	labels, ok := l.Value(row, "labels").([]any)
	if !ok || len(labels) != len(places[0]) {
		return Record{}, l.mistyped(row, where, "labels", "a list of labels, one for each of at,", l.Value(row, "labels"))
	}
	s := &Stepwise{Ids: rec.Ids[0], PromptTokens: len(rec.PromptIDs)}
	if s.LabelIDs, err = l.Labels.ids(); err != nil {
		return Record{}, fmt.Errorf("%s: %w", where, err)
	}
	for i, v := range labels {
		gold, ok := l.Labels.read(v)
		if !ok {
			return Record{}, l.mistyped(row, where, "labels", l.Labels.want(), v)
		}
		if at := int(places[0][i]); at >= len(s.Ids) || i > 0 && at <= int(places[0][i-1]) {
			s.Flaw = Mislabelled
		} else if gold != nil {
			s.Marks = append(s.Marks, Mark{At: at, Gold: gold})
		}
	}
	if n := len(s.Marks); n > 0 {
		s.Ids, s.Tail = UpToMark(s.Ids, s.Marks[n-1])
	} else if s.Flaw == "" {
		s.Flaw = Unlabelled
	}
	rec.Steps = s
	return rec, nil
}
