// Package source holds a recipe file in memory and turns byte offsets into
// lines and columns. It reads nothing itself and knows nothing of the language.
package source

import (
	"sort"
	"unicode/utf8"
)

// A File is the text of one recipe under its display name, which is never
// opened as a path: std/preference.rmr is embedded.
type File struct {
	Name  string
	Text  string
	lines []int // byte offset of each line's first byte
}

// New returns a File over text.
func New(name, text string) *File {
	f := &File{Name: name, Text: text, lines: []int{0}}
	for i := range len(text) {
		if text[i] == '\n' {
			f.lines = append(f.lines, i+1)
		}
	}
	return f
}

// Position returns the 1-based line and 1-based column, in runes, of a byte
// offset. Offsets outside the file are moved to its nearest end.
func (f *File) Position(offset int) (line, column int) {
	offset = max(0, min(offset, len(f.Text)))
	line = sort.SearchInts(f.lines, offset+1)
	start := f.lines[line-1]
	return line, utf8.RuneCountInString(f.Text[start:offset]) + 1
}

// Line returns the text of a 1-based line without its line break, or "".
func (f *File) Line(line int) string {
	if line < 1 || line > len(f.lines) {
		return ""
	}
	start, end := f.lines[line-1], len(f.Text)
	if line < len(f.lines) {
		end = f.lines[line] - 1
	}
	if end > start && f.Text[end-1] == '\r' {
		end--
	}
	return f.Text[start:end]
}

// A Span is the half-open range of bytes [Start, End) of a File. The zero Span
// is no place at all.
type Span struct {
	File       *File
	Start, End int // bytes
}

// Valid reports whether s is a place in a file.
func (s Span) Valid() bool { return s.File != nil }

// Text returns the source text that s covers.
func (s Span) Text() string {
	if s.File == nil {
		return ""
	}
	return s.File.Text[s.Start:s.End]
}

// Line returns the 1-based line on which s starts; 0 for the zero Span.
func (s Span) Line() int {
	if s.File == nil {
		return 0
	}
	line, _ := s.File.Position(s.Start)
	return line
}

// To returns the smallest span that covers s and t, which must be of one file.
func (s Span) To(t Span) Span {
	if !s.Valid() {
		return t
	}
	if !t.Valid() {
		return s
	}
	return Span{s.File, min(s.Start, t.Start), max(s.End, t.End)}
}
