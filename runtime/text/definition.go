package text

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rmc-lang/rmc/runtime/text/pattern"
)

// A definition is a tokenizer.json as Hugging Face's tokenizers writes it.
// Whatever else a tokenizer comes from is turned into one first.
type definition struct {
	Version string `json:"version"`
	// Truncation and Padding have no say: transformers sets both anew at
	// every call, and off unless asked.
	Truncation    json.RawMessage `json:"truncation"`
	Padding       json.RawMessage `json:"padding"`
	AddedTokens   []addedToken    `json:"added_tokens"`
	Normalizer    json.RawMessage `json:"normalizer"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage `json:"decoder"`
	Model         modelDefinition `json:"model"`
}

// An addedToken is found in a text before anything else is done to it.
type addedToken struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"` // only where no word goes on at either side
	LStrip     bool   `json:"lstrip"`      // takes the white space before it too
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"` // looked for after the normalizer
	Special    bool   `json:"special"`
}

// A modelDefinition is the model of a tokenizer.json: BPE or Unigram.
type modelDefinition struct {
	Type                    string     `json:"type"`
	Dropout                 *float64   `json:"dropout,omitempty"`
	UnkToken                *string    `json:"unk_token,omitempty"`
	UnkID                   *int32     `json:"unk_id,omitempty"`
	ContinuingSubwordPrefix *string    `json:"continuing_subword_prefix,omitempty"`
	EndOfWordSuffix         *string    `json:"end_of_word_suffix,omitempty"`
	FuseUnk                 bool       `json:"fuse_unk"`
	ByteFallback            bool       `json:"byte_fallback"`
	IgnoreMerges            bool       `json:"ignore_merges"`
	Vocab                   vocabulary `json:"vocab"`
	Merges                  mergeList  `json:"merges,omitempty"`
}

// A vocabulary gives each token its id and, for Unigram, its log probability.
type vocabulary struct {
	ids    map[string]int32
	pieces []string  // Unigram: by id
	scores []float64 // Unigram: by id
}

// UnmarshalJSON reads {"token": id, …} or [["token", score], …].
func (v *vocabulary) UnmarshalJSON(raw []byte) error {
	l := &literals{raw: raw}
	if l.next() == '{' {
		l.pos++
		v.ids = make(map[string]int32, len(raw)/20)
		for l.next() == '"' {
			text := l.text()
			v.ids[text] = int32(l.number())
		}
		return l.err
	}
	if l.next() != '[' {
		return errors.New("the vocabulary is neither an object nor a list")
	}
	v.ids = map[string]int32{}
	v.pieces, v.scores = []string{}, []float64{}
	for l.pos++; l.next() == '['; l.pos++ {
		l.pos++
		text := l.text()
		v.ids[text] = int32(len(v.pieces))
		v.pieces = append(v.pieces, text)
		v.scores = append(v.scores, l.number())
		l.next()
	}
	return l.err
}

// MarshalJSON writes the layout that UnmarshalJSON reads.
func (v vocabulary) MarshalJSON() ([]byte, error) {
	if v.pieces == nil {
		return json.Marshal(v.ids)
	}
	rows := make([][2]any, len(v.pieces))
	for i, piece := range v.pieces {
		rows[i] = [2]any{piece, v.scores[i]}
	}
	return json.Marshal(rows)
}

// A pair is a merge: two tokens that become one.
type pair [2]string

// mergeList is the merges in the order of their rank.
type mergeList []pair

// UnmarshalJSON reads "left right" (tokenizers before 0.20) or ["left", "right"].
func (m *mergeList) UnmarshalJSON(raw []byte) error {
	l := &literals{raw: raw}
	if l.next() != '[' {
		return errors.New("merges is not a list")
	}
	for l.pos++; l.err == nil; {
		var p pair
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
func (p *pair) parse(both string) error {
	left, right, ok := strings.Cut(both, " ")
	if !ok || strings.Contains(right, " ") {
		return fmt.Errorf("merge %q is not two tokens with a space between them", both)
	}
	*p = pair{left, right}
	return nil
}

// parseDefinition reads a tokenizer.json.
func parseDefinition(raw []byte) (*definition, error) {
	var d definition
	if err := strict(raw, &d); err != nil {
		return nil, err
	}
	if d.Model.Vocab.ids == nil {
		return nil, errors.New("model.vocab is missing")
	}
	return &d, nil
}

// strict decodes JSON and fails on fields that we do not know: such a field
// may change ids.
func strict(raw []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("more JSON after the end")
	}
	return nil
}

// kind is the "type" of a component of a definition; "" if there is none.
func kind(raw json.RawMessage) (string, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return "", nil
	}
	var t struct{ Type string }
	if err := json.Unmarshal(raw, &t); err != nil {
		return "", err
	}
	if t.Type == "" {
		return "", errors.New("a component without a type")
	}
	return t.Type, nil
}

// unsupported says that a component cannot be had, and what can.
func unsupported(what, name string, known ...string) error {
	slices.Sort(known)
	return fmt.Errorf("the %s %q is not supported; these are: %s", what, name, strings.Join(known, ", "))
}

// A match is what Replace and Split look for: {"String": "x"} or {"Regex": "x"}.
type match struct {
	String *string
	Regex  *string
}

func (m match) compile() (*pattern.Pattern, error) {
	switch {
	case m.Regex != nil:
		return pattern.Compile(*m.Regex)
	case m.String != nil && *m.String != "":
		return pattern.Literal(*m.String), nil
	}
	return nil, errors.New("neither a String nor a Regex to look for")
}
