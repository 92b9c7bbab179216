package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whenever the exchange of two folders is interrupted, there is one of the two.
func TestExchangeIsNeverWithoutBoth(t *testing.T) {
	for _, moment := range []string{"before", "between", "after"} {
		dir := t.TempDir()
		folder := filepath.Join(dir, "model")
		put := func(path, text string) {
			t.Helper()
			if err := errors.Join(os.MkdirAll(path, 0o755), os.WriteFile(filepath.Join(path, "a"), []byte(text), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		want := "old"
		switch put(beside(folder, "new"), "new"); moment {
		case "before":
			put(folder, "old")
		case "between":
			put(beside(folder, "old"), "old")
		case "after":
			want = "new"
			put(folder, "new")
			put(beside(folder, "old"), "old")
		}
		if err := Settle(folder); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(filepath.Join(folder, "a")); err != nil || string(text) != want {
			t.Errorf("%s: %q, %v; want %q", moment, text, err, want)
		}
		put(beside(folder, "new"), "new")
		if err := Exchange(beside(folder, "new"), folder); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(folder, "a"))
		if _, gone := os.Stat(beside(folder, "old")); err != nil || string(text) != "new" || !errors.Is(gone, fs.ErrNotExist) {
			t.Errorf("%s: exchanged %q, %v, %v", moment, text, err, gone)
		}
	}
}

// A folder is replaced by what was written whole, and not by what was not; a byte
// that changed is found.
func TestReplace(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "fits", "probe")
	write := func(text string, fails error) error {
		return Replace(folder, func(fresh string) error {
			return errors.Join(WriteTexts(fresh, Sum{Digest: "0", Name: "a.safetensors"}, []Text{{Name: "b.json", Text: text}}), fails)
		})
	}
	if err := write("one", nil); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("no room")
	if err := write("two", broken); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	files, sums, err := ReadTexts(folder)
	if err != nil || string(files["b.json"]) != "one" || sums["a.safetensors"] != "0" || len(files) != 1 {
		t.Errorf("%q, %v, %v", files, sums, err)
	}
	if err := os.WriteFile(filepath.Join(folder, "b.json"), []byte("onf"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ReadTexts(folder); err == nil || !strings.Contains(err.Error(), "b.json has changed since it was written") {
		t.Errorf("%v", err)
	}
}
