package verify

import (
	"maps"
	"slices"

	"github.com/rmc-lang/rmc/compiler/facts"
	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/lang/diag"
)

// unread demands that each label is one token where it stands, and that a model
// is asked as it is trained.
func (v *verifier) unread(m *recipe.Model, d *recipe.Data, u *facts.Unread) {
	if u.Label == "" {
		span := v.at("model."+m.Spec.Name+".template", v.at("model."+m.Spec.Name+".base", m.Decl.Name.Span))
		e := v.errs.Addf(diag.AsksOtherwise, span, "%s cannot be asked for the labels of %s as it would be trained on them", m.Spec.Name, d.Spec.Name)
		e.Notes = []diag.Note{{Message: u.Why}}
		e.Help = "write template = \"chat.jinja\", whose add_generation_prompt ends as an answer begins"
		return
	}
	span := v.at(d.Path()+".tokens", v.at(d.Path()+".labels", d.Decl.Name.Span))
	e := v.errs.Addf(diag.LabelTokens, span, "label %q of %s is not one token where it stands", u.Label, d.Spec.Name)
	e.Notes = []diag.Note{{Message: u.Why}}
	e.Help = "choose texts that are one token after the answer's header: tokens = [" + like(d.Spec.Tokens) + "]"
}

// like suggests other texts for so many labels.
func like(tokens []string) string {
	if len(tokens) == 3 {
		return `"A", "B", "C"`
	}
	if slices.Contains(tokens, "+") {
		return `"Yes", "No"`
	}
	return `"A", "B"`
}

// marks warns of labels of which only one ever stands.
func (v *verifier) marks(d *recipe.Data, f facts.Data) {
	var found []string
	n := 0
	for _, name := range slices.Sorted(maps.Keys(f.Marks)) {
		if f.Marks[name] > 0 {
			found, n = append(found, name), n+f.Marks[name]
		}
	}
	if len(found) != 1 || n < 2 || d.Spec.From.Kind == "compare" {
		return
	}
	span := v.at(d.Path()+".labels", v.at(d.Path()+".source", d.Decl.Name.Span))
	v.warn(diag.ConstantColumn, span, "each of the %s of %s is %s", diag.Count(n, "label"), d.Spec.Name, found[0]).Help =
		"a model learns to say it always: check format and columns"
}
