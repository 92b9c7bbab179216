package tree

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// grown is a tree over random pairs that has much to say.
func grown(t testing.TB, depth int) (*Tree, Pairs) {
	t.Helper()
	p := noisy(9, 1500, false)
	tree, err := Grow(p, plain(depth, 5), []string{"helpfulness", "correctness", "coherence", "complexity", "verbosity"})
	if err != nil {
		t.Fatal(err)
	}
	return tree, p
}

// by is a tree of one decision about one attribute, a.
func by(threshold, below, above float64) *Tree {
	return &Tree{Attributes: abc(1), Root: &Node{Threshold: threshold, Share: 0.5, Weight: 2, Pairs: 1,
		Below: &Node{Share: below, Weight: 1, Pairs: 1}, Above: &Node{Share: above, Weight: 1, Pairs: 1}}}
}

// The reference's tree sees one orientation and contradicts itself in the other.
func TestD5PairAndItsReverseSumToOne(t *testing.T) {
	tree, p := grown(t, 6)
	plainTree := &Tree{Attributes: tree.Attributes, Root: grow(p.orient(5, 1), 6, 5)}
	for _, tree := range []*Tree{tree, plainTree, by(0.3, 0.1, 0.9), by(0, 1.0/3, 0.1), by(-1, 0, 1)} {
		draw, itself := uniform(11), 0
		for range 3000 {
			d, reversed := make([]float64, len(tree.Attributes)), make([]float64, len(tree.Attributes))
			for a := range d {
				d[a] = math.Round(80*(2*draw()-1)) / 80 // on thresholds too
				reversed[a] = -d[a]
			}
			there, back := tree.Probability(d), tree.Probability(reversed)
			if there+back != 1 || there < 0 || there > 1 {
				t.Fatalf("P(%v) = %v and P of the reverse %v", d, there, back)
			}
			if tree.Verdict(d) != -tree.Verdict(reversed) {
				t.Fatalf("verdicts %v and %v of %v and its reverse", tree.Verdict(d), tree.Verdict(reversed), d)
			}
			if tree.leaf(d, 1).Share+tree.leaf(reversed, 1).Share == 1 {
				itself++
			}
		}
		if itself == 3000 && tree == plainTree {
			t.Error("a tree of one orientation agrees with itself: this test shows nothing")
		}
	}
}

func TestProbability(t *testing.T) {
	tree := by(0.5, 0.25, 1)
	for _, c := range []struct {
		d, want float64
		verdict Verdict
	}{
		{0, 0.5, Tie},       // both orientations are below
		{0.5, 0.5, Tie},     // at the threshold: below; and so is −0.5
		{0.6, 0.875, First}, // ½ [1 + 1 − 0.25]
		{-0.6, 0.125, Second},
		{math.Inf(1), 0.875, First},
	} {
		if got := tree.Probability([]float64{c.d}); got != c.want {
			t.Errorf("P(%v) = %v, want %v", c.d, got, c.want)
		}
		if got := tree.Verdict([]float64{c.d}); got != c.verdict {
			t.Errorf("verdict on %v is %v, want %v", c.d, got, c.verdict)
		}
	}
	if p := tree.Probability([]float64{math.NaN()}); !math.IsNaN(p) || tree.Verdict([]float64{math.NaN()}) != Tie {
		t.Errorf("P(NaN) = %v", p)
	}
	defer func() {
		if recover() == nil {
			t.Error("two differences for one attribute are no bug")
		}
	}()
	tree.Probability([]float64{1, 2})
}

func TestScoreIsMeanWinRate(t *testing.T) {
	tree, references := by(0.5, 0.25, 1), [][]float64{{0}, {1}, {2}}
	// 1 beats 0 with 0.875, ties with itself, loses to 2 with 0.125.
	if got := tree.Score([]float64{1}, references); got != 0.5 {
		t.Errorf("score %v, want ½", got)
	}
	if got := tree.Score([]float64{3}, references); got != 0.875 {
		t.Errorf("score %v, want 0.875", got)
	}
	if !math.IsNaN(tree.Score([]float64{3}, nil)) {
		t.Error("a score without references")
	}
}

