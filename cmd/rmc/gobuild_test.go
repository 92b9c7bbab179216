package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestGoBuildErrorShowsTheGeneratedLine(t *testing.T) {
	dir := t.TempDir()
	source := "package main\n\nvar lr = 1e-3x // quickstart.rmr:9\n"
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	err := goBuildError(dir, "# program/quickstart\n./main.go:3:14: syntax error: unexpected name x\n", errors.New("exit status 1"))
	for _, want := range []string{"source is in " + dir, "  ./main.go:3:14: syntax error", "      3 | var lr = 1e-3x // quickstart.rmr:9"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "GOPROXY") {
		t.Errorf("the network is blamed for a syntax error:\n%v", err)
	}
	err = goBuildError(dir, "go: example.com/m@v1: dial tcp: lookup proxy: no such host\n", errors.New("exit status 1"))
	if !strings.Contains(err.Error(), "check the network and GOPROXY") {
		t.Errorf("no word of the network in\n%v", err)
	}
}

func TestMainLine(t *testing.T) {
	for line, want := range map[string]int{
		"./main.go:12:3: undefined: x": 12, "main.go:7:1: x": 7, "program/a-1/main.go:3:4: y": 3,
		"./domain.go:12:3: undefined: x": 0, "# program/a": 0,
	} {
		if got := mainLine(line); got != want {
			t.Errorf("mainLine(%q) = %d, want %d", line, got, want)
		}
	}
}

func TestInsideModule(t *testing.T) {
	root := t.TempDir()
	for path, text := range map[string]string{
		"rmc/go.mod": "module github.com/rmc-lang/rmc\n\ngo 1.26\n", "rmc/recipes/x/keep": "",
		"other/go.mod": "module example.com/other\n", "other/deep/keep": "", "none/keep": "",
	} {
		if err := writeFile(filepath.Join(root, path), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for dir, want := range map[string]bool{"rmc": true, "rmc/recipes/x": true, "rmc/recipes/x/not/there": true, "other/deep": false, "none": false} {
		got, err := insideModule(filepath.Join(root, dir))
		if err != nil || got != want {
			t.Errorf("insideModule(%s) = %v, %v; want %v", dir, got, err, want)
		}
	}
}
