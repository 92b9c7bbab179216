package resolve

import (
	"fmt"
	"slices"

	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/source"
)

// semantics checks what no single value can. A value that was reported is
// absent, and what depends on it is not checked.
func (r *resolver) semantics(file *ast.File) {
	r.bindAll()
	r.meshShape()
	r.labels()
	r.trains(file)
	r.unused(file)
	for _, t := range r.recipe.Trains() {
		r.schedule(t)
		r.buckets(t)
		r.micro(t)
	}
	r.order()
	r.rewardData()
	r.unlabelled()
}

// where returns the place of a value that a recipe set, for a message.
func (r *resolver) where(path string, otherwise source.Span) source.Span {
	if v := r.recipe.Value(path); v != nil && v.Origin != recipe.Default {
		return v.Span
	}
	return otherwise
}

// has reports whether all of the values could be resolved.
func (r *resolver) has(paths ...string) bool {
	return !slices.ContainsFunc(paths, func(p string) bool { return r.recipe.Value(p) == nil })
}

// meshShape demands fsdp × tensor = devices, and computes an fsdp left out.
func (r *resolver) meshShape() {
	m := &r.recipe.Mesh
	if !r.has("mesh.devices", "mesh.tensor", "mesh.fsdp") {
		return
	}
	span := r.where("mesh.devices", r.where("mesh.tensor", r.where("mesh.fsdp", source.Span{})))
	switch {
	case m.FSDP == 0 && m.Devices%m.Tensor == 0:
		m.FSDP = m.Devices / m.Tensor
		v := r.recipe.Value("mesh.fsdp")
		v.Go, v.Text, v.Is = itoa(m.FSDP), itoa(m.FSDP), m.FSDP
	case m.FSDP == 0:
		near := Divisor(m.Devices, m.Tensor)
		r.errs.Addf(diag.MeshShape, r.where("mesh.tensor", span), "%d devices cannot be split %d ways", m.Devices, m.Tensor).Help =
			fmt.Sprintf("the nearest that divides %d is tensor = %d", m.Devices, near)
	case m.FSDP*m.Tensor != m.Devices:
		d := r.errs.Addf(diag.MeshShape, span, "fsdp × tensor is %d × %d = %d, not %d devices", m.FSDP, m.Tensor, m.FSDP*m.Tensor, m.Devices)
		if m.Devices%m.Tensor == 0 {
			d.Help = fmt.Sprintf("write fsdp = %d, or leave fsdp out", m.Devices/m.Tensor)
		} else {
			d.Help = fmt.Sprintf("write devices = %d", m.FSDP*m.Tensor)
		}
	}
}

// labels demands a name for each output of a head or a network that has names.
func (r *resolver) labels() {
	for _, m := range r.recipe.Models {
		path, outputs, labels := "model."+m.Spec.Name+".head", m.Spec.Head.Outputs, m.Spec.Head.Labels
		if m.Spec.Kind == "mlp" {
			path, outputs, labels = "model."+m.Spec.Name, m.Spec.Outputs, m.Spec.Labels
		}
		if n := len(labels); n > 0 && n != outputs && r.has(path+".labels", path+".outputs") {
			r.errs.Addf(diag.WrongLength, r.where(path+".labels", m.Decl.Name.Span), "labels names %s, and outputs is %d", count(n, "output"), outputs).Help =
				fmt.Sprintf("name each output once, or write outputs = %d", n)
		}
	}
}

// count writes a number with its noun: 1 output, 2 outputs.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return itoa(n) + " " + noun + "s"
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

// trains demands that a recipe computes something: trains or fits.
func (r *resolver) trains(file *ast.File) {
	meant := slices.ContainsFunc(file.Decls, func(d *ast.Decl) bool {
		return slices.Contains([]string{"train", "fit", "label"}, d.Keyword.Name)
	})
	if meant || file.Recipe == nil {
		return
	}
	r.errs.Addf(diag.NothingTrained, file.Recipe.Span, "recipe %s trains nothing", r.recipe.Name).Help =
		"add: train MODEL on DATA { objective = … }"
}

