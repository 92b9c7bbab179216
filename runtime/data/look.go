package data

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// A Look is what becomes of one row: what rmc preview shows.
type Look struct {
	Row     int
	Where   string      // data.jsonl:17
	Format  string      // layout of the row
	Turns   [][]Message // of each sequence, the better first; nil for token ids
	Full    []Sequence  // before truncation; nil when the row was left out earlier
	Cut     []Sequence  // what is trained on; nil when the row is left out
	Columns map[string]float32
	Dropped string // why the row is left out; empty when it is kept
	HeldOut bool   // of the hold-out part
}

// Preview reads path up to a row (0-based) and says what becomes of it.
func Preview(d spec.Data, path string, encode Encode, row int) (Look, error) {
	if err := checkPolicies(d); err != nil {
		return Look{}, err
	}
	r, err := Open(path)
	if err != nil {
		return Look{}, err
	}
	defer r.Close()
	var l *layout
	for {
		at, err := r.Next()
		if errors.Is(err, io.EOF) {
			return Look{}, fmt.Errorf("%s has %d rows: there is no row %d", r.name, r.number, row+1)
		}
		if err != nil {
			return Look{}, err
		}
		if l == nil { // the first row decides, as in Load
			if l, err = newLayout(d, at, r.where(at)); err != nil {
				return Look{}, err
			}
		}
		if at.Number == row {
			return l.look(d, at, r.where(at), encode)
		}
	}
}

func (l *layout) look(d spec.Data, row Row, where string, encode Encode) (Look, error) {
	p, err := l.open(row, where)
	if err != nil {
		return Look{}, err
	}
	p.tokenise(d, encode)
	out := Look{Row: row.Number, Where: where, Format: l.format, Full: p.full, HeldOut: p.heldOut, Columns: map[string]float32{}}
	for _, response := range p.record.responses {
		out.Turns = append(out.Turns, slices.Concat(p.record.prompt, response))
	}
	for i, v := range p.record.columns {
		out.Columns[l.numbers[i]] = v
	}
	switch {
	case p.refusal != nil:
		out.Dropped = "the chat template refuses the conversation: " + p.refusal.Error()
	case p.flaw != "":
		out.Dropped = reasonOf(p.flaw)
	default:
		out.Cut = p.cut
	}
	return out, nil
}

// Scored reads a row that is to be scored and not trained on: {"messages": …},
// {"prompt": …, "response": …} or {"ids": …} give one sequence, a row as d
// describes it one for each side. What d.OverLength would drop is an error, for
// there is no score to give.
func Scored(row map[string]any, d spec.Data, encode Encode) ([]Sequence, error) {
	rec, err := scoredRecord(Row{Fields: row}, d)
	if err != nil {
		return nil, err
	}
	if flaw := rec.flaw(); flaw != "" && flaw != NoPrompt {
		return nil, fmt.Errorf("%s", reasonOf(flaw))
	}
	if encode == nil && len(rec.responses) > 0 {
		return nil, errors.New(`the model was trained on token ids (format = ids) and reads no text; write {"ids": […]}`)
	}
	full, err := rec.sequences(encode)
	if err != nil {
		return nil, err
	}
	out, flaw := cut(full, d.MaxLength, d.OverLength)
	if flaw != "" {
		return nil, fmt.Errorf("%d tokens exceed max_length = %d, and over_length = %s leaves nothing to score", longest(full), d.MaxLength, d.OverLength)
	}
	return out, nil
}

func scoredRecord(row Row, d spec.Data) (record, error) {
	l := &layout{format: formatAuto, rename: d.Columns.Map}
	const where = "the row"
	switch {
	case row.Fields["messages"] != nil:
		turns, err := messages(row.Fields["messages"])
		if err != nil {
			return record{}, fmt.Errorf("messages: %w", err)
		}
		if len(turns) == 0 {
			return record{}, fmt.Errorf("messages is empty")
		}
		return divide(turns), nil
	case row.Fields["ids"] != nil:
		ids, err := (&layout{}).tokenLists(row, where, "ids")
		return record{ids: ids}, err
	case row.Fields["response"] != nil:
		return promptAndResponse(row, where)
	case l.has(row, "responses") || l.has(row, "response_ids"):
		l.kind = kindRanking
		if err := l.decide(row, where); err != nil {
			return record{}, err
		}
		return l.candidates(row, where) // in the row's order, whatever its ranks
	case l.has(row, "chosen") || l.has(row, "chosen_ids"):
		l.kind = kindPreference
		if err := l.decide(row, where); err != nil {
			return record{}, err
		}
		return l.sides(row, where)
	}
	return record{}, fmt.Errorf("the row has %s; what can be scored is messages, prompt and response, ids, or chosen and rejected", orNothing(columnNames(row.Fields)))
}

func promptAndResponse(row Row, where string) (record, error) {
	var same layout
	prompt, err := same.turns(row, where, "prompt", "user")
	if err != nil {
		return record{}, err
	}
	answer, err := same.turns(row, where, "response", "assistant")
	if err != nil {
		return record{}, err
	}
	return record{prompt: prompt, responses: [][]Message{withoutPrompt(answer, prompt)}}, nil
}
