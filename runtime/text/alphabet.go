package text

import "unicode/utf8"

// GPT-2 spells bytes in characters that print: those that do are themselves,
// the others are U+0100 and up, in order (bytes_to_unicode of its encoder.py).

// plain reports whether GPT-2 spells byte b as the character of that number.
func plain(b int) bool {
	return b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE && b <= 0xFF
}

// alphabet is the spelling of each byte.
var alphabet = func() (spelled [256]rune) {
	next := rune(0x100)
	for b := range spelled {
		if spelled[b] = rune(b); !plain(b) {
			spelled[b] = next
			next++
		}
	}
	return spelled
}()

// byteOf is alphabet turned round.
var byteOf = func() map[rune]byte {
	bytes := map[rune]byte{}
	for b, r := range alphabet {
		bytes[r] = byte(b)
	}
	return bytes
}()

// fromAlphabet is the bytes that a spelling means; !ok if it has other
// characters.
func fromAlphabet(spelling string) (raw string, ok bool) {
	buffer := make([]byte, 0, len(spelling))
	for _, r := range spelling {
		b, ok := byteOf[r]
		if !ok {
			return "", false
		}
		buffer = append(buffer, b)
	}
	return string(buffer), true
}

// lossy is raw with what is not UTF-8 replaced by U+FFFD, one for each
// longest start of a character, as Rust and Python replace it.
func lossy(raw []byte) string {
	if utf8.Valid(raw) {
		return string(raw)
	}
	out := make([]byte, 0, len(raw)+8)
	for len(raw) > 0 {
		if r, size := utf8.DecodeRune(raw); r != utf8.RuneError || size > 1 {
			out = append(out, raw[:size]...)
			raw = raw[size:]
			continue
		}
		out = utf8.AppendRune(out, utf8.RuneError)
		raw = raw[broken(raw):]
	}
	return string(out)
}

// broken is the length of the longest start of raw that could have been the
// start of a character; at least 1.
func broken(raw []byte) int {
	n := 1
	for n < len(raw) && n < utf8.UTFMax && !utf8.FullRune(raw[:n]) {
		n++
	}
	// raw[:n] is now complete and wrong, or all there is of it.
	if n > 1 && utf8.FullRune(raw[:n]) {
		n--
	}
	return n
}
