package main

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/cmd/rmc/internal/gather"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/runtime/lock"
	"github.com/rmc-lang/rmc/stdlib"
)

// factsFlags say how far a command may go for facts.
type factsFlags struct {
	Offline bool `name:"offline" help:"Touch no network: use what is on this machine and say what that leaves out."`
}

// gather opens what the recipe names and asks it what the compiler wants to
// know. Sources are looked at as rmc.lock pins them.
func (c *console) gather(r *compiled, o factsFlags) (*gather.World, error) {
	locked, err := readLock(r.path)
	if err != nil {
		return nil, err
	}
	w, err := c.gatherAt(r, o, locked)
	switch {
	case err != nil:
		return nil, err
	case locked == nil:
	case w.Facts.Resolved == nil:
		w.Left = append(w.Left, "comparing with "+lock.Name)
	case sharesLock(r.path):
		locked = &lock.File{Entries: slices.DeleteFunc(locked.Entries, func(e lock.Entry) bool {
			return e.Name != "" && w.Facts.Resolved.Find(e.Kind, e.Name) == nil
		})}
	}
	w.Facts.Lock = locked
	return w, nil
}

// sharesLock reports whether another recipe lies in the same folder. The lock
// then has entries that are none of this one's business.
func sharesLock(recipe string) bool { return len(recipeFiles(filepath.Dir(recipe))) > 1 }

// gatherAt is gather with other pins than the lock's, or none.
func (c *console) gatherAt(r *compiled, o factsFlags, pins *lock.File) (*gather.World, error) {
	sum, err := librarySum(r)
	if err != nil {
		return nil, err
	}
	var beside []lock.Entry
	if sum != "" {
		beside = append(beside, lock.Entry{Kind: "std", SHA256: sum})
	}
	beside = append(beside, lock.Entry{Kind: "rmc", Value: rmcVersion})
	return gather.Recipe(r.Recipe, gather.Options{
		Folder: filepath.Dir(r.path), Offline: o.Offline, Pins: pins, Beside: beside,
		Log: func(msg string) { c.note("%s", msg) },
	}), nil
}

// librarySum is the digest of the standard library, of all of it so that the
// recipes of one folder agree; empty when the recipe uses none of it.
func librarySum(r *compiled) (string, error) {
	used := slices.ContainsFunc(r.Libraries, func(f *ast.File) bool { return strings.HasPrefix(f.Source.Name, "std/") })
	if !used {
		return "", nil
	}
	files, err := carriedFiles(stdlib.FS)
	return digest(files), err
}
