package export

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Even --force leaves alone what is no export.
func TestExportLeavesOtherFoldersAlone(t *testing.T) {
	dir := t.TempDir()
	folder := func(name string, files ...string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if err := os.WriteFile(filepath.Join(path, file), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	export, other, empty := folder("export", contractFile, "x"), folder("other", "thesis.tex"), folder("empty")
	for _, c := range []struct {
		path  string
		force bool
		want  string // "" is fine
	}{
		{export, false, "--force overwrites it"}, {export, true, ""},
		{other, false, "holds other things than an export"}, {other, true, "holds other things than an export"},
		{empty, false, "--force overwrites it"}, {empty, true, ""},
		{filepath.Join(dir, "new"), false, ""},
		{filepath.Join(other, "thesis.tex"), true, "name a folder to write"},
	} {
		err := MayWrite(c.path, c.force)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s, force %v: %v; want %q", c.path, c.force, err, c.want)
		}
	}
}
