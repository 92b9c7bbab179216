package network

import (
	"context"
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/pack"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// An Asked is a sequence of which a policy is asked what comes next after some of
// its tokens.
type Asked struct {
	Sequence data.Sequence
	At       []int // indices of those tokens, ascending
}

// A Wish is what a policy is asked for at each place. Where the labels are known
// there is a number for each of them, else one, of the token that does come next.
type Wish struct {
	LogProb bool // the log-probability among all tokens; else the logit
	Labels  []int32
}

// numbers is how many there are for a place.
func (w Wish) numbers() int { return max(1, len(w.Labels)) }

// String names a wish among others of one network.
func (w Wish) String() string { return fmt.Sprintf("logprob %v of %v", w.LogProb, w.Labels) }

// Ask is what the policy says of sequences: of each, for one place after another,
// as many numbers as w has. Sequences that begin alike go through the layers
// together, and all places of a sequence at once.
func (n *Network) Ask(ctx context.Context, all []Asked, w Wish) ([][]float32, error) {
	sequences, places := make([]data.Sequence, len(all)), make([][]int, len(all))
	out := make([][]float32, len(all))
	for i, a := range all {
		sequences[i], places[i] = a.Sequence, a.At
		out[i] = make([]float32, len(a.At)*w.numbers())
	}
	rows, buckets := filled(pack.Places(sequences, places))
	for _, f := range (Packer{buckets, n.Layout.FSDP}).forwards(rows) {
		flat, err := n.AskRows(ctx, f, w)
		if err != nil {
			return nil, err
		}
		k := w.numbers()
		for i, s := range f.Index {
			if s >= 0 {
				copy(out[s][f.Place[i]*k:], flat[i*k:(i+1)*k])
			}
		}
	}
	return out, nil
}

// AskRows is what the policy says at the places of the rows of a forward, one after
// another.
func (n *Network) AskRows(ctx context.Context, f *pack.Packed, w Wish) ([]float32, error) {
	return n.call(ctx, forward{wish: w.String(), rows: f.Rows, bucket: f.Bucket, reads: f.Reads}, n.askedRows(f, w), n.answers(w))
}

// filledRow is how many tokens of shorter rows go into one. Rows twice as long
// cost a third more a token.
const filledRow = 1024

// filled fills rows up to one length, so that there are few shapes and hardly any
// padding.
func filled(rows []pack.Tree) (full []pack.Tree, buckets []int) {
	full = pack.Fill(rows, filledRow)
	_, longest := rowLengths(full)
	return full, rungs(longest)
}

// rungs are lengths up to one that holds so many tokens: powers of two, and from
// 256 on multiples of it.
func rungs(tokens int) []int {
	all := []int{2 * spec.BucketMultiple}
	for last := all[0]; last < tokens; all = append(all, last) {
		last += min(last, 8*spec.BucketMultiple)
	}
	return all
}

func (n *Network) askedRows(f *pack.Packed, w Wish) []*tensors.Tensor {
	all := []*tensors.Tensor{
		tensors.FromFlatDataAndDimensions(f.Tokens, f.Rows, f.Bucket),
		tensors.FromFlatDataAndDimensions(f.Positions, f.Rows, f.Bucket),
		tensors.FromFlatDataAndDimensions(f.Ends, f.Rows, f.Bucket),
		tensors.FromFlatDataAndDimensions(f.At, f.Rows, f.Reads),
	}
	if w.Labels == nil {
		all = append(all, tensors.FromFlatDataAndDimensions(f.Next, f.Rows, f.Reads))
	}
	return all
}

// answers is the graph of a wish.
func (n *Network) answers(w Wish) func(p model.Params, rows []*Node) *Node {
	return func(p model.Params, rows []*Node) *Node {
		h := n.Decoder.Hidden(p, rows[0], rows[1], rows[2], n.Model.Depth())
		h = Reshape(model.AtEach(h, rows[3]), -1, n.Decoder.Config.Hidden)
		var logits *Node
		if w.Labels == nil {
			logits = n.Decoder.TokenLogits(p, h, Reshape(rows[4], -1))
		} else {
			logits = n.Decoder.LabelLogits(p, h, w.Labels)
		}
		if !w.LogProb {
			return logits
		}
		total := n.Decoder.LogTotal(p, h)
		if w.Labels != nil {
			total = BroadcastToDims(InsertAxes(total, -1), logits.Shape().Dimensions...)
		}
		return Sub(logits, total)
	}
}
