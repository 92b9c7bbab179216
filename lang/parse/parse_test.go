package parse_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/parse"
	"github.com/rmc-lang/rmc/lang/source"
)

var update = flag.Bool("update", false, "rewrite the goldens")

func text(t *testing.T, l diag.List) string {
	t.Helper()
	var b bytes.Buffer
	if err := diag.WriteText(&b, l, false); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// file parses text, which must have no problem.
func file(t *testing.T, recipe string) *ast.File {
	t.Helper()
	f, errs := parse.File(source.New("a.rmr", recipe))
	if len(errs) > 0 {
		t.Fatalf("%s", text(t, errs))
	}
	return f
}

func equal(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func archives(t *testing.T, pattern string) map[string]*txtar.Archive {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: no files (%v)", pattern, err)
	}
	out := map[string]*txtar.Archive{}
	for _, p := range paths {
		a, err := txtar.ParseFile(p)
		if err != nil {
			t.Fatal(err)
		}
		out[p] = a
	}
	return out
}

// golden compares got with the second file of the archive at path.
func golden(t *testing.T, path string, a *txtar.Archive, got string) {
	t.Helper()
	if *update {
		a.Files[1].Data = []byte(got)
		if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, got, string(a.Files[1].Data))
}

func TestErrors(t *testing.T) {
	for path, a := range archives(t, "testdata/errors/*.txtar") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			_, errs := parse.File(source.New(a.Files[0].Name, string(a.Files[0].Data)))
			golden(t, path, a, text(t, errs))
		})
	}
}

func TestTrees(t *testing.T) {
	for path, a := range archives(t, "testdata/trees/*.txtar") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			f := file(t, string(a.Files[0].Data))
			var b strings.Builder
			for _, d := range f.Decls {
				b.WriteString(ast.Dump(d) + "\n")
			}
			golden(t, path, a, b.String())
		})
	}
}

func TestSketchesParse(t *testing.T) {
	paths, err := filepath.Glob("testdata/sketches/*.rmr")
	if err != nil || len(paths) < 6 {
		t.Fatalf("sketches are missing: %v %v", paths, err)
	}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		f, errs := parse.File(source.New(p, string(b)))
		if len(errs) > 0 {
			t.Error(text(t, errs))
		}
		checkSpans(t, f)
	}
}

// Every example must have its own problem and no other.
func TestExamples(t *testing.T) {
	n := 0
	for _, e := range diag.Entries() {
		if e.Code >= "R0100" {
			continue
		}
		n++
		a := txtar.Parse([]byte(e.Example))
		_, errs := parse.File(source.New("recipe.rmr", string(a.Files[0].Data)))
		if len(errs) != 1 || errs[0].Code != e.Code || errs[0].Severity != e.Severity {
			t.Errorf("%s %s: the example has\n%s", e.Code, e.Title, text(t, errs))
		}
	}
	if n < 20 {
		t.Errorf("only %d syntax codes have examples", n)
	}
}

// Examples of later phases must be good syntax.
func TestLaterExamplesParse(t *testing.T) {
	for _, e := range diag.Entries() {
		if e.Code < "R0100" {
			continue
		}
		for _, f := range txtar.Parse([]byte(e.Example)).Files {
			if filepath.Ext(f.Name) != ".rmr" {
				continue
			}
			if _, errs := parse.File(source.New(f.Name, string(f.Data))); len(errs) > 0 {
				t.Errorf("%s: %s", e.Code, text(t, errs))
			}
		}
	}
}

func TestParts(t *testing.T) {
	f := file(t, "// one\n/// The\n/// doc.\nrecipe r // two\n\nuse std/preference\nuse \"./mine.rmr\"\n\n/// M.\nmodel m: reward {\n  /// B.\n  base = x\n}\n")
	equal(t, f.Doc, "The\ndoc.")
	equal(t, f.Recipe.Name, "r")
	equal(t, f.Uses[0].Path+" "+f.Uses[1].Path, "std/preference ./mine.rmr")
	equal(t, ast.Dump(f.Comments), `["one" "two"]`)
	equal(t, ast.Dump(f.Decls), "[Decl{Doc:M. Keyword:model Name:m Kind:reward Body:Block{Items:[Field{Doc:B. Key:base Value:x}]}}]")
}

