package data

import (
	"errors"
	"fmt"
	"io"
	"slices"

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
	Marks   []Mark             // Example.Marks; nil when the row is left out
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
	source := &rows{reader: r, data: d}
	for {
		at, where, err := source.next()
		if errors.Is(err, io.EOF) {
			return Look{}, fmt.Errorf("%s has %d rows: there is no row %d", r.Name, source.counted, row+1)
		}
		if err != nil {
			return Look{}, err
		}
		if at.Number == row {
			return source.layout.look(d, at, where, encode)
		}
	}
}

func (l *layout) look(d spec.Data, row table.Row, where string, encode Encode) (Look, error) {
	p, err := l.open(row, where)
	if err != nil {
		return Look{}, err
	}
	if p.tokenise(d, l, encode); p.failure != nil {
		return Look{}, p.failure
	}
	out := Look{Row: row.Number, Where: where, Format: l.format, Views: l.views(d.Prompts), Full: p.full, HeldOut: p.heldOut, Columns: map[string]float32{}}
	for _, response := range p.record.responses {
		out.Turns = append(out.Turns, slices.Concat(p.record.prompt, response))
	}
	if s := p.record.steps; s != nil && s.ids == nil {
		out.Turns = [][]Message{s.conversation(l.labels.tokens[0])}
	}
	if len(p.prompt) > 0 {
		out.Full = append(slices.Clone(p.full), p.prompt[0])
		if turns, _ := p.record.promptTurns(); turns != nil {
			out.Turns = append(out.Turns, turns)
		}
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
	rec, err := scoredRecord(table.Row{Fields: row}, d)
	if err != nil {
		return nil, err
	}
	_, out, _, err := rec.scored(d, encode)
	return out, err
}

// Responses reads a row as Scored does and makes an example of each response,
// with the views of ratings: response and, if d.Prompts asks for it, prompt. Of
// labels data, see Solution and Compared, the examples are conversations with
// marks: one for each solution, or one for each order of two responses.
func Responses(row map[string]any, d spec.Data, encode Encode) ([]Example, error) {
	if d.Kind == kindLabels {
		return conversations(table.Row{Fields: row}, d, encode)
	}
	rec, err := scoredRecord(table.Row{Fields: row}, d)
	if err != nil {
		return nil, err
	}
	full, short, asked, err := rec.scored(d, encode)
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
		prompt, flaw, refusal := rec.only(i).promptAlone(d, encode)
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
	_, out, _, err := record{prompt: prompt, responses: [][]Message{response}}.scored(d, encode)
	if err != nil {
		return Sequence{}, err
	}
	return out[0], nil
}

// only is a record of one of the responses.
func (rec record) only(i int) record {
	out := record{prompt: rec.prompt, promptIDs: rec.promptIDs}
	if rec.ids != nil {
		out.ids = rec.ids[i : i+1]
	} else {
		out.responses = rec.responses[i : i+1]
	}
	return out
}

// scored makes the sequences of a record that must give some, before and after
// truncation, and counts the tokens before each last turn's content.
func (rec record) scored(d spec.Data, encode Encode) (full, out []Sequence, asked []int, err error) {
	if flaw := rec.flaw(); flaw != "" && flaw != NoPrompt {
		return nil, nil, nil, fmt.Errorf("%s", reasonOf(flaw))
	}
	if encode == nil && len(rec.responses) > 0 {
		return nil, nil, nil, errors.New(`the model was trained on token ids (format = ids) and reads no text; write {"ids": […]}`)
	}
	if full, asked, err = rec.sequences(encode); err != nil {
		return nil, nil, nil, err
	}
	out, flaw := cut(full, d.MaxLength, d.OverLength)
	if flaw != "" {
		return nil, nil, nil, fmt.Errorf("%d tokens exceed max_length = %d, and over_length = %s leaves nothing to score", longest(full), d.MaxLength, d.OverLength)
	}
	return full, out, asked, nil
}

func scoredRecord(row table.Row, d spec.Data) (record, error) {
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
		return new(layout).idLists(row, where, "ids")
	case row.Fields["response"] != nil:
		return new(layout).promptAndResponse(row, where)
	case d.Kind == kindRatings:
		l.kind, l.format = kindRatings, d.Format
		if l.format == formatAuto {
			if err := l.decide(row, where); err != nil {
				return record{}, err
			}
		}
		return l.single(row, where)
	case l.has(row, "responses") || l.has(row, "response_ids"):
		l.kind = kindRanking
		if err := l.decide(row, where); err != nil {
			return record{}, err
		}
		return l.candidates(row, where) // in the row's order, whatever its ranks
	case l.has(row, "output_1") && l.has(row, "output_2"):
		rec, err := l.labelled(row, where)
		if errors.Is(err, errTied{}) {
			err = nil
		}
		return rec, err
	case l.has(row, "chosen") || l.has(row, "chosen_ids"):
		l.kind = kindPreference
		if err := l.decide(row, where); err != nil {
			return record{}, err
		}
		return l.sides(row, where)
	}
	return record{}, fmt.Errorf("the row has %s; what can be scored is messages, prompt and response, ids, or chosen and rejected", orNothing(columnNames(row.Fields)))
}
