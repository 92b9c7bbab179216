package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// A backend is what a trainer computes with.
type backend string

// The backends.
const (
	backendXLA backend = "xla" // cgo: needs a C compiler to build and a PJRT plugin to run
	backendGo  backend = "go"  // pure Go: static, needs neither, 15–20 times slower
)

// tags are the build tags that leave the other backends out.
func (b backend) tags() string {
	if b == backendGo {
		return "noxla"
	}
	return ""
}

// goBuild compiles the main package in dir, a folder of the runtime's module,
// to the executable at out.
func goBuild(dir, out string, b backend) error {
	if err := checkTools(b); err != nil {
		return err
	}
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-mod=readonly", "-trimpath", "-buildvcs=false",
		"-ldflags=-s -w", "-tags="+b.tags(), "-o", out, ".")
	cmd.Dir = dir
	// A workspace or flags of the user's own project have no say here.
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "CGO_ENABLED="+cgo(b))
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return goBuildError(dir, output.String(), err)
	}
	return nil
}

func cgo(b backend) string {
	if b == backendGo {
		return "0"
	}
	return "1"
}

// checkTools says in our words what is missing, before go says it in its own.
func checkTools(b backend) error {
	if _, err := exec.LookPath("go"); err != nil {
		return errors.New("no go command in PATH: a trainer is compiled with Go (https://go.dev/dl)")
	}
	if b == backendGo {
		return nil
	}
	cc := cCompiler()
	if _, err := exec.LookPath(cc); err != nil {
		return fmt.Errorf("no C compiler (%s) in PATH: the XLA backend is linked through cgo; install gcc or clang, or build the slower pure Go trainer with --backend go", cc)
	}
	return nil
}

// cCompiler is the name of the C compiler that cgo will run.
func cCompiler() string {
	out, err := exec.Command("go", "env", "CC").Output()
	if fields := strings.Fields(string(out)); err == nil && len(fields) > 0 {
		return fields[0]
	}
	return "cc"
}

// goBuildError is go's output with the lines of the generated program that it
// speaks of: those carry the place in the recipe.
func goBuildError(dir, output string, err error) error {
	var b strings.Builder
	fmt.Fprintf(&b, "go build of the generated program failed (%v); its source is in %s\n", err, dir)
	source, _ := os.ReadFile(filepath.Join(dir, "main.go"))
	lines := strings.Split(string(source), "\n")
	for _, line := range strings.Split(strings.TrimSpace(output), "\n") {
		fmt.Fprintf(&b, "  %s\n", line)
		if n := mainLine(line); n > 0 && n <= len(lines) {
			fmt.Fprintf(&b, "  %5d | %s\n", n, lines[n-1])
		}
	}
	if strings.Contains(output, "dial tcp") || strings.Contains(output, "proxy") {
		b.WriteString("  go could not download a module of the runtime: check the network and GOPROXY, and try again\n")
	}
	return errors.New(strings.TrimRight(b.String(), "\n"))
}

var mainGoLine = regexp.MustCompile(`(?:^|/)main\.go:(\d+):`)

// mainLine is the 1-based line of main.go that a line of go's output is about,
// or 0.
func mainLine(line string) int {
	m := mainGoLine.FindStringSubmatch(line)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1]) // digits by the pattern
	return n
}
