package jinja

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nikolalohinski/gonja/v2/nodes"
	"github.com/nikolalohinski/gonja/v2/parser"
	"github.com/nikolalohinski/gonja/v2/tokens"
)

// A tag is a parsed {% … %} with its body.
type tag interface {
	nodes.ControlStructure
	render(*renderer) (leave, error)
}

// tagSet gives gonja's parser our tags.
type tagSet struct{}

// Get is the parser of a tag.
func (tagSet) Get(name string) (parser.ControlStructureParser, bool) {
	switch name {
	case "if":
		return parseIf, true
	case "for":
		return parseFor, true
	case "set":
		return parseSet, true
	case "macro":
		return parseMacro, true
	case "generation":
		return parseGeneration, true
	case "break", "continue":
		return func(_, args *parser.Parser) (nodes.ControlStructure, error) {
			left := broke
			if name == "continue" {
				left = continued
			}
			return &leaveTag{where: where{args.Current()}, left: left}, ended(args)
		}, true
	}
	return nil, false
}

// where is the place of a tag.
type where struct{ token *tokens.Token }

// Position is where the tag stands.
func (w where) Position() *tokens.Token { return w.token }

// String names the thing for gonja's messages.
func (w where) String() string { return "tag" }

// ended fails if a tag says more than it may.
func ended(args *parser.Parser) error {
	if !args.End() {
		return args.Error("more than the tag can take", args.Current())
	}
	return nil
}

// body reads up to one of the closing tags.
func body(p *parser.Parser, closing ...string) (list []nodes.Node, end string, args *parser.Parser, err error) {
	w, args, err := p.WrapUntil(closing...)
	if err != nil {
		return nil, "", nil, err
	}
	return w.Nodes, w.EndTag, args, nil
}

type leaveTag struct {
	where
	left leave
}

func (t *leaveTag) render(*renderer) (leave, error) { return t.left, nil }

// generation marks what an assistant said, for masks that we do not need.
type generation struct {
	where
	body []nodes.Node
}

func parseGeneration(p, args *parser.Parser) (nodes.ControlStructure, error) {
	list, _, _, err := body(p, "endgeneration")
	return &generation{where{args.Current()}, list}, errors.Join(err, ended(args))
}

func (t *generation) render(r *renderer) (leave, error) {
	text, err := r.capture(t.body, &scope{vars: map[string]any{}, parent: r.scope})
	r.out.WriteString(text)
	return stayed, err
}

type ifTag struct {
	where
	conditions []nodes.Expression
	bodies     [][]nodes.Node // one for each condition, and one more for else
}

func parseIf(p, args *parser.Parser) (nodes.ControlStructure, error) {
	t := &ifTag{where: where{args.Current()}}
	for end := "elif"; end == "elif"; {
		condition, err := args.ParseExpression()
		if err == nil {
			err = ended(args)
		}
		if err != nil {
			return nil, err
		}
		t.conditions = append(t.conditions, condition)
		var list []nodes.Node
		if list, end, args, err = body(p, "elif", "else", "endif"); err != nil {
			return nil, err
		}
		t.bodies = append(t.bodies, list)
		if end == "else" {
			list, _, args, err = body(p, "endif")
			t.bodies = append(t.bodies, list)
			if err != nil {
				return nil, err
			}
		}
	}
	return t, ended(args)
}

func (t *ifTag) render(r *renderer) (leave, error) {
	for i, condition := range t.conditions {
		v, err := r.eval(condition)
		if err != nil {
			return stayed, err
		}
		if truth(v) {
			return r.nodes(t.bodies[i])
		}
	}
	if len(t.bodies) > len(t.conditions) {
		return r.nodes(t.bodies[len(t.conditions)])
	}
	return stayed, nil
}

type forTag struct {
	where
	names     []string
	over      nodes.Expression
	condition nodes.Expression // may be nil
	body      []nodes.Node
	otherwise []nodes.Node
}

