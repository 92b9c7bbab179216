package parse_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/parse"
	"github.com/rmc-lang/rmc/lang/source"
)

const specFile = "../SPEC.md"

func spec(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(specFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestSpecGrammar(t *testing.T) {
	const begin, end = "<!-- grammar:begin -->\n", "<!-- grammar:end -->"
	text := spec(t)
	before, rest, ok := strings.Cut(text, begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no section for the grammar", specFile)
	}
	want := "```ebnf\n" + parse.EBNF() + "\n```\n"
	if *update {
		if err := os.WriteFile(specFile, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		got = want
	}
	equal(t, got, want)
}

// Examples marked rmr must parse; those marked error=R00xx must have that
// problem of syntax, and those with a later code none.
func TestSpecExamples(t *testing.T) {
	blocks := regexp.MustCompile("(?ms)^```rmr( error=(R\\d{4}))?\n(.*?)^```$").FindAllStringSubmatch(spec(t), -1)
	if len(blocks) < 5 {
		t.Fatalf("only %d examples", len(blocks))
	}
	for _, b := range blocks {
		code := diag.Code(b[2])
		_, errs := parse.File(source.New("SPEC.md", b[3]))
		switch {
		case code != "" && code < "R0100":
			if len(errs) != 1 || errs[0].Code != code {
				t.Errorf("want %s alone, got\n%s\nin\n%s", code, text(t, errs), b[3])
			}
		case len(errs) > 0:
			t.Errorf("%s\nin\n%s", text(t, errs), b[3])
		}
		if _, ok := diag.Lookup(string(code)); code != "" && !ok {
			t.Errorf("there is no code %s", code)
		}
	}
}
