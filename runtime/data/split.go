package data

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"

	"github.com/rmc-lang/rmc/runtime/record"
)

// promptKey hashes the prompt: its turns, or for token ids the tokens that all
// sequences begin with; of a row that is made of another, that one's.
func promptKey(rec record.Record, of keys, seqs []Sequence) string {
	if of.prompt != "" {
		return of.prompt
	}
	h := sha256.New()
	switch {
	case rec.Ids == nil:
		writeTurns(h, rec.Prompt)
	case rec.PromptIDs != nil:
		writeIDs(h, rec.PromptIDs)
	default:
		writeIDs(h, seqs[0].IDs[:seqs[0].Prompt])
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// rowKey hashes the whole row, so that equal rows stay together.
func rowKey(rec record.Record, of keys) string {
	if of.row != "" {
		return of.row
	}
	h := sha256.New()
	writeTurns(h, rec.Prompt)
	for _, r := range rec.Responses {
		writeTurns(h, r)
	}
	for _, ids := range rec.Ids {
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
