package data

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/text"
)

// The levels of labels data.
const (
	levelStep    = "step"    // a label after each step
	levelOutcome = "outcome" // one label, after the last
)

// A Mark is a place in a conversation at which a label stands.
type Mark struct {
	At   int       // index of the token whose next-token logits are read: the last before the label
	Gold []float32 // [label] what stands there: probabilities, of a hard label 0 and one 1; empty where only a score is wanted
}

// A labelling says how the labels of a row are read.
type labelling struct {
	names  []string // best first
	tokens []string // the text of each
	level  string
	hot    [][]float32 // [label] the gold of a hard one
}

func newLabelling(d spec.Data) labelling {
	g := labelling{names: d.Labels, tokens: d.Tokens, level: d.Level}
	for i := range d.Labels {
		one := make([]float32, len(d.Labels))
		one[i] = 1
		g.hot = append(g.hot, one)
	}
	return g
}

// checkLabels reports a spec of labels data that no recipe can produce.
func checkLabels(d spec.Data) error {
	switch {
	case len(d.Labels) < 2:
		return fmt.Errorf("labels are %v: labels data has at least two", d.Labels)
	case len(d.Tokens) != len(d.Labels):
		return fmt.Errorf("there are %d labels and %d tokens: each label has one", len(d.Labels), len(d.Tokens))
	case d.Level != levelStep && d.Level != levelOutcome:
		return fmt.Errorf("no level %q: there are step and outcome", d.Level)
	case d.Prompts:
		return errors.New("prompts of labels data cannot be read on their own: the question and its first step are one turn")
	}
	for i, name := range d.Labels {
		if slices.Contains(d.Labels[:i], name) || slices.Contains(d.Tokens[:i], d.Tokens[i]) {
			return fmt.Errorf("labels %v with the tokens %q: two of them are the same", d.Labels, d.Tokens)
		}
	}
	return nil
}

// verdict is the gold of what is right or wrong: the best label or the worst.
func (g labelling) verdict(right bool) []float32 {
	if right {
		return g.hot[0]
	}
	return g.hot[len(g.hot)-1]
}

// ids are the tokens where the rows are tokens: the texts of the labels, read as
// numbers.
func (g labelling) ids() ([]int32, error) {
	out := make([]int32, len(g.tokens))
	for i, t := range g.tokens {
		id, err := strconv.ParseInt(t, 10, 32)
		if err != nil || id < 0 {
			return nil, fmt.Errorf("the rows are token ids: the token of label %s must be one, not %q", g.names[i], t)
		}
		out[i] = int32(id)
	}
	return out, nil
}

// soft is the gold of a share p of the best label, the rest being the worst.
func (g labelling) soft(p float64) []float32 {
	gold := make([]float32, len(g.names))
	gold[0], gold[len(gold)-1] = float32(p), float32(1-p)
	return gold
}

// read is the gold that a value of a row means: a label's name or text, true or
// false, of two labels the share of the first, or a list with the share of each.
// Null and the empty text are no label: nil.
func (g labelling) read(v any) (gold []float32, ok bool) {
	switch v := v.(type) {
	case nil:
		return nil, true
	case bool:
		return g.verdict(v), true
	case []any:
		return g.shares(v)
	case string:
		s := strings.TrimSpace(v)
		if i := slices.IndexFunc(g.tokens, func(t string) bool { return strings.TrimSpace(t) == s }); i >= 0 && s != "" {
			return g.hot[i], true
		}
		if i := slices.Index(g.names, s); i >= 0 || s == "" {
			return g.named(i), true
		}
		if b, err := strconv.ParseBool(s); err == nil && len(s) > 1 {
			return g.verdict(b), true
		}
	}
	p, ok := number(v)
	if !ok || !(p >= 0 && p <= 1) || len(g.names) != 2 {
		return nil, false
	}
	return g.soft(p), true
}

func (g labelling) named(i int) []float32 {
	if i < 0 {
		return nil
	}
	return g.hot[i]
}

// shares reads a probability for each label.
func (g labelling) shares(list []any) ([]float32, bool) {
	gold, sum := make([]float32, len(list)), 0.0
	for i, item := range list {
		p, ok := number(item)
		if !ok || !(p >= 0 && p <= 1) {
			return nil, false
		}
		gold[i], sum = float32(p), sum+p
	}
	return gold, len(list) == len(g.names) && sum > 0.999 && sum < 1.001
}

