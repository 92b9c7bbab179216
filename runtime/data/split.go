package data

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
)

// promptKey hashes the prompt: its turns, or for token ids the tokens that all
// sequences begin with.
func (rec record) promptKey(seqs []Sequence) string {
	if rec.keys.prompt != "" {
		return rec.keys.prompt
	}
	h := sha256.New()
	switch {
	case rec.ids == nil:
		writeTurns(h, rec.prompt)
	case rec.promptIDs != nil:
		writeIDs(h, rec.promptIDs)
	default:
		writeIDs(h, seqs[0].IDs[:seqs[0].Prompt])
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// rowKey hashes the whole row, so that equal rows stay together.
func (rec record) rowKey() string {
	if rec.keys.row != "" {
		return rec.keys.row
	}
	h := sha256.New()
	writeTurns(h, rec.prompt)
	for _, r := range rec.responses {
		writeTurns(h, r)
	}
	for _, ids := range rec.ids {
		writeIDs(h, ids)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// writeTurns writes turns so that no two different lists give the same bytes.
func writeTurns(h hash.Hash, turns []Message) {
	writeNumber(h, uint64(len(turns)))
	for _, m := range turns {
		for _, s := range []string{m.Role, m.Content} {
			writeNumber(h, uint64(len(s)))
			h.Write([]byte(s))
		}
	}
}

func writeIDs(h hash.Hash, ids []int32) {
	writeNumber(h, uint64(len(ids)))
	for _, id := range ids {
		writeNumber(h, uint64(id))
	}
}

func writeNumber(h hash.Hash, n uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], n)
	h.Write(b[:])
}
