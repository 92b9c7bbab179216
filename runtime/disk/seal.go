package disk

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Seal appends a line with the digest of what stands before it.
func Seal(text []byte) []byte {
	return fmt.Appendf(text, "\nsha256 %s\n", Digest(string(text)))
}

// Unseal is the text of what Seal made; an error where a byte of it is another.
func Unseal(sealed []byte) ([]byte, error) {
	text, written, found := strings.Cut(string(sealed), "\nsha256 ")
	if !found || strings.TrimSpace(written) != Digest(text) {
		return nil, errors.New("it has changed since it was written")
	}
	return []byte(text), nil
}

// Digest is the SHA-256 of a text, in hexadecimal: what is compared to know whether
// what something was made of is still the same.
func Digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
