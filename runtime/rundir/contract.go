package rundir

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/lock"
	"github.com/rmc-lang/rmc/runtime/source"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// A Contract is everything that, with the weights, decides a score. Two programs
// that score with equal contracts and weights give equal scores; other trainers
// lose up to 6 points of accuracy where theirs differ. Its hash
// is stored in run.json, in the checkpoint's model and in the export.
type Contract struct {
	Base       string `json:"base"`        // source of the weights, as in the recipe
	BaseSHA256 string `json:"base_sha256"` // from the lock; empty when nothing was locked
	Tokenizer  string `json:"tokenizer"`   // fingerprint; empty for data of token ids
	Template   string `json:"template"`    // sha256 of the chat template's text; empty without one
	BOS        string `json:"bos"`         // text of the token, "" without one; exactly one is in front
	EOS        string `json:"eos"`
	MaxLength  int    `json:"max_length"`         // tokens
	OverLength string `json:"over_length"`        // what happens beyond
	DType      string `json:"dtype"`              // of the backbone; the head is float32
	Head       string `json:"head"`               // kind, outputs, bias, token and layer read; of an encoder the token and layer
	Labels     string `json:"labels,omitempty"`   // of conversations with labels: where they stand, and the token of each
	Networks   string `json:"networks,omitempty"` // over an encoder: their shapes
	Fits       string `json:"fits,omitempty"`     // digest of each fit that may be read
	Reward     string `json:"reward,omitempty"`   // name of the reward, and its formula as the recipe has it
	Normalizer string `json:"normalizer"`         // none
	Hash       string `json:"hash"`               // sha256 over the fields above
}

// NewContract fills what the recipe says; the caller adds what its lock and the
// tokenizer say and then seals it.
func NewContract(m spec.Model, d spec.Data) Contract {
	h := m.Head
	c := Contract{
		Base: m.Base, MaxLength: d.MaxLength, OverLength: d.OverLength, DType: m.DType,
		Head:       fmt.Sprintf("%s outputs=%d bias=%t read=%s layer=%d", h.Kind, h.Outputs, h.Bias, h.Read, h.Layer),
		Normalizer: "none",
	}
	switch m.Kind {
	case "encoder":
		c.Head = fmt.Sprintf("read=%s layer=%d", m.Read, m.Layer)
	case "policy":
		c.Head = fmt.Sprintf("language layer=%d", m.Layer)
	}
	return c
}

// NetworkText says what decides the outputs of a network besides its weights.
func NetworkText(m spec.Model) string {
	return fmt.Sprintf("%s: input=%s hidden=%v activation=%s bias=%t outputs=%d", m.Name, m.Input, m.Hidden, m.Activation, m.Bias, m.Outputs)
}

// Seal computes the hash.
func (c Contract) Seal() Contract {
	c.Hash = ""
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	c.Hash = disk.Digest(string(text))
	return c
}

// Check compares the contract under which weights were trained with the one at
// hand. The error names every field that differs.
func (c Contract) Check(now Contract) error {
	if c.Hash == now.Hash {
		return nil
	}
	var parts []string
	then, at := reflect.ValueOf(c), reflect.ValueOf(now)
	for i := range then.NumField() {
		name, _, _ := strings.Cut(then.Type().Field(i).Tag.Get("json"), ",")
		if a, b := then.Field(i).Interface(), at.Field(i).Interface(); a != b && name != "hash" {
			parts = append(parts, fmt.Sprintf("%s was %v in training and is %v now", name, quoted(a), quoted(b)))
		}
	}
	return fmt.Errorf("the scoring contract does not match, so scores would not mean what they did: %s", strings.Join(parts, "; "))
}

func quoted(x any) string {
	if s, ok := x.(string); ok {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprint(x)
}

// BaseDigest is one digest of the files that a lock pins for a model's base:
// the file's own where it is one; "" without a lock.
func BaseDigest(text, base string) (string, error) {
	locked, err := lock.Read(text)
	if err != nil {
		return "", err
	}
	ref, err := source.Parse(base)
	if err != nil {
		return "", err
	}
	files := locked.Of("model", ref.Pinned(locked, "model").String())
	if len(files) == 1 {
		return files[0].SHA256, nil
	}
	var all strings.Builder
	for _, f := range files {
		fmt.Fprintf(&all, "%s %s\n", f.SHA256, f.Name)
	}
	if len(files) == 0 {
		return "", nil
	}
	return disk.Digest(all.String()), nil
}
