package diag

// The codes of syntax.
const (
	UnexpectedToken  Code = "R0001"
	MissingEquals    Code = "R0002"
	MissingValue     Code = "R0003"
	MissingSeparator Code = "R0004"
	UnclosedBracket  Code = "R0005"
	StrayCloser      Code = "R0006"
	UnclosedString   Code = "R0007"
	UnknownEscape    Code = "R0008"
	UnknownCharacter Code = "R0009"
	MalformedNumber  Code = "R0010"
)

// syntaxEntries are the problems of a text that is not a recipe yet.
func syntaxEntries() []Entry { return nil }
