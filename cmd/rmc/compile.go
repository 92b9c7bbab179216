package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/compiler"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/source"
)

// A compiled recipe is what the compiler made of it and found wrong with it.
type compiled struct {
	*compiler.Result
	path     string // of the recipe file
	problems diag.List
}

// compile finds and compiles the recipe of the command line. A recipe with
// problems is no error.
func compile(f recipeFlags) (*compiled, error) {
	return compileAs(f, compiler.Options{Overrides: f.Set})
}

func compileAs(f recipeFlags, o compiler.Options) (*compiled, error) {
	path, err := f.find()
	if err != nil {
		return nil, err
	}
	if _, err := os.ReadFile(path); err != nil {
		return nil, err
	}
	result, problems := compiler.Compile(folder(filepath.Dir(path)), filepath.Base(path), o)
	return &compiled{result, path, problems}, nil
}

// A folder is the file system below and beside a path: unlike that of os.DirFS
// its names may begin with .., for libraries that recipes share.
type folder string

// Open opens a file whose name has slashes.
func (f folder) Open(name string) (fs.File, error) {
	return os.Open(filepath.Join(string(f), filepath.FromSlash(name)))
}

// compileClean is compile for commands that are about something else than
// problems: it prints them, and a recipe with errors ends the command.
func (c *console) compileClean(f recipeFlags) (*compiled, error) {
	r, err := compile(f)
	if err != nil {
		return nil, err
	}
	return r, c.report(r)
}

// report prints the problems on the error stream and returns errReported if
// there are errors among them.
func (c *console) report(r *compiled) error {
	shown := placed(r.problems.Sorted(), filepath.Dir(r.path))
	if err := diag.WriteText(c.err, shown, c.errColour); err != nil {
		return err
	}
	if shown.HasErrors() {
		c.note("%s", tally(r.path, shown))
		return errReported
	}
	return nil
}

// tally counts problems in a line.
func tally(path string, problems diag.List) string {
	errors := 0
	for _, d := range problems {
		if d.Severity == diag.Error {
			errors++
		}
	}
	words := []string{}
	if errors > 0 {
		words = append(words, diag.Count(errors, "error"))
	}
	if warnings := len(problems) - errors; warnings > 0 {
		words = append(words, diag.Count(warnings, "warning"))
	}
	return path + ": " + strings.Join(words, ", ")
}

// placed returns problems with their files named as seen from the working
// directory, which is how editors and people open them. The compiler knows them
// from the recipe's folder, and prints them so into programs; the standard
// library is in no folder, and an override in no file.
func placed(problems diag.List, dir string) diag.List {
	files := map[*source.File]*source.File{}
	place := func(s source.Span) source.Span {
		f := s.File
		if f == nil || strings.HasPrefix(f.Name, "std/") || strings.HasPrefix(f.Name, "--") {
			return s
		}
		if files[f] == nil {
			files[f] = source.New(filepath.ToSlash(filepath.Join(dir, f.Name)), f.Text)
		}
		return source.Span{File: files[f], Start: s.Start, End: s.End}
	}
	out := slices.Clone(problems)
	for i := range out {
		out[i].Span = place(out[i].Span)
		out[i].Notes = slices.Clone(out[i].Notes)
		for j := range out[i].Notes {
			out[i].Notes[j].Span = place(out[i].Notes[j].Span)
		}
	}
	return out
}
