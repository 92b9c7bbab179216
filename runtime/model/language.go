package model

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/arch"
)

// The language head, which says what token comes next, is the model's own
// matrix, lm_head.weight, or the embeddings where it is tied. It is read only for
// the places and tokens that are asked for: a whole [row, token, vocab] is more
// memory than all layers of a small model.

// LMHead names the tensor of the language head.
func (d *Decoder) LMHead() string {
	if d.Tied {
		return arch.Embedding
	}
	return arch.LMHead
}

// Language is the parameter that a decoder's language head adds to its layers;
// ok is false where it is tied to the embeddings.
func (d *Decoder) Language() (p arch.Param, ok bool) {
	return arch.Param{Name: arch.LMHead, Shape: []int{d.Vocab, d.Config.Hidden}, Matrix: true, Layer: -1}, !d.Tied
}

// Logits is what the language head gives for every token of the vocabulary after
// hidden [row, token, hidden]: float32[row, token, vocab].
func (d *Decoder) Logits(p Params, hidden *Node) *Node {
	return d.capped(ConvertDType(dot(hidden, p(d.LMHead()), []int{2}, nil, []int{1}, nil), dtypes.Float32))
}

// LabelLogits is the logit of each of a few tokens after hidden [n, hidden]:
// float32[n, label], computed in float32.
func (d *Decoder) LabelLogits(p Params, hidden *Node, labels []int32) *Node {
	ids := Const(hidden.Graph(), tensors.FromFlatDataAndDimensions(labels, len(labels), 1))
	rows := ConvertDType(Gather(p(d.LMHead()), ids), dtypes.Float32)
	return d.capped(times(ConvertDType(hidden, dtypes.Float32), rows))
}

// TokenLogits is the logit of one token each, target int32[n], after hidden
// [n, hidden]: float32[n].
func (d *Decoder) TokenLogits(p Params, hidden, target *Node) *Node {
	rows := ConvertDType(Gather(p(d.LMHead()), InsertAxes(target, -1)), dtypes.Float32)
	return d.capped(ReduceSum(Mul(ConvertDType(hidden, dtypes.Float32), rows), -1))
}

// LogTotal is the logarithm of the sum of e^logit over the vocabulary after hidden
// [n, hidden]: float32[n]. A logit less it is a log-probability.
//
// It is computed in float32 for some places at a time, and again for the
// gradient, so that at most one such part has its logits in memory.
func (d *Decoder) LogTotal(p Params, hidden *Node) *Node {
	table := ConvertDType(p(d.LMHead()), dtypes.Float32)
	hidden = ConvertDType(hidden, dtypes.Float32)
	n, at := hidden.Shape().Dim(0), placesAtOnce(d.Vocab)
	if n <= at/2 {
		return logSumExp(d.capped(times(hidden, table)))
	}
	var parts []*Node
	for from := 0; from < n; from += at {
		part := Slice(hidden, AxisRange(from, min(n, from+at))).Checkpoint()
		parts = append(parts, logSumExp(d.capped(times(part, table))).StopCheckpoint())
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return Concatenate(parts, 0)
}

// placesAtOnce is after how many places the whole vocabulary is looked at at once:
// at most 64 MB of logits, and few enough multiplications to keep the cores busy.
func placesAtOnce(vocab int) int { return max(32, (1<<24)/vocab/32*32) }

// logSumExp is log(sum(e^x)) over the last axis of x [n, vocab]. Its gradient
// needs the exponentials alone, and not the maximum.
func logSumExp(x *Node) *Node {
	top := StopGradient(ReduceAndKeep(x, ReduceMax, -1))
	total := ReduceSum(Exp(Sub(x, top)), -1)
	return Add(Log(total), Squeeze(top, -1))
}

// capped bounds logits softly where the family does.
func (d *Decoder) capped(logits *Node) *Node {
	if d.FinalCap > 0 {
		return MulScalar(Tanh(MulScalar(logits, 1/d.FinalCap)), d.FinalCap)
	}
	return logits
}

// AtEach picks several hidden states of each row, as At picks one: hidden [row,
// token, hidden] at the indices at, int32[row, place], is float32[row, place,
// hidden]. It is a product with zeros and ones and no gather, for At's reason.
func AtEach(hidden, at *Node) *Node {
	dims := hidden.Shape().Dimensions
	index := Iota(hidden.Graph(), shapes.Make(dtypes.Int32, dims[0], at.Shape().Dim(1), dims[1]), 2)
	picks := ConvertDType(Equal(index, InsertAxes(at, -1)), dtypes.Float32)
	batch := []int{0}
	return dot(picks, ConvertDType(hidden, dtypes.Float32), []int{2}, batch, []int{1}, batch)
}
