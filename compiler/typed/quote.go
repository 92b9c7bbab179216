package typed

import (
	"strings"

	"github.com/rmc-lang/rmc/lang/source"
)

// OneLine is the text of a span on one line.
func OneLine(s source.Span) string { return strings.Join(strings.Fields(s.Text()), " ") }

// Short is an expression as a message can quote it.
func Short(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
