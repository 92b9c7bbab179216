package text

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rmc-lang/rmc/runtime/text/definition"
)

// ErrNone says that a folder has no tokenizer.
var ErrNone = errors.New("the folder has neither tokenizer.json nor tokenizer.model")

// Load reads a tokenizer from path: a folder with a tokenizer.json or else a
// tokenizer.model, one of these files, or a .gguf. Beside the former stand
// tokenizer_config.json, special_tokens_map.json and chat_template.jinja,
// which are read where they are there. The error of a folder without any is
// ErrNone.
func Load(path string) (*Tokenizer, error) {
	file, err := find(path)
	if err != nil {
		return nil, err
	}
	d, err := definition.Read(file)
	var t *Tokenizer
	if err == nil {
		t, err = newTokenizer(d)
	}
	if err != nil && !strings.Contains(err.Error(), file) {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return t, err
}

// find is the file to read for path, which may be a folder.
func find(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return path, nil
	}
	for _, name := range []string{"tokenizer.json", "tokenizer.model"} {
		file := filepath.Join(path, name)
		if _, err := os.Stat(file); err == nil {
			return file, nil
		}
	}
	return "", fmt.Errorf("%s: %w", path, ErrNone)
}
