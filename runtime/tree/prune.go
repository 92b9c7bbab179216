package tree

import (
	"math"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// prune cuts the tree under root back to the best of its subtrees: by cost, or
// by selection where f.Prune says validation.
func prune(root *Node, f spec.Fit, selection samples) {
	switch f.Prune {
	case "validation":
		prices := onSelection(root, selection)
		smallest(root, func(n *Node) float64 { return prices[n] }, same*sum(selection.weight))
	case "cost":
		smallest(root, func(n *Node) float64 { return n.loss()/root.Weight + f.Cost }, same)
	}
}

// smallest prunes n to the subtree with the lowest sum of its leaves' prices,
// the smallest one if several are equal, and returns that sum. Prices add up, so
// one pass from the leaves is a search over all subtrees; with a price of loss
// and a constant it is minimal cost-complexity pruning (Breiman et al. 1984),
// whose sequence of weakest links leads to the same tree.
//
// The constant is nats of log loss for each pair: scikit-learn's ccp_alpha, with
// criterion="log_loss", is the same in bits, so cost = ccp_alpha · ln 2.
func smallest(n *Node, price func(*Node) float64, tolerance float64) float64 {
	leaf := price(n)
	if n.Leaf() {
		return leaf
	}
	subtree := smallest(n.Below, price, tolerance) + smallest(n.Above, price, tolerance)
	if subtree < leaf-tolerance {
		return subtree
	}
	n.Attribute, n.Threshold, n.Below, n.Above = 0, 0, nil, nil
	return leaf
}

// onSelection returns, for each node, the log loss that it has as a leaf on the
// samples that come to it; nats. The sum over leaves is f's loss on both
// orientations, which is never below that of ½[f(d) + 1 − f(−d)], for the
// logarithm is concave.
func onSelection(root *Node, s samples) map[*Node]float64 {
	prices := map[*Node]float64{}
	for i, weight := range s.weight {
		for n := root; n != nil; n = n.next(s, i) {
			p := n.smoothed()
			prices[n] -= s.wins[i]*math.Log(p) + (weight-s.wins[i])*math.Log(1-p)
		}
	}
	return prices
}

// next is the child that sample i goes to; nil below a leaf.
func (n *Node) next(s samples, i int) *Node {
	if !n.Leaf() && s.x[n.Attribute][i] > n.Threshold {
		return n.Above
	}
	return n.Below
}

// smoothed is the share with one win more for each side (Laplace), for log loss
// on pairs that the tree has not seen: a leaf that one side won altogether would
// otherwise cost infinitely much on the first that it gets wrong.
func (n *Node) smoothed() float64 { return (n.Share*n.Weight + 1) / (n.Weight + 2) }

// Loss returns the mean log loss of P(first ≻ second) on pairs; nats a pair. The
// leaves' shares are smoothed for it as for prune = validation, (n₁+1)/(n+2), so
// that it is finite on pairs that the tree has not seen; Probability is not
// smoothed. NaN without pairs.
func (t *Tree) Loss(rows Pairs) float64 {
	loss, weight := 0.0, 0.0
	for i, delta := range rows.Delta {
		p := t.probability(delta, (*Node).smoothed)
		won := rows.first(i)
		loss -= rows.weight(i) * (won*math.Log(p) + (1-won)*math.Log(1-p))
		weight += rows.weight(i)
	}
	return loss / weight
}

func sum(of []float64) float64 {
	total := 0.0
	for _, x := range of {
		total += x
	}
	return total
}
