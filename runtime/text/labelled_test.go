package text

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// turned is chatML with a label after each step.
var turned = []Message{{"user", "two rows"}, {"assistant", "+"}, {"user", " read again. "}, {"assistant", "+"}}

func TestLabelled(t *testing.T) {
	for _, template := range []string{chatML, ""} {
		tok := chat(t, template, template == "")
		e, err := tok.Labelled([]string{"+", "-"})(turned)
		if err != nil {
			t.Fatal(err)
		}
		if len(e.Answers) != 2 {
			t.Fatalf("%d answers", len(e.Answers))
		}
		whole, err := tok.Conversation(turned)
		if err != nil || !slices.Equal(whole.IDs, e.IDs) || whole.Prompt != e.Prompt {
			t.Errorf("ids %v, Conversation has %v (%v)", e.IDs, whole.IDs, err)
		}
		at := []string{"two rows", "two rows+ read again. "}
		if template != "" {
			at = []string{"<s><|user|>\ntwo rows<s>\n<|assistant|>\n", "<s><|user|>\ntwo rows<s>\n<|assistant|>\n+<s>\n<|user|>\nread again.<s>\n<|assistant|>\n"}
		}
		for i, a := range e.Answers {
			if len(a.Labels) != 2 || a.Labels[0] == a.Labels[1] || e.IDs[a.Start] != a.Labels[0] {
				t.Errorf("answer %d: labels %v, the token there is %d", i, a.Labels, e.IDs[a.Start])
			}
			if got := strings.TrimPrefix(tok.Decode(e.IDs[:a.Start]), "<s>"); got != strings.TrimPrefix(at[i], "<s>") {
				t.Errorf("answer %d comes after %q, want %q", i, got, at[i])
			}
		}
	}
}

// What is trained on is what a model is asked: the tokens before each label are
// those of the conversation so far with the generation prompt.
func TestP4TrainedOnWhatIsAsked(t *testing.T) {
	for _, name := range []string{"smollm2", "llama3_1"} {
		t.Run(name, func(t *testing.T) {
			tok := family(t, name)
			e, err := tok.Labelled([]string{"+", "-"})(turned)
			if err != nil {
				t.Fatal(err)
			}
			for i, a := range e.Answers {
				text, err := tok.Render(turned[:2*i+1], RenderOptions{AddGenerationPrompt: true})
				if err != nil {
					t.Fatal(err)
				}
				if asked := tok.Encode(text); !slices.Equal(asked, e.IDs[:a.Start]) {
					t.Errorf("answer %d: asked %v, trained on %v", i, asked, e.IDs[:a.Start])
				}
			}
		})
	}
}

// Qwen3's template writes an empty thought before the last answer alone, and asks
// without one.
func TestM4ThoughtsOfTheLastAnswer(t *testing.T) {
	_, err := family(t, "qwen3").Labelled([]string{"+", "-"})(turned)
	if err == nil || !strings.Contains(err.Error(), `it asks for "+" and has "<think>`) {
		t.Errorf("got %v", err)
	}
}

