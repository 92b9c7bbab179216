package answer

import (
	"math/big"
	"regexp"
	"strings"
	"unicode"
)

// Same reports whether two answers mean the same: numbers by value, tuples by
// their elements, all else by its characters without case and white space.
//
// A number may have digits in groups (1,234), a currency, a unit or other words
// around it (18 dollars a day, 10 cm^2, x = 18), and be a fraction (3/4,
// \frac{3}{4}), a mixed number (1 3/4) or a power of ten (1.5 \times 10^3). A
// percent sign is a unit: 50% is 50, and not 0.5. Whole numbers must be equal;
// others may differ by a millionth, which a decimal of seven digits does.
func Same(a, b string) bool {
	a, b = plain(a), plain(b)
	x, isNumber := number(a)
	y, both := number(b)
	switch {
	case isNumber && both:
		return near(x, y)
	case isNumber || both:
		return false
	}
	if as, bs := elements(a), elements(b); as != nil && bs != nil && a[0] == b[0] && len(as) == len(bs) {
		for i := range as {
			if !Same(as[i], bs[i]) {
				return false
			}
		}
		return true
	}
	return letters(a) == letters(b) && letters(a) != ""
}

// near compares two numbers.
func near(x, y *big.Rat) bool {
	if x.Cmp(y) == 0 {
		return true
	}
	if x.IsInt() && y.IsInt() {
		return false
	}
	d := new(big.Rat).Sub(x, y)
	most := new(big.Rat).Mul(new(big.Rat).Abs(new(big.Rat).Add(x, y)), big.NewRat(1, 2_000_000))
	return d.Abs(d).Cmp(most) <= 0
}

var (
	worded   = regexp.MustCompile(`\\(?:text|mathrm|mathbf|textbf|mbox|operatorname)\s*\{([^{}]*)\}`)
	spacing  = strings.NewReplacer(`\left`, "", `\right`, "", `\!`, "", `\,`, "", `\;`, "", `\:`, "", `\ `, " ", "~", " ", "{,}", ",", `\dfrac`, `\frac`, `\tfrac`, `\frac`, `\%`, "%", `\$`, "", `\(`, "", `\)`, "", `\[`, "", `\]`, "", `^{\circ}`, "", `^\circ`, "", "°", "", "−", "-", `\cdot`, `\times`, "×", `\times`, "$", "", "€", "", "£", "")
	squared  = regexp.MustCompile(`(\pL{1,})(?:\^\{?[23]\}?|[²³])`)
	assigned = regexp.MustCompile(`^\s*[A-Za-z]\w*\s*=\s*`)
)

// plain is an answer without what surrounds it and without the commands of LaTeX
// that only change how it looks.
func plain(s string) string {
	s = worded.ReplaceAllString(spacing.Replace(strings.TrimSpace(s)), " $1")
	s = assigned.ReplaceAllString(strings.Trim(s, " \t\n*_`\"'"), "")
	return strings.TrimSpace(strings.TrimRight(s, ".,;:!"))
}

const digits = `(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d*)?|\.\d+)`

var (
	decimal  = regexp.MustCompile(`^([-+]?)\s*` + digits + `(?:[eE]([-+]?\d{1,3}))?$`)
	power    = regexp.MustCompile(`^([-+]?)\s*` + digits + `\s*\\times\s*10\s*\^\s*\{?\s*([-+]?\d{1,3})\s*\}?$`)
	fraction = regexp.MustCompile(`^([-+]?)\s*` + digits + `\s*/\s*` + digits + `$`)
	mixed    = regexp.MustCompile(`^([-+]?)\s*(\d+)\s+(\d+)\s*/\s*(\d+)$`)
	latex    = regexp.MustCompile(`^([-+]?)\s*(\d*)\s*\\frac\s*(?:\{\s*([-+]?\d+)\s*\}|(\d))\s*(?:\{\s*(\d+)\s*\}|(\d))$`)
	bare     = regexp.MustCompile(`[-+]?` + digits + `(?:\s*/\s*` + digits + `)?`)
)

