package model

import (
	"slices"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/rmc-lang/rmc/runtime/arch"
)

// A LoRA adds scale * B·A to projections (Hu et al. 2021). A is
// <module>.lora_A.weight [rank, in], B is <module>.lora_B.weight [out, rank].
type LoRA struct {
	Rank  int
	Alpha float64
	On    []string // short names of projections: q_proj
}

// Scale is what the product B·A is multiplied by.
func (l *LoRA) Scale() float64 { return l.Alpha / float64(l.Rank) }

// add is y plus the adapter of a projection applied to x [n, in]. The adapter
// is computed in x's type, whatever the type of its parameters.
func (l *LoRA) add(p Params, module string, x, y *Node) *Node {
	if l == nil || !slices.Contains(l.On, short(module)) {
		return y
	}
	a, b := p(module+loraA), p(module+loraB)
	low := times(x, ConvertDType(a, x.DType()))
	return Add(y, MulScalar(times(low, ConvertDType(b, x.DType())), l.Scale()))
}

const (
	loraA = ".lora_A.weight"
	loraB = ".lora_B.weight"
)

func short(module string) string { return module[strings.LastIndexByte(module, '.')+1:] }

// Parameters lists the adapter's tensors for the projections of the first so
// many layers of c; -1 is all.
func (l *LoRA) Parameters(c arch.Config, layers int) []arch.Param {
	var all []arch.Param
	for _, m := range c.Linear() {
		if !slices.Contains(l.On, m.Short) || layers >= 0 && m.Layer >= layers {
			continue
		}
		all = append(all,
			arch.Param{Name: m.Module + loraA, Shape: []int{l.Rank, m.In}, Matrix: true, Layer: m.Layer},
			arch.Param{Name: m.Module + loraB, Shape: []int{m.Out, l.Rank}, Matrix: true, Layer: m.Layer})
	}
	return all
}