// What the documentation of Score promises, and what it says that it does not.
func TestScoreIsMonotoneInWinRates(t *testing.T) {
	tree, p := grown(t, 3)
	references := p.Delta[:40]
	dominated, against := 0, 0
	for i := range 200 {
		a, b := p.Delta[100+i], p.Delta[300+i]
		dominates := !slices.ContainsFunc(references, func(r []float64) bool { return tree.Probability(minus(a, r)) < tree.Probability(minus(b, r)) })
		edge := tree.Score(a, references) - tree.Score(b, references)
		if dominates {
			if dominated++; edge < 0 {
				t.Fatalf("%v beats every reference as surely as %v and has a lower score", a, b)
			}
		}
		if edge*float64(tree.Verdict(minus(a, b))) < 0 {
			against++
		}
	}
	if dominated < 10 || against == 0 {
		t.Errorf("%d dominated pairs and %d scored against the verdict: this test shows nothing", dominated, against)
	}
}

func minus(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] - b[i]
	}
	return out
}

func TestReferences(t *testing.T) {
	rows := make([][]float64, 100)
	for i := range rows {
		rows[i] = []float64{float64(i)}
	}
	take := func(n, seed int) []float64 {
		var out []float64
		for _, r := range References(rows, spec.Fit{References: n, Seed: seed}) {
			out = append(out, r[0])
		}
		return out
	}
	ten := take(10, 0)
	if len(ten) != 10 || !slices.IsSorted(ten) || len(slices.Compact(slices.Clone(ten))) != 10 {
		t.Errorf("%v are not 10 rows in order", ten)
	}
	if !slices.Equal(ten, take(10, 0)) || slices.Equal(ten, take(10, 1)) {
		t.Error("the seed alone chooses")
	}
	if len(take(1000, 0)) != 100 || len(take(0, 0)) != 0 {
		t.Error("more rows than there are, or some of none")
	}
}

// subtrees calls visit with every pruning of n, as what Rules would print of it:
// here the sum of a price over its leaves, and how many there are.
func subtrees(n *Node, price func(*Node) float64) (sums []float64, leaves []int) {
	sums, leaves = []float64{price(n)}, []int{1}
	if n.Leaf() {
		return sums, leaves
	}
	s1, l1 := subtrees(n.Below, price)
	s2, l2 := subtrees(n.Above, price)
	for i := range s1 {
		for j := range s2 {
			sums, leaves = append(sums, s1[i]+s2[j]), append(leaves, l1[i]+l2[j])
		}
	}
	return sums, leaves
}

func TestValidationIsBestOfAllSubtrees(t *testing.T) {
	smaller := 0
	for seed := range 30 {
		rows, selection := noisy(20+seed, 200, seed%2 == 0), noisy(70+seed, 60, seed%2 == 0)
		root, held := grow(rows.orient(5, 1, -1), 4, 2), selection.orient(5, 1, -1)
		full, prices := root.leaves(), onSelection(root, held)
		sums, leaves := subtrees(root, func(n *Node) float64 { return prices[n] })
		best := slices.Min(sums)
		fewest := math.MaxInt
		for i := range sums {
			if sums[i] <= best+1e-9 {
				fewest = min(fewest, leaves[i])
			}
		}
		prune(root, spec.Fit{Prune: "validation"}, held)
		if root.leaves() != fewest {
			t.Errorf("seed %d: %d leaves, want %d", seed, root.leaves(), fewest)
		}
		loss := 0.0
		for n, price := range prices {
			if n.Leaf() && reaches(root, n) {
				loss += price
			}
		}
		if math.Abs(loss-best) > 1e-9 {
			t.Errorf("seed %d: log loss %v, the best of %d subtrees has %v", seed, loss, len(sums), best)
		}
		// ½ [f(d) + 1 − f(−d)] is no worse than f on both orientations.
		tree := &Tree{Attributes: abc(5), Root: root}
		if asked := tree.Loss(selection) * sum(selection.Weight); 2*asked > loss+1e-9 {
			t.Errorf("seed %d: log loss %v of P, %v of f", seed, 2*asked, loss)
		}
		if fewest < full && fewest > 1 {
			smaller++
		}
	}
	if smaller < 10 {
		t.Errorf("only %d of 30 trees were cut, and not to the root", smaller)
	}
}

func reaches(from, to *Node) bool {
	return from == to || !from.Leaf() && (reaches(from.Below, to) || reaches(from.Above, to))
}

