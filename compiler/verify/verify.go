// Package verify holds a compiled recipe against the world: tokenizer, config,
// template, data, devices and lock, as facts tell them. What facts do not tell
// is not checked.
package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/compiler/facts"
	"github.com/rmc-lang/rmc/compiler/plan"
	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/compiler/rules"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/source"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// Recipe returns what is wrong with a recipe in the world that f describes. p
// is its plan; nil for a recipe with errors, whose estimates are not checked.
func Recipe(r *recipe.Recipe, p *plan.Plan, f *facts.Facts) diag.List {
	v := &verifier{recipe: r, facts: f}
	v.missing()
	for _, m := range r.Models {
		v.model(m)
	}
	uses := r.Uses()
	for _, u := range uses {
		if l := u.Data.Label; l == nil || !slices.Contains(uses, recipe.Use{Model: u.Model, Data: l.Base}) {
			v.pair(u.Model, u.Data)
		}
	}
	v.parts(uses)
	for _, l := range r.Labels {
		v.answers(l)
	}
	for _, s := range r.Stages {
		v.stage(s)
	}
	if p != nil {
		v.memory(p)
	}
	v.lock()
	return v.errs.Sorted()
}

// A verifier holds what its checks share.
type verifier struct {
	recipe *recipe.Recipe
	facts  *facts.Facts
	errs   diag.List
}

// at returns the place where the recipe sets a value, else otherwise.
func (v *verifier) at(path string, otherwise source.Span) source.Span {
	return v.recipe.Where(path, otherwise)
}

// note points at a value that the recipe sets.
func (v *verifier) note(path, format string, args ...any) diag.Note {
	return diag.Note{Span: v.at(path, source.Span{}), Message: fmt.Sprintf(format, args...)}
}

// warn adds a warning.
func (v *verifier) warn(code diag.Code, span source.Span, format string, args ...any) *diag.Diagnostic {
	d := v.errs.Addf(code, span, format, args...)
	d.Severity = diag.Warning
	return d
}

// missing reports sources that could not be opened.
func (v *verifier) missing() {
	for _, m := range v.facts.Missing {
		value := v.recipe.Value(m.Path)
		if value == nil {
			panic("verify: facts miss a source that no value names: " + m.Path)
		}
		v.errs.Addf(diag.SourceMissing, value.Span, "%v cannot be had: %s", value.Is, m.Reason).Help = m.Help
	}
}

// model checks what the config of a model says.
func (v *verifier) model(m *recipe.Model) {
	f, ok := v.facts.Models[m.Spec.Name]
	if !ok {
		return
	}
	base := v.at("model."+m.Spec.Name+".base", m.Decl.Name.Span)
	if !f.Supported {
		v.errs.Addf(diag.UnsupportedArchitecture, base, "architecture %s is not supported", f.Architecture).Help =
			"supported: " + strings.Join(f.Known, ", ")
		return
	}
	if m.Spec.Kind == "reward" {
		v.head(m, f, base)
	}
	v.layer(m, f)
	v.shard(m, f)
}

// head demands that a head which the base has is kept or replaced in so many
// words.
func (v *verifier) head(m *recipe.Model, f facts.Model, base source.Span) {
	path := "model." + m.Spec.Name + ".head.init"
	init := v.recipe.Value(path)
	switch {
	case init == nil:
	case f.HasScoreHead && init.Origin == recipe.Default:
		d := v.errs.Addf(diag.HeadDiscarded, base, "the base has a trained head, which would be thrown away")
		d.Notes = []diag.Note{{Message: "it has score.weight, and init is normal by default"}}
		d.Help = "write head = linear { init = keep }, or init = normal to start anew"
	case !f.HasScoreHead && m.Spec.Head.Init == "keep":
		v.errs.Addf(diag.HeadMissing, init.Span, "the base has no head to keep").Help = "leave init out, or write init = normal"
	}
}

// layer demands that the layer which is read exists.
func (v *verifier) layer(m *recipe.Model, f facts.Model) {
	path := "model." + m.Spec.Name + ".layer"
	if m.Spec.Kind == "reward" {
		path = "model." + m.Spec.Name + ".head.layer"
	}
	if n := m.Spec.Depth(); n > f.Layers {
		v.errs.Addf(diag.NoSuchLayer, v.at(path, m.Decl.Name.Span), "layer %d is read, and the model has %d layers", n, f.Layers).Help =
			fmt.Sprintf("write layer = %d, or -1 for all and the final norm", f.Layers)
	}
}

// shard holds the mesh against the shapes of the parameters.
func (v *verifier) shard(m *recipe.Model, f facts.Model) {
	for _, s := range m.Spec.Shard {
		v.pattern(m, f, s.Pattern)
	}
	for _, p := range f.Params {
		if axes, ok := m.Spec.Placed(p.Name); ok {
			if !v.placed(m, p, axes) {
				return // one layer tells for all
			}
		}
	}
	v.uneven(m, f)
}

