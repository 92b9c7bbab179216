package compiler_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/compiler"
)

const module = "github.com/rmc-lang/rmc/"

// An sdk type-checks the packages that a program imports from their source,
// declarations alone: what they import in turn is left empty, so that no
// tensor library is read. Their own types are exact all the same.
type sdk struct {
	files  *token.FileSet
	loaded map[string]*types.Package
}

func (s *sdk) Import(path string) (*types.Package, error) {
	if p := s.loaded[path]; p != nil {
		return p, nil
	}
	rest, ours := strings.CutPrefix(path, module+"runtime/")
	if !ours || rest != "op" && rest != "spec" && rest != "trainer" {
		p := types.NewPackage(path, filepath.Base(path))
		p.MarkComplete()
		s.loaded[path] = p
		return p, nil
	}
	dir := filepath.Join("..", "runtime", rest)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []*ast.File
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(s.files, filepath.Join(dir, e.Name()), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	config := types.Config{Importer: s, IgnoreFuncBodies: true, Error: func(error) {}}
	p, _ := config.Check(path, s.files, files, nil) // errors of what was left empty
	p.MarkComplete()
	s.loaded[path] = p
	return p, nil
}

// typeCheck returns what Go says of a program.
func typeCheck(t *testing.T, source []byte) []string {
	t.Helper()
	s := &sdk{token.NewFileSet(), map[string]*types.Package{}}
	file, err := parser.ParseFile(s.files, "main.go", source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var errs []string
	config := types.Config{Importer: s, Error: func(err error) { errs = append(errs, err.Error()) }}
	config.Check("main", s.files, []*ast.File{file}, nil)
	return errs
}

// A variant of the quickstart for each form that a program can have.
func variants() map[string]string {
	change := func(old, new string) string { return strings.Replace(quickstart, old, new, 1) }
	return map[string]string{
		"quickstart": quickstart,
		"full":       change("lora { rank = 8, on = [q_proj, v_proj] }", "full { checkpoint = true }"),
		"head":       change("lora { rank = 8, on = [q_proj, v_proj] }", "head\n  head = linear { init = keep, layer = 20, bias = true }"),
		"margin":     change("split       =", "columns     = named { margin = \"gap\", chosen = \"winner\" }\n  split       ="),
		"mesh":       change("evaluate rm", "mesh { devices = 4, tensor = 2, memory = 24 GiB }\n\nshard rm { \"*.embed_tokens\" = [tensor, fsdp], \"*_proj\" = auto }\n\nevaluate rm"),
		"keywords":   strings.NewReplacer("model rm", "model type", "train rm", "train type", "evaluate rm", "evaluate type", "prefs", "op").Replace(quickstart),
		"percent":    change("center = 0.01", "center = -(1%)"),
		"buckets":    change("batch     = 32 pairs", "batch = 32 pairs\n  micro = 4 pairs\n  buckets = [128, 512]\n  steps = 1e3\n  order = listed"),
		"two stages": quickstart + "\ntrain rm on prefs as second {\n  objective = bradley_terry\n  seed = 1\n}\n\nevaluate rm on prefs.train as seen { batch = 4 pairs }\n",
		"armorm":     armorm,
		"library gate": strings.NewReplacer("use std/preference", "use std/preference\nuse std/armorm",
			armorm[strings.Index(armorm, "/// ArmoRM's gate."):strings.Index(armorm, "train gate")], "",
			"objective = gated", "objective = gated { gate = gate, probe = probe, debias = debias }").Replace(armorm),
		"odin": strings.NewReplacer("use std/preference", "use std/odin", "bradley_terry { center = 0.01 }", "odin { total = false }",
			"  tune =", "  head = linear { outputs = 2, labels = [quality, length] }\n  tune =",
			"evaluate rm", "reward quality = odin.quality\n\nevaluate quality").Replace(quickstart),
		"ratings": strings.NewReplacer("use std/preference", "use std/ratings", "data prefs: preference {", "data prefs: ratings {\n  attributes = [overall]\n  missing = error",
			"bradley_terry { center = 0.01 }", "score_regression", "batch     = 32 pairs", "batch = 32 rows", "evaluate rm on prefs.holdout", "").Replace(quickstart),
		"ranking": strings.NewReplacer("use std/preference", "use std/ranking", "data prefs: preference", "data prefs: ranking",
			"bradley_terry { center = 0.01 }", "plackett_luce", "batch     = 32 pairs", "batch = 32 rows").Replace(quickstart),
	}
}

func TestProgramsAreGo(t *testing.T) {
	for name, text := range variants() {
		t.Run(name, func(t *testing.T) {
			files, err := compiler.Emit(mustCompile(t, text))
			if err != nil {
				t.Fatal(err)
			}
			if errs := typeCheck(t, files[0].Content); len(errs) > 0 {
				t.Errorf("Go says:\n%s\nof\n%s", strings.Join(errs, "\n"), files[0].Content)
			}
		})
	}
}

// What the type-check would say of a program that does not fit the runtime:
// without this the test above could not fail.
func TestTypeCheckSeesMistakes(t *testing.T) {
	files, err := compiler.Emit(mustCompile(t, quickstart))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new string }{
		{"MaxLength:", "MaxLenght:"},
		{"Outputs: 1", `Outputs: "1"`},
		{"op.LogSigmoid(", "op.LogSigmoidal("},
		{"trainer.Train(rm, prefs,", "trainer.Train(prefs, rm,"},
		{"PlanVersion1", "PlanVersion0"},
	} {
		text := strings.Replace(string(files[0].Content), c.old, c.new, 1)
		if text == string(files[0].Content) {
			t.Fatalf("the program has no %q:\n%s", c.old, text)
		}
		if len(typeCheck(t, []byte(text))) == 0 {
			t.Errorf("%q → %q goes unnoticed", c.old, c.new)
		}
	}
}

func TestEveryValueHasItsOrigin(t *testing.T) {
	files, err := compiler.Emit(mustCompile(t, quickstart, "train.rm.optimizer.lr=3e-5"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(files[0].Content)), " ")
	for _, want := range []string{
		`Name: "rm", Kind: "reward", // quickstart.rmr:6`,
		`OverLength: "drop", // quickstart.rmr:14`,
		`Optimizer: spec.Optimizer{Kind: "adamw", // quickstart.rmr:20`,
		`LR: 3e-5, // --set`,
		`Overrides: []string{"train.rm.optimizer.lr=3e-5"},`,
		`Part: "holdout", Batch: 16} // quickstart.rmr:24; default: Batch`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, zero := range []string{"WeightDecay", "Micro", "Floor", "Limit", "Template", "Checkpoint"} {
		if strings.Contains(text, zero) {
			t.Errorf("%s is zero and was printed", zero)
		}
	}
}

// armorm has every kind of declaration that a program can hold beside the
// quickstart's.
const armorm = `/// ArmoRM on summaries.
recipe armorm

use std/preference

model backbone: encoder { base = "file:base", layer = 12 }

data ratings: ratings {
  source      = "file:summeval.jsonl"
  attributes  = [coherence, consistency, fluency, relevance, length]
  columns     = named { prompt = "source", response = "summary" }
  missing     = mask
  over_length = truncate_left
  split       = holdout { fraction = 20%, by = prompt }
}

data prefs: preference { source = "file:p.jsonl", over_length = drop, split = holdout { fraction = 20%, by = prompt } }

fit probe = ridge on backbone(ratings) { intercept = true }
fit debias = decorrelate on probe(prefs) { from = length, at_most = 0.03 }

model gate: mlp { input = backbone, hidden = [256, 256], dropout = 0.2, outputs = attribute, scalars = named { scale = 1 } }

/// ArmoRM's gate.
objective gated on preference {
  let gates = gate.scale * softmax(gate(prompt) / 10, over attribute)
  let attributes(x) = debias(probe(x))
  let s(x) = sum(gates * attributes(x), over attribute)
  loss = mean(-log_sigmoid(s(chosen) - s(rejected)))
}

train gate on prefs { objective = gated, optimizer = adamw { lr = 1e-3 }, steps = 300, batch = 256 pairs, order = resample, validate = holdout { fraction = 10% } }

reward armo = gated.s
evaluate armo on prefs.holdout
evaluate probe on ratings.holdout

model bt: mlp { input = backbone }
train bt on prefs { objective = bradley_terry }
evaluate bt on prefs.holdout

fit tree = tree on probe(prefs) { depth = 3 }
reward judge = tree
evaluate judge on prefs.holdout

label judged = llm on prefs { endpoint = "http://127.0.0.1:8000/v1", model = "m" }
train bt on judged as again { objective = bradley_terry }
`
