package record

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"

	"github.com/rmc-lang/rmc/runtime/table"
)

// Record reads a row. Its error is of the file: a missing or mistyped column.
// What is wrong with the content is for flaw to say.
func (l *Layout) Record(row table.Row, where string) (Record, error) {
	rec, err := l.sides(row, where)
	if err != nil {
		return Record{}, err
	}
	if rec.Place, err = l.inBench(row, where); err != nil {
		return Record{}, err
	}
	if l.Kind == KindRatings {
		if rec.Columns, err = l.rates(row, where); err != nil {
			return rec, err // errUnrated among them: the texts are good
		}
	}
	more, err := l.floats(row, where, l.Numbers[len(rec.Columns):])
	rec.Columns = append(rec.Columns, more...)
	return rec, err
}

func (l *Layout) sides(row table.Row, where string) (Record, error) {
	switch {
	case l.Format == formatChoices:
		return l.choices(row, where)
	case l.Kind == KindRanking:
		return l.ranking(row, where)
	case l.Kind == KindRatings:
		return l.single(row, where)
	case l.Kind == KindLabels:
		return l.graded(row, where)
	case l.Format == FormatIDs:
		return l.idLists(row, where, "chosen_ids", "rejected_ids")
	case l.Format == formatLLMBar:
		return l.labelled(row, where)
	case l.Format == formatHH:
		return l.dialogues(row, where)
	case l.Format == formatPrompt:
		return l.replies(row, where, "prompt", "chosen", "rejected")
	case l.Format == formatMessages:
		return l.messageLists(row, where)
	}
	return Record{}, fmt.Errorf("no layout %q: there are auto, messages, prompt, choices, hh_dialogue, llmbar, nemo and ids", l.Format)
}

// floats reads number columns; each must be in every row.
func (l *Layout) floats(row table.Row, where string, names []string) ([]float32, error) {
	out := make([]float32, len(names))
	for i, name := range names {
		if !l.has(row, name) {
			return nil, l.Missing(row, where, name)
		}
		f, ok := number(l.Value(row, name))
		if !ok {
			return nil, l.mistyped(row, where, name, "a number", l.Value(row, name))
		}
		if math.IsNaN(f) || math.Abs(f) > math.MaxFloat32 { // objectives compute in float32
			return nil, l.mistyped(row, where, name, "a finite number below 3.4e38", l.Value(row, name))
		}
		out[i] = float32(f)
	}
	return out, nil
}

// number reads any Go number, a bool as 0 or 1, and text that is one (CSV).
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case float32:
		return float64(v), true
	case int64:
		return float64(v), true
	case int32:
		return float64(v), true
	case uint64:
		return float64(v), true
	case uint32:
		return float64(v), true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case string:
		f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		return f, err == nil
	}
	return 0, false
}

// text reads a column that must be text.
func (l *Layout) text(row table.Row, where, name string) (string, error) {
	if !l.has(row, name) {
		return "", l.Missing(row, where, name)
	}
	s, ok := l.Value(row, name).(string)
	if !ok {
		return "", l.mistyped(row, where, name, "text", l.Value(row, name))
	}
	return s, nil
}

// turns reads a column of messages; a text counts as one message of role.
func (l *Layout) turns(row table.Row, where, name, role string) ([]Message, error) {
	if !l.has(row, name) {
		return nil, l.Missing(row, where, name)
	}
	v := l.Value(row, name)
	if s, ok := v.(string); ok && role != "" {
		return []Message{{Role: role, Content: s}}, nil
	}
	m, err := messages(v)
	if err != nil {
		return nil, fmt.Errorf("%s: column %q: %w", where, l.Column(name), err)
	}
	return m, nil
}

// messages reads a list of {role, content} or {from, value} objects, or one such.
func messages(v any) ([]Message, error) {
	if one, ok := v.(map[string]any); ok {
		v = []any{one}
	}
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("%s where messages are wanted: a list of {role, content}", describe(v))
	}
	out := make([]Message, len(list))
	for i, item := range list {
		m, err := message(item)
		if err != nil {
			return nil, fmt.Errorf("message %d: %w", i+1, err)
		}
		out[i] = m
	}
	return out, nil
}