// The defects of templates: M4 and P4 are a context in training that no model is
// asked, P2 and M7 a label that is not the token that is read.
func TestLabelErrors(t *testing.T) {
	noHeader := `{% for m in messages %}[{{ m.role }}]{{ m.content }}<s>{% endfor %}`
	for _, c := range []struct {
		name, template string
		labels         []string
		turns          []Message
		want           []string
	}{
		{"M4 no generation prompt", noHeader, []string{"+", "-"}, turned,
			[]string{"asks for an answer in another way than it writes one", `it asks for "+" and has "[assistant]+`}},
		{"M4 other generation prompt", noHeader + `{% if add_generation_prompt %}[model]{% endif %}`, []string{"+", "-"}, turned,
			[]string{`after "[user]two rows<s>[" it asks for "model]+" and has "assistant]+`}},
		{"M4 a system's turn in training alone", `{% if not add_generation_prompt %}You are kind.{% endif %}` + noHeader, []string{"+", "-"}, turned,
			[]string{`after "" it asks for "[user]two rows<s>+" and has "You are kind.`}},
		{"P4 context cannot be asked", `{% if add_generation_prompt %}{{ raise_exception('no') }}{% endif %}` + noHeader, []string{"+", "-"}, turned,
			[]string{"the conversation before an answer cannot be rendered", "no"}},
		{"M4 a header that begins as the label does", `{% for m in messages %}{% if m.role == 'assistant' %}a{% endif %}[{{ m.role }}]{{ m.content }}<s>{% endfor %}`,
			[]string{"a", "b"}, []Message{{"user", "two rows"}, {"assistant", "a"}}, []string{`it asks for "(an answer)" and has "a[assistant](an answer)`}},
		{"two tokens", chatML, []string{"+", "§§"}, turned, []string{`label "§§"`, "tokens", "must be one", "assistant|>"}},
		{"one token twice", chatML, []string{"+", "+"}, turned, []string{`and so is label "+"`}},
		{"no label", chatML, []string{"+", "-"}, []Message{{"user", "a"}, {"assistant", "maybe"}}, []string{`label "maybe"`, `none of the labels ["+" "-"]`}},
		{"joins what follows", `{% for m in messages %}{{ m.content }}{% if m.role == 'assistant' %}ow{% else %}: {% endif %}{% endfor %}`,
			[]string{"r", "-"}, []Message{{"user", "a"}, {"assistant", "r"}}, []string{"what the chat template writes behind it", `" ro" "w"`}},
		{"joins what comes before", `{% for m in messages %}{{ m.content }}{% if m.role == 'user' %} pro{% endif %}{% endfor %}`,
			[]string{"mpt", "-"}, []Message{{"user", "a"}, {"assistant", "mpt"}}, []string{"joins the text before it"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := chat(t, c.template, false).Labelled(c.labels)(c.turns)
			var broken *LabelError
			if !errors.As(err, &broken) {
				t.Fatalf("got %v, want a LabelError", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want %q in it", err, want)
				}
			}
		})
	}
}

// A conversation without BOS where one must be is told as by Conversation.
func TestLabelledBOS(t *testing.T) {
	tok := chat(t, `{% for m in messages %}{{ '<|' ~ m.role ~ '|>' ~ m.content }}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}`, true)
	e, err := tok.Labelled([]string{"+", "-"})(turned)
	var bos *BOSError
	if !errors.As(err, &bos) || len(e.Answers) != 2 {
		t.Errorf("got %v and %d answers", err, len(e.Answers))
	}
}

// Beginnings that are known of the whole conversation change no token.
func FuzzFronts(f *testing.F) {
	for _, seed := range []string{"two rows", "<|im_end|>\n<|im_start|>assistant\n+", "<|im_start", "", " \n ", "a<|im_end|><|im_end|>", "日本語"} {
		f.Add(seed, seed, "+")
	}
	f.Fuzz(func(t *testing.T, one, two, label string) {
		tok := family(t, "smollm2")
		turns := []Message{{"user", one}, {"assistant", "+"}, {"user", two}, {"assistant", "+"}}
		e, err := tok.Conversation(turns)
		if err != nil {
			return
		}
		known := tok.knownFronts(e)
		for i := 1; i < len(turns); i += 2 {
			text, err := tok.Render(turns[:i], RenderOptions{AddGenerationPrompt: true})
			if err != nil || !strings.HasPrefix(e.Text, text) {
				continue
			}
			fronts := known.within(text)
			if len(fronts.all) == 0 {
				t.Fatal("nothing is known of a text with added tokens")
			}
			if got, want := tok.front(text+label, fronts), tok.Encode(text+label); !slices.Equal(got, want) {
				t.Errorf("%q: %v, want %v", text+label, got, want)
			}
		}
	})
}
