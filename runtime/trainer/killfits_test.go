package trainer

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rmc-lang/rmc/runtime/backend"
	"github.com/rmc-lang/rmc/runtime/scoring"
	"github.com/rmc-lang/rmc/runtime/world"
)

// fitVictimEnv tells a test binary to be the process that is killed: run
// directory, model, ratings and pairs.
const fitVictimEnv = "RMC_TEST_FIT_VICTIM"

// slowArmo saves often, so that there is much to go on from.
func slowArmo(t *testing.T, b *backend.Backend, base, ratings, pairs string) *Run {
	a := newArmoOn(base, ratings, pairs)
	a.train.Steps, a.train.Save = 60, 3
	return a.run(t, b, true)
}

// TestFitVictim is no test of its own: it runs until it is killed.
func TestFitVictim(t *testing.T) {
	where := os.Getenv(fitVictimEnv)
	if where == "" {
		t.Skip("needs $" + fitVictimEnv + ": TestKillThroughFitsAndGate starts it")
	}
	parts := strings.Split(where, "\n")
	b, err := backend.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	r := slowArmo(t, b, parts[1], parts[2], parts[3])
	r.Dir, r.Resume = parts[0], true
	execute(t, r)
}

// Killed while it fits and while its gate trains, a run that is resumed comes to
// the fits and the losses of one that nobody killed.
func TestKillThroughFitsAndGate(t *testing.T) {
	base, ratings, pairs := tinyModel(t), tinyRatings(t, 90), tinyDomains(t, 120)
	whole := slowArmo(t, goBackend(t), base, ratings, pairs)
	execute(t, whole)
	dir := t.TempDir()
	victim := func() (*exec.Cmd, *bytes.Buffer) {
		cmd := exec.Command(os.Args[0], "-test.run=^TestFitVictim$", "-test.v")
		cmd.Env = append(os.Environ(), fitVictimEnv+"="+strings.Join([]string{dir, base, ratings, pairs}, "\n"))
		out := &bytes.Buffer{}
		cmd.Stdout, cmd.Stderr = out, out
		return cmd, out
	}
	kills := 0
	for _, moment := range []string{"stages", "fits", "fits/probe", "fits/debias", "fits/tree", "checkpoint/gate", "checkpoint/gate/step-0000[3-6]*", "model/gate", "checkpoint/bt"} {
		cmd, out := victim()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		appears(t, filepath.Join(dir, filepath.FromSlash(moment)))
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
	if got, want := losses(t, dir), losses(t, whole.Dir); !reflect.DeepEqual(got, want) {
		t.Errorf("%d steps, want %d, or other losses", len(got), len(want))
	}
	r := &Run{Asker: scoring.New(&world.World{Program: whole.Program, Dir: dir})}
	for _, name := range []string{"probe", "debias", "tree"} {
		got, err := r.Fitted(name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := whole.Fitted(name)
		if err != nil {
			t.Fatal(err)
		}
		if got.Digest != want.Digest || got.Inputs != want.Inputs {
			t.Errorf("%s: %s of %s, want %s of %s", name, got.Digest, got.Inputs, want.Digest, want.Inputs)
		}
	}
}

// appears waits for a path of a pattern. One that is soon replaced may be missed.
func appears(t *testing.T, pattern string) {
	t.Helper()
	for range 4000 {
		if found, err := filepath.Glob(pattern); err != nil {
			t.Fatal(err)
		} else if len(found) > 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%s never came", pattern)
}
