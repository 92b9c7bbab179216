package model

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/dtypes/bfloat16"
	"github.com/gomlx/compute/dtypes/float16"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/arch"
	"github.com/rmc-lang/rmc/runtime/safetensors"
)

// folder is a model folder with the config of a family and the given weights.
func folder(t *testing.T, family string, write func(folder string, weights Weights) error) (string, arch.Config) {
	t.Helper()
	_, weights := hold(t, family)
	to := t.TempDir()
	text, err := os.ReadFile(filepath.Join(references, family, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, "config.json"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := write(to, weights); err != nil {
		t.Fatal(err)
	}
	c, err := arch.Load(to)
	if err != nil {
		t.Fatal(err)
	}
	return to, c
}

func TestLoadNamesAllThatIsWrong(t *testing.T) {
	path, c := folder(t, "llama", func(folder string, weights Weights) error {
		delete(weights, "model.layers.1.mlp.up_proj.weight")
		delete(weights, "model.norm.weight")
		weights["model.layers.0.self_attn.q_norm.weight"] = tensors.FromFlatDataAndDimensions([]float32{1}, 1)
		weights["model.layers.0.input_layernorm.weight"] = tensors.FromFlatDataAndDimensions([]float32{1, 2}, 2)
		weights["model.layers.0.self_attn.rotary_emb.inv_freq"] = tensors.FromFlatDataAndDimensions([]float32{1}, 1)
		_, err := WriteModel(folder, weights.Sorted())
		return err
	})
	_, err := Load(path, c, Options{DType: dtypes.Float32, Layers: -1})
	var mismatch *MismatchError
	if !errors.As(err, &mismatch) {
		t.Fatalf("got %v", err)
	}
	const want = "the weights are not those of the llama model that its config describes; " +
		"missing: model.layers.1.mlp.up_proj.weight, model.norm.weight; " +
		"unknown: model.layers.0.self_attn.q_norm.weight; " +
		"misshapen: model.layers.0.input_layernorm.weight is [2], not [48]"
	if got := strings.TrimPrefix(err.Error(), path+": "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestLoadWithoutScore(t *testing.T) {
	path, c := folder(t, "llama", func(folder string, weights Weights) error {
		delete(weights, arch.ScoreWeight)
		_, err := WriteModel(folder, weights.Sorted())
		return err
	})
	if c.HasScore() {
		t.Error("a head where there is none")
	}
	_, err := Load(path, c, Options{DType: dtypes.Float32, Layers: -1, Score: true})
	if err == nil || !strings.Contains(err.Error(), "has no score.weight") {
		t.Errorf("got %v", err)
	}
	weights, err := Load(path, c, Options{DType: dtypes.Float32, Layers: 1})
	if err != nil || len(weights) != len(c.ParametersTo(1)) {
		t.Errorf("%d arrays of one layer, %v", len(weights), err)
	}
}

// TestLoadShards splits a model over files and puts the names of a multimodal
// model around some: nothing else changes.
func TestLoadShards(t *testing.T) {
	_, want := hold(t, "qwen2")
	path, c := folder(t, "qwen2", func(folder string, weights Weights) error {
		var all []Named
		for _, n := range weights.Sorted() {
			if rest, ok := strings.CutPrefix(n.Name, "model.layers.1."); ok {
				n.Name = "model.language_model.layers.1." + rest
			}
			all = append(all, n)
		}
		names, err := safetensors.WriteModel(folder, stored(all), 100_000)
		if len(names) < 4 {
			t.Errorf("only %v", names)
		}
		return err
	})
	got, err := Load(path, c, Options{DType: dtypes.Float32, Layers: -1, Score: true})
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, want)

	if err := os.Remove(filepath.Join(path, "model-00002-of-00004.safetensors")); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, c, Options{DType: dtypes.Float32, Layers: -1}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a shard: %v", err)
	}
}

// same demands equal names and numbers.
func same(t *testing.T, got, want Weights) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d arrays, want %d", len(got), len(want))
	}
	for name, w := range want {
		if got[name] == nil {
			t.Errorf("%s is missing", name)
			continue
		}
		closeTo(t, name, flat(got[name]), wide(flat(w)), 0)
	}
}

// half writes weights as 2-byte numbers.
func half(folder, dtype string, weights Weights, bits func(float32) uint16) error {
	var all []safetensors.Data
	for _, n := range weights.Sorted() {
		d := stored([]Named{n})[0]
		d.DType = dtype
		d.Write = func(w io.Writer) error {
			var out []byte
			for _, x := range tensors.MustCopyFlatData[float32](n.Tensor) {
				out = append(out, byte(bits(x)), byte(bits(x)>>8))
			}
			_, err := w.Write(out)
			return err
		}
		all = append(all, d)
	}
	_, err := safetensors.WriteModel(folder, all, safetensors.ShardSize)
	return err
}

