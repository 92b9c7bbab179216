package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/compiler/schema"
	"github.com/rmc-lang/rmc/lang/diag"
)

// rmcOutput runs rmc in this process and returns what it prints and its code.
func rmcOutput(args ...string) (out, errs string, code int) {
	var o, e bytes.Buffer
	code = run(args, &console{in: strings.NewReader(""), out: &o, err: &e})
	return o.String(), e.String(), code
}

func TestExplainEveryCode(t *testing.T) {
	list, _, _ := rmcOutput("explain")
	if len(diag.Entries()) < 30 {
		t.Errorf("there are %d codes, want at least 30", len(diag.Entries()))
	}
	for _, entry := range diag.Entries() {
		out, errs, code := rmcOutput("explain", string(entry.Code))
		if code != exitFine || errs != "" {
			t.Errorf("explain %s exits with %d and says %s", entry.Code, code, errs)
		}
		for _, want := range []string{entry.Title, strings.TrimSpace(entry.Explain), "recipe.rmr"} {
			if !strings.Contains(out, want) {
				t.Errorf("explain %s does not print %q:\n%s", entry.Code, want, out)
			}
		}
		if line := string(entry.Code) + "  " + entry.Title + "\n"; !strings.Contains(list, line) {
			t.Errorf("explain does not list %q", line)
		}
		if lower, _, _ := rmcOutput("explain", strings.ToLower(string(entry.Code))); lower != out {
			t.Errorf("explain %s in lower case differs", entry.Code)
		}
	}
}

func TestExplainEveryField(t *testing.T) {
	for _, d := range schema.Describe() {
		if strings.HasSuffix(d.Path, "…") {
			continue // a place for any name has no name itself
		}
		out, errs, code := rmcOutput("explain", d.Path)
		if code != exitFine || !strings.HasPrefix(out, d.Path+": "+d.Doc+"\n") || !strings.Contains(out, "\n  takes ") {
			t.Errorf("explain %s exits with %d and prints %s%s", d.Path, code, out, errs)
		}
		if !strings.Contains(out, "\n  default ") {
			t.Errorf("explain %s says nothing of a default:\n%s", d.Path, out)
		}
	}
}
