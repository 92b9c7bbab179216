package rewrite

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A rewriter reads the tokens of one tag by Jinja's grammar and writes them
// so that gonja's parser (v2.9.1) cannot read them differently:
//
//   - a if c else b becomes jinja_if(c, a, b): gonja knows conditions only at
//     the end of {{ }} and set, so that Gemma 3's template did not parse.
//   - Every operation gets its parentheses: gonja binds "is" and "in" looser
//     than + and ==, and does not chain a < b < c.
//   - What does not fit the grammar is an error: gonja takes f(a b) for f(a, b).
type rewriter struct {
	list []string
	pos  int
	err  error
}

// IfName is the function that stands for a condition.
const IfName = "jinja_if"

func (w *rewriter) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
		w.pos = len(w.list)
	}
}

// peek is the token i places on; "" behind the last.
func (w *rewriter) peek(i int) string {
	if w.pos+i >= len(w.list) {
		return ""
	}
	return w.list[w.pos+i]
}

func (w *rewriter) next() string {
	token := w.peek(0)
	w.pos = min(w.pos+1, len(w.list))
	return token
}

func (w *rewriter) skip(token string) bool {
	if w.peek(0) != token {
		return false
	}
	w.pos++
	return true
}

func (w *rewriter) need(token string) {
	if !w.skip(token) {
		w.fail("%q where %q must be", w.peek(0), token)
	}
}

// keywords are no names.
var keywords = []string{"and", "or", "not", "in", "is", "if", "else"}

var identifier = regexp.MustCompile(`^[\pL\pM\p{Pc}][\pL\pM\p{Nd}\p{Pc}]*$`)

func (w *rewriter) name() string {
	token := w.next()
	if !identifier.MatchString(token) || slices.Contains(keywords, token) {
		w.fail("%q where a name must be", token)
	}
	return token
}

// statement reads what stands between {% and %}.
func (w *rewriter) statement() string {
	switch tag := w.next(); tag {
	case "if", "elif":
		return tag + " " + w.tuple(w.or)
	case "for":
		return "for " + w.loop()
	case "set":
		target := w.name()
		if w.skip(".") {
			target += " . " + w.name()
		}
		if !w.skip("=") {
			return "set " + target
		}
		return "set " + target + " = " + w.tuple(w.condition)
	case "macro":
		name := w.name()
		w.need("(")
		return "macro " + name + " " + w.parameters()
	case "else", "endif", "endfor", "endset", "endmacro", "generation", "endgeneration", "break", "continue":
		return tag
	default:
		w.fail("the tag %q is not known here", tag)
		return ""
	}
}

func (w *rewriter) loop() string {
	open := w.skip("(")
	names := []string{w.name()}
	for w.skip(",") {
		names = append(names, w.name())
	}
	if open {
		w.need(")")
	}
	w.need("in")
	over := w.tuple(w.or)
	if w.skip("if") {
		over += " if " + w.condition()
	}
	return strings.Join(names, " , ") + " in " + over
}

// parameters reads those of a macro, behind the (.
func (w *rewriter) parameters() string {
	return "( " + w.listed(")", func() string {
		name := w.name()
		if w.skip("=") {
			return name + " = " + w.condition()
		}
		return name
	}) + " )"
}

// listed reads elements with commas between them, up to and with the end.
func (w *rewriter) listed(end string, element func() string) string {
	var parts []string
	for w.err == nil && !w.skip(end) {
		parts = append(parts, element())
		if !w.skip(",") && w.peek(0) != end {
			w.need(end)
		}
	}
	return strings.Join(parts, " , ")
}

// tuple reads one expression, or several with commas, which are a tuple.
func (w *rewriter) tuple(element func() string) string {
	first := element()
	if w.peek(0) != "," {
		return first
	}
	parts := first
	for w.skip(",") {
		if w.pos == len(w.list) {
			return "( " + parts + " , )"
		}
		parts += " , " + element()
	}
	return "( " + parts + " )"
}

func (w *rewriter) condition() string {
	value := w.or()
	for w.skip("if") {
		condition := w.or()
		if w.skip("else") {
			value = fmt.Sprintf("%s ( %s , %s , %s )", IfName, condition, value, w.condition())
		} else {
			value = fmt.Sprintf("%s ( %s , %s )", IfName, condition, value)
		}
	}
	return value
}

func (w *rewriter) or() string  { return w.binary(w.and, "or") }
func (w *rewriter) and() string { return w.binary(w.not, "and") }

func (w *rewriter) not() string {
	if w.peek(0) == "not" && w.peek(1) != "in" {
		w.pos++
		return "( not " + w.not() + " )"
	}
	return w.compare()
}

// binary reads operations of one level, the left ones first.
func (w *rewriter) binary(operand func() string, operators ...string) string {
	left := operand()
	for w.err == nil && slices.Contains(operators, w.peek(0)) {
		operator := w.next()
		left = fmt.Sprintf("( %s %s %s )", left, operator, operand())
	}
	return left
}

