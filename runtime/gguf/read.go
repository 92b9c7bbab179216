package gguf

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// Metadata value types, numbered as in gguf.md.
const (
	kindUint8 uint32 = iota
	kindInt8
	kindUint16
	kindInt16
	kindUint32
	kindInt32
	kindFloat32
	kindBool
	kindText
	kindArray
	kindUint64
	kindInt64
	kindFloat64
)

// reader walks over a header. Nothing is allocated before it is known that
// the rest of the file is long enough to fill it.
type reader struct {
	r      *bufio.Reader
	offset int64
	size   int64
	word   [8]byte
}

func (r *reader) file() (*File, error) {
	version, err := r.magic()
	if err != nil {
		return nil, err
	}
	tensors, err := r.count("tensors", 24)
	if err != nil {
		return nil, err
	}
	keys, err := r.count("metadata keys", 13)
	if err != nil {
		return nil, err
	}
	f := &File{Version: version, values: map[string]any{}}
	for range keys {
		if err := r.pair(f); err != nil {
			return nil, err
		}
	}
	for range tensors {
		t, err := r.tensor()
		if err != nil {
			return nil, err
		}
		f.Tensors = append(f.Tensors, t)
	}
	return f, r.layout(f)
}

func (r *reader) magic() (version uint32, err error) {
	magic, err := r.uint32()
	if err != nil {
		return 0, err
	}
	if magic != 'G'|'G'<<8|'U'<<16|'F'<<24 {
		return 0, errors.New("not a GGUF file: it does not start with GGUF")
	}
	switch version, err = r.uint32(); {
	case err != nil:
		return 0, err
	case version&0xffff == 0 && version != 0:
		return 0, errors.New("a big-endian GGUF file; only little-endian ones are read")
	case version != 2 && version != 3:
		return 0, fmt.Errorf("GGUF version %d; versions 2 and 3 are read", version)
	}
	return version, nil
}

// pair reads one metadata key and its value into f.
func (r *reader) pair(f *File) error {
	key, err := r.text()
	if err != nil {
		return fmt.Errorf("metadata key %d: %w", len(f.values), err)
	}
	kind, err := r.uint32()
	if err != nil {
		return fmt.Errorf("metadata %q: %w", key, err)
	}
	value, err := r.value(kind)
	if err != nil {
		return fmt.Errorf("metadata %q: %w", key, err)
	}
	if _, twice := f.values[key]; twice {
		return fmt.Errorf("metadata %q appears twice", key)
	}
	f.values[key] = value
	return nil
}

func (r *reader) value(kind uint32) (any, error) {
	switch kind {
	case kindText:
		return r.text()
	case kindArray:
		return r.array()
	}
	width := scalarWidth(kind)
	if width == 0 {
		return nil, fmt.Errorf("unknown value type %d", kind)
	}
	bits, err := r.bits(width)
	if err != nil {
		return nil, err
	}
	return scalar(kind, bits), nil
}

func (r *reader) array() (any, error) {
	kind, err := r.uint32()
	if err != nil {
		return nil, err
	}
	width := scalarWidth(kind)
	switch {
	case kind == kindText:
		n, err := r.count("strings", 8)
		if err != nil {
			return nil, err
		}
		return collect[string](n, func() (any, error) { return r.text() })
	case kind == kindArray:
		return nil, errors.New("an array of arrays, which is not supported")
	case width == 0:
		return nil, fmt.Errorf("unknown element type %d", kind)
	}
	n, err := r.count("elements", int64(width))
	if err != nil {
		return nil, err
	}
	next := func() (any, error) { bits, err := r.bits(width); return scalar(kind, bits), err }
	switch scalar(kind, 0).(type) {
	case bool:
		return collect[bool](n, next)
	case uint64:
		return collect[uint64](n, next)
	case int64:
		return collect[int64](n, next)
	}
	return collect[float64](n, next)
}

func collect[T any](n int64, next func() (any, error)) (any, error) {
	values := make([]T, 0, min(n, 1<<16))
	for i := range n {
		v, err := next()
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
		values = append(values, v.(T))
	}
	return values, nil
}

// scalarWidth is the size of a scalar value type in bytes; 0 for the others.
func scalarWidth(kind uint32) int {
	switch kind {
	case kindUint8, kindInt8, kindBool:
		return 1
	case kindUint16, kindInt16:
		return 2
	case kindUint32, kindInt32, kindFloat32:
		return 4
	case kindUint64, kindInt64, kindFloat64:
		return 8
	}
	return 0
}

