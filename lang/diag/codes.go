package diag

import (
	"slices"
	"strings"
)

// An Entry explains one code: what `rmc explain` prints, with a recipe that
// has this problem and no other.
type Entry struct {
	Code     Code
	Severity Severity
	Title    string // one line: what is wrong, in general
	Explain  string // why it is a problem and what to do; paragraphs apart by a blank line
	// Example is a txtar archive. Its first file is recipe.rmr; others are
	// libraries and data that the recipe reads.
	Example string
}

// Entries returns the entries of all codes, by code.
func Entries() []Entry {
	var all []Entry
	for _, area := range [][]Entry{syntaxEntries(), resolveEntries(), checkEntries(), factsEntries()} {
		all = append(all, area...)
	}
	slices.SortStableFunc(all, func(a, b Entry) int { return strings.Compare(string(a.Code), string(b.Code)) })
	return all
}

// Lookup returns the entry of a code, in whatever case it is written.
func Lookup(code string) (Entry, bool) {
	for _, e := range Entries() {
		if strings.EqualFold(string(e.Code), code) {
			return e, true
		}
	}
	return Entry{}, false
}