func parseFor(p, args *parser.Parser) (nodes.ControlStructure, error) {
	t := &forTag{where: where{args.Current()}}
	names, err := parseNames(args)
	if err != nil {
		return nil, err
	}
	t.names = names
	if args.Match(tokens.In) == nil {
		return nil, args.Error("expected in", args.Current())
	}
	if t.over, err = args.ParseExpression(); err != nil {
		return nil, err
	}
	if args.MatchName("if") != nil {
		if t.condition, err = args.ParseExpression(); err != nil {
			return nil, err
		}
	}
	if err := ended(args); err != nil {
		return nil, err
	}
	end := ""
	if t.body, end, args, err = body(p, "else", "endfor"); err == nil && end == "else" {
		t.otherwise, _, args, err = body(p, "endfor")
	}
	if err != nil {
		return nil, err
	}
	return t, ended(args)
}

// parseNames reads the targets of a loop.
func parseNames(args *parser.Parser) ([]string, error) {
	var names []string
	for {
		name := args.Match(tokens.Name)
		if name == nil {
			return nil, args.Error("expected the name of a variable", args.Current())
		}
		names = append(names, name.Val)
		if args.Match(tokens.Comma) == nil {
			return names, nil
		}
	}
}

// bind sets the targets of a loop in a scope.
func (t *forTag) bind(s *scope, item any) error {
	if len(t.names) == 1 {
		s.vars[t.names[0]] = item
		return nil
	}
	values, err := iterate(item)
	if err != nil {
		return err
	}
	if len(values) != len(t.names) {
		return fmt.Errorf("%d values for the %d names %s", len(values), len(t.names), strings.Join(t.names, ", "))
	}
	for i, name := range t.names {
		s.vars[name] = values[i]
	}
	return nil
}

// items are what the loop goes over.
func (t *forTag) items(r *renderer) ([]any, error) {
	over, err := r.eval(t.over)
	if err != nil {
		return nil, err
	}
	items, err := iterate(over)
	if err != nil || t.condition == nil {
		return items, err
	}
	outer := r.scope
	defer func() { r.scope = outer }()
	var kept []any
	for _, item := range items {
		r.scope = &scope{vars: map[string]any{"loop": undefined{"loop"}}, parent: outer}
		if err := t.bind(r.scope, item); err != nil {
			return nil, err
		}
		v, err := r.eval(t.condition)
		if err != nil {
			return nil, err
		}
		if truth(v) {
			kept = append(kept, item)
		}
	}
	return kept, nil
}

func (t *forTag) render(r *renderer) (leave, error) {
	items, err := t.items(r)
	if err != nil {
		return stayed, err
	}
	outer := r.scope
	defer func() { r.scope = outer }()
	l := &loop{items: items}
	for i, item := range items {
		l.index = i
		r.scope = &scope{vars: map[string]any{"loop": l}, parent: outer}
		if err := t.bind(r.scope, item); err != nil {
			return stayed, err
		}
		left, err := r.nodes(t.body)
		if err != nil {
			return stayed, err
		}
		if left == broke {
			break
		}
	}
	if len(items) == 0 {
		r.scope = &scope{vars: map[string]any{}, parent: outer}
		return r.nodes(t.otherwise)
	}
	return stayed, nil
}

type setTag struct {
	where
	target nodes.Expression
	value  nodes.Expression // nil: the body's text
	body   []nodes.Node
}

func parseSet(p, args *parser.Parser) (nodes.ControlStructure, error) {
	t := &setTag{where: where{args.Current()}}
	var err error
	if t.target, err = args.ParseVariableOrLiteral(); err != nil {
		return nil, err
	}
	switch t.target.(type) {
	case *nodes.Name, *nodes.GetAttribute:
	default:
		return nil, args.Error("only a variable or a namespace's attribute can be set", args.Current())
	}
	if args.Match(tokens.Assign) != nil {
		if t.value, err = args.ParseExpression(); err != nil {
			return nil, err
		}
		return t, ended(args)
	}
	if err := ended(args); err != nil {
		return nil, err
	}
	if t.body, _, args, err = body(p, "endset"); err != nil {
		return nil, err
	}
	return t, ended(args)
}

