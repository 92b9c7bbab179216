// Package gguf reads the header of a GGUF file: its metadata and the table of
// its tensors. It reads no tensor data.
//
// It is ours, and not go-huggingface's reader, because that one imports
// GoMLX's tensors, which cmd/rmc must not link. The format is described in
// ggml's docs/gguf.md; versions 2 and 3 are read, little-endian.
package gguf

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
)

// A File is the header of one GGUF file.
type File struct {
	Version    uint32
	Alignment  int64    // of the tensor data; a power of two
	DataOffset int64    // of the tensor data, in bytes from the start of the file
	Tensors    []Tensor // in the file's order

	// values are string, bool, uint64, int64 or float64, or slices of these.
	values map[string]any
}

// A Tensor is one row of the tensor table.
type Tensor struct {
	Name   string
	Dims   []int64 // fastest first: a matrix that computes y = Wx is [in, out]
	Type   Type
	Offset int64 // of its first byte, from File.DataOffset
	Bytes  int64 // as stored
}

// Open reads the header of the GGUF file at path. It fails, with the offset,
// if the file is cut short anywhere, its tensors included.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	file, err := read(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

func read(from io.Reader, size int64) (*File, error) {
	r := &reader{r: bufio.NewReaderSize(from, 1<<16), size: size}
	file, err := r.file()
	if err != nil {
		return nil, fmt.Errorf("at byte %d of %d: %w", r.offset, r.size, err)
	}
	return file, nil
}

// Text is the string at key.
func (f *File) Text(key string) (value string, ok bool) {
	value, ok = f.values[key].(string)
	return value, ok
}

// Bool is the boolean at key.
func (f *File) Bool(key string) (value, ok bool) {
	value, ok = f.values[key].(bool)
	return value, ok
}

// Int is the integer at key, whatever its width and sign in the file. An
// unsigned value over 2⁶³-1 counts as absent.
func (f *File) Int(key string) (value int64, ok bool) {
	return integer(f.values[key])
}

// Float is the number at key; integers are converted.
func (f *File) Float(key string) (value float64, ok bool) {
	switch v := f.values[key].(type) {
	case float64:
		return v, true
	case uint64:
		return float64(v), true
	case int64:
		return float64(v), true
	}
	return 0, false
}

// Texts is the array of strings at key.
func (f *File) Texts(key string) (values []string, ok bool) {
	values, ok = f.values[key].([]string)
	return values, ok
}

// Floats is the array of floating-point numbers at key.
func (f *File) Floats(key string) (values []float64, ok bool) {
	values, ok = f.values[key].([]float64)
	return values, ok
}

// Ints is the array of integers at key, whatever their width and sign.
func (f *File) Ints(key string) (values []int64, ok bool) {
	switch v := f.values[key].(type) {
	case []int64:
		return v, true
	case []uint64:
		values = make([]int64, len(v))
		for i, u := range v {
			if values[i], ok = integer(u); !ok {
				return nil, false
			}
		}
		return values, true
	}
	return nil, false
}

// Tensor finds a tensor by name.
func (f *File) Tensor(name string) (t Tensor, ok bool) {
	i := slices.IndexFunc(f.Tensors, func(t Tensor) bool { return t.Name == name })
	if i < 0 {
		return Tensor{}, false
	}
	return f.Tensors[i], true
}

func integer(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case uint64:
		return int64(v), v <= 1<<63-1
	}
	return 0, false
}
