package recipes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// manySteps makes a run of testdata/tiny of many small steps, each saved.
var manySteps = []string{"--set", "train.rm.batch=2", "--set", "train.rm.steps=100", "--set", "train.rm.save=1"}

// frozen trains a head on hidden states of a frozen backbone, over enough rows
// that computing them can be interrupted.
const frozen = `recipe frozen

use std/preference

model rm: reward {
  base = "file:model"
  head = linear { layer = 2, init = normal }
  tune = head
}

data pairs: preference {
  source      = "file:pairs.jsonl"
  format      = ids
  max_length  = 32 tokens
  over_length = drop
  split       = holdout { fraction = 10%, by = row }
}

train rm on pairs {
  objective = bradley_terry
  batch     = 16 pairs
  epochs    = 1
}

evaluate rm on pairs.holdout
`

// frozenTrainer has no data locked but rows that frozenRows makes.
var frozenTrainer = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(filepath.Dir(rmc), "frozen")
	err := writeTiny(dir)
	for name, content := range map[string]string{"tiny.rmr": frozen, "pairs.jsonl": frozenRows()} {
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644)
		}
	}
	if err == nil {
		err = quietly(dir, rmc, "build", "--backend", "go")
	}
	return filepath.Join(dir, "trainer"), err
})

// frozenRows are 400 pairs of random token ids.
func frozenRows() string {
	random := rand.New(rand.NewPCG(7, 7))
	side := func(n int) []int {
		ids := []int{1}
		for range n {
			ids = append(ids, 2+random.IntN(300))
		}
		return ids
	}
	var b strings.Builder
	for range 400 {
		text, err := json.Marshal(map[string][]int{"chosen_ids": side(20 + random.IntN(11)), "rejected_ids": side(20 + random.IntN(11))})
		if err != nil {
			panic(err) // numbers always marshal
		}
		fmt.Fprintf(&b, "%s\n", text)
	}
	return b.String()
}

// A process is a program that runs beside the test.
type process struct {
	cmd    *exec.Cmd
	output bytes.Buffer
	once   sync.Once
	err    error
}

func start(t *testing.T, dir, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(name, args...)}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, &p.output, &p.output
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *process) wait() error {
	p.once.Do(func() { p.err = p.cmd.Wait() })
	return p.err
}

// stop is kill -9. It reports false when the program was faster.
func (p *process) stop() bool {
	_ = p.cmd.Process.Kill()
	_ = p.wait()
	return !p.cmd.ProcessState.Exited()
}

// sameSteps demands that two runs tell the same of every step, each once, but
// for how fast they were.
func sameSteps(t *testing.T, dir, whole string) {
	t.Helper()
	got, want := metrics(t, filepath.Join(dir, "metrics.jsonl")), metrics(t, filepath.Join(whole, "metrics.jsonl"))
	if len(got) != len(want) {
		t.Fatalf("%d steps, the uninterrupted run has %d", len(got), len(want))
	}
	for i := range want {
		for name, x := range want[i] {
			if name != "examples_per_s" && name != "tokens_per_s" && got[i][name] != x {
				t.Errorf("step %d: %s is %v, was %v uninterrupted", i+1, name, got[i][name], x)
			}
		}
	}
	for _, name := range []string{"model/model.safetensors", "evaluation.jsonl"} {
		if files(t, dir)[name] != files(t, whole)[name] {
			t.Errorf("%s is another", name)
		}
	}
}

// Killed at whatever moment, also while it writes a checkpoint, a trainer goes
// on with --resume, and ends as one that nobody killed.
func TestKillAndResume(t *testing.T) {
	dir, trainer := tiny(t), built(t, tinyTrainer)
	command(t, dir, 0, trainer, append(slices.Clone(manySteps), "--out", "whole")...)
	random := rand.New(rand.NewPCG(3, 3))
	args := append(slices.Clone(manySteps), "--out", "killed", "--resume")
	kills := 0
	for _, lines := range []int{1, 12, 30, 31, 60, 85, 99} {
		p := start(t, dir, trainer, args...)
		await(t, filepath.Join(dir, "killed", "metrics.jsonl"), lines)
		time.Sleep(time.Duration(random.IntN(30)) * time.Millisecond) // a step and its checkpoint take as long
		if !p.stop() {
			t.Fatalf("it was over before line %d could be seen: %s", lines, &p.output)
		}
		kills++
		if status := record(t, filepath.Join(dir, "killed")).Status; status != "running" {
			t.Errorf("killed, run.json says %q", status)
		}
	}
	fails(t, dir, []string{"killed holds a run that did not finish (running)", "--resume goes on", "--force starts over"}, trainer, args[:len(args)-1]...)
	_, errs := command(t, dir, 0, trainer, args...)
	says(t, errs, "going on from step ")
	sameSteps(t, filepath.Join(dir, "killed"), filepath.Join(dir, "whole"))
	holds(t, filepath.Join(dir, "killed"), slices.Concat(checkpointAt(99), checkpointAt(100),
		[]string{"evaluation.jsonl", "metrics.jsonl", "model/SHA256SUMS", "model/contract.json", "model/metrics.jsonl", "model/model.safetensors", "model/training.json", "run.json"})...)
	t.Logf("killed %d times", kills)
}

