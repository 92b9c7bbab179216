package verify

import (
	"github.com/rmc-lang/rmc/compiler/facts"
	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/source"
)

// ratings checks what the rows say of each attribute.
func (v *verifier) ratings(d *recipe.Data, f facts.Data) {
	declared := v.at(d.Path()+".attributes", d.Decl.Name.Span)
	for _, r := range f.Ratings {
		v.rating(d, r, v.at(d.Path()+".columns."+r.Attribute, declared))
	}
}

func (v *verifier) rating(d *recipe.Data, r facts.Rating, span source.Span) {
	switch {
	case r.Known == 0 && r.Missing > 0:
		e := v.errs.Addf(diag.NeverRated, span, "none of %s of %s has a rating %s", diag.Count(r.Missing, "row"), d.Spec.Name, r.Attribute)
		e.Notes = []diag.Note{{Message: "all are null, NaN or a sentinel"}}
		e.Help = "take it out of attributes, or name another column with columns = named { … }"
	case r.Constant:
		v.warn(diag.ConstantColumn, span, "attribute %s is %s in every row that has it", r.Attribute, r.Value).Help =
			"a probe learns nothing from it: take it out of attributes"
	case r.ValueRows > 0:
		e := v.warn(diag.SentinelLikely, span, "attribute %s is %s in %s, far below all others", r.Attribute, r.Value, diag.Count(r.ValueRows, "row"))
		e.Help = "if that means missing, write sentinels = [" + r.Value + "] in data " + d.Spec.Name
	}
}
