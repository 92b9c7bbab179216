package tree

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// plain is a fit without surprises.
func plain(depth, leaf int) spec.Fit {
	return spec.Fit{Kind: "tree", Depth: depth, Leaf: leaf, Prune: "none"}
}

// abc are the names of so many attributes.
func abc(n int) []string {
	return strings.Split("abcdefghijklmnopqrstuvwxyz"[:n], "")
}

// coarse are pairs full of ties: few values, weights, pairs without a preference.
func coarse(draw *rand.Rand, n, attributes int) Pairs {
	var p Pairs
	for range n {
		d := make([]float64, attributes)
		for a := range d {
			d[a] = float64(draw.IntN(7)-3) / 2
		}
		p.Delta = append(p.Delta, d)
		p.First = append(p.First, []float64{0, 0.5, 1, 1}[draw.IntN(4)])
		p.Weight = append(p.Weight, float64(1+draw.IntN(3)))
	}
	return p
}

// brute is the best split by the definition: every midpoint of every attribute,
// each side counted anew.
func brute(s samples, leaf int) split {
	whole := func(int) bool { return true }
	base, weight, _ := count(s, whole)
	best := split{loss: logLoss(base, weight)}
	for a, x := range s.x {
		values := slices.Compact(slices.Sorted(slices.Values(x)))
		for i := range len(values) - 1 {
			t := (values[i] + values[i+1]) / 2
			below := func(i int) bool { return x[i] <= t }
			w1, n1, p1 := count(s, below)
			w2, n2, p2 := count(s, func(i int) bool { return !below(i) })
			loss := logLoss(w1, n1) + logLoss(w2, n2)
			if p1 >= leaf && p2 >= leaf && loss < best.loss-same*weight {
				best = split{attribute: a, threshold: t, loss: loss, at: 1}
			}
		}
	}
	return best
}

// count sums wins and weights of the samples that are in, and counts their pairs.
func count(s samples, in func(int) bool) (wins, weight float64, pairs int) {
	seen := map[int32]bool{}
	for i := range s.wins {
		if in(i) {
			wins, weight, seen[s.pair[i]] = wins+s.wins[i], weight+s.weight[i], true
		}
	}
	return wins, weight, len(seen)
}

func TestT14SplitIsBruteForces(t *testing.T) {
	draw, decided, mirrored := rand.New(rand.NewPCG(1, 1)), 0, []float64{1, -1}
	for round := range 400 {
		p, leaf := coarse(draw, 2+draw.IntN(30), 1+draw.IntN(3)), 1+draw.IntN(5)
		s := p.orient(len(p.Delta[0]), mirrored[:1+round%2]...)
		want, got := brute(s, leaf), grow(s, 1, leaf)
		if got.Leaf() != (want.at == 0) {
			t.Fatalf("round %d: decides %t, want %t", round, !got.Leaf(), want.at != 0)
		}
		if got.Leaf() {
			continue
		}
		decided++
		if got.Attribute != want.attribute || got.Threshold != want.threshold {
			t.Fatalf("round %d: splits attribute %d at %v, want %d at %v", round, got.Attribute, got.Threshold, want.attribute, want.threshold)
		}
		if loss := got.leafLoss(); math.Abs(loss-want.loss) > 1e-9 {
			t.Fatalf("round %d: log loss %v, want %v", round, loss, want.loss)
		}
		if got.Below.Pairs < leaf || got.Above.Pairs < leaf {
			t.Fatalf("round %d: leaves of %d and %d pairs, want at least %d", round, got.Below.Pairs, got.Above.Pairs, leaf)
		}
	}
	if decided < 200 {
		t.Errorf("only %d of 400 rounds had a split", decided)
	}
}

