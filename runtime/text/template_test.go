package text

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rmc-lang/rmc/runtime/text/definition"
	"github.com/rmc-lang/rmc/runtime/text/jinja"
)

// A golden is a line of chat-templates/golden.jsonl: what transformers made
// of a conversation.
type golden struct {
	Template            string
	Conv                int
	Messages            []Message
	AddGenerationPrompt bool   `json:"add_generation_prompt"`
	BOS                 string `json:"bos_token"`
	EOS                 string `json:"eos_token"`
	Text                string
	Error               *string
	Tokenizer           string
	IDs                 []int32
}

func goldens(t *testing.T) []golden {
	t.Helper()
	f, err := os.Open(filepath.Join(shared(t), "data/chat-templates/golden.jsonl"))
	if err != nil {
		t.Skip("needs ../shared: data/chat-templates is not there")
	}
	defer f.Close()
	var list []golden
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var g golden
		if err := json.Unmarshal(lines.Bytes(), &g); err != nil {
			t.Fatal(err)
		}
		list = append(list, g)
	}
	return list
}

// withTemplate is a tokenizer that can only render.
func withTemplate(source string, names map[string]string) *Tokenizer {
	t := &Tokenizer{definition: &definition.Tokenizer{Names: names}}
	t.setTemplate(source)
	return t
}

func TestGoldenTemplates(t *testing.T) {
	list := goldens(t)
	if len(list) < 84 {
		t.Fatalf("only %d goldens", len(list))
	}
	for _, g := range list {
		source, err := os.ReadFile(filepath.Join(shared(t), "data/chat-templates", g.Template+".jinja"))
		if err != nil {
			t.Fatal(err)
		}
		tok := withTemplate(string(source), map[string]string{"bos_token": g.BOS, "eos_token": g.EOS})
		got, err := tok.Render(g.Messages, RenderOptions{AddGenerationPrompt: g.AddGenerationPrompt})
		var raised *jinja.RaisedError
		switch {
		case g.Error != nil && !errors.As(err, &raised):
			t.Errorf("%s, conversation %d: %q and error %v, want raised: %s", g.Template, g.Conv, got, err, *g.Error)
		case g.Error == nil && (err != nil || got != g.Text):
			t.Errorf("%s, conversation %d:\n%q (%v), want\n%q", g.Template, g.Conv, got, err, g.Text)
		}
	}
}

// The ids of the goldens, for the families whose tokenizer is in the cache.
func TestGoldenTemplateIDs(t *testing.T) {
	for _, g := range goldens(t) {
		if g.IDs == nil {
			continue
		}
		t.Run(g.Tokenizer, func(t *testing.T) {
			tok := family(t, g.Tokenizer)
			if got := tok.Encode(g.Text); !slices.Equal(got, g.IDs) {
				t.Errorf("%s, conversation %d: ids %v, want %v", g.Template, g.Conv, got, g.IDs)
			}
		})
	}
}
