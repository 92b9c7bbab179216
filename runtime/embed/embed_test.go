package embed

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
)

var about = Manifest{
	Of: strings.Repeat("ab", 32), Sequences: 7, Hidden: 3,
	Model: Model{Source: "pypi:m", Revision: "1.0", SHA256: "cd", Layer: 12, DType: "float32"},
	Data: Data{Source: "file:prefs.jsonl", SHA256: "ef", Licence: "MIT", Read: 9, Kept: 4,
		Filters: []Filter{{"tied", 9, 6}, {"over_length", 6, 4}}},
}

var counts = []int{3, 3, 1}

func numbers(i int) []float32 {
	out := make([]float32, counts[i]*about.Hidden)
	for k := range out {
		out[k] = float32(i) + float32(k)/8
	}
	return out
}

// whole is a folder with all its chunks and the manifest.
func whole(t *testing.T) (dir string, f *Folder) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "stages", "embed-x")
	f = Open(dir, about, counts)
	for i := range counts {
		if err := f.Write(i, numbers(i)); err != nil {
			t.Fatal(err)
		}
	}
	if missing, err := f.Finish(); missing != 0 || err != nil {
		t.Fatal(missing, err)
	}
	return dir, f
}

// content is every file of a folder.
func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(text)
	}
	return all
}

func TestReadsWhatWasWritten(t *testing.T) {
	dir, _ := whole(t)
	f := Open(dir, about, counts)
	for i := range counts {
		got, err := f.Read(i)
		if err != nil || !slices.Equal(got, numbers(i)) {
			t.Errorf("chunk %d: %v, %v", i, got, err)
		}
	}
	if len(content(t, dir)) != 4 {
		t.Errorf("files %v", content(t, dir))
	}
}

// The manifest says all that a person must know to use the numbers (T19).
func TestManifest(t *testing.T) {
	dir, f := whole(t)
	text, err := os.ReadFile(filepath.Join(dir, ManifestFile))
	if err != nil {
		t.Fatal(err)
	}
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	for i, c := range m.Chunks {
		file, err := os.ReadFile(f.Path(i))
		if err != nil || sum(file) != c.SHA256 || c.Sequences != counts[i] || filepath.Base(f.Path(i)) != c.File {
			t.Errorf("chunk %d: %+v, %v", i, c, err)
		}
	}
	m.Chunks = nil
	if !reflect.DeepEqual(m, about) {
		t.Errorf("manifest %+v, want %+v", m, about)
	}
	for _, name := range []string{"rows_read", "rows_before", "rows_after", "rows_kept", "licence", "revision", "layer", "dtype", "hidden"} {
		if !strings.Contains(string(text), `"`+name+`"`) {
			t.Errorf("no %s in\n%s", name, text)
		}
	}
}

// ArmoRM's shards overwrite each other (A4). Here processes that fill one folder
// at once, each its share and some the same chunk, leave the bytes of one alone.
func TestA4ShardsDoNotOverwrite(t *testing.T) {
	alone, _ := whole(t)
	dir := t.TempDir()
	var wg sync.WaitGroup
	missing, failed := make([]int, 6), make([]error, 6)
	for w := range 6 {
		wg.Go(func() {
			f := Open(dir, about, counts)
			failed[w] = f.Write(w%3, numbers(w%3))
			n, err := f.Finish()
			missing[w], failed[w] = n, errors.Join(failed[w], err)
		})
	}
	wg.Wait()
	if err := errors.Join(failed...); err != nil {
		t.Fatal(err)
	}
	if slices.Min(missing) != 0 {
		t.Errorf("missing %v: nobody saw all chunks", missing)
	}
	if got, want := content(t, dir), content(t, alone); !reflect.DeepEqual(got, want) {
		t.Errorf("files %v, alone %v", got, want)
	}
}

// ArmoRM globs, and mixes files of other data sets whose names begin alike (A5).
// Here a file is taken only for what it says it is.
func TestA5FilesOfOthersAreNotMixed(t *testing.T) {
	dir, f := whole(t)
	other := about
	other.Of = strings.Repeat("cd", 32)
	theirs := Open(dir, other, counts)
	if _, err := theirs.Read(0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("another data set reads the chunks of this one: %v", err)
	}
	for name, path := range map[string]string{"another data set's": theirs.Path(0), "the next": f.Path(1)} {
		if err := os.Link(f.Path(0), path+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
		of, i := theirs, 0
		if name == "the next" {
			of, i = f, 1
		}
		if _, err := of.Read(i); err == nil || !strings.Contains(err.Error(), " is damaged: its ") {
			t.Errorf("this chunk was taken for %s: %v", name, err)
		}
	}
}

func TestDamageIsFound(t *testing.T) {
	for name, spoil := range map[string]func([]byte) []byte{
		"a bit of the numbers": func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"the table":            func(b []byte) []byte { b[20] ^= 1; return b },
		"its end":              func(b []byte) []byte { return b[:len(b)-4] },
		"all":                  func([]byte) []byte { return nil },
	} {
		dir, f := whole(t)
		text, err := os.ReadFile(f.Path(1))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.Path(1), spoil(text), 0o644); err != nil {
			t.Fatal(err)
		}
		again := Open(dir, about, counts)
		if _, err := again.Read(1); err == nil || !strings.Contains(err.Error(), f.Path(1)+" is damaged") {
			t.Errorf("%s: %v", name, err)
		}
		if missing, err := again.Finish(); missing != 1 || err != nil {
			t.Errorf("%s: %d missing, %v", name, missing, err)
		}
		if err := again.Write(1, numbers(1)); err != nil {
			t.Fatal(err)
		}
		if missing, err := again.Finish(); missing != 0 || err != nil {
			t.Errorf("%s, repaired: %d missing, %v", name, missing, err)
		}
	}
}

// What is known of the rows may change and the numbers stay: then only the
// manifest is written anew.
func TestManifestFollows(t *testing.T) {
	dir, _ := whole(t)
	before := content(t, dir)
	other := about
	other.Data.Licence = "CC0"
	if missing, err := Open(dir, other, counts).Finish(); missing != 0 || err != nil {
		t.Fatal(missing, err)
	}
	after := content(t, dir)
	if !strings.Contains(after[ManifestFile], `"CC0"`) {
		t.Error("the manifest has the licence of before")
	}
	delete(before, ManifestFile)
	delete(after, ManifestFile)
	if !reflect.DeepEqual(before, after) {
		t.Error("chunks were written")
	}
}

func TestNothingToKeep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	if missing, err := Open(dir, about, nil).Finish(); missing != 0 || err != nil {
		t.Error(missing, err)
	}
	if _, err := Open(t.TempDir(), about, counts).Read(0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("err = %v", err)
	}
}
