// Package definition reads what a tokenizer's files say of it: tokenizer.json, and
// SentencePiece models and GGUF files, which are turned into one.
package definition

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Tokenizer is a tokenizer.json as Hugging Face's tokenizers writes it, with what
// stands beside it.
type Tokenizer struct {
	Version string `json:"version"`
	// Truncation and Padding have no say: transformers sets both anew at
	// every call, and off unless asked.
	Truncation    json.RawMessage `json:"truncation"`
	Padding       json.RawMessage `json:"padding"`
	AddedTokens   []AddedToken    `json:"added_tokens"`
	Normalizer    json.RawMessage `json:"normalizer"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage `json:"decoder"`
	Model         Model           `json:"model"`

	Names    map[string]string `json:"-"` // special tokens by name: "bos_token" → "<s>"
	Template string            `json:"-"` // the chat template; "" where there is none
}

// An AddedToken is found in a text before anything else is done to it.
type AddedToken struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"` // only where no word goes on at either side
	LStrip     bool   `json:"lstrip"`      // takes the white space before it too
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"` // looked for after the normalizer
	Special    bool   `json:"special"`
}

// A Model is the model of a tokenizer.json: BPE or Unigram.
type Model struct {
	Type                    string     `json:"type"`
	Dropout                 *float64   `json:"dropout,omitempty"`
	UnkToken                *string    `json:"unk_token,omitempty"`
	UnkID                   *int32     `json:"unk_id,omitempty"`
	ContinuingSubwordPrefix *string    `json:"continuing_subword_prefix,omitempty"`
	EndOfWordSuffix         *string    `json:"end_of_word_suffix,omitempty"`
	FuseUnk                 bool       `json:"fuse_unk"`
	ByteFallback            bool       `json:"byte_fallback"`
	IgnoreMerges            bool       `json:"ignore_merges"`
	Vocab                   Vocabulary `json:"vocab"`
	Merges                  mergeList  `json:"merges,omitempty"`
}

// A Vocabulary gives each token its id and, for Unigram, its log probability.
type Vocabulary struct {
	IDs    map[string]int32
	Pieces []string  // Unigram: by id
	scores []float64 // Unigram: by id
}

// UnmarshalJSON reads {"token": id, …} or [["token", score], …].
func (v *Vocabulary) UnmarshalJSON(raw []byte) error {
	l := &literals{raw: raw}
	if l.next() == '{' {
		l.pos++
		v.IDs = make(map[string]int32, len(raw)/20)
		for l.next() == '"' {
			text := l.text()
			v.IDs[text] = int32(l.number())
		}
		return l.err
	}
	if l.next() != '[' {
		return errors.New("the vocabulary is neither an object nor a list")
	}
	v.IDs = map[string]int32{}
	v.Pieces, v.scores = []string{}, []float64{}
	for l.pos++; l.next() == '['; l.pos++ {
		l.pos++
		text := l.text()
		v.IDs[text] = int32(len(v.Pieces))
		v.Pieces = append(v.Pieces, text)
		v.scores = append(v.scores, l.number())
		l.next()
	}
	return l.err
}

// MarshalJSON writes the layout that UnmarshalJSON reads.
func (v Vocabulary) MarshalJSON() ([]byte, error) {
	if v.Pieces == nil {
		return json.Marshal(v.IDs)
	}
	rows := make([][2]any, len(v.Pieces))
	for i, piece := range v.Pieces {
		rows[i] = [2]any{piece, v.scores[i]}
	}
	return json.Marshal(rows)
}

// A Pair is a merge: two tokens that become one.
type Pair [2]string

// mergeList is the merges in the order of their rank.
type mergeList []Pair

// UnmarshalJSON reads "left right" (tokenizers before 0.20) or ["left", "right"].
func (m *mergeList) UnmarshalJSON(raw []byte) error {
	l := &literals{raw: raw}
	if l.next() != '[' {
		return errors.New("merges is not a list")
	}
	for l.pos++; l.err == nil; {
		var p Pair
		switch l.next() {
		case '"':
			if err := p.parse(l.text()); err != nil {
				return err
			}
		case '[':
			l.pos++
			p[0], p[1] = l.text(), l.text()
			if l.next() != ']' {
				return fmt.Errorf("merge %d is not two tokens", len(*m))
			}
			l.pos++
		case ']':
			return l.err
		default:
			return fmt.Errorf("merge %d is not two tokens", len(*m))
		}
		*m = append(*m, p)
	}
	return l.err
}

// literals reads the texts and numbers of JSON that has been checked before.
// Vocabularies have half a million of them, for which reflection takes
// seconds.
type literals struct {
	raw []byte
	pos int
	err error
}

// next is the byte where the next value or closing bracket begins; 0 at the end.
func (l *literals) next() byte {
	for l.pos < len(l.raw) {
		switch c := l.raw[l.pos]; c {
		case ' ', '\t', '\n', '\r', ',', ':':
			l.pos++
		default:
			return c
		}
	}
	return 0
}

func (l *literals) text() string {
	if l.next() != '"' {
		l.fail("a text")
		return ""
	}
	end := l.pos + 1
	escaped := false
	for l.raw[end] != '"' {
		if l.raw[end] == '\\' {
			escaped = true
			end++
		}
		end++
	}
	literal := l.raw[l.pos : end+1]
	l.pos = end + 1
	if !escaped && utf8.Valid(literal) {
		return string(literal[1 : len(literal)-1])
	}
	var text string
	if err := json.Unmarshal(literal, &text); err != nil && l.err == nil {
		l.err = err
	}
	return text
}

func (l *literals) number() float64 {
	l.next()
	end := l.pos
	for end < len(l.raw) && strings.IndexByte("0123456789+-.eE", l.raw[end]) >= 0 {
		end++
	}
	n, err := strconv.ParseFloat(string(l.raw[l.pos:end]), 64)
	if err != nil {
		l.fail("a number")
	}
	l.pos = end
	return n
}

func (l *literals) fail(want string) {
	if l.err == nil {
		l.err = fmt.Errorf("%.20q where %s must be", l.raw[min(l.pos, len(l.raw)):], want)
	}
	l.pos = len(l.raw)
}

// parse reads "left right".
func (p *Pair) parse(both string) error {
	left, right, ok := strings.Cut(both, " ")
	if !ok || strings.Contains(right, " ") {
		return fmt.Errorf("merge %q is not two tokens with a space between them", both)
	}
	*p = Pair{left, right}
	return nil
}
