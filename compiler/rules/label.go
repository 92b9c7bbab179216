package rules

import (
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/lang/diag"
)

// label holds what is said of the questions that a label sends together.
func (h *holder) label(l *recipe.Label, path string) {
	h.endpoint(l, path)
	if l.Spec.Kind == "model" || l.Spec.Kind == recipe.Filter {
		return
	}
	if l.Spec.Kind == recipe.Rollout {
		h.stepwise(l, path)
	}
	h.askedAs(l, path)
	samples := h.recipe.Value(path + ".samples")
	if samples != nil && l.Spec.Samples > 1 && l.Spec.Temperature == 0 && h.recipe.Has(path+".temperature") {
		e := h.errs.Addf(diag.OutOfRange, samples.Span, "at temperature = 0 all %d samples are the same answer", l.Spec.Samples)
		if samples.Origin == recipe.Default {
			e.Span = h.recipe.Where(path+".temperature", l.Decl.Name.Span)
		}
		e.Help = "write temperature = 0.7, or samples = 1"
	}
}

// endpoint demands the address of a server.
func (h *holder) endpoint(l *recipe.Label, path string) {
	v := h.recipe.Value(path + ".endpoint")
	if v == nil {
		return
	}
	scheme, host, _ := strings.Cut(l.Spec.Endpoint, "://")
	if (scheme == "http" || scheme == "https") && host != "" && !strings.HasPrefix(host, "/") && !strings.ContainsAny(host, " \t") {
		return
	}
	h.errs.Addf(diag.BadEndpoint, v.Span, "%q is no address of a server", l.Spec.Endpoint).Help =
		`as in endpoint = "http://127.0.0.1:8000/v1"`
}

// askedAs demands that what is said of the answers fits how they are asked for.
func (h *holder) askedAs(l *recipe.Label, path string) {
	if !h.recipe.Has(path + ".ask") {
		return
	}
	of := map[string][]string{"pairwise": {"band"}, "pointwise": {"orders", "verdict"}}
	for _, name := range of[l.Spec.Ask] {
		v := h.recipe.Value(path + "." + name)
		if v == nil || v.Origin == recipe.Default {
			continue
		}
		e := h.errs.Addf(diag.FieldNotOfKind, v.Span, "a %s judge has no %s", l.Spec.Ask, name)
		e.Notes = h.recipe.Note(path+".ask", "how it is asked")
		e.Help = "leave it out, or write ask = " + map[string]string{"band": "pointwise"}[name]
		if name != "band" {
			e.Help = "leave it out: each response is rated by itself"
		}
	}
}

// stepwise demands that a rollout labels steps, and with shares only where there
// are two labels to share between.
func (h *holder) stepwise(l *recipe.Label, path string) {
	if l.Data == nil {
		return
	}
	if l.Base.Spec.Level != "step" && h.recipe.Has(l.Base.Path()+".level") {
		e := h.errs.Addf(diag.NotAChoice, h.recipe.Where(l.Base.Path()+".level", l.Decl.Name.Span), "a rollout labels steps, and %s has one label for the whole", l.Base.Spec.Name)
		e.Notes = []diag.Note{{Span: l.Decl.Name.Span, Message: "the rollout"}}
		e.Help = "write level = step; whether the whole is right is seen from its answer, and stands in the rows that the rollout writes"
	}
	if grade := h.recipe.Value(path + ".grade"); l.Spec.Grade == "soft" && grade != nil && len(l.Base.Spec.Labels) > 2 {
		e := h.errs.Addf(diag.NotAChoice, grade.Span, "a share of right completions is one of two labels, and %s has %d", l.Base.Spec.Name, len(l.Base.Spec.Labels))
		e.Notes = h.recipe.Note(l.Base.Path()+".labels", "its labels")
		e.Help = "write grade = hard, or labels = [good, bad]"
	}
}

// unlabelled notes the data that rollouts alone read: their rows need no labels.
func (h *holder) unlabelled() {
	for _, l := range h.recipe.Labels {
		if l.Data == nil || l.Spec.Kind != recipe.Rollout {
			continue
		}
		l.Base.Spec.Unlabelled = !slices.ContainsFunc(h.recipe.Stages, func(s recipe.Stage) bool {
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
