package tree

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// Grow returns the tree that f describes: grown on both orientations of rows'
// pairs, less those that f.Select holds out, and pruned as f.Prune says. The
// same arguments give the same tree.
//
// A decision is the split with the lowest total log loss
//
//	Σ over both children of −[n₁ ln p + n₀ ln(1−p)],  p = n₁ / (n₁ + n₀)
//
// where n₁ and n₀ are the weight that the first and the second side won, among
// the midpoints between neighbouring values of each attribute that leave f.Leaf
// pairs on each side. Of splits that are equal, as a split and its mirror image
// always are, the attribute listed first is taken, then the lower threshold. A
// node whose loss no split lowers is a leaf; the value of a leaf is the share
// n₁ / (n₁ + n₀), as it is, unsmoothed.
//
// The error says which pair or setting is at fault. Fewer pairs than a leaf
// needs are an error; pairs that allow no decision are not, but give a tree of
// one leaf, to which every pair is a tie.
func Grow(rows Pairs, f spec.Fit, attributes []string) (*Tree, error) {
	if err := named(attributes); err != nil {
		return nil, err
	}
	if err := rows.check(attributes); err != nil {
		return nil, err
	}
	if err := settings(f); err != nil {
		return nil, err
	}
	grown, selection := rows, Pairs{}
	if f.Prune == "validation" {
		grown, selection = rows.Split(f)
	}
	switch {
	case grown.Len() < f.Leaf:
		return nil, fmt.Errorf("there are %d pairs to grow on and a leaf needs %d: bring more pairs or write leaf = %d pairs", grown.Len(), f.Leaf, max(1, grown.Len()/4))
	case f.Prune == "validation" && selection.Len() == 0:
		return nil, fmt.Errorf("prune = validation has no pairs to choose by: write select = holdout { fraction = 20%% }, or prune = cost")
	}
	root := grow(grown.orient(len(attributes), 1, -1), f.Depth, f.Leaf)
	prune(root, f, selection.orient(len(attributes), 1, -1))
	return &Tree{Attributes: slices.Clone(attributes), Root: root}, nil
}

func settings(f spec.Fit) error {
	switch {
	case f.Depth < 1 || f.Depth > MaxDepth:
		return fmt.Errorf("depth is %d; want 1 to %d", f.Depth, MaxDepth)
	case f.Leaf < 1:
		return fmt.Errorf("leaf is %d pairs; want at least 1", f.Leaf)
	case !(f.Cost >= 0):
		return fmt.Errorf("cost is %v; want at least 0", f.Cost)
	case !slices.Contains([]string{"validation", "cost", "none"}, f.Prune):
		return fmt.Errorf("prune is %q; want validation, cost or none", f.Prune)
	}
	return nil
}

// same is how near two losses must be to be equal, in nats for each unit of
// weight: what rounding can make of sums of weights.
const same = 1e-12

// grow returns the greedy tree over s, not pruned.
func grow(s samples, depth, leaf int) *Node {
	g := &grower{samples: s, leaf: leaf, below: make([]bool, len(s.wins)), scratch: make([]int32, len(s.wins)),
		left: make([]int32, s.pairs), right: make([]int32, s.pairs)}
	for _, x := range s.x {
		order := make([]int32, len(x))
		for i := range order {
			order[i] = int32(i)
		}
		slices.SortFunc(order, func(i, j int32) int { return cmp.Or(cmp.Compare(x[i], x[j]), cmp.Compare(i, j)) })
		g.order = append(g.order, order)
	}
	return g.node(0, len(s.wins), depth)
}

// A grower holds the samples sorted by each attribute. A node is a range of
// positions, the same for all attributes: splitting it divides each attribute's
// range in two and keeps the order in both.
type grower struct {
	samples
	leaf  int
	order [][]int32 // [attribute][position]: samples by value

	below       []bool  // [sample]: whether the split just chosen sends it below
	scratch     []int32 // [position]
	left, right []int32 // [pair]: its samples on either side of a threshold; zero between scans
}

// A split is a decision that a node could make.
type split struct {
	attribute int
	threshold float64
	loss      float64 // nats, of both children
	at        int     // samples below
}

