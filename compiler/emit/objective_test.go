package emit

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dave/jennifer/jen"

	"github.com/rmc-lang/rmc/compiler/check"
	"github.com/rmc-lang/rmc/compiler/typed"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/parse"
	"github.com/rmc-lang/rmc/lang/source"
	"github.com/rmc-lang/rmc/stdlib"
)

var update = flag.Bool("update", false, "rewrite testdata")

// Every objective of the standard library as it is emitted, with a column
// margin and each parameter set, and the rewards of two.
func TestObjectivesAsGo(t *testing.T) {
	file := jen.NewFile("main")
	file.ImportName(opPath, "op")
	texts := map[string]string{}
	names := []string{"preference.rmr", "ranking.rmr", "ratings.rmr", "odin.rmr", "armorm.rmr"}
	for _, name := range names {
		b, err := stdlib.FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(b)
	}
	add := func(codes []jen.Code) {
		for _, code := range codes {
			file.Add(code)
		}
		file.Line()
	}
	for _, name := range names {
		tree, errs := parse.File(source.New("std/"+name, texts[name]))
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		for _, d := range tree.Decls {
			o := checked(t, d)
			add(objective(camel(o.Name), o))
			for reward, let := range map[string]string{"odin": "quality", "gated": "s"} {
				if o.Name == reward {
					add(rewardFunction(camel("by_"+let), rewarded(t, d, let)))
				}
			}
		}
	}
	golden(t, "objectives.go.golden", fmt.Sprintf("%#v", file))
}

func checked(t *testing.T, d *ast.Decl) *typed.Objective {
	t.Helper()
	var errs diag.List
	o := check.New(d, stage(d), &errs)
	if o == nil || len(errs) > 0 {
		t.Fatalf("%s: %v", d.Name.Name, errs)
	}
	return o
}

// rewarded is a let of d as a reward.
func rewarded(t *testing.T, d *ast.Decl, let string) *typed.Reward {
	t.Helper()
	var errs diag.List
	r := check.NewReward(d, &ast.Ident{Span: d.Name.Span, Name: let}, stage(d), &errs)
	if r == nil {
		t.Fatalf("%s.%s: %v", d.Name.Name, let, errs)
	}
	return r
}

// stage is what trains on d: a model of one score, or one that has what d asks for.
func stage(d *ast.Decl) check.Env {
	attributes := []string{"helpful", "correct", "length"}
	env := check.Env{
		Data: check.Data{Name: "d", Kind: d.On.(*ast.Ident).Name, Columns: []string{"gap", "margin"}, Attributes: attributes},
		Models: []check.Model{
			{Name: "rm", Kind: "reward", Outputs: 1},
			{Name: "two", Kind: "reward", Outputs: 2, Labels: []string{"quality", "length"}},
			{Name: "gate", Kind: "mlp", Axis: "attribute", Outputs: 3, Labels: attributes, Encoder: "backbone"},
		},
		Fits: []check.Fit{
			{Name: "probe", Kind: "ridge", Of: "backbone", Encoder: "backbone", Attributes: attributes},
			{Name: "debias", Kind: "decorrelate", Of: "probe", Encoder: "backbone", Attributes: attributes},
		},
		Serves: []string{"score", "heads", "model", "fit", "scalar", "weights", "length", "rating", "known"},
		Views:  []string{"chosen", "rejected", "responses", "prompt", "candidates", "response"},
	}
	text := d.Span.Text()
	switch {
	case strings.Contains(text, "gate."):
		env.Models[2].Scalars = []string{"scale"}
		env.Models[2].Trained = true
	case strings.Contains(text, "[quality]"):
		env.Models[1].Trained = true
	case strings.Contains(text, "heads("):
		env.Models[2].Trained = true
	default:
		env.Models[0].Trained = true
	}
	value, _ := parse.Expr(source.New("quickstart.rmr", "1e-2"))
	for _, p := range d.Params {
		if p.Type.Name == "model" || p.Type.Name == "fit" {
			env.Args = append(env.Args, check.Arg{Name: p.Name.Name, Value: p.Name, Origin: "quickstart.rmr:19"})
		}
		if p.Name.Name == "center" || p.Name.Name == "noise" {
			env.Args = append(env.Args, check.Arg{Name: p.Name.Name, Value: value, Origin: "quickstart.rmr:19"})
		}
	}
	return env
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
