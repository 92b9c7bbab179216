package safetensors

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/rmc-lang/rmc/runtime/disk"
)

// Write writes tensors to path in the order given: beside it first, flushed to
// the disk, then renamed, so that path is never half a file. The result is the
// SHA-256 of the file, for Verify.
func Write(path string, tensors []Data, metadata map[string]string) (digest string, err error) {
	head, err := header(tensors, metadata)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	f, err := disk.Create(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if digest, err = fill(f, head, tensors); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return digest, f.Commit()
}

func header(tensors []Data, metadata map[string]string) ([]byte, error) {
	table := map[string]any{}
	if len(metadata) > 0 {
		table["__metadata__"] = metadata
	}
	offset := int64(0)
	for _, t := range tensors {
		if _, twice := table[t.Name]; twice {
			return nil, fmt.Errorf("tensor %q is given twice", t.Name)
		}
		if Size(t.DType) == 0 {
			return nil, fmt.Errorf("tensor %q has the unknown type %q", t.Name, t.DType)
		}
		shape := t.Shape
		if shape == nil {
			shape = []int{}
		}
		table[t.Name] = entry{t.DType, shape, [2]int64{offset, offset + t.Bytes()}}
		offset += t.Bytes()
	}
	text, err := json.Marshal(table)
	if err != nil {
		return nil, err
	}
	for len(text)%8 != 0 { // the data of every file we write is aligned
		text = append(text, ' ')
	}
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...), nil
}

// fill writes the file's bytes.
func fill(f io.Writer, head []byte, tensors []Data) (digest string, err error) {
	sum := sha256.New()
	buffer := bufio.NewWriterSize(f, 1<<20)
	w := &counter{w: io.MultiWriter(buffer, sum)}
	if _, err := w.Write(head); err != nil {
		return "", err
	}
	for _, t := range tensors {
		w.n = 0
		if err := t.Write(w); err != nil {
			return "", fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		if w.n != t.Bytes() {
			return "", fmt.Errorf("tensor %q wrote %d bytes, not the %d of %s %v", t.Name, w.n, t.Bytes(), t.DType, t.Shape)
		}
	}
	if err := buffer.Flush(); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// Verify reports whether the file at path still has this SHA-256.
func Verify(path, digest string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != digest {
		return fmt.Errorf("%s has changed since it was written: SHA-256 is %s, not %s", path, got, digest)
	}
	return nil
}

// ShardSize is the most bytes of tensors in one file of a sharded model: what
// transformers uses.
const ShardSize = 5_000_000_000

// WriteModel writes tensors into folder as transformers does: one
// model.safetensors, or, above limit bytes, numbered files with
// model.safetensors.index.json. It returns the names of the files written.
func WriteModel(folder string, tensors []Data, limit int64) ([]string, error) {
	metadata := map[string]string{"format": "pt"}
	shards := split(tensors, limit)
	if len(shards) <= 1 {
		_, err := Write(filepath.Join(folder, "model.safetensors"), tensors, metadata)
		return []string{"model.safetensors"}, err
	}
	var names []string
	where := map[string]string{}
	total := int64(0)
	for i, shard := range shards {
		name := fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, len(shards))
		if _, err := Write(filepath.Join(folder, name), shard, metadata); err != nil {
			return nil, err
		}
		for _, t := range shard {
			where[t.Name] = name
			total += t.Bytes()
		}
		names = append(names, name)
	}
	index, err := json.MarshalIndent(map[string]any{
		"metadata": map[string]any{"total_size": total}, "weight_map": where,
	}, "", "  ")
	if err != nil {
		return nil, err
	}
	// The index comes last: without it the shards are not a model.
	const name = "model.safetensors.index.json"
	return append(names, name), disk.Write(filepath.Join(folder, name), append(index, '\n'))
}

// split cuts tensors, in order, into runs of at most limit bytes; a tensor
// larger than that has a run of its own.
func split(tensors []Data, limit int64) [][]Data {
	var shards [][]Data
	from, size := 0, int64(0)
	for i, t := range tensors {
		if size += t.Bytes(); size > limit && i > from {
			shards = append(shards, tensors[from:i])
			from, size = i, t.Bytes()
		}
	}
	return append(shards, tensors[from:])
}
