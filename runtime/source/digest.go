package source

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

const (
	singleWeights = "model.safetensors"
	weightsIndex  = "model.safetensors.index.json"
)

// modelFiles are the files of a model folder that decide what it computes,
// beside its weights.
var modelFiles = []string{
	"added_tokens.json", "chat_template.jinja", "config.json", "merges.txt", "special_tokens_map.json",
	"tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json",
}

// Digest tells the SHA-256 of a file, or of the files of a model folder that
// matter: config, weights, tokenizer and template. A folder without config.json
// counts with all its files. Sorted by name.
func Digest(path string) ([]FileDigest, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		d, err := digestFile(path, filepath.Base(path))
		return []FileDigest{d}, err
	}
	names, err := folderFiles(path)
	if err != nil {
		return nil, err
	}
	digests := make([]FileDigest, len(names))
	for i, name := range names {
		if digests[i], err = digestFile(filepath.Join(path, filepath.FromSlash(name)), name); err != nil {
			return nil, err
		}
	}
	return digests, nil
}

func digestFile(path, name string) (FileDigest, error) {
	f, err := os.Open(path)
	if err != nil {
		return FileDigest{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return FileDigest{}, fmt.Errorf("reading %s: %w", path, err)
	}
	return FileDigest{Name: name, SHA256: hex.EncodeToString(h.Sum(nil)), Bytes: n}, nil
}

// folderFiles names the files of a folder that matter, slash-separated, sorted.
func folderFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if !slices.Contains(names, "config.json") {
		return allFiles(dir)
	}
	index, err := os.ReadFile(filepath.Join(dir, weightsIndex))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	wanted, err := pickModel(names, index)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return wanted, nil
}

// allFiles lists every regular file under dir but hidden ones.
func allFiles(dir string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		hidden := strings.HasPrefix(e.Name(), ".") && p != dir
		switch {
		case err != nil:
			return err
		case hidden && e.IsDir():
			return filepath.SkipDir
		case hidden || e.IsDir():
			return nil
		}
		rel, err := filepath.Rel(dir, p)
		names = append(names, filepath.ToSlash(rel))
		return err
	})
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("%s is an empty folder", dir)
	}
	sort.Strings(names)
	return names, err
}

// pickModel chooses from the names of a model repository those that matter.
// index is the text of the weights' index, nil if there is none.
func pickModel(names []string, index []byte) ([]string, error) {
	shards, err := weightFiles(names, index)
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	for _, n := range append(shards, modelFiles...) {
		wanted[n] = true
	}
	var picked []string
	for _, n := range names {
		if wanted[n] {
			picked = append(picked, n)
		}
	}
	sort.Strings(picked)
	return picked, nil
}

// weightFiles names the safetensors files that a model is loaded from: the
// single file, else the shards that the index names, else all there are. Weights
// of another format and none of this one are an error; no weights are not.
func weightFiles(names []string, index []byte) ([]string, error) {
	if slices.Contains(names, singleWeights) {
		return []string{singleWeights}, nil
	}
	if index == nil {
		return looseWeights(names)
	}
	var parsed struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(index, &parsed); err != nil {
		return nil, fmt.Errorf("%s: %w", weightsIndex, err)
	}
	shards := map[string]bool{}
	for _, shard := range parsed.WeightMap {
		shards[shard] = true
	}
	found := []string{weightsIndex}
	for shard := range shards {
		if !slices.Contains(names, shard) {
			return nil, fmt.Errorf("%s names the shard %s, which is not there: the download or the folder is incomplete", weightsIndex, shard)
		}
		found = append(found, shard)
	}
	return found, nil
}

func looseWeights(names []string) ([]string, error) {
	var found, ggufs, pickled []string
	for _, n := range names {
		switch {
		case strings.Contains(n, "/"):
		case strings.HasSuffix(n, ".safetensors"):
			found = append(found, n)
		case strings.HasSuffix(n, ".gguf"):
			ggufs = append(ggufs, n)
		case strings.HasPrefix(n, "pytorch_model"):
			pickled = append(pickled, n)
		}
	}
	switch {
	case len(found) > 0:
		return found, nil
	case len(ggufs) > 0:
		return nil, fmt.Errorf("holds GGUF files and no safetensors: name one of them: %s", strings.Join(ggufs, ", "))
	case len(pickled) > 0:
		return nil, fmt.Errorf("holds %s, which can run code when loaded, and no safetensors: convert it with transformers (save_pretrained) first", pickled[0])
	}
	return nil, nil // a tokenizer alone, perhaps: whoever wants weights will say so
}
