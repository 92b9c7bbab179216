package arch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"

	"github.com/rmc-lang/rmc/runtime/gguf"
)

// ggufFamilies maps general.architecture to a family. Mistral files call
// themselves llama.
var ggufFamilies = map[string]string{
	"llama": "llama", "qwen2": "qwen2", "qwen3": "qwen3",
	"gemma": "gemma", "gemma2": "gemma2", "gemma3": "gemma3",
}

// header reads metadata of one architecture and collects what is missing.
type header struct {
	file    *gguf.File
	prefix  string
	missing []string
}

func (h *header) int(key string) int {
	n, ok := h.file.Int(h.prefix + key)
	if !ok {
		h.missing = append(h.missing, h.prefix+key)
	}
	return int(n)
}

func (h *header) intOr(key string, def int) int {
	if n, ok := h.file.Int(h.prefix + key); ok {
		return int(n)
	}
	return def
}

func (h *header) floatOr(key string, def float64) float64 {
	if x, ok := h.file.Float(h.prefix + key); ok {
		return shorten(x)
	}
	return def
}

// shorten undoes the trip through float32: 9.999999747378752e-06 was 1e-05.
func shorten(x float64) float64 {
	var short float64
	if _, err := fmt.Sscan(fmt.Sprint(float32(x)), &short); err != nil {
		return x
	}
	return short
}

