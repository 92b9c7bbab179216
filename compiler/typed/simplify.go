package typed

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/lang/source"
)

// A Simplifier takes out what known parameters make void, and puts stable forms
// in place of unstable ones. It changes no value but those that float32 would
// get wrong.
type Simplifier struct {
	Lets  map[*Let]*Let // simplified, by what they were
	Facts []Fact
}

// Expr simplifies e from the leaves up.
func (s *Simplifier) Expr(e *Expr) *Expr {
	switch e.Kind {
	case Column:
		if e.Absent {
			s.fact(e.Span, e.Name+" is 0: the data declares no column "+e.Name)
			zero := *e
			zero.fixed = true
			return &zero
		}
	case LetRef:
		return s.let(e)
	case Index, Transform, Call:
		args := make([]*Expr, len(e.Args))
		for i, a := range e.Args {
			args[i] = s.Expr(a)
		}
		if e.Kind == Call && len(e.Axes) == 0 {
			narrow(args, e.Type)
		}
		again := *e
		again.Args = args
		if Derived(&again); e.Kind != Call {
			return &again
		}
		return s.stable(fold(&again))
	}
	return e
}

// narrow makes numbers of known arguments whose axes the others bring anyway.
func narrow(args []*Expr, t Type) {
	for i, a := range args {
		if !a.fixed || a.Type.Scalar() {
			continue
		}
		var axes []Axis
		for j, b := range args {
			if j != i {
				axes, _, _, _ = Union(axes, b.Type.Axes)
			}
		}
		if slices.Equal(Type{Axes: axes}.Names(), t.Names()) {
			args[i] = &Expr{Kind: Literal, Type: Type{Elem: a.Type.Elem}, Span: a.Span, Value: a.Value, Text: FormatNumber(a.Value)}
		}
	}
}

func (s *Simplifier) let(e *Expr) *Expr {
	l := s.Lets[e.Let]
	if l == nil {
		copied := *e.Let
		l = &copied
		s.Lets[e.Let] = l
		l.Value = s.Expr(e.Let.Value)
	}
	ref := *e
	ref.Let, ref.Batch, ref.Grad = l, l.Value.Batch, l.Value.Grad
	if v, ok := Known(l.Value); ok {
		ref.fixed, ref.Value = true, v
	}
	return &ref
}

func (s *Simplifier) fact(span source.Span, text string) {
	if !slices.ContainsFunc(s.Facts, func(f Fact) bool { return f.Text == text }) {
		s.Facts = append(s.Facts, Fact{span, text})
	}
}

// Known returns the value of an expression that is the same for every element.
func Known(e *Expr) (float64, bool) { return e.Value, e.Kind == Literal || e.fixed }

// Is reports whether e is known to have that value.
func Is(e *Expr, value float64) bool {
	v, ok := Known(e)
	return ok && v == value
}

// fold evaluates what is known. A known value that still has axes keeps its
// form: fixed says that it may be dropped by what it is part of.
func fold(e *Expr) *Expr {
	if short := shortcut(e); short != nil {
		return short
	}
	switch {
	case len(e.Axes) == 0:
		args := make([]float64, len(e.Args))
		for i, a := range e.Args {
			v, ok := Known(a)
			if !ok {
				return e
			}
			args[i] = v
		}
		return fixed(e, Apply(e.Name, args))
	case Is(e.Args[0], 0) && e.Name == "sum":
		return fixed(e, 0)
	case e.Name == "mean" || e.Name == "max_over" || e.Name == "min_over" || e.Name == "last":
		if v, ok := Known(e.Args[0]); ok {
			return fixed(e, v)
		}
	}
	return e
}

// fixed is e, known to have a value.
func fixed(e *Expr, value float64) *Expr {
	if !e.Type.Scalar() {
		e.fixed, e.Value = true, value
		return e
	}
	return &Expr{Kind: Literal, Type: e.Type, Span: e.Span, Value: value, Text: foldedText(e, value)}
}

// foldedText keeps the arithmetic of a recipe's own numbers in view: 1 - 0.05.
func foldedText(e *Expr, value float64) string {
	plain := !slices.ContainsFunc(e.Args, func(a *Expr) bool { return a.Kind != Literal || a.Type.Elem == Bool })
	if !plain || value == 0 || value == 1 {
		return FormatNumber(value)
	}
	switch e.Name {
	case "neg":
		return "-" + operandOf(e.Args[0])
	case "add", "sub", "mul":
		return operandOf(e.Args[0]) + " " + symbol(e.Name) + " " + operandOf(e.Args[1])
	}
	return FormatNumber(value)
}

func operandOf(e *Expr) string {
	if strings.Contains(e.Text, " ") || strings.HasPrefix(e.Text, "-") {
		return "(" + e.Text + ")"
	}
	return e.Text
}