// Every node of a deep tree is the best split of what comes to it, and says of
// it what is true.
func TestT14LeafValueIsClassShare(t *testing.T) {
	p := coarse(rand.New(rand.NewPCG(2, 2)), 300, 3)
	s := p.orient(3, 1, -1)
	leaves := 0
	var visit func(n *Node, in []int)
	visit = func(n *Node, in []int) {
		part := samples{x: make([][]float64, 3)}
		for _, i := range in {
			part.add([]float64{s.x[0][i], s.x[1][i], s.x[2][i]}, 1, s.wins[i]/s.weight[i], s.weight[i], int(s.pair[i]))
		}
		wins, weight, pairs := count(part, func(int) bool { return true })
		if n.Share != wins/weight || n.Weight != weight || n.Pairs != pairs {
			t.Fatalf("node has share %v of weight %v, %d pairs; want %v of %v, %d", n.Share, n.Weight, n.Pairs, wins/weight, weight, pairs)
		}
		if n.Leaf() {
			leaves++
			return
		}
		if want := brute(part, 4); n.Attribute != want.attribute || n.Threshold != want.threshold {
			t.Fatalf("node splits attribute %d at %v, want %d at %v", n.Attribute, n.Threshold, want.attribute, want.threshold)
		}
		var below, above []int
		for _, i := range in {
			if s.x[n.Attribute][i] <= n.Threshold {
				below = append(below, i)
			} else {
				above = append(above, i)
			}
		}
		visit(n.Below, below)
		visit(n.Above, above)
	}
	all := make([]int, len(s.wins))
	for i := range all {
		all[i] = i
	}
	visit(grow(s, 5, 4), all)
	if leaves < 10 {
		t.Errorf("only %d leaves", leaves)
	}
}

// rule is a tree of depth 3 that no side is favoured by: a clear lead in a
// decides, else a clear lead in b, else c.
func rule(d []float64) float64 {
	switch {
	case d[0] <= -0.4:
		return 0
	case d[0] > 0.4:
		return 1
	case d[1] <= 0:
		return 0
	}
	return 1
}

func TestT14RecoversRule(t *testing.T) {
	draw := uniform(7)
	delta := func() []float64 { return []float64{2*draw() - 1, 2*draw() - 1, 2*draw() - 1} }
	var p Pairs
	for range 3000 {
		d := delta()
		p.Delta, p.First = append(p.Delta, d), append(p.First, rule(d))
	}
	f := plain(3, 20)
	f.Prune, f.Select = "validation", spec.Split{Kind: "holdout", Fraction: 0.2}
	tree, err := Grow(p, f, abc(3))
	if err != nil {
		t.Fatal(err)
	}
	// Two greedy trees say the same with their decisions in another order.
	met := map[[2]float64]bool{}
	for _, n := range tree.Root.preorder() {
		if n[0] < 0 {
			continue
		}
		nearest := [2]float64{n[0], 0.4 * math.Round(n[1]/0.4)}
		if met[nearest] = true; math.Abs(n[1]-nearest[1]) > 0.01 {
			t.Errorf("no decision of the rule: %v", n)
		}
	}
	want := map[[2]float64]bool{{0, -0.4}: true, {0, 0.4}: true, {1, 0}: true}
	if !reflect.DeepEqual(met, want) || tree.Depth() > 3 {
		t.Errorf("the rule is not found:\n%s", tree.Rules())
	}
	wrong := 0
	for range 2000 {
		if d := delta(); tree.Probability(d) != rule(d) {
			wrong++
		}
	}
	if wrong > 40 {
		t.Errorf("%d of 2,000 new pairs are wrong", wrong)
	}
}

// A tree that grows on one orientation sees one class only in preference data,
// whose first side is the chosen one.
func TestD6PreferencesGrowATree(t *testing.T) {
	draw := uniform(3)
	var p Pairs
	for range 500 {
		d := []float64{2*draw() - 1, 2*draw() - 1}
		if rule([]float64{d[0], d[0], 0}) == 0 {
			d[0], d[1] = -d[0], -d[1]
		}
		p.Delta = append(p.Delta, d)
	}
	f := plain(3, 20)
	f.Prune, f.Select = "validation", spec.Split{Kind: "holdout", Fraction: 0.2}
	tree, err := Grow(p, f, []string{"helpfulness", "verbosity"})
	if err != nil {
		t.Fatal(err)
	}
	won := 0
	for _, d := range p.Delta {
		if tree.Verdict(d) == First {
			won++
		}
	}
	if won < 490 {
		t.Errorf("the chosen side wins %d of 500 pairs:\n%s", won, tree.Rules())
	}
}

