package recipes

import (
	"encoding/hex"
	"errors"
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
var linked = regexp.MustCompile(`\]\(([^)#\s]*)(?:#([^)]*))?\)`)

// anchors are the names of a page's headings in a link.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		kept := regexp.MustCompile(`[^\pL\pN _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all[strings.ReplaceAll(kept, " ", "-")] = true
	}
	return all
}

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
			if err := leads(page, string(text), m[1], m[2]); err != nil {
				t.Errorf("%s leads to %s#%s: %v", page, m[1], m[2], err)
			}
		}
	}
}

// leads says whether a link of a page leads to something: a file or folder, and in
// a page a heading.
func leads(page, text, to, anchor string) error {
	if to != "" {
		path := filepath.Join(filepath.Dir(page), to)
		if _, err := os.Stat(path); err != nil || anchor == "" {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		text = string(content)
	}
	if !anchors(text)[anchor] {
		return errors.New("there is no such heading")
	}
	return nil
}
