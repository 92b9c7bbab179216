// Package record is what a row says, whatever its layout: a prompt and responses,
// token ids, ratings, the labels of steps, in words and numbers, untokenised.
package record

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/table"
)

// The layouts of a row, as spec.Data.Format names them.
const (
	formatAuto     = "auto"
	formatMessages = "messages"
	formatPrompt   = "prompt"
	formatChoices  = "choices"
	formatHH       = "hh_dialogue"
	formatLLMBar   = "llmbar"
	formatNeMo     = "nemo"
	FormatIDs      = "ids"
)

// The kinds of data, as spec.Data.Kind names them.
const (
	KindPreference = "preference"
	KindRanking    = "ranking"
	KindRatings    = "ratings"
	KindLabels     = "labels"
)

// The column that is taken without being asked for where rows have it.
const MarginColumn = "margin"

// The column with the tokens of the prompt, of the ids layout.
const promptColumn = "prompt_ids"

// A Record is a row in one form, whatever its layout was: a prompt and the
// responses to it, first the better. Of the ids format only ids is filled, and
// promptIDs where the rows have it. Of labels data steps is what is rendered.
type Record struct {
	Prompt    []Message
	Responses [][]Message
	Ids       [][]int32
	PromptIDs []int32
	Columns   []float32 // as named by layout.numbers
	Better    int       // Example.Better
	Place     place
	Steps     *Stepwise
}

