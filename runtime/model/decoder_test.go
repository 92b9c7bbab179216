package model

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/arch"
)

// laid puts rows one after another, told apart by their ends; last is where each ends.
func laid(rows [][]int32, length int) (x batch, last []int32) {
	tokens, positions, ends := make([]int32, length), make([]int32, length), make([]int32, length)
	at := 0
	for _, row := range rows {
		end := int32(at + len(row))
		for i, token := range row {
			tokens[at], positions[at], ends[at] = token, int32(i), end
			at++
		}
		last = append(last, int32(at-1))
	}
	shape := func(x []int32) *tensors.Tensor { return tensors.FromFlatDataAndDimensions(x, 1, length) }
	return batch{shape(tokens), shape(positions), shape(ends), tensors.FromFlatDataAndDimensions(last[:1], 1)}, last
}

// TestPackedRows puts all rows into one, told apart by their ends: each scores as alone.
func TestPackedRows(t *testing.T) {
	for _, family := range families(t) {
		b := newBench(t, "go", family)
		x, last := laid(b.ref.Rows, 100)
		for i, at := range last {
			x.last = tensors.FromFlatDataAndDimensions([]int32{at}, 1)
			score, _, _ := b.scores(t, x)
			closeTo(t, family+" packed score", score, b.ref.ScoreSingle[i:i+1], 1e-4)
		}
	}
}

// TestPaddingOnTheLeft shifts rows to the right end: only positions count.
func TestPaddingOnTheLeft(t *testing.T) {
	const length = 48
	for _, family := range []string{"mistral", "gemma3"} {
		b := newBench(t, "go", family)
		n := len(b.ref.Rows)
		tokens, positions, ends, last := make([]int32, n*length), make([]int32, n*length), make([]int32, n*length), make([]int32, n)
		for r, row := range b.ref.Rows {
			for i, token := range row {
				at := r*length + length - len(row) + i
				tokens[at], positions[at], ends[at] = token, int32(i), length
			}
			last[r] = length - 1
		}
		shape := func(x []int32) *tensors.Tensor { return tensors.FromFlatDataAndDimensions(x, n, length) }
		score, _, _ := b.scores(t, batch{shape(tokens), shape(positions), shape(ends), tensors.FromFlatDataAndDimensions(last, n)})
		closeTo(t, family+" score", score, b.ref.ScoreSingle, 1e-4)
	}
}

// TestFutureChangesNothing changes the tokens after the one that is read.
func TestFutureChangesNothing(t *testing.T) {
	b := newBench(t, "go", "gemma2")
	row := slices.Clone(b.ref.Rows[3])
	x := pad([][]int32{row}, 48)
	x.last = tensors.FromFlatDataAndDimensions([]int32{20}, 1)
	before, _, _ := b.scores(t, x)
	for i := 21; i < len(row); i++ {
		row[i] = (row[i] + 1) % 320
	}
	y := pad([][]int32{row}, 48)
	y.last = x.last
	after, _, _ := b.scores(t, y)
	closeTo(t, "score", after, wide(before), 0)
	y.last = tensors.FromFlatDataAndDimensions([]int32{21}, 1)
	if after, _, _ = b.scores(t, y); after[0] == before[0] {
		t.Error("the token that is read changes nothing either")
	}
}

// TestCheckpoint holds recomputed gradients against kept ones.
func TestCheckpoint(t *testing.T) {
	for _, family := range []string{"llama", "gemma3"} {
		b := newBench(t, "go", family)
		x := pad(b.ref.Rows, 48)
		want := b.train(t, x)
		b.decoder.Checkpoint = true
		got := b.train(t, x)
		closeTo(t, family+" score", got.score, wide(want.score), 0)
		for i, name := range b.names {
			closeTo(t, family+" gradient of "+name, got.gradients[i], wide(want.gradients[i]), 1e-5*max(1, norm(want.gradients[i])))
		}
	}
}

// TestShallow reads after fewer layers: the same as a model that has only those.
func TestShallow(t *testing.T) {
	b := newBench(t, "go", "gemma3")
	x := pad(b.ref.Rows, 48)
	at := func(layers int) []float32 {
		var asked []string
		out := run(t, b.backend, func(in []*Node) []*Node {
			all := b.params(in[4:])
			p := func(name string) *Node { asked = append(asked, name); return all(name) }
			return []*Node{At(b.decoder.Hidden(p, in[0], in[1], in[2], layers), in[3])}
		}, x.inputs(b.weights)...)
		var want []string
		for _, p := range b.decoder.ParametersTo(layers) {
			want = append(want, p.Name)
		}
		slices.Sort(asked)
		slices.Sort(want)
		if !slices.Equal(slices.Compact(asked), want) {
			t.Errorf("%d layers ask for %v, ParametersTo lists %v", layers, asked, want)
		}
		return flat(out[0])
	}
	full := at(-1)
	closeTo(t, "hidden state after all layers", at(7), wide(full), 0)
	three := at(3)
	b.decoder.Config = b.decoder.Shallow(3)
	closeTo(t, "hidden state after three layers", at(-1), wide(three), 0)
	if slices.Equal(full, three) {
		t.Error("three layers give what seven give")
	}
}

