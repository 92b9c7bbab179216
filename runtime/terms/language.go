package terms

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/op"
)

// The terms of a policy: what a decoder's own language head says of the tokens
// that are asked for, at the places where they stand.

// labelLogits is the logit of each label at each mark: [example, step, label].
func (r *Reading) labelLogits(name, view string) *Node {
	return r.once(Given{"logits", name, view}, func() *Node {
		return r.language(name, view, func(n *network.Network, p model.Params, h *Node) *Node { return n.Decoder.LabelLogits(p, h, r.labels) })
	})
}

// logProb is the log-probability among all tokens of each label at each mark, or
// of each token of a response.
func (r *Reading) logProb(name, view string) op.Tensor {
	if r.labels != nil {
		return op.New(r.labelLogProb(name, view), r.Axis, AxisStep, AxisLabel)
	}
	mask := op.New(r.marked[view], r.Axis, AxisToken)
	return op.New(r.tokenLogProb(name, view), r.Axis, AxisToken).WithMask(AxisToken, mask)
}

func (r *Reading) labelLogProb(name, view string) *Node {
	return r.once(Given{"logprob", name, view}, func() *Node {
		logits := r.labelLogits(name, view)
		total := r.language(name, view, func(n *network.Network, p model.Params, h *Node) *Node { return n.Decoder.LogTotal(p, h) })
		return Sub(logits, BroadcastToDims(InsertAxes(total, -1), logits.Shape().Dimensions...))
	})
}

// tokenLogProb is that of the tokens of a response: [example, token].
func (r *Reading) tokenLogProb(name, view string) *Node {
	return r.once(Given{"logprob", name, view}, func() *Node {
		return r.language(name, view, func(n *network.Network, p model.Params, h *Node) *Node {
			target := Reshape(r.targets[view], -1)
			return Sub(n.Decoder.TokenLogits(p, h, target), n.Decoder.LogTotal(p, h))
		})
	})
}

// ending is the log-probability, among all tokens, of the token that follows each
// label: [example, step]; 0 where none does.
func (r *Reading) ending(name, view string) *Node {
	return r.once(Given{"ending", name, view}, func() *Node {
		next := r.targets[view]
		if next == nil {
			panic("the data has no endings")
		}
		n, p := r.Network(name)
		y := places(r.site(r.hiddenBy(name, view), 1), func(h *Node) *Node {
			known := Reshape(MaxScalar(next, 0), -1)
			return Sub(n.Decoder.TokenLogits(p, h, known), n.Decoder.LogTotal(p, h))
		})
		return Where(GreaterOrEqual(next, ZerosLike(next)), y, ZerosLike(y))
	})
}

// site is one of the places that are read of each mark: of hidden states [example,
// place, hidden] those of [example, step, hidden].
func (r *Reading) site(h *Node, site int) *Node {
	if !r.endings {
		return h
	}
	dims := h.Shape().Dimensions
	return Squeeze(Slice(Reshape(h, dims[0], dims[1]/sitesOfAMark, sitesOfAMark, dims[2]), AxisRange(), AxisRange(), AxisElem(site)), 2)
}

// language applies f, from [n, hidden] to [n] or [n, x], at each place of each
// example of a view: of labels, before the label.
func (r *Reading) language(name, view string, f func(n *network.Network, p model.Params, h *Node) *Node) *Node {
	n, p := r.Network(name)
	return places(r.site(r.hiddenBy(name, view), 0), func(h *Node) *Node { return f(n, p, h) })
}

// places applies f, from [n, hidden] to [n] or [n, x], along the first two axes.
func places(h *Node, f func(h *Node) *Node) *Node {
	dims := h.Shape().Dimensions
	y := f(Reshape(h, dims[0]*dims[1], dims[2]))
	return Reshape(y, append([]int{dims[0], dims[1]}, y.Shape().Dimensions[1:]...)...)
}

// hiddenBy is the hidden states of a view that a model's own layers give.
func (r *Reading) hiddenBy(name, view string) *Node {
	if views, ok := r.Of(name); ok {
		return views[view]
	}
	return r.hidden(view)
}
