package main

import (
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/rmc-lang/rmc/"

// deps lists what the packages of a pattern reach. A package outside the
// standard library that needs cgo is listed a second time, as cgo:PATH.
func deps(t *testing.T, pattern string) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-f",
		"{{.ImportPath}}{{if and .CgoFiles (not .Standard)}} cgo:{{.ImportPath}}{{end}}", pattern)
	cmd.Dir = "../.."
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=1")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list -deps %s: %v\n%s", pattern, err, &stderr)
	}
	return strings.Fields(string(out))
}

// within reports whether a package is path or lies below it.
func within(pkg, path string) bool {
	return pkg == path || strings.HasPrefix(pkg, path+"/")
}

// The walls of docs/architecture.md. Each says which packages may not reach
// which, but for those that are let through.
func TestWalls(t *testing.T) {
	for _, wall := range []struct {
		from, what string
		breaks     func(pkg string) bool
	}{
		{"./lang/...", "lang knows neither compiler nor runtime", func(pkg string) bool {
			return within(pkg, module+"compiler") || within(pkg, module+"runtime") || within(pkg, module+"stdlib")
		}},
		{"./compiler/...", "the compiler knows of the runtime only the contract and the lock", func(pkg string) bool {
			return within(pkg, module+"runtime") && pkg != module+"runtime/spec" && pkg != module+"runtime/lock" || heavy(pkg)
		}},
		{"./cmd/rmc", "rmc carries no tensor library and no cgo", func(pkg string) bool {
			return heavy(pkg) || within(pkg, module+"runtime") && !slices.Contains(
				[]string{"spec", "lock", "disk", "source", "gguf", "safetensors", "arch", "text", "text/definition", "text/jinja", "text/jinja/rewrite", "text/pattern", "answer", "table", "record", "data", "pack", "generate", "judge", "suite"}, strings.TrimPrefix(pkg, module+"runtime/"))
		}},
		{"./runtime/...", "a trainer carries no compiler", func(pkg string) bool {
			return within(pkg, module+"compiler") || within(pkg, module+"lang") || within(pkg, module+"stdlib")
		}},
		{"./runtime/spec", "the contract imports nothing of ours", func(pkg string) bool {
			return within(pkg, strings.TrimSuffix(module, "/")) && pkg != module+"runtime/spec"
		}},
	} {
		t.Run(strings.Trim(wall.from, "./"), func(t *testing.T) {
			reached := deps(t, wall.from)
			if len(reached) == 0 {
				t.Fatalf("%s has no packages", wall.from)
			}
			for _, pkg := range reached {
				if wall.breaks(pkg) {
					t.Errorf("%s reaches %s, but %s", wall.from, pkg, wall.what)
				}
			}
		})
	}
}

// heavy reports whether a package is of the tensor library or needs cgo. The
// library's support packages (formatting, sets) are neither; the hub's use one.
func heavy(pkg string) bool {
	if within(pkg, "github.com/gomlx/compute/support") {
		return false
	}
	return within(pkg, "github.com/gomlx/gomlx") || within(pkg, "github.com/gomlx/compute") ||
		within(pkg, "github.com/gomlx/go-xla") || strings.HasPrefix(pkg, "cgo:")
}

// Every package has a row in docs/architecture.md, which says what of ours it
// imports: a package, all below a folder (lang/*), or nothing.
func TestTableOfPackages(t *testing.T) {
	text, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, packages, _ := strings.Cut(string(text), "\n## Packages\n")
	packages, _, _ = strings.Cut(packages, "\n## ")
	rows := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| .+ \\| (.+) \\|$").FindAllStringSubmatch(packages, -1) {
		rows[row[1]] = row[2]
	}
	cmd := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	ours := func(pkg string) string {
		return path.Clean(strings.TrimPrefix(strings.TrimPrefix(pkg, strings.TrimSuffix(module, "/")), "/"))
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		pkg := ours(words[0])
		row, ok := rows[pkg]
		delete(rows, pkg)
		if !ok && !within(pkg, "recipes") {
			t.Errorf("docs/architecture.md has no row for %s", pkg)
		}
		for _, imported := range words[1:] {
			may := func(pattern string) bool {
				match, err := path.Match(pattern, ours(imported))
				return err == nil && match
			}
			if ok && within(imported, strings.TrimSuffix(module, "/")) && !slices.ContainsFunc(strings.Split(row, ", "), may) {
				t.Errorf("%s imports %s, and its row in docs/architecture.md says %s", pkg, ours(imported), row)
			}
		}
	}
	for pkg := range rows {
		t.Errorf("docs/architecture.md has a row for %s, which is no package", pkg)
	}
}
