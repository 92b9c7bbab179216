package arch

import (
	"strconv"
	"strings"
)

// classNames are the transformers classes that compute a family: with a score
// head, and with a language-model head.
var classNames = map[string]string{
	"llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2", "qwen3": "Qwen3",
	"gemma": "Gemma", "gemma2": "Gemma2", "gemma3": "Gemma3Text",
}

// HF is the config.json of a sequence classifier with this many outputs: what
// AutoModelForSequenceClassification of transformers 4 and 5 loads. dtype is
// the type of the weights beside it ("float32" or "bfloat16"). Set c.PadToken
// first if the tokenizer knows it and the config does not: transformers finds
// the scored token of a padded batch by it.
func (c Config) HF(outputs int, dtype string) map[string]any {
	labels, ids := map[string]string{}, map[string]int{}
	for i := range outputs {
		label := "LABEL_" + strconv.Itoa(i)
		labels[strconv.Itoa(i)], ids[label] = label, i
	}
	m := map[string]any{
		"architectures": []string{classNames[c.Family] + "ForSequenceClassification"},
		"model_type":    c.modelType(),
		"num_labels":    outputs,
		"id2label":      labels,
		"label2id":      ids,
		"problem_type":  "regression",
		"dtype":         dtype,
		"torch_dtype":   dtype, // transformers 4
		"use_cache":     false,

		"vocab_size": c.Vocab, "hidden_size": c.Hidden, "intermediate_size": c.Intermediate,
		"num_hidden_layers": c.Layers, "num_attention_heads": c.Heads,
		"num_key_value_heads": c.KVHeads, "head_dim": c.HeadDim,
		"max_position_embeddings": c.MaxPositions,
		"rms_norm_eps":            real(c.NormEps),
		"tie_word_embeddings":     c.Tied,
		"pad_token_id":            nilable(c.PadToken),
		"bos_token_id":            nilable(c.BOSToken),
		"eos_token_id":            c.eos(),
	}
	c.writeFamily(m)
	c.writeWindows(m)
	c.writeRope(m)
	return m
}

func (c Config) modelType() string {
	if c.Family == "gemma3" {
		return "gemma3_text"
	}
	return c.Family
}

func (c Config) eos() any {
	switch len(c.EOSTokens) {
	case 0:
		return nil
	case 1:
		return c.EOSTokens[0]
	}
	return c.EOSTokens
}

// nilable keeps a nil pointer from becoming a non-nil any.
func nilable(p *int) any {
	if p == nil {
		return nil
	}
	return *p
}

// writeFamily writes the keys that only some families have.
func (c Config) writeFamily(m map[string]any) {
	name := map[string]string{"gelu_tanh": "gelu_pytorch_tanh"}[c.Activation]
	if name == "" {
		name = c.Activation
	}
	m["hidden_act"] = name
	switch c.Family {
	case "llama":
		m["attention_bias"], m["mlp_bias"] = c.QKVBias, c.MLPBias
	case "qwen3", "gemma":
		m["attention_bias"] = c.QKVBias
	case "gemma2", "gemma3":
		m["attention_bias"] = c.QKVBias
		delete(m, "hidden_act")
		m["query_pre_attn_scalar"] = round(1 / (c.AttnScale * c.AttnScale))
		m["attn_logit_softcapping"] = positive(c.AttnCap)
		m["final_logit_softcapping"] = positive(c.FinalCap)
	}
	if c.modelType() != c.Family || c.Family == "gemma" || c.Family == "gemma2" {
		m["hidden_activation"] = name
	}
}

func positive(x float64) any {
	if x > 0 {
		return real(x)
	}
	return nil
}

// A real is written with a decimal point: transformers 5 checks types, and 30
// is no float to it.
type real float64

func (r real) MarshalJSON() ([]byte, error) {
	text := strconv.FormatFloat(float64(r), 'g', -1, 64)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return []byte(text), nil
}

// round undoes the inverse square root, whose argument is nearly always whole.
func round(x float64) any {
	if n := int(x + 0.5); float64(n)-x < 1e-9*x && x-float64(n) < 1e-9*x {
		return n
	}
	return real(x)
}

func (c Config) writeWindows(m map[string]any) {
	size := 0
	types := make([]string, c.Layers)
	for i, w := range c.Windows {
		types[i] = "full_attention"
		if w > 0 {
			types[i], size = "sliding_attention", w
		}
	}
	switch c.Family {
	case "llama", "gemma":
		return
	case "qwen2", "qwen3":
		m["use_sliding_window"] = size > 0
		m["layer_types"] = types
	case "gemma2", "gemma3":
		m["layer_types"] = types
	}
	m["sliding_window"] = nil
	if size > 0 {
		m["sliding_window"] = size
	}
}

// writeRope writes the rotation in the spelling of transformers 5 and, where
// that is not the default, of 4.
func (c Config) writeRope(m map[string]any) {
	m["rope_theta"] = real(c.Rope.Theta)
	if c.Rope.Type != "default" {
		scaling := c.Rope.keys()
		delete(scaling, "rope_theta")
		m["rope_scaling"] = scaling
	}
	m["rope_parameters"] = c.Rope.keys()
	if c.Family == "gemma3" {
		m["rope_local_base_freq"] = real(c.LocalRope.Theta)
		m["rope_parameters"] = map[string]any{
			"full_attention": c.Rope.keys(), "sliding_attention": c.LocalRope.keys(),
		}
	}
}

func (r Rope) keys() map[string]any {
	m := map[string]any{"rope_type": r.Type, "rope_theta": real(r.Theta)}
	switch r.Type {
	case "llama3":
		m["low_freq_factor"], m["high_freq_factor"] = real(r.LowFreq), real(r.HighFreq)
		m["original_max_position_embeddings"] = r.Original
		fallthrough
	case "linear":
		m["factor"] = real(r.Factor)
	}
	return m
}