// shortcut returns what e is when one of its arguments is known to be 0 or 1,
// and nil where that changes nothing.
func shortcut(e *Expr) *Expr {
	same := func(x *Expr) *Expr {
		if slices.Equal(x.Type.Names(), e.Type.Names()) {
			return x
		}
		return nil
	}
	x := e.Args[0]
	switch e.Name {
	case "neg":
		if x.Kind == Call && x.Name == "neg" {
			return x.Args[0]
		}
	case "add":
		switch {
		case Is(x, 0):
			return same(e.Args[1])
		case Is(e.Args[1], 0):
			return same(x)
		}
	case "sub":
		return subShortcut(e, same)
	case "mul":
		switch {
		case Is(x, 0) || Is(e.Args[1], 0):
			return fixed(e, 0)
		case Is(x, 1):
			return same(e.Args[1])
		case Is(e.Args[1], 1):
			return same(x)
		}
	case "div":
		switch {
		case Is(x, 0):
			return fixed(e, 0)
		case Is(e.Args[1], 1):
			return same(x)
		}
	case "pow":
		return powShortcut(e)
	case "where":
		if v, ok := Known(x); ok {
			return same(e.Args[2-int(v)])
		}
	case "and", "or":
		return logicShortcut(e, same)
	}
	return nil
}

func subShortcut(e *Expr, same func(*Expr) *Expr) *Expr {
	switch {
	case Is(e.Args[1], 0):
		return same(e.Args[0])
	case Is(e.Args[0], 0) && same(e.Args[1]) != nil:
		return fold(NewCall("neg", e.Span, e.Type, nil, e.Args[1]))
	}
	return nil
}

func powShortcut(e *Expr) *Expr {
	switch {
	case Is(e.Args[1], 0):
		return fixed(e, 1)
	case !slices.Equal(e.Args[0].Type.Names(), e.Type.Names()):
		return nil
	case Is(e.Args[1], 1):
		return e.Args[0]
	case Is(e.Args[1], 2) && e.Args[0].Kind != Literal:
		return NewCall("square", e.Span, e.Type, nil, e.Args[0])
	}
	return nil
}

func logicShortcut(e *Expr, same func(*Expr) *Expr) *Expr {
	neutral := Truth(e.Name == "and")
	for i, a := range e.Args {
		switch v, ok := Known(a); {
		case ok && v == neutral:
			return same(e.Args[1-i])
		case ok:
			return fixed(e, v)
		}
	}
	return nil
}

// stable replaces forms that lose all digits or overflow in float32.
func (s *Simplifier) stable(e *Expr) *Expr {
	to := stableForm(e)
	if to == nil {
		return e
	}
	of := to.Args[0]
	text := Short(OneLine(of.Span))
	if of.Name == "neg" {
		text = "-(" + Short(OneLine(of.Args[0].Span)) + ")"
	}
	s.fact(e.Span, fmt.Sprintf("%s is computed as %s(%s), which float32 gets right", Short(OneLine(e.Span)), to.Name, text))
	return to
}

func stableForm(e *Expr) *Expr {
	elementwise := func(name string, x *Expr) *Expr { return NewCall(name, e.Span, e.Type, nil, x) }
	switch e.Name {
	case "log":
		x := Behind(e.Args[0])
		if y := argOf(x, "sigmoid"); y != nil {
			return elementwise("log_sigmoid", y)
		}
		if y := onePlusExp(x); y != nil {
			return elementwise("softplus", y)
		}
		if y := argOf(x, "softmax"); y != nil {
			return NewCall("log_softmax", e.Span, e.Type, x.Axes, y)
		}
		if y := sumOfExp(x); y != nil {
			return NewCall("logsumexp", e.Span, e.Type, x.Axes, y)
		}
	case "sub":
		if y := argOf(Behind(e.Args[1]), "sigmoid"); y != nil && Is(e.Args[0], 1) {
			return elementwise("sigmoid", fold(NewCall("neg", y.Span, y.Type, nil, y)))
		}
	case "div":
		return stableQuotient(e)
	}
	return nil
}

// stableQuotient knows 1 / (1 + e^-x) and e^x / sum(e^x).
func stableQuotient(e *Expr) *Expr {
	x, y := Behind(e.Args[0]), Behind(e.Args[1])
	if z := onePlusExp(y); z != nil && Is(x, 1) {
		return NewCall("sigmoid", e.Span, e.Type, nil, fold(NewCall("neg", z.Span, z.Type, nil, z)))
	}
	z := sumOfExp(y)
	if w := argOf(x, "exp"); w != nil && z != nil && w.String() == z.String() {
		return NewCall("softmax", e.Span, e.Type, y.Axes, w)
	}
	return nil
}

// Behind looks through names.
func Behind(e *Expr) *Expr {
	for e.Kind == LetRef {
		e = e.Let.Value
	}
	return e
}

// argOf is x of f(x), or nil.
func argOf(e *Expr, f string) *Expr {
	if e.Kind != Call || e.Name != f {
		return nil
	}
	return e.Args[0]
}

// onePlusExp is x of 1 + e^x, or nil.
func onePlusExp(e *Expr) *Expr {
	if e.Kind != Call || e.Name != "add" {
		return nil
	}
	for i, a := range e.Args {
		if x := argOf(Behind(e.Args[1-i]), "exp"); x != nil && Is(a, 1) {
			return x
		}
	}
	return nil
}

// sumOfExp is x of sum(e^x, over a) where a is not the batch, or nil.
func sumOfExp(e *Expr) *Expr {
	if e.Kind != Call || e.Name != "sum" || OverBatch(e) {
		return nil
	}
	return argOf(Behind(e.Args[0]), "exp")
}
