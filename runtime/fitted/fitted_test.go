package fitted

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/fit"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/tree"
)

// A probe of two attributes over two numbers, and a transform of what it gives.
func chain() (probe, debias *Fit) {
	probe = &Fit{
		Stage: program.Fit(spec.Fit{Name: "probe", Kind: "ridge", Of: []string{"backbone"}}, spec.Data{Name: "ratings"}), Rows: 3, Inputs: "of probe",
		Probe: &fit.Probe{Attributes: []string{"helpful", "brief"}, Hidden: 2, Weight: [][]float64{{1, 0}, {0.5, 2}}, Intercept: []float64{0, -1}, Chosen: make([]fit.Chosen, 2)},
	}
	debias = &Fit{
		Stage:     program.Fit(spec.Fit{Name: "debias", Kind: "decorrelate", Of: []string{"backbone", "probe"}}, spec.Data{Name: "prefs"}),
		Transform: &fit.Transform{Attributes: []string{"helpful", "brief"}, From: "brief", Matrix: [][]float64{{1, 0}, {-0.5, 1}}},
	}
	return probe, debias
}

// What was kept is read as it was, computes the same, and is known by the same
// digest.
func TestKept(t *testing.T) {
	probe, debias := chain()
	stump := tree.Tree{Attributes: []string{"helpful"}, Root: &tree.Node{Share: 0.5, Weight: 2, Pairs: 1}}
	grown := &Fit{
		Stage: program.Fit(spec.Fit{Name: "tree", Kind: "tree", Of: []string{"backbone", "probe"}}, spec.Data{Name: "prefs"}),
		Tree:  &Tree{Tree: &stump, References: [][]float64{{0.25}}},
	}
	for _, f := range []*Fit{probe, debias, grown} {
		f.Digest = f.sum()
		folder := filepath.Join(t.TempDir(), f.Stage.Fit.Name)
		if err := f.Keep(folder); err != nil {
			t.Fatal(err)
		}
		got, err := Read(f.Stage, folder)
		if err != nil {
			t.Fatal(err)
		}
		if got.Digest != f.Digest || got.Inputs != f.Inputs || got.Rows != f.Rows || !reflect.DeepEqual(got.Attributes(), f.Attributes()) {
			t.Errorf("%s: %+v, want %+v", f.Stage.Fit.Name, got, f)
		}
		if err := os.WriteFile(filepath.Join(folder, fitFile), []byte("{}"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(f.Stage, folder); err == nil || !strings.Contains(err.Error(), "fit.json has changed since it was written") {
			t.Errorf("%s: %v", f.Stage.Fit.Name, err)
		}
	}
}

func TestThrough(t *testing.T) {
	probe, debias := chain()
	rows, names, err := Through([]*Fit{probe, debias}, fit.Matrix[float32]{Rows: 1, Cols: 2, Data: []float32{3, 1}})
	// the probe gives 3 and 0.5·3 + 2·1 - 1 = 2.5, the transform 3 - 0.5·2.5 and 2.5
	if err != nil || !reflect.DeepEqual(rows.Row(0), []float64{1.75, 2.5}) || strings.Join(names, " ") != "helpful brief" {
		t.Errorf("%v of %v, %v", rows, names, err)
	}
	if _, _, err := Through([]*Fit{{Stage: probe.Stage, Tree: &Tree{}}}, fit.Matrix[float32]{}); err == nil || !strings.Contains(err.Error(), "nothing reads a tree") {
		t.Errorf("through a tree: %v", err)
	}
}

// A fit depends on its settings, weights, rows and the fits below it.
func TestInputs(t *testing.T) {
	probe, debias := chain()
	set := func() *data.Set { return &data.Set{Train: []data.Example{{Row: 1, Prompt: "a"}}} }
	key := func(f *Fit, weights string, below *Fit, s *data.Set) string {
		return Inputs(f.Stage, spec.Model{DType: "float32"}, weights, []*Fit{below}, s)
	}
	same, others := key(debias, "w", probe, set()), map[string]string{}
	below, how, rows := *probe, *debias, set()
	below.Digest, how.Stage.Fit.AtMost, rows.Train[0].Prompt = "another", 1, "b"
	others["below"], others["settings"], others["rows"], others["weights"] = key(debias, "w", &below, set()), key(&how, "w", probe, set()), key(debias, "w", probe, rows), key(debias, "v", probe, set())
	if key(debias, "w", probe, set()) != same {
		t.Error("the same inputs differ")
	}
	for what, key := range others {
		if key == same {
			t.Errorf("%s are in no key", what)
		}
	}
}
