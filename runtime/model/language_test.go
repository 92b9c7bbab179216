package model

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/conformance"
	"github.com/rmc-lang/rmc/runtime/arch"
)

// A languageReference is what conformance/labels.py computed.
type languageReference struct {
	LabelIDs      []int32 `json:"label_ids"`
	Conversations []struct {
		IDs []int32 `json:"ids"`
		At  []int32 `json:"at"`
	} `json:"conversations"`
	Heads map[string]struct {
		Labels    [][]float64        `json:"labels"`
		Target    []int32            `json:"target"`
		LogProb   []float64          `json:"log_prob"`
		Gradients map[string]float64 `json:"gradients"`
	} `json:"heads"`
}

// wave is the matrix that conformance/labels.py takes where a head is not tied.
func wave(dims ...int) *tensors.Tensor {
	n := 1
	for _, d := range dims {
		n *= d
	}
	flat := make([]float32, n)
	for i := range flat {
		flat[i] = float32(0.2 * math.Sin(float64(1+i)))
	}
	return tensors.FromFlatDataAndDimensions(flat, dims...)
}

// languageBench is a family with its language head in place of a score head.
func languageBench(t *testing.T, kind, family string) *bench {
	t.Helper()
	b := newBench(t, kind, family)
	b.names, b.weights = nil, nil
	weights, err := Load(filepath.Join(references, family), b.decoder.Config, Options{DType: dtypes.Float32, Layers: -1})
	if err != nil {
		t.Fatal(err)
	}
	if p, ok := b.decoder.Language(); ok {
		weights[p.Name] = wave(p.Shape...)
	}
	for _, w := range weights.Sorted() {
		b.names, b.weights = append(b.names, w.Name), append(b.weights, w.Tensor)
	}
	return b
}

// Every family's own head gives the logits, log-probabilities and gradients of
// transformers, soft caps and untied heads included, read at a few places alone.
func TestConformanceOfLanguageHeads(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(references, "labels.json"))
	if err != nil {
		t.Fatal(err)
	}
	var ref languageReference
	if err := json.Unmarshal(text, &ref); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"go", "xla"} {
		for _, family := range families(t) {
			t.Run(kind+" "+family, func(t *testing.T) {
				b, row, want := languageBench(t, kind, family), ref.Conversations[0], ref.Heads[family]
				x, n := pad([][]int32{row.IDs}, 48), len(row.At)
				at := tensors.FromFlatDataAndDimensions(row.At, 1, n)
				target := tensors.FromFlatDataAndDimensions(want.Target, n)
				out := run(t, b.backend, func(in []*Node) []*Node {
					p := b.params(in[5:])
					hidden := b.decoder.Hidden(p, in[0], in[1], in[2], -1)
					places := Reshape(AtEach(hidden, in[3]), n, b.decoder.Config.Hidden)
					labels := b.decoder.LabelLogits(p, places, ref.LabelIDs)
					logProb := Sub(b.decoder.TokenLogits(p, places, in[4]), b.decoder.LogTotal(p, places))
					best := Squeeze(Slice(LogSoftmax(labels), AxisRange(), AxisElem(0)), -1)
					loss := Add(ReduceAllSum(best), MulScalar(ReduceAllSum(logProb), 0.5))
					return append([]*Node{labels, logProb}, Gradient(loss, in[5:]...)...)
				}, append([]any{x.tokens, x.positions, x.ends, at, target}, b.weights...)...)
				var all []float64
				for _, l := range want.Labels {
					all = append(all, l...)
				}
				name := "language head of " + family + " on " + kind
				conformance.Close(t, name+": logits of labels", flat(out[0]), all, 1e-4)
				conformance.Close(t, name+": log-probabilities", flat(out[1]), want.LogProb, 1e-4)
				var sizes, ones []float64
				for i, g := range out[2:] {
					if size, ok := want.Gradients[b.names[i]]; ok {
						sizes, ones = append(sizes, norm(flat(g))/size), append(ones, 1)
					}
				}
				if len(sizes) != len(want.Gradients) {
					t.Errorf("%d gradients, want %d", len(sizes), len(want.Gradients))
				}
				conformance.Close(t, name+": gradient norms, relative", sizes, ones, 1e-3)
			})
		}
	}
}

// A sum over the vocabulary that is computed part by part, and again for its
// gradient, is that of the whole.
func TestLogTotalInParts(t *testing.T) {
	const n, hidden = 300, 4
	vocab := 1 << 16 // 256 places at once
	d := &Decoder{Config: arch.Config{Vocab: vocab, Hidden: hidden, FinalCap: 2}}
	if parts := (n + placesAtOnce(vocab) - 1) / placesAtOnce(vocab); parts != 2 {
		t.Fatalf("%d parts", parts)
	}
	for _, kind := range []string{"go", "xla"} {
		t.Run(kind, func(t *testing.T) {
			if kind == "go" && testing.Short() {
				t.Skip("slow in pure Go")
			}
			loss := func(total *Node) *Node {
				weight := Iota(total.Graph(), total.Shape(), 0)
				return ReduceAllSum(Mul(total, Sin(weight)))
			}
			out := run(t, openBackend(t, kind), func(in []*Node) []*Node {
				p := func(string) *Node { return in[1] }
				whole := logSumExp(d.capped(times(in[0], in[1])))
				parts := d.LogTotal(p, in[0])
				return []*Node{whole, parts,
					Gradient(loss(whole), in...)[0], Gradient(loss(parts), in...)[0],
					ReduceSum(Gradient(loss(whole), in...)[1], 0), ReduceSum(Gradient(loss(parts), in...)[1], 0)}
			}, wave(n, hidden), wave(vocab, hidden))
			for i := 0; i < len(out); i += 2 {
				var want []float64
				for _, x := range flat(out[i]) {
					want = append(want, float64(x))
				}
				closeTo(t, "parts", flat(out[i+1]), want, 1e-4)
			}
		})
	}
}
