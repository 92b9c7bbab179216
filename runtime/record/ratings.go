package record

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/table"
)

// The attribute that is counted where the rows have no column of its name.
const lengthAttribute = "length"

// A ratings says how the attributes of a row are read.
type ratings struct {
	Names     []string // the first of layout.numbers; nil where data has none
	missing   string   // mask, drop or error
	sentinels []float64
	Counted   int // index of length in names where it is counted; else -1
}

// Rating reads one value: null, no text, NaN and the sentinels are missing.
func (r ratings) Rating(v any) (f float32, missing, ok bool) {
	none := float32(math.NaN())
	if s, text := v.(string); v == nil || text && strings.TrimSpace(s) == "" {
		return none, true, true
	}
	n, ok := number(v)
	switch {
	case !ok:
		return 0, false, false
	case math.IsNaN(n) || slices.Contains(r.sentinels, n):
		return none, true, true
	case math.Abs(n) > math.MaxFloat32:
		return 0, false, false
	}
	return float32(n), false, true
}

// Fill writes what is counted: tokens that are left of the response.
func (r ratings) Fill(columns []float32, lengths []int) {
	if len(r.Names) > 0 && r.Counted >= 0 {
		columns[r.Counted] = float32(lengths[0])
	}
}

// MissingRatingError marks a row that lacks a rating, where that leaves it out.
type MissingRatingError struct{}

// Error says so.
func (MissingRatingError) Error() string { return "a rating is missing" }

// CheckRatings reports a spec of ratings that no recipe can produce.
func CheckRatings(d spec.Data) error {
	if !slices.Contains([]string{"mask", "drop", "error"}, d.Missing) {
		return fmt.Errorf("no missing %q: there are mask, drop and error", d.Missing)
	}
	if len(d.Attributes) == 0 {
		return fmt.Errorf("attributes is empty: ratings data has at least one")
	}
	return nil
}

// whole divides a conversation into its last turn and those before.
func whole(turns []Message) Record {
	if len(turns) == 0 {
		return Record{Responses: [][]Message{nil}}
	}
	return divide(turns)
}

// NeMo-Aligner's marks, which HelpSteer2's prompts have as well.
const (
	turnMark   = "<extra_id_1>"
	systemMark = "<extra_id_0>"
	endMark    = "<extra_id_2>" // what follows it is labels
)

// marked cuts a text at its marks. What stands before the first is a user's
// turn; each mark is followed by a line with the role (Assistant, System after
// <extra_id_0>, all others are the user) and the content, without line feeds at
// its end.
func marked(text string) []Message {
	text, _, _ = strings.Cut(text, endMark)
	var turns []Message
	if rest, ok := strings.CutPrefix(text, systemMark); ok {
		system, others, more := strings.Cut(rest, turnMark)
		_, content, _ := strings.Cut(system, "\n")
		if content = strings.TrimRight(content, "\n"); content != "" {
			turns = append(turns, Message{Role: "system", Content: content})
		}
		if text = ""; more {
			text = turnMark + others
		}
	}
	for i, part := range strings.Split(text, turnMark) {
		role, content := "user", part
		if i > 0 {
			var name string
			if name, content, _ = strings.Cut(part, "\n"); strings.TrimSpace(name) == "Assistant" {
				role = "assistant"
			}
		} else if part == "" {
			continue
		}
		turns = append(turns, Message{Role: role, Content: strings.TrimRight(content, "\n")})
	}
	return turns
}

// rated prepares the reading of attributes; first is the first row.
func (l *Layout) rated(d spec.Data, first table.Row, where string) error {
	l.Ratings = ratings{Names: d.Attributes, missing: d.Missing, sentinels: d.Sentinels, Counted: -1}
	l.Numbers = slices.Clone(d.Attributes)
	for _, name := range d.Extra {
		if !slices.Contains(l.Numbers, name) {
			l.Numbers = append(l.Numbers, name)
		}
	}
	if _, there := At(first.Fields, l.Column(lengthAttribute)); !there && l.rename[lengthAttribute] == "" {
		l.Ratings.Counted = slices.Index(d.Attributes, lengthAttribute)
	}
	return l.knowsPrompts(first, where)
}

