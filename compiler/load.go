package compiler

import (
	"errors"
	"io/fs"
	"path"
	"slices"
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
	name, fsys, local := l.locate(from.Source.Name, use.Path)
	if slices.Contains(l.loaded, name) {
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

// libraryHelp suggests a library of the standard library, or the file wanted.
func (l *loader) libraryHelp(used string, fsys fs.FS, local string) string {
	if fsys != fs.FS(stdlib.FS) {
		if _, err := fs.Stat(stdlib.FS, path.Base(local)); err == nil {
			return "did you mean std/" + strings.TrimSuffix(path.Base(local), ".rmr") + "?"
		}
		return "it would be " + local + ", beside the recipe"
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
