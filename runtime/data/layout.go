package data

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// The layouts of a row, as spec.Data.Format names them.
const (
	formatAuto     = "auto"
	formatMessages = "messages"
	formatPrompt   = "prompt"
	formatHH       = "hh_dialogue"
	formatIDs      = "ids"
)

const (
	kindPreference = "preference"
	kindRanking    = "ranking"
)

// The column that is taken without being asked for where rows have it.
const marginColumn = "margin"

// A record is a row in one form, whatever its layout was: a prompt and the
// responses to it, first the better. Of the ids format only ids is filled.
type record struct {
	prompt    []Message
	responses [][]Message
	ids       [][]int32
	columns   []float32
}

// A layout says where in a row the parts of a record are.
type layout struct {
	kind    string // preference or ranking
	format  string // decided
	why     string // how, where it was decided here
	rename  map[string]string
	numbers []string // the columns that are numbers for the objective
}

// A ColumnError is a column that a row lacks, or that holds something else than
// was wanted.
type ColumnError struct {
	Where  string   // data.jsonl:17
	Row    int      // 0-based
	Column string   // as the file should call it
	Want   string   // text, number, messages, token ids, a list
	Have   string   // what there is instead; empty when the column is missing
	Known  []string // columns that the row has, sorted; only when the column is missing
	Help   string   // may be empty
}

func (e *ColumnError) Error() string {
	if e.Have != "" {
		return fmt.Sprintf("%s: column %q is %s where %s is wanted", e.Where, e.Column, e.Have, e.Want)
	}
	msg := fmt.Sprintf("%s: no column %q; the row has %s", e.Where, e.Column, orNothing(e.Known))
	if e.Help != "" {
		msg += "; " + e.Help
	}
	return msg
}

func orNothing(names []string) string {
	if len(names) == 0 {
		return "no columns"
	}
	return strings.Join(names, ", ")
}

// newLayout decides how to read rows like first, which stands at where.
func newLayout(d spec.Data, first Row, where string) (*layout, error) {
	l := &layout{kind: d.Kind, format: d.Format, rename: d.Columns.Map, numbers: d.Extra}
	if l.kind != kindPreference && l.kind != kindRanking {
		return nil, fmt.Errorf("no data kind %q: there are preference and ranking", l.kind)
	}
	if l.format == formatAuto || l.format == "" {
		if err := l.decide(first, where); err != nil {
			return nil, err
		}
	}
	if l.kind == kindRanking && l.format == formatHH {
		return nil, fmt.Errorf("the layout hh_dialogue is for preference data: a ranking has a prompt and responses, or response_ids")
	}
	if !slices.Contains(l.numbers, marginColumn) && l.has(first, marginColumn) {
		l.numbers = append(append([]string{}, l.numbers...), marginColumn)
	}
	return l, nil
}

// column is what the file calls the wanted column.
func (l *layout) column(name string) string {
	if renamed, ok := l.rename[name]; ok {
		return renamed
	}
	return name
}

func (l *layout) has(row Row, name string) bool {
	v, ok := row.Fields[l.column(name)]
	return ok && v != nil
}

func (l *layout) value(row Row, name string) any { return row.Fields[l.column(name)] }

// decide finds the layout from what a row has.
func (l *layout) decide(row Row, where string) error {
	if l.kind == kindRanking {
		return l.decideRanking(row, where)
	}
	chosen := l.value(row, "chosen")
	text, isText := chosen.(string)
	switch {
	case l.has(row, "chosen_ids") && l.has(row, "rejected_ids"):
		l.format, l.why = formatIDs, "the rows have chosen_ids and rejected_ids"
	case chosen == nil:
		return l.missing(row, where, "chosen")
	case l.has(row, "conversations"):
		l.format, l.why = formatMessages, "the rows have conversations, and chosen is a message"
	case isText && isDialogue(text):
		l.format, l.why = formatHH, `chosen begins with "Human:"`
	case isText && l.has(row, "prompt"):
		l.format, l.why = formatPrompt, "the rows have a prompt, and chosen is a text"
	case isText:
		return l.missing(row, where, "prompt")
	case l.has(row, "prompt") && onlyAnswer(chosen):
		l.format, l.why = formatPrompt, "the rows have a prompt, and chosen holds the answer alone"
	default:
		l.format, l.why = formatMessages, "chosen is a list of messages"
	}
	return nil
}

func (l *layout) decideRanking(row Row, where string) error {
	switch {
	case l.has(row, "response_ids"):
		l.format, l.why = formatIDs, "the rows have response_ids"
	case !l.has(row, "responses"):
		return l.missing(row, where, "responses")
	case l.has(row, "prompt"):
		l.format, l.why = formatPrompt, "the rows have a prompt and responses"
	default:
		l.format, l.why = formatMessages, "the rows have responses and no prompt"
	}
	return nil
}

// onlyAnswer reports whether v is messages of which the first is the assistant's.
func onlyAnswer(v any) bool {
	m, err := messages(v)
	return err == nil && len(m) > 0 && m[0].Role == "assistant"
}

// missing says that the row lacks a column.
func (l *layout) missing(row Row, where, name string) error {
	e := &ColumnError{Where: where, Row: row.Number, Column: l.column(name), Known: columnNames(row.Fields)}
	if name == "chosen" && l.format == formatAuto {
		e.Help = "a preference row has chosen and rejected, or chosen_ids and rejected_ids; "
	}
	if near := nearest(e.Column, e.Known); near != "" {
		e.Help += fmt.Sprintf("did you mean %q? Say so with columns = named { %s = %q }", near, name, near)
	} else {
		e.Help += fmt.Sprintf("if another column holds it, say so with columns = named { %s = \"…\" }", name)
	}
	return e
}

func (l *layout) mistyped(row Row, where, name, want string, have any) error {
	return &ColumnError{Where: where, Row: row.Number, Column: l.column(name), Want: want, Have: describe(have)}
}

// columnNames lists the columns of a row, sorted.
func columnNames(fields map[string]any) []string {
	names := make([]string, 0, len(fields))
	for n := range fields {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// nearest returns the candidate that name was probably meant to be; else "".
// A name that contains the other counts as near: response_chosen is chosen.
func nearest(name string, candidates []string) string {
	best, distance := "", len(name)/3+2
	for _, c := range candidates {
		d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(c))
		if strings.Contains(strings.ToLower(c), name) {
			d = 1
		}
		if d < distance {
			best, distance = c, d
		}
	}
	return best
}

// describe names a value's type and shows a short one.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return "the text " + fmt.Sprintf("%q", shortened(v))
	case bool:
		return fmt.Sprintf("%v", v)
	case []any:
		return fmt.Sprintf("a list of %d", len(v))
	case map[string]any:
		return "an object with " + orNothing(columnNames(v))
	}
	if f, ok := number(v); ok {
		return fmt.Sprintf("the number %v", f)
	}
	return fmt.Sprintf("a %T", v)
}

func shortened(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
