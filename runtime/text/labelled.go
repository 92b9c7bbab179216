package text

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/rmc-lang/rmc/runtime/text/definition"
)

// An Answer is one of the assistant's turns in a conversation whose answers are
// labels.
type Answer struct {
	Start  int     // tokens before its content: the context, as it is when a model is asked
	Labels []int32 // the token that each label is there
}

// A LabelError says why a label cannot be read from the token that follows its
// context.
type LabelError struct {
	Label  string // its text; "" where it is the chat template's fault
	Answer int    // which of the assistant's turns, from 0
	Why    string // in words, with the tokens
}

func (e *LabelError) Error() string {
	if e.Label == "" {
		return e.Why
	}
	return fmt.Sprintf("label %q: %s", e.Label, e.Why)
}

// Labelled is Conversation for conversations in which each of the assistant's
// turns is one of some labels. It fills Encoded.Answers, and proves of each of
// these turns, else gives a *LabelError:
//
//   - The conversation up to it with the generation prompt, which is what a model
//     is asked, is what the whole conversation begins with, in text and in
//     tokens: what is trained on is what is asked.
//   - There the turn's content stands, and not what the template writes before it.
//   - There, each label is one token, and its own.
//   - The turn is that token also with what the template writes after it.
func (t *Tokenizer) Labelled(labels []string) func([]Message) (Encoded, error) {
	var placed sync.Map // turns, of how many, whose content is known to follow the context
	return func(messages []Message) (Encoded, error) {
		now := time.Now() // a template may write it: the same into all parts
		e, err := t.conversation(messages, now)
		if len(e.IDs) == 0 {
			return e, err
		}
		known := t.knownFronts(e)
		for i, m := range messages {
			if m.Role != "assistant" {
				continue
			}
			a, failed := t.answer(&e, known, messages[:i], m.Content, labels, now)
			if failed != nil {
				failed.Answer = len(e.Answers)
				return e, failed
			}
			if failed := t.place(&placed, messages, i, now); failed != nil {
				failed.Answer = len(e.Answers)
				return e, failed
			}
			e.Answers = append(e.Answers, a)
		}
		return e, err
	}
}

// answer finds the turn that follows before in e.
func (t *Tokenizer) answer(e *Encoded, known fronts, before []Message, content string, labels []string, now time.Time) (Answer, *LabelError) {
	context, err := t.context(before, now)
	if err != nil {
		return Answer{}, &LabelError{Why: fmt.Sprintf("the conversation before an answer cannot be rendered: %v", err)}
	}
	here := slices.IndexFunc(labels, func(label string) bool { return strings.TrimSpace(label) == strings.TrimSpace(content) })
	if here < 0 {
		return Answer{}, &LabelError{Label: content, Why: fmt.Sprintf("the answer is none of the labels %q", labels)}
	}
	if !strings.HasPrefix(e.Text, context+labels[here]) {
		return Answer{}, parted(e.Text, context, labels[here])
	}
	known = known.within(context)
	head := t.front(context, known)
	a := Answer{Start: len(head)}
	for i, label := range labels {
		id, failed := t.one(context, head, label, known)
		if failed != nil {
			return a, failed
		}
		if twin := slices.Index(a.Labels, id); twin >= 0 {
			return a, &LabelError{Label: label, Why: fmt.Sprintf("it is token %d %q, and so is label %q", id, t.Piece(id), labels[twin])}
		}
		if i == here && !begins(e.IDs, head, id) {
			return a, &LabelError{Label: label, Why: fmt.Sprintf(
				"after %s it is one token, but not with what the chat template writes behind it: the tokens there are %s", ending(context), t.pieces(e.IDs, len(head)-1, 4))}
		}
		a.Labels = append(a.Labels, id)
	}
	return a, nil
}

// standIn is written in the place of an answer to see where its content stands.
const standIn = "(an answer)"

// place demands that the content of messages[i] follows its context, and not a
// header of which the label that it is happens to be the beginning: another content
// must stand there as well. That depends on how many turns there are and not on what
// they say, so that it is looked at once.
func (t *Tokenizer) place(placed *sync.Map, messages []Message, i int, now time.Time) *LabelError {
	turn := [2]int{i, len(messages)}
	if _, known := placed.Load(turn); known || t.template == "" {
		return nil
	}
	context, err := t.context(messages[:i], now)
	if err != nil {
		return &LabelError{Why: fmt.Sprintf("the conversation before an answer cannot be rendered: %v", err)}
	}
	other := slices.Clone(messages)
	other[i].Content = standIn
	text, err := t.Render(other, RenderOptions{Now: now})
	if err != nil {
		return &LabelError{Why: fmt.Sprintf("the conversation cannot be rendered with another text in the place of %q: %v", messages[i].Content, err)}
	}
	if !strings.HasPrefix(text, context+standIn) {
		return parted(text, context, standIn)
	}
	placed.Store(turn, true)
	return nil
}

