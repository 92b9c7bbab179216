package gather

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	slashed "path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rmc-lang/rmc/compiler/facts"
	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/lock"
	"github.com/rmc-lang/rmc/runtime/source"
)

// sources opens what a recipe names and remembers each file's digest.
type sources struct {
	store   *source.Store
	pins    *lock.File              // of an earlier look; may be nil
	opened  map[string]source.Local // by source as written
	missing []facts.Missing
	absent  bool // an offline look did not find a source, and the lock does not know it
	locked  lock.File
}

// newSources returns an empty set that fetches through the cache.
func newSources(o Options) *sources {
	return &sources{
		pins:   o.Pins,
		store:  &source.Store{Base: o.Folder, Offline: o.Offline, Log: o.Log},
		opened: map[string]source.Local{},
	}
}

// open returns where written is on this machine and locks its digest under
// kind. It reports false when it cannot be had, which is then noted as missing:
// path is the value of the recipe that names it.
func (s *sources) open(ctx context.Context, kind, path, written string) (source.Local, bool) {
	ref, err := source.Parse(written)
	if err != nil { // the resolver has said so at the value itself
		return source.Local{}, false
	}
	local, known := s.opened[written]
	if !known {
		local, err = s.store.Fetch(ctx, ref.Pinned(s.pins, kind))
	}
	if err != nil {
		s.lacks(kind, path, ref, err)
		return source.Local{}, false
	}
	s.opened[written] = local
	for _, e := range local.Entries(kind, ref) {
		s.add(e)
	}
	return local, true
}

// lacks notes a source that could not be had. Offline, what is only not on this
// machine yet is no mistake of the recipe's, and is taken to be what the lock
// says.
func (s *sources) lacks(kind, path string, ref source.Ref, err error) {
	if s.store.Offline && s.borrow(kind, ref) {
		return
	}
	if s.store.Offline && ref.Kind != source.File {
		s.absent = true
		return
	}
	reason := strings.TrimPrefix(err.Error(), ref.String()+": ")
	reason, near, ok := strings.Cut(reason, "; did you mean ")
	help := ""
	if name, err := strconv.Unquote(strings.TrimSuffix(near, "?")); ok && err == nil && ref.Kind == source.File {
		help = fmt.Sprintf("did you mean %q?", "file:"+slashed.Join(slashed.Dir(ref.Path), name))
	} else if ok {
		help = "did you mean " + near
	}
	if network := (*url.Error)(nil); errors.As(err, &network) {
		help = "check the network, or check the rest with -offline"
	}
	s.missing = append(s.missing, facts.Missing{Path: path, Reason: reason, Help: help})
}

// borrow copies what the lock says of a source that is not at hand; false when
// it says nothing.
func (s *sources) borrow(kind string, ref source.Ref) bool {
	if s.pins == nil {
		return false
	}
	locked := s.pins.Of(kind, ref.Pinned(s.pins, kind).String())
	for _, e := range locked {
		s.add(e)
	}
	return len(locked) > 0
}

// add appends an entry unless it is there: two data sets may read one file.
func (s *sources) add(e lock.Entry) {
	if !slices.Contains(s.locked.Entries, e) {
		s.locked.Entries = append(s.locked.Entries, e)
	}
}

// readFile reads a file that the recipe names by a plain path, as a template,
// and locks it.
func (s *sources) readFile(kind, path string) ([]byte, error) {
	where := filepath.Join(s.store.Base, filepath.FromSlash(path))
	content, err := os.ReadFile(where)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("no such file beside the recipe: looked for %s", where)
	}
	if err == nil {
		s.add(lock.Entry{Kind: kind, Name: "file:" + path, SHA256: disk.Digest(string(content)), Bytes: int64(len(content))})
	}
	return content, err
}