func TestLoadHalfPrecision(t *testing.T) {
	_, want := hold(t, "llama")
	for dtype, c := range map[string]struct {
		bits      func(float32) uint16
		precision float64
	}{
		safetensors.BF16: {func(x float32) uint16 { return bfloat16.FromFloat32(x).Bits() }, 1.0 / 256},
		safetensors.F16:  {func(x float32) uint16 { return float16.FromFloat32(x).Bits() }, 1.0 / 2048},
	} {
		path, config := folder(t, "llama", func(folder string, weights Weights) error { return half(folder, dtype, weights, c.bits) })
		got, err := Load(path, config, Options{DType: dtypes.Float32, Layers: -1, Score: true})
		if err != nil {
			t.Fatal(err)
		}
		for name, w := range want {
			closeTo(t, dtype+" "+name, flat(got[name]), wide(flat(w)), c.precision*norm(flat(w)))
		}
		kept, err := Load(path, config, Options{DType: dtypes.BFloat16, Layers: -1})
		if err != nil {
			t.Fatal(err)
		}
		n := tensors.MustCopyFlatData[bfloat16.BFloat16](kept[arch.FinalNorm])
		closeTo(t, "norm", bfloat16s(n), wide(flat(want[arch.FinalNorm])), 0.01)
	}
}

func bfloat16s(x []bfloat16.BFloat16) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = v.Float32()
	}
	return out
}

func TestLoadBadFiles(t *testing.T) {
	for what, c := range map[string]struct {
		damage func(path string) error
		want   string
	}{
		"cut short": {func(path string) error { return os.Truncate(path, 200_000) }, "cut short"},
		"empty":     {func(path string) error { return os.Truncate(path, 0) }, "not a safetensors file"},
		"text":      {func(path string) error { return os.WriteFile(path, []byte("<html>not found</html>"), 0o644) }, "not a safetensors file"},
	} {
		path, config := folder(t, "llama", func(folder string, weights Weights) error {
			_, err := WriteModel(folder, weights.Sorted())
			return err
		})
		file := filepath.Join(path, "model.safetensors")
		if err := c.damage(file); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path, config, Options{DType: dtypes.Float32, Layers: -1})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: got %v, want the file and %q", what, err, c.want)
		}
	}
}

func TestReadSafetensorsVerifies(t *testing.T) {
	_, weights := hold(t, "llama")
	weights["count"] = tensors.FromFlatDataAndDimensions([]int32{3, 4}, 2)
	path := filepath.Join(t.TempDir(), "state.safetensors")
	digest, err := safetensors.Write(path, stored(weights.Sorted()), map[string]string{"step": "3"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadSafetensors(path, digest)
	if err != nil {
		t.Fatal(err)
	}
	if n := tensors.MustCopyFlatData[int32](got["count"]); n[0] != 3 || n[1] != 4 {
		t.Errorf("count is %v", n)
	}
	delete(got, "count")
	delete(weights, "count")
	same(t, got, weights)

	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)-5] ^= 1
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadSafetensors(path, digest); err == nil || !strings.Contains(err.Error(), "has changed since it was written") {
		t.Errorf("with a flipped bit: %v", err)
	}
}

// TestAdapterFolder checks names and settings without Python.
func TestAdapterFolder(t *testing.T) {
	c := newBench(t, "go", "llama").decoder.Config
	l := &LoRA{Rank: 2, Alpha: 4, On: []string{"q_proj"}}
	weights := l.Init(c, 1, 0)
	for name, w := range InitScore(c, 1, false, "normal", 0) {
		weights[name] = w
	}
	to := t.TempDir()
	if err := l.WriteAdapter(to, "some/base", 1, weights); err != nil {
		t.Fatal(err)
	}
	got, err := ReadSafetensors(filepath.Join(to, "adapter_model.safetensors"), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
		"base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight",
		"base_model.model.score.weight",
	} {
		if got[name] == nil {
			t.Errorf("no %s", name)
		}
	}
	text, err := os.ReadFile(filepath.Join(to, "adapter_config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var j struct {
		Type   string   `json:"task_type"`
		Save   []string `json:"modules_to_save"`
		Layers []int    `json:"layers_to_transform"`
		Rank   int      `json:"r"`
	}
	if err := json.Unmarshal(text, &j); err != nil {
		t.Fatal(err)
	}
	if j.Type != "SEQ_CLS" || len(j.Save) != 1 || j.Save[0] != "score" || j.Rank != 2 || len(j.Layers) != 1 {
		t.Errorf("adapter_config.json is %s", text)
	}
}
