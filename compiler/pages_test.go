package compiler_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/parse"
	"github.com/rmc-lang/rmc/lang/source"
)

// shown are the recipes on a page, with what stands behind the word rmr.
var shown = regexp.MustCompile("(?ms)^```rmr *([^\n]*)\n(.*?)^```$")

// What the pages show of the language is a whole recipe that compiles, a part of
// one of recipes/ or of the library, word for word, or, where it says in=NAME, declarations that
// compile in the recipe NAME in place of its own, after those above on the page. Files of the tutorial (file=)
// are typed in by a test of recipes/.
func TestRecipesOfThePages(t *testing.T) {
	recipes := map[string]string{}
	for _, path := range glob(t, "../recipes/*/*.rmr") {
		recipes[filepath.Base(filepath.Dir(path))] = read(t, path)
	}
	for _, path := range glob(t, "../stdlib/*.rmr") {
		recipes["std/"+strings.TrimSuffix(filepath.Base(path), ".rmr")] = read(t, path)
	}
	n := 0
	for _, page := range append(glob(t, "../docs/*.md"), glob(t, "../*.md")...) {
		edited := maps.Clone(recipes) // by what the page has shown so far
		for _, block := range shown.FindAllStringSubmatch(read(t, page), -1) {
			in, merged := strings.CutPrefix(block[1], "in=")
			text := block[2]
			switch {
			case strings.HasPrefix(block[1], "file="):
				continue
			case merged && recipes[in] == "":
				t.Errorf("%s: there is no recipe %s", page, in)
			case merged:
				edited[in] = replaced(t, edited[in], text)
				holds(t, page, edited[in], text)
			case regexp.MustCompile(`(?m)^recipe `).MatchString(text):
				holds(t, page, text, text)
			case !partOf(recipes, text):
				t.Errorf("%s: this is part of no recipe, and says not in which it compiles (```rmr in=NAME):\n%s", page, text)
			}
			n++
		}
	}
	if n < 8 {
		t.Fatalf("the pages show %d recipes", n)
	}
}

// A page's declarations are held against what they replace.
func TestReplacedDeclarations(t *testing.T) {
	got := replaced(t, quickstart, "use std/labels\n\ntrain rm on prefs { objective = hinge }\n\nmodel b: policy { base = \"file:b\" }\n")
	_, errs := compile(t, got)
	if !slices.Equal(codes(errs), []string{"R0125"}) || !strings.Contains(got, "hinge") || strings.Contains(got, "bradley_terry") {
		t.Errorf("%s\n%s", got, show(errs))
	}
	if partOf(map[string]string{"r": quickstart}, "model rm: reward {}\n") {
		t.Error("a model that the recipe does not have is part of it")
	}
}

// holds reports the errors of a recipe, of which shown is on a page.
func holds(t *testing.T, page, recipe, shown string) {
	t.Helper()
	_, errs := compile(t, recipe)
	if slices.ContainsFunc(errs, func(d diag.Diagnostic) bool { return d.Severity == diag.Error }) {
		t.Errorf("%s: this does not compile:\n%s\n%s", page, shown, show(errs))
	}
}

// partOf says whether a text stands in one of the recipes.
func partOf(recipes map[string]string, text string) bool {
	for _, recipe := range recipes {
		if strings.Contains(recipe, text) {
			return true
		}
	}
	return false
}

// replaced is a recipe with the declarations of a text in place of those of the
// same name. Others stand above the next one that does replace something.
func replaced(t *testing.T, recipe, text string) string {
	t.Helper()
	old, errs := parse.File(source.New("recipe", recipe))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	part, errs := parse.File(source.New("page", text))
	if len(errs) > 0 {
		t.Fatalf("%s\n%v", text, errs)
	}
	var b strings.Builder
	b.WriteString("recipe " + old.Recipe.Name + "\n\n")
	uses := map[string]bool{}
	for _, use := range slices.Concat(old.Uses, part.Uses) {
		if !uses[use.Path] {
			b.WriteString("use " + use.Path + "\n")
		}
		uses[use.Path] = true
	}
	rest := part.Decls
	write := func(text string, decls ...*ast.Decl) {
		for _, d := range decls {
			b.WriteString("\n" + text[d.Span.Start:d.Span.End] + "\n")
		}
	}
	for _, d := range old.Decls {
		same := func(p *ast.Decl) bool { return called(p) == called(d) }
		if i := slices.IndexFunc(rest, same); i >= 0 {
			write(text, rest[:i+1]...)
			rest = rest[i+1:]
		} else if !slices.ContainsFunc(part.Decls, same) {
			write(recipe, d)
		}
	}
	write(text, rest...)
	return b.String()
}

// called is what a declaration must not share with another.
func called(d *ast.Decl) string {
	name, keyword := "", d.Keyword.Name
	switch {
	case d.As != nil:
		name = d.As.Name
	case d.Name != nil:
		name = d.Name.Name
	}
	if keyword == "label" { // is data
		keyword = "data"
	}
	return keyword + " " + name
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %v", pattern, err)
	}
	return paths
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
