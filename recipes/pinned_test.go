package recipes

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// written are what a recipe says is elsewhere: data, weights, tokenizers.
var written = regexp.MustCompile(`(?m)^\s*(?:source|base|tokenizer)\s*=\s*"([^"]+)"`)

// P7: the reference's pages and settings name files that nobody else has. What a
// recipe here reads is in its lock, with its digest and size, and the pages name no
// file of the repository that is not there.
func TestP7SourcesArePinned(t *testing.T) {
	recipes, err := filepath.Glob("*/*.rmr")
	if err != nil || len(recipes) == 0 {
		t.Fatalf("no recipes: %v", err)
	}
	for _, recipe := range recipes {
		text, err := os.ReadFile(recipe)
		if err != nil {
			t.Fatal(err)
		}
		lock, err := os.ReadFile(filepath.Join(filepath.Dir(recipe), "rmc.lock"))
		if err != nil {
			t.Errorf("%s has no lock: %v", recipe, err)
			continue
		}
		pinned := map[string]bool{}
		for line := range strings.Lines(string(lock)) {
			if f := strings.Fields(line); len(f) == 4 && strings.HasPrefix(f[2], "sha256:") {
				digest, err := hex.DecodeString(strings.TrimPrefix(f[2], "sha256:"))
				pinned[f[1]] = err == nil && len(digest) == 32
			}
		}
		for _, m := range written.FindAllStringSubmatch(string(text), -1) {
			if !pinned[m[1]] {
				t.Errorf("%s: %s is not in rmc.lock with its digest", recipe, m[1])
			}
		}
	}
}

// linked are the pages and folders that a page leads to.
var linked = regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)]*)?\)`)

func TestP7NoPathIsDead(t *testing.T) {
	var pages []string
	for _, pattern := range []string{"../*.md", "../docs/*.md", "../lang/*.md", "*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	if len(pages) < 5 {
		t.Fatalf("only the pages %v", pages)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range linked.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s leads to %s, which is not there", page, m[1])
			}
		}
	}
}
