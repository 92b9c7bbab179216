// Package arch describes decoders: config.json or the header of a GGUF file
// becomes one Config, which knows its parameters, their shapes and how they are
// split over devices. It reads headers only, never weights, and knows no tensor library.
package arch

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Config describes one decoder. Every family is a point in this space: the
// code that builds the graph asks for values, never for the family's name.
type Config struct {
	// Family is llama, mistral, qwen2, qwen3, gemma, gemma2 or gemma3.
	// It matters to names in files, not to the arithmetic.
	Family string

	Vocab        int // rows of the embedding table
	Hidden       int // width of the residual stream
	Intermediate int // width inside the feed-forward block
	Layers       int
	Heads        int // query heads
	KVHeads      int // key and value heads; divides Heads
	HeadDim      int // width of one head; Heads*HeadDim need not be Hidden
	MaxPositions int // tokens the model was made for

	Activation string  // silu | gelu_tanh | gelu
	NormEps    float64 // added to the mean square in every norm
	NormOffset float64 // norms multiply by NormOffset + weight: 1 for Gemma, else 0
	PostNorms  bool    // also normalise what each block adds (Gemma 2 and 3)
	QKNorm     bool    // normalise each head's query and key before rotation (Qwen3, Gemma 3)
	QKVBias    bool    // q_proj, k_proj and v_proj have a bias
	OutBias    bool    // o_proj has a bias
	MLPBias    bool    // gate_proj, up_proj and down_proj have a bias
	EmbedScale float64 // embeddings are multiplied by it: sqrt(Hidden) for Gemma, else 1
	AttnScale  float64 // query·key is multiplied by it, usually 1/sqrt(HeadDim)
	AttnCap    float64 // query·key becomes cap*tanh(x/cap); 0 is no cap
	FinalCap   float64 // the same for language-model logits; scores have none

	// Windows has one entry a layer: a query sees keys less than that many
	// positions back; 0 sees all.
	Windows []int
	// Rope rotates layers without a window; LocalRope those with one. They
	// differ in Gemma 3 only.
	Rope, LocalRope Rope

	Tied bool // the language-model head is the embedding table

	// Token ids that the config names; nil is unknown, which is not 0.
	PadToken, BOSToken *int
	EOSTokens          []int

	// Score is the shape [outputs, hidden] of the score.weight that the source
	// carries; nil when it has none. ScoreBias says whether score.bias is there too.
	Score     []int
	ScoreBias bool

	// DType is the type the source's weights are stored in, as config.json
	// says it ("float32", "bfloat16", "float16"), or "" when unknown or quantised.
	DType string
}

// HasScore reports whether the source carries a head of its own, which is what
// init = keep needs.
func (c Config) HasScore() bool { return c.Score != nil }

// LayerRope is the rotation of one layer (0-based).
func (c Config) LayerRope(layer int) Rope {
	if c.Windows[layer] > 0 {
		return c.LocalRope
	}
	return c.Rope
}

// Shallow is the decoder of c's first so many layers: what head.layer reads, as
// a model of its own.
func (c Config) Shallow(layers int) Config {
	c.Layers, c.Windows = layers, c.Windows[:layers]
	return c
}

// A Rope is how positions become rotations.
type Rope struct {
	Type   string  // default | linear | llama3
	Theta  float64 // base of the wavelengths
	Factor float64 // linear, llama3: how much longer than Original

	// llama3 only: wavelengths below Original/HighFreq stay, above
	// Original/LowFreq are stretched by Factor, between them blend.
	LowFreq, HighFreq float64
	Original          int // positions before stretching
}

// Frequencies are the radians per position of each of the dim/2 rotations.
// Source: Su et al. 2021 (RoPE); the llama3 blend is that of Llama 3.1.
func (r Rope) Frequencies(dim int) []float64 {
	f := make([]float64, dim/2)
	for i := range f {
		// transformers computes the exponent and the power in float32; doing the
		// same keeps long positions within its rounding.
		exponent := float32(2*i) / float32(dim)
		f[i] = float64(1 / float32(math.Pow(r.Theta, float64(exponent))))
		f[i] = r.stretch(f[i])
	}
	return f
}

func (r Rope) stretch(f float64) float64 {
	switch r.Type {
	case "linear":
		return f / r.Factor
	case "llama3":
		wavelength := 2 * math.Pi / f
		original := float64(r.Original)
		switch {
		case wavelength < original/r.HighFreq:
			return f
		case wavelength > original/r.LowFreq:
			return f / r.Factor
		}
		smooth := (original/wavelength - r.LowFreq) / (r.HighFreq - r.LowFreq)
		return (1-smooth)*f/r.Factor + smooth*f
	}
	return f
}

// An UnsupportedError is a model that this runtime cannot compute.
type UnsupportedError struct {
	What  string // architecture | rope_type | activation
	Name  string // as the file says it
	Known []string
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("%s %q is not supported; supported: %s", e.What, e.Name, strings.Join(e.Known, ", "))
}

// Load describes the model at path: a folder with a config.json (and, if there
// are weights, what they say about a score head), or a .gguf file.
func Load(path string) (Config, error) {
	stat, err := os.Stat(path)
	if err != nil {
		return Config{}, err
	}
	if !stat.IsDir() {
		return loadGGUF(path)
	}
	text, err := os.ReadFile(filepath.Join(path, "config.json"))
	if err != nil {
		return Config{}, fmt.Errorf("%w (a model folder needs its config.json)", err)
	}
	c, err := Parse(text)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", filepath.Join(path, "config.json"), err)
	}
	tensors, err := Tensors(path)
	if err != nil {
		return Config{}, err
	}
	c.noteScore(tensors)
	return c, nil
}

// noteScore records the head that the weights carry.
func (c *Config) noteScore(tensors []Tensor) {
	for _, t := range tensors {
		switch t.Name {
		case ScoreWeight:
			c.Score = slices.Clone(t.Shape)
		case ScoreBias:
			c.ScoreBias = true
		}
	}
}

// maxLayers keeps a damaged file from asking for all memory.
const maxLayers = 10_000

// validate checks what every family needs before anything is built from it.
func (c *Config) validate() error {
	for _, n := range []struct {
		name  string
		value int
	}{
		{"vocab_size", c.Vocab}, {"hidden_size", c.Hidden}, {"intermediate_size", c.Intermediate},
		{"num_hidden_layers", c.Layers}, {"num_attention_heads", c.Heads},
		{"num_key_value_heads", c.KVHeads}, {"head_dim", c.HeadDim},
	} {
		if n.value <= 0 {
			return fmt.Errorf("%s is %d; it must be positive", n.name, n.value)
		}
	}
	if c.Layers > maxLayers {
		return fmt.Errorf("num_hidden_layers is %d; more than %d are not believed", c.Layers, maxLayers)
	}
	if c.Heads%c.KVHeads != 0 {
		return fmt.Errorf("num_attention_heads %d is not a multiple of num_key_value_heads %d", c.Heads, c.KVHeads)
	}
	if c.HeadDim%2 != 0 {
		return fmt.Errorf("head_dim %d is odd; rotation needs pairs", c.HeadDim)
	}
	if len(c.Windows) != c.Layers {
		return fmt.Errorf("layer_types has %d entries for %d layers", len(c.Windows), c.Layers)
	}
	return nil
}
