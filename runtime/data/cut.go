package data

import (
	"fmt"
	"slices"

	"github.com/rmc-lang/rmc/runtime/record"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// The other reasons for which a row is left out, in the order they are looked for.
const (
	Unrated       = "unrated"            // a rating is missing, where missing = drop
	Prompts       = "two prompts"        // the sides answer different prompts, where the prompt is read
	Tied          = "tied"               // two responses of a ranking have one rank
	Refused       = "template"           // the chat template raised an error
	Identical     = "identical"          // two sides are the same as they stand
	OverLong      = "over-long"          // a side exceeds max_length; drop only
	CutWhole      = "cut to nothing"     // no token of the prompt (left) or of a response (right) is left
	IdenticalOnce = "identical once cut" // two sides are the same after truncation
	LongBefore    = "over-long before"   // the data set that a pair is of leaves it out: a side exceeds its max_length
	MadeTied      = "made tied"          // of a pair that Augment made neither side is better, or both are the same
)

// reasons explains each, in filter order.
func reasons() []Filter {
	return []Filter{
		{Name: record.NoPrompt, Reason: "no turn comes before the response that all sides have in common"},
		{Name: record.Roles, Reason: "turns are not user and assistant by turns, ending with assistant"},
		{Name: record.Empty, Reason: "a turn has no text, or a side no tokens"},
		{Name: Unrated, Reason: "a rating is missing"},
		{Name: record.Unlabelled, Reason: "no step has a label"},
		{Name: record.Mislabelled, Reason: "a label is of a step that is not there"},
		{Name: Prompts, Reason: "the sides answer different prompts, and there is no prompt of both to read"},
		{Name: Tied, Reason: "two responses have the same rank or score, or the label prefers neither"},
		{Name: Refused, Reason: "the chat template refuses the conversation"},
		{Name: Identical, Reason: "two sides are the same"},
		{Name: OverLong, Reason: "a side is longer than max_length"},
		{Name: CutWhole, Reason: "truncation leaves nothing of the prompt or of a response"},
		{Name: IdenticalOnce, Reason: "two sides are the same after truncation"},
		{Name: LongBefore, Reason: "the data that it is of leaves it out, because a side is longer than max_length there"},
		{Name: MadeTied, Reason: "of a pair that augment made neither side is better, or both are the same"},
	}
}

// sequences tokenises a record, uncut. Prompt is what all sides share; asked
// counts, of each, the tokens before the last turn's content.
func sequences(rec record.Record, encode Encode) (out []Sequence, asked []int, err error) {
	prompt := -1
	for _, response := range rec.Responses {
		e, err := encode(slices.Concat(rec.Prompt, response))
		if err != nil {
			return nil, nil, err
		}
		asked = append(asked, e.Prompt)
		if prompt < 0 || e.Prompt < prompt {
			prompt = e.Prompt
		}
		out = append(out, Sequence{IDs: e.IDs})
	}
	for _, ids := range rec.Ids {
		out, asked = append(out, Sequence{IDs: ids}), append(asked, len(rec.PromptIDs))
	}
	if common := commonPrefix(out); prompt < 0 || common < prompt {
		prompt = common
	}
	for i := range out {
		out[i].Prompt = prompt
	}
	return out, asked, nil
}

// commonPrefix counts the tokens with which all sequences begin; a sequence's
// last token is never of it.
func commonPrefix(seqs []Sequence) int {
	n := len(seqs[0].IDs) - 1
	for _, s := range seqs[1:] {
		n = min(n, len(s.IDs)-1, record.FirstDifference(seqs[0].IDs, s.IDs))
	}
	return max(n, 0)
}

// indistinct reports whether responses that are compared are the same tokens. Of
// choices they may be: what a benchmark has is not left out.
func indistinct(rec record.Record, seqs []Sequence) bool { return rec.Better == 0 && twins(seqs) }

// twins reports whether two of the sequences are the same tokens.
func twins(seqs []Sequence) bool {
	for i := range seqs {
		for j := range i {
			if slices.Equal(seqs[i].IDs, seqs[j].IDs) {
				return true
			}
		}
	}
	return false
}

// savingLength is the smallest max_length at which truncate_right would leave
// every two sequences different.
func savingLength(seqs []Sequence) int {
	need := 0
	for i := range seqs {
		for j := range i {
			need = max(need, record.FirstDifference(seqs[i].IDs, seqs[j].IDs)+1)
		}
	}
	return need
}

func longest(seqs []Sequence) int {
	n := 0
	for _, s := range seqs {
		n = max(n, len(s.IDs))
	}
	return n
}

// cut shortens sequences to most tokens as an over-length policy says; flaw
// says why the row cannot stay, "" when it can.
//
// truncate_right takes tokens off the end, the turn's end mark among them, and
// puts none back: the score is then read from the token at the cut.
//
// truncate_left takes tokens off the prompt, after its first token (the BOS, or
// what opens the first turn) and as many on all sides, so that they still share
// their prompt. A prompt that would vanish leaves the row out: what is left
// would be an answer to nothing.
func cut(seqs []Sequence, most int, policy string) (out []Sequence, flaw string) {
	over := longest(seqs) - most
	if over <= 0 {
		return seqs, ""
	}
	switch policy {
	case "truncate_left":
		return cutLeft(seqs, over)
	case "truncate_right":
		return cutRight(seqs, most)
	}
	return nil, OverLong
}

func cutLeft(seqs []Sequence, over int) ([]Sequence, string) {
	out := make([]Sequence, len(seqs))
	for i, s := range seqs {
		if over >= s.Prompt-1 {
			return nil, CutWhole
		}
		rest, prompt := s.IDs[1+over:], s.Prompt-1-over
		if rest[0] != s.IDs[0] { // a cut at the start of a turn leaves what opens it
			rest, prompt = append([]int32{s.IDs[0]}, rest...), prompt+1
		}
		out[i] = Sequence{IDs: rest, Prompt: prompt}
	}
	return out, ""
}

func cutRight(seqs []Sequence, most int) ([]Sequence, string) {
	out := make([]Sequence, len(seqs))
	for i, s := range seqs {
		if most <= s.Prompt {
			return nil, CutWhole
		}
		out[i] = Sequence{IDs: s.IDs[:min(most, len(s.IDs))], Prompt: s.Prompt}
	}
	return out, ""
}

// checkPolicies reports a spec that no recipe can produce, but an override can.
func checkPolicies(d spec.Data) error {
	switch d.OverLength {
	case "drop", "truncate_left", "truncate_right", "error":
	default:
		return fmt.Errorf("no over_length %q: there are drop, truncate_left, truncate_right and error", d.OverLength)
	}
	if d.Ties != "drop" && d.Ties != "error" && d.Kind != record.KindRatings && d.Kind != record.KindLabels {
		return fmt.Errorf("no ties %q: there are drop and error", d.Ties)
	}
	var err error
	switch d.Kind {
	case record.KindRatings:
		err = record.CheckRatings(d)
	case record.KindLabels:
		err = record.CheckLabels(d)
	}
	if err != nil {
		return err
	}
	if d.MaxLength < 1 {
		return fmt.Errorf("max_length must be at least 1 token, not %d", d.MaxLength)
	}
	return nil
}