func message(v any) (Message, error) {
	fields, ok := v.(map[string]any)
	if !ok {
		return Message{}, fmt.Errorf("%s where an object with role and content is wanted", describe(v))
	}
	role, content := "role", "content"
	if _, ok := fields[role]; !ok {
		role, content = "from", "value" // ShareGPT
	}
	name, ok := fields[role].(string)
	if !ok {
		return Message{}, fmt.Errorf("no role: it has %s", orNothing(columnNames(fields)))
	}
	known, ok := roles()[name]
	if !ok {
		return Message{}, fmt.Errorf("role %q: there are system, user, assistant and tool (ShareGPT: human, gpt, observation)", name)
	}
	text, ok := fields[content].(string)
	if !ok {
		return Message{}, fmt.Errorf("%s is %s where text is wanted", content, describe(fields[content]))
	}
	return Message{Role: known, Content: text}, nil
}

// roles maps the names that data sets use to those of chat templates.
func roles() map[string]string {
	return map[string]string{
		"system": "system", "user": "user", "assistant": "assistant", "tool": "tool",
		"human": "user", "gpt": "assistant", "observation": "tool",
	}
}

// messageLists reads chosen and rejected as whole conversations, or as what
// follows the ShareGPT column conversations. What both begin with is the prompt.
func (l *Layout) messageLists(row table.Row, where string) (Record, error) {
	var before []Message
	var err error
	if l.has(row, "conversations") {
		if before, err = l.turns(row, where, "conversations", ""); err != nil {
			return Record{}, err
		}
	}
	chosen, err := l.turns(row, where, "chosen", "")
	if err != nil {
		return Record{}, err
	}
	rejected, err := l.turns(row, where, "rejected", "")
	if err != nil {
		return Record{}, err
	}
	return divide(append(before[:len(before):len(before)], chosen...), append(before[:len(before):len(before)], rejected...)), nil
}

// divide takes off what conversations begin with in common: all but the last
// turn at most.
func divide(sides ...[]Message) Record {
	n := len(sides[0]) - 1
	for _, side := range sides[1:] {
		n = min(n, len(side)-1)
	}
	same := 0
	for same < n && allHave(sides, same) {
		same++
	}
	rec := Record{Prompt: sides[0][:max(same, 0)]}
	for _, side := range sides {
		rec.Responses = append(rec.Responses, side[max(same, 0):])
	}
	return rec
}

// allHave reports whether all sides have the same turn i.
func allHave(sides [][]Message, i int) bool {
	for _, side := range sides[1:] {
		if side[i] != sides[0][i] {
			return false
		}
	}
	return true
}

// replies reads a prompt, text or messages, and answers to it, each in a column.
func (l *Layout) replies(row table.Row, where, prompted string, sides ...string) (Record, error) {
	prompt, err := l.turns(row, where, prompted, "user")
	if err != nil {
		return Record{}, err
	}
	rec := Record{Prompt: prompt}
	for _, side := range sides {
		answer, err := l.turns(row, where, side, "assistant")
		if err != nil {
			return Record{}, err
		}
		rec.Responses = append(rec.Responses, withoutPrompt(answer, prompt))
	}
	return rec, nil
}

// withoutPrompt takes the prompt off an answer that repeats it, as the rows of
// some data sets with both columns do.
func withoutPrompt(answer, prompt []Message) []Message {
	if len(answer) <= len(prompt) {
		return answer
	}
	for i, m := range prompt {
		if answer[i] != m {
			return answer
		}
	}
	return answer[len(prompt):]
}

