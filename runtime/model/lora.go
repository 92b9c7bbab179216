package model

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes/bfloat16"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/arch"
	"github.com/rmc-lang/rmc/runtime/safetensors"
)

// A LoRA adds scale * B·A to projections (Hu et al. 2021). A is
// <module>.lora_A.weight [rank, in], B is <module>.lora_B.weight [out, rank].
type LoRA struct {
	Rank  int
	Alpha float64
	On    []string // short names of projections: q_proj
}

// Scale is what the product B·A is multiplied by.
func (l *LoRA) Scale() float64 { return l.Alpha / float64(l.Rank) }

// add is y plus the adapter of a projection applied to x [n, in]. The adapter
// is computed in x's type, whatever the type of its parameters.
func (l *LoRA) add(p Params, module string, x, y *Node) *Node {
	if l == nil || !slices.Contains(l.On, short(module)) {
		return y
	}
	a, b := p(module+loraA), p(module+loraB)
	low := times(x, ConvertDType(a, x.DType()))
	return Add(y, MulScalar(times(low, ConvertDType(b, x.DType())), l.Scale()))
}

const (
	loraA = ".lora_A.weight"
	loraB = ".lora_B.weight"
)

func short(module string) string { return module[strings.LastIndexByte(module, '.')+1:] }

// Parameters lists the adapter's tensors for the projections of the first so
// many layers of c; -1 is all.
func (l *LoRA) Parameters(c arch.Config, layers int) []arch.Param {
	var all []arch.Param
	for _, m := range c.Linear() {
		if !slices.Contains(l.On, m.Short) || layers >= 0 && m.Layer >= layers {
			continue
		}
		all = append(all,
			arch.Param{Name: m.Module + loraA, Shape: []int{l.Rank, m.In}, Matrix: true, Layer: m.Layer},
			arch.Param{Name: m.Module + loraB, Shape: []int{m.Out, l.Rank}, Matrix: true, Layer: m.Layer})
	}
	return all
}

func isA(name string) bool { return strings.HasSuffix(name, loraA) }

// Merge adds an adapter to the matrices of weights, in place, in float32:
// afterwards the decoder computes without it what it computed with it.
func (l *LoRA) Merge(c arch.Config, weights, adapter Weights) error {
	for _, m := range c.Linear() {
		a, ok := adapter[m.Module+loraA]
		if !ok {
			continue
		}
		b, w := adapter[m.Module+loraB], weights[m.Module+".weight"]
		if b == nil || w == nil {
			return fmt.Errorf("adapter of %s: its lora_B or the weight it belongs to is missing", m.Module)
		}
		if err := l.merge(w, a, b); err != nil {
			return fmt.Errorf("adapter of %s: %w", m.Module, err)
		}
	}
	return nil
}

// merge is w [out, in] += scale * b [out, rank] · a [rank, in].
func (l *LoRA) merge(w, a, b *tensors.Tensor) error {
	af, err := tensors.CopyFlatData[float32](a)
	if err != nil {
		return err
	}
	bf, err := tensors.CopyFlatData[float32](b)
	if err != nil {
		return err
	}
	in := w.Shape().Dimensions[1]
	scale := float32(l.Scale())
	sum := make([]float32, in)
	row := func(o int) []float32 {
		clear(sum)
		for r := range l.Rank {
			x := scale * bf[o*l.Rank+r]
			for i, y := range af[r*in : (r+1)*in] {
				sum[i] += x * y
			}
		}
		return sum
	}
	return w.MutableFlatData(func(flat any) {
		switch flat := flat.(type) {
		case []float32:
			for o := range len(flat) / in {
				for i, x := range row(o) {
					flat[o*in+i] += x
				}
			}
		case []bfloat16.BFloat16:
			for o := range len(flat) / in {
				for i, x := range row(o) {
					flat[o*in+i] = bfloat16.FromFloat32(flat[o*in+i].Float32() + x)
				}
			}
		}
	})
}

// WriteAdapter writes a folder that PEFT's PeftModel.from_pretrained loads: the
// adapter and, as modules_to_save, the score head where there is one; else it is of
// a language model. layers is how many layers the
// adapter is on; -1 is all. base is what adapter_config.json names as the model
// the adapter belongs to.
func (l *LoRA) WriteAdapter(folder, base string, layers int, adapter Weights) error {
	var all []Named
	for _, n := range adapter.Sorted() {
		if !IsScalar(n.Name) {
			all = append(all, Named{"base_model.model." + n.Name, n.Tensor})
		}
	}
	if _, err := safetensors.Write(filepath.Join(folder, "adapter_model.safetensors"), stored(all), map[string]string{"format": "pt"}); err != nil {
		return err
	}
	_, classifies := adapter[arch.ScoreWeight]
	text, err := json.MarshalIndent(l.peft(base, layers, classifies), "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "adapter_config.json"), append(text, '\n'), 0o644)
}

// peft is PEFT's LoraConfig.
func (l *LoRA) peft(base string, layers int, classifies bool) map[string]any {
	m := map[string]any{
		"peft_type": "LORA", "task_type": "SEQ_CLS", "base_model_name_or_path": base,
		"r": l.Rank, "lora_alpha": l.Alpha, "lora_dropout": 0.0, "bias": "none",
		"target_modules": l.On, "modules_to_save": []string{"score"},
		"fan_in_fan_out": false, "inference_mode": true, "init_lora_weights": true,
	}
	if !classifies {
		m["task_type"] = "CAUSAL_LM"
		delete(m, "modules_to_save")
	}
	if layers >= 0 {
		on := make([]int, layers)
		for i := range on {
			on[i] = i
		}
		m["layers_to_transform"], m["layers_pattern"] = on, "layers"
	}
	return m
}
