package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/rmc-lang/rmc/compiler"
	"github.com/rmc-lang/rmc/lang/diag"
)

// A checkCommand reports problems.
type checkCommand struct {
	Recipes []string `arg:"" optional:"" name:"recipe" help:".rmr files, recipes or libraries, and folders of recipes; absent is this folder."`
	setFlags
	factsFlags
	JSON bool `name:"json" help:"Print the problems as a JSON array."`
}

// Run checks the text of each recipe, and then what it says against the world:
// sources, tokenizer, template, data, lock. One with errors does not keep the
// others from being checked.
func (k *checkCommand) Run(c *console) error {
	paths := k.paths()
	if len(paths) > 1 && len(k.Set) > 0 {
		return usagef("--set goes with one recipe, and here are %s", strings.Join(paths, ", "))
	}
	var all diag.List
	var failed error
	for _, path := range paths {
		r, left, err := k.check(c, path)
		if err != nil {
			return err
		}
		if k.JSON {
			all = append(all, placed(r.problems, filepath.Dir(r.path))...)
			continue
		}
		if err := c.verdict(r, left); err != nil && !errors.Is(err, errReported) {
			return err
		} else if err != nil {
			failed = err
		}
	}
	if k.JSON {
		return k.json(c, all)
	}
	return failed
}

// paths lists the files that are checked: of a folder all recipes.
func (k *checkCommand) paths() []string {
	if len(k.Recipes) == 0 {
		k.Recipes = []string{"."}
	}
	var paths []string
	for _, arg := range k.Recipes {
		inside := recipeFiles(arg)
		if info, err := os.Stat(arg); err != nil || !info.IsDir() || len(inside) == 0 {
			inside = []string{arg} // what is wrong with it is said where it is opened
		}
		paths = append(paths, inside...)
	}
	return paths
}

// check returns a recipe with its problems, and what was left out of the check.
func (k *checkCommand) check(c *console, path string) (r *compiled, left []string, err error) {
	r, err = compileAs(recipeFlags{path, k.setFlags}, compiler.Options{Overrides: k.Set, Libraries: true})
	if err != nil || r.problems.HasErrors() || r.Library {
		return r, nil, err
	}
	w, err := c.gather(r, k.factsFlags)
	if err != nil {
		return nil, nil, err
	}
	r.problems = append(r.problems, compiler.Check(r.Result, w.Facts)...)
	return r, w.Left, nil
}

// verdict prints the problems of a recipe, or that there are none.
func (c *console) verdict(r *compiled, left []string) error {
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

func (k *checkCommand) json(c *console, problems diag.List) error {
	if err := diag.WriteJSON(c.out, problems.Sorted()); err != nil {
		return err
	}
	if problems.HasErrors() {
		return errReported
	}
	return nil
}
