// Package disk puts files and folders on the disk whole or not at all, keeps
// processes out of each other's way, and knows where rmc's cache is.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// A File is written beside its path and appears there with Commit: a reader,
// or a machine that lost power, finds the old file or the new one, never a part.
type File struct {
	*os.File
	path string
}

// Create begins a file that will be at path, in a folder that is there. Close
// without Commit leaves nothing of it.
func Create(path string) (*File, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, named(path, err)
	}
	return &File{f, path}, nil
}

// named says of which file an error is: nobody knows the one written beside it.
func named(path string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return fmt.Errorf("writing %s: %w", path, err)
}

// Commit forces what was written to the disk and gives it its name.
func (f *File) Commit() error {
	err := f.Chmod(0o644)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = f.File.Close()
	}
	if err == nil {
		err = os.Rename(f.Name(), f.path)
	}
	if err == nil {
		err = SyncFolder(filepath.Dir(f.path))
	}
	if err != nil {
		return named(f.path, err)
	}
	return nil
}

// Close drops a file that was not committed, and does nothing to one that was.
func (f *File) Close() error {
	if err := f.File.Close(); err != nil {
		return nil // committed
	}
	return os.Remove(f.Name())
}

// Write puts content at path.
func Write(path string, content []byte) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(content); err != nil {
		return named(path, err)
	}
	return f.Commit()
}

// SyncFolder makes what was renamed in a folder survive a power cut.
func SyncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Lock holds path against other processes until unlock is called. It waits for
// one that holds it, as long as ctx does.
func Lock(ctx context.Context, path string) (unlock func(), err error) {
	l, err := newLock(path)
	if err != nil {
		return nil, err
	}
	if ok, err := l.TryLockContext(ctx, 100*time.Millisecond); err != nil || !ok {
		return nil, fmt.Errorf("waiting for another process to leave %s: %w", path, err)
	}
	return func() { _ = l.Unlock() }, nil
}

// TryLock is Lock that does not wait: held says that another process has path.
func TryLock(path string) (unlock func(), held bool, err error) {
	l, err := newLock(path)
	if err != nil {
		return nil, false, err
	}
	ok, err := l.TryLock()
	if err != nil || !ok {
		return nil, err == nil, err
	}
	return func() { _ = l.Unlock() }, false, nil
}

func newLock(path string) (*flock.Flock, error) {
	return flock.New(path), os.MkdirAll(filepath.Dir(path), 0o755)
}

// Cache is the folder of what rmc fetched or built: $RMC_CACHE, else rmc under
// the user's cache folder.
func Cache() (string, error) {
	if c := os.Getenv("RMC_CACHE"); c != "" {
		return filepath.Abs(c)
	}
	c, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder: %w; set RMC_CACHE", err)
	}
	return filepath.Join(c, "rmc"), nil
}
