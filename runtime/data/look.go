package data

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/rmc-lang/rmc/runtime/record"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/table"
)

// A Look is what becomes of one row: what rmc preview shows.
type Look struct {
	Row     int
	Where   string             // data.jsonl:17
	Format  string             // layout of the row
	Views   []string           // names of the sequences, as Set.Views
	Turns   [][]Message        // of each sequence, the better first; nil for token ids
	Full    []Sequence         // before truncation; nil when the row was left out earlier
	Cut     []Sequence         // what is trained on; nil when the row is left out
	Lengths []int              // Example.Lengths; nil when the row is left out
	Marks   []record.Mark      // Example.Marks; nil when the row is left out
	Columns map[string]float32 // NaN for a rating that is missing
	Dropped string             // why the row is left out; empty when it is kept
	HeldOut bool               // of the hold-out part
}

// Preview reads path up to a row (0-based, as Example.Row counts) and says what
// becomes of it.
func Preview(d spec.Data, path string, encode Encode, row int) (Look, error) {
	if err := checkPolicies(d); err != nil {
		return Look{}, err
	}
	r, err := table.Open(path)
	if err != nil {
		return Look{}, err
	}
	defer r.Close()
	source := record.Read(r, d)
	for {
		at, where, err := source.Next()
		if errors.Is(err, io.EOF) {
			return Look{}, fmt.Errorf("%s has %d rows: there is no row %d", r.Name, source.Counted, row+1)
		}
		if err != nil {
			return Look{}, err
		}
		if at.Number == row {
			return look(source.Layout, d, at, where, encode)
		}
	}
}

func look(l *record.Layout, d spec.Data, row table.Row, where string, encode Encode) (Look, error) {
	p, err := open(l, row, where)
	if err != nil {
		return Look{}, err
	}
	if p.tokenise(d, l, encode); p.failure != nil {
		return Look{}, p.failure
	}
	out := Look{Row: row.Number, Where: where, Format: l.Format, Views: views(l.Kind, d.Prompts), Full: p.full, HeldOut: p.heldOut, Columns: map[string]float32{}}
	for _, response := range p.record.Responses {
		out.Turns = append(out.Turns, slices.Concat(p.record.Prompt, response))
	}
	if s := p.record.Steps; s != nil && s.Ids == nil {
		out.Turns = [][]Message{s.Conversation(l.Labels.Tokens[0])}
	}
	if len(p.prompt) > 0 {
		out.Full = append(slices.Clone(p.full), p.prompt[0])
		if turns, _ := promptTurns(p.record); turns != nil {
			out.Turns = append(out.Turns, turns)
		}
	}
	for i, v := range p.record.Columns {
		out.Columns[l.Numbers[i]] = v
	}
	switch {
	case p.refusal != nil:
		out.Dropped = "the chat template refuses the conversation: " + p.refusal.Error()
	case p.flaw != "":
		out.Dropped = reasonOf(p.flaw)
	default:
		out.Cut, out.Lengths = slices.Concat(p.cut, p.prompt[min(1, len(p.prompt)):]), p.lengths
		out.Marks = p.marks
	}
	return out, nil
}

// Scored reads a row that is to be scored and not trained on: {"messages": …},
// {"prompt": …, "response": …} or {"ids": …} give one sequence, a row as d
// describes it one for each side. What d.OverLength would drop is an error, for
// there is no score to give.
func Scored(row map[string]any, d spec.Data, encode Encode) ([]Sequence, error) {
	rec, err := record.Scored(table.Row{Fields: row}, d)
	if err != nil {
		return nil, err
	}
	_, out, _, err := scored(rec, d, encode)
	return out, err
}

// Responses reads a row as Scored does and makes an example of each response,
// with the views of ratings: response and, if d.Prompts asks for it, prompt. Of
// labels data, see Solution and Compared, the examples are conversations with
// marks: one for each solution, or one for each order of two responses.
func Responses(row map[string]any, d spec.Data, encode Encode) ([]Example, error) {
	if d.Kind == record.KindLabels {
		return conversations(table.Row{Fields: row}, d, encode)
	}
	rec, err := record.Scored(table.Row{Fields: row}, d)
	if err != nil {
		return nil, err
	}
	full, short, asked, err := scored(rec, d, encode)
	if err != nil {
		return nil, err
	}
	count := lengths(full, short, asked, d.OverLength)
	out := make([]Example, len(short))
	for i := range short {
		out[i] = Example{Sequences: short[i : i+1 : i+1], Lengths: count[i : i+1]}
		if !d.Prompts {
			continue
		}
		prompt, flaw, refusal := promptAlone(only(rec, i), d, encode)
		if refusal != nil {
			return nil, refusal
		}
		if flaw != "" {
			return nil, fmt.Errorf("the prompt: %s", reasonOf(flaw))
		}
		out[i].Sequences = append(out[i].Sequences, prompt[1])
	}
	return out, nil
}

// Answer is a response to a prompt as a sequence that is to be scored. What
// d.OverLength would drop is an error.
func Answer(d spec.Data, prompt, response []Message, encode Encode) (Sequence, error) {
	_, out, _, err := scored(record.Record{Prompt: prompt, Responses: [][]Message{response}}, d, encode)
	if err != nil {
		return Sequence{}, err
	}
	return out[0], nil
}

// only is a record of one of the responses.
func only(rec record.Record, i int) record.Record {
	out := record.Record{Prompt: rec.Prompt, PromptIDs: rec.PromptIDs}
	if rec.Ids != nil {
		out.Ids = rec.Ids[i : i+1]
	} else {
		out.Responses = rec.Responses[i : i+1]
	}
	return out
}

// scored makes the sequences of a record that must give some, before and after
// truncation, and counts the tokens before each last turn's content.
func scored(rec record.Record, d spec.Data, encode Encode) (full, out []Sequence, asked []int, err error) {
	if flaw := rec.Flaw(); flaw != "" && flaw != record.NoPrompt {
		return nil, nil, nil, fmt.Errorf("%s", reasonOf(flaw))
	}
	if encode == nil && len(rec.Responses) > 0 {
		return nil, nil, nil, errors.New(`the model was trained on token ids (format = ids) and reads no text; write {"ids": […]}`)
	}
	if full, asked, err = sequences(rec, encode); err != nil {
		return nil, nil, nil, err
	}
	out, flaw := cut(full, d.MaxLength, d.OverLength)
	if flaw != "" {
		return nil, nil, nil, fmt.Errorf("%d tokens exceed max_length = %d, and over_length = %s leaves nothing to score", longest(full), d.MaxLength, d.OverLength)
	}
	return full, out, asked, nil
}
