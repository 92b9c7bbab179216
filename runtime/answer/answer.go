// Package answer finds the final answer of a worked solution and says whether
// two answers are the same. It knows the marks that data sets of mathematics
// use, and numbers; it does no algebra.
package answer

import (
	"regexp"
	"strings"
)

// Final finds the answer that a text gives. Where several of these are there, the
// first kind in this list counts, and of a kind the last one:
//
//	\boxed{18}        as in MATH; also \fbox
//	#### 18           a line of its own, as in GSM8K
//	A: 18             a line that begins so, as in OpenAI's solutions to GSM8K; also Answer:, Final answer:
//	the answer is 18  to the end of the sentence
//	18                the last number
//
// marked is false of the last kind, which a text that was cut off has as well.
// Calculations as GSM8K writes them, <<3*6=18>>, are no text. ok is false where
// there is nothing of all this.
func Final(text string) (found string, marked, ok bool) {
	text = calculation.ReplaceAllString(text, "")
	if found, ok = boxed(text); ok {
		return found, true, true
	}
	for _, mark := range []*regexp.Regexp{hashes, labelled, sentence} {
		if all := mark.FindAllStringSubmatch(text, -1); len(all) > 0 {
			found = strings.TrimSpace(all[len(all)-1][1])
			return found, true, found != ""
		}
	}
	if all := written.FindAllString(text, -1); len(all) > 0 {
		return all[len(all)-1], false, true
	}
	return "", false, false
}

// Gold reads what a row says is right: a solution with a mark, or the answer
// itself.
func Gold(text string) string {
	found, marked, ok := Final(text)
	if ok && (marked || strings.Contains(strings.TrimSpace(text), "\n")) {
		return found
	}
	return strings.TrimSpace(text)
}

var (
	calculation = regexp.MustCompile(`<<[^<>\n]*>>`)
	hashes      = regexp.MustCompile(`(?m)####[ \t]*(.*)$`)
	labelled    = regexp.MustCompile(`(?mi)^[ \t*_]*(?:(?:the[ \t]+)?(?:final[ \t]+)?answer|a)[ \t]*[*_]*:[*_]*[ \t]*(.+)$`)
	sentence    = regexp.MustCompile(`(?i)\banswer[ \t]+(?:is|equals|=)[ \t]*:?[ \t]*((?:[^.\n]|\.\d)+)`)
	// written is a number as texts write it: -1,234.5 or 3/4.
	written = regexp.MustCompile(`-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?(?:/\d+)?|-?\.\d+`)
)

// boxed is what the last box holds, whatever braces are in it.
func boxed(text string) (string, bool) {
	at := max(strings.LastIndex(text, `\boxed`), strings.LastIndex(text, `\fbox`))
	if at < 0 {
		return "", false
	}
	rest := text[at:]
	if rest = strings.TrimLeft(rest[strings.Index(rest, "box")+len("box"):], "ed "); rest == "" {
		return "", false
	}
	if rest[0] != '{' {
		word, _, _ := strings.Cut(rest, " ")
		return strings.Trim(word, "$.,\n"), true
	}
	depth := 0
	for i, c := range rest {
		switch c {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return strings.TrimSpace(rest[1:i]), true
			}
		}
	}
	return "", false // it was cut off
}
