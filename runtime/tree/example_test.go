package tree_test

import (
	"fmt"

	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/tree"
)

// Readers prefer what is more helpful, and where neither is by much, what is
// shorter.
func Example() {
	var pairs tree.Pairs
	for i := range 400 {
		helpfulness, verbosity := float64(i%20)/5-1.9, float64(i/20)/10-0.95
		first := 0.0
		if helpfulness > 0.6 || helpfulness > -0.6 && verbosity < 0 {
			first = 1
		}
		pairs.Delta = append(pairs.Delta, []float64{helpfulness, verbosity})
		pairs.First = append(pairs.First, first)
	}
	fit := spec.Fit{Depth: 3, Leaf: 20, Prune: "none"}
	t, err := tree.Grow(pairs, fit, []string{"helpfulness", "verbosity"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(t.Rules())
	for _, delta := range [][]float64{{1.2, 0.4}, {0.1, -0.3}, {-0.1, 0.3}, {0, 0}} {
		fmt.Printf("%v: first is better with probability %.2f\n", delta, t.Probability(delta))
	}
	// Output:
	// if helpfulness(first) − helpfulness(second) ≤ −0.6
	//     first is better in 0 % of 280 pairs
	// else
	//     if helpfulness(first) − helpfulness(second) ≤ 0.6
	//         if verbosity(first) − verbosity(second) ≤ 0
	//             first is better in 100 % of 120 pairs
	//         else
	//             first is better in 0 % of 120 pairs
	//     else
	//         first is better in 100 % of 280 pairs
	//
	// This is f(first, second). P(first ≻ second) = ½ [f(first, second) + 1 − f(second, first)]; ½ is a tie.
	// [1.2 0.4]: first is better with probability 1.00
	// [0.1 -0.3]: first is better with probability 1.00
	// [-0.1 0.3]: first is better with probability 0.00
	// [0 0]: first is better with probability 0.50
}
