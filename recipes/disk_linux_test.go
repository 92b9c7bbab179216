package recipes

import (
	"path/filepath"
	"syscall"
	"testing"
)

// A disk that fills up costs what was being written and nothing else; with room
// again, --resume goes on.
func TestFullDisk(t *testing.T) {
	dir, trainer, disk := tiny(t), built(t, tinyTrainer), t.TempDir()
	// A checkpoint is 1 MB: there is room for one.
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=1500k"); err != nil {
		t.Skipf("needs a small disk, and mounting one is not allowed: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, 0) })
	resize := func(size string) {
		if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT, "size="+size); err != nil {
			t.Fatal(err)
		}
	}
	run := filepath.Join(disk, "run")
	args := []string{"--out", run, "--set", "train.rm.save=4"}
	parts := []string{"writing the checkpoint of step 8", "no space left on device", "checkpoint/step-000004 is intact"}
	fails(t, dir, append(parts, "the disk is full: make room, and --resume goes on"), trainer, args...)
	failed(t, run, parts, append(checkpointAt(4), "metrics.jsonl", "run.json")...)
	resize("8m")
	command(t, dir, 0, trainer, append(args, "--resume")...)
	if steps := metrics(t, filepath.Join(run, "metrics.jsonl")); len(steps) != 8 {
		t.Errorf("metrics.jsonl tells of %d steps, want 8", len(steps))
	}

	resize("2600k")
	before := files(t, run)
	fails(t, dir, []string{"exporting rm", "no space left on device"}, trainer, append(args, "export")...)
	unchanged(t, run, before)
}
