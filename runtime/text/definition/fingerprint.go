package definition

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
)

// Spellings are the tokens by id, as the vocabulary spells them; "" where there is
// none.
func (d *Tokenizer) Spellings() []string {
	size := int32(0)
	for _, id := range d.Model.Vocab.IDs {
		size = max(size, id+1)
	}
	for _, a := range d.AddedTokens {
		size = max(size, a.ID+1)
	}
	tokens := make([]string, size)
	for text, id := range d.Model.Vocab.IDs {
		if id >= 0 {
			tokens[id] = text
		}
	}
	for _, a := range d.AddedTokens {
		tokens[a.ID] = a.Content
	}
	return tokens
}

// Fingerprint is the SHA-256, in hex, of all that decides which ids a text
// becomes: vocabulary, merges, rules and special tokens. It is the same for a
// tokenizer and what is written of it. The chat template is not in it.
func (d *Tokenizer) Fingerprint() string {
	h := sha256.New()
	for id, text := range d.Spellings() {
		if text != "" {
			hashText(h, fmt.Sprint(id), text)
		}
	}
	for _, m := range d.Model.Merges {
		hashText(h, m[0], m[1])
	}
	for _, raw := range []json.RawMessage{d.Normalizer, d.PreTokenizer, d.PostProcessor, d.Decoder} {
		hashText(h, canonical(raw))
	}
	m := d.Model
	m.Vocab, m.Merges = Vocabulary{}, nil
	hashText(h, canonical(mustJSON(m)), canonical(mustJSON(d.AddedTokens)), canonical(mustJSON(d.Model.Vocab.scores)))
	for _, name := range []string{"bos_token", "eos_token", "pad_token", "unk_token"} {
		hashText(h, name, d.Names[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// hashText writes texts so that no two lists of them look alike.
func hashText(w io.Writer, texts ...string) {
	var size [8]byte
	for _, text := range texts {
		binary.LittleEndian.PutUint64(size[:], uint64(len(text)))
		w.Write(size[:]) // a hash takes everything
		io.WriteString(w, text)
	}
}

// canonical is JSON without its spaces and the order of its fields.
func canonical(raw []byte) string {
	if len(raw) == 0 {
		return "null"
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		panic(err) // it has been decoded before
	}
	return string(mustJSON(v))
}

func mustJSON(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // only our own plain types come here
	}
	return raw
}
