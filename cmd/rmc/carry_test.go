package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	rmc "github.com/rmc-lang/rmc"
)

// The patterns in embed.go name no files, so a runtime package with a
// template of its own would be carried without it.
func TestCarriedFilesAreAllOfTheRuntime(t *testing.T) {
	files, err := carriedFiles(rmc.Source)
	if err != nil {
		t.Fatal(err)
	}
	carried := map[string]bool{}
	for _, f := range files {
		carried[f.path] = true
	}
	root := os.DirFS("../..")
	err = fs.WalkDir(root, "runtime", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "testdata":
			return fs.SkipDir
		case d.IsDir() || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, ".md"):
			return nil
		case !carried[path]:
			t.Errorf("%s is not carried: add a pattern to embed.go", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		if !carried[name] {
			t.Errorf("%s is not carried", name)
		}
	}
}

func TestUnpackMendsAndLeavesTestsOut(t *testing.T) {
	files, err := carriedFiles(fstest.MapFS{
		"go.mod":            {Data: []byte("module m\n")},
		"runtime/a.go":      {Data: []byte("package a\n")},
		"runtime/a_test.go": {Data: []byte("package a\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := unpack(files, dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "runtime/a.go"), []byte("half a fi"), 0o644); err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if err := unpack(files, dir); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if got, _ := os.ReadFile(filepath.Join(dir, "runtime/a.go")); string(got) != "package a\n" {
		t.Errorf("a.go after a second unpack: %q", got)
	}
	entries, _ := os.ReadDir(filepath.Join(dir, "runtime"))
	if len(entries) != 1 {
		t.Errorf("runtime/ holds %v, want a.go alone: no test, no temporary file", entries)
	}
}

func TestDigestSeesNamesAndContents(t *testing.T) {
	base := []carriedFile{{"a", []byte("x")}, {"b", []byte("y")}}
	for name, other := range map[string][]carriedFile{
		"content moved": {{"a", []byte("xb")}, {"", []byte("y")}},
		"renamed":       {{"a", []byte("x")}, {"c", []byte("y")}},
		"changed":       {{"a", []byte("x")}, {"b", []byte("z")}},
		"fewer":         {{"a", []byte("x")}},
	} {
		if digest(base) == digest(other) {
			t.Errorf("%s: same digest", name)
		}
	}
	if digest(base) != digest(base) {
		t.Error("digest is not a function of its input")
	}
}
