package pattern

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// parser reads the part of Oniguruma's syntax that tokenizer files use.
type parser struct {
	source string
	pos    int
	fold   bool // ignore case
}

func (p *parser) peek() byte {
	if p.pos == len(p.source) {
		return 0
	}
	return p.source[p.pos]
}

func (p *parser) skip(prefix string) bool {
	if !strings.HasPrefix(p.source[p.pos:], prefix) {
		return false
	}
	p.pos += len(prefix)
	return true
}

func (p *parser) rune() rune {
	r, size := utf8.DecodeRuneInString(p.source[p.pos:])
	p.pos += size
	return r
}

func (p *parser) alternatives() (tree, error) {
	var t tree
	for {
		sequence, err := p.sequence()
		if err != nil {
			return t, err
		}
		t.options = append(t.options, sequence)
		if !p.skip("|") {
			break
		}
	}
	if len(t.options) == 1 {
		return t.options[0], nil
	}
	return t, nil
}

func (p *parser) sequence() (tree, error) {
	var t tree
	for p.pos < len(p.source) && p.peek() != '|' && p.peek() != ')' {
		part, err := p.atom()
		if err != nil {
			return t, err
		}
		if part, err = p.repeats(part); err != nil {
			return t, err
		}
		t.parts = append(t.parts, part)
	}
	return t, nil
}

func (p *parser) atom() (tree, error) {
	switch p.peek() {
	case '(':
		p.pos++
		return p.group()
	case '[':
		p.pos++
		s, err := p.class()
		return tree{set: s}, err
	case '\\':
		p.pos++
		s, err := p.escape()
		return tree{set: s}, err
	case '.':
		p.pos++
		return tree{set: single('\n').not()}, nil
	case '*', '+', '?', '{':
		return tree{}, fmt.Errorf("%q repeats nothing", p.peek())
	case '^', '$':
		return tree{}, fmt.Errorf("%q is not supported", p.peek())
	}
	return tree{set: p.letter(p.rune())}, nil
}

// letter matches r, in either case where case is ignored.
func (p *parser) letter(r rune) *set {
	if p.fold {
		return single(r).fold()
	}
	return single(r)
}

func (p *parser) group() (tree, error) {
	fold := p.fold
	defer func() { p.fold = fold }()
	var t tree
	switch {
	case p.skip("?:"):
	case p.skip("?i:"):
		p.fold = true
	case p.skip("?="):
		t.op = look
	case p.skip("?!"):
		t.op, t.negative = look, true
	case p.skip("?>"):
		t.op = atomic
	case p.peek() == '?':
		return t, fmt.Errorf("the group %q is not supported", p.source[p.pos-1:min(p.pos+2, len(p.source))])
	}
	body, err := p.alternatives()
	if err != nil {
		return t, err
	}
	if !p.skip(")") {
		return t, errors.New("a ( that nothing closes")
	}
	if t.op == look || t.op == atomic {
		t.body = &body
		return t, nil
	}
	return body, nil
}

// repeats reads what follows an atom: * + ? {m} {m,} {m,n}, possessive with a
// further +.
func (p *parser) repeats(t tree) (tree, error) {
	r := tree{op: repeat, body: &t, max: -1}
	counted := false
	switch {
	case p.skip("*"):
	case p.skip("+"):
		r.min = 1
	case p.skip("?"):
		r.max = 1
	case p.peek() == '{':
		counted = true
		if err := p.bounds(&r); err != nil {
			return t, err
		}
	default:
		return t, nil
	}
	if p.peek() == '?' || p.peek() == '*' || counted && p.peek() == '+' {
		return t, fmt.Errorf("the repeat %q is not supported", p.source[p.pos-1:p.pos+1])
	}
	r.hold = p.skip("+")
	return r, nil
}

func (p *parser) bounds(r *tree) error {
	inside, _, closed := strings.Cut(p.source[p.pos+1:], "}")
	low, high, comma := strings.Cut(inside, ",")
	var err error
	if r.min, err = strconv.Atoi(low); !closed || err != nil || r.min < 0 {
		return errors.New("the repeat { … } is not two numbers")
	}
	switch {
	case !comma:
		r.max = r.min
	case high != "":
		if r.max, err = strconv.Atoi(high); err != nil || r.max < r.min {
			return errors.New("the repeat { … } is not two numbers")
		}
	}
	p.pos += len(inside) + 2
	return nil
}

