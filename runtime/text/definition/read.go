package definition

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Read reads the tokenizer of a file, by the end of its name: a tokenizer.json, a
// SentencePiece .model, or a .gguf. Beside the first two may stand
// tokenizer_config.json, special_tokens_map.json and chat_template.jinja.
func Read(file string) (*Tokenizer, error) {
	var d *Tokenizer
	var s settings
	var err error
	switch filepath.Ext(file) {
	case ".json":
		d, s, err = readJSON(file)
	case ".model":
		d, s, err = readSentencePiece(file)
	case ".gguf":
		d, s, err = readGGUF(file)
	default:
		err = errors.New("not a tokenizer: its name ends neither in .json nor in .model nor in .gguf")
	}
	if err != nil {
		return nil, err
	}
	if err := checkIDs(d.AddedTokens, d.Model.Vocab.IDs); err != nil {
		return nil, err
	}
	d.Names, d.Template = s.names, s.template
	return d, s.addTokens(d)
}

func readJSON(file string) (*Tokenizer, settings, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, settings{}, err
	}
	d, err := parse(raw)
	if err != nil {
		return nil, settings{}, err
	}
	s, err := readSettings(filepath.Dir(file))
	if err != nil {
		return nil, settings{}, err
	}
	return d, s, nil
}

// parse reads a tokenizer.json.
func parse(raw []byte) (*Tokenizer, error) {
	var d Tokenizer
	if err := Strict(raw, &d); err != nil {
		return nil, err
	}
	if d.Model.Vocab.IDs == nil {
		return nil, errors.New("model.vocab is missing")
	}
	return &d, nil
}

// Strict decodes JSON and fails on fields that we do not know: such a field
// may change ids.
func Strict(raw []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("more JSON after the end")
	}
	return nil
}

// Unsupported says that a component cannot be had, and what can.
func Unsupported(what, name string, known ...string) error {
	slices.Sort(known)
	return fmt.Errorf("the %s %q is not supported; these are: %s", what, name, strings.Join(known, ", "))
}

// checkIDs holds the ids that a file gives its added tokens against those
// that Hugging Face's tokenizers would give them, in the order of the file:
// the model's own, or the next free one.
func checkIDs(added []AddedToken, ids map[string]int32) error {
	next := int32(len(ids))
	given := map[string]int32{}
	for _, t := range added {
		id, known := ids[t.Content]
		if !known {
			id, known = given[t.Content]
		}
		if !known {
			id = next
		}
		if id != t.ID {
			return fmt.Errorf("added token %q has id %d, but its place in the vocabulary is %d", t.Content, t.ID, id)
		}
		given[t.Content] = id
		next = max(next, id+1)
	}
	return nil
}