// Ctrl-C keeps the steps that were done and says how to go on; --steps ends a
// run early, and --resume takes it from there; what is finished stays.
func TestInterruptAndSteps(t *testing.T) {
	dir, trainer := tiny(t), built(t, tinyTrainer)
	args := []string{"--set", "train.rm.batch=2", "--set", "train.rm.steps=40"} // the first checkpoint would come at step 50
	command(t, dir, 0, trainer, append(slices.Clone(args), "--out", "whole")...)
	args = append(args, "--out", "cut")
	run := filepath.Join(dir, "cut")

	p := start(t, dir, trainer, args...)
	await(t, filepath.Join(run, "metrics.jsonl"), 5)
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := p.wait(); err == nil || p.cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("interrupted, it exits with %v", err)
	}
	says(t, p.output.String(), "stopped; --resume goes on from the last checkpoint in cut")
	if status := record(t, run).Status; status != "stopped" {
		t.Errorf("run.json says %q", status)
	}
	done := len(metrics(t, filepath.Join(run, "metrics.jsonl")))
	if found, _ := filepath.Glob(filepath.Join(run, "checkpoint", fmt.Sprintf("step-%06d", done))); len(found) != 1 {
		t.Errorf("%d steps are told of, and no checkpoint has them", done)
	}
	fails(t, dir, []string{"did not finish (stopped)", "--resume goes on where it stopped"}, trainer, args...)

	out, errs := command(t, dir, 0, trainer, append(args, "--resume", "--steps", "30")...)
	says(t, errs, fmt.Sprintf("going on from step %d of 40", done))
	says(t, out, "stopped  after step 30, as --steps says; --resume goes on")
	fails(t, dir, []string{"holds a run that --steps ended after step 30", "--resume goes on from there", "--force starts over"}, trainer, args...)
	command(t, dir, 0, trainer, append(args, "--resume")...)
	sameSteps(t, run, filepath.Join(dir, "whole"))

	before := files(t, run)
	for _, more := range [][]string{{}, {"--resume"}, {"--steps", "3"}} {
		_, errs := command(t, dir, 0, trainer, append(args, more...)...)
		says(t, errs, "nothing changed since this run finished", "--anew trains it all again")
	}
	unchanged(t, run, before)
	command(t, dir, 0, trainer, append(args, "--force", "--steps", "2")...)
	if steps := metrics(t, filepath.Join(run, "metrics.jsonl")); len(steps) != 2 {
		t.Errorf("forced, it tells of %d steps", len(steps))
	}
}

// Hidden states of a frozen backbone are kept as they are computed: a trainer
// that is killed among them goes on where it stopped.
func TestKilledWhileEmbedding(t *testing.T) {
	dir, trainer := tiny(t), built(t, frozenTrainer)
	if err := os.WriteFile(filepath.Join(dir, "pairs.jsonl"), []byte(frozenRows()), 0o644); err != nil {
		t.Fatal(err)
	}
	command(t, dir, 0, trainer, "--out", "whole")
	p := start(t, dir, trainer, "--out", "killed")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if found, _ := filepath.Glob(filepath.Join(dir, "killed/stages/embed-*/hidden-*-00003-of-*.safetensors")); len(found) == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no hidden states after 20 s")
		}
	}
	if !p.stop() {
		t.Fatalf("it was over before it could be killed: %s", &p.output)
	}
	_, errs := command(t, dir, 0, trainer, "--out", "killed", "--resume")
	var sequences, reused int
	at := strings.LastIndex(errs, "embed rm on pairs: ")
	if at < 0 {
		t.Fatalf("nothing of hidden states in\n%s", errs)
	}
	if _, err := fmt.Sscanf(errs[at:], "embed rm on pairs: %d sequences, %d of them from", &sequences, &reused); err != nil {
		t.Fatalf("%v in\n%s", err, errs[at:])
	}
	if sequences != 800 || reused < 3*32 || reused >= 800 {
		t.Errorf("%d of %d sequences were there already; want some, and not all of 800", reused, sequences)
	}
	sameSteps(t, filepath.Join(dir, "killed"), filepath.Join(dir, "whole"))
}
