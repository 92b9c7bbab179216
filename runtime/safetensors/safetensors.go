// Package safetensors reads and writes the safetensors format: a JSON table of
// named arrays, then their bytes. It knows bytes and shapes, no tensor library.
//
// Format: 8 bytes little-endian length, a JSON object of that length, then the
// data; the offsets in the table count from the end of the table.
package safetensors

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
)

// The element types that we read and write, as the format spells them.
const (
	F32  = "F32"
	F16  = "F16"
	BF16 = "BF16"
	I32  = "I32"
)

// Size is the bytes of one element, 0 for a type that is not known.
func Size(dtype string) int64 {
	switch dtype {
	case "F64", "I64", "U64":
		return 8
	case F32, I32, "U32":
		return 4
	case F16, BF16, "I16", "U16":
		return 2
	case "I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2":
		return 1
	}
	return 0
}

// A Tensor is one entry of the table.
type Tensor struct {
	Name   string
	DType  string
	Shape  []int
	Offset int64 // of its first byte in the file
	Bytes  int64
}

// A File is the table of one file.
type File struct {
	Path     string
	Tensors  []Tensor // in the order of the data
	Metadata map[string]string
}

// maxHeader is the limit the format's own implementation sets.
const maxHeader = 100_000_000

type entry struct {
	DType   string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// Open reads the table of the file at path and checks it against the file's
// size, so that a file cut short is noticed before anything is computed.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil {
		return nil, err
	}
	file, err := read(f, stat.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	file.Path = path
	return file, nil
}

func read(r io.Reader, size int64) (*File, error) {
	var length uint64
	if err := binary.Read(r, binary.LittleEndian, &length); err != nil {
		return nil, fmt.Errorf("not a safetensors file: %d bytes long", size)
	}
	if length > maxHeader || int64(length) > size-8 {
		return nil, fmt.Errorf("not a safetensors file, or cut short: a table of %d bytes in a file of %d", length, size)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, err
	}
	raw := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("its table is not JSON: %w", err)
	}
	file := &File{}
	for name, value := range raw {
		if name == "__metadata__" {
			if err := json.Unmarshal(value, &file.Metadata); err != nil {
				return nil, fmt.Errorf("its metadata: %w", err)
			}
			continue
		}
		t, err := tensor(name, value, 8+int64(length), size)
		if err != nil {
			return nil, err
		}
		file.Tensors = append(file.Tensors, t)
	}
	slices.SortFunc(file.Tensors, func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Name, b.Name))
	})
	return file, nil
}

func tensor(name string, value json.RawMessage, start, size int64) (Tensor, error) {
	var e entry
	if err := json.Unmarshal(value, &e); err != nil {
		return Tensor{}, fmt.Errorf("tensor %q: %w", name, err)
	}
	elements := int64(1)
	for _, d := range e.Shape {
		if d < 0 || d > 0 && elements > maxElements/int64(d) {
			return Tensor{}, fmt.Errorf("tensor %q has shape %v", name, e.Shape)
		}
		elements *= int64(d)
	}
	from, to := e.Offsets[0], e.Offsets[1]
	if from < 0 || to < from {
		return Tensor{}, fmt.Errorf("tensor %q has offsets %v", name, e.Offsets)
	}
	if to > size-start {
		return Tensor{}, fmt.Errorf("cut short: tensor %q ends at byte %d of %d", name, start+to, size)
	}
	if s := Size(e.DType); s > 0 && elements*s != to-from {
		return Tensor{}, fmt.Errorf("tensor %q is %s %v but has %d bytes", name, e.DType, e.Shape, to-from)
	}
	return Tensor{name, e.DType, e.Shape, start + from, to - from}, nil
}

const maxElements = 1 << 48

// Data is a tensor to write. Write puts its little-endian bytes, all of them,
// on w; it is called once, when its turn comes, so nothing is held twice.
type Data struct {
	Name  string
	DType string
	Shape []int
	Write func(w io.Writer) error
}

// Bytes is the size of the tensor's data.
func (d Data) Bytes() int64 {
	n := Size(d.DType)
	for _, x := range d.Shape {
		n *= int64(x)
	}
	return n
}
