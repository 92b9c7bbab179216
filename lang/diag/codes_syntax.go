package diag

import "strings"

// The codes of syntax.
const (
	UnexpectedToken   Code = "R0001"
	MissingEquals     Code = "R0002"
	MissingValue      Code = "R0003"
	MissingSeparator  Code = "R0004"
	UnclosedBracket   Code = "R0005"
	StrayCloser       Code = "R0006"
	UnclosedString    Code = "R0007"
	UnknownEscape     Code = "R0008"
	UnknownCharacter  Code = "R0009"
	MalformedNumber   Code = "R0010"
	WrongEquals       Code = "R0011"
	LeadingOperator   Code = "R0012"
	ChainedComparison Code = "R0013"
	FieldOutside      Code = "R0014"
	BraceOnNextLine   Code = "R0015"
	RecipeLine        Code = "R0016"
	LateUse           Code = "R0017"
	StrayDoc          Code = "R0018"
	TooDeep           Code = "R0019"
	MalformedName     Code = "R0020"
)

// syntaxEntries are the problems of a text that is not a recipe yet.
func syntaxEntries() []Entry {
	return []Entry{{
		Code:  UnexpectedToken,
		Title: "something stands where the language has no place for it",
		Explain: `The text up to the marked place makes sense, and the marked word or sign cannot go on from there.

A declaration is a keyword, mostly a name, and what belongs to the name: a kind after a colon, a value after =, data
after on, and fields in { }. A field is name = value.`,
		Example: `-- recipe.rmr --
model rm reward {
  base = "file:base"
}
`,
	}, {
		Code:  MissingEquals,
		Title: "a field has no = between its name and its value",
		Explain: `Every field is written name = value, also when the value has fields of its own: optimizer = adamw { lr = 1e-5 }.
Only declarations, such as model and train, go without.`,
		Example: `-- recipe.rmr --
train rm on hh {
  optimizer adamw { lr = 1e-5 }
}
`,
	}, {
		Code:  MissingValue,
		Title: "a value or name is missing",
		Explain: `Something that must be followed by a value or a name is not: the = of a field, an operator, on, as, the colon before
a kind. A value begins on the line of its =, and a new line ends it, except inside ( ) and [ ] and after an operator.`,
		Example: `-- recipe.rmr --
train rm on hh {
  epochs =
}
`,
	}, {
		Code:  MissingSeparator,
		Title: "two fields, values or declarations stand side by side with nothing between them",
		Explain: `Fields are separated by a new line or a comma, the elements of a list and the arguments of a call by a comma,
declarations by a new line. A name right after a number, on the same line, is read as its unit.`,
		Example: `-- recipe.rmr --
train rm on hh {
  schedule = cosine epochs = 2
}
`,
	}, {
		Code:  UnclosedBracket,
		Title: "a bracket is never closed",
		Explain: `Every (, [ and { needs its partner. Where one is missing is a guess from the indentation: the bracket reported is the
one that was still open when a line began further to the left.`,
		Example: `-- recipe.rmr --
model rm: reward {
  tune = lora { rank = 16
}
`,
	}, {
		Code:    StrayCloser,
		Title:   "a closing bracket closes nothing, or a bracket of another kind",
		Explain: `There is one closing bracket too many, or ( is closed with ] or [ with ).`,
		Example: `-- recipe.rmr --
train rm on hh {
  optimizer = adamw { betas = [0.9, 0.95) }
}
`,
	}, {
		Code:  UnclosedString,
		Title: "a string is not closed on its line",
		Explain: `A string begins and ends with " on the same line. A quote inside is written \", a backslash \\, and a line
break \n.`,
		Example: `-- recipe.rmr --
model rm: reward {
  base = "file:base
}
`,
	}, {
		Code:  UnknownEscape,
		Title: "a backslash in a string is followed by something that it cannot escape",
		Explain: `The escapes are \", \\, \n, \t, \r and \u with four hexadecimal digits. A backslash that is meant as such
is written twice.`,
		Example: `-- recipe.rmr --
model rm: reward {
  base = "file:models\base"
}
`,
	}, {
		Code:  UnknownCharacter,
		Title: "a sign that the language does not have",
		Explain: `Names are made of letters from a to z and A to Z, digits and underscores; strings stand in double quotes and may
hold any text; comments begin with //. What other languages write with #, ', ; or & is written differently here.`,
		Example: `-- recipe.rmr --
train rm on hh {
  epochs = 2  # two passes
}
`,
	}, {
		Code:  MalformedNumber,
		Title: "a number is malformed",
		Explain: `A number has digits on both sides of its point, if it has one, and digits in its exponent: 0.5, 1e-5, 4096. A unit
stands apart from it, 512 tokens, except for %. There are no separators between digits.`,
		Example: `-- recipe.rmr --
data hh: preference {
  max_length = 512tokens
}
`,
	}, {
		Code:  WrongEquals,
		Title: "one of =, == and : stands where another belongs",
		Explain: `A field, a let and a report are set with =. Two values are compared with ==. A colon stands only between a name and
its kind (model rm: reward) or its type (noise: real).`,
		Example: `-- recipe.rmr --
train rm on hh {
  epochs: 2
}
`,
	}, {
		Code:  LeadingOperator,
		Title: "a line begins with what should end the line before",
		Explain: `A new line ends a value or a declaration if it can end there. To go on in the next line, end the line with the
operator, or put the whole into parentheses: inside ( ) and [ ] new lines mean nothing.`,
		Example: `-- recipe.rmr --
objective f on preference {
  loss = mean(-log_sigmoid(score(chosen) - score(rejected)))
    + 0.01 * mean(score(chosen)^2)
}
`,
	}, {
		Code:    ChainedComparison,
		Title:   "two comparisons in a row",
		Explain: `a < b < c would compare a truth value with c. Write a < b && b < c.`,
		Example: `-- recipe.rmr --
objective f on preference {
  report middling = mean(0 < margin < 1)
}
`,
	}, {
		Code:  FieldOutside,
		Title: "a field stands outside of any declaration",
		Explain: `Fields belong into the { } of a declaration. Often the cause is a } too many further up, which closed the declaration
early.`,
		Example: `-- recipe.rmr --
train rm on hh {
  epochs = 2 }
  seed = 1
}
`,
	}, {
		Code:  BraceOnNextLine,
		Title: "{ stands on a line of its own",
		Explain: `A new line ends a declaration if it can end there, and train rm on hh can. Its { must therefore stand on the same
line.`,
		Example: `-- recipe.rmr --
train rm on hh
{
  epochs = 2
}
`,
	}, {
		Code:  RecipeLine,
		Title: "the recipe line is not the first line, or not the only one",
		Explain: `A recipe begins with recipe and its name; only comments come before. A file without that line is a library, from which
recipes take objectives by use.`,
		Example: `-- recipe.rmr --
use std/preference

recipe late
`,
	}, {
		Code:    LateUse,
		Title:   "use comes after a declaration",
		Explain: `The libraries that a file takes objectives from stand at its top, below the recipe line.`,
		Example: `-- recipe.rmr --
mesh { devices = 4 }

use std/preference
`,
	}, {
		Code:     StrayDoc,
		Severity: Warning,
		Title:    "a doc comment documents nothing",
		Explain: `A comment with three slashes documents the declaration or field on the next line; the first in a file, the whole file.
Before a blank line, behind a field or at the end of a block it documents nothing: use two slashes there.`,
		Example: `-- recipe.rmr --
train rm on hh {
  epochs = 2  /// enough
}
`,
	}, {
		Code:    TooDeep,
		Title:   "brackets nest more than 100 deep",
		Explain: `No recipe that a person wrote needs this. Name parts of a long expression with let.`,
		Example: "-- recipe.rmr --\nobjective f on preference {\n  loss = " + strings.Repeat("(", 101) + "x" + strings.Repeat(")", 101) + "\n}\n",
	}, {
		Code:  MalformedName,
		Title: "a name has a hyphen or stands in quotes",
		Explain: `Names are made of letters, digits and underscores, so that they can be used in expressions, where a hyphen
subtracts. They stand without quotes.`,
		Example: `-- recipe.rmr --
recipe my-recipe
`,
	}}
}
