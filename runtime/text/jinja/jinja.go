// Package jinja renders chat templates as transformers does: as Jinja 3.1
// does under its ImmutableSandboxedEnvironment with trim_blocks,
// lstrip_blocks, loop controls and the generation tag.
//
// Parsing is gonja's (v2.9.1); what lies before and after it is ours, since
// gonja differs from Jinja without saying so: it strips white space between
// tags that stand on one line, drops the last of one element (x[-1] of a list
// of one is None), strips only spaces where Python strips white space, takes
// bytes for characters, and adds text to undefined values. A reward model
// scores the text that a template gives, so silence is the one thing it must
// not do. Package rewrite has what gonja's parser needs, eval.go the rest.
package jinja

import (
	"fmt"
	"strings"
	"time"

	"github.com/nikolalohinski/gonja/v2/config"
	"github.com/nikolalohinski/gonja/v2/nodes"
	"github.com/nikolalohinski/gonja/v2/parser"
	"github.com/nikolalohinski/gonja/v2/tokens"
	"github.com/rmc-lang/rmc/runtime/text/jinja/rewrite"
)

// A Template is a compiled template. It is safe for concurrent use.
type Template struct {
	root  []nodes.Node
	texts []string // the literals and the text between tags, by number
}

// Compile reads a template. It fails on what Jinja would not compile and on
// the tags that no chat template has needed yet. A filter, test or method
// that is not known is an error when a rendering comes to it.
func Compile(source string) (*Template, error) {
	rewritten, texts, err := rewrite.Source(source)
	if err != nil {
		return nil, err
	}
	stream := tokens.LexAll(rewritten, config.New())
	tree, err := parser.NewParser("template", stream, config.New(), nil, tagSet{}).Parse()
	if err != nil {
		return nil, err
	}
	return &Template{root: tree.Nodes, texts: texts}, nil
}

// A RaisedError is what a template says with raise_exception.
type RaisedError struct{ Message string }

func (e *RaisedError) Error() string { return e.Message }

// Render renders the template. vars holds its variables: nil, bool, int,
// int64, float64, string, []any, []map[string]any, map[string]any or Dict.
// now is the time that strftime_now tells.
func (t *Template) Render(vars map[string]any, now time.Time) (string, error) {
	globals := &scope{vars: builtins(now)}
	for name, v := range vars {
		value, err := fromGo(v)
		if err != nil {
			return "", fmt.Errorf("variable %s: %w", name, err)
		}
		globals.vars[name] = value
	}
	r := &renderer{texts: t.texts, scope: &scope{vars: map[string]any{}, parent: globals}, out: &strings.Builder{}}
	if err := r.all(t.root); err != nil {
		return "", err
	}
	return r.out.String(), nil
}

// A scope holds the variables of a block.
type scope struct {
	vars   map[string]any
	parent *scope
}

func (s *scope) get(name string) any {
	for ; s != nil; s = s.parent {
		if v, ok := s.vars[name]; ok {
			return v
		}
	}
	return undefined{name}
}

// A renderer walks over a template once.
type renderer struct {
	texts []string
	scope *scope
	out   *strings.Builder
	calls int // of macros within each other
}

// The ways to leave the body of a loop.
type leave int

const (
	stayed leave = iota
	broke
	continued
)

// all renders nodes at the top of a template, where no loop can be left.
func (r *renderer) all(list []nodes.Node) error {
	_, err := r.nodes(list)
	return err
}

func (r *renderer) nodes(list []nodes.Node) (leave, error) {
	for _, n := range list {
		left, err := r.node(n)
		if err != nil || left != stayed {
			return left, err
		}
	}
	return stayed, nil
}

func (r *renderer) node(n nodes.Node) (leave, error) {
	switch n := n.(type) {
	case *nodes.Output:
		v, err := r.eval(n.Expression)
		if err != nil {
			return stayed, at(n, err)
		}
		r.out.WriteString(str(v))
	case *nodes.ControlStructureBlock:
		left, err := n.ControlStructure.(tag).render(r)
		if err != nil {
			err = at(n, err)
		}
		return left, err
	}
	return stayed, nil // comments
}

// A lineError is an error and the line of the template where it happened.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d of the template: %v", e.line, e.err) }
func (e *lineError) Unwrap() error { return e.err }

// at adds a line to an error that has none.
func at(n nodes.Node, err error) error {
	switch err.(type) {
	case *lineError, *RaisedError:
		return err
	}
	return &lineError{n.Position().Line, err}
}

// capture renders nodes to a string, in a scope of their own.
func (r *renderer) capture(list []nodes.Node, inner *scope) (string, error) {
	outer, out := r.scope, r.out
	defer func() { r.scope, r.out = outer, out }()
	r.scope, r.out = inner, &strings.Builder{}
	err := r.all(list)
	return r.out.String(), err
}
