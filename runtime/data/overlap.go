package data

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
)

// Overlapping is the reason for which Without leaves a row out.
const Overlapping = "overlapping"

// questionKey hashes the text of a prompt as Without compares it: letters in
// lower case, digits and the signs of arithmetic, and nothing else, so that
// white space, punctuation and the ways to set mathematics make no difference.
// "" where there is no text.
func questionKey(prompt []Message) string {
	var b strings.Builder
	for _, m := range prompt {
		for _, r := range m.Content {
			if r = unicode.ToLower(r); unicode.IsLetter(r) || unicode.IsNumber(r) || strings.ContainsRune("+-*/^=<>%|", r) {
				b.WriteRune(r)
			}
		}
	}
	if b.Len() == 0 {
		return ""
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:16])
}

// questions are those of a set, in training or hold-out.
func questions(s *Set) map[string]bool {
	has := map[string]bool{}
	for _, side := range [][]Example{s.Train, s.Holdout} {
		for _, e := range side {
			if e.Question != "" {
				has[e.Question] = true
			}
		}
	}
	return has
}

// Without is a set without the examples whose question other has as well, in training
// or hold-out: the same text but for case, white space and punctuation. name is what
// the reason calls other. It fails if no row of the training part is left.
func Without(set, other *Set, name string) (*Set, error) {
	has := questions(other)
	f := Filter{Name: Overlapping, Reason: "the question is one of data " + name, Before: set.Stats.Kept}
	side := func(all []Example) []Example {
		var kept []Example
		for _, e := range all {
			if has[e.Question] {
				f.Rows = noted(f.Rows, e.Row)
				continue
			}
			kept = append(kept, e)
		}
		return kept
	}
	out := *set
	out.Train, out.Holdout = side(set.Train), side(set.Holdout)
	out.recount(f)
	if len(out.Train) == 0 {
		return nil, fmt.Errorf("the questions of all %d rows to train on are in data %s as well", len(set.Train), name)
	}
	return &out, nil
}
