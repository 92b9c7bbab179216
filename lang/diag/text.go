package diag

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rmc-lang/rmc/lang/source"
)

// String returns the word that a message begins with.
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Sorted returns the diagnostics by place, each once. Those without a place
// come first.
func (l List) Sorted() List {
	out := slices.Clone(l)
	slices.SortStableFunc(out, func(a, b Diagnostic) int {
		return cmp.Or(
			cmp.Compare(fileName(a.Span), fileName(b.Span)),
			cmp.Compare(a.Span.Start, b.Span.Start),
			cmp.Compare(a.Span.End, b.Span.End),
			cmp.Compare(a.Code, b.Code),
			cmp.Compare(a.Message, b.Message),
		)
	})
	return slices.CompactFunc(out, func(a, b Diagnostic) bool {
		return a.Code == b.Code && a.Message == b.Message && a.Span.Start == b.Span.Start && a.Span.End == b.Span.End &&
			fileName(a.Span) == fileName(b.Span)
	})
}

func fileName(s source.Span) string {
	if s.File == nil {
		return ""
	}
	return s.File.Name
}

// WriteText prints the diagnostics for people, by place:
//
//	typo.rmr:3:2: error[R0101]: recipe has no field "learnin_rate"
//	   3 | 	learnin_rate = 1e-5
//	     | 	^^^^^^^^^^^^
//	  help: did you mean "learning_rate"?
//
// It reads as well without color.
func WriteText(w io.Writer, l List, color bool) error {
	var b strings.Builder
	p := printer{&b, color}
	for _, d := range l.Sorted() {
		p.diagnostic(d)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

type printer struct {
	*strings.Builder
	color bool
}

// The colors of a terminal.
const (
	red    = "\x1b[1;31m"
	yellow = "\x1b[1;33m"
	green  = "\x1b[32m"
	cyan   = "\x1b[36m"
	bold   = "\x1b[1m"
	reset  = "\x1b[0m"
)

func (p printer) paint(color, text string) string {
	if !p.color || text == "" {
		return text
	}
	return color + text + reset
}

func (p printer) diagnostic(d Diagnostic) {
	tone := red
	if d.Severity == Warning {
		tone = yellow
	}
	fmt.Fprintf(p, "%s%s: %s\n", p.place(d.Span), p.paint(tone, fmt.Sprintf("%v[%s]", d.Severity, d.Code)), p.paint(bold, d.Message))
	var near []source.Span
	for _, n := range d.Notes {
		if sameLine(n.Span, d.Span) {
			near = append(near, n.Span)
		}
	}
	p.snippet(d.Span, tone, near)
	for _, n := range d.Notes {
		if !n.Span.Valid() || sameLine(n.Span, d.Span) {
			fmt.Fprintf(p, "  %s %s\n", p.paint(cyan, "note:"), n.Message)
			continue
		}
		fmt.Fprintf(p, "  %s %s%s\n", p.paint(cyan, "note:"), p.place(n.Span), n.Message)
		p.snippet(source.Span{}, tone, []source.Span{n.Span})
	}
	if d.Help != "" {
		fmt.Fprintf(p, "  %s %s\n", p.paint(green, "help:"), strings.ReplaceAll(d.Help, "\n", "\n        "))
	}
}

// place returns file:line:column: and a space, or nothing.
func (p printer) place(s source.Span) string {
	if !s.Valid() {
		return ""
	}
	line, column := s.File.Position(s.Start)
	return fmt.Sprintf("%s:%d:%d: ", s.File.Name, line, column)
}

func sameLine(a, b source.Span) bool {
	return a.Valid() && b.Valid() && fileName(a) == fileName(b) && a.Line() == b.Line()
}

// snippet prints the line of main with carets below it, and tildes below the
// notes, which are of the same line. Without main it is the notes' line.
func (p printer) snippet(main source.Span, tone string, notes []source.Span) {
	spans := notes
	if main.Valid() {
		spans = append([]source.Span{main}, notes...)
	}
	if len(spans) == 0 {
		return
	}
	file, line := spans[0].File, spans[0].Line()
	marks := []rune(blank(file.Line(line)))
	for i := len(spans) - 1; i >= 0; i-- {
		mark := '~'
		if main.Valid() && i == 0 {
			mark = '^'
		}
		marks = underline(marks, spans[i], mark)
	}
	_, column := spans[0].File.Position(spans[0].Start)
	shown, below := window([]rune(visible(file.Line(line))), marks, column-1)
	number := fmt.Sprint(line)
	gutter := strings.Repeat(" ", len(number))
	fmt.Fprintf(p, "   %s %s\n", p.paint(cyan, number+" |"), shown)
	fmt.Fprintf(p, "   %s %s\n", p.paint(cyan, gutter+" |"), p.paint(tone, strings.TrimRight(below, " \t")))
}

// The most columns of a line that are shown, and how many of them stand before
// what is wrong.
const (
	widest = 120
	before = 40
)

// window cuts a line that is too wide, and the marks below it, around column at.
func window(line, marks []rune, at int) (shown, below string) {
	if len(line) <= widest {
		return string(line), string(marks)
	}
	from := max(0, min(at-before, len(line)-widest))
	to := from + widest
	part := slices.Clone(line[from:to])
	if from > 0 {
		part[0] = '…'
	}
	if to < len(line) {
		part[widest-1] = '…'
	}
	return string(part), string(marks[min(from, len(marks)):min(to, len(marks))])
}

// visible is a line without what a terminal would obey; as many runes as line.
func visible(line string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			return unicode.ReplacementChar
		}
		return r
	}, line)
}

// blank returns white space as wide as line on any terminal: its tabs are kept.
func blank(line string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, line)
}

// underline puts marks below the part of s that is on its first line; at least one.
func underline(marks []rune, s source.Span, mark rune) []rune {
	_, column := s.File.Position(s.Start)
	text, _, _ := strings.Cut(s.Text(), "\n")
	width := max(1, utf8.RuneCountInString(strings.TrimRight(text, " \t\r")))
	for i := column - 1; i < column-1+width; i++ {
		for len(marks) <= i {
			marks = append(marks, ' ')
		}
		marks[i] = mark
	}
	return marks
}
