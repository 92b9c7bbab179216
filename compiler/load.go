package compiler

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/parse"
	"github.com/rmc-lang/rmc/lang/source"
	"github.com/rmc-lang/rmc/stdlib"
)

// A loader reads a recipe and the libraries it uses.
type loader struct {
	fsys      fs.FS
	errs      diag.List
	libraries []*ast.File
	loaded    []string
	missing   bool // a library could not be read
}

// main parses the recipe and loads what it uses; nil when it cannot be read.
func (l *loader) main(name string) *ast.File {
	text, err := fs.ReadFile(l.fsys, name)
	if err != nil {
		where := source.Span{File: source.New(name, "")}
		l.errs.Addf(diag.MissingLibrary, where, "%s cannot be read: %v", name, reason(err))
		return nil
	}
	return l.parse(name, string(text))
}

// reason is an error without the path that the message has already.
func reason(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// parse parses one file and loads what it uses, before it in the order.
func (l *loader) parse(name, text string) *ast.File {
	file, errs := parse.File(source.New(name, text))
	l.errs = append(l.errs, errs...)
	l.loaded = append(l.loaded, name)
	for _, use := range file.Uses {
		if use.Broken {
			l.missing = true
			continue
		}
		l.use(file, use)
	}
	l.missing = l.missing || file.Broken
	return file
}

// use loads one library, once however often it is used.
func (l *loader) use(from *ast.File, use *ast.Use) {
	if use.Path == "" || path.IsAbs(use.Path) {
		l.errs.Addf(diag.MissingLibrary, use.At, "a library is named by its path beside this file, not by %q", use.Path).Help =
			"as in use std/preference, or use \"../shared/mine\""
		l.missing = true
		return
	}
	name, fsys, local := l.locate(from.Source.Name, use.Path)
	switch {
	case name == l.loaded[0]:
		l.errs.Addf(diag.RecipeUsed, use.At, "%s is the recipe itself", name).Help =
			"take the line away: its objectives are known everywhere in it"
		return
	case slices.Contains(l.loaded, name):
		return
	}
	text, err := fs.ReadFile(fsys, local)
	if err != nil {
		d := l.errs.Addf(diag.MissingLibrary, use.At, "there is no library %s", use.Path)
		d.Help = l.libraryHelp(use.Path, fsys, local)
		l.missing = true
		return
	}
	library := l.parse(name, string(text))
	l.libraries = append(l.libraries, library)
}

// locate turns the path of a use into the display name, the file system and
// the path in it. std/x is embedded; ./x lies beside the file that uses it.
func (l *loader) locate(from, used string) (name string, fsys fs.FS, local string) {
	file := strings.TrimSuffix(used, ".rmr") + ".rmr"
	if rest, ok := strings.CutPrefix(file, "std/"); ok {
		return "std/" + rest, stdlib.FS, rest
	}
	if rest, ok := strings.CutPrefix(from, "std/"); ok {
		local = path.Join(path.Dir(rest), file)
		return "std/" + local, stdlib.FS, local
	}
	local = path.Join(path.Dir(from), file)
	return local, l.fsys, local
}

// nearLibrary suggests a file beside the one that is missing, or says where it
// would be.
func (l *loader) nearLibrary(used, local string) string {
	entries, _ := fs.ReadDir(l.fsys, path.Dir(local)) // without the folder there is nothing near
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".rmr"); ok {
			names = append(names, name)
		}
	}
	near := diag.Suggest(strings.TrimSuffix(path.Base(local), ".rmr"), names)
	if near == "" {
		return "it would be the file " + local
	}
	if near = path.Join(path.Dir(used), near); strings.HasPrefix(used, "..") || strings.Trim(near, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/") != "" {
		near = strconv.Quote(near)
	}
	return "did you mean use " + near + "?"
}

// libraryHelp suggests a library of the standard library, or the file wanted.
func (l *loader) libraryHelp(used string, fsys fs.FS, local string) string {
	if fsys != fs.FS(stdlib.FS) {
		if _, err := fs.Stat(stdlib.FS, path.Base(local)); err == nil {
			return "did you mean std/" + strings.TrimSuffix(path.Base(local), ".rmr") + "?"
		}
		return l.nearLibrary(used, local)
	}
	var names []string
	files, _ := fs.Glob(stdlib.FS, "*.rmr") // the pattern is well formed
	for _, f := range files {
		names = append(names, "std/"+strings.TrimSuffix(f, ".rmr"))
	}
	if near := diag.Suggest(used, names); near != "" {
		return "did you mean " + near + "?"
	}
	return "the standard library has: " + strings.Join(names, ", ")
}
