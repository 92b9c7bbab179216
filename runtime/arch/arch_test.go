package arch

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const conformance = "../../testdata/conformance"

func parse(t *testing.T, text string) Config {
	t.Helper()
	c, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// sizes are the keys that every configuration needs.
const sizes = `"vocab_size": 100, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 6, "num_attention_heads": 4`

func TestParse(t *testing.T) {
	for _, c := range []struct {
		what, text string
		got        func(Config) any
		want       any
	}{
		{"heads default to all", `"model_type": "llama"`, func(c Config) any { return c.KVHeads }, 4},
		{"head_dim defaults to hidden/heads", `"model_type": "llama"`, func(c Config) any { return c.HeadDim }, 16},
		{"Gemma's head_dim has a default of its own", `"model_type": "gemma"`, func(c Config) any { return c.HeadDim }, 256},
		{"head_dim null is absent", `"model_type": "llama", "head_dim": null`, func(c Config) any { return c.HeadDim }, 16},
		{"Llama is untied", `"model_type": "llama"`, func(c Config) any { return c.Tied }, false},
		{"Gemma is tied", `"model_type": "gemma2"`, func(c Config) any { return c.Tied }, true},
		{"rope of transformers 4", `"model_type": "llama", "rope_theta": 5e5, "rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 8192}`,
			func(c Config) any { return c.Rope }, Rope{"llama3", 5e5, 8, 1, 4, 8192}},
		{"rope of transformers 5", `"model_type": "llama", "rope_parameters": {"rope_theta": 5e5, "rope_type": "linear", "factor": 2.0}`,
			func(c Config) any { return c.Rope }, Rope{Type: "linear", Theta: 5e5, Factor: 2}},
		{"the old spelling of rope_type", `"model_type": "llama", "rope_scaling": {"type": "linear", "factor": 4}`,
			func(c Config) any { return c.Rope }, Rope{Type: "linear", Theta: 1e4, Factor: 4}},
		{"biases of Llama", `"model_type": "llama", "attention_bias": true, "mlp_bias": true`,
			func(c Config) any { return []bool{c.QKVBias, c.OutBias, c.MLPBias} }, []bool{true, true, true}},
		{"biases of Qwen2", `"model_type": "qwen2"`, func(c Config) any { return []bool{c.QKVBias, c.OutBias} }, []bool{true, false}},
		{"Mistral's window has a default", `"model_type": "mistral"`, func(c Config) any { return c.Windows }, []int{4096, 4096, 4096, 4096, 4096, 4096}},
		{"and null is none", `"model_type": "mistral", "sliding_window": null`, func(c Config) any { return c.Windows }, make([]int, 6)},
		{"Qwen2 has windows only if it uses them", `"model_type": "qwen2", "sliding_window": 8, "max_window_layers": 2`, func(c Config) any { return c.Windows }, make([]int, 6)},
		{"and then from a layer on", `"model_type": "qwen2", "sliding_window": 8, "max_window_layers": 4, "use_sliding_window": true`, func(c Config) any { return c.Windows }, []int{0, 0, 0, 0, 8, 8}},
		{"Gemma 2 alternates", `"model_type": "gemma2", "sliding_window": 8`, func(c Config) any { return c.Windows }, []int{8, 0, 8, 0, 8, 0}},
		{"Gemma 3 has five to one", `"model_type": "gemma3_text", "sliding_window": 8`, func(c Config) any { return c.Windows }, []int{8, 8, 8, 8, 8, 0}},
		{"or another pattern", `"model_type": "gemma3_text", "sliding_window": 8, "sliding_window_pattern": 3`, func(c Config) any { return c.Windows }, []int{8, 8, 0, 8, 8, 0}},
		{"or a list", `"model_type": "gemma3_text", "sliding_window": 8, "layer_types": ["full_attention", "full_attention", "full_attention", "full_attention", "full_attention", "sliding_attention"]`,
			func(c Config) any { return c.Windows }, []int{0, 0, 0, 0, 0, 8}},
		{"Gemma 3 scales the layers without a window only", `"model_type": "gemma3_text", "rope_theta": 1e6, "rope_local_base_freq": 1e4, "rope_scaling": {"rope_type": "linear", "factor": 8}`,
			func(c Config) any { return []Rope{c.Rope, c.LocalRope} }, []Rope{{Type: "linear", Theta: 1e6, Factor: 8}, {Type: "default", Theta: 1e4}}},
		{"the same per layer type", `"model_type": "gemma3_text", "rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 2e6}, "sliding_attention": {"rope_type": "default", "rope_theta": 3e4}}`,
			func(c Config) any { return []Rope{c.Rope, c.LocalRope} }, []Rope{{Type: "linear", Theta: 2e6, Factor: 8}, {Type: "default", Theta: 3e4}}},
		{"Gemma 2's caps have defaults", `"model_type": "gemma2"`, func(c Config) any { return []float64{c.AttnCap, c.FinalCap} }, []float64{50, 30}},
		{"and null is none", `"model_type": "gemma2", "attn_logit_softcapping": null`, func(c Config) any { return []float64{c.AttnCap, c.FinalCap} }, []float64{0, 30}},
		{"Gemma's gelu means tanh", `"model_type": "gemma", "hidden_act": "gelu"`, func(c Config) any { return c.Activation }, "gelu_tanh"},
		{"unless hidden_activation says it", `"model_type": "gemma", "hidden_activation": "gelu"`, func(c Config) any { return c.Activation }, "gelu"},
		{"query_pre_attn_scalar", `"model_type": "gemma2", "query_pre_attn_scalar": 144`, func(c Config) any { return c.AttnScale }, 1.0 / 12},
		{"several ends", `"model_type": "llama", "eos_token_id": [1, 2]`, func(c Config) any { return c.EOSTokens }, []int{1, 2}},
		{"pad null is not 0", `"model_type": "llama", "pad_token_id": null`, func(c Config) any { return c.PadToken == nil }, true},
		{"pad 0 is", `"model_type": "llama", "pad_token_id": 0`, func(c Config) any { return *c.PadToken }, 0},
		{"torch_dtype", `"model_type": "llama", "torch_dtype": "bfloat16"`, func(c Config) any { return c.DType }, "bfloat16"},
	} {
		config, err := Parse([]byte("{" + sizes + ", " + c.text + "}"))
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		if got := c.got(config); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: got %v, want %v", c.what, got, c.want)
		}
	}
}

