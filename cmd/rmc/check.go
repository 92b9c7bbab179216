package main

import (
	"path/filepath"

	"github.com/rmc-lang/rmc/compiler"
	"github.com/rmc-lang/rmc/lang/diag"
)

// A checkCommand reports problems.
type checkCommand struct {
	recipeFlags
	factsFlags
	JSON bool `name:"json" help:"Print the problems as a JSON array."`
}

// Run checks the text of a recipe, and then what it says against the world:
// sources, tokenizer, template, data, lock.
func (k *checkCommand) Run(c *console) error {
	r, err := compile(k.recipeFlags)
	if err != nil {
		return err
	}
	var left []string
	if !r.problems.HasErrors() {
		w, err := gather(c, r, k.factsFlags)
		if err != nil {
			return err
		}
		r.problems = append(r.problems, compiler.Check(r.Result, w.facts)...)
		left = w.left
	}
	if k.JSON {
		return k.json(c, r)
	}
	if err := c.report(r); err != nil {
		return err
	}
	for _, what := range left {
		c.note("left out: %s", what)
	}
	if len(r.problems) == 0 {
		c.note("%s: no problems", r.path)
	} else {
		c.note("%s", tally(r.path, r.problems))
	}
	return nil
}

func (k *checkCommand) json(c *console, r *compiled) error {
	problems := placed(r.problems.Sorted(), filepath.Dir(r.path))
	if err := diag.WriteJSON(c.out, problems); err != nil {
		return err
	}
	if problems.HasErrors() {
		return errReported
	}
	return nil
}
