// Package conformance holds what rmc computes against what other programs do:
// transformers, through score.py and reward.py, and numbers that were recorded of them. Only
// tests use it.
package conformance

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Close compares numbers with a reference, element by element, and fails t
// where one is off by more than tolerance. It logs a line with the largest and
// the mean difference, which make conformance prints.
func Close[T float32 | float64](t testing.TB, name string, got []T, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 {
		t.Fatalf("%s: %d numbers, want %d", name, len(got), len(want))
	}
	worst, at, sum := 0.0, 0, 0.0
	for i := range want {
		d := math.Abs(float64(got[i]) - want[i])
		sum += d
		if d > worst || math.IsNaN(d) && !math.IsNaN(worst) {
			worst, at = d, i
		}
	}
	verdict := "ok"
	if !(worst <= tolerance) {
		verdict = "FAIL"
		t.Errorf("%s: number %d is %g, want %g", name, at, got[at], want[at])
	}
	t.Logf("conformance: %-66s max |Δ| %.1e  mean %.1e  tolerance %.0e  %s", name, worst, sum/float64(len(want)), tolerance, verdict)
}

//go:embed score.py
var script string

// A Job is rows for transformers to score.
type Job struct {
	Folder  string `json:"folder"`  // what AutoModelForSequenceClassification loads
	Adapter string `json:"adapter"` // of PEFT, over Folder; may be empty
	Rows    []any  `json:"rows"`    // each a list of token ids, or a list of messages {role, content}
}

// An Answer is what transformers gives for the rows of a job, [row][output].
type Answer struct {
	Scores   [][]float64         `json:"scores"`   // of each row alone
	Padded   [][]float64         `json:"padded"`   // in one batch, padded on the right
	Problems map[string][]string `json:"problems"` // what did not load as meant
}

// Transformers scores jobs, all in one process. t is skipped where there is no
// Python for it.
func Transformers(t testing.TB, jobs ...Job) []Answer {
	t.Helper()
	return ask[Answer](t, script, jobs)
}

//go:embed reward.py
var rewardScript string

// Rewards runs the Python in the card of exported rewards: the score of each row,
// which is a list of messages or {"of": …}, the arguments. t is skipped where there is no Python for it.
func Rewards(t testing.TB, jobs ...Job) [][]float64 {
	t.Helper()
	var scores [][]float64
	for _, a := range ask[struct {
		Scores []float64 `json:"scores"`
	}](t, rewardScript, jobs) {
		scores = append(scores, a.Scores)
	}
	return scores
}

// ask has a script answer jobs, a line each, all in one process.
func ask[A any](t testing.TB, script string, jobs []Job) []A {
	t.Helper()
	var in bytes.Buffer
	for _, job := range jobs {
		text, err := json.Marshal(job)
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(text, '\n'))
	}
	cmd := exec.Command(Python(t), "-c", script)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = &in, &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	var answers []A
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var a A
		if err := decoder.Decode(&a); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		answers = append(answers, a)
	}
	if len(answers) != len(jobs) {
		t.Fatalf("%d answers to %d jobs\n%s", len(answers), len(jobs), &stderr)
	}
	return answers
}

// Python is an interpreter with torch, transformers and peft: $RMC_PYTHON, else
// what make venv made, else python3. Without one t is skipped.
func Python(t testing.TB) string {
	t.Helper()
	var tried error
	for _, path := range interpreters() {
		if tried = exec.Command(path, "-c", "import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, ['torch', 'transformers', 'peft'])))").Run(); tried == nil {
			return path
		}
	}
	t.Skipf("needs a Python with torch, transformers and peft: make venv, or RMC_PYTHON (%v)", tried)
	return ""
}

func interpreters() []string {
	if path := os.Getenv("RMC_PYTHON"); path != "" {
		return []string{path}
	}
	return []string{filepath.Join(Cache(), "venv", "bin", "python"), "python3"}
}

// Cache is rmc's cache folder.
func Cache() string {
	if root := os.Getenv("RMC_CACHE"); root != "" {
		return root
	}
	user, err := os.UserCacheDir()
	if err != nil {
		return filepath.Join(os.TempDir(), "rmc")
	}
	return filepath.Join(user, "rmc")
}
