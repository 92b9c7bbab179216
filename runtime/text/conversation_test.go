package text

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rmc-lang/rmc/runtime/text/jinja"
)

const chatML = `{{ bos_token }}{% for m in messages %}{{ '<|' ~ m.role ~ '|>\n' ~ m.content | trim ~ '<s>\n' }}{% endfor %}{% if add_generation_prompt %}<|assistant|>
{% endif %}`

// chat is a small tokenizer with a template, which wants BOS if bos is true.
func chat(t *testing.T, template string, bos bool) *Tokenizer {
	t.Helper()
	name := "o200k"
	if bos {
		name = "gemma"
	}
	tok, err := Load(filepath.Join("testdata/tokenizers", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	tok.definition.Names = map[string]string{"bos_token": "<s>", "eos_token": "<right>"}
	if tok, err = tok.WithTemplate(template); err != nil {
		t.Fatal(err)
	}
	return tok
}

var dialogue = []Message{{"user", "The people?"}, {"assistant", " prefer answers. "}}

// The prompt ends where the last content begins, and the scored token is the last.
func TestConversation(t *testing.T) {
	tok := chat(t, chatML, false)
	e, err := tok.Conversation(dialogue)
	if err != nil {
		t.Fatal(err)
	}
	if want := "<s><|user|>\nThe people?<s>\n<|assistant|>\nprefer answers.<s>\n"; e.Text != want {
		t.Errorf("text %q, want %q", e.Text, want)
	}
	if got := tok.Decode(e.IDs[:e.Prompt]); got != "<s><|user|>\nThe people?<s>\n<|assistant|>\n" {
		t.Errorf("prompt %q", got)
	}
	if e.BOS != 3 || !slices.Equal(e.IDs, tok.Encode(e.Text)) {
		t.Errorf("%d tokens, BOS %d times", len(e.IDs), e.BOS)
	}
}

// The prompt is found too where a template writes answers in other ways.
func TestPrompt(t *testing.T) {
	for _, c := range []struct{ name, template, want string }{
		{"no generation prompt", `{% for m in messages %}{{ m.role }}: {{ m.content }}<s>{% endfor %}`, "user: The people?<s>assistant: "},
		{"other generation prompt", `{% for m in messages %}[{{ m.role }}]{{ m.content }}<s>{% endfor %}{% if add_generation_prompt %}answer:{% endif %}`, "user]The people?<s>[assistant]"},
		{"content is changed", `{% for m in messages %}[{{ m.role }}]{{ m.content | upper }}<s>{% endfor %}`, "[user]THE PEOPLE?<s>[assistant]"},
		{"short answers raise", `{% if messages | length < 2 %}{{ raise_exception('short') }}{% endif %}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}`, "[assistant]"},
	} {
		tok := chat(t, c.template, false)
		e, err := tok.Conversation(dialogue)
		if err != nil {
			t.Fatal(err)
		}
		got := tok.Decode(e.IDs[:e.Prompt])
		// A token may reach from the prompt into the content: it is not the prompt's.
		if !strings.HasPrefix(c.want, got) && !strings.HasSuffix(got, strings.TrimRight(c.want, " ")) {
			t.Errorf("%s: prompt %q, want %q", c.name, got, c.want)
		}
		if rest := tok.Decode(e.IDs[e.Prompt:]); !strings.Contains(strings.ToLower(rest), "prefer answers.") {
			t.Errorf("%s: %q is not the whole answer", c.name, rest)
		}
	}
}

// A tokenizer that begins texts with BOS gets exactly one.
func TestOneBOS(t *testing.T) {
	for template, want := range map[string]int{
		`{{ bos_token }}{{ messages[0].content }}`:                1,
		`{{ messages[0].content }}`:                               0,
		`{{ bos_token }}{{ messages[0].content }}{{ bos_token }}`: 2,
	} {
		e, err := chat(t, template, true).Conversation(dialogue)
		var bos *BOSError
		if errors.As(err, &bos) != (want != 1) || e.BOS != want || len(e.IDs) == 0 || bos != nil && bos.Count != want {
			t.Errorf("%s: BOS %d times and error %v, want %d", template, e.BOS, err, want)
		}
	}
}

// Without a template: prompt and response, BOS in front, EOS behind.
func TestPlainConversation(t *testing.T) {
	tok := chat(t, "", true)
	e, err := tok.Conversation(dialogue)
	if err != nil {
		t.Fatal(err)
	}
	bos, _ := tok.BOS()
	eos, _ := tok.EOS()
	if e.Text != "The people? prefer answers. " || e.IDs[0] != bos || e.IDs[len(e.IDs)-1] != eos || e.BOS != 1 {
		t.Errorf("text %q, ids %v", e.Text, e.IDs)
	}
	if got := tok.Decode(e.IDs[:e.Prompt]); got != "<s>The people?" && got != "<s>The people" {
		t.Errorf("prompt %q", got)
	}
}

func TestConversationErrors(t *testing.T) {
	if _, err := chat(t, chatML, false).Conversation(nil); err == nil || !strings.Contains(err.Error(), "no message") {
		t.Errorf("no messages give %v", err)
	}
	if _, err := chat(t, "{% if false %}{% endif %}", false).Conversation(dialogue); err == nil || !strings.Contains(err.Error(), "no tokens") {
		t.Errorf("an empty text gives %v", err)
	}
	_, err := chat(t, "{{ raise_exception('no ' ~ messages[0].role) }}", false).Conversation(dialogue)
	var raised *jinja.RaisedError
	if !errors.As(err, &raised) || raised.Message != "no user" {
		t.Errorf("a template that raises gives %v", err)
	}
	if _, err := chat(t, "", false).Render(dialogue, RenderOptions{}); !errors.Is(err, ErrNoTemplate) {
		t.Errorf("rendering without template gives %v", err)
	}
	if _, err := chat(t, "", false).WithTemplate("{% if %}"); err == nil || !strings.Contains(err.Error(), "chat template: line 1") {
		t.Errorf("a template that does not compile gives %v", err)
	}
}

func TestRenderOptions(t *testing.T) {
	tok := chat(t, `{{ bos_token }}{{ strftime_now('%Y') }}{{ tools is none }}{{ add_generation_prompt }}`, false)
	got, err := tok.Render(dialogue, RenderOptions{
		AddGenerationPrompt: true, Now: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC),
	})
	if err != nil || got != "<s>2024TrueTrue" {
		t.Errorf("%q (%v)", got, err)
	}
}

func TestUsesClock(t *testing.T) {
	if !UsesClock("{{ strftime_now('%d') }}") || UsesClock("{{ my_strftime_nowhere }}") {
		t.Error("the clock is not told from other names")
	}
}

func TestConcurrentConversations(t *testing.T) {
	tok := chat(t, chatML, false)
	want, err := tok.Conversation(dialogue)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if got, err := tok.Conversation(dialogue); err != nil || !slices.Equal(got.IDs, want.IDs) || got.Prompt != want.Prompt {
				t.Errorf("%v (%v), want %v", got, err, want)
			}
		})
	}
	all.Wait()
}
