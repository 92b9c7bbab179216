package data

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// Fingerprint is a digest of examples: rows, tokens, columns and labels.
func Fingerprint(examples []Example) string {
	h := sha256.New()
	for _, e := range examples {
		binary.Write(h, binary.LittleEndian, int64(e.Row))
		for _, s := range e.Sequences {
			k := s.Digest()
			h.Write(k[:])
		}
		for _, c := range e.Columns {
			binary.Write(h, binary.LittleEndian, math.Float32bits(c))
		}
		for _, m := range e.Marks {
			binary.Write(h, binary.LittleEndian, int64(m.At))
			binary.Write(h, binary.LittleEndian, m.Gold)
		}
		binary.Write(h, binary.LittleEndian, e.Tail)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// Group names what a split keeps together: the prompt of an example, or the
// example itself, wherever in the file it stands.
func (e Example) Group(s spec.Split) string {
	if s.By == "row" {
		return Fingerprint([]Example{{Sequences: e.Sequences, Columns: e.Columns}})
	}
	return e.Prompt
}
