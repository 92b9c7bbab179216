// Package suite makes the numbers of a benchmark from scored rows: subsets,
// sections and one overall number, each with an interval, and what the best of n
// answers is worth. It is arithmetic alone and knows no benchmark: the constants
// come in a spec.Suite.
package suite

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// A Row is one row of a benchmark with what a model said of it.
type Row struct {
	Row    int    // 0-based in the file
	Subset string // as the row calls it
	Prompt string // rows of one prompt are resampled together; "" is a prompt of its own
	// Name, of the rule tied, is ref:N or tied:N, with one N for the two forms of a
	// prompt; of other rules it means nothing.
	Name string
	// Scores are those of the responses, the better ones first; of the rule
	// first_error, the probabilities of the steps to be right.
	Scores []float64
	Better int // how many of the first responses are the better ones
	// Orders is set, and Scores is not, of a model that reads both responses of a
	// pair at once: by how much it prefers the better one in each order, 0 for a tie.
	Orders []float64
	Error  int // of the rule first_error: the 0-based step that is wrong first, -1 for none
	// Lost is how many further steps have no score, for truncation took them away. An
	// error among them is not found.
	Lost int
}

// A Table is the result of a suite. All values are shares of 1; that of the rule
// tied may exceed it by its weight of the margin.
type Table struct {
	Suite    string    `json:"suite"`
	Overall  Line      `json:"overall"`
	Sections []Section `json:"sections"`
	Outside  []Outside `json:"outside,omitempty"` // subsets of rows that no section has; they count nowhere
	Notes    []string  `json:"notes,omitempty"`   // what must be known beside the numbers
}

// A Section is one of the suite, with those of its subsets that have rows.
type Section struct {
	Line
	Subsets []Line `json:"subsets,omitempty"`
}

// A Line is one number of a table.
type Line struct {
	Name     string     `json:"name"`
	Weight   float64    `json:"weight"` // of a subset in its section, of a section in the overall number
	Rows     int        `json:"rows"`
	Value    float64    `json:"value"`
	Interval [2]float64 `json:"interval"`         // 95 %
	Method   string     `json:"method,omitempty"` // of the interval: wilson or bootstrap
	Parts    []Part     `json:"parts,omitempty"`  // what the value is made of
	Ties     int        `json:"ties,omitempty"`   // rows with equal scores where one should be ahead
	Absent   string     `json:"absent,omitempty"` // why there is no value; then it is 0
}

// A Part is a number that a value is made of: easy, normal and hard, or the
// accuracies that an F1 is the harmonic mean of.
type Part struct {
	Name     string     `json:"name"`
	Value    float64    `json:"value"`
	Interval [2]float64 `json:"interval"` // 95 %, by bootstrap
}

// An Outside is a subset that the suite does not have.
type Outside struct {
	Name string `json:"name"`
	Rows int    `json:"rows"`
}

// Score makes the table of a suite. An error is a row that its rule cannot read,
// or rows of none of its subsets.
func Score(s spec.Suite, rows []Row) (*Table, error) {
	t := &Table{Suite: s.Name, Outside: outside(s, rows)}
	numbers := make([]number, len(s.Sections))
	for i, sec := range s.Sections {
		lines, n, err := section(s, sec, rows)
		if err != nil {
			return nil, err
		}
		numbers[i] = n
		t.Sections = append(t.Sections, Section{n.line(sec.Name, sec.Weight), lines})
		t.note(sec, lines)
	}
	if !slices.ContainsFunc(t.Sections, func(s Section) bool { return s.Rows > 0 }) {
		return nil, fmt.Errorf("no row is of a subset of %s, which has %s; the rows have %s: name the column that says it, as in columns = named { subset = \"…\" }",
			s.Name, strings.Join(subsets(s), ", "), strings.Join(namesOf(rows), ", "))
	}
	all, err := overall(s, numbers, rows)
	t.Overall = all.line(s.Name, 0)
	return t, err
}

