// Package recipes holds the recipes, and the tests that compile them with the
// rmc command and run what comes out.
package recipes

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// rmc is the command under test, built once.
var rmc string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "rmc-test-*")
	if err == nil {
		rmc = filepath.Join(dir, "rmc")
		build := exec.Command("go", "build", "-o", rmc, "../cmd/rmc")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		build.Stderr = os.Stderr
		err = build.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "building rmc:", err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// command runs a program in dir and returns what it prints; it must exit with
// code.
func command(t *testing.T, dir string, code int, name string, args ...string) (stdout, stderr string) {
	t.Helper()
	return commandOn(t, "", dir, code, name, args...)
}

// commandOn is command with something on standard input.
func commandOn(t *testing.T, in, dir string, code int, name string, args ...string) (stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(in)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatalf("%s: %v", name, err)
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("%s %s exits with %d, want %d\n%s%s", filepath.Base(name), strings.Join(args, " "), got, code, &out, &errs)
	}
	return out.String(), errs.String()
}

// tiny puts testdata/tiny with its model into an empty folder outside the
// checkout and returns the folder.
func tiny(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := writeTiny(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func writeTiny(dir string) error {
	for from, to := range map[string]string{
		"tiny/tiny.rmr": "tiny.rmr", "tiny/pairs.jsonl": "pairs.jsonl",
		"conformance/llama/config.json": "model/config.json", "conformance/llama/model.safetensors": "model/model.safetensors",
	} {
		content, err := os.ReadFile(filepath.Join("..", "testdata", from))
		if err != nil {
			return err
		}
		content = bytes.ReplaceAll(content, []byte("file:../conformance/llama"), []byte("file:model"))
		to = filepath.Join(dir, to)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// tinyTrainer is testdata/tiny compiled for the pure Go backend, once for all
// tests.
var tinyTrainer = sync.OnceValues(func() (string, error) { return buildTiny("tiny", "") })

// unlockedTrainer is the same with an empty lock: it takes any data, so that its
// own reading is tested and not the lock.
var unlockedTrainer = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(filepath.Dir(rmc), "unlocked")
	src := filepath.Join(dir, "src")
	err := writeTiny(dir)
	if err == nil {
		err = quietly(dir, rmc, "build", "--emit", src)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(src, "rmc.lock"), nil, 0o644)
	}
	if err == nil {
		err = quietly(src, "env", "CGO_ENABLED=0", "GOWORK=off", "go", "build", "-trimpath", "-buildvcs=false", "-tags=noxla", "-o", "../trainer", ".")
	}
	return filepath.Join(dir, "trainer"), err
})

// buildTiny compiles a recipe over the files of testdata/tiny; "" is the one
// there.
func buildTiny(name, recipe string) (trainer string, err error) {
	dir := filepath.Join(filepath.Dir(rmc), name)
	if err := writeTiny(dir); err != nil {
		return "", err
	}
	if recipe != "" {
		if err := os.WriteFile(filepath.Join(dir, "tiny.rmr"), []byte(recipe), 0o644); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "trainer"), quietly(dir, rmc, "build", "--backend", "go")
}

// quietly runs a program whose output matters only when it fails.
func quietly(dir, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// built is what one of the builders above made.
func built(t *testing.T, build func() (string, error)) string {
	t.Helper()
	trainer, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return trainer
}

// The committed programs are what rmc makes of the recipes beside them, and the
// committed locks are current.
func TestCommittedProgramsAreCurrent(t *testing.T) {
	recipes, err := filepath.Glob("*/*.rmr")
	if err != nil || len(recipes) == 0 {
		t.Fatalf("no recipes: %v", err)
	}
	for _, recipe := range recipes {
		t.Run(filepath.Dir(recipe), func(t *testing.T) {
			out := t.TempDir()
			command(t, ".", 0, rmc, "build", "--offline", recipe, "--emit", out)
			for _, name := range []string{"main.go", "rmc.lock"} {
				want, err := os.ReadFile(filepath.Join(out, name))
				if err != nil {
					t.Fatal(err)
				}
				got, err := os.ReadFile(filepath.Join(filepath.Dir(recipe), name))
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s/%s is not what rmc writes (%v): run make generate", filepath.Dir(recipe), name, err)
				}
			}
			main, _ := os.ReadFile(filepath.Join(out, "main.go"))
			if alone := bytes.Count(main, []byte("trainer.Train(")) == 1 && bytes.Contains(main, []byte("func bradleyTerry(")) && !bytes.Contains(main, []byte("spec.Fit{")); alone && bytes.Count(main, []byte("\n")) >= 80 {
				t.Errorf("the program has %d lines; a Bradley–Terry trainer has fewer than 80", bytes.Count(main, []byte("\n")))
			}
			command(t, ".", 0, rmc, "fmt", "-check", recipe)
		})
	}
}

// The whole way on the pure Go backend: a recipe in an empty folder becomes a
// static trainer that trains, evaluates, and does not do it twice.
func TestTinyTrainsInPureGo(t *testing.T) {
	dir, trainer := tiny(t), built(t, tinyTrainer)
	command(t, dir, 0, trainer)

	steps := metrics(t, filepath.Join(dir, "runs", "tiny", "metrics.jsonl"))
	if len(steps) != 8 {
		t.Fatalf("metrics.jsonl has %d steps, want 8", len(steps))
	}
	for i, s := range steps {
		for _, name := range []string{"step", "loss", "grad_norm", "lr", "accuracy", "margin", "mean_reward", "examples_per_s", "tokens_per_s"} {
			if x, ok := s[name]; !ok || math.IsNaN(x) || math.IsInf(x, 0) {
				t.Errorf("step %d has %s = %v", i+1, name, x)
			}
		}
	}
	if first, last := steps[0]["loss"], steps[7]["loss"]; last >= first {
		t.Errorf("the loss went from %g to %g", first, last)
	}

	before, err := os.ReadFile(filepath.Join(dir, "runs", "tiny", "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	_, errs := command(t, dir, 0, trainer)
	if !strings.Contains(errs, "nothing changed") {
		t.Errorf("a second run says %q", errs)
	}
	if after, _ := os.ReadFile(filepath.Join(dir, "runs", "tiny", "metrics.jsonl")); !bytes.Equal(before, after) {
		t.Error("a second run wrote to a finished one")
	}

	out, _ := commandOn(t, `{"ids":[1,20,30,40]}`+"\n"+`{"chosen_ids":[1,20,30],"rejected_ids":[1,20,31]}`, dir, 0, trainer, "score")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], `"score"`) || !strings.Contains(lines[1], `"chosen"`) || !strings.Contains(lines[1], `"rejected"`) {
		t.Errorf("score prints %s", out)
	}
}

// rmc run is the trainer's command line: its arguments, its folder, its exit
// code.
func TestRunIsTheTrainer(t *testing.T) {
	dir := tiny(t)
	parent, name := filepath.Split(dir)
	out, errs := command(t, parent, 0, rmc, "run", "--backend", "go", name, "--", "--out", filepath.Join(name, "mine"), "--steps", "2")
	if again := "rmc run " + name + " --backend go -- report"; !strings.Contains(out, again) {
		t.Errorf("%q is not in\n%s%s", again, out, errs)
	}
	if steps := metrics(t, filepath.Join(dir, "mine", "metrics.jsonl")); len(steps) != 2 {
		t.Errorf("it ran %d steps, want 2", len(steps))
	}
	if _, errs := command(t, dir, 2, rmc, "run", "--backend", "go", "--", "--stpes", "2"); !strings.Contains(errs, "did you mean") {
		t.Errorf("a misspelt flag of the trainer gets %s", errs)
	}
	if _, errs := command(t, dir, 1, rmc, "run", "--backend", "go", "--", "--out", "never", "score"); errs == "" {
		t.Error("scoring without a model is silent")
	}
}

// metrics reads the numbers of metrics.jsonl.
func metrics(t *testing.T, path string) []map[string]float64 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var steps []map[string]float64
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var line map[string]any
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		step := map[string]float64{}
		for name, v := range line {
			if x, ok := v.(float64); ok {
				step[name] = x
			}
		}
		steps = append(steps, step)
	}
	return steps
}

