package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rmc-lang/rmc/cmd/rmc/internal/gather"
	"github.com/rmc-lang/rmc/runtime/lock"
)

// A lockCommand writes rmc.lock.
type lockCommand struct {
	recipeFlags
	factsFlags
}

// Run resolves every source and writes what they are now. Who locks anew means
// to accept what has changed, which is printed. Offline, a source that is not at
// hand stays locked to what it was.
func (l *lockCommand) Run(c *console) error {
	r, err := c.compileClean(l.recipeFlags)
	if err != nil {
		return err
	}
	old, _ := readLock(r.path) // one that cannot be read is replaced
	pins := old
	if !l.Offline {
		pins = nil
	}
	w, err := c.gatherAt(r, l.factsFlags, pins)
	if err != nil {
		return err
	}
	if w.Facts.Resolved == nil {
		return c.unresolved(r, w)
	}
	if old != nil {
		l.keepOthers(r.path, old, w.Facts.Resolved)
		for _, d := range lock.Compare(old, w.Facts.Resolved) {
			c.note("%s", d)
		}
	}
	if err := writeFile(lockPath(r.path), []byte(lock.Write(w.Facts.Resolved))); err != nil {
		return err
	}
	c.note("wrote %s: %d entries", lockPath(r.path), len(w.Facts.Resolved.Entries))
	return nil
}

// keepOthers adds what other recipes of the folder have in the lock.
func (l *lockCommand) keepOthers(recipe string, old, resolved *lock.File) {
	if !sharesLock(recipe) {
		return
	}
	for _, e := range old.Entries {
		if resolved.Find(e.Kind, e.Name) == nil {
			resolved.Entries = append(resolved.Entries, e)
		}
	}
}

// unresolved says which sources keep a recipe from being locked.
func (c *console) unresolved(r *compiled, w *gather.World) error {
	c.absent(w)
	return fmt.Errorf("%s cannot be locked: not all of its sources are at hand", r.path)
}

// absent says what could not be had of what a recipe names.
func (c *console) absent(w *gather.World) {
	for _, m := range w.Facts.Missing {
		c.note("rmc: %s: %s", m.Path, m.Reason)
	}
	for _, what := range w.Left {
		c.note("rmc: %s", what)
	}
}

// lock returns the text of the lock that a program embeds. When there is none
// it is written, so that the next build is held against this one.
func (c *console) lock(r *compiled, w *gather.World) (string, error) {
	path := lockPath(r.path)
	text, err := os.ReadFile(path)
	if !errors.Is(err, os.ErrNotExist) {
		return string(text), err
	}
	if w.Facts.Resolved == nil {
		return "", c.unresolved(r, w)
	}
	c.note("wrote %s: later builds are held against it", path)
	locked := lock.Write(w.Facts.Resolved)
	return locked, writeFile(path, []byte(locked))
}

// readLock returns the lock beside a recipe; nil when there is none.
func readLock(recipe string) (*lock.File, error) {
	text, err := os.ReadFile(lockPath(recipe))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f, err := lock.Read(string(text))
	if dir := filepath.Dir(recipe); err != nil && dir != "." {
		return nil, fmt.Errorf("in %s: %w", dir, err)
	}
	return f, err
}

// lockPath is the lock of a recipe: one a folder. Two recipes of one folder
// share it.
func lockPath(recipe string) string { return filepath.Join(filepath.Dir(recipe), lock.Name) }