// node grows the node of the samples in the positions [from, to).
func (g *grower) node(from, to, depth int) *Node {
	n, wins := g.summary(from, to)
	if depth == 0 {
		return n
	}
	best := g.best(from, to, n, wins)
	if best.at == 0 {
		return n
	}
	g.divide(from, to, best)
	n.Attribute, n.Threshold = best.attribute, best.threshold
	n.Below = g.node(from, from+best.at, depth-1)
	n.Above = g.node(from+best.at, to, depth-1)
	return n
}

// summary counts what comes to a node, and the weight that the first side won.
func (g *grower) summary(from, to int) (n *Node, wins float64) {
	n = &Node{}
	here := g.order[0][from:to]
	for _, s := range here {
		wins += g.wins[s]
		n.Weight += g.weight[s]
		if g.left[g.pair[s]]++; g.left[g.pair[s]] == 1 {
			n.Pairs++
		}
	}
	for _, s := range here {
		g.left[g.pair[s]] = 0
	}
	n.Share = min(1, wins/n.Weight)
	return n, wins
}

// best returns the split with the lowest loss of n, which has the positions
// [from, to); at is 0 if none is lower than n's own.
func (g *grower) best(from, to int, n *Node, wins float64) split {
	best := split{loss: logLoss(wins, n.Weight)}
	for a := range g.order {
		g.scan(from, to, n, wins, a, func(s split) {
			if s.loss < best.loss-same*n.Weight {
				best = s
			}
		})
	}
	return best
}

// scan calls visit with every split of n by attribute a, thresholds ascending.
func (g *grower) scan(from, to int, n *Node, wins float64, a int, visit func(split)) {
	here, x := g.order[a][from:to], g.x[a]
	for _, s := range here {
		g.right[g.pair[s]]++
	}
	won, weight, below, above := 0.0, 0.0, 0, n.Pairs
	for i, s := range here {
		p := g.pair[s]
		if g.left[p]++; g.left[p] == 1 {
			below++
		}
		if g.right[p]--; g.right[p] == 0 {
			above--
		}
		won, weight = won+g.wins[s], weight+g.weight[s]
		if i+1 == len(here) || x[here[i+1]] == x[s] || below < g.leaf || above < g.leaf {
			continue
		}
		loss := logLoss(won, weight) + logLoss(wins-won, n.Weight-weight)
		visit(split{attribute: a, threshold: between(x[s], x[here[i+1]]), loss: loss, at: i + 1})
	}
	for _, s := range here {
		g.left[g.pair[s]] = 0
	}
}

// divide puts the samples below s before those above it, for each attribute, and
// keeps the order among either.
func (g *grower) divide(from, to int, s split) {
	for _, i := range g.order[s.attribute][from : from+s.at] {
		g.below[i] = true
	}
	for _, order := range g.order {
		kept, moved := order[from:from], g.scratch[:0]
		for _, i := range order[from:to] {
			if g.below[i] {
				kept = append(kept, i)
			} else {
				moved = append(moved, i)
			}
		}
		copy(order[from+s.at:to], moved)
	}
	for _, i := range g.order[s.attribute][from : from+s.at] {
		g.below[i] = false
	}
}

// between returns the midpoint of neighbours a < b, such that a is at most it
// and b is more, whatever rounding does.
func between(a, b float64) float64 {
	mid := a/2 + b/2
	if mid >= b {
		mid = a
	}
	return mid + 0 // no −0
}

// logLoss returns −[n₁ ln p + n₀ ln(1−p)] of weight, of which the first side won
// wins, at p = n₁ / (n₁ + n₀); nats. It is the same for either side.
func logLoss(wins, weight float64) float64 {
	return information(wins, weight) + information(weight-wins, weight)
}

// information is −n ln(n / of), 0 for n = 0 and for what rounding put below it.
func information(n, of float64) float64 {
	if n <= 0 || n >= of {
		return 0
	}
	return -n * math.Log(n/of)
}

// loss is the log loss of n as a leaf; nats.
func (n *Node) loss() float64 { return logLoss(n.Share*n.Weight, n.Weight) }
