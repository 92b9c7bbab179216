package typed

import (
	"strings"

	"github.com/rmc-lang/rmc/lang/source"
)

// brackets are those that stood at the ends of lines.
var brackets = strings.NewReplacer("( ", "(", ", )", ")", " )", ")", "[ ", "[", ", ]", "]", " ]", "]")

// OneLine is the text of a span on one line.
func OneLine(s source.Span) string {
	return brackets.Replace(strings.Join(strings.Fields(s.Text()), " "))
}

// Short is an expression as a message can quote it.
func Short(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
