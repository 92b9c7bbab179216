package compiler_test

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rmc-lang/rmc/compiler"
	"github.com/rmc-lang/rmc/lang/diag"
)

// FuzzCompile demands of any text: no panic, every place inside its file, a
// renderer that prints it, and of what compiles, a program that Go can read.
func FuzzCompile(f *testing.F) {
	f.Add(quickstart, "train.rm.optimizer.lr=1e-4")
	for _, text := range variants() {
		f.Add(text, "mesh.devices=2")
	}
	for _, e := range diag.Entries() {
		f.Add(string(txtar.Parse([]byte(e.Example)).Files[0].Data), "model.rm.tune=full")
	}
	f.Fuzz(func(t *testing.T, text, set string) {
		fsys := fstest.MapFS{"quickstart.rmr": {Data: []byte(text)}}
		r, errs := compiler.Compile(fsys, "quickstart.rmr", compiler.Options{Overrides: []string{set}})
		for _, d := range errs {
			if s := d.Span; s.Valid() && (s.Start < 0 || s.End < s.Start || s.End > len(s.File.Text)) {
				t.Errorf("%s: the place %d to %d is outside a text of %d", d.Code, s.Start, s.End, len(s.File.Text))
			}
		}
		show(errs)
		if errs.HasErrors() {
			return
		}
		files, err := compiler.Emit(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.ParseFile(token.NewFileSet(), "main.go", files[0].Content, 0); err != nil {
			t.Errorf("%v in\n%s", err, files[0].Content)
		}
		if strings.Contains(string(files[0].Content), "%!") {
			t.Errorf("a format went wrong:\n%s", files[0].Content)
		}
		compiler.Render(r)
		if _, err := json.Marshal(r.Plan); err != nil {
			t.Errorf("the plan: %v", err)
		}
	})
}
