package model

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/dtypes/float16"

	"github.com/rmc-lang/rmc/runtime/arch"
)

// A ggufFile collects the parts of a GGUF file.
type ggufFile struct {
	head, table, data bytes.Buffer
	keys, tensors     uint64
}

// put appends numbers and strings as the format stores them.
func put(w *bytes.Buffer, all ...any) {
	for _, x := range all {
		if s, ok := x.(string); ok {
			put(w, uint64(len(s)))
			w.WriteString(s)
		} else if err := binary.Write(w, binary.LittleEndian, x); err != nil {
			panic(err)
		}
	}
}

func (f *ggufFile) key(name string, value any) {
	kind := map[string]uint32{"uint32": 4, "float32": 6, "string": 8}[fmt.Sprintf("%T", value)]
	put(&f.head, name, kind, value)
	f.keys++
}

// tensor stores matrices in float16, the rest in float32.
func (f *ggufFile) tensor(name string, dims []int, flat []float32) {
	put(&f.table, name, uint32(len(dims)))
	for _, d := range slices.Backward(dims) {
		put(&f.table, uint64(d))
	}
	kind := uint32(0)
	if len(dims) == 2 {
		kind = 1
	}
	put(&f.table, kind, uint64(f.data.Len()))
	for _, x := range flat {
		if kind == 1 {
			put(&f.data, float16.FromFloat32(x).Bits())
		} else {
			put(&f.data, x)
		}
	}
	f.data.Write(make([]byte, (32-f.data.Len()%32)%32))
	f.tensors++
}

