package main

import (
	"github.com/rmc-lang/rmc/compiler"
	"github.com/rmc-lang/rmc/lang/diag"
)

// A diffCommand compares two recipes by meaning.
type diffCommand struct {
	A        string   `arg:"" name:"a" help:"A recipe, or a folder with one."`
	B        string   `arg:"" optional:"" name:"b" help:"The other."`
	Set      []string `name:"set" sep:"none" placeholder:"PATH=VALUE" help:"Set a value in both. Repeatable."`
	ExitCode bool     `name:"exit-code" help:"Exit with 1 when they differ."`
	JSON     bool     `name:"json" help:"Print JSON."`
}

// Run prints what B means differently from A, and of each change whether the
// same weights would give other scores.
func (d *diffCommand) Run(c *console) error {
	if d.B == "" {
		return usagef("diff compares two recipes: rmc diff A B")
	}
	a, err := c.compileClean(recipeFlags{d.A, setFlags{d.Set}})
	if err != nil {
		return err
	}
	b, err := c.compileClean(recipeFlags{d.B, setFlags{d.Set}})
	if err != nil {
		return err
	}
	changes := compiler.Diff(a.Result, b.Result)
	if err := d.print(c, changes); err != nil {
		return err
	}
	if d.ExitCode && len(changes) > 0 {
		return errReported
	}
	return nil
}

func (d *diffCommand) print(c *console, changes []compiler.Change) error {
	if d.JSON {
		type change struct {
			Path   string `json:"path"`
			Before string `json:"before"`
			After  string `json:"after"`
			Scores bool   `json:"scores"`
		}
		out := []change{}
		for _, x := range changes {
			out = append(out, change{x.Path, x.Before, x.After, x.Scores})
		}
		return printJSON(c.out, out)
	}
	scores := 0
	for _, change := range changes {
		mark := ""
		if change.Scores {
			mark, scores = "  (changes scores)", scores+1
		}
		c.say("%s%s", change, mark)
	}
	if len(changes) == 0 {
		c.say("no difference in meaning")
		return nil
	}
	c.say("%s, %d of the scoring contract", diag.Count(len(changes), "change"), scores)
	return nil
}