// knowsPrompts reports rows of token ids whose prompts nobody can tell, where
// the split needs them.
func (l *Layout) knowsPrompts(first table.Row, where string) error {
	if l.byPrompt && l.Format == FormatIDs && !l.has(first, promptColumn) {
		return fmt.Errorf("%s: a split by prompt must know the prompts: give the rows %s, the tokens of each prompt, or split by row", where, l.Column(promptColumn))
	}
	return nil
}

// rates reads the attributes of a row, NaN where one is missing. Length is 0
// until it is counted.
func (l *Layout) rates(row table.Row, where string) ([]float32, error) {
	out := make([]float32, len(l.Ratings.Names))
	unrated := false
	for i, name := range l.Ratings.Names {
		v, there := At(row.Fields, l.Column(name))
		if i == l.Ratings.Counted {
			if there {
				return nil, fmt.Errorf("%s: the row has a column %q, which the first row lacks: length is then the number of the response's tokens; rename one of them", where, name)
			}
			continue
		}
		f, missing, ok := l.Ratings.Rating(v)
		switch {
		case !ok:
			return nil, l.mistyped(row, where, name, "a rating, a finite number below 3.4e38,", v)
		case missing && l.Ratings.missing == "error" && !there:
			return nil, l.Missing(row, where, name)
		case missing && l.Ratings.missing == "error":
			return nil, l.mistyped(row, where, name, "a rating, for missing = error,", v)
		}
		out[i], unrated = f, unrated || missing
	}
	if unrated && l.Ratings.missing == "drop" {
		return nil, MissingRatingError{}
	}
	return out, nil
}

// decideRatings finds the layout of rows with one response.
func (l *Layout) decideRatings(row table.Row, where string) error {
	text, _ := l.Value(row, "text").(string)
	prompt, _ := l.Value(row, "prompt").(string)
	switch {
	case l.has(row, "ids"):
		l.Format, l.Why = FormatIDs, "the rows have ids"
	case l.has(row, "messages"):
		l.Format, l.Why = formatMessages, "the rows have messages"
	case strings.HasPrefix(text, systemMark) || strings.HasPrefix(text, turnMark):
		l.Format, l.Why = formatNeMo, "text begins with "+text[:len(turnMark)]
	case strings.Contains(prompt, turnMark):
		l.Format, l.Why = formatNeMo, "the prompt has "+turnMark
	case !l.has(row, "prompt"):
		return l.Missing(row, where, "prompt")
	case !l.has(row, "response"):
		return l.Missing(row, where, "response")
	default:
		l.Format, l.Why = formatPrompt, "the rows have a prompt and a response"
	}
	return nil
}

// single reads a conversation that ends with the one response that is rated.
func (l *Layout) single(row table.Row, where string) (Record, error) {
	switch l.Format {
	case FormatIDs:
		return l.idLists(row, where, "ids")
	case formatMessages:
		turns, err := l.turns(row, where, "messages", "")
		if err != nil {
			return Record{}, err
		}
		return whole(turns), nil
	case formatNeMo:
		return l.nemo(row, where)
	case formatPrompt:
		rec, err := l.replies(row, where, "prompt", "response")
		if err == nil && l.Why != "" && len(rec.Prompt) == 1 && strings.Contains(rec.Prompt[0].Content, turnMark) {
			return Record{}, fmt.Errorf("%s: the prompt has %s, which marks turns, and the first row's has not; say format = nemo", where, turnMark)
		}
		return rec, err
	}
	return Record{}, fmt.Errorf("no layout %q for ratings: there are auto, messages, prompt, nemo and ids", l.Format)
}

// nemo reads a text of marked turns that ends with the response, or a prompt of
// marked turns and a response.
func (l *Layout) nemo(row table.Row, where string) (Record, error) {
	if !l.has(row, "text") && l.has(row, "prompt") {
		prompt, err := l.text(row, where, "prompt")
		if err != nil {
			return Record{}, err
		}
		response, err := l.text(row, where, "response")
		if err != nil {
			return Record{}, err
		}
		answer := Message{Role: "assistant", Content: strings.TrimRight(response, "\n")}
		return Record{Prompt: marked(prompt), Responses: [][]Message{{answer}}}, nil
	}
	text, err := l.text(row, where, "text")
	if err != nil {
		return Record{}, err
	}
	return whole(marked(text)), nil
}