// A Layout says where in a row the parts of a record are.
type Layout struct {
	Kind     string // preference, ranking, ratings or labels
	Format   string // decided
	Why      string // how, where it was decided here
	rename   map[string]string
	Numbers  []string // the columns that are numbers for the objective; of ratings, the attributes first
	Ratings  ratings
	subsets  bool // whether rows say of which subset they are
	Labels   Labelling
	byPrompt bool // whether the split must know the prompts
	// unlabelled is spec.Data.Unlabelled.
	unlabelled bool
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

// Error says where which column is missing or wrong, and what to do.
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

// NewForm is the layout of what is in its form already: it reads no rows.
func NewForm(d spec.Data, kind, format string) *Layout {
	return &Layout{Kind: kind, Format: format, Labels: newLabelling(d)}
}

// newLayout decides how to read rows like first, which stands at where.
func newLayout(d spec.Data, first table.Row, where string) (*Layout, error) {
	l := &Layout{Kind: d.Kind, Format: d.Format, rename: d.Columns.Map, Numbers: d.Extra, subsets: d.Subsets, Labels: newLabelling(d)}
	l.byPrompt = d.Split.Kind == "holdout" && d.Split.By == "prompt"
	l.unlabelled = d.Unlabelled
	switch {
	case !slices.Contains([]string{KindPreference, KindRanking, KindRatings, KindLabels}, l.Kind):
		return nil, fmt.Errorf("no data kind %q: there are preference, ranking, ratings and labels", l.Kind)
	case l.Kind == KindRanking && d.Prompts:
		return nil, fmt.Errorf("prompts of ranking data cannot be read on their own: its rows have sequences in any number; make pairs of them")
	}
	if l.Format == formatAuto || l.Format == "" {
		if err := l.decide(first, where); err != nil {
			return nil, err
		}
	}
	if err := l.suits(); err != nil {
		return nil, err
	}
	switch l.Kind {
	case KindRatings:
		return l, l.rated(d, first, where)
	case KindLabels:
		return l, l.knowsPrompts(first, where)
	}
	if !slices.Contains(l.Numbers, MarginColumn) && l.has(first, MarginColumn) {
		l.Numbers = append(append([]string{}, l.Numbers...), MarginColumn)
	}
	return l, nil
}

// suits reports a layout that rows of the kind cannot have.
func (l *Layout) suits() error {
	switch {
	case l.Kind == KindPreference && l.Format == formatNeMo:
		return fmt.Errorf("the layout nemo is for ratings data: one text, or a prompt and a response")
	case l.Kind == KindRanking && !slices.Contains([]string{formatMessages, formatPrompt, formatChoices, FormatIDs}, l.Format):
		return fmt.Errorf("the layout %s is not for ranking data: a ranking has a prompt and responses, or chosen and rejected ones, or response_ids", l.Format)
	case l.Kind != KindRanking && l.Format == formatChoices:
		return fmt.Errorf("the layout choices is for ranking data: a prompt with lists of chosen and of rejected responses")
	case l.Kind == KindLabels && !slices.Contains(labelFormats(), l.Format):
		return fmt.Errorf("the layout %s is not for labels data: there are auto, %s", l.Format, strings.Join(labelFormats(), ", "))
	case l.Kind == KindLabels && l.Labels.level == LevelOutcome && slices.Contains([]string{formatPRM800K, formatPRMBench, formatTrees}, l.Format):
		return fmt.Errorf("the layout %s labels steps and does not say whether the answer is right: level = step", l.Format)
	case l.Kind != KindLabels && l.Format != FormatIDs && slices.Contains(labelFormats(), l.Format):
		return fmt.Errorf("the layout %s is for labels data", l.Format)
	case l.Kind == KindRatings && (l.Format == formatHH || l.Format == formatLLMBar):
		return fmt.Errorf("the layout %s is for preference data: ratings have messages, or a prompt and a response, or ids", l.Format)
	}
	return nil
}

// Column is what the file calls the wanted column.
func (l *Layout) Column(name string) string {
	if renamed, ok := l.rename[name]; ok {
		return renamed
	}
	return name
}

func (l *Layout) has(row table.Row, name string) bool {
	return l.Value(row, name) != nil
}

// Value is what a row has under the name of a column; nil where it has nothing.
func (l *Layout) Value(row table.Row, name string) any {
	v, _ := At(row.Fields, l.Column(name))
	return v
}

// At is what stands at a path: a column, or, where none is called so, what the
// parts between dots lead to through objects and, by index, lists:
// scores.coherence, label.4.
func At(fields map[string]any, path string) (v any, ok bool) {
	if v, ok = fields[path]; ok {
		return v, true
	}
	v = fields
	for part := range strings.SplitSeq(path, ".") {
		switch inner := v.(type) {
		case map[string]any:
			if v, ok = inner[part]; !ok {
				return nil, false
			}
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(inner) {
				return nil, false
			}
			v = inner[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// decide finds the layout from what a row has.
func (l *Layout) decide(row table.Row, where string) error {
	switch l.Kind {
	case KindRanking:
		return l.decideRanking(row, where)
	case KindRatings:
		return l.decideRatings(row, where)
	case KindLabels:
		return l.decideLabels(row, where)
	}
	chosen := l.Value(row, "chosen")
	text, isText := chosen.(string)
	switch {
	case l.has(row, "chosen_ids") && l.has(row, "rejected_ids"):
		l.Format, l.Why = FormatIDs, "the rows have chosen_ids and rejected_ids"
	case chosen == nil && l.has(row, "output_1") && l.has(row, "output_2"):
		l.Format, l.Why = formatLLMBar, "the rows have output_1 and output_2"
	case chosen == nil:
		return l.Missing(row, where, "chosen")
	case l.has(row, "conversations"):
		l.Format, l.Why = formatMessages, "the rows have conversations, and chosen is a message"
	case isText && isDialogue(text):
		l.Format, l.Why = formatHH, `chosen begins with "Human:"`
	case isText && l.has(row, "prompt"):
		l.Format, l.Why = formatPrompt, "the rows have a prompt, and chosen is a text"
	case isText:
		return l.Missing(row, where, "prompt")
	case l.has(row, "prompt") && onlyAnswer(chosen):
		l.Format, l.Why = formatPrompt, "the rows have a prompt, and chosen holds the answer alone"
	default:
		l.Format, l.Why = formatMessages, "chosen is a list of messages"
	}
	return nil
}

func (l *Layout) decideRanking(row table.Row, where string) error {
	switch {
	case l.has(row, "response_ids"):
		l.Format, l.Why = FormatIDs, "the rows have response_ids"
	case isList(l.Value(row, "chosen")) && isList(l.Value(row, "rejected")):
		l.Format, l.Why = formatChoices, "the rows have lists of chosen and of rejected responses"
	case !l.has(row, "responses"):
		return l.Missing(row, where, "responses")
	case l.has(row, "prompt"):
		l.Format, l.Why = formatPrompt, "the rows have a prompt and responses"
	default:
		l.Format, l.Why = formatMessages, "the rows have responses and no prompt"
	}
	return nil
}

// onlyAnswer reports whether v is messages of which the first is the assistant's.
func onlyAnswer(v any) bool {
	m, err := messages(v)
	return err == nil && len(m) > 0 && m[0].Role == "assistant"
}

// Missing says that the row lacks a column.
func (l *Layout) Missing(row table.Row, where, name string) error {
	e := &ColumnError{Where: where, Row: row.Number, Column: l.Column(name), Known: columnNames(row.Fields)}
	if name == "chosen" && l.Format == formatAuto {
		e.Help = "a preference row has chosen and rejected, or chosen_ids and rejected_ids; "
	}
	if e.Help == "" {
		e.Help = inside(row.Fields, e.Column)
	}
	if near := nearest(e.Column, e.Known); near != "" {
		e.Help += fmt.Sprintf("did you mean %q? Say so with columns = named { %s = %q }", near, name, near)
	} else {
		e.Help += fmt.Sprintf("if another column holds it, say so with columns = named { %s = \"…\" }", name)
	}
	return e
}

// inside says how far a path through objects and lists leads.
func inside(fields map[string]any, path string) string {
	parts := strings.Split(path, ".")
	for i := len(parts) - 1; i > 0; i-- {
		if v, ok := At(fields, strings.Join(parts[:i], ".")); ok {
			return fmt.Sprintf("%s is %s; ", strings.Join(parts[:i], "."), describe(v))
		}
	}
	return ""
}

func (l *Layout) mistyped(row table.Row, where, name, want string, have any) error {
	return &ColumnError{Where: where, Row: row.Number, Column: l.Column(name), Want: want, Have: describe(have)}
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
		return "the text " + fmt.Sprintf("%q", Shortened(v))
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

// Shortened is the beginning of a text, for messages.
func Shortened(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