// want is what read takes, for messages.
func (g labelling) want() string {
	var each []string
	for i, name := range g.names {
		each = append(each, fmt.Sprintf("%s (%q)", name, g.tokens[i]))
	}
	return "a label, " + strings.Join(each, " or ") + ","
}

// tokeniseSteps fills all that follows from a record of labels data.
func (p *prepared) tokeniseSteps(d spec.Data, l *layout, encode Encode) {
	full, marks, ok := p.labelled(l, encode)
	if !ok {
		return
	}
	p.full = []Sequence{full}
	short, left, flaw := p.record.cutSteps(full, marks, d, encode)
	if p.flaw = flaw; flaw != "" {
		return
	}
	p.cut, p.marks, p.lost, p.answer = []Sequence{short}, left, marks[len(left):], p.record.steps.answer
	p.place(d)
}

// labelled renders a record and finds its marks. What is trained on ends with the
// last of them, and is so what a model is asked.
func (p *prepared) labelled(l *layout, encode Encode) (full Sequence, marks []Mark, ok bool) {
	s := p.record.steps
	if s.ids != nil {
		p.labelIDs = s.labelIDs
		return Sequence{IDs: s.ids}, s.marks, true
	}
	e, err := encode(s.conversation(l.labels.tokens[0]))
	var broken *text.LabelError
	switch {
	case errors.As(err, &broken):
		p.failure = fmt.Errorf("%s: after turn %d: %w", p.where, broken.Answer+1, err)
		return full, nil, false
	case err != nil:
		p.flaw, p.refusal = Refused, err
		return full, nil, false
	case len(e.Answers) != len(s.turns):
		panic("data: labels data wants an Encode that says where its answers are: a Tokenizer's Labelled")
	}
	for i, a := range e.Answers {
		if a.Start < 1 {
			p.failure = fmt.Errorf("%s: after turn %d: no token comes before the label", p.where, i+1)
			return full, nil, false
		}
		if p.failure = sameLabels(l.labels.names, &p.labelIDs, a.Labels, p.where); p.failure != nil {
			return full, nil, false
		}
		if s.gold[i] != nil {
			marks = append(marks, Mark{At: a.Start - 1, Gold: s.gold[i]})
		}
	}
	return Sequence{IDs: e.IDs[:marks[len(marks)-1].At+1]}, marks, true
}

// sameLabels holds the tokens of labels at one place against those of all places
// before.
func sameLabels(names []string, known *[]int32, here []int32, where string) error {
	if *known == nil {
		*known = here
	}
	for i, id := range here {
		if id != (*known)[i] {
			return fmt.Errorf("%s: label %s is token %d here and token %d elsewhere: it must be the same after every step", where, names[i], id, (*known)[i])
		}
	}
	return nil
}

// cutSteps shortens a conversation with labels to the most tokens. flaw says why
// it cannot stay, "" when it can.
//
// truncate_left takes tokens off the start of the question, and never one of a
// step; what opens the turn stays. A question that would vanish leaves the row
// out. truncate_right leaves out the later steps with their labels.
func (rec record) cutSteps(s Sequence, marks []Mark, d spec.Data, encode Encode) (Sequence, []Mark, string) {
	over := len(s.IDs) - d.MaxLength
	switch {
	case over <= 0:
		return s, marks, ""
	case d.OverLength == "truncate_left":
		from, to := rec.steps.question(s.IDs, encode)
		if over >= to-from {
			return s, nil, CutWhole
		}
		moved := make([]Mark, len(marks))
		for i, m := range marks {
			moved[i] = Mark{At: m.At - over, Gold: m.Gold}
		}
		return Sequence{IDs: slices.Concat(s.IDs[:from], s.IDs[from+over:])}, moved, ""
	case d.OverLength == "truncate_right":
		n := 0
		for n < len(marks) && marks[n].At < d.MaxLength {
			n++
		}
		if n == 0 {
			return s, nil, CutWhole
		}
		return Sequence{IDs: s.IDs[:marks[n-1].At+1]}, marks[:n], ""
	}
	return s, nil, OverLong
}

// question is where the tokens of the question are: [from, to). They are those
// that go when the question does and stay when all that follows it does.
func (s *stepwise) question(ids []int32, encode Encode) (from, to int) {
	if s.ids != nil {
		return 1, s.promptTokens
	}
	user := func(content string) []int32 {
		e, err := encode(append(slices.Clone(s.before), Message{Role: "user", Content: content}))
		if err != nil {
			return nil
		}
		return e.IDs
	}
	from = common(ids, user(s.turns[0][:s.from]+"\x00"))
	return from, common(ids, user(s.turns[0][:s.to]))
}
