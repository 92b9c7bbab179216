package unroll_test

import (
	"slices"
	"testing"

	"github.com/rmc-lang/rmc/compiler/unroll"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/parse"
	"github.com/rmc-lang/rmc/lang/source"
)

const text = `recipe r

repeat 2 as round {
	label pseudo = model on prefs { keep = 0.8 }
	train pm on pseudo as again { seed = round }
}

evaluate pm on prefs.holdout
`

func unrolled(t *testing.T) (*unroll.Rounds, *diag.List) {
	t.Helper()
	file, errs := parse.File(source.New("r.rmr", text))
	r := unroll.Decls(file.Decls, &errs)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return r, &errs
}

// Each round declares names of its own, reads them under these, and knows its
// number; what it does not declare is left as it is.
func TestRoundsTakeTheirPlaces(t *testing.T) {
	r, _ := unrolled(t)
	var got []string
	for _, d := range r.Decls {
		is := d.Keyword.Name + " " + d.Name.Name
		if d.As != nil {
			seed := d.Body.Items[0].(*ast.Field).Value.(*ast.Number)
			is += " on " + d.On.(*ast.Ident).Name + " as " + d.As.Name + " " + seed.Text
		}
		got = append(got, is)
	}
	want := []string{"label pseudo_1", "train pm on pseudo_1 as again_1 1", "label pseudo_2", "train pm on pseudo_2 as again_2 2", "evaluate pm"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if last := r.Last("pseudo"); last != "pseudo_2" {
		t.Errorf("below the repeat pseudo is %q", last)
	}
	if last := r.Last("prefs"); last != "" {
		t.Errorf("no round declares prefs, and the last is %q", last)
	}
	if all := r.Of("train", "again"); !slices.Equal(all, []string{"again_1", "again_2"}) {
		t.Errorf("the rounds of again are %q", all)
	}
	if all := r.Of("evaluate", "pm"); len(all) > 0 {
		t.Errorf("evaluate pm stands in no repeat, and has the rounds %q", all)
	}
}

// What is wrong in one place of the text is said once, however often it is
// repeated, and what is wrong outside as often as it is.
func TestARoundSaysNothingTwice(t *testing.T) {
	r, errs := unrolled(t)
	for _, d := range r.Decls {
		errs.Addf(diag.Untrained, d.Name.Span, "in each round")
	}
	outside := r.Decls[len(r.Decls)-1].Name.Span
	errs.Addf(diag.Untrained, outside, "again")
	if r.Once(); len(*errs) != 4 {
		t.Errorf("of the problems in two places of a repeat and two outside, %d are left", len(*errs))
	}
	if !r.Within((*errs)[0].Span) || r.Within(outside) {
		t.Error("the repeat ends elsewhere")
	}
}