func TestGrowIsDeterministic(t *testing.T) {
	p := coarse(rand.New(rand.NewPCG(5, 5)), 400, 4)
	f := plain(6, 3)
	f.Prune, f.Select, f.Bootstrap = "validation", spec.Split{Kind: "holdout", Fraction: 0.2}, 5
	first, err := Grow(p, f, abc(4))
	if err != nil {
		t.Fatal(err)
	}
	second, _ := Grow(p, f, abc(4))
	if !reflect.DeepEqual(first, second) {
		t.Error("the same pairs gave two trees")
	}
	one, err := first.Importances(p, f)
	two, _ := first.Importances(p, f)
	if err != nil || !reflect.DeepEqual(one, two) {
		t.Error("the same pairs gave two importances", err)
	}
	f.Seed = 1
	if other, _ := first.Importances(p, f); reflect.DeepEqual(one, other) {
		t.Error("the seed changes nothing")
	}
}

// A pair without a preference is half a win for each side.
func TestUndecidedPairsPullToHalf(t *testing.T) {
	p := Pairs{Delta: [][]float64{{1}, {1}, {1}, {1}}, First: []float64{1, 1, 1, 0.5}}
	tree, err := Grow(p, plain(1, 1), abc(1))
	if err != nil {
		t.Fatal(err)
	}
	if got := tree.Probability([]float64{1}); got != 3.5/4 {
		t.Errorf("probability %v, want 3.5 wins of 4", got)
	}
	p.First = []float64{0.5, 0.5, 0.5, 0.5}
	if tree, err = Grow(p, plain(1, 1), abc(1)); err != nil || tree.Leaves() != 1 {
		t.Errorf("a tree without any preference decides something (%v)", err)
	}
}

func TestLeafCountsPairsNotOrientations(t *testing.T) {
	p := Pairs{Delta: [][]float64{{2}, {0}, {0}, {0}}} // three pairs come to the middle twice
	s := p.orient(1, 1, -1)
	if n := grow(s, 2, 4); !n.Leaf() {
		t.Errorf("a leaf of 4 pairs from 4 pairs, one of which left: %v", n.preorder())
	}
	n := grow(s, 2, 1)
	if n.Leaf() || n.Above.Leaf() || n.Above.Below.Pairs != 3 || n.Above.Below.Weight != 6 {
		t.Errorf("want three pairs, six orientations, in the middle: %v", n.preorder())
	}
}

// Neighbours so near that their midpoint is one of them, or that −0 is between.
func TestBetween(t *testing.T) {
	tiny := math.SmallestNonzeroFloat64
	for _, c := range [][2]float64{
		{1, math.Nextafter(1, 2)}, {-tiny, tiny}, {0, tiny}, {-tiny, 0}, {-math.MaxFloat64, math.MaxFloat64},
		{math.Nextafter(math.MaxFloat64, 0), math.MaxFloat64}, {tiny, 3 * tiny}, {5 * tiny, 6 * tiny},
	} {
		mid := between(c[0], c[1])
		if !(c[0] <= mid && mid < c[1]) || mid == 0 && math.Signbit(mid) {
			t.Errorf("between(%v, %v) = %v", c[0], c[1], mid)
		}
	}
}

