package arch

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/gguf"
	"github.com/rmc-lang/rmc/runtime/safetensors"
)

// A Tensor is where one array of a model is stored.
type Tensor struct {
	Name   string // as transformers' decoder spells it: one of Parameters, LMHead, or the file's own
	Stored string // its name in the file
	File   string // path
	Type   string // F32, BF16, Q4_K …
	Shape  []int  // [out, in] for matrices, also from GGUF
}

// Tensors lists what is stored at path, a folder of safetensors files or a
// .gguf file, reading headers only. A folder without weights has none.
func Tensors(path string) ([]Tensor, error) {
	stat, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !stat.IsDir() {
		return ggufTensors(path)
	}
	files, err := weightFiles(path)
	if err != nil {
		return nil, err
	}
	var all []Tensor
	for _, name := range files {
		file, err := safetensors.Open(name)
		if err != nil {
			return nil, err
		}
		for _, t := range file.Tensors {
			all = append(all, Tensor{canonical(t.Name), t.Name, name, t.DType, t.Shape})
		}
	}
	return all, nil
}

// weightFiles lists the safetensors files of a folder: what its index says, or
// the one file.
func weightFiles(folder string) ([]string, error) {
	index := filepath.Join(folder, "model.safetensors.index.json")
	text, err := os.ReadFile(index)
	if os.IsNotExist(err) {
		single := filepath.Join(folder, "model.safetensors")
		if _, err := os.Stat(single); err == nil {
			return []string{single}, nil
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var j struct {
		Where map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(text, &j); err != nil {
		return nil, fmt.Errorf("%s: %w", index, jsonError(text, err))
	}
	var files []string
	for _, name := range j.Where {
		if !filepath.IsLocal(name) {
			return nil, fmt.Errorf("%s names %q, which is outside its folder", index, name)
		}
		if path := filepath.Join(folder, name); !slices.Contains(files, path) {
			files = append(files, path)
		}
	}
	slices.Sort(files)
	return files, nil
}

// canonical undoes what surrounds the decoder in some checkpoints: the name of
// a multimodal model around it, or the missing model. of a bare decoder.
func canonical(name string) string {
	for _, prefix := range []string{"language_model.", "model.language_model."} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			name = strings.TrimPrefix(rest, "model.")
			if name == LMHead {
				return name
			}
			return "model." + name
		}
	}
	for _, prefix := range []string{"embed_tokens.", "layers.", "norm."} {
		if strings.HasPrefix(name, prefix) {
			return "model." + name
		}
	}
	return name
}

func ggufTensors(path string) ([]Tensor, error) {
	file, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	family, _ := file.Text("general.architecture")
	all := make([]Tensor, len(file.Tensors))
	for i, t := range file.Tensors {
		shape := make([]int, len(t.Dims))
		for k, d := range t.Dims {
			shape[len(shape)-1-k] = int(d)
		}
		all[i] = Tensor{fromGGUF(family, t.Name), t.Name, path, t.Type.String(), shape}
	}
	return all, nil
}

// fromGGUF is the Hugging Face name of a GGUF tensor; names it does not know
// stay as they are.
func fromGGUF(family, name string) string {
	switch name {
	case "token_embd.weight":
		return Embedding
	case "output_norm.weight":
		return FinalNorm
	case "output.weight":
		return LMHead
	}
	var layer int
	var rest string
	if n, _ := fmt.Sscanf(name, "blk.%d.%s", &layer, &rest); n != 2 {
		return name
	}
	module, kind, _ := strings.Cut(rest, ".")
	if to := ggufModule(family, module); to != "" {
		return LayerName(layer, to+"."+kind)
	}
	return name
}

// ggufModule names the modules of a layer. Gemma 2 and 3 have two norms more,
// and what other families call post_attention_layernorm stands elsewhere.
func ggufModule(family, module string) string {
	post := family == "gemma2" || family == "gemma3"
	switch module {
	case "attn_q":
		return "self_attn.q_proj"
	case "attn_k":
		return "self_attn.k_proj"
	case "attn_v":
		return "self_attn.v_proj"
	case "attn_output":
		return "self_attn.o_proj"
	case "attn_q_norm":
		return "self_attn.q_norm"
	case "attn_k_norm":
		return "self_attn.k_norm"
	case "ffn_gate":
		return "mlp.gate_proj"
	case "ffn_up":
		return "mlp.up_proj"
	case "ffn_down":
		return "mlp.down_proj"
	case "attn_norm":
		return "input_layernorm"
	case "post_attention_norm":
		return "post_attention_layernorm"
	case "post_ffw_norm":
		return "post_feedforward_layernorm"
	case "ffn_norm":
		if post {
			return "pre_feedforward_layernorm"
		}
		return "post_attention_layernorm"
	}
	return ""
}
