package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/arch"
)

// A Named is an array in host memory under its Hugging Face name.
type Named struct {
	Name   string
	Tensor *tensors.Tensor
}

// A Weights holds arrays in host memory by name.
type Weights map[string]*tensors.Tensor

// Sorted lists the arrays by name.
func (w Weights) Sorted() []Named {
	all := make([]Named, 0, len(w))
	for _, name := range slices.Sorted(maps.Keys(w)) {
		all = append(all, Named{name, w[name]})
	}
	return all
}

// Options are what Load should bring besides the decoder.
type Options struct {
	DType  dtypes.DType // Float32 or BFloat16 of the result; the head is float32 in either case
	Layers int          // load only what Hidden needs for so many layers; -1 is all
	LMHead bool         // also lm_head.weight, unless it is tied
	Score  bool         // also score.weight, and score.bias if it is there
}

// Load reads the weights of the model at path, a folder of safetensors files or
// a .gguf file, one array at a time. It fails, naming all of them, when tensors
// are missing, have another shape than c says, or belong to no part of c.
func Load(path string, c arch.Config, o Options) (Weights, error) {
	stored, err := arch.Tensors(path)
	if err != nil {
		return nil, err
	}
	wanted, err := match(path, c, o, stored)
	if err != nil {
		return nil, err
	}
	files := map[string]*source{}
	defer func() {
		for _, s := range files {
			s.close()
		}
	}()
	weights := Weights{}
	for _, t := range wanted {
		s := files[t.File]
		if s == nil {
			if s, err = open(t.File); err != nil {
				return nil, err
			}
			files[t.File] = s
		}
		dtype := o.DType
		if t.Name == arch.ScoreWeight || t.Name == arch.ScoreBias {
			dtype = dtypes.Float32
		}
		if weights[t.Name], err = s.read(t, c, dtype); err != nil {
			return nil, fmt.Errorf("%s: tensor %s: %w", t.File, t.Stored, err)
		}
	}
	return weights, nil
}

// match picks the stored tensors that are wanted, in the order of the files.
func match(path string, c arch.Config, o Options, stored []arch.Tensor) ([]arch.Tensor, error) {
	want := map[string][]int{}
	for _, p := range c.ParametersTo(o.Layers) {
		want[p.Name] = p.Shape
	}
	if o.LMHead && !c.Tied {
		want[arch.LMHead] = []int{c.Vocab, c.Hidden}
	}
	if o.Score {
		if !c.HasScore() {
			return nil, fmt.Errorf("%s has no score.weight", path)
		}
		for _, p := range c.ScoreParameters(c.Score[0], c.ScoreBias) {
			want[p.Name] = p.Shape
		}
	}
	known := map[string]bool{}
	for _, p := range c.Parameters() {
		known[p.Name] = true
	}
	var picked []arch.Tensor
	var extra, shaped []string
	for _, t := range stored {
		shape, wanted := want[t.Name]
		switch {
		case wanted && slices.Equal(shape, t.Shape):
			picked = append(picked, t)
		case wanted:
			shaped = append(shaped, fmt.Sprintf("%s is %v, not %v", t.Name, t.Shape, shape))
		case !known[t.Name] && !expendable(t.Name):
			extra = append(extra, t.Name)
		}
		delete(want, t.Name)
	}
	missing := slices.Sorted(maps.Keys(want))
	if len(missing)+len(extra)+len(shaped) == 0 {
		return picked, nil
	}
	return nil, &MismatchError{path, c.Family, missing, extra, shaped}
}

// expendable are tensors that are no part of the decoder and may be left out:
// heads, constants that some files store, and the vision half of Gemma 3.
func expendable(name string) bool {
	if name == arch.LMHead || name == arch.ScoreWeight || name == arch.ScoreBias || name == "rope_freqs.weight" {
		return true
	}
	return strings.HasSuffix(name, ".rotary_emb.inv_freq") ||
		strings.Contains(name, "vision_tower.") || strings.Contains(name, "multi_modal_projector.")
}

// A MismatchError is weights that do not fit the configuration beside them.
type MismatchError struct {
	Path, Family           string
	Missing, Extra, Shaped []string // names; of Shaped with both shapes
}

func (e *MismatchError) Error() string {
	var parts []string
	for _, p := range []struct {
		what string
		list []string
	}{{"missing", e.Missing}, {"unknown", e.Extra}, {"misshapen", e.Shaped}} {
		if len(p.list) > 0 {
			parts = append(parts, p.what+": "+strings.Join(p.list, ", "))
		}
	}
	return fmt.Sprintf("%s: the weights are not those of the %s model that its config describes; %s", e.Path, e.Family, strings.Join(parts, "; "))
}
