package trainer

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/distributed"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/core/tensors/dtensor"

	"github.com/rmc-lang/rmc/runtime/backend"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// Devices are split along two axes: batch rows and parameters over axisFSDP,
// matrices once more over axisTensor.
const (
	axisFSDP   = "fsdp"
	axisTensor = "tensor"
)

// An axes is how an array is split: for each of its dimensions the mesh axis it
// is split over, or "" for none. nil is a copy on every device.
type axes []string

// A layout puts arrays on devices. One device is a layout like any other, so
// that nothing above it needs to ask.
type layout struct {
	backend compute.Backend
	mesh    *distributed.DeviceMesh // nil on one device
	fsdp    int
	tensor  int
}

// newLayout arranges devices of b as m says.
func newLayout(b *backend.Backend, m spec.Mesh) (*layout, error) {
	l := &layout{backend: b.Backend, fsdp: 1, tensor: 1}
	devices := max(1, m.Devices)
	if devices == 1 {
		return l, nil
	}
	if devices > b.Devices {
		return nil, fmt.Errorf("the mesh wants %d devices and the %s backend has %d", devices, b.Kind, b.Devices)
	}
	l.tensor = max(1, m.Tensor)
	l.fsdp = m.FSDP
	if l.fsdp == 0 {
		l.fsdp = devices / l.tensor
	}
	if l.fsdp*l.tensor != devices {
		return nil, fmt.Errorf("fsdp %d × tensor %d is %d devices; the mesh says %d", l.fsdp, l.tensor, l.fsdp*l.tensor, devices)
	}
	mesh, err := distributed.NewDeviceMesh([]int{l.fsdp, l.tensor}, []string{axisFSDP, axisTensor})
	if err != nil {
		return nil, fmt.Errorf("arranging %d devices: %w", devices, err)
	}
	l.mesh = mesh
	return l, nil
}

// devices is the number of devices in use.
func (l *layout) devices() int { return l.fsdp * l.tensor }

// spec translates a; it is nil on one device.
func (l *layout) spec(a axes) *distributed.ShardingSpec {
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

// An array is one logical array with its pieces, one a device.
type array struct {
	axes   axes
	pieces []*tensors.Tensor
}

// place uploads t, split as a says. t must not be used afterwards.
func (l *layout) place(t *tensors.Tensor, a axes) (*array, error) {
	out := &array{axes: a, pieces: []*tensors.Tensor{t}}
	if l.mesh != nil {
		split, err := dtensor.ShardTensor(l.spec(a), t)
		if err != nil {
			return nil, fmt.Errorf("splitting %s over %v: %w", t.Shape(), a, err)
		}
		out.pieces = split.Shards()
		t.FinalizeLocal()
	}
	for d, piece := range out.pieces {
		if err := piece.ToDevice(l.backend, compute.DeviceNum(d)); err != nil {
			return nil, fmt.Errorf("uploading %s to device %d: %w", piece.Shape(), d, err)
		}
	}
	return out, nil
}

// host copies x back as one array, leaving the pieces where they are.
func (l *layout) host(x *array) (*tensors.Tensor, error) {
	if l.mesh == nil {
		return x.pieces[0], nil
	}
	whole, err := dtensor.NewTensor(l.spec(x.axes), x.pieces)
	if err != nil {
		return nil, err
	}
	return whole.Merge()
}

// free gives x's memory back.
func (x *array) free() error {
	for _, piece := range x.pieces {
		if err := piece.FinalizeAll(); err != nil {
			return err
		}
	}
	return nil
}

// An input is an argument of a compiled function. A donated array is gone after
// the call: its memory is the function's to reuse.
type input struct {
	*array
	donate bool
}

// A function is a graph compiled for one shape of its inputs.
type function struct {
	layout  *layout
	exec    *graph.Exec
	outputs []axes // of the first outputs; the others are copies on every device
}

// compiled makes a function of build. Inputs are split as in says; outputs as
// outputs says, and beyond its length are copied to every device.
func (l *layout) compiled(name string, in, outputs []axes, build func([]*graph.Node) []*graph.Node) (*function, error) {
	wrapped := func(nodes []*graph.Node) []*graph.Node {
		defer func() {
			// GoMLX and op panic on graphs that cannot be; Exec makes errors, but only of errors.
			if problem := recover(); problem != nil {
				panic(asError(problem))
			}
		}()
		return build(nodes)
	}
	exec, err := graph.NewExec(l.backend, wrapped)
	if err != nil {
		return nil, err
	}
	exec.WithName(name)
	if l.mesh != nil {
		exec.AutoSharding(l.mesh)
		exec.WithInputShardingSpecs(l.specs(in)...)
		exec.WithOutputShardingSpecs(append(l.specs(outputs), l.spec(nil))...)
	}
	return &function{layout: l, exec: exec, outputs: outputs}, nil
}

func asError(problem any) error {
	if err, ok := problem.(error); ok {
		return err
	}
	return fmt.Errorf("%v", problem)
}

func (l *layout) specs(all []axes) []*distributed.ShardingSpec {
	out := make([]*distributed.ShardingSpec, len(all))
	for i, a := range all {
		out[i] = l.spec(a)
	}
	return out
}

// call runs f, compiling it the first time.
func (f *function) call(inputs []input) ([]*array, error) {
	devices := f.layout.devices()
	args := make([]any, 0, devices*len(inputs))
	for d := range devices {
		for _, in := range inputs {
			piece := in.pieces[d]
			if !in.donate {
				args = append(args, piece)
				continue
			}
			donated, err := graph.DonateTensorBuffer(piece, f.layout.backend, compute.DeviceNum(d))
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
	out := make([]*array, count)
	for i := range out {
		out[i] = &array{}
		if i < len(f.outputs) {
			out[i].axes = f.outputs[i]
		}
		for d := range devices {
			out[i].pieces = append(out[i].pieces, flat[d*count+i])
		}
	}
	return out, nil
}

// read hands x's bytes, as one array, to take.
func (l *layout) read(x *array, take func([]byte)) error {
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

// numbers copies a float32 array back, flat, and frees it.
func (l *layout) numbers(x *array) ([]float32, error) {
	t, err := l.host(x)
	if err != nil {
		return nil, err
	}
	flat, err := tensors.CopyFlatData[float32](t)
	if err != nil {
		return nil, err
	}
	return flat, x.free()
}
