package text

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
)

// WriteHF writes the tokenizer into dir as transformers loads it:
// tokenizer.json, tokenizer_config.json and, if it has a template,
// chat_template.jinja. The class it names is the one that takes a
// tokenizer.json as it is.
func (t *Tokenizer) WriteHF(dir string) error {
	config := map[string]any{"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": false}
	for name, text := range t.definition.Names {
		config[name] = text
	}
	if err := writeJSON(filepath.Join(dir, "tokenizer.json"), t.definition); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(dir, "tokenizer_config.json"), config); err != nil {
		return err
	}
	if t.template == "" {
		return nil
	}
	return os.WriteFile(filepath.Join(dir, "chat_template.jinja"), []byte(t.template), 0o644)
}

func writeJSON(path string, v any) error {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	return os.WriteFile(path, out.Bytes(), 0o644)
}
