package judge

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// A Verdict is what an answer says of the responses as they were shown.
type Verdict string

const (
	A         Verdict = "A"
	B         Verdict = "B"
	Tie       Verdict = "tie"
	Undecided Verdict = "" // the answer says none of these
)

// bracketed is a verdict as MT-bench and RewardBench have judges write it.
var bracketed = regexp.MustCompile(`\[\[\s*([A-C])\s*\]\]`)

// Parse reads an answer to a pair. How is spec.Label.Verdict. Last: the last
// [[A]], [[B]] or, for a tie, [[C]], whatever a chain of thought says before it.
// First: the answer's first letter, in either case and after *, _, quotes,
// brackets and white space, if it stands alone or a word, a full stop, a colon or
// such a sign follows; there is no tie.
func Parse(answer, how string) Verdict {
	if how == "first" {
		return firstLetter(answer)
	}
	all := bracketed.FindAllStringSubmatch(answer, -1)
	if len(all) == 0 {
		return Undecided
	}
	if letter := all[len(all)-1][1]; letter != "C" {
		return Verdict(letter)
	}
	return Tie
}

func firstLetter(answer string) Verdict {
	const decoration = "*_\"'`“”‘’[]()"
	trim := func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(decoration, r) }
	s := strings.TrimLeftFunc(strings.ToLower(answer), trim)
	if s == "" || s[0] != 'a' && s[0] != 'b' {
		return Undecided
	}
	for _, r := range s[1:] {
		if !trim(r) && r != '.' && r != ':' {
			return Undecided
		}
		break
	}
	return Verdict(strings.ToUpper(s[:1]))
}

// agreed is what more than half of some verdicts are.
func agreed(all []Verdict) Verdict {
	count := map[Verdict]int{}
	for _, v := range all {
		if count[v]++; 2*count[v] > len(all) {
			return v
		}
	}
	return Undecided
}

// swapped is the verdict on the same responses shown the other way round.
func (v Verdict) swapped() Verdict {
	switch v {
	case A:
		return B
	case B:
		return A
	}
	return v
}

// The bounds of a rating.
const (
	lowest  = 1
	highest = 10
)

var rated = regexp.MustCompile(`\[\[\s*(\d+(?:\.\d+)?)\s*(?:/\s*10\s*)?\]\]`)

// Rating reads an answer to one response: the last number in [[ ]] from 1 to 10.
func Rating(answer string) (rating float64, ok bool) {
	all := rated.FindAllStringSubmatch(answer, -1)
	if len(all) == 0 {
		return 0, false
	}
	rating, err := strconv.ParseFloat(all[len(all)-1][1], 64)
	return rating, err == nil && rating >= lowest && rating <= highest
}
