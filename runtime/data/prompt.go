package data

import (
	"slices"

	"github.com/rmc-lang/rmc/runtime/record"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// views names the sequences of an example of a kind of data; a ranking's have no names.
func views(kind string, prompts bool) []string {
	var out []string
	switch kind {
	case record.KindPreference:
		out = []string{"chosen", "rejected"}
	case record.KindRatings:
		out = []string{"response"}
	case record.KindLabels:
		out = []string{"conversation"}
	}
	if prompts {
		out = append(out, "prompt")
	}
	return out
}

// asked is the conversation up to the last user's turn: what the response, or
// all that follows, answers. It is found among the messages and never in text
// or tokens, where a template's end of a prompt may stand after the response.
func asked(turns []Message) []Message {
	for i := len(turns) - 1; i >= 0; i-- {
		if turns[i].Role == "user" {
			return turns[:i+1]
		}
	}
	return nil
}

// promptTurns is what all sides answer; false if they answer different prompts.
func promptTurns(rec record.Record) (prompt []Message, same bool) {
	for i, response := range rec.Responses {
		one := asked(slices.Concat(rec.Prompt, response))
		if i > 0 && !slices.Equal(one, prompt) {
			return nil, false
		}
		prompt = one
	}
	return prompt, true
}

// promptAlone makes the view prompt: the prompt rendered as a conversation of
// its own and cut as one, before and after truncation. flaw says why the row
// cannot stay, "" when it can.
func promptAlone(rec record.Record, d spec.Data, encode Encode) (both []Sequence, flaw string, refusal error) {
	ids := rec.PromptIDs
	if rec.Ids == nil {
		turns, same := promptTurns(rec)
		if !same {
			return nil, Prompts, nil
		}
		if len(turns) == 0 {
			return nil, record.NoPrompt, nil
		}
		e, err := encode(turns)
		if err != nil {
			return nil, Refused, err
		}
		ids = e.IDs
	}
	if len(ids) == 0 {
		return nil, record.NoPrompt, nil
	}
	full := Sequence{IDs: ids, Prompt: len(ids)}
	short, flaw := cutPrompt(full, d.MaxLength, d.OverLength)
	return []Sequence{full, short}, flaw, nil
}

// cutPrompt shortens a prompt as cut does responses, but from its own end:
// truncate_left keeps the end and the first token, truncate_right the start.
func cutPrompt(s Sequence, most int, policy string) (Sequence, string) {
	over := len(s.IDs) - most
	switch {
	case over <= 0:
		return s, ""
	case policy == "truncate_right":
		return Sequence{IDs: s.IDs[:most], Prompt: most}, ""
	case policy != "truncate_left":
		return s, OverLong
	}
	out, flaw := cutLeft([]Sequence{{IDs: s.IDs, Prompt: len(s.IDs)}}, over)
	if flaw != "" {
		return s, flaw
	}
	out[0].Prompt = len(out[0].IDs)
	return out[0], ""
}

// lengths counts the tokens of each response's last turn that are left. asked
// counts those before it, uncut; 0 means that the sequence is all response.
func lengths(full, cut []Sequence, asked []int, policy string) []int {
	out := make([]int, len(full))
	for i, s := range cut {
		before := asked[i]
		if policy == "truncate_left" { // takes tokens after the first
			before = max(min(before, 1), before-(len(full[i].IDs)-len(s.IDs)))
		}
		out[i] = max(0, len(s.IDs)-before)
	}
	return out
}
