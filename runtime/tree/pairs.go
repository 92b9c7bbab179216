package tree

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// Pairs are what a tree grows on.
type Pairs struct {
	Delta [][]float64 // [pair][attribute]: of the first response minus of the second; finite
	// First is what the first side won of each pair: 1, 0, or ½ where there is no
	// preference, which counts as half a win for each side and so holds its leaf
	// towards ½. Whoever wants such pairs left out leaves them out, as a label
	// with undecided = drop does. nil: the first side won every pair, as in
	// preference data, whose first side is the chosen one.
	First  []float64
	Weight []float64 // of each pair, above 0; nil is 1
	// Group is what must not be divided when rows are held out or resampled: the
	// key of a pair's prompt, or of its row. nil: each pair stands for itself.
	Group []string
}

// Len returns the number of pairs.
func (p Pairs) Len() int { return len(p.Delta) }

// first returns what the first side won of pair i.
func (p Pairs) first(i int) float64 {
	if p.First == nil {
		return 1
	}
	return p.First[i]
}

// weight returns the weight of pair i.
func (p Pairs) weight(i int) float64 {
	if p.Weight == nil {
		return 1
	}
	return p.Weight[i]
}

// group returns the key of pair i.
func (p Pairs) group(i int) string {
	if p.Group == nil {
		return strconv.Itoa(i)
	}
	return p.Group[i]
}

// check says what is wrong with pairs, by number from 0.
func (p Pairs) check(attributes []string) error {
	if p.Len() == 0 {
		return fmt.Errorf("a tree needs pairs to grow on, and there are none")
	}
	for _, of := range []struct {
		what string
		n    int
		none bool
	}{{"wins", len(p.First), p.First == nil}, {"weights", len(p.Weight), p.Weight == nil}, {"groups", len(p.Group), p.Group == nil}} {
		if !of.none && of.n != p.Len() {
			return fmt.Errorf("%d %s for %d pairs", of.n, of.what, p.Len())
		}
	}
	for i := range p.Delta {
		if err := p.checkPair(i, attributes); err != nil {
			return fmt.Errorf("pair %d: %w", i, err)
		}
	}
	return nil
}

func (p Pairs) checkPair(i int, attributes []string) error {
	if len(p.Delta[i]) != len(attributes) {
		return fmt.Errorf("%d differences for %d attributes", len(p.Delta[i]), len(attributes))
	}
	for a, d := range p.Delta[i] {
		if math.IsNaN(d) || math.IsInf(d, 0) {
			return fmt.Errorf("the difference in %s is %v; a tree takes finite numbers", attributes[a], d)
		}
	}
	if won := p.first(i); !(won >= 0 && won <= 1) {
		return fmt.Errorf("its first side won %v of it; want 0 to 1", won)
	}
	if w := p.weight(i); !(w > 0) || math.IsInf(w, 0) {
		return fmt.Errorf("its weight is %v; leave it out, or give it a weight above 0", w)
	}
	return nil
}

// Split divides pairs into those to grow on and those held out to choose the
// size of the tree, by f.Select and f.Seed, groups whole.
func (p Pairs) Split(f spec.Fit) (grow, selection Pairs) {
	var kept, held []int
	for i := range p.Delta {
		if f.Select.HeldOut("select", p.group(i), f.Seed) {
			held = append(held, i)
		} else {
			kept = append(kept, i)
		}
	}
	return p.take(kept), p.take(held)
}

// take returns the pairs at, in that order.
func (p Pairs) take(at []int) Pairs {
	out := Pairs{Delta: pick(p.Delta, at)}
	if p.First != nil {
		out.First = pick(p.First, at)
	}
	if p.Weight != nil {
		out.Weight = pick(p.Weight, at)
	}
	if p.Group != nil {
		out.Group = pick(p.Group, at)
	}
	return out
}

func pick[T any](from []T, at []int) []T {
	out := make([]T, len(at))
	for i, j := range at {
		out[i] = from[j]
	}
	return out
}

// samples are pairs in an orientation each, by column.
type samples struct {
	x      [][]float64 // [attribute][sample]
	wins   []float64   // [sample]: of weight
	weight []float64   // [sample]
	pair   []int32     // [sample]: which pair it is of; samples of one pair are one pair in a leaf
	pairs  int         // how many there are
}

// orient lists pairs as samples: as they are where signs has a 1, with the sides
// exchanged where it has a -1.
func (p Pairs) orient(attributes int, signs ...float64) samples {
	s := samples{x: make([][]float64, attributes), pairs: p.Len()}
	for i, delta := range p.Delta {
		for _, sign := range signs {
			s.add(delta, sign, p.first(i), p.weight(i), i)
		}
	}
	return s
}

// add appends pair, of which the first side won the share first, in the
// orientation of sign.
func (s *samples) add(delta []float64, sign, first, weight float64, pair int) {
	for a, d := range delta {
		s.x[a] = append(s.x[a], sign*d)
	}
	if sign < 0 {
		first = 1 - first
	}
	s.wins = append(s.wins, weight*first)
	s.weight = append(s.weight, weight)
	s.pair = append(s.pair, int32(pair))
}

// named fails on attributes that no one could tell apart, or read.
func named(attributes []string) error {
	if len(attributes) == 0 {
		return fmt.Errorf("a tree needs attributes, and there are none")
	}
	for i, name := range attributes {
		switch {
		case name == "":
			return fmt.Errorf("attribute %d has no name", i)
		case !printable(name):
			return fmt.Errorf("the name of attribute %d is %q, which cannot be printed", i, name)
		case slices.Index(attributes, name) < i:
			return fmt.Errorf("two attributes are named %q", name)
		}
	}
	return nil
}

func printable(s string) bool {
	for _, r := range s {
		if !strconv.IsPrint(r) || r == '\uFFFD' {
			return false
		}
	}
	return true
}
