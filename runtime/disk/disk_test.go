package disk

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	for _, content := range []string{"one", "two"} {
		if err := Write(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != content {
			t.Errorf("%q, %v", got, err)
		}
	}
	if got := names(t, dir); got != "x" {
		t.Errorf("the folder has %s", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := Write(filepath.Join(dir, "none", "x"), nil); err == nil || !strings.Contains(err.Error(), filepath.Join("none", "x: no such")) {
		t.Errorf("in a folder that is not there: %v", err)
	}
}

// A file that is given up leaves what stood at its path.
func TestCloseWithoutCommit(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	if err := Write(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("half"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "old" || names(t, dir) != "x" {
		t.Errorf("%q, and the folder has %s", got, names(t, dir))
	}
	if err := f.Commit(); err == nil {
		t.Error("a file that was given up could be committed")
	}
}

func TestLocks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", ".lock")
	unlock, held, err := TryLock(path)
	if err != nil || held {
		t.Fatalf("%v, %v", held, err)
	}
	if _, held, err := TryLock(path); err != nil || !held {
		t.Errorf("taken twice: %v, %v", held, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := Lock(ctx, path); err == nil || !strings.Contains(err.Error(), "waiting for another process to leave "+path) {
		t.Errorf("waiting: %v", err)
	}
	unlock()
	again, err := Lock(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	again()
}

func TestCache(t *testing.T) {
	t.Setenv("RMC_CACHE", "")
	t.Setenv("XDG_CACHE_HOME", filepath.FromSlash("/c"))
	t.Setenv("HOME", filepath.FromSlash("/h"))
	if got, err := Cache(); err != nil || filepath.Base(got) != "rmc" {
		t.Errorf("%q, %v", got, err)
	}
	t.Setenv("RMC_CACHE", "here")
	if got, err := Cache(); err != nil || !filepath.IsAbs(got) || filepath.Base(got) != "here" {
		t.Errorf("%q, %v", got, err)
	}
}