func TestLibraryDoc(t *testing.T) {
	for _, c := range []struct{ text, doc, decl string }{
		{"/// Lib.\n\n/// F.\nobjective f on p { loss = 1 }\n", "Lib.", "F."},
		{"/// F.\nobjective f on p { loss = 1 }\n", "", "F."},
		{"/// Lib.\nuse a\n\n/// F.\nobjective f on p { loss = 1 }\n", "Lib.", "F."},
		{"/// A.\n\n/// B.\n\nobjective f on p { loss = 1 }\n", "A.\n\nB.", ""},
	} {
		f := file(t, c.text)
		equal(t, f.Doc+"|"+f.Decls[0].Doc, c.doc+"|"+c.decl)
	}
}

func TestEmptyFiles(t *testing.T) {
	for _, s := range []string{"", "\n", "// c", "\ufeff", "  \t\r\n", "/// only a doc\n"} {
		if f := file(t, s); len(f.Decls) != 0 {
			t.Errorf("%q has declarations", s)
		}
	}
}

func TestLineEndsOfWindows(t *testing.T) {
	f := file(t, "\ufeffrecipe r\r\n\r\nmesh {\r\n  a = 1\r\n  b = f(2,\r\n    3)\r\n}\r\n// c\r\n")
	equal(t, ast.Dump(f.Decls), "[Decl{Keyword:mesh Body:Block{Items:[Field{Key:a Value:Number{Text:1}} "+
		"Field{Key:b Value:Call{Fun:f Args:[Arg{Value:Number{Text:2}} Arg{Value:Number{Text:3}}]}}]}}]")
	equal(t, f.Comments[0].Text, "c")
}

// A number takes its unit from its own line only.
func TestUnitStandsOnTheLineOfItsNumber(t *testing.T) {
	f := file(t, "train a on b {\n  epochs = 1\n  batch = 64 pairs\n  l = [1 token,\n    2]\n}\n")
	equal(t, ast.Dump(f.Decls[0].Body), "Block{Items:[Field{Key:epochs Value:Number{Text:1}} Field{Key:batch Value:Number{Text:64 Unit:pairs}} "+
		"Field{Key:l Value:List{Items:[Number{Text:1 Unit:token} Number{Text:2}]}}]}")
}

func TestBrokenDeclarationsKeepTheirNames(t *testing.T) {
	f, errs := parse.File(source.New("a.rmr", "model rm: reward {\n  a = [1\n}\n\ntrain rm on hh {\n  a = 1\n}\n\ndata hh: preference x {\n  x = abc\n}\n"))
	if len(errs) != 2 {
		t.Errorf("want two errors, got\n%s", text(t, errs))
	}
	equal(t, ast.Dump(f.Decls), "[Decl{Keyword:model Name:rm Kind:reward Broken:true} "+
		"Decl{Keyword:train Name:rm On:hh Body:Block{Items:[Field{Key:a Value:Number{Text:1}}]}} Decl{Keyword:data Name:hh Kind:preference Broken:true}]")
}

func TestBrokenRecipeLineStillMakesARecipe(t *testing.T) {
	for line, name := range map[string]string{"recipe my-recipe": "my", "recipe 3": "recipe", "recipe": "recipe", "recipe a b": "a"} {
		f, errs := parse.File(source.New("a.rmr", line+"\n\nmesh {}\n"))
		if len(errs) != 1 || f.Recipe == nil || f.Recipe.Name != name || len(f.Decls) != 1 {
			t.Errorf("%s: %+v\n%s", line, f.Recipe, text(t, errs))
		}
	}
}

