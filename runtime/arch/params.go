package arch

import (
	"fmt"
	"slices"
	"strings"
)

// Names of the tensors outside the layers, as transformers spells them.
const (
	Embedding   = "model.embed_tokens.weight" // [vocab, hidden]
	FinalNorm   = "model.norm.weight"         // [hidden]
	LMHead      = "lm_head.weight"            // [vocab, hidden], absent when tied
	ScoreWeight = "score.weight"              // [outputs, hidden]
	ScoreBias   = "score.bias"                // [outputs]
)

// projections are the matrices of a layer, in the order they are applied. They
// are what an adapter may be put on.
var projections = []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}

// Projections lists the matrices of a layer by their short names.
func Projections() []string { return slices.Clone(projections) }

// A Param is one tensor of the decoder.
type Param struct {
	Name   string // as in a Hugging Face checkpoint
	Shape  []int  // matrices are [out, in]
	Matrix bool   // weight decay applies; biases and norms are not matrices
	Layer  int    // -1 outside the layers
}

// Size is the number of scalars.
func (p Param) Size() int {
	n := 1
	for _, d := range p.Shape {
		n *= d
	}
	return n
}

// LayerName is the name of a tensor of a layer (0-based): LayerName(3,
// "self_attn.q_proj.weight") is "model.layers.3.self_attn.q_proj.weight".
func LayerName(layer int, tensor string) string {
	return fmt.Sprintf("model.layers.%d.%s", layer, tensor)
}

// Parameters lists the tensors of the decoder in the order of the forward: the
// embedding, each layer, the final norm. The heads (lm_head, score) are apart.
func (c Config) Parameters() []Param {
	all := []Param{{Embedding, []int{c.Vocab, c.Hidden}, true, -1}}
	for layer := range c.Layers {
		all = append(all, c.layer(layer)...)
	}
	return append(all, Param{FinalNorm, []int{c.Hidden}, false, -1})
}

// ParametersTo is Parameters of the first so many layers, embedding and final
// norm included; -1 is all.
func (c Config) ParametersTo(layers int) []Param {
	if layers >= 0 {
		c = c.Shallow(layers)
	}
	return c.Parameters()
}

// ScoreParameters are the tensors of a linear score head.
func (c Config) ScoreParameters(outputs int, bias bool) []Param {
	all := []Param{{ScoreWeight, []int{outputs, c.Hidden}, true, -1}}
	if bias {
		all = append(all, Param{ScoreBias, []int{outputs}, false, -1})
	}
	return all
}

func (c Config) layer(layer int) []Param {
	var all []Param
	vector := func(tensor string, size int) {
		all = append(all, Param{LayerName(layer, tensor), []int{size}, false, layer})
	}
	linear := func(short string) {
		out, in, bias := c.projection(short)
		module := block(short) + "." + short
		all = append(all, Param{LayerName(layer, module+".weight"), []int{out, in}, true, layer})
		if bias {
			vector(module+".bias", out)
		}
	}
	vector("input_layernorm.weight", c.Hidden)
	for _, short := range []string{"q_proj", "k_proj", "v_proj"} {
		linear(short)
	}
	if c.QKNorm {
		vector("self_attn.q_norm.weight", c.HeadDim)
		vector("self_attn.k_norm.weight", c.HeadDim)
	}
	linear("o_proj")
	vector("post_attention_layernorm.weight", c.Hidden)
	if c.PostNorms {
		vector("pre_feedforward_layernorm.weight", c.Hidden)
	}
	for _, short := range []string{"gate_proj", "up_proj", "down_proj"} {
		linear(short)
	}
	if c.PostNorms {
		vector("post_feedforward_layernorm.weight", c.Hidden)
	}
	return all
}

// projection is the shape of a projection and whether it has a bias.
func (c Config) projection(short string) (out, in int, bias bool) {
	switch short {
	case "q_proj":
		return c.Heads * c.HeadDim, c.Hidden, c.QKVBias
	case "k_proj", "v_proj":
		return c.KVHeads * c.HeadDim, c.Hidden, c.QKVBias
	case "o_proj":
		return c.Hidden, c.Heads * c.HeadDim, c.OutBias
	case "gate_proj", "up_proj":
		return c.Intermediate, c.Hidden, c.MLPBias
	case "down_proj":
		return c.Hidden, c.Intermediate, c.MLPBias
	}
	panic("arch: no projection " + short)
}

func block(short string) string {
	if strings.Contains("q_proj k_proj v_proj o_proj", short) {
		return "self_attn"
	}
	return "mlp"
}

// A Linear is a projection of one layer: what an adapter may be put on.
type Linear struct {
	Module  string // model.layers.0.self_attn.q_proj
	Short   string // q_proj
	Layer   int    // 0-based
	Out, In int    // its weight is [Out, In]
}

// Linear lists the projections of all layers in the order of the forward.
func (c Config) Linear() []Linear {
	var all []Linear
	for layer := range c.Layers {
		for _, short := range projections {
			out, in, _ := c.projection(short)
			module := LayerName(layer, block(short)+"."+short)
			all = append(all, Linear{module, short, layer, out, in})
		}
	}
	return all
}
