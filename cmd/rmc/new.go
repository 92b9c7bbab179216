package main

import (
	_ "embed"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// A newCommand starts a recipe.
type newCommand struct {
	Name string `arg:"" help:"Name of the recipe; the file is NAME.rmr."`
}

//go:embed new.rmr
var newRecipe string

var recipeName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Run writes a recipe that runs as it is, with a comment at each choice. A file
// that is there is left alone.
func (n *newCommand) Run(c *console) error {
	name := strings.TrimSuffix(n.Name, ".rmr")
	if !recipeName.MatchString(name) {
		return usagef("%q cannot name a recipe: lower-case letters, digits and _, a letter first", name)
	}
	path := name + ".rmr"
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if os.IsExist(err) {
		return fmt.Errorf("%s is there already: choose another name or remove it", path)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.Replace(newRecipe, "recipe new\n", "recipe "+name+"\n", 1))
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "wrote %s\nnext: put your base and data in it, then rmc check && rmc preview && rmc build && ./trainer\n", path)
	return err
}
