package model

import (
	"fmt"
	"io"
	"os"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/safetensors"
)

func storedType(d dtypes.DType) string {
	switch d {
	case dtypes.Float32:
		return safetensors.F32
	case dtypes.BFloat16:
		return safetensors.BF16
	case dtypes.Int32:
		return safetensors.I32
	}
	panic(fmt.Sprintf("model: no stored type for %v", d))
}

// WriteModel writes arrays into folder as transformers does, in files of at
// most 5 GB, and returns the names of the files.
func WriteModel(folder string, all []Named) ([]string, error) {
	return safetensors.WriteModel(folder, stored(all), safetensors.ShardSize)
}

// stored makes arrays ready for a file. The bytes of each are fetched when its
// turn comes, from the device if that is where they are.
func stored(all []Named) []safetensors.Data {
	data := make([]safetensors.Data, len(all))
	for i, n := range all {
		data[i] = safetensors.Data{
			Name:  n.Name,
			DType: storedType(n.Tensor.DType()),
			Shape: n.Tensor.Shape().Dimensions,
			Write: func(w io.Writer) error {
				var err error
				if e := n.Tensor.ConstBytes(func(bytes []byte) { _, err = w.Write(bytes) }); e != nil {
					return e
				}
				return err
			},
		}
	}
	return data
}

// ReadSafetensors reads all arrays of a file in the types they are stored in.
// If digest is not empty, the file must still have that SHA-256.
func ReadSafetensors(path, digest string) (Weights, error) {
	if digest != "" {
		if err := safetensors.Verify(path, digest); err != nil {
			return nil, err
		}
	}
	table, err := safetensors.Open(path)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	weights := Weights{}
	for _, t := range table.Tensors {
		if weights[t.Name], err = readStored(f, t); err != nil {
			return nil, fmt.Errorf("%s: tensor %s: %w", path, t.Name, err)
		}
	}
	return weights, nil
}

func readStored(f io.ReaderAt, t safetensors.Tensor) (*tensors.Tensor, error) {
	for _, dtype := range []dtypes.DType{dtypes.Float32, dtypes.BFloat16, dtypes.Int32} {
		if storedType(dtype) == t.DType {
			return decode(io.NewSectionReader(f, t.Offset, t.Bytes), t.DType, t.Shape, dtype)
		}
	}
	return nil, fmt.Errorf("its type %s is not read; F32, BF16 and I32 are", t.DType)
}
