// Package tree grows and asks decision trees over differences of attributes:
// the interpretable reward model of docs/decision_tree.md. It takes numbers and
// gives numbers, JSON, rules and a drawing; texts, models and files are not its
// business.
//
// A tree f maps d, the attributes of a pair's first response minus those of its
// second, to the share of the training pairs in d's leaf that the first won. By
// itself f need not agree with itself when the sides change places. What is
// asked is therefore
//
//	P(first ≻ second) = ½ [f(d) + 1 − f(−d)]
//
// so that P(a, b) + P(b, a) is 1 for every tree, and f grows on both
// orientations of each pair.
package tree

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// MaxDepth is the most decisions between the root and a leaf of any tree, one
// read from a file included.
const MaxDepth = 64

// A Tree is a decision tree over differences of attributes. Its JSON is exact,
// versioned and meant to be read by people and other programs.
type Tree struct {
	Attributes []string // names, in the order of the numbers that a Tree is given
	Root       *Node
}

// A Node is a decision, with two children, or a leaf, with none.
type Node struct {
	Attribute int     // index into Attributes of a decision; 0 in a leaf
	Threshold float64 // differences up to and with this go below; 0 in a leaf
	Below     *Node   // nil in a leaf
	Above     *Node   // nil in a leaf

	Share  float64 // of Weight that the first side won, in [0, 1]: the value of a leaf
	Weight float64 // of the pairs that came here in growing, each orientation for itself
	Pairs  int     // that came here in growing, in one orientation or both
}

// A Verdict is which side of a pair is better.
type Verdict int

// The verdicts. A tie is no rounding: both orientations of the pair fall into
// leaves of the same share.
const (
	Second Verdict = -1
	Tie    Verdict = 0
	First  Verdict = 1
)

// Leaf reports whether n decides nothing.
func (n *Node) Leaf() bool { return n.Below == nil }

// leaves counts the leaves under n, n itself included.
func (n *Node) leaves() int {
	if n.Leaf() {
		return 1
	}
	return n.Below.leaves() + n.Above.leaves()
}

// depth is the number of decisions on the longest way down from n.
func (n *Node) depth() int {
	if n.Leaf() {
		return 0
	}
	return 1 + max(n.Below.depth(), n.Above.depth())
}

// Leaves returns the number of leaves; 1 is a tree that decides nothing, for
// which every pair is a tie.
func (t *Tree) Leaves() int { return t.Root.leaves() }

// Depth returns the most decisions between the root and a leaf.
func (t *Tree) Depth() int { return t.Root.depth() }

// leaf is where sign · delta ends up.
func (t *Tree) leaf(delta []float64, sign float64) *Node {
	n := t.Root
	for !n.Leaf() {
		if sign*delta[n.Attribute] <= n.Threshold {
			n = n.Below
		} else {
			n = n.Above
		}
	}
	return n
}

// Probability returns P(first ≻ second) for delta, the attributes of the first
// response minus those of the second. Probability(d) + Probability(−d) is
// exactly 1, in floating point too, and ½ is a tie. It is NaN if a difference is.
func (t *Tree) Probability(delta []float64) float64 {
	return t.probability(delta, func(n *Node) float64 { return n.Share })
}

// probability is Probability where value gives the number of a leaf.
func (t *Tree) probability(delta []float64, value func(*Node) float64) float64 {
	if len(delta) != len(t.Attributes) {
		panic(fmt.Sprintf("%d differences for a tree over %d attributes", len(delta), len(t.Attributes)))
	}
	if slices.ContainsFunc(delta, math.IsNaN) {
		return math.NaN()
	}
	// Of x in [½, 1] both x and 1 − x are exact; so is a difference's change of sign.
	edge := (value(t.leaf(delta, 1)) - value(t.leaf(delta, -1))) / 2
	if edge < 0 {
		return 1 - (0.5 - edge)
	}
	return 0.5 + edge
}

// Verdict returns which side is better: First where Probability is above ½,
// Second where it is below, Tie where it is ½ or a difference is NaN.
func (t *Tree) Verdict(delta []float64) Verdict {
	switch p := t.Probability(delta); {
	case p > 0.5:
		return First
	case p < 0.5:
		return Second
	}
	return Tie
}

// Score reduces the tree to one number for one response: the mean of
// P(response ≻ reference) over references, rows of attributes. It is a win rate
// in [0, 1].
//
// It is monotone in this sense: a response that beats every reference at least
// as surely as another one does has no lower score. It is not the tree's verdict
// on a pair: what a tree says of pairs need not be transitive, so no number a
// response could say it all; two scores may order a pair against Verdict, or be
// equal where Verdict is not Tie. Nor is it a logit: it changes with the
// references, and only scores against the same ones can be compared. NaN without
// references.
func (t *Tree) Score(attributes []float64, references [][]float64) float64 {
	delta, sum := make([]float64, len(attributes)), 0.0
	for _, r := range references {
		for i := range delta {
			delta[i] = attributes[i] - r[i]
		}
		sum += t.Probability(delta)
	}
	return sum / float64(len(references))
}

// References returns f.References of rows, or all if there are no more, drawn
// without replacement by f.Seed and in the order of rows.
func References(rows [][]float64, f spec.Fit) [][]float64 {
	taken := random(f.Seed, "references").Perm(len(rows))[:min(len(rows), f.References)]
	slices.Sort(taken)
	out := make([][]float64, len(taken))
	for i, at := range taken {
		out[i] = rows[at]
	}
	return out
}

// random is a stream of its own for each purpose of one seed.
func random(seed int, purpose string) *rand.Rand {
	stream := uint64(0)
	for _, b := range []byte(purpose) {
		stream = stream*257 + uint64(b)
	}
	return rand.New(rand.NewPCG(uint64(seed), stream))
}

// number prints x for people: four digits, a minus that is as wide as a plus.
func number(x float64) string {
	return strings.ReplaceAll(fmt.Sprintf("%.4g", x), "-", "−")
}