// unused warns of declarations of the recipe that no stage uses. A stage whose
// objective was reported may have meant any.
func (r *resolver) unused(file *ast.File) {
	known := !slices.ContainsFunc(r.recipe.Trains(), func(t *recipe.Train) bool { return t.Call == nil })
	whole := !slices.ContainsFunc(file.Decls, func(d *ast.Decl) bool { return d.Broken })
	for _, d := range file.Decls {
		if known && d.Keyword.Name == "objective" && d.Name != nil && !d.Broken && r.objects[d.Name.Name].Decl == d && !r.used["objective "+d.Name.Name] {
			r.warnUnused("objective", d.Name)
		}
	}
	for _, d := range file.Decls {
		if d.Keyword.Name == "suite" && d.Name != nil && r.suites[d.Name.Name] != nil && !r.used["suite "+d.Name.Name] {
			r.warnUnused("suite", d.Name)
		}
	}
	for _, m := range r.recipe.Models {
		if !r.used["model "+m.Spec.Name] {
			r.warnUnused("model", m.Decl.Name)
		}
	}
	for _, s := range r.recipe.Data {
		if !r.used["data "+s.Spec.Name] {
			r.warnUnused(s.Decl.Keyword.Name, s.Decl.Name)
		}
	}
	if known && whole {
		r.fitsUnread()
	}
}

// fitsUnread demands that something reads each fit: a transform that is computed
// and not applied makes a recipe say one method and train another.
func (r *resolver) fitsUnread() {
	read := r.fitsRead()
	for _, f := range r.recipe.Fits {
		if read[f.Name] {
			continue
		}
		e := r.errs.Addf(diag.FitUnread, f.Decl.Name.Span, "%s is computed and never used", f.Name)
		switch {
		case f.Spec.Kind == "tree":
			e.Help = "declare what it scores: reward NAME = " + f.Name + ", or remove it"
		case f.Spec.Kind == "decorrelate" && len(f.Chain) > 0:
			e.Help = fmt.Sprintf("call it in the objective: %s(%s(x)), or remove it", f.Name, f.Chain[len(f.Chain)-1].Name)
		default:
			e.Help = fmt.Sprintf("call it in an objective: %s(x), evaluate it, or remove it", f.Name)
		}
	}
}

// fitsRead names what an objective in use, another fit, a reward or an evaluation
// reads. A name counts although something else is wrong with what says it.
func (r *resolver) fitsRead() map[string]bool {
	read := map[string]bool{}
	for _, d := range r.decls {
		switch d.Keyword.Name {
		case "fit":
			calls, _, _ := called(d.On)
			for _, c := range calls {
				read[c.Name] = d.Name == nil || read[c.Name] || c.Name != d.Name.Name
			}
		case "reward":
			if name, ok := d.Value.(*ast.Ident); ok {
				read[name.Name] = true
			}
		case "evaluate":
			if d.Name != nil {
				read[d.Name.Name] = true
			}
		}
	}
	for _, t := range r.recipe.Trains() {
		for _, f := range t.Reads.Fits {
			read[f.Name] = true
		}
	}
	return read
}

// schedule holds length and warm-up together.
func (r *resolver) schedule(t *recipe.Train) {
	path := "train." + t.Name
	if !r.has(path+".steps", path+".epochs", path+".schedule") {
		return
	}
	steps, epochs := r.recipe.Value(path+".steps"), r.recipe.Value(path+".epochs")
	if t.Spec.Steps > 0 && epochs.Origin != recipe.Default && epochs.Origin != recipe.Set && steps.Origin != recipe.Set {
		d := r.errs.Addf(diag.StepsAndEpochs, steps.Span, "steps and epochs both say how long to train")
		d.Notes = []diag.Note{{Span: epochs.Span, Message: "epochs is set here"}}
		d.Help = "keep one of the two"
	}
	warmup := t.Spec.Schedule.Warmup
	if t.Spec.Steps > 0 && warmup >= 1 && int(warmup) >= t.Spec.Steps {
		r.errs.Addf(diag.WarmupTooLong, r.where(path+".schedule.warmup", steps.Span),
			"warm-up of %d steps leaves nothing of %d", int(warmup), t.Spec.Steps).Help = "write warmup = 3%"
	}
}

// buckets demands ascending padded lengths that reach the data's max_length.
func (r *resolver) buckets(t *recipe.Train) {
	b := t.Spec.Buckets
	if len(b) == 0 || t.Data == nil || t.Data.Spec.MaxLength == 0 || !r.has("train."+t.Name+".buckets") {
		return
	}
	span := r.where("train."+t.Name+".buckets", t.Decl.Name.Span)
	longest := t.Data.Spec.MaxLength
	switch {
	case !slices.IsSorted(b):
		sorted := slices.Sorted(slices.Values(b))
		r.errs.Addf(diag.BadBuckets, span, "buckets must ascend").Help = fmt.Sprintf("write %s", listOf(sorted))
	case b[len(b)-1] < longest:
		d := r.errs.Addf(diag.BadBuckets, span, "buckets end at %d tokens, and %s has up to %d", b[len(b)-1], t.Data.Spec.Name, longest)
		d.Notes = r.note("data."+t.Data.Spec.Name+".max_length", "max_length of "+t.Data.Spec.Name)
		d.Help = fmt.Sprintf("write %s", listOf(append(slices.Clone(b), longest)))
	}
}

