package model

import (
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/conformance"
	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/pack"
	"github.com/rmc-lang/rmc/runtime/text"
)

// grown is sequences over rows, as data has them: the rows, what comes after
// parts of them, parts of what comes after, and a stranger.
func grown(rows [][]int32, vocab int32) []data.Sequence {
	var all []data.Sequence
	add := func(ids ...int32) { all = append(all, data.Sequence{IDs: ids}) }
	for i, row := range rows {
		add(row...)
		for _, n := range []int{1, len(row) / 2, len(row) - 1} {
			add(append(slices.Clone(row[:n]), int32(i), 7)...)
			add(append(slices.Clone(row[:n]), int32(i), 8, 9, 10)...)
			add(append(slices.Clone(row[:n]), int32(i))...)
		}
		add(row[:len(row)*2/3]...)
	}
	add(vocab-1, vocab-2, vocab-3)
	seen := map[data.Digest]bool{}
	return slices.DeleteFunc(all, func(s data.Sequence) bool {
		d := s.Digest()
		again := seen[d] || len(s.IDs) == 0
		seen[d] = true
		return again
	})
}

// apart is the hidden state of each sequence in a row of its own; together, in
// rows in which common beginnings are once, and how many tokens these have.
func (b *bench) apart(t *testing.T, all []data.Sequence) []float32 {
	t.Helper()
	var rows [][]int32
	length := 0
	for _, s := range all {
		rows, length = append(rows, s.IDs), max(length, len(s.IDs))
	}
	x := pad(rows, length)
	out := run(t, b.backend, func(in []*Node) []*Node {
		return []*Node{At(b.decoder.Hidden(b.params(in[4:]), in[0], in[1], in[2], -1), in[3])}
	}, x.inputs(b.weights)...)
	return flat(out[0])
}

func (b *bench) together(t *testing.T, all []data.Sequence, trees []pack.Tree) []float32 {
	t.Helper()
	longest := 0
	for _, tree := range trees {
		longest = max(longest, len(tree.Tokens))
	}
	size := b.decoder.Config.Hidden
	values := make([]float32, len(all)*size)
	bucket := (longest + 31) / 32 * 32
	for _, p := range pack.Forwards(trees, []int{bucket}, func(int) int { return len(trees) }) {
		shape := func(x []int32, width int) *tensors.Tensor { return tensors.FromFlatDataAndDimensions(x, p.Rows, width) }
		in := append([]any{shape(p.Tokens, p.Bucket), shape(p.Positions, p.Bucket), shape(p.Ends, p.Bucket), shape(p.At, p.Reads)}, b.weights...)
		out := flat(run(t, b.backend, func(in []*Node) []*Node {
			return []*Node{AtAll(b.decoder.Hidden(b.params(in[4:]), in[0], in[1], in[2], -1), in[3])}
		}, in...)[0])
		for i, s := range p.Index {
			if s >= 0 {
				copy(values[s*size:(s+1)*size], out[i*size:])
			}
		}
	}
	return values
}

// One row holds all sequences of a family's reference, and more: trees whose
// branches have branches, beyond every window. Each is as alone.
func TestSharedBeginnings(t *testing.T) {
	for _, kind := range []string{"go", "xla"} {
		t.Run(kind, func(t *testing.T) {
			for _, family := range families(t) {
				b := newBench(t, kind, family)
				all := grown(b.ref.Rows, int32(b.decoder.Vocab))
				trees := pack.Sequences(all)
				alone, shared := 0, 0
				for _, s := range all {
					alone += len(s.IDs)
				}
				for _, tree := range trees {
					shared += len(tree.Tokens)
				}
				if 2*shared > alone {
					t.Errorf("%s: %d tokens, %d alone: nothing to test", family, shared, alone)
				}
				conformance.Close(t, kind+" "+family+": hidden states, shared beginnings", b.together(t, all, trees), wide(b.apart(t, all)), 1e-5)
			}
		})
	}
}

// A branch knows nothing of another: tokens changed in one leave the other's
// state as it is, to the bit.
func TestBranchesDoNotSeeEachOther(t *testing.T) {
	b := newBench(t, "go", "gemma2")
	trunk := b.ref.Rows[3][:20]
	branch := func(ids ...int32) data.Sequence { return data.Sequence{IDs: append(slices.Clone(trunk), ids...)} }
	all := []data.Sequence{branch(40, 41, 42), branch(50, 51, 52), {IDs: trunk}}
	trees := pack.Sequences(all)
	if len(trees) != 1 || len(trees[0].Tokens) != 26 {
		t.Fatalf("%d rows, the first of %d tokens", len(trees), len(trees[0].Tokens))
	}
	before := b.together(t, all, trees)
	at := slices.Index(trees[0].Tokens, 41)
	trees[0].Tokens[at] = 99
	after := b.together(t, all, trees)
	size := b.decoder.Config.Hidden
	if slices.Equal(after[:size], before[:size]) {
		t.Error("the branch that was changed has the state it had")
	}
	closeTo(t, "the others", after[size:], wide(before[size:]), 0)
}

// TestSmolLM2SharedBeginnings holds shared beginnings against each sequence
// alone, on real weights and text. Its states have numbers up to 50, of which
// float32 has 4e-6 at hand; padded otherwise they differ as much.
func TestSmolLM2SharedBeginnings(t *testing.T) {
	path := cached(t, smolLM2)
	b := &bench{backend: openBackend(t, "xla")}
	c := b.load(t, path)
	tokenizer, err := text.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []data.Sequence
	for _, s := range []string{
		"Why is the sky blue?",
		"Why is the sky blue? Because air scatters short waves more than long ones.",
		"Why is the sky blue? Because air scatters blue light, and so the light of the sun that comes from elsewhere is mostly blue.",
		"Why is the sky blue? I do not know.",
		"Why is the sea blue? It takes in red light.",
		"A forward through the same tokens gives the same numbers, wherever in a row they stand.",
	} {
		all = append(all, data.Sequence{IDs: tokenizer.Encode(s)})
	}
	together, apart := b.together(t, all, pack.Sequences(all)), wide(b.apart(t, all))
	for at := 0; at < len(apart); at += c.Hidden {
		size := norm(together[at : at+c.Hidden])
		for i := at; i < at+c.Hidden; i++ {
			apart[i] /= size
			together[i] /= float32(size)
		}
	}
	conformance.Close(t, "SmolLM2-135M: hidden states of length 1, shared beginnings", together, apart, 1e-5)
}
