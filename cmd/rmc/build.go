package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	rmc "github.com/rmc-lang/rmc"
	"github.com/rmc-lang/rmc/compiler"
	"github.com/rmc-lang/rmc/runtime/lock"
)

// A buildCommand compiles a recipe to a trainer.
type buildCommand struct {
	recipeFlags
	factsFlags
	Out     string  `name:"out" short:"o" placeholder:"FILE" help:"The trainer; ./trainer when absent."`
	Emit    string  `name:"emit" placeholder:"DIR" help:"Keep the Go source in DIR. Without -o it is not compiled."`
	Backend backend `name:"backend" enum:"xla,go" default:"xla" help:"What the trainer computes with: xla, or go for a static program that needs no plugin and is slow."`
}

// Run checks the recipe against the world and its lock, writes the program and
// has go compile it.
func (b *buildCommand) Run(c *console) error {
	r, program, err := c.program(b.recipeFlags, b.factsFlags)
	if err != nil {
		return err
	}
	if b.Emit != "" {
		if err := emitTo(b.Emit, r.Recipe.Name, program); err != nil {
			return err
		}
		c.note("wrote %s", filepath.Join(b.Emit, "main.go"))
		if b.Out == "" {
			return nil
		}
	}
	if b.Out == "" {
		b.Out = "trainer"
	}
	if err := compileProgram(r.Recipe.Name, program, b.Out, b.Backend); err != nil {
		return err
	}
	c.note("wrote %s", b.Out)
	return nil
}

// program compiles and checks a recipe and returns its main package: main.go,
// the recipe and the lock, which it writes beside the recipe if there is none.
func (c *console) program(f recipeFlags, o factsFlags) (*compiled, []carriedFile, error) {
	r, err := c.compileClean(f)
	if err != nil {
		return nil, nil, err
	}
	w, err := c.gather(r, o)
	if err != nil {
		return nil, nil, err
	}
	r.problems = compiler.Check(r.Result, w.Facts)
	if err := c.report(r); err != nil {
		return nil, nil, err
	}
	locked, err := c.lock(r, w)
	if err != nil {
		return nil, nil, err
	}
	emitted, err := compiler.Emit(r.Result)
	if err != nil {
		return nil, nil, err
	}
	text, err := os.ReadFile(r.path)
	if err != nil {
		return nil, nil, err
	}
	program := []carriedFile{{filepath.Base(r.path), text}, {lock.Name, []byte(locked)}}
	for _, file := range emitted {
		program = append(program, carriedFile{file.Name, file.Content})
	}
	return r, program, nil
}

// modulePath is the module that generated programs import.
const modulePath = "github.com/rmc-lang/rmc"

// emitTo writes a program to dir. Inside a checkout of rmc it is a package of
// that module; anywhere else it becomes a module of its own, which has the
// runtime's source beside it and builds on any machine with Go.
func emitTo(dir, name string, program []carriedFile) error {
	if err := unpack(program, dir); err != nil {
		return err
	}
	inside, err := insideModule(dir)
	if err != nil || inside {
		return err
	}
	files, err := carriedFiles(rmc.Source)
	if err != nil {
		return err
	}
	if err := unpack(files, filepath.Join(dir, "rmc")); err != nil {
		return err
	}
	for _, f := range files {
		switch f.path {
		case "go.mod":
			f.content = programModule(name, f.content)
		case "go.sum":
		default:
			continue
		}
		if err := unpack([]carriedFile{f}, dir); err != nil {
			return err
		}
	}
	return nil
}

var moduleLine = regexp.MustCompile(`(?m)^module\s+(\S+).*$`)

// programModule turns rmc's go.mod into that of a program beside the runtime.
// All that rmc requires is listed, as a main module must, so that go need not
// look anything up.
func programModule(name string, gomod []byte) []byte {
	text := moduleLine.ReplaceAllString(string(gomod), "module "+name)
	return []byte(text + fmt.Sprintf("\nrequire %s v0.0.0\n\nreplace %[1]s => ./rmc\n", modulePath))
}

// insideModule reports whether dir lies in a checkout of rmc.
func insideModule(dir string) (bool, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return false, err
	}
	for {
		gomod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil {
			m := moduleLine.FindStringSubmatch(string(gomod))
			return m != nil && strings.Trim(m[1], `"`) == modulePath, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return false, err
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return false, nil
		}
		dir = parent
	}
}
