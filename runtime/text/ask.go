package text

import (
	"slices"
	"strings"
	"time"
)

// noTime is what a template that asks for the time is told where a text is a
// question to a model: what is asked must not change with the day.
func noTime() time.Time { return time.Unix(0, 0).UTC() }

// Ask is the tokens of a user's turn, up to where an answer to it begins. It fails
// with ErrNoTemplate without a chat template, and with a BOSError.
func (t *Tokenizer) Ask(content string) ([]int32, error) {
	text, err := t.Render([]Message{{"user", content}}, RenderOptions{AddGenerationPrompt: true, Now: noTime()})
	if err != nil {
		return nil, err
	}
	e := Encoded{IDs: t.Encode(text), Text: text}
	return e.IDs, t.checkBOS(&e)
}

// Begin is the tokens of a text that is to be gone on with: with those that the
// tokenizer puts in front, and without those that end a text.
func (t *Tokenizer) Begin(text string) []int32 {
	return append(slices.Clone(t.before), t.Encode(text)...)
}

// Ends are the tokens that end an answer: EOS, and the one that the chat template
// writes behind an assistant's turn, if it is an added token.
func (t *Tokenizer) Ends() []int32 {
	var all []int32
	if id, ok := t.EOS(); ok {
		all = append(all, id)
	}
	const mark = "mark" // a word that a template leaves as it is
	text, err := t.Render([]Message{{"user", "1"}, {"assistant", mark}}, RenderOptions{Now: noTime()})
	if err != nil {
		return all // without a template, or with one that knows no such turns
	}
	at := strings.LastIndex(text, mark)
	if at < 0 {
		return all
	}
	ids := t.Encode(strings.TrimLeft(text[at+len(mark):], " \n"))
	if len(ids) > 0 && t.added[ids[0]] && !slices.Contains(all, ids[0]) {
		all = append(all, ids[0])
	}
	return all
}
