package compiler_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rmc-lang/rmc/compiler"
	"github.com/rmc-lang/rmc/lang/diag"
)

// suited is a recipe with a suite and an evaluation by it.
const suited = `recipe r

use std/preference

model rm: reward { base = "file:base", tune = head }

data d: preference { source = "file:d.jsonl", over_length = drop, split = none }

suite mine on preference {
  rule = pairs { ties = wrong }

  A = weighted {
    weight  = 2
    easy    = 100
    "ha-rd" = 50
  }
  B = mean { of = [odd, even] }
  C = pooled { weight = 0, absent = zero, of = ["e*"] }
}

train rm on d { objective = bradley_terry }

evaluate rm on d.all { suite = mine }
`

// suiteErrors compiles suited with old replaced by new.
func suiteErrors(t *testing.T, old, new string, sets ...string) (*compiler.Result, diag.List) {
	t.Helper()
	if !strings.Contains(suited, old) {
		t.Fatalf("there is no %q", old)
	}
	fsys := fstest.MapFS{
		"r.rmr":   {Data: []byte(strings.Replace(suited, old, new, 1))},
		"lib.rmr": {Data: []byte("/// Ours.\n\n/// One.\nsuite theirs on preference {\n  rule = pairs { ties = half }\n  all  = pooled { of = [\"*\"] }\n}\n")},
	}
	return compiler.Compile(fsys, "r.rmr", compiler.Options{Overrides: sets})
}

func TestSuiteIsItsConstants(t *testing.T) {
	r, errs := suiteErrors(t, "mine on", "mine on")
	if len(errs) > 0 {
		t.Fatal(show(errs))
	}
	s := r.Plan.Suites[0]
	if s.Name != "mine" || s.Overall != "weighted" || s.Rule.Ties != "wrong" || s.Rule.Orders != "mean" || len(s.Sections) != 3 {
		t.Errorf("%+v", s)
	}
	a, b, c := s.Sections[0], s.Sections[1], s.Sections[2]
	if a.Weight != 2 || a.Absent != "mask" || len(a.Subsets) != 2 || a.Subsets[1].Name != "ha-rd" || a.Subsets[1].Weight != 50 {
		t.Errorf("%+v", a)
	}
	if b.Weight != 1 || !slices.Equal(b.Of, []string{"odd", "even"}) || c.Weight != 0 || c.Absent != "zero" {
		t.Errorf("%+v %+v", b, c)
	}
	if !r.Plan.Data[0].Subsets {
		t.Error("the data does not read subsets")
	}
	for _, v := range compiler.Render(r) {
		if strings.HasPrefix(v.Path, "suite.") {
			t.Errorf("%s is no setting", v.Path)
		}
	}
}

func TestSuitesOfLibraries(t *testing.T) {
	r, errs := suiteErrors(t, "use std/preference\n", "use std/preference\nuse lib\n", "evaluate.rm.suite=theirs")
	if got := codes(errs); !slices.Equal(got, []string{"R0125"}) || r.Plan.Suites[0].Name != "theirs" { // mine is not used
		t.Errorf("%v: %+v", got, r.Plan.Suites)
	}
}

func TestSuitesThatAreWrong(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want, says string }{
		"unknown":                 {"suite = mine", "suite = min", "R0129", `did you mean "mine"?`},
		"in quotes":               {"suite = mine", `suite = "mine"`, "R0201", "without quotes"},
		"twice":                   {"train rm", "suite mine on preference { rule = pairs { ties = wrong }, A = mean { of = [x] } }\n\ntrain rm", "R0108", "declared twice"},
		"without a rule":          {"  rule = pairs { ties = wrong }\n", "", "R0109", "needs rule"},
		"without what ties are":   {" { ties = wrong }", "", "R0110", "RewardBench counts"},
		"of other data":           {"mine on preference", "mine on ranking", "R0224", "reads preference"},
		"on no kind":              {"mine on preference", "mine on pairs", "R0103", "no kind"},
		"on other data than that": {"data d: preference {", "data d: ranking {", "R0211 R0211", "is a suite on preference"},
		"rule of other data":      {"of = [odd, even]", "of = [odd, even], rule = best_of", "R0224", "rules on preference: pairs"},
		"rule same":               {"pairs { ties = wrong }", "same", "R0224", "no rule of its own"},
		"unknown rule":            {"pairs {", "pair {", "R0103", `did you mean "pairs"?`},
		"unknown kind of section": {"mean {", "average {", "R0103", "kinds of B"},
		"a number for a section":  {"B = mean { of = [odd, even] }", "B = 3", "R0201", "B takes weighted | mean | pooled"},
		"a text for a weight":     {"easy    = 100", `easy    = "100"`, "R0201", "easy takes a number"},
		"a negative weight":       {"easy    = 100", "easy    = -1", "R0206", "at least 0"},
		"a weight twice":          {"easy    = 100", "easy    = 100\n    easy = 3", "R0107", "set twice"},
		"a subset twice":          {"[odd, even]", "[odd, easy]", "R0224", "easy is in A and in B"},
		"no subsets":              {"    easy    = 100\n    \"ha-rd\" = 50\n", "", "R0224", "no subset that weighs"},
		"nothing counts":          {"B = mean { of = [odd, even] }\n", "", "", ""},
		"no weight at all":        {"    weight  = 2", "    weight  = 0", "", ""},
		"weights of a mean":       {"of = [odd, even]", "of = [odd, even], odd = 3", "R0101", "mean has no field"},
		"no name":                 {"suite mine on", "suite on", "R0115 R0129", "needs a name"},
		"a misspelt keyword":      {"suite mine", "suit mine", "R0102", `did you mean "suite"?`},
	} {
		_, errs := suiteErrors(t, c.old, c.new)
		if got := strings.Join(codes(errs), " "); got != c.want || !strings.Contains(show(errs), c.says) {
			t.Errorf("%s: got %q, want %q and %q:\n%s", name, got, c.want, c.says, show(errs))
		}
	}
}

// A suite holds a scorer's numbers, and a fit is held against ratings.
func TestSuiteOfAFit(t *testing.T) {
	_, errs := suiteErrors(t, "evaluate rm on d.all", `model backbone: encoder { base = "file:base" }

data r: ratings { source = "file:r.jsonl", over_length = drop, split = none, attributes = [good], missing = mask }

fit probe = ridge on backbone(r)

evaluate probe on r.all`)
	if got := strings.Join(codes(errs), " "); !strings.Contains(got, "R0111") || !strings.Contains(show(errs), "held against ratings and not against a suite") {
		t.Errorf("%s\n%s", got, show(errs))
	}
}

func TestSuitesInALibraryAlone(t *testing.T) {
	fsys := fstest.MapFS{"lib.rmr": {Data: []byte("/// Ours.\n\n/// One.\nsuite a on preference {\n  rule = pairs { ties = half }\n  all  = mean { of = [x], weight = 0 }\n}\n")}}
	_, errs := compiler.Compile(fsys, "lib.rmr", compiler.Options{Libraries: true})
	if got := codes(errs); !slices.Equal(got, []string{"R0224"}) {
		t.Errorf("%v\n%s", got, show(errs))
	}
}
