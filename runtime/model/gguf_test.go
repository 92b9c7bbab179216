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

// writeGGUF stores a decoder as llama.cpp's converter does: Llama's q and k rows
// in adjacent pairs, Gemma's norms with 1 added, matrices in float16.
func writeGGUF(t *testing.T, path string, c arch.Config, weights Weights) {
	t.Helper()
	architecture := map[string]string{"mistral": "llama"}[c.Family]
	if architecture == "" {
		architecture = c.Family
	}
	var head, table, data bytes.Buffer
	keys := 0
	put := func(w *bytes.Buffer, all ...any) {
		for _, x := range all {
			if s, ok := x.(string); ok {
				binary.Write(w, binary.LittleEndian, uint64(len(s)))
				w.WriteString(s)
				continue
			}
			binary.Write(w, binary.LittleEndian, x)
		}
	}
	const u32, f32, text = uint32(4), uint32(6), uint32(8)
	key := func(name string, kind uint32, value any) {
		put(&head, name, kind, value)
		keys++
	}
	number := func(name string, n int) { key(architecture+"."+name, u32, uint32(n)) }
	key("general.architecture", text, architecture)
	number("embedding_length", c.Hidden)
	number("feed_forward_length", c.Intermediate)
	number("block_count", c.Layers)
	number("attention.head_count", c.Heads)
	number("attention.head_count_kv", c.KVHeads)
	number("attention.key_length", c.HeadDim)
	number("context_length", c.MaxPositions)
	if w := slices.Max(c.Windows); w > 0 {
		number("attention.sliding_window", w)
	}
	key(architecture+".attention.layer_norm_rms_epsilon", f32, float32(c.NormEps))
	key(architecture+".rope.freq_base", f32, float32(c.Rope.Theta))
	if c.AttnCap > 0 {
		key(architecture+".attn_logit_softcapping", f32, float32(c.AttnCap))
		key(architecture+".final_logit_softcapping", f32, float32(c.FinalCap))
	}
	key("tokenizer.ggml.padding_token_id", u32, uint32(*c.PadToken))
	key("tokenizer.ggml.bos_token_id", u32, uint32(*c.BOSToken))
	key("tokenizer.ggml.eos_token_id", u32, uint32(c.EOSTokens[0]))

	names := 0
	tensor := func(name string, dims []int, flat []float32) {
		kind := uint32(0)
		if len(dims) == 2 {
			kind = 1
		}
		put(&table, name, uint32(len(dims)))
		for i := range dims {
			put(&table, uint64(dims[len(dims)-1-i]))
		}
		put(&table, kind, uint64(data.Len()))
		for _, x := range flat {
			if kind == 1 {
				put(&data, float16.FromFloat32(x).Bits())
			} else {
				put(&data, x)
			}
		}
		data.Write(make([]byte, (32-data.Len()%32)%32))
		names++
	}
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
		tensor(ggufName(c, p.Name), p.Shape, x)
	}
	if c.Rope.Type == "llama3" {
		plain := arch.Rope{Type: "default", Theta: c.Rope.Theta}.Frequencies(c.HeadDim)
		scaled := c.Rope.Frequencies(c.HeadDim)
		divisors := make([]float32, len(plain))
		for i := range divisors {
			divisors[i] = float32(plain[i] / scaled[i])
		}
		tensor("rope_freqs.weight", []int{len(divisors)}, divisors)
	}
	if !c.Tied {
		tensor("output.weight", []int{1, 1}, []float32{0})
	}

	var file bytes.Buffer
	file.WriteString("GGUF")
	put(&file, uint32(3), uint64(names), uint64(keys))
	file.Write(head.Bytes())
	file.Write(table.Bytes())
	file.Write(make([]byte, (32-file.Len()%32)%32))
	file.Write(data.Bytes())
	if err := os.WriteFile(path, file.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
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
	ffn := "ffn_norm"
	post := "ffn_norm"
	if c.PostNorms {
		post = "post_attention_norm"
	}
	name = strings.NewReplacer(
		"model.embed_tokens", "token_embd", "model.norm", "output_norm", "model.layers.", "blk.",
		"self_attn.q_proj", "attn_q", "self_attn.k_proj", "attn_k", "self_attn.v_proj", "attn_v", "self_attn.o_proj", "attn_output",
		"self_attn.q_norm", "attn_q_norm", "self_attn.k_norm", "attn_k_norm",
		"mlp.gate_proj", "ffn_gate", "mlp.up_proj", "ffn_up", "mlp.down_proj", "ffn_down",
		"input_layernorm", "attn_norm", "post_attention_layernorm", post,
		"pre_feedforward_layernorm", ffn, "post_feedforward_layernorm", "post_ffw_norm",
	).Replace(name)
	return name
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
