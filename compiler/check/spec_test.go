package check_test

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/compiler/check"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/parse"
	"github.com/rmc-lang/rmc/lang/source"
)

var update = flag.Bool("update", false, "rewrite the tables of objectives in lang/SPEC.md")

const reference = "../../lang/SPEC.md"

func TestReferenceTables(t *testing.T) {
	b, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for name, want := range check.Tables() {
		begin, end := "<!-- "+name+":begin -->\n", "<!-- "+name+":end -->"
		before, rest, ok := strings.Cut(text, begin)
		got, after, ok2 := strings.Cut(rest, end)
		if !ok || !ok2 {
			t.Fatalf("%s has no place for the table of %s", reference, name)
		}
		if got != want && !*update {
			t.Errorf("the table of %s is\n%s\nwant (go test -update)\n%s", name, got, want)
		}
		text = before + begin + want + end + after
	}
	if *update {
		if err := os.WriteFile(reference, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// The objectives of the reference are right, or have the one mistake that they
// are marked with.
func TestReferenceExamples(t *testing.T) {
	b, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(b), "\n## Objectives\n")
	section, _, _ = strings.Cut(section, "\n## ")
	blocks := regexp.MustCompile("(?ms)^```rmr(?: error=(R\\d{4}))?\n(.*?)^```$").FindAllStringSubmatch(section, -1)
	if len(blocks) < 5 {
		t.Fatalf("only %d examples", len(blocks))
	}
	for _, block := range blocks {
		file, errs := parse.File(source.New("SPEC.md", block[2]))
		for _, d := range file.Decls {
			check.New(d, referenceEnv(d, block[2]), &errs)
		}
		var codes []string
		for _, e := range errs {
			codes = append(codes, string(e.Code))
		}
		if strings.Join(codes, " ") != block[1] {
			t.Errorf("%s\nhas %v, want %q\n%s", block[2], codes, block[1], describe(errs))
		}
	}
}

func referenceEnv(d *ast.Decl, text string) check.Env {
	env := pairs()
	switch {
	case d.Keyword.Name != "objective":
		return env
	case strings.Contains(text, "on ratings"):
		return rated()
	case strings.Contains(text, "on labels"):
		return labelled()
	case strings.Contains(text, "logprob("):
		return policy()
	case strings.Contains(text, "gate("):
		return gated()
	case strings.Contains(text, "heads("):
		env = twoHeads()
	}
	env.Data.Kind = d.On.(*ast.Ident).Name
	return env
}