// context is the text of which a model is asked what follows.
func (t *Tokenizer) context(before []Message, now time.Time) (string, error) {
	if t.template != "" {
		return t.Render(before, RenderOptions{AddGenerationPrompt: true, Now: now})
	}
	var text strings.Builder
	for _, m := range before {
		text.WriteString(m.Content)
	}
	return text.String(), nil
}

// A front is the beginning of a text, up to the end of an added token, and how
// many tokens it is: whatever follows, those are its tokens.
type front struct {
	start, end int // bytes of that added token
	tokens     int
}

// fronts are those of one text, ascending.
type fronts struct {
	ids     []int32 // of the text
	longest int     // added token, in bytes
	all     []front
}

// knownFronts finds those of a conversation, so that what begins like it need not
// be encoded from its start for each label of each answer. There are none where
// the tokenizer has added tokens that look at what stands around them.
func (t *Tokenizer) knownFronts(e Encoded) fronts {
	known := fronts{ids: e.IDs}
	for _, a := range t.definition.AddedTokens {
		if a.LStrip || a.RStrip || a.SingleWord {
			return fronts{}
		}
		known.longest = max(known.longest, len(a.Content))
	}
	if t.template == "" {
		return fronts{}
	}
	enc := t.encoders.Get().(*encoder)
	defer t.encoders.Put(enc)
	enc.out = enc.out[:0]
	t.raw.cut(piece{text: e.Text}, enc.normalize, func(p piece, a definition.AddedToken) {
		enc.add(p, a)
		known.all = append(known.all, front{p.base, p.base + len(p.text), len(enc.out)})
	})
	return known
}

// within leaves the last front that whatever begins with text has as well: a
// longer added token at its place would have to end inside text.
func (f fronts) within(text string) fronts {
	for len(f.all) > 0 && f.all[len(f.all)-1].start+f.longest > len(text) {
		f.all = f.all[:len(f.all)-1]
	}
	return f
}

// front encodes the beginning of a conversation's text, of which known is the start.
func (t *Tokenizer) front(text string, known fronts) []int32 {
	var last front
	if n := len(known.all); n > 0 {
		last = known.all[n-1]
	}
	enc := t.encoders.Get().(*encoder)
	defer t.encoders.Put(enc)
	enc.out = enc.out[:0]
	t.raw.cut(piece{text: text[last.end:], base: last.end}, enc.normalize, enc.add)
	var ids []int32
	if bos, ok := t.BOS(); ok && t.template == "" && t.WantsBOS() {
		ids = append(ids, bos)
	}
	ids = append(ids, known.ids[:last.tokens]...)
	for _, one := range enc.out {
		ids = append(ids, one.id)
	}
	return ids
}

// one is the token that label is after context, which is head in tokens.
func (t *Tokenizer) one(context string, head []int32, label string, known fronts) (int32, *LabelError) {
	ids := t.front(context+label, known)
	same := commonPrefix(ids, head)
	switch {
	case same == len(head) && len(ids) == same+1:
		return ids[same], nil
	case same == len(head):
		return 0, &LabelError{Label: label, Why: fmt.Sprintf("after %s it is %d tokens, %s, where it must be one; choose another text for it",
			ending(context), len(ids)-same, t.pieces(ids, same, len(ids)-same))}
	}
	return 0, &LabelError{Label: label, Why: fmt.Sprintf("it joins the text before it: %s is %s with it and %s without",
		ending(context+label), t.pieces(ids, same, len(ids)-same), t.pieces(head, same, len(head)-same))}
}

// begins reports whether ids begin with head and then id.
func begins(ids, head []int32, id int32) bool {
	n := len(head)
	return len(ids) > n && slices.Equal(ids[:n], head) && ids[n] == id
}

// parted says where the context of an answer is not what the conversation begins with.
func parted(whole, context, label string) *LabelError {
	asked := []rune(context + label)
	n := min(commonPrefix([]rune(whole), asked), utf8.RuneCountInString(context))
	return &LabelError{Why: fmt.Sprintf(
		"the chat template asks for an answer in another way than it writes one, so that a model would be asked what it was not trained on: after %s it asks for %s and has %s; give the model a template of its own",
		ending(string([]rune(whole)[:n])), beginning(string(asked[n:])), beginning(string([]rune(whole)[n:])))}
}

// shown is how many characters of a text messages show.
const shown = 24

func ending(s string) string {
	if r := []rune(s); len(r) > shown {
		return fmt.Sprintf("%q", "…"+string(r[len(r)-shown:]))
	}
	return fmt.Sprintf("%q", s)
}

func beginning(s string) string {
	if r := []rune(s); len(r) > shown {
		return fmt.Sprintf("%q", string(r[:shown])+"…")
	}
	return fmt.Sprintf("%q", s)
}

// pieces shows n tokens from the at-th on, at most eight.
func (t *Tokenizer) pieces(ids []int32, at, n int) string {
	at = max(at, 0)
	ids = ids[min(at, len(ids)):min(at+n, len(ids))]
	var out []string
	for _, id := range ids[:min(8, len(ids))] {
		out = append(out, fmt.Sprintf("%q", t.Piece(id)))
	}
	if len(ids) > 8 {
		out = append(out, "…")
	}
	return strings.Join(out, " ")
}
