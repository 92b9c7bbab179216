package resolve

import (
	"strconv"

	"github.com/rmc-lang/rmc/compiler/recipe"
)

// asked completes what a label says of the questions that it sends: what holds
// where a recipe is silent depends on the kind.
func (r *resolver) asked(l *recipe.Label, path string) {
	if l.Spec.Kind == "model" || l.Spec.Kind == recipe.Filter {
		return
	}
	if l.Spec.Kind == recipe.Rollout {
		r.instead(path+".samples", "8", func(v *recipe.Value) { l.Spec.Samples, v.Is = 8, 8 })
		r.instead(path+".temperature", "0.7", func(v *recipe.Value) { l.Spec.Temperature, v.Is = 0.7, 0.7 })
	}
	r.standardPrompt(l, path)
}

// instead gives a field that the recipe is silent about another value than its
// default.
func (r *resolver) instead(path, text string, set func(*recipe.Value)) {
	if v := r.recipe.Value(path); v != nil && v.Origin == recipe.Default {
		v.Text, v.Go = text, text
		set(v)
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