// A pure leaf that is wrong once would make every log loss infinite.
func TestLossIsFinite(t *testing.T) {
	tree := by(0, 0, 1)
	loss := tree.Loss(Pairs{Delta: [][]float64{{1}, {1}}, First: []float64{0, 1}})
	// Leaves of weight 1: (0+1)/(1+2) and (1+1)/(1+2), so P = ½ [⅔ + 1 − ⅓] = ⅔.
	if want := -(math.Log(2.0/3) + math.Log(1.0/3)) / 2; math.Abs(loss-want) > 1e-15 {
		t.Errorf("log loss %v, want %v", loss, want)
	}
	if p := tree.Probability([]float64{1}); p != 1 {
		t.Errorf("probability %v is smoothed", p)
	}
	if !math.IsNaN(tree.Loss(Pairs{})) {
		t.Error("a loss of no pairs")
	}
}

// Rows of one prompt stand on one side, when they are held out and when drawn.
func TestGroupsStayTogether(t *testing.T) {
	p := noisy(1, 600, false)
	for i := range p.Delta {
		p.Group = append(p.Group, "prompt "+string(rune('a'+i%26)))
	}
	f := spec.Fit{Select: spec.Split{Kind: "holdout", Fraction: 0.3}}
	kept, held := p.Split(f)
	if kept.Len()+held.Len() != p.Len() || held.Len() == 0 || kept.Len() == 0 {
		t.Fatalf("%d + %d of %d pairs", kept.Len(), held.Len(), p.Len())
	}
	for _, g := range held.Group {
		if slices.Contains(kept.Group, g) {
			t.Errorf("%s is on both sides", g)
		}
	}
	if n := len(p.members()); n != 26 {
		t.Errorf("%d groups", n)
	}
	f = plain(3, 5)
	f.Bootstrap = 10
	tree, err := Grow(p, f, abc(5))
	if err != nil {
		t.Fatal(err)
	}
	grouped, _ := tree.Importances(p, f)
	p.Group = nil
	single, _ := tree.Importances(p, f)
	if slices.Equal(grouped, single) {
		t.Error("groups change nothing in resampling")
	}
}

func TestImportances(t *testing.T) {
	tree, p := grown(t, 3)
	f := plain(3, 20)
	f.Bootstrap, f.Prune, f.Select = 40, "validation", spec.Split{Kind: "holdout", Fraction: 0.2}
	all, err := tree.Importances(p, f)
	if err != nil {
		t.Fatal(err)
	}
	share, mean := 0.0, 0.0
	for i, of := range all {
		share, mean = share+of.Share, mean+of.Mean
		if of.Attribute != tree.Attributes[i] || of.Low > of.Mean || of.High < of.Mean || of.Low < 0 || of.High > 1 {
			t.Errorf("%+v", of)
		}
	}
	if math.Abs(share-1) > 1e-12 || math.Abs(mean-1) > 1e-12 {
		t.Errorf("shares add up to %v, means to %v", share, mean)
	}
	if all[0].Low < 0.5 || all[4].High > 0.3 {
		t.Errorf("the first attribute decides, the last is noise: %+v", all)
	}
	// By hand: the one decision of a tree takes all.
	one := by(0, 0, 1)
	if got, err := one.Importances(Pairs{Delta: [][]float64{{1}}}, plain(1, 1)); err != nil || got[0] != (Importance{Attribute: "a", Share: 1}) {
		t.Errorf("%+v, %v", got, err)
	}
	f.Bootstrap = -1
	if _, err := tree.Importances(p, f); err == nil || !strings.Contains(err.Error(), "bootstrap is -1") {
		t.Errorf("%v", err)
	}
	f.Bootstrap, p.Delta[3] = 1, []float64{math.NaN(), 0, 0, 0, 0}
	if _, err := tree.Importances(p, f); err == nil || !strings.Contains(err.Error(), "pair 3") {
		t.Errorf("%v", err)
	}
}

// Pairs that are all noise give a tree of one leaf, to which every pair is a tie.
func TestValidationDropsNoise(t *testing.T) {
	draw := rand.New(rand.NewPCG(4, 4))
	var p Pairs
	for range 400 {
		p.Delta = append(p.Delta, []float64{draw.NormFloat64(), draw.NormFloat64()})
	}
	f := plain(6, 2)
	f.Prune, f.Select = "validation", spec.Split{Kind: "holdout", Fraction: 0.3}
	pruned, err := Grow(p, f, abc(2))
	if err != nil {
		t.Fatal(err)
	}
	f.Prune = "none"
	if full, _ := Grow(p, f, abc(2)); pruned.Leaves() > full.Leaves()/4 {
		t.Errorf("%d of %d leaves are left", pruned.Leaves(), full.Leaves())
	}
}