// TestBFloat16 computes in bfloat16: near, not equal, and the head's result is
// float32. On these rows transformers in bfloat16 is off by up to 0.084.
func TestBFloat16(t *testing.T) {
	for _, kind := range []string{"go", "xla"} {
		t.Run(kind, func(t *testing.T) {
			b := newBench(t, kind, "llama")
			folder := references + "/llama"
			weights, err := Load(folder, b.decoder.Config, Options{DType: dtypes.BFloat16, Layers: -1, Score: true})
			if err != nil {
				t.Fatal(err)
			}
			if d := weights[arch.ScoreWeight].DType(); d != dtypes.Float32 {
				t.Errorf("the head is %v", d)
			}
			if d := weights[arch.FinalNorm].DType(); d != dtypes.BFloat16 {
				t.Errorf("the norm is %v", d)
			}
			b.use(weights)
			score, _, _ := b.scores(t, pad(b.ref.Rows, 48))
			closeTo(t, "score", score, b.ref.Score, 0.15)
		})
	}
}

// TestLoRA holds an adapter against the same weights merged, and one whose B is
// still 0 against none.
func TestLoRA(t *testing.T) {
	for _, family := range []string{"qwen2", "gemma2"} {
		b, weights := hold(t, family)
		x := pad(b.ref.Rows, 48)
		b.decoder.LoRA = &LoRA{Rank: 4, Alpha: 8, On: arch.Projections()}
		b.use(weights, b.decoder.LoRA.Init(b.decoder.Config, -1, 7))
		fresh, _, _ := b.scores(t, x)
		closeTo(t, family+" score with a fresh adapter", fresh, b.ref.Score, 1e-4)

		adapter := strong(b.decoder.LoRA, b.decoder.Config, -1)
		b.use(weights, adapter)
		with, _, _ := b.scores(t, x)
		if slices.Equal(with, fresh) {
			t.Errorf("%s: the adapter changes nothing", family)
		}
		if err := b.decoder.LoRA.Merge(b.decoder.Config, weights, adapter); err != nil {
			t.Fatal(err)
		}
		b.decoder.LoRA = nil
		b.use(weights)
		merged, _, _ := b.scores(t, x)
		closeTo(t, family+" merged score", merged, wide(with), 1e-4)
	}
}

func TestMergeSaysWhatIsMissing(t *testing.T) {
	b, weights := hold(t, "llama")
	l := &LoRA{Rank: 2, Alpha: 2, On: []string{"q_proj"}}
	adapter := l.Init(b.decoder.Config, -1, 0)
	delete(adapter, "model.layers.1.self_attn.q_proj.lora_B.weight")
	err := l.Merge(b.decoder.Config, weights, adapter)
	if err == nil || !strings.Contains(err.Error(), "model.layers.1.self_attn.q_proj") {
		t.Errorf("got %v", err)
	}
}

// TestInit: what a tensor draws depends on the seed and its name alone.
func TestInit(t *testing.T) {
	c := newBench(t, "go", "llama").decoder.Config
	few := (&LoRA{Rank: 4, On: []string{"v_proj"}}).Init(c, 1, 5)
	many := (&LoRA{Rank: 4, On: arch.Projections()}).Init(c, -1, 5)
	if len(few) != 2 || len(many) != 2*7*c.Layers {
		t.Fatalf("%d and %d tensors", len(few), len(many))
	}
	for name, w := range few {
		closeTo(t, name, flat(w), wide(flat(many[name])), 0)
	}
	const a = "model.layers.0.self_attn.v_proj.lora_A.weight"
	bound := float32(1 / 6.9282) // 1/sqrt(48)
	if low, high := slices.Min(flat(few[a])), slices.Max(flat(few[a])); low < -bound || high > bound || high < 0.8*bound || low > -0.8*bound {
		t.Errorf("A lies in [%g, %g], want to fill ±%g", low, high, bound)
	}
	other := (&LoRA{Rank: 4, On: []string{"v_proj"}}).Init(c, 1, 6)
	if slices.Equal(flat(other[a]), flat(few[a])) {
		t.Error("another seed draws the same")
	}
	score := flat(InitScore(c, 50, true, "normal", 0)[arch.ScoreWeight])
	if deviation := norm(score) / 48.99; deviation < 0.9/7 || deviation > 1.1/7 { // sqrt(50*48), 1/sqrt(49)
		t.Errorf("the head's deviation is %g, want %g", deviation, 1.0/7)
	}
	if zero := InitScore(c, 1, true, "zeros", 0); norm(flat(zero[arch.ScoreWeight])) != 0 || norm(flat(zero[arch.ScoreBias])) != 0 {
		t.Error("zeros are not")
	}
}

// TestScoreBias adds the bias after the head.
func TestScoreBias(t *testing.T) {
	b, weights := hold(t, "llama")
	b.use(weights, Weights{arch.ScoreBias: tensors.FromFlatDataAndDimensions([]float32{0.5}, 1)})
	x := pad(b.ref.Rows, 48)
	out := run(t, b.backend, func(in []*Node) []*Node {
		p := b.params(in[4:])
		return []*Node{Score(p, b.decoder.Hidden(p, in[0], in[1], in[2], -1), in[3], true)}
	}, x.inputs(b.weights)...)
	want := slices.Clone(b.ref.Score)
	for i := range want {
		want[i] += 0.5
	}
	closeTo(t, "score", flat(out[0]), want, 1e-4)
}
