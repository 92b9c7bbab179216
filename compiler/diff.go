package compiler

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/compiler/plan"
	"github.com/rmc-lang/rmc/compiler/recipe"
)

// A Value is one value of a recipe and who set it, as rmc render prints it.
type Value struct {
	Path   string // train.rm.optimizer.lr
	Value  string // in recipe syntax: 2e-5
	Origin string // quickstart.rmr:9, std/preference.rmr:4, default, --set
	Scores bool   // part of the scoring contract
	is     any
}

// Render returns every value of a compiled recipe, the parameters of
// objectives among them.
func Render(r *Result) []Value {
	var all []Value
	for _, v := range r.Recipe.Values {
		if !r.isParam(v.Path) {
			all = append(all, Value{v.Path, v.Text, v.Origin, v.Scores, v.Is})
		}
		if stage, ok := objectiveOf(v.Path); ok {
			all = append(all, r.params(stage)...)
		}
	}
	return all
}

// objectiveOf returns the stage whose objective a path is: train.rm.objective.
func objectiveOf(path string) (stage string, ok bool) {
	parts := strings.Split(path, ".")
	if len(parts) == 3 && parts[0] == "train" && parts[2] == "objective" {
		return parts[1], true
	}
	return "", false
}

// isParam reports whether a path is a parameter that a checked objective has;
// the objective knows those that the recipe left out as well.
func (r *Result) isParam(path string) bool {
	parts := strings.Split(path, ".")
	return len(parts) == 4 && parts[0] == "train" && parts[2] == "objective" && r.Objectives[parts[1]] != nil
}

// params returns the parameters of a stage's objective.
func (r *Result) params(stage string) []Value {
	o := r.Objectives[stage]
	if o == nil {
		return nil
	}
	var all []Value
	for _, p := range o.Params {
		all = append(all, Value{Path: "train." + stage + ".objective." + p.Name, Value: p.Text, Origin: p.Origin, is: p.Value})
	}
	return all
}

// A Change is one way in which two recipes mean different things.
type Change struct {
	Path   string // of a value; stages for their order
	Before string // "" where the first recipe has no such value
	After  string // "" where the second has none
	Scores bool   // the same weights would give other scores
}

// Diff returns what b means differently from a: values, whoever set them, the
// text of objectives, and the order of stages. Layout, comments and numbers
// written in another way are no change.
func Diff(a, b *Result) []Change {
	var changes []Change
	before, after := Render(a), Render(b)
	find := func(all []Value, path string) *Value {
		i := slices.IndexFunc(all, func(v Value) bool { return v.Path == path })
		if i < 0 {
			return nil
		}
		return &all[i]
	}
	for _, v := range before {
		if w := find(after, v.Path); w == nil {
			changes = append(changes, Change{v.Path, v.Value, "", v.Scores})
		} else if !reflect.DeepEqual(v.is, w.is) {
			changes = append(changes, Change{v.Path, v.Value, w.Value, v.Scores})
		}
	}
	for _, w := range after {
		if find(before, w.Path) == nil {
			changes = append(changes, Change{w.Path, "", w.Value, w.Scores})
		}
	}
	return append(changes, diffPlans(a, b)...)
}

// diffPlans compares what is no single value.
func diffPlans(a, b *Result) []Change {
	var changes []Change
	if x, y := order(a.Recipe), order(b.Recipe); x != y {
		changes = append(changes, Change{Path: "stages", Before: x, After: y})
	}
	if a.Plan == nil || b.Plan == nil {
		return changes
	}
	for _, o := range a.Plan.Objectives {
		for _, p := range b.Plan.Objectives {
			if o.Stage == p.Stage {
				changes = append(changes, diffObjective(o, p)...)
			}
		}
	}
	return changes
}

// order lists the stages of a recipe.
func order(r *recipe.Recipe) string {
	var names []string
	for _, s := range r.Stages {
		kind := "train"
		if _, ok := s.(*recipe.Evaluate); ok {
			kind = "evaluate"
		}
		names = append(names, kind+" "+s.StageName())
	}
	return strings.Join(names, ", ")
}

// diffObjective compares what an objective computes, line by line.
func diffObjective(a, b plan.Objective) []Change {
	var changes []Change
	path := a.Stage + ".objective."
	before, after := bodyOf(a), bodyOf(b)
	for _, n := range before {
		i := slices.IndexFunc(after, func(m plan.Named) bool { return m.Name == n.Name })
		switch {
		case i < 0:
			changes = append(changes, Change{Path: path + n.Name, Before: n.Is})
		case plain(after[i].Is) != plain(n.Is):
			changes = append(changes, Change{Path: path + n.Name, Before: n.Is, After: after[i].Is})
		}
	}
	for _, n := range after {
		if !slices.ContainsFunc(before, func(m plan.Named) bool { return m.Name == n.Name }) {
			changes = append(changes, Change{Path: path + n.Name, After: n.Is})
		}
	}
	return changes
}

// bodyOf returns the named expressions of an objective.
func bodyOf(o plan.Objective) []plan.Named {
	all := []plan.Named{{Name: "loss", Is: o.Loss}}
	for _, l := range o.Lets {
		all = append(all, plan.Named{Name: "let " + l.Name, Is: l.Is})
	}
	for _, r := range o.Reports {
		all = append(all, plan.Named{Name: "report " + r.Name, Is: r.Is})
	}
	return all
}

// plain is an expression without the white space that means nothing: all but
// that between two words.
func plain(text string) string {
	word := func(c byte) bool {
		return c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
	}
	var out []byte
	for _, field := range strings.Fields(text) {
		if len(out) > 0 && word(out[len(out)-1]) && word(field[0]) {
			out = append(out, ' ')
		}
		out = append(out, field...)
	}
	return string(out)
}

// String prints a change as rmc diff does.
func (c Change) String() string {
	show := func(s string) string {
		if s == "" {
			return "(none)"
		}
		return s
	}
	return fmt.Sprintf("%s: %s → %s", c.Path, show(c.Before), show(c.After))
}
