// Package mesh lays arrays out over devices, and calls compiled functions on
// them.
package mesh

import (
	"errors"
	"fmt"
	"io"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/distributed"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/core/tensors/dtensor"

	"github.com/rmc-lang/rmc/runtime/backend"
	"github.com/rmc-lang/rmc/runtime/safetensors"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// Devices are split along two axes: batch rows and parameters over AxisFSDP,
// matrices once more over axisTensor.
const (
	AxisFSDP   = "fsdp"
	axisTensor = "tensor"
)

// An Axes is how an array is split: for each of its dimensions the mesh axis it
// is split over, or "" for none. nil is a copy on every device.
type Axes []string

// A Layout puts arrays on devices. One device is a layout like any other, so
// that nothing above it needs to ask.
type Layout struct {
	Backend compute.Backend
	mesh    *distributed.DeviceMesh // nil on one device
	FSDP    int                     // devices along AxisFSDP
	Tensor  int                     // and along axisTensor
}

// New arranges devices of b as m says.
func New(b *backend.Backend, m spec.Mesh) (*Layout, error) {
	l := &Layout{Backend: b.Backend, FSDP: 1, Tensor: 1}
	devices := max(1, m.Devices)
	if devices == 1 {
		return l, nil
	}
	if devices > b.Devices {
		return nil, fmt.Errorf("the mesh wants %d devices and the %s backend has %d", devices, b.Kind, b.Devices)
	}
	l.Tensor = max(1, m.Tensor)
	l.FSDP = m.FSDP
	if l.FSDP == 0 {
		l.FSDP = devices / l.Tensor
	}
	if l.FSDP*l.Tensor != devices {
		return nil, fmt.Errorf("fsdp %d × tensor %d is %d devices; the mesh says %d", l.FSDP, l.Tensor, l.FSDP*l.Tensor, devices)
	}
	mesh, err := distributed.NewDeviceMesh([]int{l.FSDP, l.Tensor}, []string{AxisFSDP, axisTensor})
	if err != nil {
		return nil, fmt.Errorf("arranging %d devices: %w", devices, err)
	}
	l.mesh = mesh
	return l, nil
}

// devices is the number of devices in use.
func (l *Layout) devices() int { return l.FSDP * l.Tensor }

// spec translates a; it is nil on one device.
func (l *Layout) spec(a Axes) *distributed.ShardingSpec {
	if l.mesh == nil {
		return nil
	}
	s := distributed.NewReplicatedShardingSpec(l.mesh)
	for _, axis := range a {
		if axis == "" {
			s.Axes = append(s.Axes, nil)
			continue
		}
		s.Axes = append(s.Axes, distributed.AxisSpec{axis})
	}
	return s
}

// An Array is one logical array with its pieces, one a device.
type Array struct {
	Axes   Axes
	pieces []*tensors.Tensor
}

// Place uploads t, split as a says. t must not be used afterwards.
func (l *Layout) Place(t *tensors.Tensor, a Axes) (*Array, error) {
	out := &Array{Axes: a, pieces: []*tensors.Tensor{t}}
	if l.mesh != nil {
		split, err := dtensor.ShardTensor(l.spec(a), t)
		if err != nil {
			return nil, fmt.Errorf("splitting %s over %v: %w", t.Shape(), a, err)
		}
		out.pieces = split.Shards()
		t.FinalizeLocal()
	}
	for d, piece := range out.pieces {
		if err := piece.ToDevice(l.Backend, compute.DeviceNum(d)); err != nil {
			return nil, fmt.Errorf("uploading %s to device %d: %w", piece.Shape(), d, err)
		}
	}
	return out, nil
}

// host copies x back as one array, leaving the pieces where they are.
func (l *Layout) host(x *Array) (*tensors.Tensor, error) {
	if l.mesh == nil {
		return x.pieces[0], nil
	}
	whole, err := dtensor.NewTensor(l.spec(x.Axes), x.pieces)
	if err != nil {
		return nil, err
	}
	return whole.Merge()
}

// Free gives x's memory back.
func (x *Array) Free() error {
	for _, piece := range x.pieces {
		if err := piece.FinalizeAll(); err != nil {
			return err
		}
	}
	return nil
}

// An Input is an argument of a compiled function. A donated array is gone after
// the call: its memory is the function's to reuse.
type Input struct {
	*Array
	Donate bool
}

// A Function is a graph compiled for one shape of its inputs.
type Function struct {
	Layout  *Layout
	exec    *graph.Exec
	outputs []Axes // of the first outputs; the others are copies on every device
}

// Compiled makes a function of build. Inputs are split as in says; outputs as
// outputs says, and beyond its length, where build gives at least one more, are
// copied to every device.
func (l *Layout) Compiled(name string, in, outputs []Axes, build func([]*graph.Node) []*graph.Node) (*Function, error) {
	wrapped := func(nodes []*graph.Node) []*graph.Node {
		defer func() {
			// GoMLX and op panic on graphs that cannot be; Exec makes errors, but only of errors.
			if problem := recover(); problem != nil {
				panic(AsError(problem))
			}
		}()
		return build(nodes)
	}
	exec, err := graph.NewExec(l.Backend, wrapped)
	if err != nil {
		return nil, err
	}
	exec.WithName(name)
	if l.mesh != nil {
		exec.AutoSharding(l.mesh)
		exec.WithInputShardingSpecs(l.specs(in)...)
		exec.WithOutputShardingSpecs(append(l.specs(outputs), l.spec(nil))...)
	}
	return &Function{Layout: l, exec: exec, outputs: outputs}, nil
}

// AsError is what a graph that cannot be panicked with, as an error.
func AsError(problem any) error {
	if err, ok := problem.(error); ok {
		return err
	}
	return fmt.Errorf("%v", problem)
}

func (l *Layout) specs(all []Axes) []*distributed.ShardingSpec {
	out := make([]*distributed.ShardingSpec, len(all))
	for i, a := range all {
		out[i] = l.spec(a)
	}
	return out
}

// Free drops what was compiled.
func (f *Function) Free() { f.exec.Finalize() }

// Call runs f, compiling it the first time.
func (f *Function) Call(inputs []Input) ([]*Array, error) {
	devices := f.Layout.devices()
	args := make([]any, 0, devices*len(inputs))
	for d := range devices {
		for _, in := range inputs {
			piece := in.pieces[d]
			if !in.Donate {
				args = append(args, piece)
				continue
			}
			donated, err := graph.DonateTensorBuffer(piece, f.Layout.Backend, compute.DeviceNum(d))
			if err != nil {
				return nil, err
			}
			args = append(args, donated)
		}
	}
	flat, _, err := f.exec.CallWithGraphOnDevice(0, args...)
	if err != nil {
		return nil, err
	}
	count := len(flat) / devices
	out := make([]*Array, count)
	for i := range out {
		out[i] = &Array{}
		if i < len(f.outputs) {
			out[i].Axes = f.outputs[i]
		}
		for d := range devices {
			out[i].pieces = append(out[i].pieces, flat[d*count+i])
		}
	}
	return out, nil
}

// Read hands x's bytes, as one array, to take.
func (l *Layout) Read(x *Array, take func([]byte)) error {
	t, err := l.host(x)
	if err != nil {
		return err
	}
	if err := t.ConstBytes(take); err != nil {
		return err
	}
	// What stays of x is on the devices alone.
	if t.IsOnAnyDevice() {
		t.FinalizeLocal()
	}
	for _, piece := range x.pieces {
		if piece.IsOnAnyDevice() {
			piece.FinalizeLocal()
		}
	}
	return nil
}

// Numbers copies a float32 array back, flat, and frees it.
func (l *Layout) Numbers(x *Array) ([]float32, error) {
	t, err := l.host(x)
	if err != nil {
		return nil, err
	}
	flat, err := tensors.CopyFlatData[float32](t)
	if err != nil {
		return nil, err
	}
	return flat, x.Free()
}

// Stored is a float32 array as an entry of a file; it is copied from the
// devices when its turn comes.
func (l *Layout) Stored(name string, dims []int, x *Array) safetensors.Data {
	return safetensors.Data{Name: name, DType: safetensors.F32, Shape: dims, Write: func(w io.Writer) error {
		var writing error
		reading := l.Read(x, func(bytes []byte) { _, writing = w.Write(bytes) })
		return errors.Join(reading, writing)
	}}
}
