package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"rmc": main})
}

// TestScripts runs testdata/script: one idea a file, the first line says which.
// No script may reach the network or run a trainer.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			root, err := filepath.Abs("../..")
			env.Setenv("ROOT", filepath.ToSlash(root))
			env.Setenv("RMC_CACHE", filepath.Join(env.WorkDir, ".cache"))
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": exitsWith, "tiny": tiny},
	})
}

// exitsWith is the script command "code N command args…": it runs the command
// and demands that exit code, which "!" cannot tell from another.
func exitsWith(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command [args...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if exit, ok := err.(interface{ ExitCode() int }); ok {
		got = string(rune('0' + exit.ExitCode()))
	} else if err != nil {
		ts.Fatalf("%s: %v", args[1], err)
	}
	if got != args[0] {
		ts.Fatalf("%s exits with %s, want %s", args[1], got, args[0])
	}
}

// tiny is the script command "tiny [talks]": it puts testdata/tiny, the smallest
// recipe that trains, with its data and its model into the script's folder.
// With talks the model gets a tokenizer, which knows bytes and a few words, and
// a chat template.
func tiny(ts *testscript.TestScript, neg bool, args []string) {
	files := map[string]string{
		"tiny/tiny.rmr": "tiny.rmr", "tiny/pairs.jsonl": "pairs.jsonl",
		"conformance/llama/config.json": "model/config.json", "conformance/llama/model.safetensors": "model/model.safetensors",
	}
	if len(args) > 0 && args[0] == "talks" {
		files["tiny/tokenizer/tokenizer.json"] = "model/tokenizer.json"
		files["tiny/tokenizer/tokenizer_config.json"] = "model/tokenizer_config.json"
	}
	for from, to := range files {
		content, err := os.ReadFile(filepath.Join("../../testdata", from))
		ts.Check(err)
		content = bytes.ReplaceAll(content, []byte("file:../conformance/llama"), []byte("file:model"))
		ts.Check(os.MkdirAll(filepath.Dir(ts.MkAbs(to)), 0o755))
		ts.Check(os.WriteFile(ts.MkAbs(to), content, 0o644))
	}
}

// A script that is cut short by accident would pass.
func TestScriptsSayWhatTheyShow(t *testing.T) {
	scripts, err := filepath.Glob("../../testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range scripts {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(text), "\n")
		if !strings.HasPrefix(first, "# ") || !strings.HasSuffix(first, ".") {
			t.Errorf("%s does not begin with a sentence in a comment", path)
		}
	}
}
