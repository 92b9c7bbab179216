package record

import (
	"slices"
	"strings"
)

// What may be wrong with the content of a row, for which it is left out.
const (
	NoPrompt    = "no prompt"   // the sides have no turn in common
	Roles       = "roles"       // user and assistant do not alternate
	Empty       = "empty"       // a turn without text, or no tokens
	Unlabelled  = "unlabelled"  // no step has a label
	Mislabelled = "mislabelled" // a label is of a step that is not there
)

// alternate reports whether turns are user, assistant, user, … after an
// optional system turn, and end with assistant. Tool turns may stand anywhere
// after the first user's and are not counted.
func alternate(turns []Message) bool {
	if len(turns) > 0 && turns[0].Role == "system" {
		turns = turns[1:]
	}
	want := "user"
	for _, m := range turns {
		switch {
		case m.Role == "tool" && want == "user":
			want = "assistant" // an answer to a call that the assistant made
		case m.Role != want:
			return false
		case want == "user":
			want = "assistant"
		default:
			want = "user"
		}
	}
	return len(turns) > 0 && turns[len(turns)-1].Role == "assistant"
}

// problem names what is wrong with the content, "" when nothing is.
func (s *Stepwise) problem() string {
	if s.Flaw != "" {
		return s.Flaw
	}
	for _, turn := range s.Turns {
		if strings.TrimSpace(turn) == "" {
			return Empty
		}
	}
	return ""
}

// Flaw names what is wrong with a record's content, "" when nothing is.
func (rec Record) Flaw() string {
	if rec.Steps != nil {
		return rec.Steps.problem()
	}
	if rec.Ids != nil {
		for _, ids := range rec.Ids {
			if len(ids) == 0 {
				return Empty
			}
		}
		return ""
	}
	if len(rec.Prompt) == 0 {
		return NoPrompt
	}
	for _, response := range rec.Responses {
		turns := slices.Concat(rec.Prompt, response)
		if !alternate(turns) {
			return Roles
		}
		for _, m := range turns {
			if m.Role != "system" && strings.TrimSpace(m.Content) == "" {
				return Empty
			}
		}
	}
	return ""
}