// number is the value of a plain answer that is a number, with words around it or
// none.
func number(s string) (*big.Rat, bool) {
	if x, ok := value(s); ok {
		return x, true
	}
	s = squared.ReplaceAllString(s, "$1")
	at := bare.FindAllStringIndex(s, 2)
	if len(at) != 1 || !words(s[:at[0][0]], false) || !words(s[at[0][1]:], true) {
		return nil, false
	}
	return value(s[at[0][0]:at[0][1]])
}

// value is the number that s is as a whole.
func value(s string) (*big.Rat, bool) {
	if m := decimal.FindStringSubmatch(s); m != nil {
		return signed(m[1], m[2], "1", "e"+m[3])
	}
	if m := power.FindStringSubmatch(s); m != nil {
		return signed(m[1], m[2], "1", "e"+m[3])
	}
	if m := fraction.FindStringSubmatch(s); m != nil {
		return signed(m[1], m[2], m[3], "e")
	}
	if m := mixed.FindStringSubmatch(s); m != nil {
		return sum(m[1], m[2], m[3], m[4])
	}
	if m := latex.FindStringSubmatch(s); m != nil {
		return sum(m[1], m[2], m[3]+m[4], m[5]+m[6])
	}
	return nil, false
}

// signed is ± n / d · 10^exponent.
func signed(sign, n, d, exponent string) (*big.Rat, bool) {
	read := func(s string) (*big.Rat, bool) {
		return new(big.Rat).SetString(strings.TrimSuffix(strings.ReplaceAll(s, ",", ""), "."))
	}
	if len(exponent) > 1 {
		n = strings.TrimSuffix(n, ".") + exponent
	}
	x, ok := read(n)
	y, good := read(d)
	if !ok || !good || y.Sign() == 0 {
		return nil, false
	}
	x.Quo(x, y)
	if sign == "-" {
		x.Neg(x)
	}
	return x, true
}

// sum is ± (whole + n/d).
func sum(sign, whole, n, d string) (*big.Rat, bool) {
	if whole == "" {
		whole = "0"
	}
	if n, ok := strings.CutPrefix(n, "-"); ok {
		return sum(map[string]string{"-": "+"}[sign]+"-", whole, n, d)
	}
	x, ok := signed("", strings.TrimPrefix(n, "+"), d, "e")
	w, good := signed("", whole, "1", "e")
	if !ok || !good {
		return nil, false
	}
	if x.Add(x, w); sign == "-" {
		x.Neg(x)
	}
	return x, true
}

// A letter alone is a variable, but for these units.
const letterUnits = "mghslLJNWVKCF"

// words reports whether what stands beside a number is words and signs that
// change no value. Directly behind a number a single letter is a factor, as in
// 5x; a word is a unit, as in 5cm.
func words(s string, behind bool) bool {
	attached := behind && s != "" && unicode.IsLetter([]rune(s)[0])
	for i, w := range strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(".,:;!%/()-", r) }) {
		runes := []rune(w)
		for _, r := range runes {
			if !unicode.IsLetter(r) && r != '\'' && r != '’' {
				return false
			}
		}
		switch {
		case strings.EqualFold(w, "pi") || strings.EqualFold(w, "sqrt"):
			return false
		case len(runes) > 1 || strings.EqualFold(w, "a") || strings.EqualFold(w, "i") && !behind:
		case attached && i == 0 || !strings.Contains(letterUnits, w):
			return false
		}
	}
	return true
}

// elements are those of a tuple, a list or a set; nil for anything else.
func elements(s string) []string {
	if len(s) < 2 || !strings.Contains("([{", s[:1]) || !strings.Contains(")]}", s[len(s)-1:]) {
		return nil
	}
	parts := strings.Split(s[1:len(s)-1], ",")
	if len(parts) < 2 {
		return nil
	}
	return parts
}

// letters is s as it is compared: lower case, without white space; of a single
// choice in parentheses, (B), the letter.
func letters(s string) string {
	s = strings.ToLower(strings.Join(strings.Fields(s), ""))
	if len(s) == 3 && s[0] == '(' && s[2] == ')' {
		return s[1:2]
	}
	return s
}
