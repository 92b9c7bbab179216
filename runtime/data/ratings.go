package data

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
	names     []string // the first of layout.numbers; nil where data has none
	missing   string   // mask, drop or error
	sentinels []float64
	counted   int // index of length in names where it is counted; else -1
}

// errUnrated marks a row that lacks a rating, where that leaves it out.
type errUnrated struct{}

func (errUnrated) Error() string { return "a rating is missing" }

// checkRatings reports a spec of ratings that no recipe can produce.
func checkRatings(d spec.Data) error {
	if !slices.Contains([]string{"mask", "drop", "error"}, d.Missing) {
		return fmt.Errorf("no missing %q: there are mask, drop and error", d.Missing)
	}
	if len(d.Attributes) == 0 {
		return fmt.Errorf("attributes is empty: ratings data has at least one")
	}
	return nil
}

// rated prepares the reading of attributes; first is the first row.
func (l *layout) rated(d spec.Data, first table.Row, where string) error {
	l.ratings = ratings{names: d.Attributes, missing: d.Missing, sentinels: d.Sentinels, counted: -1}
	l.numbers = slices.Clone(d.Attributes)
	for _, name := range d.Extra {
		if !slices.Contains(l.numbers, name) {
			l.numbers = append(l.numbers, name)
		}
	}
	if _, there := at(first.Fields, l.column(lengthAttribute)); !there && l.rename[lengthAttribute] == "" {
		l.ratings.counted = slices.Index(d.Attributes, lengthAttribute)
	}
	return l.knowsPrompts(first, where)
}

// knowsPrompts reports rows of token ids whose prompts nobody can tell, where
// the split needs them.
func (l *layout) knowsPrompts(first table.Row, where string) error {
	if l.byPrompt && l.format == formatIDs && !l.has(first, promptColumn) {
		return fmt.Errorf("%s: a split by prompt must know the prompts: give the rows %s, the tokens of each prompt, or split by row", where, l.column(promptColumn))
	}
	return nil
}

// rates reads the attributes of a row, NaN where one is missing. Length is 0
// until it is counted.
func (l *layout) rates(row table.Row, where string) ([]float32, error) {
	out := make([]float32, len(l.ratings.names))
	unrated := false
	for i, name := range l.ratings.names {
		v, there := at(row.Fields, l.column(name))
		if i == l.ratings.counted {
			if there {
				return nil, fmt.Errorf("%s: the row has a column %q, which the first row lacks: length is then the number of the response's tokens; rename one of them", where, name)
			}
			continue
		}
		f, missing, ok := l.ratings.rating(v)
		switch {
		case !ok:
			return nil, l.mistyped(row, where, name, "a rating, a finite number below 3.4e38,", v)
		case missing && l.ratings.missing == "error" && !there:
			return nil, l.missing(row, where, name)
		case missing && l.ratings.missing == "error":
			return nil, l.mistyped(row, where, name, "a rating, for missing = error,", v)
		}
		out[i], unrated = f, unrated || missing
	}
	if unrated && l.ratings.missing == "drop" {
		return nil, errUnrated{}
	}
	return out, nil
}

