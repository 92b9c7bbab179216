// Package data turns a file of preference, ranking, ratings or labels rows into
// token ids, a split, an order and batches of fixed shape, and makes rows of rows.
// It knows no tensor library: rmc runs it to say what a recipe will train on, the
// trainer to train on it.
package data

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/rmc-lang/rmc/runtime/record"
)

// A Set is a data source ready to train on.
type Set struct {
	Train   []Example
	Holdout []Example
	Columns []string // names of Example.Columns: Attributes, spec.Data.Extra, and margin where the rows have it
	// Attributes are the first of Columns, of ratings: those that are missing are NaN.
	Attributes []string
	// Views are the names of Example.Sequences: chosen and rejected, or response,
	// or conversation; and prompt, the last, if spec.Data.Prompts asks for it. Nil
	// for a ranking.
	Views []string
	// Labels names the labels of Mark.Gold, of labels data, and LabelIDs is the
	// token of each, one and the same wherever it stands.
	Labels   []string
	LabelIDs []int32
	Endings  bool // spec.Data.Endings
	Width    int  // most sequences that an example has
	Stats    Stats
}

// An Example is one row as token ids.
type Example struct {
	Row       int        // 0-based row in the file; where a row makes several examples these are counted, see Stats.Read
	Sequences []Sequence // as named by Set.Views; ranking: best first
	// Lengths are the tokens of the last turn that are left of each response
	// sequence: what the model answers, without what it is asked and without the
	// header of the answer. There is none for the view prompt, nor of labels data.
	Lengths []int
	Columns []float32 // as named by Set.Columns
	Prompt  string    // hash of the prompt, hexadecimal: what a split by prompt keeps together
	// Better, of rows that list chosen and rejected responses, is how many of the
	// sequences are chosen, which come first; else 0, and each is better than the next.
	Better int
	Subset string // of a benchmark, where spec.Data.Subsets asks for it
	Name   string // what the row calls itself, where it does and spec.Data.Subsets asks
	// Marks are the places of labels, ascending; the last is the conversation's last token.
	Marks []record.Mark
	// Tail is the last label and the token after it, where spec.Data.Endings asks for
	// them: [label, ending], or as much of the two as there is. A model that reads
	// endings is given the label as well.
	Tail     []int32
	Lost     []record.Mark // those behind them that truncation took away: nothing reads them, and a benchmark counts them
	LabelIDs []int32       // of one that is to be scored, as Set.LabelIDs
	Swapped  bool          // of a comparison: whether the side that is better is the second that is shown
	Answer   string        // of a solution with labels: the final answer that it gives, see answer.Final; "" where it gives none
	Question string        // hash of the prompt's text without case, white space and punctuation; "" for token ids
}

// A Sequence is one conversation, cut to the maximum length. The scored token
// is its last.
type Sequence struct {
	IDs    []int32
	Prompt int // leading tokens that all responses of the example share: the prompt; of the view prompt, all; of labels data 0
}

// Tokens counts those of sequences.
func Tokens(all []Sequence) (n int) {
	for _, s := range all {
		n += len(s.IDs)
	}
	return n
}

// A Digest tells sequences apart by their tokens.
type Digest [sha256.Size]byte

// Digest is that of s.
func (s Sequence) Digest() Digest {
	b := make([]byte, 0, 4*len(s.IDs))
	for _, id := range s.IDs {
		b = binary.LittleEndian.AppendUint32(b, uint32(id))
	}
	return sha256.Sum256(b)
}

