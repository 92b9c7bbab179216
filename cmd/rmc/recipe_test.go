package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindRecipe(t *testing.T) {
	root := t.TempDir()
	for path, text := range map[string]string{
		"one/a.rmr":      "/// A.\nrecipe a\n",
		"one/losses.rmr": "objective f on preference { }\n",
		"two/a.rmr":      "recipe a\n",
		"two/b.rmr":      "recipe b\n",
		"lib/losses.rmr": "objective f on preference { }\n",
		"none/readme":    "recipe\n",
	} {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(root)
	for _, test := range []struct{ arg, want, wrong string }{
		{arg: "one", want: "one/a.rmr"},
		{arg: "one/a.rmr", want: "one/a.rmr"},
		{arg: "./two//b.rmr", want: "two/b.rmr"},
		{arg: "two/b", want: "two/b.rmr"},
		{arg: "lib", want: "lib/losses.rmr"},
		{arg: "two", wrong: "two has several recipes, name one of them: two/a.rmr, two/b.rmr"},
		{arg: "none", wrong: "no .rmr file in none"},
		{arg: "", wrong: "no .rmr file in this folder"},
		{arg: "two/c.rmr", wrong: "there is no two/c.rmr; in that folder: two/a.rmr, two/b.rmr"},
		{arg: "nowhere/c.rmr", wrong: "there is no nowhere/c.rmr"},
	} {
		got, err := findRecipe(test.arg)
		if test.wrong == "" && (err != nil || filepath.ToSlash(got) != test.want) {
			t.Errorf("findRecipe(%q) = %q, %v; want %q", test.arg, got, err, test.want)
		}
		if test.wrong != "" && (err == nil || !strings.Contains(err.Error(), test.wrong)) {
			t.Errorf("findRecipe(%q) = %q, %v; want an error with %q", test.arg, got, err, test.wrong)
		}
	}
}
