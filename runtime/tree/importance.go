package tree

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/rmc-lang/rmc/runtime/spec"
	"gonum.org/v1/gonum/stat"
)

// An Importance is how much one attribute matters, as a share of all the log
// loss that a tree's decisions take away: 0 to 1, together 1, or all 0 for a
// tree without a decision.
type Importance struct {
	Attribute string  `json:"attribute"`
	Share     float64 `json:"share"` // in the tree itself
	Mean      float64 `json:"mean"`  // over the resampled trees; 0 without any
	Low       float64 `json:"low"`   // their 2.5 % quantile
	High      float64 `json:"high"`  // their 97.5 % quantile
}

// Importances returns the importance of each attribute in t, and over
// f.Bootstrap trees, as RLHFlow's study of judges does: each grows on groups of rows
// drawn with replacement, every pair in one orientation drawn at random, and is
// pruned as f says, on the groups not drawn where that is by validation. rows are
// those that t grew from. The same arguments give the same numbers.
func (t *Tree) Importances(rows Pairs, f spec.Fit) ([]Importance, error) {
	if err := rows.check(t.Attributes); err != nil {
		return nil, err
	}
	if err := settings(f); err != nil {
		return nil, err
	}
	if f.Bootstrap < 0 {
		return nil, fmt.Errorf("bootstrap is %d trees; want at least 0", f.Bootstrap)
	}
	draw, members := random(f.Seed, "bootstrap"), rows.members()
	drawn := make([][]float64, len(t.Attributes)) // [attribute][tree]
	for range f.Bootstrap {
		for a, share := range gains(resampled(rows, members, f, len(t.Attributes), draw), len(t.Attributes)) {
			drawn[a] = append(drawn[a], share)
		}
	}
	out := make([]Importance, len(t.Attributes))
	for a, share := range gains(t.Root, len(t.Attributes)) {
		out[a] = Importance{Attribute: t.Attributes[a], Share: share}
		if f.Bootstrap > 0 {
			slices.Sort(drawn[a])
			out[a].Mean = stat.Mean(drawn[a], nil)
			out[a].Low = stat.Quantile(0.025, stat.Empirical, drawn[a], nil)
			out[a].High = stat.Quantile(0.975, stat.Empirical, drawn[a], nil)
		}
	}
	return out, nil
}

// members lists the pairs of each group, groups in the order of their first pair.
func (p Pairs) members() [][]int {
	var out [][]int
	at := map[string]int{}
	for i := range p.Delta {
		key := p.group(i)
		if _, seen := at[key]; !seen {
			at[key] = len(out)
			out = append(out, nil)
		}
		out[at[key]] = append(out[at[key]], i)
	}
	return out
}

// resampled grows a tree on as many groups as there are, drawn with replacement.
func resampled(rows Pairs, members [][]int, f spec.Fit, attributes int, draw *rand.Rand) *Node {
	s, used := samples{x: make([][]float64, attributes)}, make([]bool, len(members))
	for range members {
		group := draw.IntN(len(members))
		used[group] = true
		for _, i := range members[group] {
			sign := float64(1 - 2*draw.IntN(2))
			s.add(rows.Delta[i], sign, rows.first(i), rows.weight(i), s.pairs)
			s.pairs++
		}
	}
	var rest []int
	for group, of := range members {
		if !used[group] {
			rest = append(rest, of...)
		}
	}
	root := grow(s, f.Depth, f.Leaf)
	if f.Prune != "validation" || len(rest) > 0 {
		prune(root, f, rows.take(rest).orient(attributes, 1, -1))
	}
	return root
}

// gains returns the share of each attribute in what the decisions under root
// take away of the log loss.
func gains(root *Node, attributes int) []float64 {
	out := make([]float64, attributes)
	root.gain(out)
	if total := sum(out); total > 0 {
		for a := range out {
			out[a] /= total
		}
	}
	return out
}

// gain adds to each attribute what the decisions under n take away; nats.
func (n *Node) gain(to []float64) {
	if n.Leaf() {
		return
	}
	// A tree from a file may say of its nodes what no data would.
	to[n.Attribute] += max(0, n.loss()-n.Below.loss()-n.Above.loss())
	n.Below.gain(to)
	n.Above.gain(to)
}
