package format_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/format"
	"github.com/rmc-lang/rmc/lang/parse"
	"github.com/rmc-lang/rmc/lang/source"
)

var update = flag.Bool("update", false, "rewrite the goldens")

// parsed returns the tree of text, or nil if it has errors.
func parsed(text string) *ast.File {
	f, errs := parse.File(source.New("a.rmr", text))
	if errs.HasErrors() {
		return nil
	}
	return f
}

// check fails unless the format of text says the same as text and formats to
// itself. It returns the format.
func check(t *testing.T, text string) string {
	t.Helper()
	f := parsed(text)
	if f == nil {
		t.Fatalf("does not parse:\n%s", text)
	}
	want := ast.Dump(f)
	once := string(format.File(f))
	g := parsed(once)
	if g == nil {
		t.Fatalf("the format of\n%s\ndoes not parse:\n%s", text, once)
	}
	if got := ast.Dump(g); got != want {
		t.Fatalf("the format of\n%s\nis\n%s\nand says\n%s\ninstead of\n%s", text, once, got, want)
	}
	if twice := string(format.File(g)); twice != once {
		t.Fatalf("the format of\n%s\nis\n%s\nand then\n%s", text, once, twice)
	}
	return once
}

func TestGoldens(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no goldens (%v)", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			a, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := check(t, string(a.Files[0].Data))
			if *update {
				a.Files[1].Data = []byte(got)
				if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := string(a.Files[1].Data); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func sketches(t testing.TB) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("../parse/testdata/sketches/*.rmr")
	if err != nil || len(paths) < 6 {
		t.Fatalf("sketches are missing: %v %v", paths, err)
	}
	out := map[string]string{}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		out[p] = string(b)
	}
	return out
}

func TestSketchesKeepTheirMeaning(t *testing.T) {
	for name, text := range sketches(t) {
		t.Run(filepath.Base(name), func(t *testing.T) { check(t, text) })
	}
}

func TestExamplesKeepTheirMeaning(t *testing.T) {
	n := 0
	for _, e := range diag.Entries() {
		for _, f := range txtar.Parse([]byte(e.Example)).Files {
			if filepath.Ext(f.Name) == ".rmr" && parsed(string(f.Data)) != nil {
				check(t, string(f.Data))
				n++
			}
		}
	}
	if n == 0 {
		t.Error("no example parses")
	}
}

func FuzzFormat(f *testing.F) {
	for _, text := range sketches(f) {
		f.Add(text)
	}
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, p := range paths {
		a, err := txtar.ParseFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(a.Files[0].Data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if parsed(text) != nil {
			check(t, text)
		}
	})
}