func (f *ggufFile) write(t *testing.T, path string) {
	t.Helper()
	var file bytes.Buffer
	file.WriteString("GGUF")
	put(&file, uint32(3), f.tensors, f.keys)
	file.Write(f.head.Bytes())
	file.Write(f.table.Bytes())
	file.Write(make([]byte, (32-file.Len()%32)%32))
	file.Write(f.data.Bytes())
	if err := os.WriteFile(path, file.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// writeGGUF stores a decoder as llama.cpp's converter does: Llama's q and k rows
// in adjacent pairs, Gemma's norms with 1 added.
func writeGGUF(t *testing.T, path string, c arch.Config, weights Weights) {
	t.Helper()
	f := &ggufFile{}
	architecture := c.Family
	if c.Family == "mistral" {
		architecture = "llama"
	}
	f.describe(architecture, c)
	for _, p := range c.Parameters() {
		x := slices.Clone(flat(weights[p.Name]))
		switch {
		case architecture == "llama" && strings.Contains(p.Name, "q_proj"):
			permute(x, c.Heads, c.HeadDim)
		case architecture == "llama" && strings.Contains(p.Name, "k_proj"):
			permute(x, c.KVHeads, c.HeadDim)
		case strings.HasPrefix(c.Family, "gemma") && strings.HasSuffix(p.Name, "norm.weight"):
			for i := range x {
				x[i]++
			}
		}
		f.tensor(ggufName(c, p.Name), p.Shape, x)
	}
	if c.Rope.Type == "llama3" {
		plain := arch.Rope{Type: "default", Theta: c.Rope.Theta}.Frequencies(c.HeadDim)
		divisors := make([]float32, len(plain))
		for i, scaled := range c.Rope.Frequencies(c.HeadDim) {
			divisors[i] = float32(plain[i] / scaled)
		}
		f.tensor("rope_freqs.weight", []int{len(divisors)}, divisors)
	}
	if !c.Tied {
		f.tensor("output.weight", []int{1, 1}, []float32{0})
	}
	f.write(t, path)
}

// describe writes the metadata.
func (f *ggufFile) describe(architecture string, c arch.Config) {
	f.key("general.architecture", architecture)
	for name, n := range map[string]int{
		"embedding_length": c.Hidden, "feed_forward_length": c.Intermediate, "block_count": c.Layers,
		"attention.head_count": c.Heads, "attention.head_count_kv": c.KVHeads, "attention.key_length": c.HeadDim,
		"context_length": c.MaxPositions, "attention.sliding_window": slices.Max(c.Windows),
	} {
		if n > 0 {
			f.key(architecture+"."+name, uint32(n))
		}
	}
	for name, x := range map[string]float64{
		"attention.layer_norm_rms_epsilon": c.NormEps, "rope.freq_base": c.Rope.Theta,
		"attn_logit_softcapping": c.AttnCap, "final_logit_softcapping": c.FinalCap,
	} {
		if x > 0 {
			f.key(architecture+"."+name, float32(x))
		}
	}
	f.key("tokenizer.ggml.padding_token_id", uint32(*c.PadToken))
	f.key("tokenizer.ggml.bos_token_id", uint32(*c.BOSToken))
	f.key("tokenizer.ggml.eos_token_id", uint32(c.EOSTokens[0]))
}

// permute is what the converter does to a head's rows, whose inverse the loader
// must find: row i of the first half goes to 2i, of the second to 2i+1.
func permute(flat []float32, heads, dim int) {
	width := len(flat) / (heads * dim)
	from := slices.Clone(flat)
	for h := range heads {
		for i := range dim / 2 {
			for half := range 2 {
				to := (h*dim + 2*i + half) * width
				copy(flat[to:to+width], from[(h*dim+half*dim/2+i)*width:])
			}
		}
	}
}

// ggufName spells a parameter as llama.cpp does.
func ggufName(c arch.Config, name string) string {
	post := "ffn_norm"
	if c.PostNorms {
		post = "post_attention_norm"
	}
	return strings.NewReplacer(
		"model.embed_tokens", "token_embd", "model.norm", "output_norm", "model.layers.", "blk.",
		"self_attn.q_proj", "attn_q", "self_attn.k_proj", "attn_k", "self_attn.v_proj", "attn_v", "self_attn.o_proj", "attn_output",
		"self_attn.q_norm", "attn_q_norm", "self_attn.k_norm", "attn_k_norm",
		"mlp.gate_proj", "ffn_gate", "mlp.up_proj", "ffn_up", "mlp.down_proj", "ffn_down",
		"input_layernorm", "attn_norm", "post_attention_layernorm", post,
		"pre_feedforward_layernorm", "ffn_norm", "post_feedforward_layernorm", "post_ffw_norm",
	).Replace(name)
}

// TestGGUF writes each family as GGUF and reads it back: the configuration must
// be the one of config.json and the weights the same to half precision.
func TestGGUF(t *testing.T) {
	for _, family := range families(t) {
		t.Run(family, func(t *testing.T) {
			b, want := hold(t, family)
			c := b.decoder.Config
			if c.Rope.Type == "llama3" {
				c.Rope.Original, c.LocalRope.Original = 8192, 8192 // the released models' value
			}
			path := filepath.Join(t.TempDir(), "model.gguf")
			writeGGUF(t, path, c, want)
			got, err := arch.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			expect := c
			expect.Score, expect.DType = nil, ""
			if family == "gemma2" || family == "gemma3" {
				expect.AttnScale = got.AttnScale // not stored; the tiny models have odd ones
			}
			if a, b := describe(got), describe(expect); a != b {
				t.Errorf("configuration\n%s\nwant\n%s", a, b)
			}
			weights, err := Load(path, got, Options{DType: dtypes.Float32, Layers: -1})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range c.Parameters() {
				w := flat(want[p.Name])
				closeTo(t, p.Name, flat(weights[p.Name]), wide(w), norm(w)/1000)
			}
		})
	}
}

// describe prints a configuration with what its pointers point at.
func describe(c arch.Config) string {
	text := ""
	for _, p := range []*int{c.PadToken, c.BOSToken} {
		text += strconv.Itoa(*p) + " "
	}
	c.PadToken, c.BOSToken = nil, nil
	return text + strings.ReplaceAll(fmt.Sprintf("%+v", c), " ", "\n")
}

func TestGGUFOfAnUnknownFamily(t *testing.T) {
	b, weights := hold(t, "llama")
	c := b.decoder.Config
	c.Family = "mamba"
	path := filepath.Join(t.TempDir(), "model.gguf")
	writeGGUF(t, path, c, weights)
	_, err := arch.Load(path)
	var unsupported *arch.UnsupportedError
	if !errors.As(err, &unsupported) || unsupported.Name != "mamba" {
		t.Errorf("got %v", err)
	}
}
