package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
)

// recipeFlags are what every command takes that reads one recipe.
type recipeFlags struct {
	Recipe string `arg:"" optional:"" help:"A .rmr file or a folder with one; absent is this folder."`
	setFlags
}

// setFlags change values of a recipe.
type setFlags struct {
	Set []string `name:"set" sep:"none" placeholder:"PATH=VALUE" help:"Set a value, as in train.rm.optimizer.lr=1e-5. Repeatable."`
}

// find returns the path of the recipe that the command line means.
func (f recipeFlags) find() (string, error) { return findRecipe(f.Recipe) }

// findRecipe resolves an argument: a file, a file without its extension, a
// folder with one recipe, or nothing for this folder.
func findRecipe(arg string) (string, error) {
	if arg == "" {
		return recipeIn(".")
	}
	info, err := os.Stat(arg)
	switch {
	case err == nil && info.IsDir():
		return recipeIn(arg)
	case err == nil && filepath.Ext(arg) != ".rmr":
		return "", usagef("%s is no .rmr file", arg)
	case err == nil:
		return filepath.Clean(arg), nil
	case errors.Is(err, fs.ErrNotExist) && isFile(arg+".rmr"):
		return filepath.Clean(arg + ".rmr"), nil
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("there is no %s%s", arg, recipesNear(arg))
	}
	return "", err
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// recipesNear says which recipes stand where arg was looked for.
func recipesNear(arg string) string {
	names := recipeFiles(filepath.Dir(arg))
	if len(names) == 0 {
		return ""
	}
	return "; in that folder: " + strings.Join(names, ", ")
}

// recipeIn returns the one recipe of a folder. Libraries, which are .rmr files
// without a recipe line, do not count unless there is nothing else.
func recipeIn(dir string) (string, error) {
	names := recipeFiles(dir)
	where := "this folder"
	if dir != "." {
		where = dir
	}
	switch len(names) {
	case 0:
		return "", usagef("there is no .rmr file in %s: name one, or start one with rmc new NAME", where)
	case 1:
		return names[0], nil
	}
	return "", usagef("%s has several recipes, name one of them: %s", where, strings.Join(names, ", "))
}

var recipeLine = regexp.MustCompile(`(?m)^recipe\b`)

// recipeFiles lists the recipes in a folder; its libraries if it has no recipe.
func recipeFiles(dir string) []string {
	all, _ := filepath.Glob(filepath.Join(dir, "*.rmr")) // the pattern is well-formed
	sort.Strings(all)
	var recipes []string
	for _, path := range all {
		if text, err := os.ReadFile(path); err != nil || recipeLine.Match(text) {
			recipes = append(recipes, path)
		}
	}
	if recipes == nil {
		return all
	}
	return recipes
}
