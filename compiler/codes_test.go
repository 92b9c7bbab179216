package compiler_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rmc-lang/rmc/compiler"
	"github.com/rmc-lang/rmc/lang/diag"
)

// example compiles the archive of a code: recipe.rmr, libraries beside it, and
// a file called set with an override a line.
func example(t *testing.T, e diag.Entry) (*compiler.Result, diag.List) {
	t.Helper()
	fsys := fstest.MapFS{}
	var o compiler.Options
	for _, f := range txtar.Parse([]byte(e.Example)).Files {
		if f.Name == "set" {
			o.Overrides = strings.Fields(string(f.Data))
			continue
		}
		fsys[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return compiler.Compile(fsys, "recipe.rmr", o)
}

// Every example of a code of names and values has that problem and no other.
func TestExamplesHaveTheirCode(t *testing.T) {
	for _, e := range diag.Entries() {
		if !strings.HasPrefix(string(e.Code), "R01") && !strings.HasPrefix(string(e.Code), "R02") {
			continue
		}
		t.Run(string(e.Code), func(t *testing.T) {
			_, errs := example(t, e)
			demand(t, e, errs)
		})
	}
}

// demand fails unless errs is one diagnostic with the code and severity of e,
// a place, and a message in the house's form.
func demand(t *testing.T, e diag.Entry, errs diag.List) {
	t.Helper()
	if len(errs) != 1 || errs[0].Code != e.Code {
		t.Fatalf("want one problem, %s; got %d:\n%s\nin\n%s", e.Code, len(errs), show(errs), e.Example)
	}
	d := errs[0]
	if d.Severity != e.Severity {
		t.Errorf("severity is %v, and the entry says %v", d.Severity, e.Severity)
	}
	if !d.Span.Valid() {
		t.Error("no place")
	}
	if d.Message == "" || strings.HasSuffix(d.Message, ".") || len(d.Notes) > 2 {
		t.Errorf("message %q with %d notes", d.Message, len(d.Notes))
	}
	if d.Help == "" {
		t.Errorf("no help: what is to be typed?\n%s", show(errs))
	}
}