// escape reads what follows a backslash.
func (p *parser) escape() (*set, error) {
	if p.pos == len(p.source) {
		return nil, errors.New("a backslash at the end")
	}
	r := p.rune()
	switch r {
	case 'r':
		return single('\r'), nil
	case 'n':
		return single('\n'), nil
	case 't':
		return single('\t'), nil
	case 'f':
		return single('\f'), nil
	case 'v':
		return single('\v'), nil
	case 's', 'd', 'w':
		return shorthand(r), nil
	case 'S', 'D', 'W':
		return shorthand(r - 'A' + 'a').not(), nil
	case 'p', 'P':
		return p.property(r == 'P')
	case 'x', 'u':
		code, err := p.code(r)
		return p.letter(code), err
	}
	if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
		return nil, fmt.Errorf(`the escape \%c is not supported`, r)
	}
	return single(r), nil
}

// code reads the digits of \xHH, \x{H…} and \uHHHH.
func (p *parser) code(kind rune) (rune, error) {
	digits := ""
	if kind == 'x' && p.skip("{") {
		digits, _, _ = strings.Cut(p.source[p.pos:], "}")
		p.pos += len(digits) + 1
	} else {
		n := map[rune]int{'x': 2, 'u': 4}[kind]
		digits = p.source[p.pos:min(p.pos+n, len(p.source))]
		p.pos += len(digits)
	}
	code, err := strconv.ParseUint(digits, 16, 32)
	if err != nil || code > utf8.MaxRune || p.pos > len(p.source) {
		p.pos = min(p.pos, len(p.source))
		return 0, fmt.Errorf("%q is not a character's code", digits)
	}
	return rune(code), nil
}

func (p *parser) property(negative bool) (*set, error) {
	name := ""
	switch {
	case p.skip("{"):
		var closed bool
		if name, _, closed = strings.Cut(p.source[p.pos:], "}"); !closed {
			return nil, errors.New(`a \p{ that nothing closes`)
		}
		p.pos += len(name) + 1
	case p.pos < len(p.source):
		name = string(p.rune())
	}
	if strings.HasPrefix(name, "^") {
		name, negative = name[1:], !negative
	}
	s := category(name)
	if s == nil {
		return nil, fmt.Errorf("the property %q is not known", name)
	}
	if negative {
		return s.not(), nil
	}
	return s, nil
}

// class reads what follows a [.
func (p *parser) class() (*set, error) {
	negative := p.skip("^")
	all := &set{low: 1, high: 0}
	for first := true; ; first = false {
		if p.pos == len(p.source) {
			return nil, errors.New("a [ that nothing closes")
		}
		if !first && p.skip("]") {
			break
		}
		member, err := p.member()
		if err != nil {
			return nil, err
		}
		all.parts = append(all.parts, member)
	}
	all.index()
	if p.fold {
		all = all.fold()
	}
	if negative {
		return all.not(), nil
	}
	return all, nil
}

// member reads one element of a class: a character, a range or a set.
func (p *parser) member() (*set, error) {
	low, s, err := p.element()
	if err != nil || s != nil {
		return s, err
	}
	if p.peek() != '-' || p.pos+1 < len(p.source) && p.source[p.pos+1] == ']' {
		return single(low), nil
	}
	p.pos++
	high, s, err := p.element()
	if err != nil {
		return nil, err
	}
	if s != nil || high < low {
		return nil, errors.New("a range that does not go from a character to a later one")
	}
	return span(low, high), nil
}

// element reads a character or, if it stands for several, a set.
func (p *parser) element() (rune, *set, error) {
	switch {
	case p.pos == len(p.source):
		return 0, nil, errors.New("a [ that nothing closes")
	case p.skip(`\`):
		s, err := p.escape()
		if err != nil || s.low != s.high || s.negative {
			return 0, s, err
		}
		return s.low, nil, nil
	case p.peek() == '[' || strings.HasPrefix(p.source[p.pos:], "&&"):
		return 0, nil, fmt.Errorf("%q inside a class is not supported", p.source[p.pos:min(p.pos+2, len(p.source))])
	}
	return p.rune(), nil, nil
}
