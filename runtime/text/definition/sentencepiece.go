package definition

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"unicode/utf8"
)

// The kinds of pieces, numbered as in sentencepiece_model.proto; GGUF files
// use the same numbers.
const (
	normalPiece  = 1
	unknownPiece = 2
	controlPiece = 3
	userPiece    = 4 // found whole wherever it stands
	unusedPiece  = 5
	bytePiece    = 6
)

// A vocabPiece is a token of a SentencePiece or GGUF vocabulary.
type vocabPiece struct {
	text  string
	score float64
	kind  int64
}

// An spm is a SentencePiece model of the BPE kind.
type spm struct {
	pieces []vocabPiece
	unk    string
	// Three rules: a space is put before the text; bytes stand in for unknown
	// characters; the space before is put once for a text, not after every
	// control token ("legacy": false of transformers).
	prefix, bytes, once bool
	before, after       []string // tokens that EncodeSpecial adds
}

// definition writes the model as transformers' converter for Llama does.
func (m *spm) definition() (*Tokenizer, error) {
	vocab, err := vocabOf(m.pieces)
	if err != nil {
		return nil, err
	}
	d := &Tokenizer{
		Version:       "1.0",
		AddedTokens:   addedOf(m.pieces),
		PostProcessor: templateProcessing(vocab, m.before, m.after),
		Decoder:       m.decoder(),
		Model: Model{Type: "BPE", FuseUnk: true, ByteFallback: m.bytes,
			Vocab: Vocabulary{IDs: vocab}, Merges: mergesOf(m.pieces, vocab)},
	}
	if m.unk != "" {
		d.Model.UnkToken = &m.unk
	}
	spaces := object{"type": "Replace", "pattern": object{"String": " "}, "content": "▁"}
	switch {
	case m.prefix && m.once:
		d.PreTokenizer = mustJSON(object{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false})
	case m.prefix:
		d.Normalizer = mustJSON(object{"type": "Sequence", "normalizers": []any{object{"type": "Prepend", "prepend": "▁"}, spaces}})
	default:
		d.Normalizer = mustJSON(spaces)
	}
	return d, nil
}

// An object is JSON that we write.
type object map[string]any

func (m *spm) decoder() json.RawMessage {
	steps := []any{
		object{"type": "Replace", "pattern": object{"String": "▁"}, "content": " "},
		object{"type": "ByteFallback"},
		object{"type": "Fuse"},
	}
	if m.prefix {
		steps = append(steps, object{"type": "Strip", "content": " ", "start": 1, "stop": 0})
	}
	return mustJSON(object{"type": "Sequence", "decoders": steps})
}

func vocabOf(pieces []vocabPiece) (map[string]int32, error) {
	vocab := make(map[string]int32, len(pieces))
	for id, p := range pieces {
		if other, twice := vocab[p.text]; twice {
			return nil, fmt.Errorf("tokens %d and %d are both spelled %q", other, id, p.text)
		}
		vocab[p.text] = int32(id)
	}
	return vocab, nil
}

// addedOf are the tokens that are found in a text before anything else.
func addedOf(pieces []vocabPiece) []AddedToken {
	var added []AddedToken
	for id, p := range pieces {
		if p.kind == controlPiece || p.kind == userPiece || p.kind == unknownPiece {
			added = append(added, AddedToken{ID: int32(id), Content: p.text, Special: p.kind != userPiece})
		}
	}
	return added
}

// mergesOf finds the merges that a vocabulary implies: every way to make one
// piece of two, best score first, of equals the longest left part
// (generate_merges of transformers 4, which made the tokenizer.json of Llama 2
// and Gemma).
func mergesOf(pieces []vocabPiece, vocab map[string]int32) []Pair {
	type merge struct {
		Pair
		score       float64
		left, right int // lengths in characters
	}
	var merges []merge
	for _, p := range pieces {
		if p.kind != normalPiece && p.kind != userPiece {
			continue
		}
		if p.kind == userPiece {
			p.score = 0 // as SentencePiece has it; GGUF files say -1000
		}
		n, total := 0, utf8.RuneCountInString(p.text)
		for i := range p.text {
			_, okLeft := vocab[p.text[:i]]
			_, okRight := vocab[p.text[i:]]
			if i > 0 && okLeft && okRight {
				merges = append(merges, merge{Pair{p.text[:i], p.text[i:]}, p.score, n, total - n})
			}
			n++
		}
	}
	slices.SortStableFunc(merges, func(a, b merge) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.left, a.left), cmp.Compare(b.right, a.right))
	})
	pairs := make([]Pair, len(merges))
	for i, m := range merges {
		pairs[i] = m.Pair
	}
	return pairs
}

// templateProcessing is a post-processor that puts tokens around a text.
func templateProcessing(vocab map[string]int32, before, after []string) json.RawMessage {
	single, pair, specials := []any{}, []any{}, object{}
	add := func(tokens []string) {
		for _, text := range tokens {
			specials[text] = object{"id": text, "ids": []int32{vocab[text]}, "tokens": []string{text}}
			single = append(single, object{"SpecialToken": object{"id": text, "type_id": 0}})
		}
	}
	add(before)
	single = append(single, object{"Sequence": object{"id": "A", "type_id": 0}})
	add(after)
	pair = append(append(pair, single...), object{"Sequence": object{"id": "B", "type_id": 1}})
	return mustJSON(object{"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": specials})
}