// note points at a value that the recipe set; nothing for a default.
func (r *resolver) note(path, message string) []diag.Note {
	span := r.where(path, source.Span{})
	if !span.Valid() {
		return nil
	}
	return []diag.Note{{Span: span, Message: message}}
}

// listOf prints numbers as a recipe's list.
func listOf(numbers []int) string {
	text := "["
	for i, n := range numbers {
		if i > 0 {
			text += ", "
		}
		text += itoa(n)
	}
	return text + "]"
}

// micro holds a forward's examples against the batch and the mesh.
func (r *resolver) micro(t *recipe.Train) {
	m, ways := t.Spec.Micro, r.recipe.Mesh.FSDP
	path := "train." + t.Name
	span := r.where(path+".micro", t.Decl.Name.Span)
	switch {
	case m == 0 || t.Spec.Batch == 0:
	case m > t.Spec.Batch:
		d := r.errs.Addf(diag.BadMicro, span, "micro of %d is more than a batch of %d", m, t.Spec.Batch)
		d.Notes = r.note(path+".batch", "batch")
		d.Help = "leave micro out, or make batch larger"
	case ways > 0 && m%ways != 0:
		d := r.errs.Addf(diag.BadMicro, span, "micro of %d cannot be split over %d devices (fsdp)", m, ways)
		d.Help = fmt.Sprintf("write micro = %d pairs, the next multiple", (m+ways-1)/ways*ways)
	}
}

// order warns of a model that is read before it is trained, or that is not
// trained at all although its numbers are random at first.
func (r *resolver) order() {
	if slices.ContainsFunc(r.recipe.Trains(), func(t *recipe.Train) bool { return t.Model == nil }) {
		return // reported, and any may have been meant
	}
	trained := map[*recipe.Model]bool{}
	done := map[recipe.Stage]bool{}
	for _, s := range r.recipe.Stages {
		switch s := s.(type) {
		case *recipe.Train:
			for _, m := range s.Reads.Models {
				r.untrained(s.Decl.Name, m, "read", trained)
			}
			trained[s.Model] = true
		case *recipe.Label:
			if s.Scorer != nil {
				r.untrained(s.Decl.Name, s.Scorer, "asked", trained)
			}
		case *recipe.Evaluate:
			if s.Model != nil && len(r.recipe.Trains())+len(r.recipe.Fits) > 0 {
				r.untrained(s.Decl.Name, s.Model, "evaluated", trained)
			}
			if s.Reward != nil {
				r.rewardOrder(s, done)
			}
		}
		done[s] = true
	}
}

// untrained warns of the use of a model whose numbers are random so far.
func (r *resolver) untrained(at *ast.Ident, m *recipe.Model, how string, trained map[*recipe.Model]bool) {
	if trained[m] || m.Spec.Kind == "encoder" || m.Spec.Kind == "policy" || m.Spec.Head.Init == "keep" {
		return
	}
	d := r.errs.Addf(diag.Untrained, at.Span, "%s is %s before it is trained", m.Spec.Name, how)
	d.Severity = diag.Warning
	what := map[string]string{"read": "stage", "evaluated": "evaluation", "asked": "label"}[how]
	d.Help = "move the " + what + " after train " + m.Spec.Name
}

// rewardOrder demands that what a reward is made of is there before it is
// evaluated.
func (r *resolver) rewardOrder(e *recipe.Evaluate, done map[recipe.Stage]bool) {
	name := e.Decl.Name
	switch w := e.Reward; {
	case w.Fit != nil && !done[w.Fit]:
		r.usedBefore(name.Span, w.Fit.Decl)
	case w.Train != nil && !done[w.Train]:
		d := r.errs.Addf(diag.UsedBefore, name.Span, "%s is evaluated before it is made", w.Name)
		d.Notes = []diag.Note{{Span: w.Train.Decl.Name.Span, Message: "by this stage, and stages run in their order"}}
		d.Help = "move the evaluation after train " + w.Train.Name
	}
}

func (r *resolver) warnUnused(what string, name *ast.Ident) {
	d := r.errs.Addf(diag.Unused, name.Span, "%s %s is not used", what, name.Name)
	d.Severity = diag.Warning
	d.Help = "remove it, or name it in a stage"
}
