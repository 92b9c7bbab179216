package diag

import (
	"slices"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Suggest returns the candidate that name was probably meant to be, or "". Of
// equally near ones that wins which begins like name, then the first. When none
// is near, it is one that name says in other words: lr for learning_rate, batch
// for batch_size, sigmoid for sigm.
func Suggest(name string, candidates []string) string {
	best, least := "", (len(name)+1)/3+1
	for _, c := range candidates {
		if c == name {
			continue
		}
		d := distance(name, c)
		if d < least && d < len(name) || best != "" && d == least && alike(name, c) > alike(name, best) {
			best, least = c, d
		}
	}
	if best != "" {
		return best
	}
	for _, c := range candidates {
		if c != name && inOtherWords(strings.ToLower(name), strings.ToLower(c)) {
			return c
		}
	}
	return ""
}

// alike counts the bytes that a and b begin with alike.
func alike(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// inOtherWords reports whether name is a longer or a shorter word for known.
func inOtherWords(name, known string) bool {
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == '-' })
	initials := ""
	for _, w := range words {
		initials += w[:1]
	}
	switch {
	case len(words) > 1 && initials == known:
		return true
	case len(words) > 1 && len(known) > 2 && slices.Contains(words, known):
		return true
	case len(known) > 3 && strings.HasPrefix(name, known):
		return true
	}
	return len(name) > 2 && strings.HasPrefix(known, name)
}

// distance counts the edits from a to b. Case, underscores and hyphens are
// free, and two letters changed round count as one edit.
func distance(a, b string) int {
	plain := strings.NewReplacer("_", "", "-", "", " ", "")
	a, b = strings.ToLower(plain.Replace(a)), strings.ToLower(plain.Replace(b))
	for i := 1; i < len(a); i++ {
		if a != b && a[:i-1]+a[i:i+1]+a[i-1:i]+a[i+1:] == b {
			return 1
		}
	}
	return levenshtein.ComputeDistance(a, b)
}

// Count writes a number with its noun: 1 error, 2 errors.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