// rating reads one value: null, no text, NaN and the sentinels are missing.
func (r ratings) rating(v any) (f float32, missing, ok bool) {
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

// fill writes what is counted: tokens that are left of the response.
func (r ratings) fill(columns []float32, lengths []int) {
	if len(r.names) > 0 && r.counted >= 0 {
		columns[r.counted] = float32(lengths[0])
	}
}

// An UnratedError says that no row has a rating of an attribute: all are null,
// NaN or a sentinel.
type UnratedError struct {
	File      string // its base name, and the line of the first row
	Attribute string
	Column    string // that would hold it
	Rows      int
}

func (e *UnratedError) Error() string {
	return fmt.Sprintf("%s: none of %d rows has a rating %q: all are null, NaN or a sentinel", e.File, e.Rows, e.Column)
}

// rate notes which attributes were met.
func (l *loading) rate(row table.Row, where string) {
	if l.first.Fields == nil {
		l.first, l.firstAt, l.known = row, where, make([]bool, len(l.layout.ratings.names))
	}
	for i, name := range l.layout.ratings.names {
		if _, missing, _ := l.layout.ratings.rating(l.layout.value(row, name)); !missing || i == l.layout.ratings.counted {
			l.known[i] = true
		}
	}
}

// unknown reports an attribute that no row has: a wrong name, most likely.
func (l *loading) unknown() error {
	for i, known := range l.known {
		name := l.layout.ratings.names[i]
		if _, there := at(l.first.Fields, l.layout.column(name)); !known && !there {
			return l.layout.missing(l.first, l.firstAt, name)
		}
		if !known {
			return &UnratedError{File: l.firstAt, Attribute: name, Column: l.layout.column(name), Rows: l.stats.Read}
		}
	}
	return nil
}

// decideRatings finds the layout of rows with one response.
func (l *layout) decideRatings(row table.Row, where string) error {
	text, _ := l.value(row, "text").(string)
	prompt, _ := l.value(row, "prompt").(string)
	switch {
	case l.has(row, "ids"):
		l.format, l.why = formatIDs, "the rows have ids"
	case l.has(row, "messages"):
		l.format, l.why = formatMessages, "the rows have messages"
	case strings.HasPrefix(text, systemMark) || strings.HasPrefix(text, turnMark):
		l.format, l.why = formatNeMo, "text begins with "+text[:len(turnMark)]
	case strings.Contains(prompt, turnMark):
		l.format, l.why = formatNeMo, "the prompt has "+turnMark
	case !l.has(row, "prompt"):
		return l.missing(row, where, "prompt")
	case !l.has(row, "response"):
		return l.missing(row, where, "response")
	default:
		l.format, l.why = formatPrompt, "the rows have a prompt and a response"
	}
	return nil
}

// single reads a conversation that ends with the one response that is rated.
func (l *layout) single(row table.Row, where string) (record, error) {
	switch l.format {
	case formatIDs:
		return l.idLists(row, where, "ids")
	case formatMessages:
		turns, err := l.turns(row, where, "messages", "")
		if err != nil {
			return record{}, err
		}
		return whole(turns), nil
	case formatNeMo:
		return l.nemo(row, where)
	case formatPrompt:
		rec, err := l.promptAndResponse(row, where)
		if err == nil && l.why != "" && len(rec.prompt) == 1 && strings.Contains(rec.prompt[0].Content, turnMark) {
			return record{}, fmt.Errorf("%s: the prompt has %s, which marks turns, and the first row's has not; say format = nemo", where, turnMark)
		}
		return rec, err
	}
	return record{}, fmt.Errorf("no layout %q for ratings: there are auto, messages, prompt, nemo and ids", l.format)
}

// whole divides a conversation into its last turn and those before.
func whole(turns []Message) record {
	if len(turns) == 0 {
		return record{responses: [][]Message{nil}}
	}
	return divide(turns)
}

func (l *layout) promptAndResponse(row table.Row, where string) (record, error) {
	prompt, err := l.turns(row, where, "prompt", "user")
	if err != nil {
		return record{}, err
	}
	answer, err := l.turns(row, where, "response", "assistant")
	if err != nil {
		return record{}, err
	}
	return record{prompt: prompt, responses: [][]Message{withoutPrompt(answer, prompt)}}, nil
}

// NeMo-Aligner's marks, which HelpSteer2's prompts have as well.
const (
	turnMark   = "<extra_id_1>"
	systemMark = "<extra_id_0>"
	endMark    = "<extra_id_2>" // what follows it is labels
)

// nemo reads a text of marked turns that ends with the response, or a prompt of
// marked turns and a response.
func (l *layout) nemo(row table.Row, where string) (record, error) {
	if !l.has(row, "text") && l.has(row, "prompt") {
		prompt, err := l.text(row, where, "prompt")
		if err != nil {
			return record{}, err
		}
		response, err := l.text(row, where, "response")
		if err != nil {
			return record{}, err
		}
		answer := Message{Role: "assistant", Content: strings.TrimRight(response, "\n")}
		return record{prompt: marked(prompt), responses: [][]Message{{answer}}}, nil
	}
	text, err := l.text(row, where, "text")
	if err != nil {
		return record{}, err
	}
	return whole(marked(text)), nil
}

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
