package rmc_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/defects.md has a row for each defect, and each guard that it names is a test.
func TestGuardsOfDefectsExist(t *testing.T) {
	page, err := os.ReadFile("docs/defects.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(text, -1) {
			tests[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\| ([A-Z][0-9]+) \|.*\| ([^|]*) \|$`).FindAllStringSubmatch(string(page), -1) {
		rows[m[1]] = m[2]
	}
	for letter, n := range map[string]int{"B": 8, "A": 11, "O": 7, "D": 6, "P": 8, "R": 6, "S": 4, "M": 8, "E": 2} {
		for i := 1; i <= n; i++ {
			defect := fmt.Sprint(letter, i)
			if rows[defect] == "" {
				t.Errorf("docs/defects.md has no guard of %s", defect)
			}
			for _, guard := range strings.Split(rows[defect], ", ") {
				if !tests[guard] {
					t.Errorf("%s: there is no %s", defect, guard)
				}
				// What all methods share is guarded by the tests of what does it.
				if letter != "B" && !strings.Contains(guard, defect) && !strings.HasPrefix(guard, "TestT") {
					t.Errorf("%s: %s does not bear its name", defect, guard)
				}
			}
		}
	}
}
