package main

import (
	"os"
	"path/filepath"

	rmc "github.com/rmc-lang/rmc"
	"github.com/rmc-lang/rmc/runtime/disk"
)

// place writes a generated main package into the cache and returns its folder,
// which is named by its content and the runtime's. It lies inside the carried
// module: go's own cache then knows the runtime from one build to the next,
// whatever the recipe.
func place(name string, program []carriedFile) (string, error) {
	cache, err := disk.Cache()
	if err != nil {
		return "", err
	}
	tree, err := carriedFiles(rmc.Source)
	if err != nil {
		return "", err
	}
	module := filepath.Join(cache, "src", digest(tree)[:16])
	if err := unpack(tree, module); err != nil {
		return "", err
	}
	dir := filepath.Join(module, "program", name+"-"+digest(program)[:16])
	return dir, unpack(program, dir)
}

// compileProgram compiles a generated main package to the executable out.
func compileProgram(name string, program []carriedFile, out string, b backend) error {
	dir, err := place(name, program)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	return goBuild(dir, out, b)
}

// cachedTrainer returns the executable of a program, compiled now if it never
// was. Another process may be compiling the same one.
func cachedTrainer(name string, program []carriedFile, b backend) (string, error) {
	dir, err := place(name, program)
	if err != nil {
		return "", err
	}
	out := filepath.Join(dir, "trainer-"+string(b))
	if isFile(out) {
		return out, nil
	}
	tmp, err := os.MkdirTemp(dir, "build-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := goBuild(dir, filepath.Join(tmp, name), b); err != nil {
		return "", err
	}
	return out, os.Rename(filepath.Join(tmp, name), out)
}
