package checkpoint

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/safetensors"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// state is one tensor of two floats that tells steps apart.
func state(step int) []safetensors.Data {
	return []safetensors.Data{{Name: "score.weight", DType: safetensors.F32, Shape: []int{2}, Write: func(w io.Writer) error {
		return binary.Write(w, binary.LittleEndian, []float32{float32(step), 1})
	}}}
}

func table(step int) Table {
	return Table{
		Version: Version, Stage: "train rm on prefs", Step: step, Steps: 9,
		Cursor: data.Cursor{Epoch: 1, Position: step}, Fields: map[string]string{"train.batch": "8"},
	}
}

func saved(t *testing.T, steps ...int) Folder {
	t.Helper()
	c := Folder{Dir: t.TempDir()}
	for _, step := range steps {
		if err := c.Save(table(step), state(step)); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func silent(string) {}

func TestCheckpointRoundTrip(t *testing.T) {
	c := saved(t, 2, 4, 6)
	got, folder, err := c.Newest(silent)
	if err != nil {
		t.Fatal(err)
	}
	if got.Step != 6 || got.Cursor != (data.Cursor{Epoch: 1, Position: 6}) || filepath.Base(folder) != "step-000006" {
		t.Errorf("newest = %+v in %s", got, folder)
	}
	if names, _ := c.Names(); len(names) != 2 || names[1] != "step-000004" {
		t.Errorf("kept %v, want the last two", names)
	}
}

func TestNoCheckpoint(t *testing.T) {
	c := Folder{Dir: filepath.Join(t.TempDir(), "absent")}
	if _, folder, err := c.Newest(silent); folder != "" || err != nil {
		t.Errorf("newest = %q, %v", folder, err)
	}
}

// Every byte of a checkpoint counts: flipping any of them must be noticed, the
// file named, and the one before it used.
func TestFlippedBytesFallBack(t *testing.T) {
	for _, name := range []string{StateFile, tableFile} {
		size := 0
		for at := 0; at == 0 || at < size; at += max(1, size/23) {
			c := saved(t, 2, 4)
			path := filepath.Join(c.Dir, "step-000004", name)
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			size = len(content)
			content[at] ^= 0x10
			if err := os.WriteFile(path, content, 0o644); err != nil {
				t.Fatal(err)
			}
			var notes []string
			got, _, err := c.Newest(func(s string) { notes = append(notes, s) })
			if err != nil || got.Step != 2 {
				t.Fatalf("%s byte %d: step %d, %v", name, at, got.Step, err)
			}
			if len(notes) != 1 || !strings.Contains(notes[0], path) || !strings.Contains(notes[0], "going on from step 2") {
				t.Fatalf("%s byte %d: notes %q", name, at, notes)
			}
		}
	}
}

func TestAllCheckpointsDamaged(t *testing.T) {
	c := saved(t, 4)
	path := filepath.Join(c.Dir, "step-000004", StateFile)
	if err := os.Truncate(path, 20); err != nil {
		t.Fatal(err)
	}
	_, _, err := c.Newest(silent)
	if err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("err = %v", err)
	}
}

// A process that dies anywhere inside save leaves a checkpoint that is whole.
func TestCrashInsideSave(t *testing.T) {
	for moment, want := range map[string]int{"state written": 2, "verified": 2, "renamed": 4} {
		c := saved(t, 2)
		func() {
			defer func() {
				if recover() != "crash" {
					t.Fatalf("never came to %q", moment)
				}
			}()
			c.crash = func(at string) {
				if at == moment {
					panic("crash")
				}
			}
			// A real crash runs no deferred clean-up, so what is there is kept aside.
			_ = c.Save(table(4), state(4))
		}()
		c.crash = nil
		got, _, err := c.Newest(func(s string) { t.Errorf("%s: %s", moment, s) })
		if err != nil || got.Step != want {
			t.Errorf("%s: step %d, %v; want %d", moment, got.Step, err, want)
		}
		if err := c.Save(table(6), state(6)); err != nil {
			t.Errorf("%s: the next save: %v", moment, err)
		}
	}
}

func TestFullDisk(t *testing.T) {
	c := saved(t, 2)
	full := []safetensors.Data{{Name: "a", DType: safetensors.F32, Shape: []int{1}, Write: func(io.Writer) error { return syscall.ENOSPC }}}
	err := c.Save(table(4), full)
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "step-000002 is intact") {
		t.Errorf("err = %v", err)
	}
	if got, _, err := c.Newest(silent); err != nil || got.Step != 2 {
		t.Errorf("newest = step %d, %v", got.Step, err)
	}
	if entries, _ := os.ReadDir(c.Dir); len(entries) != 1 {
		t.Errorf("half a checkpoint was left: %v", entries)
	}
}

func TestCheckpointOfAnotherRecipe(t *testing.T) {
	s := program.Stage{Kind: "train", Model: spec.Model{Base: "file:m", Tune: spec.Tune{Kind: "lora", Rank: 8}}, Train: spec.Train{Batch: 8, Micro: 2, Save: 5}}
	then := Table{Fields: program.LossFields(s)}
	s.Train.Micro, s.Train.Save = 4, 1
	if err := then.Matches(program.LossFields(s), "checkpoint"); err != nil {
		t.Errorf("micro and save change no loss: %v", err)
	}
	s.Train.Batch, s.Model.Tune.Kind = 16, "full"
	err := then.Matches(program.LossFields(s), "checkpoint")
	if err == nil || !strings.Contains(err.Error(), "train.batch was 8 and is 16 now") || !strings.Contains(err.Error(), "model.tune was lora and is full now") {
		t.Errorf("err = %v", err)
	}
}
