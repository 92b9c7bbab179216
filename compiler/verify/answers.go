package verify

import (
	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/lang/diag"
)

// answers demands that a policy which a label asks can be asked: that it has a
// tokenizer and, where it answers in turns, a chat template. A policy that reads data
// is held against them there.
func (v *verifier) answers(l *recipe.Label) {
	m := l.Policy
	if m == nil {
		return
	}
	if a, f := v.facts.Asked[l.Name], v.facts.Models[m.Spec.Name]; a.TooLong > 0 {
		e := v.errs.Addf(diag.TooFewPositions, l.Decl.Name.Span, "%d of %s of label %s leave no token to answer with: the longest has %d, and %s has %d positions",
			a.TooLong, diag.Count(a.Prompts, "prompt"), l.Name, a.Longest, m.Spec.Name, f.Positions)
		e.Notes = []diag.Note{v.note("model."+m.Spec.Name+".base", "the model's base")}
		e.Help = "write a shorter prompt, or leave out the longest rows with max_length in data " + l.Base.Spec.Name
	}
	for _, u := range v.recipe.Uses() {
		if u.Model == m && u.Data.Spec.Format != "ids" {
			return
		}
	}
	t, known := v.facts.Tokenizers[m.Spec.Name]
	base := v.at("model."+m.Spec.Name+".base", m.Decl.Name.Span)
	asked := []diag.Note{{Span: l.Decl.Name.Span, Message: "this label asks " + m.Spec.Name}}
	switch {
	case !known:
	case t.Absent:
		e := v.errs.Addf(diag.NoTokenizer, base, "the base has no tokenizer")
		e.Notes, e.Help = asked, "write tokenizer = \"file:…\" in model "+m.Spec.Name
	case !t.HasTemplate && l.Spec.API == "chat":
		e := v.errs.Addf(diag.NoTemplate, base, "the tokenizer has no chat template")
		e.Notes, e.Help = asked, "write template = \"chat.jinja\" in model "+m.Spec.Name+", or api = completions in label "+l.Name
	}
}