// section measures the subsets of a section that have rows, and puts them
// together.
func section(s spec.Suite, sec spec.Section, rows []Row) ([]Line, number, error) {
	rule := s.Rule
	if k := sec.Rule.Kind; k != "" && k != "same" {
		rule = sec.Rule
	}
	var lines []Line
	var parts []number
	var weights []float64
	var pool []Row
	for _, sub := range present(sec.Members(), rows) {
		of := ofSubset(rows, sub.Name)
		n, err := measure(rule, of, s.Name+"/"+sub.Name)
		if err != nil {
			return nil, n, fmt.Errorf("%s: %w", sub.Name, err)
		}
		parts, weights, pool = append(parts, n), append(weights, sub.Weight), append(pool, of...)
		lines = append(lines, n.line(sub.Name, sub.Weight))
	}
	if len(parts) == 1 && weights[0] > 0 {
		return lines, parts[0], nil
	}
	if sec.Kind == "pooled" {
		n, err := measure(rule, pool, s.Name+"/"+sec.Name)
		return lines, n, err
	}
	return lines, mean(parts, weights), nil
}

// present lists those of the subsets that rows are of, in their order; of what a
// * stands for, sorted. Where two have a name the first does.
func present(members []spec.Subset, rows []Row) []spec.Subset {
	var all []spec.Subset
	for _, sub := range members {
		for _, name := range namesOf(rows) {
			one := spec.Subset{Name: name, Weight: sub.Weight}
			if sub.Has(name) && !slices.ContainsFunc(all, func(s spec.Subset) bool { return s.Name == name }) {
				all = append(all, one)
			}
		}
	}
	return all
}

// overall puts sections together. One without a value counts 0, or nothing where
// its absence is masked.
func overall(s spec.Suite, sections []number, rows []Row) (number, error) {
	var pool []Row
	var weights []float64
	var counted []number
	for i, sec := range s.Sections {
		if sec.Weight == 0 {
			continue
		}
		for _, r := range rows {
			if slices.ContainsFunc(sec.Members(), func(sub spec.Subset) bool { return sub.Has(r.Subset) }) {
				pool = append(pool, r)
			}
		}
		n := sections[i]
		if n.absent != "" && sec.Absent == "zero" {
			n = number{rows: n.rows}
		}
		counted, weights = append(counted, n), append(weights, sec.Weight)
	}
	if s.Overall == "pooled" {
		return measure(s.Rule, pool, s.Name)
	}
	return mean(counted, weights), nil
}

// note says what a section lacks.
func (t *Table) note(sec spec.Section, have []Line) {
	var lacks []string
	for _, sub := range sec.Members() {
		if len(have) > 0 && strings.Contains(sub.Name, "*") { // one way to call it
			continue
		}
		if !slices.ContainsFunc(have, func(l Line) bool { return sub.Has(l.Name) }) {
			lacks = append(lacks, sub.Name)
		}
	}
	switch {
	case len(lacks) == 0:
	case len(have) > 0:
		t.Notes = append(t.Notes, fmt.Sprintf("%s is of what is there: no rows of %s", sec.Name, strings.Join(lacks, ", ")))
	case sec.Weight > 0 && sec.Absent == "zero":
		t.Notes = append(t.Notes, fmt.Sprintf("%s has no rows and counts as 0 in the overall number", sec.Name))
	case sec.Weight > 0:
		t.Notes = append(t.Notes, fmt.Sprintf("%s has no rows and is left out of the overall number", sec.Name))
	}
}

// outside lists the subsets of rows that no section has.
func outside(s spec.Suite, rows []Row) []Outside {
	var all []Outside
	for _, name := range namesOf(rows) {
		has := func(sub spec.Subset) bool { return sub.Has(name) }
		if !slices.ContainsFunc(s.Sections, func(sec spec.Section) bool { return slices.ContainsFunc(sec.Members(), has) }) {
			all = append(all, Outside{name, len(ofSubset(rows, name))})
		}
	}
	return all
}

// subsets names those of a suite.
func subsets(s spec.Suite) []string {
	var all []string
	for _, sec := range s.Sections {
		for _, sub := range sec.Members() {
			all = append(all, sub.Name)
		}
	}
	return all
}

// namesOf lists the subsets that rows are of, sorted.
func namesOf(rows []Row) []string {
	var all []string
	for _, r := range rows {
		all = append(all, r.Subset)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func ofSubset(rows []Row, name string) []Row {
	var of []Row
	for _, r := range rows {
		if r.Subset == name {
			of = append(of, r)
		}
	}
	return of
}
