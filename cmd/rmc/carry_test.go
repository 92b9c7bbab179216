package main

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	rmc "github.com/rmc-lang/rmc"
)

// A trainer built by an installed rmc must be the one that the checkout builds,
// and embedding leaves some names out without a word.
func TestCarriedFilesAreAllOfTheRuntime(t *testing.T) {
	carried, err := carriedFiles(rmc.Source)
	if err != nil {
		t.Fatal(err)
	}
	runtime, err := carriedFiles(os.DirFS("../../runtime"))
	if err != nil {
		t.Fatal(err)
	}
	paths := map[string]bool{}
	for _, f := range carried {
		paths[f.path] = true
		if strings.HasSuffix(f.path, "_test.go") || strings.Contains(f.path, "testdata") {
			t.Errorf("%s is for tests and is carried", f.path)
		}
	}
	for _, f := range runtime {
		if !paths["runtime/"+f.path] {
			t.Errorf("runtime/%s is not carried", f.path)
		}
	}
	if !paths["go.mod"] || !paths["go.sum"] {
		t.Error("go.mod and go.sum are not both carried")
	}
}

func TestUnpackMendsAndLeavesTestsOut(t *testing.T) {
	files, err := carriedFiles(fstest.MapFS{
		"go.mod":             {Data: []byte("module m\n")},
		"runtime/a.go":       {Data: []byte("package a\n")},
		"runtime/a_test.go":  {Data: []byte("package a\n")},
		"runtime/testdata/x": {Data: []byte("x")},
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
}
