package emit

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/dave/jennifer/jen"

	"github.com/rmc-lang/rmc/compiler/check"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/parse"
	"github.com/rmc-lang/rmc/lang/source"
	"github.com/rmc-lang/rmc/stdlib"
)

var update = flag.Bool("update", false, "rewrite testdata")

const odin = `objective odin(strength: real = 1) on preference {
  let total(x) = sum(heads(x, model = odin), over head)
  let quality = heads(chosen, model = odin)[quality]
  loss = mean(-log_sigmoid(total(chosen) - total(rejected))) + strength * abs(corr(quality, gap))
  report accuracy = mean(total(chosen) > total(rejected))
}`

// Every objective of the standard library as it is emitted, with a column
// margin and each parameter set, and one that uses what they do not.
func TestObjectivesAsGo(t *testing.T) {
	file := jen.NewFile("main")
	file.ImportName(opPath, "op")
	texts := map[string]string{"odin.rmr": odin}
	names := []string{"preference.rmr", "ranking.rmr", "odin.rmr"}
	for _, name := range names[:2] {
		b, err := stdlib.FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(b)
	}
	for _, name := range names {
		tree, errs := parse.File(source.New("std/"+name, texts[name]))
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		for _, d := range tree.Decls {
			o := checked(t, d)
			for _, code := range objective(camel(o.Name), o) {
				file.Add(code)
			}
			file.Line()
		}
	}
	golden(t, "objectives.go.golden", fmt.Sprintf("%#v", file))
}

func checked(t *testing.T, d *ast.Decl) *check.Objective {
	t.Helper()
	env := check.Env{
		Data: check.Data{Name: "d", Kind: d.On.(*ast.Ident).Name, Columns: []string{"gap", "margin"}},
		Models: []check.Model{
			{Name: "rm", Outputs: 1, Trained: true},
			{Name: "odin", Outputs: 2, Labels: []string{"quality", "length"}, Trained: true},
		},
		Serves: []string{"score", "heads"},
		Views:  []string{"chosen", "rejected", "candidates"},
	}
	if d.Name.Name == "odin" {
		env.Models = env.Models[1:]
	}
	value, _ := parse.Expr(source.New("quickstart.rmr", "1e-2"))
	for _, p := range d.Params {
		if p.Name.Name == "center" || p.Name.Name == "noise" {
			env.Args = append(env.Args, check.Arg{Name: p.Name.Name, Value: value, Origin: "quickstart.rmr:19"})
		}
	}
	var errs diag.List
	o := check.New(d, env, &errs)
	if o == nil || len(errs) > 0 && o.Name != "odin" {
		t.Fatalf("%s: %v", d.Name.Name, errs)
	}
	return o
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update rewrites it); got\n%s", path, got)
	}
}
