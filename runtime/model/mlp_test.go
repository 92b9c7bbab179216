package model

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/arch"
)

// apply runs a network over x [row, hidden]; keys may be nil.
func apply(t *testing.T, b compute.Backend, m MLP, weights Weights, x [][]float32, keys []uint32) [][]float32 {
	t.Helper()
	names, in := parameters(m, weights)
	in = append(in, x)
	if keys != nil {
		in = append(in, keys)
	}
	out := run(t, b, func(nodes []*Node) []*Node {
		var drop *Node
		if keys != nil {
			drop = nodes[len(names)+1]
		}
		return []*Node{m.Apply(lookup(names, nodes), nodes[len(names)], drop)}
	}, in...)
	return out[0].Value().([][]float32)
}

func parameters(m MLP, weights Weights) (names []string, in []any) {
	for _, p := range m.Parameters() {
		names, in = append(names, p.Name), append(in, weights[p.Name])
	}
	return names, in
}

func lookup(names []string, nodes []*Node) Params {
	return func(name string) *Node { return nodes[slices.Index(names, name)] }
}

// Values within 1e-6 and gradients within 1e-5 of torch's linear layers.
func TestMLPIsTorchs(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "mlp.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []struct {
			Activation      string
			X, Y, Gradient  [][]float32
			Weights         [][][]float32
			Biases          [][]float32
			WeightGradients [][][]float64 `json:"weight_gradients"`
		}
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"go", "xla"} {
		t.Run(kind, func(t *testing.T) {
			b := openBackend(t, kind)
			for _, c := range golden.Cases {
				m := MLP{In: 4, Hidden: []int{5, 3}, Outputs: 2, Activation: c.Activation, Bias: true}
				weights := Weights{}
				for i := range c.Weights {
					weights[m.weight(i)] = tensors.FromValue(c.Weights[i])
					weights[m.bias(i)] = tensors.FromValue(c.Biases[i])
				}
				names, in := parameters(m, weights)
				out := run(t, b, func(nodes []*Node) []*Node {
					p, x := lookup(names, nodes), nodes[len(names)]
					y := m.Apply(p, x, nil)
					return append([]*Node{y}, Gradient(ReduceAllSum(Square(y)), x, p(m.weight(0)), p(m.weight(1)), p(m.weight(2)))...)
				}, append(in, c.X)...)
				closeTo(t, c.Activation, flat(out[0]), floats(c.Y), 1e-6)
				closeTo(t, c.Activation+", gradient of the input", flat(out[1]), floats(c.Gradient), 1e-5)
				for i, g := range c.WeightGradients {
					closeTo(t, c.Activation+", gradient of "+m.weight(i), flat(out[2+i]), slices.Concat(g...), 1e-5)
				}
			}
		})
	}
}

func floats(rows [][]float32) (out []float64) {
	for _, x := range slices.Concat(rows...) {
		out = append(out, float64(x))
	}
	return out
}