func TestExpressions(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"-x^2", "(-(x^2))"},
		{"x^-y^z", "(x^(-(y^z)))"},
		{"2^3^4", "(2^(3^4))"},
		{"!-!x", "(!(-(!x)))"},
		{"a - b - c", "((a-b)-c)"},
		{"a / b * c", "((a/b)*c)"},
		{"a + b * -c ^ d", "(a+(b*(-(c^d))))"},
		{"a || b && c == d + 1", "(a||(b&&(c==(d+1))))"},
		{"(a || b) && c", "([(a||b)]&&c)"},
		{"-f(x)[e].g", "(-f(x)[e].g)"},
		{"3 pairs - 10 %", "(3 pairs-10 %)"},
	} {
		x, errs := parse.Expr(source.New("set", c.text))
		if len(errs) > 0 {
			t.Errorf("%s: %s", c.text, text(t, errs))
			continue
		}
		equal(t, explicit(x), c.want)
		if got := x.Pos().Text(); got != c.text {
			t.Errorf("%q spans %q", c.text, got)
		}
	}
}

// explicit writes x with a bracket for every operation.
func explicit(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.Number:
		if x.Unit != nil {
			return x.Text + " " + x.Unit.Name
		}
		return x.Text
	case *ast.Unary:
		return "(" + x.Op + explicit(x.X) + ")"
	case *ast.Binary:
		return "(" + explicit(x.X) + x.Op + explicit(x.Y) + ")"
	case *ast.Paren:
		return "[" + explicit(x.X) + "]"
	case *ast.Call:
		return explicit(x.Fun) + "(" + explicit(x.Args[0].Value) + ")"
	case *ast.Index:
		return explicit(x.X) + "[" + x.Elem.Name + "]"
	case *ast.Select:
		return explicit(x.X) + "." + x.Name.Name
	}
	return "?"
}

func TestExprValues(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"1e-5", "Number{Text:1e-5}"},
		{"lora { rank = 8, on = [a] }\n", "Construct{Name:lora Body:Block{Items:[Field{Key:rank Value:Number{Text:8}} Field{Key:on Value:List{Items:[a]}}]}}"},
		{`"a\"\\\n\u00e9"`, `String{Value:"a\"\\\né"}`},
		{"f(x, over a, of = b, over = c, over)", "Call{Fun:f Args:[Arg{Value:x} Arg{Over:true Value:a} Arg{Name:of Value:b} Arg{Name:over Value:c} Arg{Value:over}]}"},
	} {
		x, errs := parse.Expr(source.New("set", c.text))
		if len(errs) > 0 {
			t.Errorf("%s: %s", c.text, text(t, errs))
			continue
		}
		equal(t, ast.Dump(x), c.want)
	}
}

func TestExprErrors(t *testing.T) {
	for _, c := range []struct {
		text string
		code diag.Code
	}{
		{"", diag.MissingValue}, {" \n", diag.MissingValue}, {"1 +", diag.MissingValue}, {"a b", diag.UnexpectedToken},
		{"a = b", diag.WrongEquals}, {"a\nb", diag.UnexpectedToken}, {"\"x", diag.UnclosedString}, {"f(", diag.UnclosedBracket},
		{"a < b < c", diag.ChainedComparison}, {"}", diag.StrayCloser}, {"* 3", diag.UnexpectedToken}, {"{ a = 1 }", diag.UnexpectedToken},
	} {
		x, errs := parse.Expr(source.New("set", c.text))
		if x != nil || len(errs) != 1 || errs[0].Code != c.code {
			t.Errorf("%q: want %s, got\n%s", c.text, c.code, text(t, errs))
		}
	}
}

func TestLongAndDeepInputs(t *testing.T) {
	const n = 10_000
	for _, c := range []struct {
		text string
		code diag.Code
	}{
		{strings.Repeat("-", n) + "x", ""},
		{strings.Repeat("x^", n) + "x", ""},
		{strings.Repeat("x + ", n) + "x", ""},
		{"x" + strings.Repeat(".x", n), ""},
		{strings.Repeat("(", 100) + "x" + strings.Repeat(")", 100), ""},
		{strings.Repeat("(", n) + "x" + strings.Repeat(")", n), diag.TooDeep},
		{strings.Repeat("[", n) + strings.Repeat("]", n), diag.TooDeep},
		{strings.Repeat("x^", n), diag.MissingValue},
	} {
		_, errs := parse.Expr(source.New("set", c.text))
		if c.code == "" && len(errs) > 0 || c.code != "" && (len(errs) != 1 || errs[0].Code != c.code) {
			t.Errorf("%.10q…: %d problems", c.text, len(errs))
		}
	}
}

