package arch

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// defaults are what a family's configuration class in transformers 5 means when
// config.json is silent.
type defaults struct {
	theta     float64
	eps       float64
	window    int // -1: the family has no windows
	tied      bool
	softcaps  [2]float64 // attention, final
	attnQuery int        // query_pre_attn_scalar; 0: the family uses head_dim
	headDim   int        // 0: hidden_size / num_attention_heads
}

var families = map[string]defaults{
	"llama":   {theta: 10_000, eps: 1e-6, window: -1},
	"mistral": {theta: 10_000, eps: 1e-6, window: 4096},
	"qwen2":   {theta: 10_000, eps: 1e-6, window: 4096},
	"qwen3":   {theta: 10_000, eps: 1e-6, window: 4096, headDim: 128},
	"gemma":   {theta: 10_000, eps: 1e-6, window: -1, tied: true, headDim: 256},
	"gemma2":  {theta: 10_000, eps: 1e-6, window: 4096, tied: true, headDim: 256, attnQuery: 256, softcaps: [2]float64{50, 30}},
	"gemma3":  {theta: 1_000_000, eps: 1e-6, window: 4096, tied: true, headDim: 256, attnQuery: 256},
}

// Known lists the families that can be loaded.
func Known() []string { return slices.Sorted(maps.Keys(families)) }

// config is config.json, old and new spellings.
type config struct {
	Architectures []string        `json:"architectures"`
	ModelType     string          `json:"model_type"`
	TextConfig    json.RawMessage `json:"text_config"`

	VocabSize             int    `json:"vocab_size"`
	HiddenSize            int    `json:"hidden_size"`
	IntermediateSize      int    `json:"intermediate_size"`
	NumHiddenLayers       int    `json:"num_hidden_layers"`
	NumAttentionHeads     int    `json:"num_attention_heads"`
	NumKeyValueHeads      *int   `json:"num_key_value_heads"`
	HeadDim               *int   `json:"head_dim"`
	MaxPositionEmbeddings int    `json:"max_position_embeddings"`
	HiddenAct             string `json:"hidden_act"`
	HiddenActivation      string `json:"hidden_activation"`

	RMSNormEps        *float64 `json:"rms_norm_eps"`
	AttentionBias     bool     `json:"attention_bias"`
	MLPBias           bool     `json:"mlp_bias"`
	TieWordEmbeddings *bool    `json:"tie_word_embeddings"`

	SlidingWindow         optional[int] `json:"sliding_window"`
	UseSlidingWindow      bool          `json:"use_sliding_window"`
	MaxWindowLayers       *int          `json:"max_window_layers"`
	LayerTypes            []string      `json:"layer_types"`
	SlidingWindowPattern  int           `json:"sliding_window_pattern"`
	SlidingWindowPattern5 int           `json:"_sliding_window_pattern"` // transformers 5

	QueryPreAttnScalar   *float64          `json:"query_pre_attn_scalar"`
	AttnLogitSoftcapping optional[float64] `json:"attn_logit_softcapping"`
	FinalSoftcapping     optional[float64] `json:"final_logit_softcapping"`
	Bidirectional        json.RawMessage   `json:"use_bidirectional_attention"`

	RopeTheta         *float64        `json:"rope_theta"`
	RopeLocalBaseFreq *float64        `json:"rope_local_base_freq"`
	RopeScaling       json.RawMessage `json:"rope_scaling"`
	RopeParameters    json.RawMessage `json:"rope_parameters"` // transformers 5
	PartialRotary     *float64        `json:"partial_rotary_factor"`

	PadTokenID *int            `json:"pad_token_id"`
	BOSTokenID *int            `json:"bos_token_id"`
	EOSTokenID json.RawMessage `json:"eos_token_id"`

	DType      string `json:"dtype"`
	TorchDType string `json:"torch_dtype"`
}

// optional tells null from absent: both matter to windows and soft-caps.
type optional[T any] struct {
	set   bool
	value *T
}

func (o *optional[T]) UnmarshalJSON(text []byte) error {
	o.set = true
	return json.Unmarshal(text, &o.value)
}

// or is the value, with absent meaning def and null meaning none.
func (o optional[T]) or(def, none T) T {
	switch {
	case !o.set:
		return def
	case o.value == nil:
		return none
	}
	return *o.value
}