func TestParseNested(t *testing.T) {
	c := parse(t, `{"model_type": "gemma3", "torch_dtype": "bfloat16", "eos_token_id": [1, 106], "vision_config": {"hidden_size": 9},
		"text_config": {"model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34,
			"num_attention_heads": 8, "num_key_value_heads": 4, "sliding_window": 1024}}`)
	if c.Family != "gemma3" || c.Vocab != 262_208 || c.Hidden != 2560 || c.DType != "bfloat16" || !slices.Equal(c.EOSTokens, []int{1, 106}) {
		t.Errorf("got %+v", c)
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`"model_type": "mamba"`:        `architecture "mamba" is not supported; supported: gemma, gemma2, gemma3, llama, mistral, qwen2, qwen3`,
		`"architectures": ["GPT2LM"]`:  `architecture "GPT2LM" is not supported; supported: gemma, gemma2, gemma3, llama, mistral, qwen2, qwen3`,
		`"model_type": "gemma3n_text"`: `architecture "gemma3n_text" is not supported; supported: gemma, gemma2, gemma3, llama, mistral, qwen2, qwen3`,
		`"model_type": "llama", "rope_scaling": {"rope_type": "yarn", "factor": 4}`:                                                `rope_type "yarn" is not supported; supported: default, linear, llama3`,
		`"model_type": "llama", "rope_parameters": {"rope_type": "dynamic", "factor": 4}`:                                          `rope_type "dynamic" is not supported; supported: default, linear, llama3`,
		`"model_type": "llama", "hidden_act": "relu"`:                                                                              `activation "relu" is not supported; supported: gelu, gelu_new, gelu_pytorch_tanh, silu, swish`,
		`"model_type": "gemma3_text", "use_bidirectional_attention": true`:                                                         `use_bidirectional_attention "true" is not supported; supported: false`,
		`"model_type": "llama", "partial_rotary_factor": 0.5`:                                                                      `partial_rotary_factor "0.5" is not supported; supported: 1`,
		`"model_type": "gemma2", "layer_types": ["chunked_attention"]`:                                                             `layer type "chunked_attention" is not supported; supported: full_attention, sliding_attention`,
		`"model_type": "gemma2", "layer_types": ["full_attention"]`:                                                                `layer_types has 1 entries for 6 layers`,
		`"model_type": "llama", "num_key_value_heads": 3`:                                                                          `num_attention_heads 4 is not a multiple of num_key_value_heads 3`,
		`"model_type": "llama", "num_key_value_heads": 0`:                                                                          `num_key_value_heads is 0; it must be positive`,
		`"model_type": "llama", "num_hidden_layers": 100000000000`:                                                                 `num_hidden_layers is 100000000000; more than 10000 are not believed`,
		`"model_type": "llama", "head_dim": 7`:                                                                                     `head_dim 7 is odd; rotation needs pairs`,
		`"model_type": "llama", "hidden_size": -1`:                                                                                 `hidden_size is -1; it must be positive`,
		`"model_type": "llama", "vocab_size": "many"`:                                                                              `line 1: vocab_size is a string, wanted int`,
		`"model_type": "llama",, `:                                                                                                 `line 1: invalid character ',' looking for beginning of object key string`,
		`"model_type": "llama", "eos_token_id": "</s>"`:                                                                            `eos_token_id is "</s>"; wanted an id or a list of ids`,
		`"model_type": "llama", "rope_scaling": {"type": "linear"}`:                                                                `rope linear needs a positive factor, has 0`,
		`"model_type": "llama", "rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 1}`: `rope llama3 needs 0 < low_freq_factor < high_freq_factor, has 4 and 1`,
	} {
		_, err := Parse([]byte("{" + sizes + ", " + text + "}"))
		if got := fmt.Sprint(err); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", text, got, want)
		}
	}
	var unsupported *UnsupportedError
	if _, err := Parse([]byte(`{"model_type": "mamba"}`)); !errors.As(err, &unsupported) || unsupported.Name != "mamba" {
		t.Errorf("got %v", err)
	}
	if _, err := Parse([]byte(`{}`)); err == nil {
		t.Error("an empty configuration is accepted")
	}
}