// pattern demands that a pattern of shard matches something.
func (v *verifier) pattern(m *recipe.Model, f facts.Model, pattern string) {
	only := m.Spec
	only.Shard = slices.DeleteFunc(slices.Clone(m.Spec.Shard), func(s spec.Shard) bool { return s.Pattern != pattern })
	for i := range only.Shard {
		only.Shard[i].Axes = []string{"none"} // auto would not count as placed
	}
	for _, p := range f.Params {
		if _, ok := only.Placed(p.Name); ok {
			return
		}
	}
	if len(f.Params) == 0 {
		return
	}
	span := v.at("shard."+m.Spec.Name+"."+pattern, m.Decl.Name.Span)
	v.errs.Addf(diag.ShardsNothing, span, "no parameter is called %s", pattern).Help =
		"names are like " + strings.TrimSuffix(f.Params[len(f.Params)/2].Name, ".weight") + "; * stands for any part"
}

// placed demands that the axes of a shard fit the shape of a parameter.
func (v *verifier) placed(m *recipe.Model, p facts.Param, axes []string) bool {
	span := v.shardSpan(m, p.Name)
	if len(axes) != len(p.Shape) {
		v.errs.Addf(diag.MeshDivides, span, "%d axes for %s, which has %d dimensions", len(axes), p.Name, len(p.Shape)).Help =
			fmt.Sprintf("%s is %v", p.Name, p.Shape)
		return false
	}
	ways := map[string]int{"fsdp": v.recipe.Mesh.FSDP, "tensor": v.recipe.Mesh.Tensor}
	for i, axis := range axes {
		if n := ways[axis]; n > 1 && p.Shape[i]%n != 0 {
			d := v.errs.Addf(diag.MeshDivides, span, "%s = %d does not divide %d, dimension %d of %s", axis, n, p.Shape[i], i+1, p.Name)
			d.Notes = []diag.Note{v.note("mesh."+axis, "%s is %d", axis, n)}
			d.Help = fmt.Sprintf("the nearest that does is %s = %d", axis, rules.Divisor(p.Shape[i], n))
			return false
		}
	}
	return true
}

// shardSpan is the place of the pattern that decides about a parameter.
func (v *verifier) shardSpan(m *recipe.Model, parameter string) source.Span {
	for _, s := range m.Spec.Shard {
		only := m.Spec
		only.Shard = []spec.Shard{s}
		if _, ok := only.Placed(parameter); ok {
			return v.at("shard."+m.Spec.Name+"."+s.Pattern, m.Decl.Name.Span)
		}
	}
	return m.Decl.Name.Span
}

// uneven warns of parameters that the policy would split and cannot: each
// device then holds all of them.
func (v *verifier) uneven(m *recipe.Model, f facts.Model) {
	ways := map[string]int{"fsdp": v.recipe.Mesh.FSDP, "tensor": v.recipe.Mesh.Tensor}
	for _, axis := range []string{"fsdp", "tensor"} {
		i := slices.IndexFunc(f.Params, func(p facts.Param) bool {
			_, said := m.Spec.Placed(p.Name)
			return !said && slices.Contains(p.Uneven, axis)
		})
		if i < 0 {
			continue
		}
		p := f.Params[i]
		near := 1
		for _, d := range p.Shape {
			if d%ways[axis] != 0 {
				near = max(near, rules.Divisor(d, ways[axis]))
			}
		}
		span := v.at("mesh."+axis, v.at("mesh.devices", m.Decl.Name.Span))
		d := v.warn(diag.MeshUneven, span, "%s = %d does not divide %s, so every device holds it whole", axis, ways[axis], p.Name)
		d.Notes = []diag.Note{{Message: fmt.Sprintf("it is %v", p.Shape)}}
		d.Help = fmt.Sprintf("the nearest that divides it is %s = %d", axis, near)
	}
}

// memory demands that each stage fits the memory that the mesh states.
func (v *verifier) memory(p *plan.Plan) {
	for _, s := range p.Estimate(v.facts).Stages {
		if s.Memory == nil || s.Memory.Stated == 0 || s.Memory.Total <= s.Memory.Stated {
			continue
		}
		span := v.at("mesh.memory", source.Span{})
		d := v.errs.Addf(diag.DeviceMemory, span, "%s needs about %s a device, and a device has %s",
			s.Name, gib(s.Memory.Total), gib(s.Memory.Stated))
		d.Notes = []diag.Note{{Message: fmt.Sprintf("weights %s, gradients %s, moments %s, activations about %s",
			gib(s.Memory.Weights), gib(s.Memory.Gradients), gib(s.Memory.Moments), gib(s.Memory.Activations))}}
		if s.Memory.Activations > s.Memory.Total/2 {
			d.Help = "make micro smaller, or write checkpoint = true in tune"
		} else {
			d.Help = "write tune = lora, or use more devices"
		}
	}
}

// gib prints bytes.
func gib(bytes int64) string { return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30)) }