func TestMLPParameters(t *testing.T) {
	scalars := map[string]float64{"scale": 1.5, "offset": -2}
	m := MLP{In: 4, Hidden: []int{8}, Outputs: 3, Bias: true, Scalars: scalars}
	want := []arch.Param{
		{Name: "layers.0.weight", Shape: []int{8, 4}, Matrix: true, Layer: -1}, {Name: "layers.0.bias", Shape: []int{8}, Layer: -1},
		{Name: "layers.1.weight", Shape: []int{3, 8}, Matrix: true, Layer: -1}, {Name: "layers.1.bias", Shape: []int{3}, Layer: -1},
		{Name: "scalars.offset", Shape: []int{}, Layer: -1}, {Name: "scalars.scale", Shape: []int{}, Layer: -1},
	}
	if got := m.Parameters(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	m.Bias, m.Scalars = false, nil
	if got := m.Parameters(); len(got) != 2 || !got[0].Matrix || !got[1].Matrix {
		t.Errorf("without biases: %v", got)
	}
}

// First values are torch's in their bounds and spread, and a function of the
// seed alone.
func TestMLPInit(t *testing.T) {
	m := MLP{In: 64, Hidden: []int{100}, Outputs: 2, Bias: true, Scalars: map[string]float64{"scale": 1.5}}
	weights := m.Init(3)
	for _, p := range m.Parameters()[:4] {
		bound := 1 / math.Sqrt(map[bool]float64{true: 64, false: 100}[p.Name == m.weight(0) || p.Name == m.bias(0)])
		largest, squares := 0.0, 0.0
		for _, x := range flat(weights[p.Name]) {
			largest = max(largest, math.Abs(float64(x)))
			squares += float64(x) * float64(x)
		}
		if largest > bound || largest < 0.3*bound {
			t.Errorf("%s: up to %v, want close to %v and no more", p.Name, largest, bound)
		}
		if deviation := math.Sqrt(squares / float64(p.Size())); p.Matrix && math.Abs(deviation/bound-1/math.Sqrt(3)) > 0.05 {
			t.Errorf("%s: deviation %v of the bound, want 1/√3", p.Name, deviation/bound)
		}
	}
	if got := weights["scalars.scale"].Value(); got != float32(1.5) {
		t.Errorf("scale is %v", got)
	}
	wider := m
	wider.Scalars = nil
	same, other := wider.Init(3), m.Init(4)
	if !slices.Equal(flat(same[m.weight(1)]), flat(weights[m.weight(1)])) || slices.Equal(flat(other[m.weight(1)]), flat(weights[m.weight(1)])) {
		t.Error("the first values are no function of the seed")
	}
}

// Without input a network is a vector, the same for every row.
func TestMLPOfNothing(t *testing.T) {
	m := MLP{Hidden: []int{9}, Outputs: 3, Activation: "relu", Dropout: 0.5}
	if got := m.Parameters(); len(got) != 1 || got[0].Name != "layers.0.bias" || !slices.Equal(got[0].Shape, []int{3}) {
		t.Fatalf("its parameters are %v", got)
	}
	weights := m.Init(1)
	if got := flat(weights["layers.0.bias"]); !slices.Equal(got, []float32{0, 0, 0}) {
		t.Errorf("it starts at %v", got)
	}
	weights["layers.0.bias"] = tensors.FromValue([]float32{1, 2, 3})
	got := apply(t, openBackend(t, "go"), m, weights, [][]float32{{7, 7}, {8, 8}}, []uint32{1, 2})
	if want := [][]float32{{1, 2, 3}, {1, 2, 3}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Dropout leaves out its share, keeps the mean, treats each row by its key alone
// and is the same on every backend.
func TestDropout(t *testing.T) {
	// The output is the mean over the units of one hidden layer, all of them 1.
	m := MLP{In: 1, Hidden: []int{512}, Outputs: 1, Activation: "relu", Dropout: 0.25, Bias: true}
	var x [][]float32
	var keys []uint32
	for i := range 256 {
		x, keys = append(x, []float32{1}), append(keys, uint32(i)*0x9e3779b9)
	}
	outputs := map[string][][]float32{}
	for _, kind := range []string{"go", "xla"} {
		t.Run(kind, func(t *testing.T) {
			weights := m.Init(0)
			fill(weights[m.weight(0)], func() float64 { return 1 })
			fill(weights[m.bias(0)], func() float64 { return 0 })
			fill(weights[m.weight(1)], func() float64 { return 1. / 512 })
			fill(weights[m.bias(1)], func() float64 { return 0 })
			b := openBackend(t, kind)
			got := apply(t, b, m, weights, x, keys)
			outputs[kind] = got
			mean, different := 0.0, map[float32]bool{}
			for _, row := range got {
				mean += float64(row[0]) / 256
				different[row[0]] = true
				if kept := float64(row[0]) * 0.75; kept < 0.65 || kept > 0.85 {
					t.Errorf("a row keeps %v of its units, want about 0.75", kept)
				}
			}
			if math.Abs(mean-1) > 0.01 || len(different) < 20 {
				t.Errorf("mean %v, want 1; %d different rows of 256", mean, len(different))
			}
			tail := apply(t, b, m, weights, x[:3], []uint32{keys[200], keys[7], keys[200]})
			for i, row := range []int{200, 7, 200} { // a unit is 0.0026; sums differ by their order
				if math.Abs(float64(tail[i][0]-got[row][0])) > 1e-5 {
					t.Errorf("row %d gives %v, and among other rows %v", row, got[row][0], tail[i][0])
				}
			}
			for _, row := range apply(t, b, m, weights, x[:2], nil) {
				if math.Abs(float64(row[0])-1) > 1e-6 {
					t.Errorf("without keys a unit was dropped: %v", row)
				}
			}
		})
	}
	if other := outputs["xla"]; other != nil && !reflect.DeepEqual(other, outputs["go"]) {
		for i := range other {
			if math.Abs(float64(other[i][0]-outputs["go"][i][0])) > 1e-6 {
				t.Fatalf("row %d: %v on XLA, %v in pure Go", i, other[i], outputs["go"][i])
			}
		}
	}
}
