package parse

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// unquote returns the value of a string literal with its quotes. bad is the
// offset of the first escape that the language does not have, or -1.
func unquote(raw string) (value string, bad int) {
	bad = -1
	var b strings.Builder
	body := raw[1 : len(raw)-1]
	for i := 0; i < len(body); {
		if body[i] != '\\' {
			b.WriteByte(body[i])
			i++
			continue
		}
		r, n := escape(body[i:])
		if n == 0 {
			if bad < 0 {
				bad = i + 1
			}
			r, n = '\\', 1
		}
		b.WriteRune(r)
		i += n
	}
	return b.String(), bad
}

// escape reads the escape that s begins with; n is 0 when there is none such.
func escape(s string) (r rune, n int) {
	if len(s) < 2 {
		return 0, 0
	}
	switch s[1] {
	case '"', '\\':
		return rune(s[1]), 2
	case 'n':
		return '\n', 2
	case 't':
		return '\t', 2
	case 'r':
		return '\r', 2
	case 'u':
		if len(s) < 6 {
			return 0, 0
		}
		code, err := strconv.ParseUint(s[2:6], 16, 32)
		if err != nil || !utf8.ValidRune(rune(code)) {
			return 0, 0
		}
		return rune(code), 6
	}
	return 0, 0
}
