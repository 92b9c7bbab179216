package trainer

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rmc-lang/rmc/runtime/backend"
	"github.com/rmc-lang/rmc/runtime/checkpoint"
	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// victimEnv tells a test binary to be the process that is killed: run
// directory, model and pairs.
const victimEnv = "RMC_TEST_VICTIM"

func killable(_ *spec.Model, _ *spec.Data, tr *spec.Train) {
	tr.Steps, tr.Save, tr.Micro = 40, 3, 4
	tr.Validate = spec.Split{Kind: "holdout", Fraction: 0.2, By: "row"}
}

// TestVictim is no test of its own: it trains until it is killed.
func TestVictim(t *testing.T) {
	where := os.Getenv(victimEnv)
	if where == "" {
		t.Skip("needs $" + victimEnv + ": TestKillAndResume starts it")
	}
	parts := strings.Split(where, "\n")
	b, err := backend.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	r := tinyRunOn(t, b, parts[1], parts[2], killable)
	r.Dir, r.Resume = parts[0], true
	execute(t, r)
}

// Killed at whatever moment, a run that is resumed tells of every step once,
// with the losses of a run that nobody killed.
func TestKillAndResume(t *testing.T) {
	base, pairs := tinyModel(t), tinyPairs(t, 60)
	whole := tinyRunOn(t, goBackend(t), base, pairs, killable)
	execute(t, whole)
	dir := t.TempDir()
	victim := func() (*exec.Cmd, *bytes.Buffer) {
		cmd := exec.Command(os.Args[0], "-test.run=^TestVictim$", "-test.v")
		cmd.Env = append(os.Environ(), victimEnv+"="+strings.Join([]string{dir, base, pairs}, "\n"))
		out := &bytes.Buffer{}
		cmd.Stdout, cmd.Stderr = out, out
		return cmd, out
	}
	random := rand.New(rand.NewPCG(11, 11))
	kills := 0
	for range 8 {
		cmd, out := victim()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		grown(t, filepath.Join(dir, rundir.MetricsFile), int64(400+random.IntN(2000)))
		time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
		_ = cmd.Process.Kill()
		if err := cmd.Wait(); err == nil {
			break // it was faster
		} else if strings.Contains(out.String(), "FAIL") {
			t.Fatalf("%v\n%s", err, out)
		}
		kills++
	}
	if kills == 0 {
		t.Error("no run was killed")
	}
	cmd, out := victim()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	sameSteps(t, losses(t, dir), losses(t, whole.Dir), 0)
	digest := func(dir string) string {
		sum, err := os.ReadFile(filepath.Join(dir, "model", disk.SumsFile))
		if err != nil {
			t.Fatal(err)
		}
		weights, _, _ := strings.Cut(string(sum), " ")
		return weights
	}
	if digest(dir) != digest(whole.Dir) {
		t.Error("the model kept is another than without kills")
	}
	if entries, _ := os.ReadDir(filepath.Join(dir, "checkpoint")); len(entries) != 2 {
		t.Errorf("checkpoints: %v", entries)
	}
}

// grown waits until a file has got so many bytes longer, or a second has gone by.
func grown(t *testing.T, path string, by int64) {
	t.Helper()
	size := func() int64 {
		stat, err := os.Stat(path)
		if err != nil {
			return 0
		}
		return stat.Size()
	}
	from := size()
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if now := size(); now < from { // cut to the checkpoint
			from = now
		} else if now >= from+by {
			return
		}
	}
}

// A damaged checkpoint costs the steps since the one before it.
func TestResumeFromTheCheckpointBefore(t *testing.T) {
	b, base, pairs := goBackend(t), tinyModel(t), tinyPairs(t, 60)
	whole := tinyRunOn(t, b, base, pairs, nil)
	execute(t, whole)
	r := tinyRunOn(t, b, base, pairs, nil)
	r.Steps = 5
	execute(t, r)
	path := filepath.Join(r.Dir, "checkpoint", "step-000005", checkpoint.StateFile)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	var notes strings.Builder
	r.OnNote = func(s string) { notes.WriteString(s + "\n") }
	r.Steps, r.Resume = 0, true
	afresh(r)
	execute(t, r)
	sameSteps(t, losses(t, r.Dir), losses(t, whole.Dir), 0)
	if !strings.Contains(notes.String(), path) || !strings.Contains(notes.String(), "going on from step 4 instead") {
		t.Errorf("notes:\n%s", notes.String())
	}
}

func TestResumeOfAnotherRecipe(t *testing.T) {
	r := tinyRun(t, goBackend(t), nil)
	r.Steps = 2
	execute(t, r)
	before := losses(t, r.Dir)
	r.Program.Stages[0].Train.Batch, r.Resume = 4, true
	afresh(r)
	err := r.Execute(context.Background())
	if err == nil || !strings.Contains(err.Error(), "train.batch was 8 and is 4 now") {
		t.Errorf("err = %v", err)
	}
	sameSteps(t, losses(t, r.Dir), before, 0)
}

// A user's interrupt keeps the step it came after.
func TestInterrupt(t *testing.T) {
	b, base, pairs := goBackend(t), tinyModel(t), tinyPairs(t, 60)
	whole := tinyRunOn(t, b, base, pairs, nil)
	execute(t, whole)
	r := tinyRunOn(t, b, base, pairs, func(_ *spec.Model, _ *spec.Data, tr *spec.Train) { tr.Save = 100 })
	ctx, cancel := context.WithCancel(context.Background())
	r.OnStep = func(s rundir.Step) {
		if s.Step == 3 {
			cancel()
		}
	}
	if err := r.Execute(ctx); err == nil || ctx.Err() == nil {
		t.Fatalf("err = %v", err)
	}
	afresh(r)
	r.OnStep, r.Resume = func(s rundir.Step) {
		if s.Step <= 3 {
			t.Errorf("step %d was done again", s.Step)
		}
	}, true
	execute(t, r)
	sameSteps(t, losses(t, r.Dir), losses(t, whole.Dir), 0)
}