// --emit outside a checkout writes a module that go builds as it is.
func TestEmittedModuleBuilds(t *testing.T) {
	dir := tiny(t)
	command(t, dir, 0, rmc, "build", "--emit", "src")
	cmd := exec.Command("go", "build", "-tags=noxla", "-o", "trainer", ".")
	cmd.Dir = filepath.Join(dir, "src")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=readonly -buildvcs=false -trimpath")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build in the emitted module: %v\n%s", err, out)
	}
	if out, _ := command(t, filepath.Join(dir, "src"), 0, "./trainer", "--help"); !strings.Contains(out, "score") {
		t.Errorf("the trainer's help does not name score:\n%s", out)
	}
}

// What is missing on the machine is said in our words, before anything else.
func TestBuildWithoutTools(t *testing.T) {
	dir := tiny(t)
	for _, test := range []struct{ path, want string }{
		{t.TempDir(), "no go command in PATH"},
		{onlyGo(t), "no C compiler"},
	} {
		cmd := exec.Command(rmc, "build")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+test.path, "CC=")
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), test.want) {
			t.Errorf("rmc build with PATH=%s: %v, %s; want %q", test.path, err, out, test.want)
		}
	}
}

// onlyGo is a folder with the go command and nothing else.
func onlyGo(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	gocmd, err := exec.LookPath("go")
	if err == nil {
		err = os.Symlink(gocmd, filepath.Join(dir, "go"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
