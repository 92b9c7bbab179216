package data

import (
	"fmt"
	"slices"
)

// Join is the examples of several sets as one, in their order, each on the side
// that it is on, and numbered anew. They must have the same views, columns and
// labels; parts are what messages call them.
func Join(parts []string, sets ...*Set) (*Set, error) {
	first := sets[0]
	out := &Set{Columns: first.Columns, Attributes: first.Attributes, Views: first.Views, Labels: first.Labels, LabelIDs: first.LabelIDs, Endings: first.Endings}
	for i, s := range sets {
		for _, same := range []struct {
			what string
			a, b []string
		}{{"views", first.Views, s.Views}, {"columns", first.Columns, s.Columns}, {"attributes", first.Attributes, s.Attributes}, {"labels", first.Labels, s.Labels}} {
			if !slices.Equal(same.a, same.b) {
				return nil, fmt.Errorf("%s has the %s %v, and %s has %v: rows of both cannot stand in one data set", parts[0], same.what, same.a, parts[i], same.b)
			}
		}
		if !slices.Equal(first.LabelIDs, s.LabelIDs) {
			return nil, fmt.Errorf("the labels of %s are the tokens %v, and those of %s are %v", parts[0], first.LabelIDs, parts[i], s.LabelIDs)
		}
		out.Train, out.Holdout = append(out.Train, renumbered(s.Train, out.Stats.Read)...), append(out.Holdout, renumbered(s.Holdout, out.Stats.Read)...)
		out.Stats.join(s.Stats)
	}
	out.count()
	return out, nil
}

// renumbered is examples with so many rows before them.
func renumbered(all []Example, before int) []Example {
	out := slices.Clone(all)
	for i := range out {
		out[i].Row += before
	}
	return out
}

// join adds up what is counted of rows before they are kept.
func (s *Stats) join(o Stats) {
	before := s.Read
	for _, f := range o.Filters {
		f.Rows = slices.Clone(f.Rows)
		for i := range f.Rows {
			f.Rows[i] += before
		}
		s.Filters = append(s.Filters, f)
	}
	s.Format = "union"
	s.Read += o.Read
	s.Over += o.Over
	s.Longest, s.MaxLength = max(s.Longest, o.Longest), max(s.MaxLength, o.MaxLength)
	s.TokensBefore += o.TokensBefore
}

// Relabelled is pairs with the sides that a judge or a model gave them: -1 prefers
// the side that was chosen, +1 the other, by the row of texts, of which pairs has
// one each. A pair with 0, or without an entry, is left out.
func Relabelled(pairs []Pair, texts []Text, preferences map[int]int8) []Pair {
	var out []Pair
	for i, p := range pairs {
		p.from = p.keys()
		switch preferences[texts[i].Row] {
		case -1:
			out = append(out, p)
		case +1:
			p.Chosen, p.Rejected = p.Rejected, p.Chosen
			out = append(out, p)
		}
	}
	return Union(out)
}