func (t *setTag) render(r *renderer) (leave, error) {
	var value any
	var err error
	if t.value != nil {
		value, err = r.eval(t.value)
	} else {
		value, err = r.capture(t.body, &scope{vars: map[string]any{}, parent: r.scope})
	}
	if err != nil {
		return stayed, err
	}
	if name, ok := t.target.(*nodes.Name); ok {
		r.scope.vars[name.Name.Val] = value
		return stayed, nil
	}
	attribute := t.target.(*nodes.GetAttribute)
	owner, err := r.eval(attribute.Node)
	if err != nil {
		return stayed, err
	}
	ns, ok := owner.(*namespace)
	if !ok || strings.HasPrefix(attribute.Attribute, "_") {
		return stayed, errors.New("cannot set an attribute on what is not a namespace")
	}
	ns.vars[attribute.Attribute] = value
	return stayed, nil
}

// A macroTag defines a function of the template.
type macroTag struct {
	where
	name     string
	names    []string
	defaults []nodes.Expression // of each name; nil for none
	body     []nodes.Node
}

func parseMacro(p, args *parser.Parser) (nodes.ControlStructure, error) {
	t := &macroTag{where: where{args.Current()}}
	name := args.Match(tokens.Name)
	if name == nil || args.Match(tokens.LeftParenthesis) == nil {
		return nil, args.Error("expected a name and (", args.Current())
	}
	t.name = name.Val
	for args.Match(tokens.RightParenthesis) == nil {
		parameter := args.Match(tokens.Name)
		if parameter == nil {
			return nil, args.Error("expected the name of a parameter", args.Current())
		}
		var value nodes.Expression
		var err error
		if args.Match(tokens.Assign) != nil {
			if value, err = args.ParseExpression(); err != nil {
				return nil, err
			}
		}
		t.names, t.defaults = append(t.names, parameter.Val), append(t.defaults, value)
		if args.Match(tokens.Comma) == nil && args.Current(tokens.RightParenthesis) == nil {
			return nil, args.Error("expected , or )", args.Current())
		}
	}
	err := ended(args)
	if err == nil {
		t.body, _, _, err = body(p, "endmacro")
	}
	return t, err
}

func (t *macroTag) render(r *renderer) (leave, error) {
	defined := r.scope
	r.scope.vars[t.name] = function(func(args []any, kwargs map[string]any) (any, error) {
		return t.call(r, defined, args, kwargs)
	})
	return stayed, nil
}

// maxCalls bounds the macros that are within each other, so that a template
// cannot exhaust the stack.
const maxCalls = 200

func (t *macroTag) call(r *renderer, defined *scope, args []any, kwargs map[string]any) (any, error) {
	if len(args) > len(t.names) {
		return nil, fmt.Errorf("macro %s takes %d arguments, not %d", t.name, len(t.names), len(args))
	}
	if r.calls >= maxCalls {
		return nil, fmt.Errorf("macro %s calls itself without end", t.name)
	}
	r.calls++
	defer func() { r.calls-- }()
	inner := &scope{vars: map[string]any{}, parent: defined}
	outer := r.scope
	for i, name := range t.names {
		value, given := kwargs[name]
		switch {
		case i < len(args):
			value = args[i]
		case given:
		case t.defaults[i] != nil:
			r.scope = inner
			v, err := r.eval(t.defaults[i])
			r.scope = outer
			if err != nil {
				return nil, err
			}
			value = v
		default:
			value = undefined{name}
		}
		inner.vars[name] = value
	}
	for name := range kwargs {
		if _, known := inner.vars[name]; !known {
			return nil, fmt.Errorf("macro %s takes no argument %s", t.name, name)
		}
	}
	return r.capture(t.body, inner)
}
