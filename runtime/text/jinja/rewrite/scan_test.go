package rewrite

import (
	"slices"
	"strings"
	"testing"
)

func TestTextsAndLiteralsStandBeside(t *testing.T) {
	got, texts, err := Source("Hi {%- if a == 'x\\n' %}\n  yes\n{% endif %}")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"Hi", "x\n", "  yes\n"}; !slices.Equal(texts, want) {
		t.Errorf("texts %q, want %q", texts, want)
	}
	for i, text := range []string{"Hi", "yes"} {
		if strings.Contains(got, text) {
			t.Errorf("text %d is still in %q", i, got)
		}
	}
}

func TestWhatJinjaRefusesNamesItsLine(t *testing.T) {
	if _, _, err := Source("a\n{{ f(a b) }}"); err == nil || !strings.HasPrefix(err.Error(), "line 2: ") {
		t.Errorf("a call without a comma gives %v", err)
	}
}
