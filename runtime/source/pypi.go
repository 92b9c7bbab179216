package source

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rmc-lang/rmc/runtime/disk"
)

// pypi returns a file of a Python package, from the cache or through pip. The
// cache keeps the file alone: sources/pypi/NAME==VERSION/PATH, and
// sources/pypi/NAME==VERSION.sdist/PATH for one of a source distribution.
func (s *Store) pypi(ctx context.Context, r Ref) (Local, error) {
	root, err := s.root()
	if err != nil {
		return Local{}, err
	}
	pkg := filepath.Join(root, "pypi", r.Name+"=="+r.Version)
	if r.Sdist {
		pkg += ".sdist"
	}
	path := filepath.Join(pkg, filepath.FromSlash(r.Path))
	if !exists(path) {
		if s.Offline {
			return Local{}, fmt.Errorf("not in the cache (%s); offline, so nothing was fetched", path)
		}
		if err := s.fetchPackage(ctx, r, pkg, path); err != nil {
			return Local{}, err
		}
	}
	st, err := os.Stat(path)
	if err != nil {
		return Local{}, err
	}
	return Local{Path: path, IsDir: st.IsDir(), Revision: r.Version}, nil
}

// fetchPackage downloads the package beside pkg and keeps the member at path.
func (s *Store) fetchPackage(ctx context.Context, r Ref, pkg, path string) error {
	unlock, err := disk.Lock(ctx, pkg+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if exists(path) { // another process was first
		return nil
	}
	tmp, err := freshFolder(filepath.Join(filepath.Dir(pkg), ".fetch-"+filepath.Base(pkg)+"-"))
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	archive, err := s.pip(ctx, r, tmp)
	if err != nil {
		return err
	}
	staged := filepath.Join(tmp, "member")
	if err := extract(archive, r, staged); err != nil {
		return spaceAware(err, staged, fileSize(archive))
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.Rename(staged, path); err != nil {
		return err
	}
	s.logf("%s: kept at %s", r, path)
	return nil
}

// freshFolder makes a folder whose name begins with prefix, and removes those
// that processes which were killed have left. The caller holds the lock.
func freshFolder(prefix string) (string, error) {
	left, err := filepath.Glob(prefix + "*")
	if err != nil {
		return "", err
	}
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			return "", err
		}
	}
	return os.MkdirTemp(filepath.Dir(prefix), filepath.Base(prefix)+"*")
}

func fileSize(path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return st.Size()
}

// pip downloads the package's archive into dir and returns its path.
func (s *Store) pip(ctx context.Context, r Ref, dir string) (string, error) {
	python, err := exec.LookPath("python3")
	if err != nil {
		return "", fmt.Errorf("pypi: sources are fetched with pip, and there is no python3 on PATH: install python3 and python3-pip")
	}
	args := []string{"-m", "pip", "download", "--no-deps", "--disable-pip-version-check", "--no-input", "--progress-bar", "off", "-d", dir}
	if r.Sdist {
		args = append(args, "--no-binary", ":all:")
	}
	s.logf("%s: downloading %s==%s with pip", r, r.Name, r.Version)
	cmd := exec.CommandContext(ctx, python, append(args, r.Name+"=="+r.Version)...)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if line := strings.TrimSpace(lines.Text()); strings.HasPrefix(line, "Downloading ") && strings.Contains(line, "(") {
			s.logf("%s: %s", r, strings.ToLower(line[:1])+line[1:])
		}
	}
	if err := cmd.Wait(); err != nil {
		return "", pipFailed(ctx, r, complaints.String(), err)
	}
	return onlyArchive(dir)
}

