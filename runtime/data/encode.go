package data

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/text"
)

// Tokenizer opens the tokenizer of m at path (a folder or a file), with the
// recipe's own chat template where it names one, relative to root.
func Tokenizer(m spec.Model, path, root string) (*text.Tokenizer, error) {
	t, err := text.Load(path)
	if err != nil {
		return nil, fmt.Errorf("the tokenizer of model %s: %w", m.Name, err)
	}
	if m.Template == "" {
		return t, nil
	}
	file := m.Template
	if !filepath.IsAbs(file) {
		file = filepath.Join(root, file)
	}
	source, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the chat template of model %s: %w", m.Name, err)
	}
	return t.WithTemplate(string(source))
}

// Encoder encodes conversations with t, each with exactly one BOS where the
// tokenizer wants one: a text.BOSError says that the template does otherwise.
func Encoder(t *text.Tokenizer) Encode {
	return func(messages []Message) (Encoded, error) {
		turns := make([]text.Message, len(messages))
		for i, m := range messages {
			turns[i] = text.Message{Role: m.Role, Content: m.Content}
		}
		e, err := t.Conversation(turns)
		return Encoded{IDs: e.IDs, Prompt: e.Prompt}, err
	}
}
