// Package embed keeps hidden states on the disk: chunks that each say what they
// are of and whether they are whole, and a manifest of them all. Several
// processes may fill one folder. It computes nothing and knows no tensor library.
package embed

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/safetensors"
)

// ManifestFile is the manifest's name. It is there once all chunks are.
const ManifestFile = "manifest.json"

// A Manifest says what the numbers in a folder are and where they come from. It
// is a function of these alone: not of when, by how many or in which order they
// were computed.
type Manifest struct {
	Of        string  `json:"of"` // digest of weights, layers, type and sequences: what the numbers are a function of
	Model     Model   `json:"model"`
	Data      Data    `json:"data"`
	Sequences int     `json:"sequences"`
	Hidden    int     `json:"hidden"` // numbers a sequence, float32
	Chunks    []Chunk `json:"chunks"` // in the order of the sequences
}

// A Model is the decoder whose states were read.
type Model struct {
	Source   string `json:"source"`
	Revision string `json:"revision,omitempty"`
	SHA256   string `json:"sha256"` // of its files
	Layer    int    `json:"layer"`  // how many are applied; -1 is all
	DType    string `json:"dtype"`
}

// A Data is the data set that the sequences are of.
type Data struct {
	Source   string   `json:"source"`
	Revision string   `json:"revision,omitempty"`
	SHA256   string   `json:"sha256"`
	Licence  string   `json:"licence"` // "" where the recipe says none
	Read     int      `json:"rows_read"`
	Filters  []Filter `json:"filters"` // in the order applied
	Kept     int      `json:"rows_kept"`
}

// A Filter is one reason for which rows were left out.
type Filter struct {
	Name   string `json:"name"`
	Before int    `json:"rows_before"`
	After  int    `json:"rows_after"`
}

// A Chunk is one file.
type Chunk struct {
	File      string `json:"file"`
	Sequences int    `json:"sequences"`
	SHA256    string `json:"sha256"`
}

// A Folder is where the hidden states of a data set are kept.
type Folder struct {
	dir      string
	manifest Manifest
	known    []string // digest of each chunk that was read or written; "" of the others
}

// Open is the folder at dir, which need not be there, for what m says, in chunks
// of so many sequences. Nothing is read yet.
func Open(dir string, m Manifest, sequences []int) *Folder {
	f := &Folder{dir: dir, manifest: m, known: make([]string, len(sequences))}
	f.manifest.Chunks = nil
	for i, n := range sequences {
		name := fmt.Sprintf("hidden-%s-%05d-of-%05d.safetensors", m.Of[:min(8, len(m.Of))], i+1, len(sequences))
		f.manifest.Chunks = append(f.manifest.Chunks, Chunk{File: name, Sequences: n})
	}
	return f
}

// Path is where the i-th chunk is, or will be.
func (f *Folder) Path(i int) string { return filepath.Join(f.dir, f.manifest.Chunks[i].File) }

// tensor is the name of the numbers in a chunk: [sequence, hidden].
const tensor = "hidden"

// metadata is what the i-th chunk says of itself, besides the digest of its
// numbers: a chunk that says another thing is never taken for it.
func (f *Folder) metadata(i int, digest string) map[string]string {
	m := f.manifest
	return map[string]string{
		"of": m.Of, "chunk": fmt.Sprintf("%d of %d", i+1, len(m.Chunks)), "sha256": digest,
	}
}

// Read returns the numbers of the i-th chunk, [sequence, hidden] flat. The error
// is fs.ErrNotExist where there is none, else it says how the file is damaged.
func (f *Folder) Read(i int) ([]float32, error) {
	path := f.Path(i)
	values, digest, err := f.read(path, i)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%s is damaged: %w", path, err)
	}
	f.known[i] = digest
	return values, err
}

func (f *Folder) read(path string, i int) ([]float32, string, error) {
	table, err := safetensors.Open(path)
	if err != nil {
		return nil, "", err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, "", err
	}
	c := f.manifest.Chunks[i]
	if len(table.Tensors) != 1 {
		return nil, "", fmt.Errorf("it has %d arrays, not 1", len(table.Tensors))
	}
	t := table.Tensors[0]
	if want := fmt.Sprint(tensor, safetensors.F32, []int{c.Sequences, f.manifest.Hidden}); fmt.Sprint(t.Name, t.DType, t.Shape) != want {
		return nil, "", fmt.Errorf("it holds %s %s %v, not %s", t.Name, t.DType, t.Shape, want)
	}
	if int64(len(content)) < t.Offset+t.Bytes {
		return nil, "", errors.New("it was cut short while it was read")
	}
	data := content[t.Offset : t.Offset+t.Bytes]
	for key, want := range f.metadata(i, sum(data)) {
		if got := table.Metadata[key]; got != want {
			return nil, "", fmt.Errorf("its %s is %q, not %q", key, got, want)
		}
	}
	values := make([]float32, len(data)/4)
	for k := range values {
		values[k] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*k:]))
	}
	return values, sum(content), nil
}

// Write keeps the numbers of the i-th chunk: a whole file or none.
func (f *Folder) Write(i int, values []float32) error {
	c := f.manifest.Chunks[i]
	if len(values) != c.Sequences*f.manifest.Hidden {
		panic(fmt.Sprintf("embed: %d numbers for a chunk of %d × %d", len(values), c.Sequences, f.manifest.Hidden))
	}
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		return err
	}
	data := make([]byte, 0, 4*len(values))
	for _, x := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
	}
	var err error
	f.known[i], err = safetensors.Write(f.Path(i), []safetensors.Data{{
		Name: tensor, DType: safetensors.F32, Shape: []int{c.Sequences, f.manifest.Hidden},
		Write: func(w io.Writer) error { _, err := w.Write(data); return err },
	}}, f.metadata(i, sum(data)))
	return err
}

// Finish writes the manifest if all chunks are there and whole, whoever wrote
// them, and returns how many are not.
func (f *Folder) Finish() (missing int, err error) {
	m := f.manifest
	m.Chunks = append([]Chunk{}, m.Chunks...)
	for i := range m.Chunks {
		if f.known[i] == "" {
			if _, err := f.Read(i); err != nil {
				missing++
			}
		}
		m.Chunks[i].SHA256 = f.known[i]
	}
	if missing > 0 {
		return missing, nil
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return 0, err
	}
	path := filepath.Join(f.dir, ManifestFile)
	text = append(text, '\n')
	if there, err := os.ReadFile(path); err == nil && bytes.Equal(there, text) {
		return 0, nil
	}
	if err := os.MkdirAll(f.dir, 0o755); err != nil { // of a data set without sequences
		return 0, err
	}
	return 0, disk.Write(path, text)
}

func sum(content []byte) string {
	digest := sha256.Sum256(content)
	return hex.EncodeToString(digest[:])
}
