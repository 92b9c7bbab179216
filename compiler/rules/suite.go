package rules

import (
	"maps"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// ruleData is the kind of data that each rule reads.
var ruleData = map[string]string{
	"pairs": "preference", "best_of": "ranking", "tied": "ranking", "grid": "ranking", "first_error": "labels",
}

// Suite reports what the sections and rules of a suite say together and cannot
// mean.
func Suite(s *recipe.Suite, errs *diag.List) {
	x := &suite{s, errs}
	x.countsOnce()
	x.rulesFit()
}

// A suite is one that is held against the rules.
type suite struct {
	*recipe.Suite
	errs *diag.List
}

// countsOnce demands that a suite has sections that count, that these have
// subsets, and that no subset counts twice.
func (s *suite) countsOnce() {
	in := map[string]string{}
	counts := false
	for _, sec := range s.Spec.Sections {
		members := sec.Members()
		total := 0.0
		for _, sub := range members {
			total += sub.Weight
			if other, twice := in[sub.Name]; twice && sec.Weight > 0 {
				s.bad("%s is in %s and in %s, and so counts twice", sub.Name, other, sec.Name).Help = "take it out of one of them, or write weight = 0 in one"
			}
			if sec.Weight > 0 {
				in[sub.Name] = sec.Name
			}
		}
		if total == 0 {
			s.bad("section %s has no subset that weighs anything", sec.Name).Help = "as in " + s.Name + " = weighted { \"SUBSET\" = 100 }"
		}
		counts = counts || sec.Weight > 0
	}
	if !counts {
		s.bad("suite %s has no section that counts", s.Name).Help = "as in chat = mean { of = [easy, hard] }"
	}
}

// rulesFit demands rules that read the data that the suite is on, and one where
// it has none of its own.
func (s *suite) rulesFit() {
	if s.Spec.Rule.Kind == "same" {
		s.bad("suite %s has no rule of its own", s.Name).Help = "a section may take the suite's rule; write rule = pairs { ties = wrong }"
		return
	}
	rules := []spec.Rule{s.Spec.Rule}
	for _, sec := range s.Spec.Sections {
		if sec.Rule.Kind != "same" {
			rules = append(rules, sec.Rule)
		}
	}
	for _, rule := range rules {
		if reads := ruleData[rule.Kind]; reads != s.Spec.Data {
			s.bad("the rule %s reads %s, and %s is on %s", rule.Kind, reads, s.Name, s.Spec.Data).Help =
				"rules on " + s.Spec.Data + ": " + strings.Join(rulesOn(s.Spec.Data), ", ")
		}
	}
}

// rulesOn names the rules that read a kind of data, sorted.
func rulesOn(data string) []string {
	var all []string
	for _, rule := range slices.Sorted(maps.Keys(ruleData)) {
		if ruleData[rule] == data {
			all = append(all, rule)
		}
	}
	return all
}

func (s *suite) bad(format string, args ...any) *diag.Diagnostic {
	return s.errs.Addf(diag.BadSuite, s.Decl.Name.Span, format, args...)
}
