package resolve

import (
	"slices"
	"strconv"

	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/lang/diag"
)

// asked completes what a label says of the questions that it sends: what holds
// where a recipe is silent depends on the kind, and some of it only means
// something beside other values.
func (r *resolver) asked(l *recipe.Label, path string) {
	if l.Spec.Kind == "model" || l.Spec.Kind == recipe.Filter {
		return
	}
	if l.Spec.Kind == recipe.Rollout {
		r.instead(path+".samples", "8", func(v *recipe.Value) { l.Spec.Samples, v.Is = 8, 8 })
		r.instead(path+".temperature", "0.7", func(v *recipe.Value) { l.Spec.Temperature, v.Is = 0.7, 0.7 })
		r.stepwise(l, path)
	}
	r.askedAs(l, path)
	r.standardPrompt(l, path)
	samples := r.recipe.Value(path + ".samples")
	if samples != nil && l.Spec.Samples > 1 && l.Spec.Temperature == 0 && r.has(path+".temperature") {
		e := r.errs.Addf(diag.OutOfRange, samples.Span, "at temperature = 0 all %d samples are the same answer", l.Spec.Samples)
		if samples.Origin == recipe.Default {
			e.Span = r.where(path+".temperature", l.Decl.Name.Span)
		}
		e.Help = "write temperature = 0.7, or samples = 1"
	}
}

// instead gives a field that the recipe is silent about another value than its
// default.
func (r *resolver) instead(path, text string, set func(*recipe.Value)) {
	if v := r.recipe.Value(path); v != nil && v.Origin == recipe.Default {
		v.Text, v.Go = text, text
		set(v)
	}
}

// askedAs demands that what is said of the answers fits how they are asked for.
func (r *resolver) askedAs(l *recipe.Label, path string) {
	if !r.has(path + ".ask") {
		return
	}
	of := map[string][]string{"pairwise": {"band"}, "pointwise": {"orders", "verdict"}}
	for _, name := range of[l.Spec.Ask] {
		v := r.recipe.Value(path + "." + name)
		if v == nil || v.Origin == recipe.Default {
			continue
		}
		e := r.errs.Addf(diag.FieldNotOfKind, v.Span, "a %s judge has no %s", l.Spec.Ask, name)
		e.Notes = r.note(path+".ask", "how it is asked")
		e.Help = "leave it out, or write ask = " + map[string]string{"band": "pointwise"}[name]
		if name != "band" {
			e.Help = "leave it out: each response is rated by itself"
		}
	}
}

// standardPrompt names the prompt that holds where the recipe names none.
func (r *resolver) standardPrompt(l *recipe.Label, path string) {
	if l.Spec.Prompt != "" || r.lost[path] || r.lost[path+".prompt"] {
		return
	}
	switch {
	case l.Spec.Kind == recipe.Rollout && l.Spec.API == "completions":
		l.Spec.Prompt = "std/rollout_text.jinja"
	case l.Spec.Kind == recipe.Rollout:
		l.Spec.Prompt = "std/rollout.jinja"
	case l.Spec.Ask == "pointwise":
		l.Spec.Prompt = "std/judge_pointwise.jinja"
	default:
		l.Spec.Prompt = "std/judge_pairwise.jinja"
	}
	text := strconv.Quote(l.Spec.Prompt)
	r.record(recipe.Value{Path: path + ".prompt", Text: text, Go: text, Is: l.Spec.Prompt, Origin: recipe.Default})
}

// stepwise demands that a rollout labels steps, and with shares only where there
// are two labels to share between.
func (r *resolver) stepwise(l *recipe.Label, path string) {
	if l.Data == nil {
		return
	}
	if l.Base.Spec.Level != "step" && r.has(l.Base.Path()+".level") {
		e := r.errs.Addf(diag.NotAChoice, r.where(l.Base.Path()+".level", l.Decl.Name.Span), "a rollout labels steps, and %s has one label for the whole", l.Base.Spec.Name)
		e.Notes = []diag.Note{{Span: l.Decl.Name.Span, Message: "the rollout"}}
		e.Help = "write level = step; whether the whole is right is seen from its answer, and stands in the rows that the rollout writes"
	}
	if grade := r.recipe.Value(path + ".grade"); l.Spec.Grade == "soft" && grade != nil && len(l.Base.Spec.Labels) > 2 {
		e := r.errs.Addf(diag.NotAChoice, grade.Span, "a share of right completions is one of two labels, and %s has %d", l.Base.Spec.Name, len(l.Base.Spec.Labels))
		e.Notes = r.note(l.Base.Path()+".labels", "its labels")
		e.Help = "write grade = hard, or labels = [good, bad]"
	}
}

// unlabelled notes the data that rollouts alone read: their rows need no labels.
func (r *resolver) unlabelled() {
	for _, l := range r.recipe.Labels {
		if l.Data == nil || l.Spec.Kind != recipe.Rollout {
			continue
		}
		l.Base.Spec.Unlabelled = !slices.ContainsFunc(r.recipe.Stages, func(s recipe.Stage) bool {
			var read *recipe.Data
			switch s := s.(type) {
			case *recipe.Train:
				read = s.Data
			case *recipe.Evaluate:
				read = s.Data
			}
			return read.Has(l.Base)
		})
	}
}
