package mesh

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/backend"
	"github.com/rmc-lang/rmc/runtime/spec"
)

func TestLayoutsThatCannotBe(t *testing.T) {
	for want, m := range map[string]spec.Mesh{
		"the mesh wants 5 devices and the xla backend has 4": {Devices: 5},
		"fsdp 3 × tensor 1 is 3 devices; the mesh says 4":    {Devices: 4, FSDP: 3},
		"fsdp 1 × tensor 3 is 3 devices; the mesh says 4":    {Devices: 4, Tensor: 3},
	} {
		if _, err := New(&backend.Backend{Kind: "xla", Devices: 4}, m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", m, err, want)
		}
	}
}

// What is put on devices and computed there comes back as the one array that it
// was, however it is split; what was donated is used up, and what was not is there.
func TestArraysComeBack(t *testing.T) {
	for _, m := range []spec.Mesh{{}, {Devices: 4}, {Devices: 4, FSDP: 2, Tensor: 2}} {
		for _, a := range []Axes{nil, {AxisFSDP}, {AxisFSDP, axisTensor}, {"", AxisFSDP}} {
			l, err := New(opened(t, m), m)
			if err != nil {
				t.Fatal(err)
			}
			kept, donated := placed(t, l, a), placed(t, l, a)
			sum, err := l.Compiled("sum", []Axes{a, a}, []Axes{a}, func(in []*graph.Node) []*graph.Node {
				x := graph.Add(in[0], in[1])
				return []*graph.Node{x, graph.ReduceAllSum(x)}
			})
			if err != nil {
				t.Fatal(err)
			}
			out, err := sum.Call([]Input{{Array: kept}, {Array: donated, Donate: true}})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := l.Numbers(out[0]); err != nil || !slices.Equal(got, []float32{0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30}) {
				t.Errorf("%+v over %v: %v, %v", m, a, got, err)
			}
			if got, err := l.Numbers(out[1]); err != nil || !slices.Equal(got, []float32{240}) {
				t.Errorf("%+v over %v: the total is %v, %v", m, a, got, err)
			}
			if got, err := l.Numbers(kept); err != nil || len(got) != 16 || got[15] != 15 {
				t.Errorf("%+v over %v, what was kept: %v, %v", m, a, got, err)
			}
			sum.Free()
		}
	}
}

// placed is the numbers from 0 as a 4 by 4 array.
func placed(t *testing.T, l *Layout, a Axes) *Array {
	t.Helper()
	flat := make([]float32, 16)
	for i := range flat {
		flat[i] = float32(i)
	}
	x, err := l.Place(tensors.FromFlatDataAndDimensions(flat, 4, 4), a)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// opened is a backend with the devices of a mesh.
func opened(t *testing.T, m spec.Mesh) *backend.Backend {
	t.Helper()
	kind := "go"
	if m.Devices > 1 {
		kind = "xla"
	}
	b, err := backend.Open(kind)
	if err != nil {
		t.Skipf("needs the XLA plugin: %v", err)
	}
	return b
}

// A graph that cannot be is an error of the call and not a panic.
func TestGraphThatCannotBe(t *testing.T) {
	l, err := New(opened(t, spec.Mesh{}), spec.Mesh{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.Compiled("wrong", []Axes{nil}, nil, func(in []*graph.Node) []*graph.Node { panic("no such term") })
	if err == nil {
		_, err = f.Call([]Input{{Array: placed(t, l, nil)}})
	}
	if err == nil || !strings.Contains(err.Error(), "no such term") {
		t.Errorf("%v", err)
	}
}
