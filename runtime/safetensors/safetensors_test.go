package safetensors

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// zeros is a float32 tensor of zeros.
func zeros(name string, dims ...int) Data {
	d := Data{Name: name, DType: F32, Shape: dims}
	d.Write = func(w io.Writer) error { _, err := w.Write(make([]byte, d.Bytes())); return err }
	return d
}

func bytesOf(name, dtype string, shape []int, content string) Data {
	return Data{name, dtype, shape, func(w io.Writer) error { _, err := io.WriteString(w, content); return err }}
}

func files(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestWriteAndOpen(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "x.safetensors")
	digest, err := Write(path, []Data{
		bytesOf("b", BF16, []int{2, 1}, "abcd"),
		bytesOf("a", F32, nil, "wxyz"),
		zeros("none", 0, 3),
	}, map[string]string{"format": "pt"})
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if f.Metadata["format"] != "pt" || len(f.Tensors) != 3 {
		t.Fatalf("got %+v", f)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range f.Tensors {
		want := map[string]string{"b": "BF16 [2 1] abcd", "a": "F32 [] wxyz", "none": "F32 [0 3] "}[x.Name]
		if got := fmt.Sprint(x.DType, " ", x.Shape, " ", string(content[x.Offset:x.Offset+x.Bytes])); got != want {
			t.Errorf("%s: got %s, want %s", x.Name, got, want)
		}
		if x.Name == "b" && x.Offset%8 != 0 {
			t.Errorf("the data begins at %d", x.Offset)
		}
	}
	if err := Verify(path, digest); err != nil {
		t.Error(err)
	}
	if err := Verify(path, strings.Repeat("0", 64)); err == nil || !strings.Contains(err.Error(), path+" has changed since it was written") {
		t.Errorf("another digest: %v", err)
	}
	if got := files(t, folder); !slices.Equal(got, []string{"x.safetensors"}) {
		t.Errorf("left behind: %v", got)
	}
}

// TestWriteIsAllOrNothing: an earlier file stays as it was when writing fails.
func TestWriteIsAllOrNothing(t *testing.T) {
	full := errors.New("no space left on device")
	for what, c := range map[string]struct {
		data Data
		want string
	}{
		"a full disk":    {Data{"b", F32, []int{4}, func(io.Writer) error { return full }}, "no space left"},
		"too few bytes":  {bytesOf("b", F32, []int{4}, "short"), `tensor "b" wrote 5 bytes, not the 16 of F32 [4]`},
		"given twice":    {zeros("a", 1), `tensor "a" is given twice`},
		"a strange type": {bytesOf("b", "F24", []int{1}, "xxx"), `tensor "b" has the unknown type "F24"`},
	} {
		folder := t.TempDir()
		path := filepath.Join(folder, "x.safetensors")
		digest, err := Write(path, []Data{zeros("old", 2)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Write(path, []Data{zeros("a", 1000), c.data}, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v", what, err)
		}
		if err := Verify(path, digest); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if got := files(t, folder); !slices.Equal(got, []string{"x.safetensors"}) {
			t.Errorf("%s left behind: %v", what, got)
		}
	}
	if _, err := Write(filepath.Join(t.TempDir(), "no", "x"), nil, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("into no folder: %v", err)
	}
}

func TestWriteModel(t *testing.T) {
	folder := t.TempDir()
	all := []Data{zeros("a", 10), zeros("b", 10), zeros("c", 100), zeros("d", 5)}
	names, err := WriteModel(folder, all, 80)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors", "model.safetensors.index.json"}
	if !slices.Equal(names, want) || !slices.Equal(files(t, folder), want) {
		t.Errorf("wrote %v", names)
	}
	text, err := os.ReadFile(filepath.Join(folder, want[3]))
	if err != nil {
		t.Fatal(err)
	}
	var index struct {
		Metadata struct {
			Size int `json:"total_size"`
		} `json:"metadata"`
		Where map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(text, &index); err != nil {
		t.Fatal(err)
	}
	if index.Metadata.Size != 500 || fmt.Sprint(index.Where) != fmt.Sprint(map[string]string{"a": want[0], "b": want[0], "c": want[1], "d": want[2]}) {
		t.Errorf("the index is %s", text)
	}
	one := t.TempDir()
	if names, err = WriteModel(one, all, ShardSize); err != nil || !slices.Equal(names, []string{"model.safetensors"}) {
		t.Errorf("wrote %v, %v", names, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	table := func(text string) string {
		return string([]byte{byte(len(text)), byte(len(text) >> 8), 0, 0, 0, 0, 0, 0}) + text
	}
	for content, want := range map[string]string{
		"":            "not a safetensors file: 0 bytes long",
		"<html>":      "not a safetensors file: 6 bytes long",
		"<html></ht>": "not a safetensors file, or cut short",
		table(`{`):    "its table is not JSON",
		table(`{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}`) + "1234567":          `cut short: tensor "a" ends at byte`,
		table(`{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}`) + "12345678":         `tensor "a" is F32 [2] but has 4 bytes`,
		table(`{"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}`) + "1234567":         `tensor "a" has shape [-2]`,
		table(`{"a": {"dtype": "F32", "shape": [4294967296, 4294967296], "data_offsets": [0, 0]}}`): `tensor "a" has shape`,
		table(`{"a": {"dtype": "F32", "shape": [0], "data_offsets": [8, 0]}}`):                      `tensor "a" has offsets [8 0]`,
		table(`{"a": 3}`):            `tensor "a"`,
		table(`{"__metadata__": 3}`): "its metadata",
	} {
		path := filepath.Join(t.TempDir(), "x.safetensors")
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q:\ngot  %v\nwant %s", content, err, want)
		}
	}
}

// FuzzRead: no table, however broken, panics or points outside the file.
func FuzzRead(f *testing.F) {
	path := filepath.Join(f.TempDir(), "x.safetensors")
	if _, err := Write(path, []Data{zeros("a", 2, 3), bytesOf("b", BF16, nil, "ab")}, map[string]string{"x": "y"}); err != nil {
		f.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(content))
	f.Fuzz(func(t *testing.T, content string) {
		file, err := read(strings.NewReader(content), int64(len(content)))
		if err != nil {
			return
		}
		for _, x := range file.Tensors {
			if x.Offset < 8 || x.Bytes < 0 || x.Offset+x.Bytes > int64(len(content)) {
				t.Errorf("%+v lies outside %d bytes", x, len(content))
			}
		}
	})
}