// checkSpans fails unless every place of f is inside the file, holds its
// parts, and begins and ends with a token.
func checkSpans(t *testing.T, f *ast.File) {
	t.Helper()
	for _, d := range f.Decls {
		checkSpan(t, f.Source, d.Span)
		checkBlock(t, f.Source, d.Body, d.Span)
	}
	for _, c := range f.Comments {
		checkSpan(t, f.Source, c.Span)
	}
}

func checkBlock(t *testing.T, src *source.File, b *ast.Block, in source.Span) {
	t.Helper()
	if b == nil {
		return
	}
	checkInside(t, src, b.Span, in)
	for _, item := range b.Items {
		switch x := item.(type) {
		case *ast.Field:
			checkInside(t, src, x.Span, b.Span)
			checkInside(t, src, x.Value.Pos(), x.Span)
			if k, ok := x.Value.(*ast.Construct); ok {
				checkBlock(t, src, k.Body, k.Span)
			}
		case *ast.Let:
			checkInside(t, src, x.Span, b.Span)
			checkInside(t, src, x.Value.Pos(), x.Span)
		case *ast.Report:
			checkInside(t, src, x.Span, b.Span)
			checkInside(t, src, x.Value.Pos(), x.Span)
		case *ast.Decl:
			checkInside(t, src, x.Span, b.Span)
			checkBlock(t, src, x.Body, x.Span)
		}
	}
}

func checkInside(t *testing.T, src *source.File, s, in source.Span) {
	t.Helper()
	checkSpan(t, src, s)
	if s.Start < in.Start || s.End > in.End {
		t.Errorf("%q is not inside of %q", s.Text(), in.Text())
	}
}

func checkSpan(t *testing.T, src *source.File, s source.Span) {
	t.Helper()
	if s.File != src || s.Start < 0 || s.End < s.Start || s.End > len(src.Text) {
		t.Fatalf("span %d:%d is not in the file of %d bytes", s.Start, s.End, len(src.Text))
	}
	if got := s.Text(); got == "" || strings.Trim(got, " \t\r\n") != got {
		t.Errorf("span %q begins or ends with space", got)
	}
}

func FuzzFile(f *testing.F) {
	for _, pattern := range []string{"testdata/sketches/*.rmr", "testdata/errors/*.txtar"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			f.Fatalf("%s: no seeds (%v)", pattern, err)
		}
		for _, p := range paths {
			b, err := os.ReadFile(p)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(b))
		}
	}
	f.Add("x y {\"\n}")
	f.Fuzz(func(t *testing.T, recipe string) {
		src := source.New("fuzz.rmr", recipe)
		tree, errs := parse.File(src)
		checkSpans(t, tree)
		for _, d := range errs {
			if d.Span.File != src || d.Span.Start < 0 || d.Span.End < d.Span.Start || d.Span.End > len(recipe) {
				t.Fatalf("%s: span %d:%d is not in the file of %d bytes", d.Message, d.Span.Start, d.Span.End, len(recipe))
			}
		}
		text(t, errs)
		parse.Expr(src)
	})
}

// What items of a block set counts as set although they could not be parsed.
func TestLostItemsKeepTheirNames(t *testing.T) {
	f, errs := parse.File(source.New("a.rmr", "train rm on hh {\n  a b\n  c = 1\n  \"d\" 2\n  = 3\n  e = 1 f = 2\n  g = h { i j }\n  let k = 3 4\n}\n"))
	if len(errs) != 6 {
		t.Errorf("want six errors, got\n%s", text(t, errs))
	}
	block := f.Decls[0].Body
	var lost []string
	for _, id := range append(block.Lost, block.Items[1].(*ast.Field).Value.(*ast.Construct).Body.Lost...) {
		if id == nil {
			lost = append(lost, "?")
			continue
		}
		lost = append(lost, id.Name)
	}
	equal(t, strings.Join(lost, " "), "a d ? e f k i")
	if f.Decls[0].Broken || len(block.Items) != 2 {
		t.Errorf("what is left is %s", ast.Dump(f.Decls))
	}
}
