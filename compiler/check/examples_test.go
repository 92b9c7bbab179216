package check_test

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rmc-lang/rmc/compiler"
	"github.com/rmc-lang/rmc/lang/diag"
)

// Each code of this package must explain itself by a recipe that has this
// problem and no other.
func TestEveryCodeHasItsExample(t *testing.T) {
	n := 0
	for _, e := range diag.Entries() {
		if e.Code < "R0300" || e.Code >= "R0500" {
			continue
		}
		n++
		var fsys fs.FS = txtarFS(e.Example)
		_, errs := compiler.Compile(fsys, "recipe.rmr", compiler.Options{})
		if len(errs) != 1 || errs[0].Code != e.Code || errs[0].Severity != e.Severity {
			t.Errorf("%s: got\n%s\n%s", e.Code, describe(errs), e.Example)
			continue
		}
		if errs[0].Help == "" || errs[0].Message == "" || !errs[0].Span.Valid() {
			t.Errorf("%s: a message without place or help: %s", e.Code, describe(errs))
		}
		if testing.Verbose() {
			t.Log(describe(errs))
		}
	}
	if n < 30 {
		t.Errorf("%d codes of objectives", n)
	}
}

func txtarFS(archive string) fstest.MapFS {
	files := fstest.MapFS{}
	for _, f := range txtar.Parse([]byte(archive)).Files {
		files[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return files
}
