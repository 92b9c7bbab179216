// Package rules holds the values of a recipe against one another: what no single
// value can be wrong about.
package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/compiler/schema"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/source"
)

// Recipe reports what the values of a recipe, whose names are bound, say together
// and cannot mean. A value that was reported is absent, and what depends on it is
// not checked. What follows from others it computes: the mesh's fsdp, and whose
// rows need no labels.
func Recipe(r *recipe.Recipe, errs *diag.List) {
	h := &holder{recipe: r, errs: errs}
	h.meshShape()
	h.outputs()
	for _, f := range r.Fits {
		h.fit(f, "fit."+f.Name)
	}
	for _, l := range r.Labels {
		h.label(l, "label."+l.Name)
	}
	for _, t := range r.Trains() {
		h.schedule(t)
		h.buckets(t)
		h.micro(t)
	}
	h.order()
	h.unlabelled()
}

// A holder has what the rules share.
type holder struct {
	recipe *recipe.Recipe
	errs   *diag.List
}

// meshShape demands fsdp × tensor = devices, and computes an fsdp left out.
func (h *holder) meshShape() {
	m := &h.recipe.Mesh
	if !h.recipe.Has("mesh.devices", "mesh.tensor", "mesh.fsdp") {
		return
	}
	span := h.recipe.Where("mesh.devices", h.recipe.Where("mesh.tensor", h.recipe.Where("mesh.fsdp", source.Span{})))
	switch {
	case m.FSDP == 0 && m.Devices%m.Tensor == 0:
		m.FSDP = m.Devices / m.Tensor
		v := h.recipe.Value("mesh.fsdp")
		v.Go, v.Text, v.Is = strconv.Itoa(m.FSDP), strconv.Itoa(m.FSDP), m.FSDP
	case m.FSDP == 0:
		near := Divisor(m.Devices, m.Tensor)
		h.errs.Addf(diag.MeshShape, h.recipe.Where("mesh.tensor", span), "%d devices cannot be split %d ways", m.Devices, m.Tensor).Help =
			fmt.Sprintf("the nearest that divides %d is tensor = %d", m.Devices, near)
	case m.FSDP*m.Tensor != m.Devices:
		d := h.errs.Addf(diag.MeshShape, span, "fsdp × tensor is %d × %d = %d, not %d devices", m.FSDP, m.Tensor, m.FSDP*m.Tensor, m.Devices)
		if m.Devices%m.Tensor == 0 {
			d.Help = fmt.Sprintf("write fsdp = %d, or leave fsdp out", m.Devices/m.Tensor)
		} else {
			d.Help = fmt.Sprintf("write devices = %d", m.FSDP*m.Tensor)
		}
	}
}

// Divisor returns the divisor of n that is nearest to k, the smaller of two.
func Divisor(n, k int) int {
	best := 1
	for d := 1; d <= min(n, 2*k); d++ {
		if n%d == 0 && max(d-k, k-d) < max(best-k, k-best) {
			best = d
		}
	}
	return best
}

// outputs demands a name for each output of a head or a network that has names.
func (h *holder) outputs() {
	for _, m := range h.recipe.Models {
		path, outputs, labels := "model."+m.Spec.Name+".head", m.Spec.Head.Outputs, m.Spec.Head.Labels
		if m.Spec.Kind == "mlp" {
			path, outputs, labels = "model."+m.Spec.Name, m.Spec.Outputs, m.Spec.Labels
		}
		if n := len(labels); n > 0 && n != outputs && h.recipe.Has(path+".labels", path+".outputs") {
			h.errs.Addf(diag.WrongLength, h.recipe.Where(path+".labels", m.Decl.Name.Span), "labels names %s, and outputs is %d", diag.Count(n, "output"), outputs).Help =
				fmt.Sprintf("name each output once, or write outputs = %d", n)
		}
	}
}

// fit checks what no single value of a fit can.
func (h *holder) fit(f *recipe.Fit, path string) {
	if from := h.recipe.Value(path + ".from"); from != nil && len(f.Attributes()) > 0 && !slices.Contains(f.Attributes(), f.Spec.From) {
		e := h.errs.Addf(diag.UnknownAttribute, from.Span, "%s has no attribute %q", f.Chain[0].Name, f.Spec.From)
		e.Notes = h.recipe.Note(f.Chain[0].Data.Path()+".attributes", "its attributes")
		e.Help = schema.DidYouMean(f.Spec.From, f.Attributes(), "attributes")
	}
	h.ascending(path+".penalties", "penalties", f.Spec.Penalties, f.Spec.Method == "grid")
	h.ascending(path+".alphas", "alphas", f.Spec.Alphas, f.Spec.Kind == "ridge")
}

// ascending demands that what is tried is listed from the smallest on, so that
// the first that will do is the smallest.
func (h *holder) ascending(path, name string, list []float64, tried bool) {
	v := h.recipe.Value(path)
	if v == nil || !tried || slices.IsSorted(list) {
		return
	}
	text := make([]string, len(list))
	for i, x := range slices.Sorted(slices.Values(list)) {
		text[i] = strconv.FormatFloat(x, 'g', -1, 64)
	}
	h.errs.Addf(diag.NotAscending, v.Span, "%s must ascend", name).Help = "write " + name + " = [" + strings.Join(text, ", ") + "]"
}

