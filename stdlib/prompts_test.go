package stdlib_test

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/text/jinja"
	"github.com/rmc-lang/rmc/stdlib"
)

// Every prompt is a template, says whose form it has and what it is given, and is in
// the reference.
func TestPrompts(t *testing.T) {
	names, err := fs.Glob(stdlib.FS, "*.jinja")
	if err != nil || len(names) < 6 {
		t.Fatalf("%v, %v", names, err)
	}
	reference, err := os.ReadFile("../lang/SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	about := regexp.MustCompile(`(?s)^\{# .*(\b(19|20)\d\d\b|As \w+\.jinja|rollout\.jinja).* #\}\n`)
	for _, name := range names {
		text, err := fs.ReadFile(stdlib.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := jinja.Compile(string(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !about.Match(text) {
			t.Errorf("%s does not say where its form is from", name)
		}
		if !strings.Contains(string(reference), "`std/"+name+"`") {
			t.Errorf("lang/SPEC.md does not have %s", name)
		}
	}
}
