package diag

import (
	"strings"

	"github.com/agnivade/levenshtein"
)

// Suggest returns the candidate that name was probably meant to be, or "".
// The first of equally near ones wins.
func Suggest(name string, candidates []string) string {
	best, least := "", (len(name)+1)/3+1
	for _, c := range candidates {
		if c == name {
			continue
		}
		if d := distance(name, c); d < least && d < len(name) {
			best, least = c, d
		}
	}
	return best
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