// compare reads a chain of comparisons: each of them must hold.
func (w *rewriter) compare() string {
	left := w.sum()
	var all []string
	for w.err == nil {
		operator := w.peek(0)
		switch {
		case operator == "not" && w.peek(1) == "in":
			w.pos += 2
			operator = "not in"
		case slices.Contains([]string{"==", "!=", "<", "<=", ">", ">=", "in"}, operator):
			w.pos++
		default:
			if len(all) == 0 {
				return left
			}
			return "( " + strings.Join(all, " and ") + " )"
		}
		right := w.sum()
		all = append(all, fmt.Sprintf("( %s %s ( %s ) )", left, operator, right))
		left = right
	}
	return ""
}

func (w *rewriter) sum() string     { return w.binary(w.concat, "+", "-") }
func (w *rewriter) concat() string  { return w.binary(w.product, "~") }
func (w *rewriter) product() string { return w.binary(w.power, "*", "/", "//", "%") }
func (w *rewriter) power() string   { return w.binary(w.filtered, "**") }

// filtered reads a unary expression, its filters and tests.
func (w *rewriter) filtered() string {
	value := w.unary()
	for w.err == nil {
		switch {
		case w.skip("|"):
			name := w.name()
			if w.skip("(") {
				name += " ( " + w.arguments() + " )"
			}
			value = fmt.Sprintf("( %s | %s )", value, name)
		case w.skip("is"):
			value = w.test(value)
		case w.skip("("):
			value = fmt.Sprintf("%s ( %s )", value, w.arguments())
		default:
			return value
		}
	}
	return value
}

// test reads what follows "is".
func (w *rewriter) test(value string) string {
	is := "is"
	if w.skip("not") {
		is = "is not"
	}
	name := w.next() // "in" is the name of a test too
	if !identifier.MatchString(name) {
		w.fail("%q where the name of a test must be", name)
	}
	argument := ""
	switch next := w.peek(0); {
	case next == "(":
		w.pos++
		if argument = w.arguments(); argument != "" {
			argument = "( " + argument + " )"
		}
	case slices.Contains([]string{"is", "if", "in", "not"}, next): // Jinja takes these for the argument
		w.fail("%q after the test %s; put the test in parentheses", next, name)
	case next == "[" || next == "{" || startsOperand(next):
		argument = "( " + w.postfix(w.primary()) + " )"
	}
	return fmt.Sprintf("( %s %s %s %s )", value, is, name, argument)
}

// startsOperand reports whether a token is a name or a number.
func startsOperand(token string) bool {
	return token != "" && !slices.Contains(keywords, token) && (identifier.MatchString(token) || token[0] >= '0' && token[0] <= '9')
}

func (w *rewriter) unary() string {
	if sign := w.peek(0); sign == "-" || sign == "+" {
		w.pos++
		return w.postfix(fmt.Sprintf("( %s %s )", sign, w.unary()))
	}
	return w.postfix(w.primary())
}

func (w *rewriter) primary() string {
	switch token := w.peek(0); {
	case token == "(":
		w.pos++
		return w.group()
	case token == "[":
		w.pos++
		return "[ " + w.listed("]", w.condition) + " ]"
	case token == "{":
		w.pos++
		return "{ " + w.listed("}", func() string {
			key := w.condition()
			w.need(":")
			return key + " : " + w.condition()
		}) + " }"
	case startsOperand(token):
		return w.next()
	default:
		w.fail("%q where a value must be", token)
		return ""
	}
}

// group reads what follows a (: an expression or a tuple.
func (w *rewriter) group() string {
	if w.skip(")") {
		return "( )"
	}
	parts := []string{w.condition()}
	comma := false
	for w.err == nil && !w.skip(")") {
		comma = true
		if w.need(","); w.peek(0) != ")" {
			parts = append(parts, w.condition())
		}
	}
	if comma && len(parts) == 1 {
		return "( " + parts[0] + " , )"
	}
	return "( " + strings.Join(parts, " , ") + " )"
}

// postfix reads .name, [key] and (arguments).
func (w *rewriter) postfix(value string) string {
	for w.err == nil {
		switch {
		case w.skip("."):
			token := w.next()
			if !startsOperand(token) && !slices.Contains(keywords, token) {
				w.fail("%q where the name of an attribute must be", token)
			}
			value += " . " + token
		case w.skip("["):
			value += " [ " + w.subscript() + " ]"
			w.need("]")
		case w.skip("("):
			value += " ( " + w.arguments() + " )"
		default:
			return value
		}
	}
	return value
}

func (w *rewriter) subscript() string {
	var parts []string
	part := ""
	for w.err == nil && w.peek(0) != "]" {
		if w.skip(":") {
			parts = append(parts, part)
			part = ""
			continue
		}
		if part != "" {
			w.need("]")
		}
		part = w.condition()
	}
	if len(parts) == 0 && part == "" || len(parts) > 2 {
		w.fail("[] without a key, or with too many")
	}
	return strings.Join(append(parts, part), " : ")
}

// arguments reads those of a call, behind the (.
func (w *rewriter) arguments() string {
	return w.listed(")", func() string {
		if w.peek(1) == "=" {
			name := w.name()
			w.pos++
			return name + " = " + w.condition()
		}
		return w.condition()
	})
}
