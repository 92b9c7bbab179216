package network

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/conformance"
	"github.com/rmc-lang/rmc/runtime/arch"
	"github.com/rmc-lang/rmc/runtime/backend"
	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/mesh"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// solutionsOf are several solutions of a problem, with a place after each step.
func solutionsOf(random *rand.Rand, problem, n, steps, length, vocab int) []Asked {
	ids := make([]int32, problem)
	for i := range ids {
		ids[i] = int32(8 + random.IntN(vocab-8))
	}
	var all []Asked
	for range n {
		a := Asked{Sequence: data.Sequence{IDs: slices.Clone(ids)}}
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

// policy is a checkpoint of testdata as a language model: where it has no head of its
// own, one is made up.
func policy(t *testing.T, family string) string {
	t.Helper()
	from, dir := filepath.Join("../../testdata/conformance", family), t.TempDir()
	c, err := arch.Load(from)
	if err != nil {
		t.Fatal(err)
	}
	weights, err := model.Load(from, c, model.Options{DType: dtypes.Float32, Layers: -1})
	if err != nil {
		t.Fatal(err)
	}
	if head, ok := (&model.Decoder{Config: c}).Language(); ok {
		random := rand.New(rand.NewPCG(3, 3))
		flat := make([]float32, head.Shape[0]*head.Shape[1])
		for i := range flat {
			flat[i] = 0.2 * float32(random.NormFloat64())
		}
		weights[head.Name] = tensors.FromFlatDataAndDimensions(flat, head.Shape...)
	}
	config, err := os.ReadFile(filepath.Join(from, "config.json"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "config.json"), config, 0o644)
	}
	if err == nil {
		_, err = model.WriteModel(dir, weights.Sorted())
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// T11: one forward over packed solutions says at every step what one forward for
// each beginning, alone, says: within 1e-5.
func TestOneForwardIsOneForEachBeginning(t *testing.T) {
	b, err := backend.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Finalize()
	for family, w := range map[string]Wish{"llama": {Labels: []int32{5, 7}}, "gemma2": {Labels: []int32{5, 7, 9}, LogProb: true}, "qwen2": {LogProb: true}} {
		l, err := mesh.New(b, spec.Mesh{})
		if err != nil {
			t.Fatal(err)
		}
		m := spec.Model{Name: "pm", Kind: "policy", Layer: -1, DType: "float32", Tune: spec.Tune{Kind: "full"}}
		n, err := Open(l, m, policy(t, family), 0)
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
				one, err := n.Ask(context.Background(), []Asked{{Sequence: data.Sequence{IDs: a.Sequence.IDs[:end]}, At: []int{at}}}, w)
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
