package source_test

import (
	"testing"

	"github.com/rmc-lang/rmc/lang/source"
)

func TestPosition(t *testing.T) {
	f := source.New("a.rmr", "ab\r\n\té = 1\n\nlast")
	for _, c := range []struct{ offset, line, column int }{
		{0, 1, 1}, {2, 1, 3}, {3, 1, 4}, {4, 2, 1}, {5, 2, 2}, {7, 2, 3}, {11, 2, 7}, {12, 3, 1}, {13, 4, 1}, {17, 4, 5},
		{-1, 1, 1}, {99, 4, 5},
	} {
		if line, column := f.Position(c.offset); line != c.line || column != c.column {
			t.Errorf("offset %d is at %d:%d, want %d:%d", c.offset, line, column, c.line, c.column)
		}
	}
}

func TestLine(t *testing.T) {
	f := source.New("a.rmr", "ab\r\n\té\n\nlast")
	for line, want := range []string{"", "ab", "\té", "", "last", ""} {
		if got := f.Line(line); got != want {
			t.Errorf("line %d is %q, want %q", line, got, want)
		}
	}
	if got := source.New("empty", "").Line(1); got != "" {
		t.Errorf("the only line of an empty file is %q", got)
	}
}

func TestSpan(t *testing.T) {
	f := source.New("a.rmr", "one\ntwo")
	var none source.Span
	one, two := source.Span{File: f, Start: 0, End: 3}, source.Span{File: f, Start: 4, End: 7}
	if none.Valid() || none.Text() != "" || none.Line() != 0 {
		t.Error("the zero span is somewhere")
	}
	if !two.Valid() || two.Text() != "two" || two.Line() != 2 {
		t.Errorf("%q on line %d", two.Text(), two.Line())
	}
	for _, s := range []source.Span{one.To(two), two.To(one)} {
		if s.Text() != f.Text {
			t.Errorf("one and two span %q", s.Text())
		}
	}
	if none.To(two) != two || two.To(none) != two {
		t.Error("the zero span widens another")
	}
}
