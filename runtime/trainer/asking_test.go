package trainer

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/rmc-lang/rmc/conformance"
	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/mesh"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// solutionsOf are several solutions of a problem, with a place after each step.
func solutionsOf(random *rand.Rand, problem, n, steps, length, vocab int) []network.Asked {
	ids := make([]int32, problem)
	for i := range ids {
		ids[i] = int32(8 + random.IntN(vocab-8))
	}
	var all []network.Asked
	for range n {
		a := network.Asked{Sequence: data.Sequence{IDs: slices.Clone(ids)}}
		for range 1 + random.IntN(steps) {
			for range 1 + random.IntN(length) {
				a.Sequence.IDs = append(a.Sequence.IDs, int32(8+random.IntN(vocab-8)))
			}
			a.At = append(a.At, len(a.Sequence.IDs)-1)
		}
		all = append(all, a)
	}
	return all
}

// prefixes are the beginnings of solutions, up to each place, one place each.
func prefixes(all []network.Asked) (out []network.Asked) {
	for _, a := range all {
		for _, at := range a.At {
			out = append(out, network.Asked{Sequence: data.Sequence{IDs: a.Sequence.IDs[:at+1]}, At: []int{at}})
		}
	}
	return out
}

// T11: one forward over packed solutions says at every step what one forward for
// each beginning, alone, says: within 1e-5.
func TestOneForwardIsOneForEachBeginning(t *testing.T) {
	b := goBackend(t)
	for family, w := range map[string]network.Wish{"llama": {Labels: []int32{5, 7}}, "gemma2": {Labels: []int32{5, 7, 9}, LogProb: true}, "qwen2": {LogProb: true}} {
		l, err := mesh.New(b, spec.Mesh{})
		if err != nil {
			t.Fatal(err)
		}
		m := spec.Model{Name: "pm", Kind: "policy", Layer: -1, DType: "float32", Tune: spec.Tune{Kind: "full"}}
		n, err := network.Open(l, m, languageModel(t, family), 0)
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(4, 4))
		all := solutionsOf(random, 7, 6, 4, 6, 300)
		if w.Labels == nil { // the token that comes after the last place is not there
			for i := range all {
				all[i].Sequence.IDs = append(all[i].Sequence.IDs, int32(20+i))
			}
		}
		got, err := n.Ask(context.Background(), all, w)
		if err != nil {
			t.Fatal(err)
		}
		var together []float32
		var alone []float64
		for i, a := range all {
			together = append(together, got[i]...)
			for _, at := range a.At {
				end := at + 1
				if w.Labels == nil {
					end++
				}
				one, err := n.Ask(context.Background(), []network.Asked{{Sequence: data.Sequence{IDs: a.Sequence.IDs[:end]}, At: []int{at}}}, w)
				if err != nil {
					t.Fatal(err)
				}
				for _, x := range one[0] {
					alone = append(alone, float64(x))
				}
			}
		}
		conformance.Close(t, "one forward and one for each beginning, "+family, together, alone, 1e-5)
	}
}

func TestShares(t *testing.T) {
	got := shares([]float32{1000, 1000, 0, float32(math.Log(3))}, 2)
	for i, want := range [][]float64{{0.5, 0.5}, {0.25, 0.75}} {
		for k := range want {
			if math.Abs(got[i][k]-want[k]) > 1e-7 {
				t.Errorf("place %d: %v, want %v", i, got[i], want)
			}
		}
	}
}
