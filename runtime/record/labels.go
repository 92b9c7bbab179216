package record

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// The levels of labels data.
const (
	LevelStep    = "step"    // a label after each step
	LevelOutcome = "outcome" // one label, after the last
)

// UpToMark cuts ids behind a mark. tail is the label and the token that comes after
// it, or as much of the two as there is.
func UpToMark(ids []int32, m Mark) (context, tail []int32) {
	end := m.At + 1
	return ids[:end:end], ids[end:min(len(ids), end+2)]
}

// A Mark is a place in a conversation at which a label stands.
type Mark struct {
	At   int       // index of the token whose next-token logits are read: the last before the label
	Gold []float32 // [label] what stands there: probabilities, of a hard label 0 and one 1; empty where only a score is wanted
}

// A Labelling says how the labels of a row are read.
type Labelling struct {
	Names  []string // best first
	Tokens []string // the text of each
	level  string
	Hot    [][]float32 // [label] the gold of a hard one
}

// verdict is the gold of what is right or wrong: the best label or the worst.
func (g Labelling) verdict(right bool) []float32 {
	if right {
		return g.Hot[0]
	}
	return g.Hot[len(g.Hot)-1]
}

// ids are the tokens where the rows are tokens: the texts of the labels, read as
// numbers.
func (g Labelling) ids() ([]int32, error) {
	out := make([]int32, len(g.Tokens))
	for i, t := range g.Tokens {
		id, err := strconv.ParseInt(t, 10, 32)
		if err != nil || id < 0 {
			return nil, fmt.Errorf("the rows are token ids: the token of label %s must be one, not %q", g.Names[i], t)
		}
		out[i] = int32(id)
	}
	return out, nil
}

// soft is the gold of a share p of the best label, the rest being the worst.
func (g Labelling) soft(p float64) []float32 {
	gold := make([]float32, len(g.Names))
	gold[0], gold[len(gold)-1] = float32(p), float32(1-p)
	return gold
}

// read is the gold that a value of a row means: a label's name or text, true or
// false, of two labels the share of the first, or a list with the share of each.
// Null and the empty text are no label: nil.
func (g Labelling) read(v any) (gold []float32, ok bool) {
	switch v := v.(type) {
	case nil:
		return nil, true
	case bool:
		return g.verdict(v), true
	case []any:
		return g.shares(v)
	case string:
		s := strings.TrimSpace(v)
		if i := slices.IndexFunc(g.Tokens, func(t string) bool { return strings.TrimSpace(t) == s }); i >= 0 && s != "" {
			return g.Hot[i], true
		}
		if i := slices.Index(g.Names, s); i >= 0 || s == "" {
			return g.named(i), true
		}
		if b, err := strconv.ParseBool(s); err == nil && len(s) > 1 {
			return g.verdict(b), true
		}
	}
	p, ok := number(v)
	if !ok || !(p >= 0 && p <= 1) || len(g.Names) != 2 {
		return nil, false
	}
	return g.soft(p), true
}

func (g Labelling) named(i int) []float32 {
	if i < 0 {
		return nil
	}
	return g.Hot[i]
}

// shares reads a probability for each label.
func (g Labelling) shares(list []any) ([]float32, bool) {
	gold, sum := make([]float32, len(list)), 0.0
	for i, item := range list {
		p, ok := number(item)
		if !ok || !(p >= 0 && p <= 1) {
			return nil, false
		}
		gold[i], sum = float32(p), sum+p
	}
	return gold, len(list) == len(g.Names) && sum > 0.999 && sum < 1.001
}

// want is what read takes, for messages.
func (g Labelling) want() string {
	var each []string
	for i, name := range g.Names {
		each = append(each, fmt.Sprintf("%s (%q)", name, g.Tokens[i]))
	}
	return "a label, " + strings.Join(each, " or ") + ","
}

func newLabelling(d spec.Data) Labelling {
	g := Labelling{Names: d.Labels, Tokens: d.Tokens, level: d.Level}
	for i := range d.Labels {
		one := make([]float32, len(d.Labels))
		one[i] = 1
		g.Hot = append(g.Hot, one)
	}
	return g
}

// CheckLabels reports a spec of labels data that no recipe can produce.
func CheckLabels(d spec.Data) error {
	switch {
	case len(d.Labels) < 2:
		return fmt.Errorf("labels are %v: labels data has at least two", d.Labels)
	case len(d.Tokens) != len(d.Labels):
		return fmt.Errorf("there are %d labels and %d tokens: each label has one", len(d.Labels), len(d.Tokens))
	case d.Level != LevelStep && d.Level != LevelOutcome:
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

// Likeliest is the index of the largest of some, the first where several are.
func Likeliest(gold []float32) int {
	best := 0
	for i, p := range gold {
		if p > gold[best] {
			best = i
		}
	}
	return best
}