// readSentencePiece reads a SentencePiece model, with what stands beside it.
func readSentencePiece(file string) (*Tokenizer, settings, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, settings{}, err
	}
	p, err := parseProto(raw)
	if err != nil {
		return nil, settings{}, err
	}
	s, err := readSettings(filepath.Dir(file))
	if err != nil {
		return nil, settings{}, err
	}
	m, err := p.spm(&s)
	if err != nil {
		return nil, settings{}, err
	}
	d, err := m.definition()
	return d, s, err
}

// A proto is what we need of sentencepiece_model.proto's ModelProto.
type proto struct {
	pieces         []vocabPiece
	modelType      int64 // 1 Unigram, 2 BPE
	byteFallback   bool
	unk, bos, eos  int64 // ids; negative is none
	charsmap       []byte
	dummyPrefix    bool
	escapeSpaces   bool
	normalizerRule string
}

// spm is the model under the given settings, which it completes. As in
// transformers, remove_extra_whitespaces has no say: all white space counts.
func (p *proto) spm(s *settings) (*spm, error) {
	switch {
	case p.modelType != 2:
		return nil, fmt.Errorf("a SentencePiece model of type %d; only BPE (2) is read: save the tokenizer as tokenizer.json", p.modelType)
	case len(p.charsmap) > 0:
		return nil, fmt.Errorf("a SentencePiece model with the normalizer %q is not supported", p.normalizerRule)
	case !p.escapeSpaces:
		return nil, errors.New("a SentencePiece model that does not escape spaces is not supported")
	}
	piece := func(id int64) string {
		if id < 0 || id >= int64(len(p.pieces)) {
			return ""
		}
		return p.pieces[id].text
	}
	for name, id := range map[string]int64{"unk_token": p.unk, "bos_token": p.bos, "eos_token": p.eos} {
		if text := piece(id); s.names[name] == "" && text != "" {
			s.names[name] = text
		}
	}
	m := &spm{pieces: p.pieces, unk: piece(p.unk), prefix: p.dummyPrefix, bytes: p.byteFallback, once: s.legacy != nil && !*s.legacy}
	if bos := s.names["bos_token"]; bos != "" && (s.addBOS == nil || *s.addBOS) {
		m.before = []string{bos}
	}
	if eos := s.names["eos_token"]; eos != "" && s.addEOS != nil && *s.addEOS {
		m.after = []string{eos}
	}
	return m, nil
}

func parseProto(raw []byte) (*proto, error) {
	p := &proto{modelType: 1, bos: 1, eos: 2, dummyPrefix: true, escapeSpaces: true}
	err := fields(raw, func(field int, n uint64, body []byte) error {
		switch field {
		case 1:
			return p.piece(body)
		case 2:
			return fields(body, p.trainer)
		case 3:
			return fields(body, p.normalizer)
		}
		return nil
	})
	if err == nil && len(p.pieces) == 0 {
		err = errors.New("no pieces")
	}
	if err != nil {
		return nil, fmt.Errorf("not a SentencePiece model: %w", err)
	}
	return p, nil
}

func (p *proto) piece(raw []byte) error {
	v := vocabPiece{kind: normalPiece}
	err := fields(raw, func(field int, n uint64, body []byte) error {
		switch field {
		case 1:
			v.text = string(body)
		case 2:
			v.score = float64(math.Float32frombits(uint32(n)))
		case 3:
			v.kind = int64(n)
		}
		return nil
	})
	p.pieces = append(p.pieces, v)
	return err
}

func (p *proto) trainer(field int, n uint64, _ []byte) error {
	switch field {
	case 3:
		p.modelType = int64(n)
	case 35:
		p.byteFallback = n != 0
	case 40:
		p.unk = int64(n)
	case 41:
		p.bos = int64(int32(n))
	case 42:
		p.eos = int64(int32(n))
	}
	return nil
}

func (p *proto) normalizer(field int, n uint64, body []byte) error {
	switch field {
	case 1:
		p.normalizerRule = string(body)
	case 2:
		p.charsmap = body
	case 3:
		p.dummyPrefix = n != 0
	case 5:
		p.escapeSpaces = n != 0
	}
	return nil
}

// fields hands out the fields of a protocol buffer: numbers as n, the rest as
// body.
func fields(raw []byte, each func(field int, n uint64, body []byte) error) error {
	for len(raw) > 0 {
		tag, size := binary.Uvarint(raw)
		if size <= 0 {
			return errors.New("a broken field")
		}
		raw = raw[size:]
		var n uint64
		var body []byte
		switch tag & 7 {
		case 0:
			n, size = binary.Uvarint(raw)
		case 1:
			if size = 8; len(raw) >= size {
				n = binary.LittleEndian.Uint64(raw)
			}
		case 2:
			length, prefix := binary.Uvarint(raw)
			if prefix <= 0 || length > uint64(len(raw)-prefix) {
				return errors.New("a field longer than the file")
			}
			size = prefix + int(length)
			body = raw[prefix:size]
		case 5:
			if size = 4; len(raw) >= size {
				n = uint64(binary.LittleEndian.Uint32(raw))
			}
		default:
			return fmt.Errorf("a field of type %d", tag&7)
		}
		if size <= 0 || size > len(raw) {
			return errors.New("the file is cut short")
		}
		raw = raw[size:]
		if err := each(int(tag>>3), n, body); err != nil {
			return err
		}
	}
	return nil
}
