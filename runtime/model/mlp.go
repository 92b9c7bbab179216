package model

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/arch"
)

// An MLP is a small network over hidden states: linear layers with an activation
// and dropout between them, as torch stacks nn.Linear, and learnable numbers
// beside them. It is float32.
type MLP struct {
	In         int // of a hidden state; 0: it reads none and is its last bias
	Hidden     []int
	Outputs    int
	Activation string  // relu | gelu | silu | tanh
	Dropout    float64 // share of each hidden layer's units
	Bias       bool
	Scalars    map[string]float64 // first values, by name
}

const scalars = "scalars."

// ScalarName is the parameter that holds a learnable number.
func ScalarName(name string) string { return scalars + name }

// IsScalar reports whether a parameter of a name is a learnable number.
func IsScalar(parameter string) bool { return strings.HasPrefix(parameter, scalars) }

// ScalarParameters lists learnable numbers, given with their first values, by
// name. They do not decay.
func ScalarParameters(first map[string]float64) (all []arch.Param) {
	for _, name := range slices.Sorted(maps.Keys(first)) {
		all = append(all, arch.Param{Name: ScalarName(name), Shape: []int{}, Layer: -1})
	}
	return all
}

// InitScalars makes learnable numbers at their first values, float32.
func InitScalars(first map[string]float64) Weights {
	weights := Weights{}
	for name, value := range first {
		weights[ScalarName(name)] = tensors.FromScalar(float32(value))
	}
	return weights
}

func (m MLP) weight(layer int) string { return fmt.Sprintf("layers.%d.weight", layer) }
func (m MLP) bias(layer int) string   { return fmt.Sprintf("layers.%d.bias", layer) }

// widths are those of the input and of each layer's output.
func (m MLP) widths() []int {
	if m.In == 0 {
		return []int{0, m.Outputs}
	}
	return slices.Concat([]int{m.In}, m.Hidden, []int{m.Outputs})
}

// Parameters lists the network's parameters, layer by layer and then its numbers
// by name. Only the layers' matrices decay.
func (m MLP) Parameters() []arch.Param {
	var all []arch.Param
	widths := m.widths()
	for i, in := range widths[:len(widths)-1] {
		if in > 0 {
			all = append(all, arch.Param{Name: m.weight(i), Shape: []int{widths[i+1], in}, Matrix: true, Layer: -1})
		}
		if m.Bias || in == 0 {
			all = append(all, arch.Param{Name: m.bias(i), Shape: []int{widths[i+1]}, Layer: -1})
		}
	}
	return append(all, ScalarParameters(m.Scalars)...)
}

// Init makes the parameters: each layer's uniform in ±1/sqrt(in), torch's default
// for nn.Linear, the bias of a network that reads nothing 0, the numbers at their
// first values.
func (m MLP) Init(seed int) Weights {
	weights := InitScalars(m.Scalars)
	widths := m.widths()
	for _, p := range m.Parameters() {
		if !IsScalar(p.Name) {
			weights[p.Name] = tensors.FromShape(shapes.Make(dtypes.Float32, p.Shape...))
		}
	}
	for i, in := range widths[:len(widths)-1] {
		for _, name := range []string{m.weight(i), m.bias(i)} {
			if t, ok := weights[name]; ok && in > 0 {
				r := random(seed, name)
				bound := 1 / math.Sqrt(float64(in))
				fill(t, func() float64 { return bound * (2*r.Float64() - 1) })
			}
		}
	}
	return weights
}

// Apply is what the network gives for x, float32[row, hidden]: float32[row,
// output]. Of x only the number of rows counts where the network reads none.
// keys, uint32[row], say which units of a row are dropped: they are what makes
// one row and step different from another. Without keys nothing is dropped.
func (m MLP) Apply(p Params, x, keys *Node) *Node {
	if m.In == 0 {
		return BroadcastToDims(ExpandLeftToRank(p(m.bias(0)), 2), x.Shape().Dimensions[0], m.Outputs)
	}
	last := len(m.Hidden)
	for i := range last + 1 {
		x = times(x, p(m.weight(i)))
		if m.Bias {
			x = Add(x, ExpandLeftToRank(p(m.bias(i)), 2))
		}
		if i < last {
			x = m.activate(x)
			if keys != nil && m.Dropout > 0 {
				x = drop(x, keys, i, m.Dropout)
			}
		}
	}
	return x
}

func (m MLP) activate(x *Node) *Node {
	switch m.Activation {
	case "gelu": // by the error function, as torch's default
		return Mul(MulScalar(x, 0.5), OnePlus(Erf(MulScalar(x, math.Sqrt2/2))))
	case "silu":
		return Mul(x, Sigmoid(x))
	case "tanh":
		return Tanh(x)
	}
	return Max(x, ZerosLike(x))
}

// drop sets a share of the units of x [row, unit] to 0 and scales the others up.
// Which ones is a hash of the row's key, the layer and the unit, and so the same
// wherever and with whatever other rows the row is computed.
func drop(x, keys *Node, layer int, share float64) *Node {
	g, dims := x.Graph(), x.Shape().Dimensions
	unit := Iota(g, shapes.Make(dtypes.Uint32, dims...), 1)
	place := scramble(Add(unit, Scalar(g, dtypes.Uint32, uint32(layer)<<24)))
	bits := scramble(BitwiseXor(BroadcastToDims(InsertAxes(keys, -1), dims...), place))
	kept := GreaterOrEqual(bits, Scalar(g, dtypes.Uint32, uint32(math.Round(share*(1<<32)))))
	return Where(kept, MulScalar(x, 1/(1-share)), ZerosLike(x))
}

// scramble is Wellons' lowbias32, a permutation of 32 bits in which every bit of
// the result depends on every bit of x.
func scramble(x *Node) *Node {
	g := x.Graph()
	for _, round := range []struct{ shift, factor uint32 }{{16, 0x7feb352d}, {15, 0x846ca68b}} {
		x = BitwiseXor(x, BitwiseShiftRightLogicalScalar(x, round.shift))
		x = Mul(x, Scalar(g, dtypes.Uint32, round.factor))
	}
	return BitwiseXor(x, BitwiseShiftRightLogicalScalar(x, uint32(16)))
}