// dialogues reads chosen and rejected as "\n\nHuman: …\n\nAssistant: …".
func (l *Layout) dialogues(row table.Row, where string) (Record, error) {
	var sides [][]Message
	for _, name := range []string{"chosen", "rejected"} {
		s, err := l.text(row, where, name)
		if err != nil {
			return Record{}, err
		}
		if !isDialogue(s) {
			return Record{}, l.mistyped(row, where, name, `a dialogue that begins with "Human:"`, s)
		}
		sides = append(sides, dialogue(s))
	}
	return divide(sides...), nil
}

const (
	humanMark     = "\n\nHuman:"
	assistantMark = "\n\nAssistant:"
)

func isDialogue(s string) bool {
	return strings.HasPrefix(strings.TrimSpace(s), strings.TrimSpace(humanMark))
}

// dialogue cuts an HH dialogue into turns, white space around each taken off.
func dialogue(s string) []Message {
	s = "\n\n" + strings.TrimSpace(s)
	var turns []Message
	for s != "" {
		role := "user"
		rest, ok := strings.CutPrefix(s, humanMark)
		if !ok {
			role, rest = "assistant", strings.TrimPrefix(s, assistantMark)
		}
		end := len(rest)
		for _, mark := range []string{humanMark, assistantMark} {
			if i := strings.Index(rest, mark); i >= 0 {
				end = min(end, i)
			}
		}
		turns = append(turns, Message{Role: role, Content: strings.TrimSpace(rest[:end])})
		s = rest[end:]
	}
	return turns
}

// labelled reads a prompt, two responses and a label that says which is better.
func (l *Layout) labelled(row table.Row, where string) (Record, error) {
	rec, err := l.replies(row, where, "input", "output_1", "output_2")
	if err != nil {
		return Record{}, err
	}
	if !l.has(row, "label") {
		return Record{}, l.Missing(row, where, "label")
	}
	switch label, ok := verdict(l.Value(row, "label")); {
	case ok && label == 2:
		rec.Responses[0], rec.Responses[1] = rec.Responses[1], rec.Responses[0]
	case ok && label == 0:
		return rec, TieError{}
	case !ok || label != 1:
		return Record{}, l.mistyped(row, where, "label", "1 or 2, the better response, or 0 for neither,", l.Value(row, "label"))
	}
	return rec, nil
}

// idLists reads sequences of token ids and, where the rows have it, the prompt
// with which they begin.
func (l *Layout) idLists(row table.Row, where string, names ...string) (Record, error) {
	ids, err := l.tokenLists(row, where, names...)
	if err != nil || !l.has(row, promptColumn) {
		return Record{Ids: ids}, err
	}
	prompt, err := l.tokenLists(row, where, promptColumn)
	if err != nil {
		return Record{}, err
	}
	rec := Record{Ids: ids, PromptIDs: prompt[0]}
	for i, list := range ids {
		if n := len(rec.PromptIDs); len(list) > 0 && (n >= len(list) || FirstDifference(list, rec.PromptIDs) < n) {
			return Record{}, fmt.Errorf("%s: column %q is not what %q begins with", where, l.Column(promptColumn), l.Column(names[i]))
		}
	}
	return rec, nil
}

// tokenLists reads columns of token ids.
func (l *Layout) tokenLists(row table.Row, where string, names ...string) ([][]int32, error) {
	var out [][]int32
	for _, name := range names {
		if !l.has(row, name) {
			return nil, l.Missing(row, where, name)
		}
		ids, have := tokenIDs(l.Value(row, name))
		if have != "" {
			return nil, &ColumnError{Where: where, Row: row.Number, Column: l.Column(name), Want: "a list of token ids", Have: have}
		}
		out = append(out, ids)
	}
	return out, nil
}

// tokenIDs reads a list of token ids, or says what there is instead.
func tokenIDs(v any) (ids []int32, have string) {
	list, ok := v.([]any)
	if !ok {
		return nil, describe(v)
	}
	ids = make([]int32, len(list))
	for i, item := range list {
		f, ok := number(item)
		if _, isText := item.(string); isText || !ok || f != math.Trunc(f) || f < 0 || f > math.MaxInt32 {
			return nil, "a list with " + describe(item)
		}
		ids[i] = int32(f)
	}
	return ids, ""
}