// pipFailed says in a line what pip said in many.
func pipFailed(ctx context.Context, r Ref, said string, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case strings.Contains(said, "No module named pip"):
		return fmt.Errorf("python3 has no pip: install python3-pip")
	case strings.Contains(said, "No space left on device"):
		return fmt.Errorf("the disk is full: free some, or point RMC_CACHE (and TMPDIR, which pip uses) elsewhere")
	case strings.Contains(said, "(from versions: none)") && strings.Contains(said, "connection broken"):
		return fmt.Errorf("pip cannot reach its package index: check the network, or pip's own index and proxy settings")
	case strings.Contains(said, "(from versions: none)"):
		return fmt.Errorf("pip finds no package %s with %s", r.Name, archiveKind(r))
	case strings.Contains(said, "from versions:"):
		_, versions, _ := strings.Cut(said, "from versions: ")
		versions, _, _ = strings.Cut(versions, ")")
		return fmt.Errorf("%s has no version %s with %s; there are %s", r.Name, r.Version, archiveKind(r), versions)
	}
	return fmt.Errorf("pip download failed (%w): %s", err, lastLine(said))
}

func archiveKind(r Ref) string {
	if r.Sdist {
		return "a source distribution"
	}
	return "a wheel for this machine"
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if strings.HasPrefix(lines[i], "ERROR") {
			return lines[i]
		}
	}
	return lines[len(lines)-1]
}

func onlyArchive(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	if len(entries) != 1 {
		return "", fmt.Errorf("pip left %d files where one archive was expected", len(entries))
	}
	return filepath.Join(dir, entries[0].Name()), nil
}

// extract writes the member that r names, a file or a folder, to dest.
func extract(archive string, r Ref, dest string) error {
	members, closer, err := openArchive(archive)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(archive), err)
	}
	defer closer()
	var names []string
	found := false
	for {
		m, err := members()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%s is damaged: %w", filepath.Base(archive), err)
		}
		name := m.name
		if r.Sdist {
			_, name, _ = strings.Cut(name, "/") // the top folder, NAME-VERSION
		}
		names = append(names, name)
		rest, under := strings.CutPrefix(name, r.Path)
		if !under || rest != "" && rest[0] != '/' || strings.HasSuffix(name, "/") {
			continue
		}
		if rest, err = inner(name, strings.TrimPrefix(rest, "/")); err != nil {
			return err
		}
		found = true
		if err := m.save(filepath.Join(dest, filepath.FromSlash(rest))); err != nil {
			return err
		}
	}
	if !found {
		near := didYouMean(r.Path, names)
		if near == "" {
			near = "; it has " + listed(names)
		}
		return fmt.Errorf("%s has no file %q%s", filepath.Base(archive), r.Path, near)
	}
	return nil
}

// A member is one file of an archive.
type member struct {
	name string
	open func() (io.ReadCloser, error)
}

func (m member) save(path string) error {
	in, err := m.open()
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return fmt.Errorf("unpacking %s: %w", m.name, err)
	}
	return out.Close()
}

// openArchive walks a zip (wheels, some sdists) or a gzipped tar; io.EOF ends it.
func openArchive(path string) (next func() (member, error), closer func() error, err error) {
	if strings.HasSuffix(path, ".whl") || strings.HasSuffix(path, ".zip") {
		return openZip(path)
	}
	if strings.HasSuffix(path, ".tar.gz") || strings.HasSuffix(path, ".tgz") {
		return openTar(path)
	}
	return nil, nil, fmt.Errorf("not an archive that can be unpacked: wheels, .zip and .tar.gz are")
}

func openZip(path string) (func() (member, error), func() error, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, nil, err
	}
	i := 0
	return func() (member, error) {
		if i == len(z.File) {
			return member{}, io.EOF
		}
		f := z.File[i]
		i++
		return member{f.Name, f.Open}, nil
	}, z.Close, nil
}

func openTar(path string) (func() (member, error), func() error, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	gz, err := gzip.NewReader(f)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	t := tar.NewReader(gz)
	return func() (member, error) {
		for {
			h, err := t.Next()
			if err != nil {
				return member{}, err
			}
			if h.Typeflag == tar.TypeReg {
				return member{h.Name, func() (io.ReadCloser, error) { return io.NopCloser(t), nil }}, nil
			}
		}
	}, f.Close, nil
}