// scalar widens a value of a scalar type to bool, uint64, int64 or float64.
func scalar(kind uint32, bits uint64) any {
	switch kind {
	case kindInt8:
		return int64(int8(bits))
	case kindInt16:
		return int64(int16(bits))
	case kindInt32:
		return int64(int32(bits))
	case kindInt64:
		return int64(bits)
	case kindFloat32:
		return float64(math.Float32frombits(uint32(bits)))
	case kindFloat64:
		return math.Float64frombits(bits)
	case kindBool:
		return bits != 0
	}
	return bits
}

func (r *reader) tensor() (t Tensor, err error) {
	if t.Name, err = r.text(); err != nil {
		return t, fmt.Errorf("name of a tensor: %w", err)
	}
	elements, err := r.dims(&t)
	if err != nil {
		return t, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	kind, err := r.uint32()
	if err != nil {
		return t, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	t.Type = Type(kind)
	l, known := t.Type.layout()
	switch {
	case !known:
		return t, fmt.Errorf("tensor %q is stored as %v, which is not supported", t.Name, t.Type)
	case t.Dims[0]%l.elements != 0:
		return t, fmt.Errorf("tensor %q: rows of %d elements do not divide into %v blocks of %d", t.Name, t.Dims[0], t.Type, l.elements)
	case elements/l.elements > math.MaxInt64/l.bytes:
		return t, fmt.Errorf("tensor %q: %v elements are too many", t.Name, t.Dims)
	}
	t.Bytes = elements / l.elements * l.bytes
	offset, err := r.bits(8)
	if err != nil {
		return t, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	if offset > math.MaxInt64 {
		return t, fmt.Errorf("tensor %q: offset %d is past the end of the file", t.Name, offset)
	}
	t.Offset = int64(offset)
	return t, nil
}

// maxDims is GGML_MAX_DIMS.
const maxDims = 4

func (r *reader) dims(t *Tensor) (elements int64, err error) {
	n, err := r.uint32()
	if err != nil {
		return 0, err
	}
	if n == 0 || n > maxDims {
		return 0, fmt.Errorf("%d dimensions; 1 to %d are possible", n, maxDims)
	}
	elements = 1
	for range n {
		d, err := r.bits(8)
		if err != nil {
			return 0, err
		}
		if d == 0 || d > uint64(math.MaxInt64/elements) {
			return 0, fmt.Errorf("dimension of %d elements", d)
		}
		t.Dims = append(t.Dims, int64(d))
		elements *= int64(d)
	}
	return elements, nil
}

// layout finds where the tensor data starts and holds every tensor against
// the length of the file.
func (r *reader) layout(f *File) error {
	f.Alignment = 32
	if _, given := f.values["general.alignment"]; given {
		n, ok := f.Int("general.alignment")
		if !ok || n <= 0 || n > 1<<30 || n&(n-1) != 0 {
			return fmt.Errorf("general.alignment is %v, not a power of two", f.values["general.alignment"])
		}
		f.Alignment = n
	}
	f.DataOffset = (r.offset + f.Alignment - 1) / f.Alignment * f.Alignment
	names := map[string]bool{}
	for _, t := range f.Tensors {
		if names[t.Name] {
			return fmt.Errorf("tensor %q appears twice", t.Name)
		}
		names[t.Name] = true
		if room := r.size - f.DataOffset; t.Bytes > room || t.Offset > room-t.Bytes {
			return fmt.Errorf("the file is cut short: tensor %q needs %d bytes from byte %d", t.Name, t.Bytes, f.DataOffset+t.Offset)
		}
	}
	return nil
}

// count reads the number of things that follow, of which each takes at least
// so many bytes.
func (r *reader) count(of string, bytes int64) (int64, error) {
	n, err := r.bits(8)
	if err != nil {
		return 0, err
	}
	if room := uint64(r.size - r.offset); n > room/uint64(bytes) {
		return 0, fmt.Errorf("%d %s do not fit into the %d bytes left", n, of, room)
	}
	return int64(n), nil
}

func (r *reader) text() (string, error) {
	n, err := r.count("bytes of text", 1)
	if err != nil {
		return "", err
	}
	text := make([]byte, n)
	if err := r.fill(text); err != nil {
		return "", err
	}
	return string(text), nil
}

func (r *reader) uint32() (uint32, error) {
	bits, err := r.bits(4)
	return uint32(bits), err
}

// bits reads an integer of so many bytes.
func (r *reader) bits(width int) (uint64, error) {
	clear(r.word[:])
	if err := r.fill(r.word[:width]); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(r.word[:]), nil
}

func (r *reader) fill(p []byte) error {
	n, err := io.ReadFull(r.r, p)
	r.offset += int64(n)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("the file is cut short")
	}
	return err
}