// ranking reads a prompt and its responses and puts the best first.
func (l *Layout) ranking(row table.Row, where string) (Record, error) {
	rec, err := l.candidates(row, where)
	if err != nil {
		return Record{}, err
	}
	order, err := l.order(row, where, max(len(rec.Responses), len(rec.Ids)))
	if err != nil || order == nil {
		return rec, err
	}
	sorted := Record{Prompt: rec.Prompt}
	for _, i := range order {
		if rec.Ids != nil {
			sorted.Ids = append(sorted.Ids, rec.Ids[i])
		} else {
			sorted.Responses = append(sorted.Responses, rec.Responses[i])
		}
	}
	return sorted, nil
}

// candidates reads the responses of a ranking in the order of the row.
func (l *Layout) candidates(row table.Row, where string) (Record, error) {
	name := "responses"
	if l.Format == FormatIDs {
		name = "response_ids"
	}
	if !l.has(row, name) {
		return Record{}, l.Missing(row, where, name)
	}
	list, ok := l.Value(row, name).([]any)
	if !ok || len(list) < 2 {
		return Record{}, l.mistyped(row, where, name, "a list of at least two", l.Value(row, name))
	}
	if l.Format == FormatIDs {
		return l.candidateIDs(row, where, list)
	}
	var rec Record
	var err error
	if l.Format == formatPrompt {
		if rec.Prompt, err = l.turns(row, where, "prompt", "user"); err != nil {
			return Record{}, err
		}
	}
	for i, item := range list {
		if s, ok := item.(string); ok {
			item = map[string]any{"role": "assistant", "content": s}
		}
		answer, err := messages(item)
		if err != nil {
			return Record{}, fmt.Errorf("%s: column %q: response %d: %w", where, l.Column(name), i+1, err)
		}
		rec.Responses = append(rec.Responses, withoutPrompt(answer, rec.Prompt))
	}
	if l.Format == formatMessages {
		return divide(rec.Responses...), nil
	}
	return rec, nil
}

func (l *Layout) candidateIDs(row table.Row, where string, list []any) (Record, error) {
	var rec Record
	for _, item := range list {
		ids, have := tokenIDs(item)
		if have != "" {
			return Record{}, &ColumnError{Where: where, Row: row.Number, Column: l.Column("response_ids"), Want: "a list of lists of token ids", Have: have}
		}
		rec.Ids = append(rec.Ids, ids)
	}
	return rec, nil
}

// TieError marks a row that prefers neither of two responses.
type TieError struct{}

// Error says so.
func (TieError) Error() string { return "neither of two responses is preferred" }

// order sorts n responses by ranks (1 is best) or scores (highest is best);
// nil where the row has neither and lists the best first. Equal ones are errTied.
func (l *Layout) order(row table.Row, where string, n int) ([]int, error) {
	name, sign := "ranks", 1.0
	if !l.has(row, name) {
		name, sign = "scores", -1
	}
	if !l.has(row, name) {
		return nil, nil
	}
	list, ok := l.Value(row, name).([]any)
	if !ok || len(list) != n {
		return nil, l.mistyped(row, where, name, fmt.Sprintf("a list of %d numbers, one for each response,", n), l.Value(row, name))
	}
	keys, order := make([]float64, n), make([]int, n)
	for i, item := range list {
		f, ok := number(item)
		if !ok || math.IsNaN(f) {
			return nil, l.mistyped(row, where, name, "a list of numbers", item)
		}
		keys[i], order[i] = sign*f, i
	}
	sort.SliceStable(order, func(a, b int) bool { return keys[order[a]] < keys[order[b]] })
	for i := 1; i < n; i++ {
		if keys[order[i]] == keys[order[i-1]] {
			return nil, TieError{}
		}
	}
	return order, nil
}

// FirstDifference is the first index at which a and b differ; their common
// length when one begins with the other.
func FirstDifference(a, b []int32) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