// TestParameters holds what Parameters lists against the files of every family.
func TestParameters(t *testing.T) {
	families, err := os.ReadDir(conformance)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range families {
		if !f.IsDir() {
			continue
		}
		n++
		folder := filepath.Join(conformance, f.Name())
		c, err := Load(folder)
		if err != nil {
			t.Fatal(err)
		}
		tensors, err := Tensors(folder)
		if err != nil {
			t.Fatal(err)
		}
		stored, listed := map[string]string{}, map[string]string{}
		for _, x := range tensors {
			stored[x.Name] = fmt.Sprint(x.Shape)
		}
		for _, p := range append(c.Parameters(), c.ScoreParameters(1, false)...) {
			listed[p.Name] = fmt.Sprint(p.Shape)
			if p.Matrix != (len(p.Shape) == 2) {
				t.Errorf("%s: Matrix is %v", p.Name, p.Matrix)
			}
		}
		if fmt.Sprint(stored) != fmt.Sprint(listed) {
			t.Errorf("%s: stored %v\nlisted %v", f.Name(), stored, listed)
		}
		if !slices.Equal(c.Score, []int{1, c.Hidden}) || !c.HasScore() || c.ScoreBias {
			t.Errorf("%s: score is %v, bias %v", f.Name(), c.Score, c.ScoreBias)
		}
	}
	if n != 8 {
		t.Errorf("%d families", n)
	}
}