func loadGGUF(path string) (Config, error) {
	file, err := gguf.Open(path)
	if err != nil {
		return Config{}, err
	}
	architecture, _ := file.Text("general.architecture")
	family, ok := ggufFamilies[architecture]
	if !ok {
		return Config{}, fmt.Errorf("%s: %w", path, &UnsupportedError{"architecture", architecture, Known()})
	}
	h := &header{file: file, prefix: architecture + "."}
	c := h.config(family)
	if len(h.missing) > 0 {
		return Config{}, fmt.Errorf("%s: its metadata lacks %s", path, strings.Join(h.missing, ", "))
	}
	if err := h.rotation(&c, path); err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	if err := c.validate(); err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// config reads everything but the rotation.
func (h *header) config(family string) Config {
	d := families[family]
	c := Config{
		Family: family,
		Hidden: h.int("embedding_length"), Intermediate: h.int("feed_forward_length"),
		Layers: h.int("block_count"), Heads: h.int("attention.head_count"),
		MaxPositions: h.int("context_length"),
		NormEps:      h.floatOr("attention.layer_norm_rms_epsilon", d.eps),
		Activation:   "silu",
		AttnCap:      h.floatOr("attn_logit_softcapping", d.softcaps[0]),
		FinalCap:     h.floatOr("final_logit_softcapping", d.softcaps[1]),
	}
	if window := h.intOr("attention.sliding_window", 0); family == "llama" && window > 0 {
		c.Family = "mistral"
	}
	if strings.HasPrefix(family, "gemma") {
		c.Activation = "gelu_tanh"
	}
	c.KVHeads = h.intOr("attention.head_count_kv", c.Heads)
	c.HeadDim = h.intOr("attention.key_length", 0)
	if c.HeadDim == 0 && c.Heads > 0 {
		c.HeadDim = c.Hidden / c.Heads
	}
	c.shape()
	h.fromTensors(&c)
	h.tokens(&c)
	c.AttnScale = 1 / math.Sqrt(float64(queryScalar(c)))
	c.Windows = h.windows(c, d)
	return c
}

// fromTensors reads what only the tensor table says.
func (h *header) fromTensors(c *Config) {
	has := func(name string) bool { _, ok := h.file.Tensor(name); return ok }
	if t, ok := h.file.Tensor("token_embd.weight"); ok && len(t.Dims) == 2 {
		c.Vocab = int(t.Dims[1])
	} else {
		h.missing = append(h.missing, "tensor token_embd.weight")
	}
	c.Tied = !has("output.weight")
	c.QKVBias = has("blk.0.attn_q.bias")
	c.OutBias = has("blk.0.attn_output.bias")
	c.MLPBias = has("blk.0.ffn_gate.bias")
}

func (h *header) tokens(c *Config) {
	token := func(key string) *int {
		if n, ok := h.file.Int("tokenizer.ggml." + key); ok {
			id := int(n)
			return &id
		}
		return nil
	}
	c.PadToken, c.BOSToken = token("padding_token_id"), token("bos_token_id")
	if eos := token("eos_token_id"); eos != nil {
		c.EOSTokens = []int{*eos}
	}
}

// queryScalar is query_pre_attn_scalar, which GGUF does not store. llama.cpp
// knows it by the number of layers: the two 27B models use hidden/heads.
func queryScalar(c Config) int {
	big := c.Family == "gemma2" && c.Layers == 46 || c.Family == "gemma3" && c.Layers == 62
	if big {
		return c.Hidden / c.Heads
	}
	return c.HeadDim
}

// windows are stored as one size; which layers have it is the family's rule.
func (h *header) windows(c Config, d defaults) []int {
	windows := make([]int, min(max(c.Layers, 0), maxLayers))
	size := h.intOr("attention.sliding_window", 0)
	if size == 0 && c.PostNorms {
		size = d.window
	}
	if c.Family == "llama" || strings.HasPrefix(c.Family, "qwen") {
		return windows
	}
	for i := range windows {
		if (config{}).slides(c.Family, i) {
			windows[i] = size
		}
	}
	return windows
}

// rotation reads rope parameters. Llama 3's are not in the metadata: the
// converter stores the divisor of each frequency as a tensor.
func (h *header) rotation(c *Config, path string) error {
	d := families[c.Family]
	r := Rope{Type: "default", Theta: h.floatOr("rope.freq_base", d.theta)}
	if n := h.intOr("rope.dimension_count", c.HeadDim); n != c.HeadDim {
		return &UnsupportedError{"rope.dimension_count", fmt.Sprint(n), []string{fmt.Sprint(c.HeadDim)}}
	}
	kind, _ := h.file.Text(h.prefix + "rope.scaling.type")
	switch kind {
	case "", "none":
	case "linear":
		r.Type, r.Factor = "linear", h.floatOr("rope.scaling.factor", 1)
	default:
		return &UnsupportedError{"rope_type", kind, []string{"default", "linear", "llama3"}}
	}
	if t, ok := h.file.Tensor("rope_freqs.weight"); ok {
		factors, err := readFloats(path, h.file.DataOffset+t.Offset, t)
		if err != nil {
			return err
		}
		if r, err = llama3Rope(r.Theta, c.HeadDim, factors); err != nil {
			return err
		}
	}
	c.Rope, c.LocalRope = r, r
	if c.Family == "gemma3" {
		c.LocalRope = Rope{Type: "default", Theta: h.floatOr("rope.freq_base_swa", 10_000)}
	}
	return nil
}

func readFloats(path string, offset int64, t gguf.Tensor) ([]float64, error) {
	if t.Type != gguf.F32 || t.Bytes > 1<<20 {
		return nil, fmt.Errorf("tensor %s is %v of %d bytes; wanted a few F32", t.Name, t.Type, t.Bytes)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw := make([]byte, t.Bytes)
	if _, err := f.ReadAt(raw, offset); err != nil {
		return nil, err
	}
	out := make([]float64, len(raw)/4)
	for i := range out {
		out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])))
	}
	return out, nil
}

// llama3Rope finds the parameters whose divisors these are, among those of the
// released models: 3.1 and 3.3 have factor 8, 3.2 has 32.
func llama3Rope(theta float64, dim int, divisors []float64) (Rope, error) {
	plain := Rope{Type: "default", Theta: theta}
	base := plain.Frequencies(dim)
	for _, factor := range []float64{8, 32, 16, 4} {
		r := Rope{Type: "llama3", Theta: theta, Factor: factor, LowFreq: 1, HighFreq: 4, Original: 8192}
		if matches(base, r.Frequencies(dim), divisors) {
			return r, nil
		}
	}
	return Rope{}, errors.New("its rope_freqs.weight are not the frequencies of a Llama 3 model (low 1, high 4, original 8192)")
}

func matches(base, scaled, divisors []float64) bool {
	if len(divisors) != len(base) {
		return false
	}
	for i := range base {
		if want := base[i] / scaled[i]; math.Abs(divisors[i]-want) > 1e-3*want {
			return false
		}
	}
	return true
}
