package parse

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/source"
)

// A complaint knows where in a statement participle stopped, and finds words
// for it from the tokens around. Participle's own message, in the words of the
// grammar, is not used.
type complaint struct {
	s          *scanner
	start, end int  // the statement's tokens
	alone      bool // the statement is a value and nothing else
	at         int  // the first token that fits nothing; end when one is missing
	open       int  // the bracket around it, or -1
	item       int  // first token of the field, argument or declaration that it is in
}

// explain returns the diagnostic for a statement that stops making sense at
// the token at.
func (s *scanner) explain(start, at, end int, alone bool) diag.Diagnostic {
	c := complaint{s: s, start: start, end: end, at: at, alone: alone}
	c.open, c.item = c.surroundings()
	for _, try := range []func() (diag.Diagnostic, bool){
		c.misnamed, c.header, c.leading, c.unfinished, c.key, c.second, c.parameter, c.element, c.neighbour,
	} {
		if d, ok := try(); ok {
			return d
		}
	}
	if c.at == c.start {
		return c.say(diag.UnexpectedToken, "a value does not begin with %s", c.found())
	}
	return c.say(diag.UnexpectedToken, "unexpected %s after `%s`", c.found(), c.word(c.at-1))
}

// surroundings finds the bracket that is open at the token, and where the item
// that holds the token begins.
func (c *complaint) surroundings() (open, item int) {
	stack, items := c.nesting()
	return stack[len(stack)-1], items[len(items)-1]
}

// nesting lists the brackets that are open at the token, outermost first, after
// -1 for none, and where the item begins that holds the token in each.
func (c *complaint) nesting() (stack, items []int) {
	stack, items = []int{-1}, []int{c.start}
	for i := c.start; i < c.at; i++ {
		top := len(stack) - 1
		switch word := c.word(i); {
		case c.s.tokens[i].kind == newline || word == ",":
			items[top] = i + 1
		case c.isPunct(i, "([{"):
			stack, items = append(stack, i), append(items, i+1)
		case c.isPunct(i, ")]}") && top > 0:
			stack, items = stack[:top], items[:top]
		}
	}
	return stack, items
}

// word returns the text of token i; "" for a newline and beyond the statement.
func (c *complaint) word(i int) string {
	if i < c.start || i >= c.end || c.s.tokens[i].kind == newline {
		return ""
	}
	return c.s.text(i)
}

func (c *complaint) isPunct(i int, any string) bool {
	return i >= c.start && i < c.end && c.s.tokens[i].kind == punct && len(c.word(i)) == 1 && strings.Contains(any, c.word(i))
}

func (c *complaint) isName(i int) bool {
	return i >= c.start && i < c.end && c.s.tokens[i].kind == ident
}

// isOperator reports whether token i needs something to its right.
func (c *complaint) isOperator(i int) bool {
	return slices.Contains([]string{"+", "-", "*", "/", "^", "!", "&&", "||", "==", "!=", "<", "<=", ">", ">="}, c.word(i)) &&
		c.s.tokens[i].kind == punct
}

func (c *complaint) isComparison(i int) bool {
	return slices.Contains([]string{"==", "!=", "<", "<=", ">", ">="}, c.word(i)) && c.s.tokens[i].kind == punct
}

// itemEnds reports whether what does not fit is the end of the item.
func (c *complaint) itemEnds() bool {
	return c.word(c.at) == "" || c.isPunct(c.at, ",)]}")
}

// found describes the token that does not fit.
func (c *complaint) found() string {
	if c.word(c.at) == "" {
		return "end of line"
	}
	return "`" + short(c.word(c.at)) + "`"
}

