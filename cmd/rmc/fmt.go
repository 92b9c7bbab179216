package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/format"
	"github.com/rmc-lang/rmc/lang/parse"
	"github.com/rmc-lang/rmc/lang/source"
)

// An fmtCommand rewrites files in the canonical form, as terraform fmt does.
type fmtCommand struct {
	Paths []string `arg:"" optional:"" name:"path" help:"Files and folders; - is standard input; absent is this folder."`
	Check bool     `name:"check" help:"Write nothing; exit with 1 if a file is not in the canonical form."`
	Diff  bool     `name:"diff" help:"Write nothing; print what would change."`
}

// Run formats each file and lists those that it changes. A file with errors is
// left alone and the rest go on.
func (f *fmtCommand) Run(c *console) error {
	if len(f.Paths) == 1 && f.Paths[0] == "-" {
		text, err := io.ReadAll(c.in)
		if err != nil {
			return err
		}
		return f.one(c, "-", string(text))
	}
	files, err := f.files()
	if err != nil {
		return err
	}
	var failed error
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err == nil {
			err = f.one(c, path, string(text))
		}
		if err != nil && !errors.Is(err, errReported) {
			return err
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

// files lists the .rmr files of the arguments, libraries too.
func (f *fmtCommand) files() ([]string, error) {
	if len(f.Paths) == 0 {
		f.Paths = []string{"."}
	}
	var files []string
	for _, path := range f.Paths {
		info, err := os.Stat(path)
		switch {
		case path == "-":
			return nil, usagef("- stands alone")
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("there is no %s%s", path, recipesNear(path))
		case err != nil:
			return nil, err
		case !info.IsDir() && filepath.Ext(path) != ".rmr":
			return nil, usagef("%s is no .rmr file", path)
		case !info.IsDir():
			files = append(files, path)
			continue
		}
		inside, err := filepath.Glob(filepath.Join(path, "*.rmr"))
		if err != nil {
			return nil, err
		}
		sort.Strings(inside)
		files = append(files, inside...)
	}
	if len(files) == 0 {
		return nil, usagef("there is no .rmr file here")
	}
	return files, nil
}

// one formats one text. Standard input goes to standard output.
func (f *fmtCommand) one(c *console, path, text string) error {
	name := path
	if path == "-" {
		name = "<stdin>"
	}
	file, problems := parse.File(source.New(name, text))
	if problems.HasErrors() {
		if err := diag.WriteText(c.err, problems, c.errColour); err != nil {
			return err
		}
		return errReported
	}
	formatted := format.File(file)
	changed := string(formatted) != text
	if f.Diff && changed {
		if _, err := c.out.Write(diff.Diff(path+".orig", []byte(text), path, formatted)); err != nil {
			return err
		}
	}
	switch {
	case f.Check && changed:
		if !f.Diff {
			c.say("%s", path)
		}
		return errReported
	case f.Check || f.Diff:
		return nil
	case path == "-":
		_, err := c.out.Write(formatted)
		return err
	case !changed:
		return nil
	}
	c.say("%s", path)
	return writeFile(path, formatted)
}
