package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// lockFile holds path against other processes until unlock is called.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	l := flock.New(path)
	if ok, err := l.TryLockContext(ctx, 100*time.Millisecond); err != nil || !ok {
		return nil, fmt.Errorf("waiting for another process to leave %s: %w", path, err)
	}
	return func() { l.Unlock() }, nil
}

// writeAtomic puts b at path, whole or not at all.
func writeAtomic(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // fails, rightly, once it was renamed
	if _, err := tmp.Write(b); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// spaceAware explains a full disk, and then removes the partial file at path,
// which would only stand in the way. Other errors pass.
func spaceAware(err error, path string, need int64) error {
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return err
	}
	os.Remove(path)
	return fmt.Errorf("the disk that holds %s is full; %s is needed: free some, or point RMC_CACHE (hub: HF_HOME) elsewhere: %w",
		filepath.Dir(path), size(need), err)
}

// size writes a number of bytes for people: 538 MB.
func size(n int64) string {
	unit, v := 0, float64(n)
	for v >= 999.5 && unit < 4 {
		unit, v = unit+1, v/1000
	}
	if unit == 0 || v >= 99.5 {
		return fmt.Sprintf("%.0f %s", v, [...]string{"bytes", "kB", "MB", "GB", "TB"}[unit])
	}
	return fmt.Sprintf("%.3g %s", v, [...]string{"bytes", "kB", "MB", "GB", "TB"}[unit])
}
