package stdlib_test

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rmc-lang/rmc/compiler"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/format"
	"github.com/rmc-lang/rmc/lang/parse"
	"github.com/rmc-lang/rmc/lang/source"
	"github.com/rmc-lang/rmc/stdlib"
)

// libraries calls f for each file of the library.
func libraries(t *testing.T, f func(t *testing.T, name string, src *source.File, file *ast.File)) {
	t.Helper()
	names, err := fs.Glob(stdlib.FS, "*.rmr")
	if err != nil || len(names) == 0 {
		t.Fatalf("%v, %v", names, err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			text, err := fs.ReadFile(stdlib.FS, name)
			if err != nil {
				t.Fatal(err)
			}
			src := source.New("std/"+name, string(text))
			file, errs := parse.File(src)
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			f(t, name, src, file)
		})
	}
}

func TestLibrariesAreFormatted(t *testing.T) {
	libraries(t, func(t *testing.T, _ string, src *source.File, file *ast.File) {
		if got := string(format.File(file)); got != src.Text {
			t.Errorf("rmc fmt would write\n%s", got)
		}
	})
}

// Every objective says whose it is: a year, and for each default that it has a
// peer or paper in the text above it.
func TestObjectivesNameTheirPapers(t *testing.T) {
	year := regexp.MustCompile(`\b(19|20)\d\d\b`)
	libraries(t, func(t *testing.T, _ string, _ *source.File, file *ast.File) {
		if file.Doc == "" {
			t.Error("the library has no doc comment")
		}
		for _, d := range file.Decls {
			if !year.MatchString(d.Doc) {
				t.Errorf("%s names no paper: %q", d.Name.Name, d.Doc)
			}
			for _, p := range d.Params {
				if !regexp.MustCompile(`\b` + p.Name.Name + `\b`).MatchString(d.Doc) {
					t.Errorf("%s does not say what %s is", d.Name.Name, p.Name.Name)
				}
			}
		}
	})
}

// Every objective compiles in a recipe that uses its library, with its defaults
// and with all that it has no default for.
func TestObjectivesCompile(t *testing.T) {
	libraries(t, func(t *testing.T, name string, _ *source.File, file *ast.File) {
		for _, d := range file.Decls {
			if d.Keyword.Name != "objective" {
				continue
			}
			var args []string
			for _, p := range d.Params {
				switch {
				case p.Default != nil:
				case p.Type.Name == "model" || p.Type.Name == "fit":
					args = append(args, p.Name.Name+" = my_"+p.Name.Name)
				default:
					args = append(args, p.Name.Name+" = 5%")
				}
			}
			recipe := recipeFor(name, d, args)
			fsys := fstest.MapFS{"r.rmr": {Data: []byte(recipe)}}
			result, errs := compiler.Compile(fsys, "r.rmr", compiler.Options{})
			if len(errs) > 0 || result.Objectives["rm"] == nil {
				t.Errorf("%s: %v", d.Name.Name, errs)
			}
		}
	})
}

// recipeFor trains a model that has what the objective asks for.
func recipeFor(library string, d *ast.Decl, args []string) string {
	model := "model rm: reward { base = \"file:base\" }"
	kind := d.On.(*ast.Ident).Name
	fields := ""
	heads := strings.Contains(d.Span.Text(), "heads(")
	rated := ", attributes = [helpful, correct], missing = mask"
	speaks := strings.Contains(d.Span.Text(), "logprob(") || strings.Contains(d.Span.Text(), "logits(")
	switch {
	case speaks:
		model = "model rm: policy { base = \"file:base\" }"
		if slices.Contains(args, "policy = my_policy") {
			model = "model rm: policy { base = \"file:base\", scalars = named { least = 1, mean = 0, last = 0, bias = 0 } }"
			args = []string{"policy = rm"}
		}
		for _, other := range []string{"my_ref", "my_best"} {
			if strings.Contains(strings.Join(args, " "), other) {
				model += "\n\nmodel " + other + ": policy { base = \"file:base\" }"
			}
		}
	case len(d.Params) > 0 && d.Params[0].Type.Name == "model":
		model = `model backbone: encoder { base = "file:base" }

data r: ratings { source = "file:r.jsonl", over_length = drop, split = none` + rated + ` }

fit my_probe = ridge on backbone(r)

fit my_debias = decorrelate on my_probe(d) { from = correct }

model rm: mlp { input = backbone, outputs = attribute, scalars = named { scale = 1 } }`
		for i := range args {
			args[i] = strings.Replace(args[i], "my_gate", "rm", 1)
		}
	case kind == "ratings" && heads:
		model = "model backbone: encoder { base = \"file:base\" }\n\nmodel rm: mlp { input = backbone, outputs = attribute }"
	case heads:
		model = "model rm: reward { base = \"file:base\", head = linear { outputs = 2, labels = [quality, length] } }"
	}
	if kind == "ratings" {
		fields = rated
	}
	return "recipe r\n\nuse std/" + strings.TrimSuffix(library, ".rmr") + "\n\n" + model + "\n\n" +
		"data d: " + kind + " { source = \"file:d.jsonl\", over_length = drop, split = none" + fields + " }\n\n" +
		"train rm on d { objective = " + d.Name.Name + " { " + strings.Join(args, ", ") + " } }\n"
}
