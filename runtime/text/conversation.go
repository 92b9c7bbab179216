package text

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// An Encoded conversation.
type Encoded struct {
	IDs []int32
	// Prompt is the number of leading tokens before the content of the last
	// message: what the response answers, with the header of the answer.
	Prompt int
	// BOS is how often the BOS token stands in IDs; 0 for a tokenizer that
	// names none.
	BOS int
	// Text is what was encoded.
	Text string
	// Answers are the assistant's turns, where Labelled was asked for them.
	Answers []Answer
}

// A BOSError says that a conversation does not begin with exactly one BOS.
type BOSError struct {
	Token string // the BOS token
	Count int
}

func (e *BOSError) Error() string {
	if e.Count == 0 {
		return fmt.Sprintf("the tokenizer begins texts with %s, but the chat template writes none: add {{ bos_token }} at its start", e.Token)
	}
	return fmt.Sprintf("the conversation has %s %d times; it must have it once: the chat template or a message writes it too often", e.Token, e.Count)
}

// Conversation renders messages with the chat template and encodes the text
// as it is, so that BOS is there as often as the template writes it. A
// tokenizer that begins texts with BOS must get exactly one: see BOSError,
// with which Encoded is still complete.
//
// Without a template the contents are put together: the last message is the
// response to those before it. BOS goes in front if the tokenizer begins
// texts with it, and EOS, if it has one, to the end, as TRL does for data
// without conversations.
func (t *Tokenizer) Conversation(messages []Message) (Encoded, error) {
	return t.conversation(messages, time.Now())
}

func (t *Tokenizer) conversation(messages []Message, now time.Time) (Encoded, error) {
	if len(messages) == 0 {
		return Encoded{}, errors.New("the conversation has no message")
	}
	var e Encoded
	if t.template == "" {
		e = t.plain(messages)
	} else {
		var err error
		if e, err = t.rendered(messages, now); err != nil {
			return Encoded{}, err
		}
	}
	if len(e.IDs) == 0 {
		return Encoded{}, errors.New("the conversation has no tokens")
	}
	return e, t.checkBOS(&e)
}

// rendered encodes the text of the template.
func (t *Tokenizer) rendered(messages []Message, now time.Time) (Encoded, error) {
	text, err := t.Render(messages, RenderOptions{Now: now})
	if err != nil {
		return Encoded{}, err
	}
	e := Encoded{Text: text, IDs: t.Encode(text)}
	e.Prompt = commonPrefix(e.IDs, t.Encode(t.promptText(messages, text, now)))
	return e, nil
}

// promptText is the text before the content of the last message: the messages
// before it with what begins an answer, if the whole text begins so. Templates
// that write an answer's header in another way give the text up to the place
// where the content stands; those that change the content, the part that two
// different contents have in common.
func (t *Tokenizer) promptText(messages []Message, text string, now time.Time) string {
	last := len(messages) - 1
	if last > 0 {
		prompt, err := t.Render(messages[:last], RenderOptions{AddGenerationPrompt: messages[last].Role == "assistant", Now: now})
		if err == nil && strings.HasPrefix(text, prompt) {
			return prompt
		}
	}
	if content := strings.TrimSpace(messages[last].Content); content != "" {
		if i := strings.LastIndex(text, content); i >= 0 {
			return text[:i]
		}
	}
	other := append([]Message{}, messages...)
	other[last].Content = "\x00"
	changed, err := t.Render(other, RenderOptions{Now: now})
	if err != nil {
		return ""
	}
	return text[:commonPrefix([]byte(text), []byte(changed))]
}

func commonPrefix[T comparable](a, b []T) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// plain puts contents together for a tokenizer without a template.
func (t *Tokenizer) plain(messages []Message) Encoded {
	var text strings.Builder
	for _, m := range messages[:len(messages)-1] {
		text.WriteString(m.Content)
	}
	var e Encoded
	if id, ok := t.BOS(); ok && t.WantsBOS() {
		e.IDs = append(e.IDs, id)
	}
	front := len(e.IDs)
	prompt := t.Encode(text.String())
	text.WriteString(messages[len(messages)-1].Content)
	e.Text = text.String()
	e.IDs = append(e.IDs, t.Encode(e.Text)...)
	e.Prompt = front + commonPrefix(e.IDs[front:], prompt)
	if id, ok := t.EOS(); ok {
		e.IDs = append(e.IDs, id)
	}
	return e
}

// checkBOS counts BOS and fails if there is not exactly one where there must
// be.
func (t *Tokenizer) checkBOS(e *Encoded) error {
	bos, ok := t.BOS()
	if !ok {
		return nil
	}
	for _, id := range e.IDs {
		if id == bos {
			e.BOS++
		}
	}
	if t.WantsBOS() && e.BOS != 1 {
		return &BOSError{Token: t.definition.Names["bos_token"], Count: e.BOS}
	}
	return nil
}
