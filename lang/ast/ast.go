// Package ast is the tree of a recipe: what was written, as it was written.
// It knows shapes (declarations, fields, expressions) and no names: which
// fields a model may have is the resolver's business.
package ast

import "github.com/rmc-lang/rmc/lang/source"

// A File is one parsed .rmr file.
type File struct {
	Source *source.File
	Doc    string // of the recipe line, or of the library; text after ///, lines joined by \n
	Recipe *Ident // nil in a library file; some name if the recipe line is wrong
	Uses   []*Use
	Decls  []*Decl
	// Broken tells that the text is none that could be read, which has been
	// reported; all else is absent.
	Broken   bool
	Comments []*Comment // every // comment, in order, for the formatter
}

// A Comment is a // comment (not a /// doc comment).
type Comment struct {
	Span source.Span
	Text string // without the slashes and surrounding space
}

// A Use imports the objectives of a library file: use std/preference.
type Use struct {
	Span   source.Span
	Path   string
	At     source.Span // of the path
	Broken bool        // could not be parsed, which has been reported; Path is unknown
}

// An Ident is a name at a place.
type Ident struct {
	Span source.Span
	Name string
}

// A Decl is a declaration. Its parts, all but Keyword optional, in order:
//
//	Keyword Name(Params): Kind = Value on On as As { Body }
//
//	model rm: reward { … }              objective f(noise: real = 0.05) on preference { … }
//	train rm on hh { … }                fit probe = ridge on backbone(ratings) { … }
//	evaluate rm on hh.holdout           reward armo = gated.s
//	mesh { … }                          repeat 3 as round { … }
//
// A Body holds declarations when there is a Count, and fields, lets and
// reports otherwise.
type Decl struct {
	Span      source.Span
	Doc       string
	Keyword   *Ident
	Name      *Ident
	Count     *Number // repeat 3
	Params    []*Param
	HasParams bool // f() as opposed to f
	Kind      *Ident
	Value     Expr
	On        Expr
	As        *Ident
	Body      *Block
	// Broken tells that the declaration could not be parsed, which has been
	// reported. Keyword, Name and Kind are set as far as they are known, so
	// that the name counts as declared; all else is absent.
	Broken bool
}

// A Param is a parameter of an objective: noise: real = 0.05.
type Param struct {
	Span    source.Span
	Name    *Ident
	Type    *Ident // nil when absent
	Default Expr   // nil when required
}

// A Block is { … }: fields, lets, reports, nested declarations.
type Block struct {
	Span  source.Span
	Items []Item
	// Lost are the names that items set which could not be parsed, which has been
	// reported; nil stands for a name that is not known.
	Lost []*Ident
}

// An Item is a *Field, *Let, *Report or *Decl.
type Item interface{ item() }

// A Field is key = value. Loss is a field too: loss = ….
type Field struct {
	Span   source.Span
	Doc    string
	Key    *Ident // Name is unquoted when Quoted
	Quoted bool   // "*.embed_tokens" = …
	Value  Expr
}

// A Let names a value or, with Params, a function that is inlined.
type Let struct {
	Span   source.Span
	Doc    string
	Name   *Ident
	Params []*Ident
	Value  Expr
}

// A Report adds a named scalar to the metrics.
type Report struct {
	Span  source.Span
	Doc   string
	Name  *Ident
	Value Expr
}

func (*Field) item()  {}
func (*Let) item()    {}
func (*Report) item() {}
func (*Decl) item()   {}

// An Expr is any of the expression nodes below.
type Expr interface {
	Pos() source.Span
	expr()
}

// A Number is a literal as written, with its unit: 1e-5, 64 pairs, 3%.
type Number struct {
	Span source.Span
	Text string // without the unit
	Unit *Ident // nil when absent; "%" for per cent
}

// A String is a quoted literal; Value is unquoted, Span covers the quotes.
type String struct {
	Span  source.Span
	Value string
}

// A List is [a, b, c].
type List struct {
	Span  source.Span
	Items []Expr
}

// A Call is f(a, b, over c) or f(x, of = y).
type Call struct {
	Span source.Span
	Fun  Expr
	Args []*Arg
}

// An Arg is an argument: positional, named (name = value) or an axis (over a).
type Arg struct {
	Span  source.Span
	Name  *Ident // nil when positional
	Over  bool   // over attribute; Value is the axis's Ident
	Value Expr
}

// An Index is x[element].
type Index struct {
	Span source.Span
	X    Expr
	Elem *Ident
}

// A Select is x.name, as in hh.holdout.
type Select struct {
	Span source.Span
	X    Expr
	Name *Ident
}

// A Unary is -x or !x.
type Unary struct {
	Span source.Span
	Op   string
	X    Expr
}

// A Binary is x op y: + - * / ^ < <= > >= == != && ||.
type Binary struct {
	Span   source.Span
	Op     string
	OpSpan source.Span
	X, Y   Expr
}

// A Paren is (x); kept so that the formatter prints what was written.
type Paren struct {
	Span source.Span
	X    Expr
}

// A Construct is a variant with its fields: lora { rank = 16 }.
type Construct struct {
	Span source.Span
	Name *Ident
	Body *Block
}

func (x *Ident) Pos() source.Span     { return x.Span }
func (x *Number) Pos() source.Span    { return x.Span }
func (x *String) Pos() source.Span    { return x.Span }
func (x *List) Pos() source.Span      { return x.Span }
func (x *Call) Pos() source.Span      { return x.Span }
func (x *Index) Pos() source.Span     { return x.Span }
func (x *Select) Pos() source.Span    { return x.Span }
func (x *Unary) Pos() source.Span     { return x.Span }
func (x *Binary) Pos() source.Span    { return x.Span }
func (x *Paren) Pos() source.Span     { return x.Span }
func (x *Construct) Pos() source.Span { return x.Span }

func (*Ident) expr()     {}
func (*Number) expr()    {}
func (*String) expr()    {}
func (*List) expr()      {}
func (*Call) expr()      {}
func (*Index) expr()     {}
func (*Select) expr()    {}
func (*Unary) expr()     {}
func (*Binary) expr()    {}
func (*Paren) expr()     {}
func (*Construct) expr() {}
