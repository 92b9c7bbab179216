package typed

import (
	"testing"

	"github.com/rmc-lang/rmc/lang/source"
)

func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"sum(\n  f(a, [\n    x,\n  ]) * b,\n  over attribute,\n)": "sum(f(a, [x]) * b, over attribute)",
		"a +\n  b": "a + b",
	} {
		if got := OneLine(source.Span{File: source.New("t.rmr", text), End: len(text)}); got != want {
			t.Errorf("%q is %q on one line, want %q", text, got, want)
		}
	}
}
