package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// SumsFile lists the files of a folder that was written whole, with their digests,
// as sha256sum writes and checks them.
const SumsFile = "SHA256SUMS"

// A Text is a small file.
type Text struct{ Name, Text string }

// A Sum is a line of SumsFile.
type Sum struct{ Digest, Name string }

// Replace puts what fill writes into an empty folder in the place of folder, once
// it is whole.
func Replace(folder string, fill func(fresh string) error) error {
	fresh := beside(folder, "new")
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := os.MkdirAll(fresh, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	if err := fill(fresh); err != nil {
		return err
	}
	return Exchange(fresh, folder)
}

// WriteTexts writes small files into a folder and, last, its SumsFile, which lists a
// file that is there already before them.
func WriteTexts(folder string, there Sum, texts []Text) error {
	sums := fmt.Sprintf("%s  %s\n", there.Digest, there.Name)
	for _, file := range texts {
		if err := Write(filepath.Join(folder, file.Name), []byte(file.Text)); err != nil {
			return err
		}
		sums += fmt.Sprintf("%s  %s\n", Digest(file.Text), file.Name)
	}
	return Write(filepath.Join(folder, SumsFile), []byte(sums))
}

// ReadTexts reads the small files that SumsFile lists and holds them against it; of
// safetensors it gives the digests alone.
func ReadTexts(folder string) (files map[string][]byte, sums map[string]string, err error) {
	list, err := os.ReadFile(filepath.Join(folder, SumsFile))
	if err != nil {
		return nil, nil, err
	}
	files, sums = map[string][]byte{}, map[string]string{}
	for line := range strings.Lines(string(list)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		sums[name] = sum
		if filepath.Ext(name) == ".safetensors" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return nil, nil, err
		}
		if Digest(string(text)) != sum {
			return nil, nil, fmt.Errorf("%s has changed since it was written", filepath.Join(folder, name))
		}
		files[name] = text
	}
	return files, sums, nil
}

// beside is a name for what takes part in replacing a folder.
func beside(folder, state string) string {
	return filepath.Join(filepath.Dir(folder), "."+filepath.Base(folder)+"."+state)
}

// Exchange puts a folder that is whole in the place of another. Whenever it is
// interrupted, Settle finds one of the two.
func Exchange(fresh, folder string) error {
	old := beside(folder, "old")
	if err := os.RemoveAll(old); err != nil {
		return err
	}
	if err := os.Rename(folder, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(fresh, folder); err != nil {
		return errors.Join(err, os.Rename(old, folder))
	}
	if err := SyncFolder(filepath.Dir(folder)); err != nil {
		return err
	}
	return os.RemoveAll(old)
}

// Settle undoes an Exchange that was interrupted before the new folder was in its
// place.
func Settle(folder string) error {
	old := beside(folder, "old")
	if _, err := os.Stat(old); err != nil {
		return nil
	}
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		return os.Rename(old, folder)
	}
	return os.RemoveAll(old)
}