func TestBadInput(t *testing.T) {
	good := func() Pairs {
		return Pairs{Delta: [][]float64{{1, 2}, {2, -1}, {-1, 3}}, First: []float64{1, 0, 1}, Weight: []float64{1, 1, 1}, Group: []string{"x", "y", "z"}}
	}
	for _, c := range []struct {
		want string
		edit func(*Pairs, *spec.Fit, *[]string)
	}{
		{"pair 1: the difference in b is NaN", func(p *Pairs, _ *spec.Fit, _ *[]string) { p.Delta[1][1] = math.NaN() }},
		{"pair 0: the difference in a is +Inf", func(p *Pairs, _ *spec.Fit, _ *[]string) { p.Delta[0][0] = math.Inf(1) }},
		{"pair 2: 1 differences for 2 attributes", func(p *Pairs, _ *spec.Fit, _ *[]string) { p.Delta[2] = []float64{1} }},
		{"pair 0: its first side won 2 of it", func(p *Pairs, _ *spec.Fit, _ *[]string) { p.First[0] = 2 }},
		{"pair 0: its first side won NaN of it", func(p *Pairs, _ *spec.Fit, _ *[]string) { p.First[0] = math.NaN() }},
		{"pair 1: its weight is 0", func(p *Pairs, _ *spec.Fit, _ *[]string) { p.Weight[1] = 0 }},
		{"pair 1: its weight is +Inf", func(p *Pairs, _ *spec.Fit, _ *[]string) { p.Weight[1] = math.Inf(1) }},
		{"2 wins for 3 pairs", func(p *Pairs, _ *spec.Fit, _ *[]string) { p.First = p.First[:2] }},
		{"0 weights for 3 pairs", func(p *Pairs, _ *spec.Fit, _ *[]string) { p.Weight = p.Weight[:0] }},
		{"1 groups for 3 pairs", func(p *Pairs, _ *spec.Fit, _ *[]string) { p.Group = p.Group[:1] }},
		{"there are none", func(p *Pairs, _ *spec.Fit, _ *[]string) { *p = Pairs{} }},
		{"there are 3 pairs to grow on and a leaf needs 4", func(_ *Pairs, f *spec.Fit, _ *[]string) { f.Leaf = 4 }},
		{"leaf is 0 pairs", func(_ *Pairs, f *spec.Fit, _ *[]string) { f.Leaf = 0 }},
		{"depth is 0", func(_ *Pairs, f *spec.Fit, _ *[]string) { f.Depth = 0 }},
		{"depth is 65", func(_ *Pairs, f *spec.Fit, _ *[]string) { f.Depth = MaxDepth + 1 }},
		{"cost is NaN", func(_ *Pairs, f *spec.Fit, _ *[]string) { f.Cost = math.NaN() }},
		{`prune is "best"`, func(_ *Pairs, f *spec.Fit, _ *[]string) { f.Prune = "best" }},
		{"no pairs to choose by", func(_ *Pairs, f *spec.Fit, _ *[]string) { f.Prune = "validation" }},
		{"needs attributes", func(_ *Pairs, _ *spec.Fit, a *[]string) { *a = nil }},
		{`two attributes are named "a"`, func(_ *Pairs, _ *spec.Fit, a *[]string) { *a = []string{"a", "a"} }},
		{"attribute 1 has no name", func(_ *Pairs, _ *spec.Fit, a *[]string) { *a = []string{"a", ""} }},
		{"cannot be printed", func(_ *Pairs, _ *spec.Fit, a *[]string) { *a = []string{"a\x1b[2J", "b"} }},
	} {
		p, f, a := good(), plain(2, 1), abc(2)
		if _, err := Grow(p, f, a); err != nil {
			t.Fatal(err)
		}
		c.edit(&p, &f, &a)
		if _, err := Grow(p, f, a); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v; want %q", err, c.want)
		}
	}
}

// One class in one orientation is no information; of both orientations there
// always are two.
func TestOneClass(t *testing.T) {
	p := Pairs{Delta: [][]float64{{1}, {2}, {3}, {-1}}}
	if n := grow(p.orient(1, 1), 3, 1); !n.Leaf() || n.Share != 1 {
		t.Errorf("one class is split: %v", n.preorder())
	}
	tree, err := Grow(p, plain(3, 1), abc(1))
	if err != nil || tree.Verdict([]float64{2}) != First || tree.Verdict([]float64{-2}) != Second {
		t.Errorf("%v, %v", tree, err)
	}
}

func BenchmarkGrow(b *testing.B) {
	for _, n := range []int{2000, 100000} {
		p := noisy(1, n, false)
		f := plain(3, 20)
		f.Prune, f.Select, f.Bootstrap = "validation", spec.Split{Kind: "holdout", Fraction: 0.2}, 10
		tree, err := Grow(p, f, abc(5))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("pairs=%d", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := Grow(p, f, abc(5)); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("pairs=%d/bootstrap=10", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := tree.Importances(p, f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
