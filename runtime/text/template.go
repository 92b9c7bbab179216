package text

import (
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/rmc-lang/rmc/runtime/text/jinja"
)

// A Message is one turn of a conversation.
type Message struct {
	Role    string `json:"role"` // system, user, assistant, or what the template knows
	Content string `json:"content"`
}

// RenderOptions are the arguments of transformers' apply_chat_template.
type RenderOptions struct {
	AddGenerationPrompt bool      // end with what comes before an answer
	Now                 time.Time // what strftime_now tells; zero is the time of the call
}

// ErrNoTemplate says that a tokenizer has no chat template.
var ErrNoTemplate = errors.New("the tokenizer has no chat template")

// Template is the source of the chat template; "" if there is none.
func (t *Tokenizer) Template() string { return t.template }

// WithTemplate is the tokenizer with another chat template; "" takes it away.
// It fails if the template does not compile.
func (t *Tokenizer) WithTemplate(source string) (*Tokenizer, error) {
	other := *t
	other.setTemplate(source)
	if source == "" {
		return &other, nil
	}
	_, err := other.compiled()
	return &other, err
}

func (t *Tokenizer) setTemplate(source string) {
	t.template = source
	t.compiled = sync.OnceValues(func() (*jinja.Template, error) {
		if source == "" {
			return nil, ErrNoTemplate
		}
		compiled, err := jinja.Compile(source)
		if err != nil {
			return nil, fmt.Errorf("chat template: %w", err)
		}
		return compiled, nil
	})
}

// Render is the text of a conversation: apply_chat_template(messages,
// tokenize=False) of transformers, without tools. What a template says with
// raise_exception is a *jinja.RaisedError. It is safe for concurrent use.
func (t *Tokenizer) Render(messages []Message, o RenderOptions) (string, error) {
	compiled, err := t.compiled()
	if err != nil {
		return "", err
	}
	if len(messages) == 0 {
		return "", errors.New("chat template: the conversation has no message")
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	out, err := compiled.Render(t.variables(messages, o), o.Now)
	if err != nil {
		return "", fmt.Errorf("chat template: %w", err)
	}
	return out, nil
}

// variables are what transformers gives a template.
func (t *Tokenizer) variables(messages []Message, o RenderOptions) map[string]any {
	turns := make([]jinja.Dict, len(messages))
	for i, m := range messages {
		turns[i] = jinja.Dict{{Key: "role", Value: m.Role}, {Key: "content", Value: m.Content}}
	}
	vars := map[string]any{
		"messages": turns, "tools": nil, "documents": nil, "add_generation_prompt": o.AddGenerationPrompt,
	}
	for name, text := range t.definition.Names {
		vars[name] = text
	}
	return vars
}

// clock is how templates ask for the time.
var clock = regexp.MustCompile(`\bstrftime_now\b`)

// UsesClock reports whether a template asks for the time, so that what it
// renders, and the scores, change with the day.
func UsesClock(template string) bool { return clock.MatchString(template) }
