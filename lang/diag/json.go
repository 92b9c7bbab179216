package diag

import (
	"encoding/json"
	"io"

	"github.com/rmc-lang/rmc/lang/source"
)

// jsonPlace is a half-open range; lines and columns (in runes) count from 1.
// A diagnostic without a place has neither file nor numbers.
type jsonPlace struct {
	File      string `json:"file,omitempty"`
	Line      int    `json:"line,omitempty"`
	Column    int    `json:"column,omitempty"`
	EndLine   int    `json:"end_line,omitempty"`
	EndColumn int    `json:"end_column,omitempty"`
}

type jsonNote struct {
	jsonPlace
	Message string `json:"message"`
}

type jsonDiagnostic struct {
	Code     Code   `json:"code"`
	Severity string `json:"severity"`
	jsonPlace
	Message string     `json:"message"`
	Notes   []jsonNote `json:"notes"`
	Help    string     `json:"help"`
}

// WriteJSON prints the diagnostics for programs: an array, by place.
func WriteJSON(w io.Writer, l List) error {
	out := []jsonDiagnostic{}
	for _, d := range l.Sorted() {
		j := jsonDiagnostic{
			Code: d.Code, Severity: d.Severity.String(), jsonPlace: place(d.Span),
			Message: d.Message, Notes: []jsonNote{}, Help: d.Help,
		}
		for _, n := range d.Notes {
			j.Notes = append(j.Notes, jsonNote{place(n.Span), n.Message})
		}
		out = append(out, j)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}

func place(s source.Span) jsonPlace {
	if !s.Valid() {
		return jsonPlace{}
	}
	p := jsonPlace{File: s.File.Name}
	p.Line, p.Column = s.File.Position(s.Start)
	p.EndLine, p.EndColumn = s.File.Position(s.End)
	return p
}
