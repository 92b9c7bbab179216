package rmc_test

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A house is what is measured of the repository's Go, tests apart.
type house struct {
	lines, comments    int
	functions          []int           // lines of each
	exported, bare     int             // names, and those without a comment
	packages           map[string]bool // by folder: whether it says what it is for
	interfaces, widest int             // widest: lines of the longest file
}

// unfinished and machine are what no file has: notes to ourselves, and paths of
// the machine that it was written on.
var (
	unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)
	machine    = regexp.MustCompile(`(^|[\s"'=(:])/(root|work|home/\w+|Users/\w+)/`)
)

// The rules of the house that a program can check. What it prints besides is
// for comparing: half of all functions should be short.
func TestHouse(t *testing.T) {
	h := &house{packages: map[string]bool{}}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "bin", "runs"}, d.Name()):
			return fs.SkipDir
		case d.IsDir() || !slices.Contains([]string{".go", ".md", ".rmr", ".txtar", ".py", ".mod", ""}, filepath.Ext(path)):
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil || bytes.IndexByte(content, 0) >= 0 { // a trainer that somebody built
			return err
		}
		for _, not := range []*regexp.Regexp{unfinished, machine} {
			if at := not.FindIndex(content); at != nil {
				t.Errorf("%s:%d: %q", path, 1+bytes.Count(content[:at[0]], []byte("\n")), content[at[0]:at[1]])
			}
		}
		if filepath.Ext(path) == ".go" {
			h.file(t, path, content)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir, says := range h.packages {
		if !says {
			t.Errorf("%s has no package comment", dir)
		}
	}
	if 100*h.bare > 5*h.exported {
		t.Errorf("%d of %d exported names have no comment", h.bare, h.exported)
	}
	slices.Sort(h.functions)
	n := len(h.functions)
	t.Logf("%d lines in %d packages, %.1f %% comments; the longest file has %d", h.lines, len(h.packages), 100*float64(h.comments)/float64(h.lines), h.widest)
	t.Logf("%d functions: half have at most %d lines, nine in ten at most %d", n, h.functions[n/2], h.functions[n*9/10])
	t.Logf("%d exported names, %d without a comment; %.1f interfaces in 1,000 lines", h.exported, h.bare, 1000*float64(h.interfaces)/float64(h.lines))
}

// file measures one file of Go. Of tests only form and length count.
func (h *house) file(t *testing.T, path string, content []byte) {
	lines := bytes.Count(content, []byte("\n"))
	if lines > 800 {
		t.Errorf("%s has %d lines: cut it in two", path, lines)
	}
	if pretty, err := format.Source(content); err != nil || !bytes.Equal(pretty, content) {
		t.Errorf("%s is not gofmt's (%v)", path, err)
	}
	if strings.HasSuffix(path, "_test.go") {
		return
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, content, parser.ParseComments)
	if err != nil {
		t.Error(err)
		return
	}
	dir := filepath.Dir(path)
	h.packages[dir] = h.packages[dir] || file.Doc.Text() != ""
	if ast.IsGenerated(file) {
		return
	}
	span := func(n ast.Node) int { return set.Position(n.End()).Line - set.Position(n.Pos()).Line + 1 }
	h.lines, h.widest = h.lines+lines, max(h.widest, lines)
	for _, c := range file.Comments {
		h.comments += span(c)
	}
	for _, d := range file.Decls {
		h.declaration(t, set, d)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			h.functions = append(h.functions, span(n))
		case *ast.InterfaceType:
			h.interfaces++
		}
		return true
	})
}

// declaration counts exported names. A comment on a group serves all in it;
// methods that everybody knows need none.
func (h *house) declaration(t *testing.T, set *token.FileSet, d ast.Decl) {
	count := func(id *ast.Ident, comments ...*ast.CommentGroup) {
		if !id.IsExported() || slices.Contains([]string{"Error", "Unwrap", "String", "Pos"}, id.Name) {
			return
		}
		h.exported++
		if !slices.ContainsFunc(comments, func(c *ast.CommentGroup) bool { return c.Text() != "" }) {
			h.bare++
			t.Logf("%v: %s has no comment", set.Position(id.Pos()), id.Name)
		}
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		count(d.Name, d.Doc)
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				count(s.Name, d.Doc, s.Doc, s.Comment)
			case *ast.ValueSpec:
				for _, id := range s.Names {
					count(id, d.Doc, s.Doc, s.Comment)
				}
			}
		}
	}
}
