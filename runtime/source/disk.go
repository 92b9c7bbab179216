package source

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

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
