// Package diag is the one type in which the compiler says that something is
// wrong with a recipe, and the one place where that becomes text or JSON.
// Problems of the world (disk, network) are errors, not diagnostics.
//
// Wording. A message says what is wrong, in the recipe's words and in the
// present tense, begins in lower case (unless with a name) and has no stop.
// What the author typed stands in backquotes: unknown field `learnin_rate`.
// Numbers come with their units, and both sides of a disagreement are shown.
// A note tells a fact, and where it comes from; a help says what to type. One
// mistake gives one diagnostic: what has been reported counts as meant well.
package diag

import (
	"fmt"

	"github.com/rmc-lang/rmc/lang/source"
)

// A Code names one kind of problem for good, as in R0101. Each is a constant
// with an Entry, whose example a test compiles.
type Code string

// Severity tells whether a recipe can be built in spite of a problem.
type Severity int

// The severities.
const (
	Error   Severity = iota // the recipe cannot be built
	Warning                 // it can; somebody may regret it
)

// A Diagnostic is one problem at one place.
type Diagnostic struct {
	Code     Code
	Severity Severity
	Span     source.Span // what is wrong: the smallest text that is
	Message  string      // what is wrong, in the recipe's words; lower case, no stop
	Notes    []Note      // other places or facts that explain it; at most two
	Help     string      // what to type; may be empty
}

// A Note is a fact that explains a Diagnostic, with the place it comes from.
type Note struct {
	Span    source.Span // may be the zero Span
	Message string
}

// A List collects diagnostics. Its zero value is ready to use.
type List []Diagnostic

// Add appends d.
func (l *List) Add(d Diagnostic) { *l = append(*l, d) }

// Addf appends an error of the given code.
func (l *List) Addf(code Code, span source.Span, format string, args ...any) *Diagnostic {
	*l = append(*l, Diagnostic{Code: code, Span: span, Message: fmt.Sprintf(format, args...)})
	return &(*l)[len(*l)-1]
}

// HasErrors reports whether any diagnostic is an Error.
func (l List) HasErrors() bool {
	for _, d := range l {
		if d.Severity == Error {
			return true
		}
	}
	return false
}
