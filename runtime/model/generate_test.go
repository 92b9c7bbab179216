package model

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/conformance"
	"github.com/rmc-lang/rmc/runtime/generate"
)

// A spoken is a text as it was gone on with, and the logits that each further token
// was the highest of.
type spoken struct {
	ids    []int32
	prompt int
	logits [][]float32
}

// goOn goes on greedily from prompts, each in so many rows, of which row i takes the
// token that is i-th best first. After room tokens the cache grows.
func (b *bench) goOn(t *testing.T, prompts [][]int32, samples, tokens, room int) []spoken {
	t.Helper()
	rows, length := len(prompts)*samples, 0
	for _, p := range prompts {
		length = max(length, len(p))
	}
	length += 3 // padding
	ids, lengths := make([]int32, len(prompts)*length), make([]int32, len(prompts))
	for i, p := range prompts {
		copy(ids[i*length:], p)
		lengths[i] = int32(len(p))
	}
	layers := 2 * b.decoder.Layers
	lengthsOf := func() *tensors.Tensor { return tensors.FromFlatDataAndDimensions(lengths, len(prompts)) }
	start := run(t, b.backend, func(in []*Node) []*Node {
		logits, cache := b.decoder.Prefill(b.params(in[2:]), in[0], in[1], -1)
		room := b.decoder.Room(logits.Graph(), dtypes.Float32, rows, room, -1)
		return append(append([]*Node{logits}, cache...), room...)
	}, append([]any{tensors.FromFlatDataAndDimensions(ids, len(prompts), length), lengthsOf()}, b.weights...)...)

	bytes := int64(0)
	for _, x := range start[1:] {
		bytes += int64(x.Shape().Size()) * 4
	}
	of := generate.Cache{Layers: b.decoder.Layers, KVHeads: b.decoder.KVHeads, HeadDim: b.decoder.HeadDim, Bytes: 4}
	if want := of.Size(generate.Shape{Prompts: len(prompts), Samples: samples}, length, room); bytes != want {
		t.Errorf("the cache has %d bytes, and a plan says %d", bytes, want)
	}

	out := make([]spoken, rows)
	next := func(row int, logits []float32, best int) {
		order := make([]int32, len(logits))
		for i := range order {
			order[i] = int32(i)
		}
		slices.SortFunc(order, func(i, j int32) int { return int(max(-1, min(1, 1e6*(logits[j]-logits[i])))) })
		out[row].ids = append(out[row].ids, order[best])
		out[row].logits = append(out[row].logits, logits)
	}
	first := flat(start[0])
	for row := range out {
		p := row / samples
		out[row] = spoken{ids: slices.Clone(prompts[p]), prompt: len(prompts[p])}
		next(row, first[p*b.decoder.Vocab:(p+1)*b.decoder.Vocab], row%samples)
	}
	cache, own := start[1:1+layers], start[1+layers:]
	step, err := NewExec(b.backend, func(in []*Node) []*Node {
		logits, own := b.decoder.Continue(b.params(in[3+2*layers:]), in[0], in[1], in[2], in[3:3+layers], in[3+layers:3+2*layers], -1)
		return append([]*Node{logits}, own...)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer step.Finalize()
	for n := range tokens - 1 {
		if n == room {
			own = run(t, b.backend, func(in []*Node) []*Node { return Grow(in, tokens) }, anys(own)...)
		}
		last := make([]int32, rows)
		for row, s := range out {
			last[row] = s.ids[len(s.ids)-1]
		}
		in := []any{tensors.FromFlatDataAndDimensions(last, rows), tensors.FromScalar(int32(n)), lengthsOf()}
		all, err := step.Call(slices.Concat(in, anys(cache), anys(own), b.weights)...)
		if err != nil {
			t.Fatal(err)
		}
		logits := flat(all[0])
		own = all[1:]
		for row := range out {
			next(row, logits[row*b.decoder.Vocab:(row+1)*b.decoder.Vocab], 0)
		}
	}
	return out
}

func anys(all []*tensors.Tensor) []any {
	out := make([]any, len(all))
	for i, x := range all {
		out[i] = x
	}
	return out
}

// Token by token with a cache, the logits are those of forwards through the whole
// text, in every family, beyond every window, whatever is beside a row.
func TestContinue(t *testing.T) {
	for kind, of := range map[string][]string{"go": families(t), "xla": {"llama3_1", "gemma3"}} {
		for _, family := range of {
			t.Run(kind+" "+family, func(t *testing.T) {
				b := languageBench(t, kind, family)
				prompts := [][]int32{b.ref.Rows[3][:25], b.ref.Rows[0][:1], b.ref.Rows[1][:7]}
				all := b.goOn(t, prompts, 2, 14, 5)
				b.holds(t, kind+" "+family, all)
				if slices.Equal(all[0].ids, all[1].ids) {
					t.Error("rows of one prompt are alike: nothing to test")
				}
			})
		}
	}
}

// holds compares what was spoken with forwards through the whole texts.
func (b *bench) holds(t *testing.T, name string, all []spoken) {
	t.Helper()
	var rows [][]int32
	length := 0
	for _, s := range all {
		rows, length = append(rows, s.ids), max(length, len(s.ids))
	}
	x := pad(rows, length)
	out := flat(run(t, b.backend, func(in []*Node) []*Node {
		p := b.params(in[4:])
		return []*Node{b.decoder.Logits(p, b.decoder.Hidden(p, in[0], in[1], in[2], -1))}
	}, x.inputs(b.weights)...)[0])
	vocab := b.decoder.Vocab
	var ours []float32
	var theirs []float64
	for row, s := range all {
		for i, logits := range s.logits {
			at := s.prompt + i
			whole := out[(row*length+at-1)*vocab:][:vocab]
			ours, theirs = append(ours, logits...), append(theirs, wide(whole)...)
			if best := int32(slices.Index(whole, slices.Max(whole))); i > 0 && s.ids[at] != best {
				t.Errorf("%s: token %d of row %d is %d, and %d by a forward of the whole", name, at, row, s.ids[at], best)
			}
		}
	}
	conformance.Close(t, fmt.Sprintf("%s: logits with a cache", name), ours, theirs, 1e-4)
}
