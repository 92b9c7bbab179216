package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/rmc-lang/rmc/runtime/disk"
)

// A carried file is one file of the runtime's source that rmc has with it.
type carriedFile struct {
	path    string // slash-separated, below the module's root
	content []byte
}

// carriedFiles lists what of tree a trainer is compiled from, sorted by path:
// everything but tests and their data.
func carriedFiles(tree fs.FS) ([]carriedFile, error) {
	var files []carriedFile
	err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "testdata":
			return fs.SkipDir
		case d.IsDir() || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		content, err := fs.ReadFile(tree, path)
		files = append(files, carriedFile{path, content})
		return err
	})
	sort.Slice(files, func(i, j int) bool { return files[i].path < files[j].path })
	return files, err
}

// digest is the sha256 of files, paths and contents, in hex. It names the
// folder they are unpacked to, and `rmc version` prints it.
func digest(files []carriedFile) string {
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintf(h, "%s %d\n", f.path, len(f.content))
		h.Write(f.content)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// unpack makes sure that every file is in dir as carried. It may run in several
// processes at once: each file appears whole or not at all, and a file that is
// already right is left alone, so that go's build cache stays warm.
func unpack(files []carriedFile, dir string) error {
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.path))
		if err := writeFile(path, f.content); err != nil {
			return err
		}
	}
	return nil
}

// writeFile puts content at path, making its folder, unless it is there
// already. The file appears whole or not at all.
func writeFile(path string, content []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, content) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return disk.Write(path, content)
}