// Distinct lists the different sequences of a set, the longest first.
func (s *Set) Distinct() []Sequence {
	seen := map[Digest]bool{}
	var all []Sequence
	for _, e := range slices.Concat(s.Train, s.Holdout) {
		for _, one := range e.Sequences {
			if d := one.Digest(); !seen[d] {
				seen[d] = true
				all = append(all, one)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Sequence) int { return len(b.IDs) - len(a.IDs) })
	return all
}

// Len is the length of the example's longest sequence, in tokens that a model is given.
func (e Example) Len() int { return longest(e.Sequences) + len(lastLabel(e.Tail)) }

// Tokens counts those that a model is given.
func (e Example) Tokens() int { return Tokens(e.Sequences) + len(lastLabel(e.Tail)) }

// lastLabel is that of a tail, which a model is given that reads what follows.
func lastLabel(tail []int32) []int32 { return tail[:min(1, len(tail))] }

// Endings are, of each mark, the index of the token after which the ending of the
// label's turn is read, which is the label, and the id of that ending. Where nothing
// follows a label the index is the mark's and the id -1.
func (e Example) Endings() (after []int, ids []int32) {
	if len(e.Marks) == 0 {
		return nil, nil
	}
	whole := slices.Concat(e.Sequences[0].IDs, e.Tail)
	for _, m := range e.Marks {
		at, id := m.At, int32(-1)
		if m.At+2 < len(whole) {
			at, id = m.At+1, whole[m.At+2]
		}
		after, ids = append(after, at), append(ids, id)
	}
	return after, ids
}

// A Stats says what became of the rows. Rows are 0-based.
type Stats struct {
	Format  string         `json:"format"`            // layout of the rows
	Decided string         `json:"decided,omitempty"` // why, where the recipe says auto
	Read    int            `json:"read"`              // rows read; of one that makes several examples, these are counted
	Filters []Filter       `json:"filters,omitempty"` // those that met a row, in the order applied
	Kept    int            `json:"kept"`              // rows left, train and hold-out together
	Train   int            `json:"train"`
	Holdout int            `json:"holdout"`
	Columns []ColumnReport `json:"columns,omitempty"` // of the file, sorted by name

	MaxLength int   `json:"max_length"`         // spec.Data.MaxLength
	Over      int   `json:"over"`               // rows with a side longer than that, whatever became of them
	OverAt    []int `json:"over_at,omitempty"`  // the first of them
	Longest   int   `json:"longest"`            // longest side met, before it was cut, in tokens
	SavedBy   int   `json:"saved_by,omitempty"` // max_length at which no row becomes identical; 0 when none does

	Prompts       int    `json:"prompts"`                   // different prompts among the rows kept
	InBoth        int    `json:"in_both,omitempty"`         // prompts with rows in train and in hold-out
	InBothExample string `json:"in_both_example,omitempty"` // the last turn of one of them, shortened

	Missing map[string]int `json:"missing,omitempty"` // ratings that the rows kept lack, by attribute
	Marks   map[string]int `json:"marks,omitempty"`   // places among the rows kept, by the label that is likeliest there
	Made    []MadeOf       `json:"made,omitempty"`    // pairs that Augment made, before anything was left out of them, by kind in RRM's order

	LargestID   int32 `json:"largest_id"`    // largest token id among the rows kept
	LargestIDAt int   `json:"largest_id_at"` // the first row that has it

	TokensBefore int64 `json:"tokens_before"` // tokens of all rows that could be tokenised, uncut
	TokensAfter  int64 `json:"tokens_after"`  // tokens kept
	TokensShared int64 `json:"tokens_shared"` // of these, those that repeat the prompt of an example's first sequence
	Lengths      []int `json:"-"`             // tokens of each sequence kept: train, then hold-out, an example's together
}

// A Filter is one reason for which rows were left out.
type Filter struct {
	Name   string `json:"name"`   // NoPrompt to MadeTied
	Reason string `json:"reason"` // in words; of Refused, what the template said first
	Before int    `json:"before"` // rows that came to it
	After  int    `json:"after"`  // rows that passed
	Rows   []int  `json:"rows"`   // the first few that did not
}

// Met is the number of rows that the named filter left out.
func (s Stats) Met(name string) int {
	for _, f := range s.Filters {
		if f.Name == name {
			return f.Before - f.After
		}
	}
	return 0
}

// A ColumnReport is what a column of the file holds.
type ColumnReport struct {
	Name     string `json:"name"`
	Type     string `json:"type"` // text, number, bool, list, object or mixed
	Missing  int    `json:"missing,omitempty"`
	Constant bool   `json:"constant,omitempty"` // one text, number or bool in all rows, of at least two
	Value    string `json:"value,omitempty"`    // that value, shortened
}

// count fills the counts of what is kept.
func (s *Set) count() {
	c := &s.Stats
	c.Train, c.Holdout, c.Kept = len(s.Train), len(s.Holdout), len(s.Train)+len(s.Holdout)
	c.LargestID, c.LargestIDAt, c.TokensAfter, c.TokensShared, c.Lengths, c.Missing, c.Marks = 0, 0, 0, 0, nil, nil, nil
	for _, e := range slices.Concat(s.Train, s.Holdout) {
		s.Width = max(s.Width, len(e.Sequences))
		s.countTokens(e)
		s.countMissing(e)
		s.countMarks(e)
	}
	s.countPrompts()
}

func (s *Set) countTokens(e Example) {
	c := &s.Stats
	for i, seq := range e.Sequences {
		for _, ids := range [][]int32{seq.IDs, e.Tail} {
			if len(ids) > 0 && slices.Max(ids) > c.LargestID {
				c.LargestID, c.LargestIDAt = slices.Max(ids), e.Row
			}
		}
		given := len(seq.IDs) + len(lastLabel(e.Tail))
		c.TokensAfter += int64(given)
		c.Lengths = append(c.Lengths, given)
		switch first := e.Sequences[0]; {
		case i > 0 && i == len(e.Lengths): // the view prompt
			c.TokensShared += int64(record.FirstDifference(seq.IDs, first.IDs))
		case i > 0:
			c.TokensShared += int64(seq.Prompt)
		}
	}
}

func (s *Set) countMissing(e Example) {
	for i, name := range s.Attributes {
		if v := e.Columns[i]; v != v {
			if s.Stats.Missing == nil {
				s.Stats.Missing = map[string]int{}
			}
			s.Stats.Missing[name]++
		}
	}
}

func (s *Set) countMarks(e Example) {
	for _, m := range e.Marks {
		if len(m.Gold) == 0 {
			continue // to be labelled yet
		}
		if s.Stats.Marks == nil {
			s.Stats.Marks = map[string]int{}
		}
		s.Stats.Marks[s.Labels[record.Likeliest(m.Gold)]]++
	}
}

// countPrompts counts the different prompts, and those on both sides.
func (s *Set) countPrompts() {
	train, held := map[string]bool{}, map[string]bool{}
	for _, e := range s.Train {
		train[e.Prompt] = true
	}
	s.Stats.InBoth = 0
	for _, e := range s.Holdout {
		if train[e.Prompt] && !held[e.Prompt] {
			s.Stats.InBoth++
		}
		held[e.Prompt] = true
	}
	s.Stats.Prompts = len(train) + len(held) - s.Stats.InBoth
}
