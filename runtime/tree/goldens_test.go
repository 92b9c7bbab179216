package tree

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/rmc-lang/rmc/runtime/spec"
)

//go:embed testdata/goldens.json
var goldens []byte

// recorded is what testdata/goldens.py wrote. A node is [attribute, threshold,
// share of the first side, weight], nodes in preorder.
type recorded struct {
	Plain []struct {
		Seed, Pairs, Leaf, Depth int
		Weighted                 bool
		Nodes                    [][4]float64
		Loss                     float64
	}
	Mirrored []struct {
		Seed, Pairs, Depth      int
		Low, High, Spread, Loss float64
		Both                    []float64
	}
	Pruning struct {
		Seed, Pairs, Leaf, Depth int
		Alphas, Impurities       []float64
		Steps                    []struct {
			Alpha float64
			Nodes [][4]float64
		}
	}
}

func record(t *testing.T) (r recorded) {
	t.Helper()
	if err := json.Unmarshal(goldens, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// uniform is SplitMix64, its upper 24 bits in [0, 1).
func uniform(seed uint64) func() float64 {
	state := seed
	return func() float64 {
		state += 0x9E3779B97F4A7C15
		z := state
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		return float64((z^z>>31)>>40) / (1 << 24)
	}
}

// noisy are the pairs of goldens.py: five attributes, a rule with noise.
func noisy(seed, n int, weighted bool) Pairs {
	draw, out := uniform(uint64(seed)), Pairs{}
	for range n {
		d := make([]float64, 5)
		for a := range d {
			d[a] = 2*draw() - 1
		}
		p := 0.15
		switch {
		case d[0] > 0.03:
			p = 0.8
		case d[1] > -0.25:
			p = 0.35
		}
		if d[2] > 0.5 {
			p += 0.15
		}
		if d[3] < -0.6 && d[0] > -0.5 {
			p -= 0.1
		}
		won := 0.0
		if draw() < p {
			won = 1
		}
		weight := 1 + math.Floor(4*draw())
		if !weighted {
			weight = 1
		}
		out.Delta, out.First, out.Weight = append(out.Delta, d), append(out.First, won), append(out.Weight, weight)
	}
	return out
}

// preorder lists nodes as goldens.py does.
func (n *Node) preorder() [][4]float64 {
	if n.Leaf() {
		return [][4]float64{{-1, 0, n.Share, n.Weight}}
	}
	out := [][4]float64{{float64(n.Attribute), n.Threshold, n.Share, n.Weight}}
	return append(append(out, n.Below.preorder()...), n.Above.preorder()...)
}

// leafLoss is the log loss on the pairs that the leaves grew on; nats.
func (n *Node) leafLoss() float64 {
	if n.Leaf() {
		return n.loss()
	}
	return n.Below.leafLoss() + n.Above.leafLoss()
}

func sameNodes(t *testing.T, got, want [][4]float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d nodes, scikit-learn has %d", len(got), len(want))
	}
	for i := range want {
		for j, what := range []string{"attribute", "threshold", "share", "weight"} {
			if math.Abs(got[i][j]-want[i][j]) > 1e-12*(1+math.Abs(want[i][j])) {
				t.Fatalf("node %d: %s is %v, scikit-learn's %v", i, what, got[i][j], want[i][j])
			}
		}
	}
}

// On data without equal splits a tree is scikit-learn's, node for node.
func TestGoldenSplitsAreScikitLearns(t *testing.T) {
	for _, want := range record(t).Plain {
		t.Run(fmt.Sprintf("seed=%d/depth=%d", want.Seed, want.Depth), func(t *testing.T) {
			rows := noisy(want.Seed, want.Pairs, want.Weighted)
			root := grow(rows.orient(5, 1), want.Depth, want.Leaf)
			sameNodes(t, root.preorder(), want.Nodes)
			if got := root.leafLoss(); math.Abs(got-want.Loss) > 1e-9*want.Loss {
				t.Errorf("log loss %v, scikit-learn's %v", got, want.Loss)
			}
		})
	}
}

// On both orientations each split has an equal one, its mirror image, and
// scikit-learn takes either. What that choice does not change is the same.
func TestGoldenMirroredLossIsScikitLearns(t *testing.T) {
	sharp := 0
	for _, want := range record(t).Mirrored {
		rows := noisy(want.Seed, want.Pairs, false)
		tree, err := Grow(rows, spec.Fit{Depth: want.Depth, Leaf: 1, Prune: "none"}, []string{"a", "b", "c", "d", "e"})
		if err != nil {
			t.Fatal(err)
		}
		loss := tree.Root.leafLoss()
		if loss < want.Low-1e-9*loss || loss > want.High+1e-9*loss {
			t.Errorf("seed %d, depth %d: log loss %v, scikit-learn's between %v and %v", want.Seed, want.Depth, loss, want.Low, want.High)
		}
		if want.Spread > 0 {
			continue
		}
		sharp++
		for i, p := range want.Both {
			if got := tree.Probability(rows.Delta[i]); math.Abs(got-p) > 1e-12 {
				t.Errorf("seed %d, depth %d, pair %d: probability %v, scikit-learn's %v", want.Seed, want.Depth, i, got, p)
			}
		}
	}
	if sharp < 8 {
		t.Errorf("only %d trees have predictions that no random state changes", sharp)
	}
}

// cost is scikit-learn's ccp_alpha · ln 2: between any two neighbours of its
// path of alphas the pruned tree is the same, and so is its impurity.
func TestGoldenCostPathIsScikitLearns(t *testing.T) {
	want := record(t).Pruning
	rows := noisy(want.Seed, want.Pairs, true)
	for i, step := range want.Steps {
		root := grow(rows.orient(5, 1), want.Depth, want.Leaf)
		prune(root, spec.Fit{Prune: "cost", Cost: step.Alpha * math.Ln2}, samples{})
		sameNodes(t, root.preorder(), step.Nodes)
		if bits := root.leafLoss() / root.Weight / math.Ln2; math.Abs(bits-want.Impurities[i]) > 1e-12 {
			t.Errorf("alpha %v: impurity %v bits, scikit-learn's %v", step.Alpha, bits, want.Impurities[i])
		}
	}
}
