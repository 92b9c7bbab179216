package main

import (
	"fmt"

	"github.com/rmc-lang/rmc/compiler"
)

// A renderCommand prints every value of a recipe.
type renderCommand struct {
	recipeFlags
	JSON bool `name:"json" help:"Print JSON."`
}

// Run prints a line a value: its path, as --set takes it, the value in recipe
// syntax, and who set it.
func (f *renderCommand) Run(c *console) error {
	r, err := c.compileClean(f.recipeFlags)
	if err != nil {
		return err
	}
	values := compiler.Render(r.Result)
	if f.JSON {
		return printJSON(c.out, jsonValues(values))
	}
	path, value := 0, 0
	for _, v := range values {
		path, value = max(path, len(v.Path)), max(value, min(len(v.Value), 40))
	}
	for _, v := range values {
		c.say("%-*s = %-*s  %s", path, v.Path, value, v.Value, c.faint(v.Origin))
	}
	return nil
}

func jsonValues(values []compiler.Value) any {
	type value struct {
		Path   string `json:"path"`
		Value  string `json:"value"`
		Origin string `json:"origin"`
		Scores bool   `json:"scores"`
	}
	out := make([]value, len(values))
	for i, v := range values {
		out[i] = value{v.Path, v.Value, v.Origin, v.Scores}
	}
	return out
}

// faint is text that is there when one looks for it.
func (c *console) faint(text string) string {
	if !c.outColour {
		return text
	}
	return "\x1b[2m" + text + "\x1b[0m"
}

// say prints a line of result.
func (c *console) say(format string, args ...any) { fmt.Fprintf(c.out, format+"\n", args...) }
