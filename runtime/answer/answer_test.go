package answer

import (
	"strings"
	"testing"
)

func TestFinal(t *testing.T) {
	for text, want := range map[string]string{
		"She makes 9 * 2 = $<<9*2=18>>18 every day.\n#### 18": "18 marked",
		"a\n#### 70,000":                          "70,000 marked",
		"a\nA: 18":                                "18 marked",
		"a\nAnswer: $18$":                         "$18$ marked",
		"**Answer:** 7":                           "7 marked",
		"Final answer: x = 5":                     "x = 5 marked",
		`so \boxed{\frac{3}{4}}.`:                 `\frac{3}{4} marked`,
		`\boxed{1} and then \boxed{2}`:            "2 marked",
		`\boxed 7 now`:                            "7 marked",
		`\fbox{7}`:                                "7 marked",
		`The answer is 5. Check: \boxed{6}`:       "6 marked",
		"The answer is 3.5 dollars. Then 7":       "3.5 dollars marked",
		"the answer is: (A)":                      "(A) marked",
		"She has 1,234.50 left":                   "1,234.50",
		"3/4 of 16":                               "16",
		"it is -5":                                "-5",
		"Step 3: He has 16 - 7 = <<16-7=9>> left": "7",
		`\boxed{cut`:                              "",
		"":                                        "",
		"nothing at all":                          "",
		"#### ":                                   "",
		"banana: 5":                               "5",
		"A. 5 apples\nA: 3\nQ: what?":             "3 marked",
		"The answer is 5.\nThe answer is 6.":      "6 marked",
		"Answer = 3 is what he says. The answer is therefore odd": "therefore odd marked",
	} {
		found, marked, ok := Final(text)
		got := found
		if marked && ok {
			got += " marked"
		}
		if got != want || ok != (want != "") {
			t.Errorf("Final(%q) = %q, %v, %v; want %q", text, found, marked, ok, want)
		}
	}
}

func TestGold(t *testing.T) {
	for text, want := range map[string]string{
		"Janet sells 9.\nShe makes 18 a day.\nA: 18": "18", "long\n#### 42": "42", "18": "18", " \\frac{1}{2} ": `\frac{1}{2}`,
		"Evelyn": "Evelyn", "(3, 4)": "(3, 4)", "line\nthen 7 apples": "7",
	} {
		if got := Gold(text); got != want {
			t.Errorf("Gold(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestSame(t *testing.T) {
	same := [][2]string{
		{"18", "18.0"}, {"18", "18."}, {"$18", "18 dollars"}, {"70000", "70,000"}, {"70000", "$70,000.00"}, {"1{,}234", "1234"},
		{"1/2", "0.5"}, {`\frac{1}{2}`, ".5"}, {`\dfrac12`, "1/2"}, {`-\frac{1}{2}`, "-0.5"}, {`\frac{-1}{2}`, "-0.5"}, {`-\frac{-1}{2}`, "0.5"}, {`1\frac{3}{4}`, "1.75"}, {"1 3/4", "7/4"},
		{"50%", "50"}, {`50\%`, "50 percent"}, {"x = 5", "5"}, {`$x=5$`, "5"}, {"18 eggs per day", "18"}, {"She makes 18 dollars", "18"},
		{`10\text{ cm}^2`, "10"}, {"10 cm^2", "10"}, {"5cm", "5"}, {"5 m", "5"}, {"5 m/s", "5"}, {`90^\circ`, "90"}, {"−3", "-3"}, {"+3", "3"}, {"1e3", "1000"},
		{`1.5 \times 10^3`, "1500"}, {"0.3333333", "1/3"}, {"(3, 4)", "(3,4)"}, {"(1/2, 3)", `(0.5,\;3)`}, {"(B)", "b"}, {"Monday", " monday."}, {`\text{east}`, "east"},
		{"x^2 + 1", "x^2+1"}, {"**7**", "7"}, {"a 7", "7"}, {"1,234,567", "1234567"},
	}
	for _, pair := range same {
		if !Same(pair[0], pair[1]) || !Same(pair[1], pair[0]) {
			t.Errorf("%q and %q are different", pair[0], pair[1])
		}
	}
	different := [][2]string{
		{"18", "19"}, {"18", "-18"}, {"1000000", "1000001"}, {"0.5", "50%"}, {"0.33", "1/3"}, {"5x", "5"}, {"5 x", "5"}, {`2\pi`, "2"}, {"2 pi", "2"}, {`\sqrt{2}`, "2"}, {"3 and 4", "3"},
		{"", ""}, {"", "0"}, {"1/0", "1"}, {"1/0", "2"}, {"x^2", "x^3"}, {"x^2", "2"}, {"(3,4)", "[3,4]"}, {"(3,4)", "(4,3)"}, {"(3,4)", "(3,4,5)"}, {"yes", "no"}, {"2^3", "8"}, {"1,23", "123"},
		{"16 - 7", "16"}, {"5!x", "5"}, {"n5", "5"}, {strings.Repeat("9", 40), strings.Repeat("9", 39) + "8"},
	}
	for _, pair := range different {
		if Same(pair[0], pair[1]) || Same(pair[1], pair[0]) {
			t.Errorf("%q and %q are the same", pair[0], pair[1])
		}
	}
}

func FuzzSame(f *testing.F) {
	for _, s := range []string{"18", `\frac{1}{2}`, "1 3/4", "(1, 2)", "#### 5", "a b", "1e999"} {
		f.Add(s, "18")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if Same(a, b) != Same(b, a) {
			t.Fatalf("Same(%q, %q) depends on the order", a, b)
		}
		found, _, ok := Final(a)
		if ok && found == "" {
			t.Fatalf("Final(%q) is ok and empty", a)
		}
	})
}