// Parse reads the text of a config.json.
func Parse(text []byte) (Config, error) {
	var j config
	if err := json.Unmarshal(text, &j); err != nil {
		return Config{}, jsonError(text, err)
	}
	if len(j.TextConfig) > 0 && string(j.TextConfig) != "null" {
		return parseNested(j)
	}
	return j.config()
}

// parseNested reads the text part of a configuration that also describes other
// parts (Gemma 3 with vision).
func parseNested(outer config) (Config, error) {
	var inner config
	if err := json.Unmarshal(outer.TextConfig, &inner); err != nil {
		return Config{}, fmt.Errorf("text_config: %w", err)
	}
	if inner.ModelType == "" {
		inner.ModelType = outer.ModelType
	}
	if inner.VocabSize == 0 && inner.ModelType == "gemma3_text" {
		inner.VocabSize = 262_208 // the class's default, which Google's files leave out
	}
	if inner.PadTokenID == nil {
		inner.PadTokenID = outer.PadTokenID
	}
	if inner.EOSTokenID == nil {
		inner.EOSTokenID = outer.EOSTokenID
	}
	if inner.BOSTokenID == nil {
		inner.BOSTokenID = outer.BOSTokenID
	}
	if inner.DType+inner.TorchDType == "" {
		inner.DType = outer.DType + outer.TorchDType
	}
	return inner.config()
}

func jsonError(text []byte, err error) error {
	switch e := err.(type) {
	case *json.SyntaxError:
		return fmt.Errorf("line %d: %w", lineAt(text, e.Offset), err)
	case *json.UnmarshalTypeError:
		return fmt.Errorf("line %d: %s is a %s, wanted %s", lineAt(text, e.Offset), e.Field, e.Value, e.Type)
	}
	return err
}

func lineAt(text []byte, offset int64) int {
	return 1 + strings.Count(string(text[:min(int(offset), len(text))]), "\n")
}

func (j config) config() (Config, error) {
	family := j.ModelType
	if family == "gemma3_text" {
		family = "gemma3"
	}
	d, ok := families[family]
	if !ok {
		return Config{}, &UnsupportedError{"architecture", j.name(), Known()}
	}
	c := Config{
		Family: family,
		Vocab:  j.VocabSize, Hidden: j.HiddenSize, Intermediate: j.IntermediateSize,
		Layers: j.NumHiddenLayers, Heads: j.NumAttentionHeads,
		MaxPositions: j.MaxPositionEmbeddings,
		NormEps:      or(j.RMSNormEps, d.eps),
		Tied:         or(j.TieWordEmbeddings, d.tied),
		PadToken:     j.PadTokenID, BOSToken: j.BOSTokenID,
		DType:      j.DType,
		EmbedScale: 1,
	}
	if c.DType == "" {
		c.DType = j.TorchDType
	}
	c.KVHeads = or(j.NumKeyValueHeads, c.Heads)
	c.HeadDim = or(j.HeadDim, d.headDim)
	if c.HeadDim == 0 && c.Heads > 0 {
		c.HeadDim = c.Hidden / c.Heads
	}
	if err := j.fill(&c, d); err != nil {
		return Config{}, err
	}
	return c, c.validate()
}

// name is how the file calls its architecture.
func (j config) name() string {
	if j.ModelType == "" && len(j.Architectures) > 0 {
		return j.Architectures[0]
	}
	return j.ModelType
}

// fill sets what takes more than copying.
func (j config) fill(c *Config, d defaults) error {
	var err error
	if c.Activation, err = j.activation(c.Family); err != nil {
		return err
	}
	if c.EOSTokens, err = j.eosTokens(); err != nil {
		return err
	}
	if j.PartialRotary != nil && *j.PartialRotary != 1 {
		return &UnsupportedError{"partial_rotary_factor", fmt.Sprint(*j.PartialRotary), []string{"1"}}
	}
	if b := string(j.Bidirectional); b != "" && b != "null" && b != "false" {
		return &UnsupportedError{"use_bidirectional_attention", b, []string{"false"}}
	}
	c.bias(j.AttentionBias, j.MLPBias)
	c.shape()
	scalar := float64(c.HeadDim)
	if d.attnQuery > 0 {
		scalar = or(j.QueryPreAttnScalar, float64(d.attnQuery))
	}
	c.AttnScale = 1 / math.Sqrt(scalar)
	if d.attnQuery > 0 {
		c.AttnCap = j.AttnLogitSoftcapping.or(d.softcaps[0], 0)
		c.FinalCap = j.FinalSoftcapping.or(d.softcaps[1], 0)
	}
	if c.Windows, err = j.windows(*c, d); err != nil {
		return err
	}
	c.Rope, c.LocalRope, err = j.ropes(*c, d)
	return err
}

