package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/rmc-lang/rmc/compiler/lock"
)

// A lockCommand writes rmc.lock.
type lockCommand struct {
	recipeFlags
	factsFlags
}

// Run resolves every source and writes what they are now. Nothing is compared:
// who locks anew means to accept what has changed, which is printed.
func (l *lockCommand) Run(c *console) error {
	r, err := c.compileClean(l.recipeFlags)
	if err != nil {
		return err
	}
	w, err := gather(c, r, l.factsFlags)
	if err != nil {
		return err
	}
	if w.facts.Resolved == nil {
		return c.unresolved(r, w)
	}
	if old := w.facts.Lock; old != nil {
		for _, d := range lock.Compare(old, w.facts.Resolved) {
			c.note("%s", d)
		}
	}
	if err := writeFile(lockPath(r.path), []byte(lock.Write(w.facts.Resolved)), 0o644); err != nil {
		return err
	}
	c.note("wrote %s: %d entries", lockPath(r.path), len(w.facts.Resolved.Entries))
	return nil
}

// unresolved says which sources keep a recipe from being locked.
func (c *console) unresolved(r *compiled, w *world) error {
	for _, m := range w.facts.Missing {
		c.note("rmc: %s: %s", m.Path, m.Reason)
	}
	for _, what := range w.left {
		c.note("rmc: %s", what)
	}
	return fmt.Errorf("%s cannot be locked: not all of its sources are at hand", r.path)
}

// lock returns the text of the lock that a program embeds. When there is none
// it is written, so that the next build is held against this one.
func (w *world) lock(c *console, r *compiled) (string, error) {
	path := lockPath(r.path)
	text, err := os.ReadFile(path)
	if !errors.Is(err, os.ErrNotExist) {
		return string(text), err
	}
	if w.facts.Resolved == nil {
		return "", c.unresolved(r, w)
	}
	c.note("wrote %s: later builds are held against it", path)
	locked := lock.Write(w.facts.Resolved)
	return locked, writeFile(path, []byte(locked), 0o644)
}
