package spec

import (
	"crypto/sha256"
	"encoding/binary"
)

// HeldOut decides on which side of the split a group of rows stands, by a hash
// of the group's key, the seed and the purpose alone: rows that come or go, or
// change places, move no other row.
//
// A split of what another split left needs a purpose of its own ("select",
// "validate"; a data set's own holdout has ""): under one purpose and seed, the
// groups that one split keeps are those that the next one keeps too.
func (s Split) HeldOut(purpose, key string, seed int) bool {
	if s.Kind != "holdout" {
		return false
	}
	h := sha256.New()
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(seed)))
	if purpose != "" {
		h.Write([]byte(purpose + "\x00"))
	}
	h.Write([]byte(key))
	unit := float64(binary.LittleEndian.Uint64(h.Sum(nil))>>11) / (1 << 53) // in [0, 1)
	return unit < s.Fraction
}
