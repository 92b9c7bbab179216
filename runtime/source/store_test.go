package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// lay writes files under dir.
func lay(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func mustParse(t *testing.T, s string) Ref {
	t.Helper()
	r, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want %q", want)
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("error is\n  %v\nwant\n  %s", err, want)
	}
}

// names lists the files of a Local.
func names(l Local) string {
	var out []string
	for _, f := range l.Files {
		out = append(out, f.Name)
	}
	return strings.Join(out, " ")
}

// filesUnder lists all regular files below dir, to see that nothing is left.
func filesUnder(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && !strings.HasSuffix(p, ".lock") {
			rel, _ := filepath.Rel(dir, p)
			found = append(found, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return found
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, map[string]string{"data/train.jsonl": "hello"})
	s := &Store{Base: dir}
	l, err := s.Fetch(context.Background(), mustParse(t, "file:data/train.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("hello"))
	want := Local{Path: filepath.Join(dir, "data", "train.jsonl"), Files: []FileDigest{{"train.jsonl", hex.EncodeToString(sum[:]), 5}}}
	if !reflect.DeepEqual(l, want) {
		t.Errorf("got %+v, want %+v", l, want)
	}
	if l, err = s.Fetch(context.Background(), mustParse(t, "file:"+filepath.ToSlash(want.Path))); err != nil || l.Path != want.Path {
		t.Errorf("absolute: %+v %v", l, err)
	}
	_, err = s.Fetch(context.Background(), mustParse(t, "file:data/trian.jsonl"))
	wantError(t, err, "file:data/trian.jsonl: no such file: looked for "+filepath.Join(dir, "data", "trian.jsonl")+`; did you mean "train.jsonl"?`)
	_, err = s.Fetch(context.Background(), mustParse(t, "file:nowhere/x"))
	wantError(t, err, "no such file: looked for "+filepath.Join(dir, "nowhere", "x"))
}

func TestDigestOfFolders(t *testing.T) {
	index := `{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}`
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"single weights", map[string]string{"config.json": "{}", "model.safetensors": "w", "tokenizer.json": "t", "README.md": "r", "consolidated.safetensors": "c", "chat_template.jinja": "j", "onnx/model.onnx": "o"},
			"chat_template.jinja config.json model.safetensors tokenizer.json"},
		{"shards", map[string]string{"config.json": "{}", "model.safetensors.index.json": index, "model-00001-of-00002.safetensors": "1", "model-00002-of-00002.safetensors": "2", "consolidated.safetensors": "c"},
			"config.json model-00001-of-00002.safetensors model-00002-of-00002.safetensors model.safetensors.index.json"},
		{"a folder that is no model", map[string]string{"b/y": "1", "a": "2", ".hidden/z": "3"}, "a b/y"},
		{"a tokenizer without weights", map[string]string{"config.json": "{}", "tokenizer.json": "t"}, "config.json tokenizer.json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			lay(t, dir, c.files)
			got, err := Digest(dir)
			if err != nil {
				t.Fatal(err)
			}
			if s := names(Local{Files: got}); s != c.want {
				t.Errorf("files %q, want %q", s, c.want)
			}
		})
	}
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"a shard is missing", map[string]string{"config.json": "{}", "model.safetensors.index.json": index, "model-00001-of-00002.safetensors": "1"},
			"names the shard model-00002-of-00002.safetensors, which is not there"},
		{"broken index", map[string]string{"config.json": "{}", "model.safetensors.index.json": "{"}, "model.safetensors.index.json: unexpected end of JSON input"},
		{"only pickles", map[string]string{"config.json": "{}", "pytorch_model.bin": "x"}, "holds pytorch_model.bin, which can run code when loaded, and no safetensors"},
		{"only GGUF", map[string]string{"config.json": "{}", "m.gguf": "x"}, "holds GGUF files and no safetensors: name one of them: m.gguf"},
		{"nothing", map[string]string{}, "is an empty folder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			lay(t, dir, c.files)
			_, err := Digest(dir)
			wantError(t, err, c.want)
		})
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 999: "999 bytes", 1000: "1 kB", 1234567: "1.23 MB", 538090408: "538 MB", 16e9: "16 GB", 999999: "1 MB"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) is %s, want %s", n, got, want)
		}
	}
}
