package model

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/dtypes/bfloat16"
	"github.com/gomlx/compute/dtypes/float16"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/go-huggingface/models/gguf"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/arch"
	"github.com/rmc-lang/rmc/runtime/safetensors"
)

// A source is an open file of weights: safetensors or GGUF.
type source struct {
	file   *os.File
	places map[string]safetensors.Tensor // of safetensors, by stored name

	gguf   *gguf.Reader
	family string // general.architecture of a GGUF file
}

func open(path string) (*source, error) {
	if strings.HasSuffix(path, ".gguf") {
		return openGGUF(path)
	}
	table, err := safetensors.Open(path)
	if err != nil {
		return nil, err
	}
	s := &source{places: map[string]safetensors.Tensor{}}
	for _, t := range table.Tensors {
		s.places[t.Name] = t
	}
	s.file, err = os.Open(path)
	return s, err
}

func openGGUF(path string) (*source, error) {
	table, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := gguf.NewReader(table)
	if err != nil {
		return nil, err
	}
	return &source{gguf: r, family: table.Architecture()}, nil
}

func (s *source) close() {
	if s.gguf != nil {
		s.gguf.Close()
		return
	}
	s.file.Close()
}

// read brings one array as dtype, in the layout of transformers.
func (s *source) read(t arch.Tensor, c arch.Config, dtype dtypes.DType) (*tensors.Tensor, error) {
	if s.gguf != nil {
		return s.readGGUF(t, c, dtype)
	}
	place := s.places[t.Stored]
	data := io.NewSectionReader(s.file, place.Offset, place.Bytes)
	return decode(data, place.DType, place.Shape, dtype)
}

// decode reads little-endian numbers of a safetensors type into a tensor of dtype.
func decode(r io.Reader, stored string, dims []int, dtype dtypes.DType) (*tensors.Tensor, error) {
	out := tensors.FromShape(shapes.Make(dtype, dims...))
	if same := map[dtypes.DType]string{dtypes.Float32: safetensors.F32, dtypes.BFloat16: safetensors.BF16, dtypes.Int32: safetensors.I32}; same[dtype] == stored {
		var err error
		if e := out.MutableBytes(func(bytes []byte) { _, err = io.ReadFull(r, bytes) }); e != nil {
			return nil, e
		}
		return out, err
	}
	var err error
	if e := out.MutableFlatData(func(flat any) { err = convert(bufio.NewReaderSize(r, 1<<16), stored, flat) }); e != nil {
		return nil, e
	}
	return out, err
}

// convert reads numbers of a stored type into flat, a []float32 or []bfloat16.BFloat16.
func convert(r io.Reader, stored string, flat any) error {
	size := int(safetensors.Size(stored))
	number := map[string]func([]byte) float32{
		safetensors.F32:  func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) },
		safetensors.BF16: func(b []byte) float32 { return math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16) },
		safetensors.F16:  func(b []byte) float32 { return float16.FromBits(binary.LittleEndian.Uint16(b)).Float32() },
	}[stored]
	if number == nil {
		return fmt.Errorf("its type %s is not read; F32, F16 and BF16 are", stored)
	}
	var set func(i int, x float32)
	var n int
	switch to := flat.(type) {
	case []float32:
		n, set = len(to), func(i int, x float32) { to[i] = x }
	case []bfloat16.BFloat16:
		n, set = len(to), func(i int, x float32) { to[i] = bfloat16.FromFloat32(x) }
	default:
		return fmt.Errorf("%s does not become a %T", stored, flat)
	}
	raw := make([]byte, size*4096)
	for i := 0; i < n; {
		part := raw[:size*min(4096, n-i)]
		if _, err := io.ReadFull(r, part); err != nil {
			return err
		}
		for k := 0; k < len(part); k += size {
			set(i, number(part[k:]))
			i++
		}
	}
	return nil
}

// readGGUF dequantises an array and undoes what GGUF files store otherwise than
// transformers: the rows of q and k in Llama's files, and Gemma's norms, which
// have the 1 added that the decoder adds itself.
func (s *source) readGGUF(t arch.Tensor, c arch.Config, dtype dtypes.DType) (out *tensors.Tensor, err error) {
	raw, err := s.gguf.ReadTensor(nil, t.Stored)
	if err != nil {
		return nil, err
	}
	wide, err := toFloat32(raw)
	if err != nil {
		return nil, err
	}
	if err := tensors.MutableFlatData(wide, func(flat []float32) { s.undo(t, c, flat) }); err != nil {
		return nil, err
	}
	if dtype == dtypes.Float32 {
		return wide, nil
	}
	out = tensors.FromShape(shapes.Make(dtype, t.Shape...))
	err = errors.Join(
		tensors.ConstFlatData(wide, func(from []float32) {
			err = tensors.MutableFlatData(out, func(to []bfloat16.BFloat16) {
				for i, x := range from {
					to[i] = bfloat16.FromFloat32(x)
				}
			})
		}), err)
	wide.FinalizeLocal()
	return out, err
}

// toFloat32 widens the types that GGUF stores unquantised.
func toFloat32(t *tensors.Tensor) (*tensors.Tensor, error) {
	if t.DType() == dtypes.Float32 {
		return t, nil
	}
	stored, ok := map[dtypes.DType]string{dtypes.Float16: safetensors.F16, dtypes.BFloat16: safetensors.BF16}[t.DType()]
	if !ok {
		return nil, fmt.Errorf("its type %v is not read", t.DType())
	}
	var out *tensors.Tensor
	var err error
	if e := t.ConstBytes(func(data []byte) {
		out, err = decode(strings.NewReader(string(data)), stored, t.Shape().Dimensions, dtypes.Float32)
	}); e != nil {
		return nil, e
	}
	t.FinalizeLocal()
	return out, err
}

func (s *source) undo(t arch.Tensor, c arch.Config, flat []float32) {
	switch {
	case s.family == "llama" && strings.Contains(t.Name, "self_attn.q_proj."):
		unpermute(flat, c.Heads, c.HeadDim)
	case s.family == "llama" && strings.Contains(t.Name, "self_attn.k_proj."):
		unpermute(flat, c.KVHeads, c.HeadDim)
	case c.NormOffset != 0 && strings.HasSuffix(t.Name, "norm.weight"):
		for i := range flat {
			flat[i] -= float32(c.NormOffset)
		}
	}
}

// unpermute turns the rows of each head from adjacent pairs (0, 1), (2, 3) … to
// the halves (0, dim/2), (1, dim/2+1) … that transformers rotates.
func unpermute(flat []float32, heads, dim int) {
	width := len(flat) / (heads * dim)
	head := make([]float32, dim*width)
	for h := range heads {
		part := flat[h*dim*width : (h+1)*dim*width]
		copy(head, part)
		for i := range dim {
			to := i/2 + i%2*(dim/2)
			copy(part[to*width:(to+1)*width], head[i*width:(i+1)*width])
		}
	}
}
