package model

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/rmc-lang/rmc/runtime/arch"
)

// At picks one hidden state of each row: hidden [row, token, hidden] at the
// index last, int32[row], is [row, hidden]. It is a masked sum and no gather,
// so that it and its gradient stay on the device that holds the row.
func At(hidden, last *Node) *Node {
	dims := hidden.Shape().Dimensions
	places := Iota(hidden.Graph(), shapes.Make(dtypes.Int32, dims[0], dims[1], 1), 1)
	chosen := Equal(places, InsertAxes(last, -1, -1))
	return ReduceSum(Where(BroadcastToDims(chosen, dims...), hidden, ZerosLike(hidden)), 1)
}

// AtAll picks several hidden states of each row: hidden [row, token, hidden] at
// the indices at, int32[row, read], is [row*read, hidden].
func AtAll(hidden, at *Node) *Node {
	dims, reads := hidden.Shape().Dimensions, at.Shape().Dimensions[1]
	rows := MulScalar(Iota(at.Graph(), at.Shape(), 0), dims[1])
	places := Reshape(Add(rows, at), dims[0]*reads, 1)
	return Gather(Reshape(hidden, dims[0]*dims[1], dims[2]), places)
}

// Score reads the linear head at the index last, int32[row], of each row:
// float32[row, output]. score.weight and, if bias, score.bias are float32.
func Score(p Params, hidden, last *Node, bias bool) *Node {
	x := ConvertDType(At(hidden, last), dtypes.Float32)
	y := times(x, p(arch.ScoreWeight))
	if bias {
		y = Add(y, ExpandLeftToRank(p(arch.ScoreBias), 2))
	}
	return y
}