func short(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

// rest is the text from token i to the end of its line or item, shortened.
func (c *complaint) rest(i int) string {
	depth, last := 0, i
	for ; last < c.end && c.word(last) != "" && (depth > 0 || !c.isPunct(last, "=,)]}")); last++ {
		switch {
		case c.isPunct(last, "([{"):
			depth++
		case c.isPunct(last, ")]}"):
			depth--
		}
	}
	if last == i {
		return "…"
	}
	return short(strings.Join(strings.Fields(c.place(i).To(c.place(last-1)).Text()), " "))
}

// here is the place of the token that does not fit, or right after the last
// one when something is missing at the end of a line.
func (c *complaint) here() source.Span {
	if c.word(c.at) == "" && c.at > c.start {
		return c.after(c.at - 1)
	}
	return c.place(c.at)
}

func (c *complaint) place(i int) source.Span {
	i = max(c.start, min(i, c.end-1))
	return c.s.span(c.s.tokens[i].start, c.s.tokens[i].end)
}

// after is the empty place right behind token i.
func (c *complaint) after(i int) source.Span {
	end := c.place(i).End
	return c.s.span(end, end)
}

func (c *complaint) say(code diag.Code, format string, args ...any) diag.Diagnostic {
	return diag.Diagnostic{Code: code, Span: c.here(), Message: fmt.Sprintf(format, args...)}
}

// inBlock reports whether the item is a field, let or report.
func (c *complaint) inBlock() bool { return c.open >= 0 && c.isPunct(c.open, "{") && !c.inLoop() }

// inLoop reports whether the item is a declaration of repeat N { … }.
func (c *complaint) inLoop() bool {
	if c.open < 0 || !c.isPunct(c.open, "{") {
		return false
	}
	d := complaint{s: c.s, start: c.start, end: c.end, at: c.open}
	d.open, d.item = d.surroundings()
	return (d.open < 0 || d.inLoop()) && d.item+1 < c.end && c.s.tokens[d.item+1].kind == number
}

// inHeader reports whether the item is a declaration whose { } has not begun.
func (c *complaint) inHeader() bool { return c.open < 0 && !c.alone || c.inLoop() }

// misnamed catches my-model and "my model" where a name belongs.
func (c *complaint) misnamed() (diag.Diagnostic, bool) {
	naming := c.inHeader() && c.at <= c.item+2 || c.inBlock() && c.at == c.item+1
	if naming && c.word(c.at) == "-" && c.isName(c.at-1) && c.touching(c.at-1) {
		end := c.at
		for end+1 < c.end && c.touching(end) && (c.isName(end+1) || c.word(end+1) == "-" || c.s.tokens[end+1].kind == number) {
			end++
		}
		d := c.say(diag.MalformedName, "a name has no `-`")
		d.Help = fmt.Sprintf("write `%s`", strings.ReplaceAll(c.place(c.at-1).To(c.place(end)).Text(), "-", "_"))
		return d, true
	}
	if c.inHeader() && c.at == c.item+1 && c.at < c.end && c.s.tokens[c.at].kind == text {
		d := c.say(diag.MalformedName, "a name stands without quotes")
		if value, _ := unquote(c.word(c.at)); isNameText(value) {
			d.Help = fmt.Sprintf("write `%s`", value)
		}
		return d, true
	}
	return diag.Diagnostic{}, false
}

// touching reports whether nothing stands between token i and the next.
func (c *complaint) touching(i int) bool {
	return i+1 < c.end && c.s.tokens[i].end == c.s.tokens[i+1].start
}

func isNameText(s string) bool {
	for i := range len(s) {
		if !isLetter(s[i]) && (i == 0 || !isDigit(s[i])) {
			return false
		}
	}
	return s != ""
}

// header explains what is wrong before the { of a declaration.
func (c *complaint) header() (diag.Diagnostic, bool) {
	if !c.inHeader() {
		return diag.Diagnostic{}, false
	}
	first, previous := c.word(c.item), c.word(c.at-1)
	switch {
	case c.at == c.item && c.isPunct(c.at, "{"):
		d := c.say(diag.BraceOnNextLine, "`{` must stand on the line of its declaration")
		d.Help = "a new line ends a declaration: move `{` up"
		return d, true
	case c.at == c.item && (c.isOperator(c.at) || c.isPunct(c.at, "=.,:") || c.isName(c.at)):
		return c.leadingOperator(), true
	case c.at == c.item:
		d := c.say(diag.UnexpectedToken, "a declaration begins with a word, not with %s", c.found())
		d.Help = "as in `model rm: reward { … }`"
		return d, true
	case c.at == c.item+1 && c.isPunct(c.at, "=:") && first != "recipe" && first != "use":
		d := c.say(diag.FieldOutside, "`%s` is set outside of any declaration", first)
		d.Span = c.place(c.item)
		d.Help = "a field stands inside the { } of a declaration; is a `}` before it too many?"
		return d, true
	case first == "recipe" || first == "use":
		return c.line(first), true
	case c.word(c.at) == ":" && c.word(c.at-2) == "on":
		d := c.say(diag.UnexpectedToken, "fields stand in { }, not behind `:`")
		d.Help = fmt.Sprintf("write `%s {`, and `}` below the last", c.place(c.item).To(c.place(c.at-1)).Text())
		return d, true
	case previous == ":":
		return c.say(diag.MissingValue, "`:` is followed by a kind, as in `model rm: reward`"), true
	case previous == "on" || previous == "as":
		return c.say(diag.MissingValue, "`%s` is followed by a name", previous), true
	case c.item+1 < c.end && c.s.tokens[c.item+1].kind == number:
		return c.say(diag.UnexpectedToken, "`%s %s` is followed by `as` and a name, or by `{`", first, c.word(c.item+1)), true
	case c.isName(c.at) && c.at == c.item+2:
		d := c.say(diag.UnexpectedToken, "unexpected %s after `%s`", c.found(), previous)
		d.Help = fmt.Sprintf("did you mean `%s: %[2]s`, or `%[1]s on %[2]s`?", previous, c.word(c.at))
		if c.isName(c.at + 1) {
			d.Help = fmt.Sprintf("did you mean `%s on %s`?", previous, c.word(c.at+1))
		}
		return d, true
	case c.isName(c.at) && c.isName(c.at-1) && c.word(c.at-2) == "=":
		d := c.say(diag.UnexpectedToken, "unexpected %s after `%s`", c.found(), previous)
		d.Help = fmt.Sprintf("did you mean `%s(%s)`?", previous, c.word(c.at))
		return d, true
	case previous == "}" && !c.itemEnds():
		return c.say(diag.MissingSeparator, "a declaration begins on a new line"), true
	}
	return diag.Diagnostic{}, false
}

// line explains what is wrong with `recipe name` or `use path`.
func (c *complaint) line(keyword string) diag.Diagnostic {
	example := map[string]string{"recipe": "recipe quickstart", "use": "use std/preference"}[keyword]
	if c.word(c.at) == "" || c.at == c.start+1 {
		d := c.say(diag.MissingValue, "`%s` is followed by a name, as in `%s`", keyword, example)
		if path := c.rest(c.start + 1); keyword == "use" && strings.HasPrefix(path, ".") {
			d.Help = fmt.Sprintf("write `use %q`", path)
		}
		return d
	}
	d := c.say(diag.UnexpectedToken, "unexpected %s; the line ends after the name, as in `%s`", c.found(), example)
	path := c.place(c.start + 1).To(c.place(c.end - 1)).Text()
	switch {
	case keyword == "use" && c.end == c.start+3 && c.isName(c.start+1) && c.isName(c.at):
		d.Help = fmt.Sprintf("did you mean `use %s/%s`?", c.word(c.start+1), c.word(c.at))
	case keyword == "use" && !strings.ContainsAny(path, "\" \t\n"):
		d.Help = fmt.Sprintf("a path with other signs than letters, digits, `_` and `/` stands in quotes: `use %q`", path)
	}
	return d
}

// leading explains an operator that begins a line of a block.
func (c *complaint) leading() (diag.Diagnostic, bool) {
	if c.inBlock() && c.at == c.item && (c.isOperator(c.at) || c.isPunct(c.at, "=.:")) {
		return c.leadingOperator(), true
	}
	return diag.Diagnostic{}, false
}

func (c *complaint) leadingOperator() diag.Diagnostic {
	if c.at == c.start || c.s.tokens[c.at].first {
		d := c.say(diag.LeadingOperator, "a line cannot begin with %s", c.found())
		d.Help = fmt.Sprintf("a new line ends what stands before it: end that line with %s, or put it all in ( )", c.found())
		if c.isName(c.at) {
			d.Help = "a new line ends a declaration: move it up"
		}
		return d
	}
	return c.say(diag.UnexpectedToken, "unexpected %s", c.found())
}

// unfinished explains what lacks its right-hand side.
func (c *complaint) unfinished() (diag.Diagnostic, bool) {
	previous := c.at - 1
	switch {
	case c.word(previous) == "=" && previous > c.item && c.itemEnds():
		d := c.say(diag.MissingValue, "`%s` has no value", c.subject(previous))
		d.Span, d.Help = c.after(previous), "a value begins on the line of its `=`"
		return d, true
	case c.word(previous) == "=" && c.isPunct(c.at, "{"):
		d := c.say(diag.MissingValue, "a name is missing before `{`")
		d.Help = "fields belong to a kind, as in `adamw { lr = 1e-5 }`"
		return d, true
	case c.word(previous) == "=":
		return c.say(diag.MissingValue, "expected a value after `=`, found %s", c.found()), true
	case c.isOperator(previous) && c.itemEnds():
		d := c.say(diag.MissingValue, "nothing stands to the right of `%s`", c.word(previous))
		d.Span = c.after(previous)
		return d, true
	case c.word(previous) == "*" && c.word(c.at) == "*" && c.touching(previous):
		d := c.say(diag.UnexpectedToken, "`**` is not an operator")
		d.Span, d.Help = c.place(previous).To(c.place(c.at)), "a power is written `x^2`"
		return d, true
	case c.isOperator(previous):
		return c.say(diag.MissingValue, "expected a value after `%s`, found %s", c.word(previous), c.found()), true
	case c.word(previous) == ".":
		return c.say(diag.MissingValue, "expected a name after `.`, found %s", c.found()), true
	}
	return diag.Diagnostic{}, false
}

// subject is what the = at token i sets.
func (c *complaint) subject(i int) string {
	if c.isPunct(i-1, ")") {
		return c.word(c.item + 1) // let f(x) = …
	}
	return strings.Trim(c.word(i-1), `"`)
}

// key explains an item of a block before its =.
func (c *complaint) key() (diag.Diagnostic, bool) {
	if !c.inBlock() {
		return diag.Diagnostic{}, false
	}
	key, first := c.at-1, c.word(c.item)
	statement := (first == "let" || first == "report") && c.isName(c.item+1)
	switch {
	case c.at == c.item && c.isPunct(c.at, ","):
		return c.say(diag.UnexpectedToken, "a field is missing before `,`"), true
	case c.at == c.item:
		d := c.say(diag.UnexpectedToken, "a field begins with its name, not with %s", c.found())
		d.Help = "as in `lr = 1e-5`"
		return d, true
	case key != c.item && !(statement && key == c.item+1):
		return diag.Diagnostic{}, false
	case c.word(c.at) == ":" || c.word(c.at) == "==":
		d := c.say(diag.WrongEquals, "`%s` is set with `=`, not with %s", c.subject(c.at), c.found())
		value := c.at + 1
		if c.isName(value) && c.word(value+1) == "=" { // let d: real = …
			value += 2
		}
		d.Help = fmt.Sprintf("write `%s = %s`", c.place(c.item).To(c.place(key)).Text(), c.rest(value))
		return d, true
	case !statement && c.isName(c.at) && (c.word(c.at+1) == "on" || c.word(c.at+1) == ":") && c.isName(c.at+2):
		d := c.say(diag.MissingEquals, "a declaration does not stand in another, and a field has a `=`")
		d.Span, d.Help = c.place(c.item).To(c.place(c.at)), fmt.Sprintf("put `}` above it, or write `%s = …`", first)
		return d, true
	case (first == "let" || first == "report") && c.at == c.item+1 && c.s.tokens[c.at].kind != punct:
		return c.say(diag.MissingValue, "`%s` is followed by a name, as in `%[1]s d = …`", first), true
	case c.itemEnds():
		d := c.say(diag.MissingValue, "`%s` has no value", c.subject(c.at))
		d.Span, d.Help = c.after(key), fmt.Sprintf("write `%s = …`", c.place(c.item).To(c.place(key)).Text())
		return d, true
	case c.word(c.at) == "." && c.isName(c.at+1):
		d := c.say(diag.UnexpectedToken, "a field is not reached with `.`")
		d.Help = fmt.Sprintf("fields nest, as in `%s = … { %s = … }`", c.word(key), c.word(c.at+1))
		return d, true
	case c.word(c.at) == "(" && !statement:
		d := c.say(diag.UnexpectedToken, "a field has no parameters")
		d.Help = fmt.Sprintf("a function is defined with `let %s(…) = …`", c.word(key))
		return d, true
	case first == "report" && c.word(c.at) == "(":
		return c.say(diag.UnexpectedToken, "a report has no parameters"), true
	}
	d := c.say(diag.MissingEquals, "`=` is missing between `%s` and %s", c.word(key), c.found())
	d.Help = fmt.Sprintf("write `%s = %s`", c.place(c.item).To(c.place(key)).Text(), c.rest(c.at))
	if c.isPunct(c.at, "{") {
		d.Help = fmt.Sprintf("fields belong to a value, as in `%s = kind { … }`", c.word(key))
	}
	return d, true
}

// second explains a second = or comparison in one value.
func (c *complaint) second() (diag.Diagnostic, bool) {
	switch {
	case c.word(c.at) == "=" && c.inBlock() && c.s.tokens[c.at-1].kind == unit:
		d := c.say(diag.MissingSeparator, "a comma or a new line is missing before `%s`", c.word(c.at-1))
		d.Span = c.place(c.at - 1)
		return d, true
	case c.word(c.at) == "=" && !c.inHeader():
		d := c.say(diag.WrongEquals, "unexpected second `=`")
		if c.open >= 0 && c.isPunct(c.open, "([") {
			d.Message = fmt.Sprintf("unexpected `=` after `%s`", c.word(c.at-1))
		}
		d.Help = "`==` compares; a new field begins on a new line or after a comma"
		return d, true
	case c.isComparison(c.at):
		d := c.say(diag.ChainedComparison, "comparisons do not chain")
		d.Help = "join two of them: `a < b && b < c`"
		return d, true
	}
	return diag.Diagnostic{}, false
}

// parameter explains what is wrong in the ( ) that follows the name of a
// declaration or let.
func (c *complaint) parameter() (diag.Diagnostic, bool) {
	if c.open < 0 || !c.isPunct(c.open, "(") {
		return diag.Diagnostic{}, false
	}
	d := complaint{s: c.s, start: c.start, end: c.end, at: c.open, alone: c.alone}
	d.open, d.item = d.surroundings()
	if c.open != d.item+2 || !d.inHeader() && !(d.inBlock() && d.word(d.item) == "let") {
		return diag.Diagnostic{}, false
	}
	switch {
	case c.at == c.item && !c.itemEnds():
		return c.say(diag.UnexpectedToken, "a parameter begins with its name, not with %s", c.found()), true
	case c.word(c.at-1) == ":":
		return c.say(diag.MissingValue, "`:` is followed by a type, as in `noise: real`"), true
	}
	return diag.Diagnostic{}, false
}

// element explains what is wrong in the ( ) of a call and in the [ ] behind a
// value.
func (c *complaint) element() (diag.Diagnostic, bool) {
	if c.open < 0 {
		return diag.Diagnostic{}, false
	}
	indexed := c.isPunct(c.open, "[") && c.open > c.start && (c.isName(c.open-1) || c.isPunct(c.open-1, ")]"))
	switch {
	case indexed && c.at == c.open+1:
		d := c.say(diag.UnexpectedToken, "expected the name of an element in [ ], found %s", c.found())
		d.Help = "elements are named, not numbered, as in `heads(x)[quality]`"
		return d, true
	case indexed:
		return c.say(diag.UnexpectedToken, "[ ] takes the name of one element, found %s", c.found()), true
	case c.word(c.at-1) == "over":
		return c.say(diag.MissingValue, "`over` is followed by the name of an axis"), true
	case c.isPunct(c.open, "(") && c.isPunct(c.at, ")") && c.at == c.open+1:
		return c.say(diag.MissingValue, "nothing stands between `(` and `)`"), true
	case c.isPunct(c.at, ",") && (c.at == c.open+1 || c.isPunct(c.at-1, ",")):
		return c.say(diag.MissingValue, "a value is missing before `,`"), true
	}
	return diag.Diagnostic{}, false
}

// neighbour explains two values side by side.
func (c *complaint) neighbour() (diag.Diagnostic, bool) {
	if c.at <= c.item || c.at == c.end || c.inHeader() {
		return diag.Diagnostic{}, false
	}
	help := map[string]string{"and": "write `&&`", "or": "write `||`", "not": "write `!`", "if": "write `where(condition, a, b)`"}
	for _, word := range []string{c.word(c.at - 1), c.word(c.at)} {
		if help[word] != "" {
			d := c.say(diag.UnexpectedToken, "`%s` is not an operator", word)
			d.Help = help[word]
			if word != c.word(c.at) {
				d.Span = c.place(c.at - 1)
			}
			return d, true
		}
	}
	switch kind := c.s.tokens[c.at].kind; {
	case c.isPunct(c.at, "{"):
		return c.say(diag.UnexpectedToken, "fields in { } follow a name, not `%s`", c.word(c.at-1)), true
	case kind == punct && !c.isPunct(c.at, "(["):
		return diag.Diagnostic{}, false
	case c.inBlock():
		return c.say(diag.MissingSeparator, "a comma or a new line is missing before %s", c.found()), true
	case c.open < 0:
		return diag.Diagnostic{}, false
	}
	return c.say(diag.MissingSeparator, "a comma is missing before %s", c.found()), true
}