// bias says which projections have one: a matter of the family, and for some of
// the configuration.
func (c *Config) bias(attention, mlp bool) {
	switch c.Family {
	case "llama":
		c.QKVBias, c.OutBias, c.MLPBias = attention, attention, mlp
	case "qwen2":
		c.QKVBias = true
	case "qwen3", "gemma", "gemma2", "gemma3":
		c.QKVBias, c.OutBias = attention, attention
	}
}

// shape sets what follows from the family alone.
func (c *Config) shape() {
	c.QKNorm = c.Family == "qwen3" || c.Family == "gemma3"
	c.PostNorms = c.Family == "gemma2" || c.Family == "gemma3"
	c.EmbedScale = 1
	if strings.HasPrefix(c.Family, "gemma") {
		c.NormOffset = 1
		c.EmbedScale = math.Sqrt(float64(c.Hidden))
	}
}

func (j config) activation(family string) (string, error) {
	act := j.HiddenActivation
	if act == "" {
		act = j.HiddenAct
	}
	gemma := strings.HasPrefix(family, "gemma")
	switch {
	case act == "" && gemma, act == "gelu_pytorch_tanh", act == "gelu_new",
		// Early Gemma files say gelu and mean the tanh form they were trained with.
		act == "gelu" && family == "gemma" && j.HiddenActivation == "":
		return "gelu_tanh", nil
	case act == "", act == "silu", act == "swish":
		return "silu", nil
	case act == "gelu":
		return "gelu", nil
	}
	return "", &UnsupportedError{"activation", act, []string{"gelu", "gelu_new", "gelu_pytorch_tanh", "silu", "swish"}}
}

// eosTokens accepts one id, a list, or null.
func (j config) eosTokens() ([]int, error) {
	if len(j.EOSTokenID) == 0 || string(j.EOSTokenID) == "null" {
		return nil, nil
	}
	var one int
	if json.Unmarshal(j.EOSTokenID, &one) == nil {
		return []int{one}, nil
	}
	var list []int
	if err := json.Unmarshal(j.EOSTokenID, &list); err != nil {
		return nil, fmt.Errorf("eos_token_id is %s; wanted an id or a list of ids", j.EOSTokenID)
	}
	return list, nil
}

// windows says per layer how far back a query sees; 0 is all the way.
func (j config) windows(c Config, d defaults) ([]int, error) {
	windows := make([]int, min(max(c.Layers, 0), maxLayers))
	size := j.SlidingWindow.or(d.window, 0)
	if d.window < 0 || size <= 0 || strings.HasPrefix(c.Family, "qwen") && !j.UseSlidingWindow {
		return windows, nil
	}
	if c.Family != "mistral" && j.LayerTypes != nil {
		return listedWindows(j.LayerTypes, size)
	}
	for i := range windows {
		if j.slides(c.Family, i) {
			windows[i] = size
		}
	}
	return windows, nil
}

// slides is each family's rule for files that do not list layer_types.
func (j config) slides(family string, layer int) bool {
	switch family {
	case "qwen2", "qwen3":
		return layer >= or(j.MaxWindowLayers, 28)
	case "gemma2":
		return layer%2 == 0
	case "gemma3":
		pattern := max(j.SlidingWindowPattern, j.SlidingWindowPattern5)
		if pattern == 0 {
			pattern = 6
		}
		return (layer+1)%pattern != 0
	}
	return true // mistral
}

func listedWindows(types []string, size int) ([]int, error) {
	windows := make([]int, len(types))
	for i, t := range types {
		switch t {
		case "sliding_attention":
			windows[i] = size
		case "full_attention":
		default:
			return nil, &UnsupportedError{"layer type", t, []string{"full_attention", "sliding_attention"}}
		}
	}
	return windows, nil
}

func or[T any](p *T, def T) T {
	if p == nil {
		return def
	}
	return *p
}
