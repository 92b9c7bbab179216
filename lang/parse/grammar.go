package parse

import (
	"errors"
	"io"
	"sync"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// The grammar is open: it knows no keyword but those that shape a statement
// (let, report, on, as, over), and no field at all. The order of alternatives
// and the look-aheads make each choice by the next two tokens, so that the
// deepest token reached is the one that is wrong.

type statement struct {
	Recipe      *recipe      `parser:"  @@"`
	Use         *use         `parser:"| @@"`
	Declaration *declaration `parser:"| @@"`
}

type recipe struct {
	Name *name `parser:"'recipe' @@"`
}

type use struct {
	Pos    lexer.Position
	EndPos lexer.Position
	Parts  []string `parser:"'use' ( @Ident ( @'/' @Ident )*"`
	Quoted string   `parser:"      | @String )"`
}

type declaration struct {
	Loop  *loop  `parser:"  (?= Ident Number ) @@"`
	Plain *plain `parser:"| @@"`
}

type loop struct {
	Pos     lexer.Position
	EndPos  lexer.Position
	Keyword *name         `parser:"@@"`
	Count   *count        `parser:"@@"`
	As      *name         `parser:"( 'as' @@ )?"`
	Body    *declarations `parser:"@@"`
}

type plain struct {
	Pos     lexer.Position
	EndPos  lexer.Position
	Keyword *name        `parser:"(?! 'on' | 'as' ) @@"`
	Named   *named       `parser:"@@?"`
	On      *disjunction `parser:"( 'on' @@ )?"`
	As      *name        `parser:"( 'as' @@ )?"`
	Body    *block       `parser:"@@?"`
}

type declarations struct {
	Pos    lexer.Position
	EndPos lexer.Position
	Items  []*declaration `parser:"'{' ( @@ ( ( ',' | Newline )+ @@ )* ( ',' | Newline )* )? '}'"`
}

type named struct {
	Name   *name        `parser:"(?! 'on' | 'as' ) @@"`
	Params *params      `parser:"@@?"`
	Kind   *name        `parser:"( ':' @@ )?"`
	Value  *disjunction `parser:"( '=' @@ )?"`
}

type params struct {
	Items []*param `parser:"'(' ( @@ ( ',' @@ )* ','? )? ')'"`
}

type param struct {
	Pos     lexer.Position
	EndPos  lexer.Position
	Name    *name  `parser:"@@"`
	Type    *name  `parser:"( ':' @@ )?"`
	Default *value `parser:"( '=' @@ )?"`
}

type block struct {
	Pos    lexer.Position
	EndPos lexer.Position
	Items  []*item `parser:"'{' ( @@ ( ( ',' | Newline )+ @@ )* ( ',' | Newline )* )? '}'"`
}

type item struct {
	Let    *let    `parser:"  (?= 'let' Ident ) @@"`
	Report *report `parser:"| (?= 'report' Ident ) @@"`
	Field  *field  `parser:"| @@"`
}

type let struct {
	Pos    lexer.Position
	EndPos lexer.Position
	Name   *name        `parser:"'let' @@"`
	Params []*name      `parser:"( '(' @@ ( ',' @@ )* ','? ')' )?"`
	Value  *disjunction `parser:"'=' @@"`
}

type report struct {
	Pos    lexer.Position
	EndPos lexer.Position
	Name   *name        `parser:"'report' @@"`
	Value  *disjunction `parser:"'=' @@"`
}

type field struct {
	Pos    lexer.Position
	EndPos lexer.Position
	Name   *name    `parser:"( @@"`
	Quoted *literal `parser:"| @@ )"`
	Value  *value   `parser:"'=' @@"`
}

type value struct {
	Construct  *construct   `parser:"  (?= Ident '{' ) @@"`
	Expression *disjunction `parser:"| @@"`
}

type construct struct {
	Pos    lexer.Position
	EndPos lexer.Position
	Name   *name  `parser:"@@"`
	Body   *block `parser:"@@"`
}

// The levels of an expression, loosest first.

type disjunction struct {
	First *conjunction `parser:"@@"`
	Rest  []*orOperand `parser:"@@*"`
}

type orOperand struct {
	Pos lexer.Position
	Op  string       `parser:"@'||'"`
	X   *conjunction `parser:"@@"`
}

type conjunction struct {
	First *comparison   `parser:"@@"`
	Rest  []*andOperand `parser:"@@*"`
}

type andOperand struct {
	Pos lexer.Position
	Op  string      `parser:"@'&&'"`
	X   *comparison `parser:"@@"`
}

type comparison struct {
	First *sum            `parser:"@@"`
	Rest  *compareOperand `parser:"@@?"`
}

type compareOperand struct {
	Pos lexer.Position
	Op  string `parser:"@( '==' | '!=' | '<=' | '<' | '>=' | '>' )"`
	X   *sum   `parser:"@@"`
}

type sum struct {
	First *product      `parser:"@@"`
	Rest  []*sumOperand `parser:"@@*"`
}

type sumOperand struct {
	Pos lexer.Position
	Op  string   `parser:"@( '+' | '-' )"`
	X   *product `parser:"@@"`
}

type product struct {
	First *power            `parser:"@@"`
	Rest  []*productOperand `parser:"@@*"`
}

type productOperand struct {
	Pos lexer.Position
	Op  string `parser:"@( '*' | '/' )"`
	X   *power `parser:"@@"`
}

// A power is read flat and folded from the right: -x^-y^z is -(x^(-(y^z))).
type power struct {
	First *signed         `parser:"@@"`
	Rest  []*powerOperand `parser:"@@*"`
}

type powerOperand struct {
	Pos lexer.Position
	Op  string  `parser:"@'^'"`
	X   *signed `parser:"@@"`
}

type signed struct {
	Signs []*sign  `parser:"@@*"`
	X     *postfix `parser:"@@"`
}

type sign struct {
	Pos lexer.Position
	Op  string `parser:"@( '-' | '!' )"`
}

type postfix struct {
	Pos   lexer.Position
	First *primary  `parser:"@@"`
	Rest  []*suffix `parser:"@@*"`
}

type suffix struct {
	EndPos lexer.Position
	Args   *arguments `parser:"  @@"`
	Elem   *name      `parser:"| '[' @@ ']'"`
	Select *name      `parser:"| '.' @@"`
}

type arguments struct {
	Items []*argument `parser:"'(' ( @@ ( ',' @@ )* ','? )? ')'"`
}

type argument struct {
	Pos    lexer.Position
	EndPos lexer.Position
	Over   *name  `parser:"  (?= 'over' Ident ) 'over' @@"`
	Name   *name  `parser:"| ( (?= Ident '=' ) @@ '=' )?"`
	Value  *value `parser:"  @@"`
}

type primary struct {
	Number *count   `parser:"  @@"`
	String *literal `parser:"| @@"`
	List   *list    `parser:"| @@"`
	Paren  *paren   `parser:"| @@"`
	Name   *name    `parser:"| @@"`
}

type list struct {
	Pos    lexer.Position
	EndPos lexer.Position
	Items  []*value `parser:"'[' ( @@ ( ',' @@ )* ','? )? ']'"`
}

type paren struct {
	Pos    lexer.Position
	EndPos lexer.Position
	X      *disjunction `parser:"'(' @@ ')'"`
}

type count struct {
	Pos    lexer.Position
	EndPos lexer.Position
	Text   string    `parser:"@Number"`
	Unit   *unitName `parser:"@@?"`
}

type unitName struct {
	Pos  lexer.Position
	Text string `parser:"@Unit"`
}

type literal struct {
	Pos  lexer.Position
	Text string `parser:"@String"`
}

type name struct {
	Pos  lexer.Position
	Text string `parser:"@Ident"`
}

// grammars are the parsers of each kind of statement, apart so that an error
// is that of the statement meant.
type grammars struct {
	statement   *participle.Parser[statement]
	recipe      *participle.Parser[recipe]
	use         *participle.Parser[use]
	declaration *participle.Parser[declaration]
	value       *participle.Parser[value]
}

// grammar builds the parsers by reflection when first asked.
var grammar = sync.OnceValue(func() grammars {
	// Without a limit on look-ahead participle reports the deepest token that
	// any alternative reached; 1 and 2 blame a missing = on the field's name.
	p := participle.MustBuild[statement](participle.Lexer(tokens{}), participle.Elide("Space"), participle.UseLookahead(participle.MaxLookahead))
	return grammars{
		statement:   p,
		recipe:      production[recipe](p),
		use:         production[use](p),
		declaration: production[declaration](p),
		value:       production[value](p),
	}
})

func production[P, G any](p *participle.Parser[G]) *participle.Parser[P] {
	q, err := participle.ParserForProduction[P](p)
	if err != nil {
		panic(err)
	}
	return q
}

// EBNF returns the grammar as participle prints it, for lang/SPEC.md.
func EBNF() string { return grammar().statement.String() }

// tokens tells participle the names of our tokens; it never reads text itself.
type tokens struct{}

func (tokens) Symbols() map[string]lexer.TokenType {
	return map[string]lexer.TokenType{
		"EOF": lexer.EOF, "Ident": ident, "Number": number, "Unit": unit,
		"String": text, "Punct": punct, "Newline": newline, "Space": space,
	}
}

func (tokens) Lex(string, io.Reader) (lexer.Lexer, error) {
	return nil, errors.New("tokens are read by scan")
}

// A stream hands the tokens of one statement to participle, but for the lost
// ones, with a space token for every gap.
type stream struct {
	s    *scanner
	i, n int // tokens[i:n] are left
	pos  int // end of the last token handed out
}

func (r *stream) Next() (lexer.Token, error) {
	for r.i < r.n && r.s.tokens[r.i].lost {
		r.i++
	}
	if r.i == r.n {
		return lexer.EOFToken(lexer.Position{Offset: r.pos}), nil
	}
	t := r.s.tokens[r.i]
	kind, start, end := t.kind, t.start, t.end
	if r.pos < start {
		kind, start, end = space, r.pos, start
	} else {
		r.i++
	}
	r.pos = end
	return lexer.Token{Type: kind, Value: r.s.src.Text[start:end], Pos: lexer.Position{Offset: start}}, nil
}