// schedule holds length and warm-up together.
func (h *holder) schedule(t *recipe.Train) {
	path := "train." + t.Name
	if !h.recipe.Has(path+".steps", path+".epochs", path+".schedule") {
		return
	}
	steps, epochs := h.recipe.Value(path+".steps"), h.recipe.Value(path+".epochs")
	if t.Spec.Steps > 0 && epochs.Origin != recipe.Default && epochs.Origin != recipe.Set && steps.Origin != recipe.Set {
		d := h.errs.Addf(diag.StepsAndEpochs, steps.Span, "steps and epochs both say how long to train")
		d.Notes = []diag.Note{{Span: epochs.Span, Message: "epochs is set here"}}
		d.Help = "keep one of the two"
	}
	warmup := t.Spec.Schedule.Warmup
	if t.Spec.Steps > 0 && warmup >= 1 && int(warmup) >= t.Spec.Steps {
		h.errs.Addf(diag.WarmupTooLong, h.recipe.Where(path+".schedule.warmup", steps.Span),
			"warm-up of %d steps leaves nothing of %d", int(warmup), t.Spec.Steps).Help = "write warmup = 3%"
	}
}

// buckets demands ascending padded lengths that reach the data's max_length.
func (h *holder) buckets(t *recipe.Train) {
	b := t.Spec.Buckets
	if len(b) == 0 || t.Data == nil || t.Data.Spec.MaxLength == 0 || !h.recipe.Has("train."+t.Name+".buckets") {
		return
	}
	span := h.recipe.Where("train."+t.Name+".buckets", t.Decl.Name.Span)
	longest := t.Data.Spec.MaxLength
	switch {
	case !slices.IsSorted(b):
		sorted := slices.Sorted(slices.Values(b))
		h.errs.Addf(diag.BadBuckets, span, "buckets must ascend").Help = fmt.Sprintf("write %s", listOf(sorted))
	case b[len(b)-1] < longest:
		d := h.errs.Addf(diag.BadBuckets, span, "buckets end at %d tokens, and %s has up to %d", b[len(b)-1], t.Data.Spec.Name, longest)
		d.Notes = h.recipe.Note("data."+t.Data.Spec.Name+".max_length", "max_length of "+t.Data.Spec.Name)
		d.Help = fmt.Sprintf("write %s", listOf(append(slices.Clone(b), longest)))
	}
}

// listOf prints numbers as a recipe's list.
func listOf(numbers []int) string {
	text := "["
	for i, n := range numbers {
		if i > 0 {
			text += ", "
		}
		text += strconv.Itoa(n)
	}
	return text + "]"
}

// micro holds a forward's examples against the batch and the mesh.
func (h *holder) micro(t *recipe.Train) {
	m, ways := t.Spec.Micro, h.recipe.Mesh.FSDP
	path := "train." + t.Name
	span := h.recipe.Where(path+".micro", t.Decl.Name.Span)
	switch {
	case m == 0 || t.Spec.Batch == 0:
	case m > t.Spec.Batch:
		d := h.errs.Addf(diag.BadMicro, span, "micro of %d is more than a batch of %d", m, t.Spec.Batch)
		d.Notes = h.recipe.Note(path+".batch", "batch")
		d.Help = "leave micro out, or make batch larger"
	case ways > 0 && m%ways != 0:
		d := h.errs.Addf(diag.BadMicro, span, "micro of %d cannot be split over %d devices (fsdp)", m, ways)
		d.Help = fmt.Sprintf("write micro = %d pairs, the next multiple", (m+ways-1)/ways*ways)
	}
}

// order warns of a model that is read before it is trained, or that is not
// trained at all although its numbers are random at first.
func (h *holder) order() {
	if slices.ContainsFunc(h.recipe.Trains(), func(t *recipe.Train) bool { return t.Model == nil }) {
		return // reported, and any may have been meant
	}
	trained := map[*recipe.Model]bool{}
	for _, s := range h.recipe.Stages {
		switch s := s.(type) {
		case *recipe.Train:
			for _, m := range s.Reads.Models {
				h.untrained(s.Decl.Name, m, "read", trained)
			}
			trained[s.Model] = true
		case *recipe.Label:
			if s.Scorer != nil {
				h.untrained(s.Decl.Name, s.Scorer, "asked", trained)
			}
		case *recipe.Evaluate:
			if s.Model != nil && len(h.recipe.Trains())+len(h.recipe.Fits) > 0 {
				h.untrained(s.Decl.Name, s.Model, "evaluated", trained)
			}
		}
	}
}

// untrained warns of the use of a model whose numbers are random so far.
func (h *holder) untrained(at *ast.Ident, m *recipe.Model, how string, trained map[*recipe.Model]bool) {
	if trained[m] || m.Spec.Kind == "encoder" || m.Spec.Kind == "policy" || m.Spec.Head.Init == "keep" {
		return
	}
	d := h.errs.Addf(diag.Untrained, at.Span, "%s is %s before it is trained", m.Spec.Name, how)
	d.Severity = diag.Warning
	what := map[string]string{"read": "stage", "evaluated": "evaluation", "asked": "label"}[how]
	d.Help = "move the " + what + " after train " + m.Spec.Name
}