// TestCounts uses the published sizes of Llama 3 8B: 8,030,261,248 parameters,
// of which the untied head has 128256 × 4096.
func TestCounts(t *testing.T) {
	c := parse(t, `{"model_type": "llama", "vocab_size": 128256, "hidden_size": 4096, "intermediate_size": 14336,
		"num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8}`)
	if got, want := scalars(c), 8_030_261_248-128_256*4096; got != want {
		t.Errorf("%d parameters, want %d", got, want)
	}
	if n := len(c.Linear()); n != 7*32 {
		t.Errorf("%d projections", n)
	}
	layer := (scalars(c) - 128_256*4096 - 4096) / 32
	if got, want := scalars(c.Shallow(2)), scalars(c)-30*layer; got != want {
		t.Errorf("two layers have %d, want %d", got, want)
	}
}

func scalars(c Config) int {
	n := 0
	for _, p := range c.Parameters() {
		n += p.Size()
	}
	return n
}

// TestHF writes every family and reads it back.
func TestHF(t *testing.T) {
	families, err := os.ReadDir(conformance)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if !f.IsDir() {
			continue
		}
		want, err := Load(filepath.Join(conformance, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		want.Score = nil
		text, err := json.Marshal(want.HF(3, "float32"))
		if err != nil {
			t.Fatal(err)
		}
		got := parse(t, string(text))
		a, b := mustJSON(t, got), mustJSON(t, want)
		if a != b {
			t.Errorf("%s:\ngot  %s\nwant %s", f.Name(), a, b)
		}
		for _, key := range []string{`"num_labels":3`, `"LABEL_2"`, `"problem_type"`, `ForSequenceClassification"`, `"pad_token_id":0`} {
			if !strings.Contains(string(text), key) {
				t.Errorf("%s: no %s in %s", f.Name(), key, text)
			}
		}
	}
}

func mustJSON(t *testing.T, c Config) string {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestHFWithoutTokens(t *testing.T) {
	m := parse(t, `{"model_type": "gemma2", `+sizes+`}`).HF(1, "bfloat16")
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"pad_token_id":null`, `"eos_token_id":null`, `"final_logit_softcapping":30.0`, `"query_pre_attn_scalar":256,`, `"rope_theta":10000.0`, `"dtype":"bfloat16"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

// TestFrequencies: linear divides, llama3 leaves the fast ones, divides the slow
// ones by its factor, and never passes the plain ones.
func TestFrequencies(t *testing.T) {
	plain := Rope{Type: "default", Theta: 5e5}.Frequencies(128)
	if plain[0] != 1 || math.Abs(plain[32]-1/math.Sqrt(5e5)) > 1e-9 {
		t.Errorf("plain: %v, %v", plain[0], plain[32])
	}
	linear := Rope{Type: "linear", Theta: 5e5, Factor: 4}.Frequencies(128)
	llama := Rope{"llama3", 5e5, 8, 1, 4, 8192}.Frequencies(128)
	for i := range plain {
		if linear[i] != plain[i]/4 {
			t.Errorf("linear %d: %g", i, linear[i])
		}
		if llama[i] > plain[i] || llama[i] < plain[i]/8 {
			t.Errorf("llama3 %d: %g of %g", i, llama[i], plain[i])
		}
	}
	if llama[0] != plain[0] || llama[63] != plain[63]/8 {
		t.Errorf("llama3 ends: %g, %g", llama[0], llama[63])
	}
}

func TestSharding(t *testing.T) {
	for _, c := range []struct {
		param        Param
		fsdp, tensor int
		want         Placement
	}{
		{Param{Name: "model.layers.0.self_attn.q_proj.weight", Shape: []int{64, 32}, Matrix: true}, 2, 4, Placement{[]string{"tensor", "fsdp"}, nil}},
		{Param{Name: "model.layers.0.mlp.down_proj.weight", Shape: []int{64, 32}, Matrix: true}, 2, 4, Placement{[]string{"fsdp", "tensor"}, nil}},
		{Param{Name: Embedding, Shape: []int{64, 32}, Matrix: true}, 4, 1, Placement{[]string{"", "fsdp"}, nil}},
		{Param{Name: "model.layers.0.self_attn.k_proj.weight", Shape: []int{30, 32}, Matrix: true}, 2, 4, Placement{[]string{"", "fsdp"}, []string{"tensor"}}},
		{Param{Name: "model.layers.0.input_layernorm.weight", Shape: []int{64}}, 2, 4, Placement{[]string{""}, nil}},
		{Param{Name: ScoreWeight, Shape: []int{2, 64}, Matrix: true}, 2, 2, Placement{[]string{"", ""}, nil}},
		{Param{Name: "model.layers.0.self_attn.q_proj.lora_A.weight", Shape: []int{8, 64}, Matrix: true}, 2, 2, Placement{[]string{"", ""}, nil}},
	} {
		if got := Sharding(c.param, c.fsdp, c.tensor); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s on %d×%d: got %v, want %v", c.param.Name, c.fsdp, c.tensor, got, c.want)
		}
	}
}

// TestShardingCoversAll: every matrix of a decoder has a place in the policy.
func TestShardingCoversAll(t *testing.T) {
	c := parse(t, `{"model_type": "gemma3_text", "head_dim": 16, `+sizes+`}`)
	for _, p := range c.Parameters() {
		if place := Sharding(p, 2, 2); p.Matrix && slices.Contains(place.Axes, "") {
			t.Errorf("%s is split over %q", p.Name, place.Axes)
		}
	}
}

func TestCanonical(t *testing.T) {
	for name, want := range map[string]string{
		"model.layers.0.mlp.up_proj.weight":                "model.layers.0.mlp.up_proj.weight",
		"layers.0.mlp.up_proj.weight":                      "model.layers.0.mlp.up_proj.weight",
		"embed_tokens.weight":                              "model.embed_tokens.weight",
		"norm.weight":                                      "model.norm.weight",
		"language_model.model.norm.weight":                 "model.norm.weight",
		"model.language_model.layers.3.self_attn.q_norm.x": "model.layers.3.self_attn.q_norm.x",
		"language_model.lm_head.weight":                    "lm_head.weight",
		"vision_tower.norm.weight":                         "vision_tower.norm.weight",
		"score.weight":                                     "score.weight",
	} {
		if got := canonical(name); got != want {
			t.Errorf("%s became %s, want %s", name, got, want)
		}
	}
}

func TestLoadFolders(t *testing.T) {
	empty := t.TempDir()
	if _, err := Load(empty); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "needs its config.json") {
		t.Errorf("an empty folder: %v", err)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(empty, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("config.json", `{"model_type": "llama", `+sizes+`}`)
	if c, err := Load(empty); err != nil || c.HasScore() {
		t.Errorf("a configuration alone: %v", err)
	}
	write("model.safetensors.index.json", `{"weight_map": {"a": "../../etc/passwd"}}`)
	if _, err := Load(empty); err == nil || !strings.Contains(err.Error(), "outside its folder") {
		t.Errorf("an index that leaves the folder: %v", err)
	}
	write("model.safetensors.index.json", `{"weight_map": {"a": "model-00001-of-00001.safetensors"}}`)
	if _, err := Load(empty); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing shard: %v", err)
	}
	write("model.safetensors.index.json", "{\n\n oops")
	if _, err := Load(empty); err == nil || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("a broken index: %v", err)
	}
	write("config.json", "{\n\"model_type\": oops}")
	if _, err := Load(empty); err == nil || !strings.Contains(err.Error(), "config.json: line 2") {
		t.Errorf("a broken configuration: %v", err)
	}
	write("model.gguf", "GGUF but not really")
	if _, err := Load(filepath.Join(empty, "model.gguf")); err == nil {
		t.Error("a broken GGUF file is accepted")
	}
}

// FuzzParse: no text makes Parse panic, and what it accepts can be listed and
// written so that it reads the same.
func FuzzParse(f *testing.F) {
	for _, family := range Known() {
		f.Add(fmt.Sprintf(`{"model_type": %q, "rope_scaling": {"type": "linear", "factor": 2}, "eos_token_id": [1], %s}`, family, sizes))
	}
	f.Add(`{"model_type": "gemma3", "text_config": {"layer_types": ["full_attention"]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse([]byte(text))
		if err != nil || c.Layers > 100 {
			return
		}
		c.Parameters()
		written, err := json.Marshal(c.HF(1, "float32"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(written); err != nil {
			t.Errorf("%s became %s: %v", text, written, err)
		}
	})
}
