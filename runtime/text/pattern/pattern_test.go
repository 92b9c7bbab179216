package pattern

import (
	"strings"
	"testing"
	"unicode"
)

func TestPatterns(t *testing.T) {
	for _, c := range []struct{ pattern, text, want string }{
		{`a|ab`, "ab", "a"}, // the first alternative, not the longest
		{`(?:ab|a)b`, "ab", "ab"},
		{`\s+(?!\S)`, "x   y", "  "},
		{`\s+(?=y)`, "x   y", "   "},
		{`[^\s\p{L}]+`, "ab12!c", "12!"},
		{`(?i:'S)`, "'s", "'s"},
		{`(?i:'s)`, "'ſ", "'ſ"},
		{`(?i:[a-c])`, "xB", "B"},
		{`\p{N}{2}`, "12345", "12"},
		{`\p{N}{2,}`, "12345", "12345"},
		{`\p{N}{1,3}`, "12345", "123"},
		{`(?:ab){2,3}`, "abababab", "ababab"},
		{`(?:ab)+c`, "xababc", "ababc"},
		{`(?:ab)?c`, "abc", "abc"},
		{`a++a`, "aaa", ""},
		{`(?>a+)a`, "aaa", ""},
		{`[^\r\n]?+x`, "xx", "xx"},
		{`[a\-z]+`, "b-az", "-az"},
		{`[]a]+`, "x]a", "]a"},
		{`\x41\u00e9\x{1F680}`, "Aé🚀", "Aé🚀"},
		{`\P{L}`, "aé1", "1"},
		{`\p{^L}`, "aé1", "1"},
		{`\p{Han}+`, "a中文b", "中文"},
		{`\d\D\w\W`, "1a2 ", "1a2 "},
		{`.`, "\nx", "x"},
	} {
		p, err := Compile(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		got := ""
		if start, end := p.Find(c.text, 0); start >= 0 {
			got = c.text[start:end]
		}
		if got != c.want {
			t.Errorf("%s finds %q in %q, want %q", c.pattern, got, c.text, c.want)
		}
	}
}

func TestBadPatterns(t *testing.T) {
	for pattern, want := range map[string]string{
		`(a`: "nothing closes", `a)`: "nothing opened", `[a`: "nothing closes", `*a`: "repeats nothing", `a{x}`: "not two numbers",
		`a{3,1}`: "not two numbers", `^a`: "not supported", `a$`: "not supported", `(?<!a)b`: "not supported", `\b`: "not supported",
		`\p{Klingon}`: "not known", `[a&&b]`: "not supported", `[[:alpha:]]`: "not supported", `a+?`: "not supported", `\`: "at the end",
		`[z-a]`: "a range", `\xZZ`: "not a character's code", `(a*)*`: "can match nothing", `(ab){999}`: "over 64 times", `\p{L`: "nothing closes",
	} {
		if _, err := Compile(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives error %v, want %q", pattern, err, want)
		}
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(`'s| ?\p{L}+|\s+(?!\S)`, "it's 12")
	f.Add(`(?i:a|[b-d]{2,})+\p{L}(?=x)`, "abcx")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 30 || len(text) > 30 {
			return // backtracking may take long, as it does in Oniguruma
		}
		p, err := Compile(pattern)
		if err != nil {
			return
		}
		if start, end := p.Find(text, 0); start > end || end > len(text) {
			t.Errorf("%q finds %d to %d in %q", pattern, start, end, text)
		}
	})
}

// The tables of unicode.go make up for Go's being of Unicode 15. A newer Go
// needs none of them for 16, and knows characters that Oniguruma does not.
func TestUnicodeVersion(t *testing.T) {
	for r, name := range map[rune]string{0x1C89: "Lu", 0xA7DC: "Lu", 0x10D40: "Nd", 0x1E5F1: "N", 0x897: "M"} {
		if !category(name).has(r) {
			t.Errorf("U+%04X is not in %s", r, name)
		}
	}
	if unicode.Version != "15.0.0" {
		t.Skipf("Go's tables are of Unicode %s: look at newer in unicode.go", unicode.Version)
	}
	if !unicode.Is(unicode.L, 'a') || unicode.Is(unicode.L, 0x1C89) {
		t.Error("Go's tables are of Unicode 16: newer in unicode.go is not needed")
	}
}

func TestLiteral(t *testing.T) {
	if start, end := Literal("a.é").Find("xa.éa", 0); start != 1 || end != 5 {
		t.Errorf("found from %d to %d", start, end)
	}
	if start, _ := Literal("a.").Find("ab", 0); start >= 0 {
		t.Error("a dot in a literal matches any character")
	}
}
