package jinja

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/nikolalohinski/gonja/v2/nodes"
	"github.com/nikolalohinski/gonja/v2/tokens"
	"github.com/rmc-lang/rmc/runtime/text/jinja/rewrite"
)

// eval evaluates an expression. Errors are values only; there is no panic
// that a template can cause.
func (r *renderer) eval(node nodes.Node) (any, error) {
	switch n := node.(type) {
	case *nodes.Name:
		return r.name(n.Name.Val), nil
	case *nodes.None:
		return nil, nil
	case *nodes.Integer:
		return n.Val, nil
	case *nodes.Float:
		return n.Val, nil
	case *nodes.Bool:
		return n.Val, nil
	case *nodes.List:
		list, err := r.evalAll(n.Val)
		return list, err
	case *nodes.Tuple:
		list, err := r.evalAll(n.Val)
		return tuple(list), err
	case *nodes.Dict:
		return r.evalDict(n)
	case *nodes.Call:
		return r.evalCall(n)
	case *nodes.Negation:
		v, err := r.eval(n.Term)
		return !truth(v), err
	case *nodes.UnaryExpression:
		return r.evalSign(n)
	case *nodes.BinaryExpression:
		return r.evalBinary(n)
	case *nodes.FilteredExpression:
		return r.evalFilters(n)
	case *nodes.TestExpression:
		return r.evalTest(n)
	}
	return r.evalGetter(node)
}

func (r *renderer) name(name string) any {
	if name == "none" {
		return nil
	}
	if number, ok := strings.CutPrefix(name, rewrite.TextName); ok {
		if i, err := strconv.Atoi(number); err == nil && i < len(r.texts) {
			return r.texts[i]
		}
	}
	return r.scope.get(name)
}

func (r *renderer) evalAll(list []nodes.Expression) ([]any, error) {
	values := make([]any, len(list))
	for i, n := range list {
		v, err := r.eval(n)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

func (r *renderer) evalDict(n *nodes.Dict) (any, error) {
	d := newDict()
	for _, p := range n.Pairs {
		key, err := r.eval(p.Key)
		if err != nil {
			return nil, err
		}
		value, err := r.eval(p.Value)
		if err != nil {
			return nil, err
		}
		if !hashable(key) {
			return nil, fmt.Errorf("%s cannot be a key", typeName(key))
		}
		d.set(keyOf(key), value)
	}
	return d, nil
}

func (r *renderer) evalNamed(kwargs map[string]nodes.Expression) (map[string]any, error) {
	values := map[string]any{}
	for name, n := range kwargs {
		v, err := r.eval(n)
		if err != nil {
			return nil, err
		}
		values[name] = v
	}
	return values, nil
}

func (r *renderer) evalCall(n *nodes.Call) (any, error) {
	if name, ok := n.Func.(*nodes.Name); ok && name.Name.Val == rewrite.IfName {
		return r.evalIf(n.Args)
	}
	callee, err := r.eval(n.Func)
	if err != nil {
		return nil, err
	}
	args, err := r.evalAll(n.Args)
	if err != nil {
		return nil, err
	}
	kwargs, err := r.evalNamed(n.Kwargs)
	if err != nil {
		return nil, err
	}
	switch f := callee.(type) {
	case function:
		return f(args, kwargs)
	case undefined:
		return nil, f.err()
	}
	return nil, fmt.Errorf("%s cannot be called", typeName(callee))
}

// evalIf evaluates jinja_if(condition, value, otherwise), see scanner.
func (r *renderer) evalIf(args []nodes.Expression) (any, error) {
	condition, err := r.eval(args[0])
	switch {
	case err != nil:
		return nil, err
	case truth(condition):
		return r.eval(args[1])
	case len(args) == 3:
		return r.eval(args[2])
	}
	return undefined{"the value of an if without else"}, nil
}

func (r *renderer) evalSign(n *nodes.UnaryExpression) (any, error) {
	v, err := r.eval(n.Term)
	if err != nil {
		return nil, err
	}
	f, i, isInt, ok := number(v)
	switch {
	case !ok:
		return nil, operands(n.Operator.Val, v, nil)
	case isInt && n.Negative:
		return -i, nil
	case isInt:
		return i, nil
	case n.Negative:
		return -f, nil
	}
	return f, nil
}

// operands is the error of an operator that cannot take what it is given.
func operands(operator string, a, b any) error {
	for _, v := range []any{a, b} {
		if u, ok := v.(undefined); ok {
			return u.err()
		}
	}
	return fmt.Errorf("%s cannot take %s and %s", operator, typeName(a), typeName(b))
}

func (r *renderer) evalBinary(n *nodes.BinaryExpression) (any, error) {
	a, err := r.eval(n.Left)
	if err != nil {
		return nil, err
	}
	operator := n.Operator.Token
	if operator.Type == tokens.And && !truth(a) || operator.Type == tokens.Or && truth(a) {
		return a, nil
	}
	b, err := r.eval(n.Right)
	if err != nil {
		return nil, err
	}
	switch operator.Type {
	case tokens.And, tokens.Or:
		return b, nil
	case tokens.Tilde:
		return str(a) + str(b), nil
	case tokens.Equals:
		return equal(a, b), nil
	case tokens.Ne:
		return !equal(a, b), nil
	case tokens.LowerThan, tokens.LowerThanOrEqual, tokens.GreaterThan, tokens.GreaterThanOrEqual:
		return ordered(operator.Type, a, b)
	case tokens.Addition:
		return add(a, b)
	case tokens.Multiply:
		if product, ok := repeated(a, b); ok {
			return product, nil
		}
	}
	return arithmetic(operator, a, b)
}

func ordered(operator tokens.Type, a, b any) (any, error) {
	order, err := compare(a, b)
	if err != nil {
		return nil, err
	}
	switch operator {
	case tokens.LowerThan:
		return order < 0, nil
	case tokens.LowerThanOrEqual:
		return order <= 0, nil
	case tokens.GreaterThan:
		return order > 0, nil
	}
	return order >= 0, nil
}

func add(a, b any) (any, error) {
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return x + y, nil
		}
		return nil, operands("+", a, b)
	case []any:
		if y, ok := b.([]any); ok {
			return append(append([]any{}, x...), y...), nil
		}
		return nil, operands("+", a, b)
	case tuple:
		if y, ok := b.(tuple); ok {
			return append(append(tuple{}, x...), y...), nil
		}
		return nil, operands("+", a, b)
	}
	return arithmetic(&tokens.Token{Type: tokens.Addition, Val: "+"}, a, b)
}

// maxRepeat bounds what "x" * n can make.
const maxRepeat = 1 << 20

// repeated is a text or list, written out several times.
func repeated(a, b any) (product any, ok bool) {
	if _, _, isInt, _ := number(a); isInt {
		a, b = b, a
	}
	_, count, isInt, _ := number(b)
	count = max(count, 0)
	switch x := a.(type) {
	case string:
		if isInt && count*len(x) <= maxRepeat {
			return strings.Repeat(x, count), true
		}
	case []any:
		if isInt && count*len(x) <= maxRepeat {
			return append([]any{}, slices.Repeat(x, count)...), true
		}
	case tuple:
		if isInt && count*len(x) <= maxRepeat {
			return slices.Repeat(x, count), true
		}
	}
	return nil, false
}

func arithmetic(operator *tokens.Token, a, b any) (any, error) {
	x, i, intX, okX := number(a)
	y, j, intY, okY := number(b)
	if !okX || !okY {
		return nil, operands(operator.Val, a, b)
	}
	whole := intX && intY
	switch operator.Type {
	case tokens.Division, tokens.FloorDivision, tokens.Modulo:
		if y == 0 {
			return nil, errors.New("division by zero")
		}
	}
	switch operator.Type {
	case tokens.Addition:
		return either(whole, i+j, x+y), nil
	case tokens.Subtraction:
		return either(whole, i-j, x-y), nil
	case tokens.Multiply:
		return either(whole, i*j, x*y), nil
	case tokens.Division:
		return x / y, nil
	case tokens.FloorDivision:
		return either(whole, int(math.Floor(x/y)), math.Floor(x/y)), nil
	case tokens.Modulo:
		if whole {
			return ((i % j) + j) % j, nil
		}
		return x - y*math.Floor(x/y), nil
	case tokens.Power:
		return either(whole && j >= 0, int(math.Pow(x, y)), math.Pow(x, y)), nil
	}
	return nil, fmt.Errorf("the operator %s is not known", operator.Val)
}

func either(whole bool, i int, f float64) any {
	if whole {
		return i
	}
	return f
}

// evalGetter evaluates x.name, x[key] and x[start:end:step].
func (r *renderer) evalGetter(node nodes.Node) (any, error) {
	switch n := node.(type) {
	case *nodes.GetAttribute:
		owner, err := r.eval(n.Node)
		if err != nil {
			return nil, err
		}
		if n.Attribute == "" {
			return item(owner, n.Index)
		}
		return attribute(owner, n.Attribute)
	case *nodes.GetItem:
		owner, err := r.eval(n.Node)
		if err != nil {
			return nil, err
		}
		if n.Arg == nil {
			return nil, errors.New("[] without a key")
		}
		key, err := r.eval(n.Arg)
		if err != nil {
			return nil, err
		}
		return item(owner, key)
	case *nodes.GetSlice:
		return r.evalSlice(n)
	}
	return nil, fmt.Errorf("an expression that is not known: %v", node)
}

// attribute is x.name: an attribute or method, else the item of that name.
func attribute(owner any, name string) (any, error) {
	if u, ok := owner.(undefined); ok {
		return nil, u.err()
	}
	if strings.HasPrefix(name, "_") {
		return undefined{name}, nil // the sandbox hides these
	}
	if v, ok := member(owner, name); ok {
		return v, nil
	}
	if d, ok := owner.(*dict); ok {
		if v, there := d.values[name]; there {
			return v, nil
		}
	}
	return undefined{name}, nil
}

// member is an attribute or method that is not an item.
func member(owner any, name string) (any, bool) {
	switch x := owner.(type) {
	case *namespace:
		v, there := x.vars[name]
		return v, there
	case *loop:
		v := x.attribute(name)
		_, missing := v.(undefined)
		return v, !missing
	}
	if method := methodOf(owner, name); method != nil {
		return method, true
	}
	return nil, false
}

// item is x[key]: an item, else for text the attribute of that name.
func item(owner, key any) (any, error) {
	if u, ok := owner.(undefined); ok {
		return nil, u.err()
	}
	if i, ok := key.(int); ok {
		if v, found := index(owner, i); found {
			return v, nil
		}
	}
	if d, ok := owner.(*dict); ok && hashable(key) {
		if v, there := d.values[keyOf(key)]; there {
			return v, nil
		}
	}
	if name, ok := key.(string); ok && !strings.HasPrefix(name, "_") {
		if v, found := member(owner, name); found {
			return v, nil
		}
	}
	return undefined{str(key)}, nil
}

func index(owner any, i int) (v any, found bool) {
	var list []any
	switch x := owner.(type) {
	case []any:
		list = x
	case tuple:
		list = x
	case string:
		list, _ = iterate(x)
	}
	if i < 0 {
		i += len(list)
	}
	if i < 0 || i >= len(list) {
		return nil, false
	}
	return list[i], true
}

func (r *renderer) evalSlice(n *nodes.GetSlice) (any, error) {
	owner, err := r.eval(n.Node)
	if err != nil {
		return nil, err
	}
	var bounds [3]*int
	for i, node := range []nodes.Node{n.Start, n.End, n.Step} {
		if node == nil {
			continue
		}
		v, err := r.eval(node)
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		_, number, isInt, _ := number(v)
		if !isInt {
			return nil, fmt.Errorf("a slice from or to %s", typeName(v))
		}
		bounds[i] = &number
	}
	switch x := owner.(type) {
	case []any:
		return slice(x, bounds)
	case tuple:
		list, err := slice(x, bounds)
		return tuple(list), err
	case string:
		chars, _ := iterate(x)
		list, err := slice(chars, bounds)
		return joined(list, ""), err
	case undefined:
		return nil, x.err()
	}
	return nil, fmt.Errorf("%s cannot be sliced", typeName(owner))
}

// slice is Python's list[start:end:step].
func slice(list []any, bounds [3]*int) ([]any, error) {
	step, n := 1, len(list)
	if bounds[2] != nil {
		step = *bounds[2]
	}
	if step == 0 {
		return nil, errors.New("a slice with step 0")
	}
	low, high := 0, n
	if step < 0 {
		low, high = -1, n-1
	}
	clamp := func(b *int, otherwise int) int {
		if b == nil {
			return otherwise
		}
		i := *b
		if i < 0 {
			i += n
		}
		return max(low, min(i, high))
	}
	out := []any{}
	if step > 0 {
		for i := clamp(bounds[0], low); i < clamp(bounds[1], high); i += step {
			out = append(out, list[i])
		}
		return out, nil
	}
	for i := clamp(bounds[0], high); i > clamp(bounds[1], low); i += step {
		out = append(out, list[i])
	}
	return out, nil
}

func joined(list []any, separator string) string {
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = str(v)
	}
	return strings.Join(texts, separator)
}

func (r *renderer) evalFilters(n *nodes.FilteredExpression) (any, error) {
	v, err := r.eval(n.Expression)
	if err != nil {
		return nil, err
	}
	for _, call := range n.Filters {
		args, err := r.evalAll(call.Args)
		if err != nil {
			return nil, err
		}
		kwargs, err := r.evalNamed(call.Kwargs)
		if err != nil {
			return nil, err
		}
		if v, err = filter(call.Name, v, args, kwargs); err != nil {
			return nil, fmt.Errorf("filter %s: %w", call.Name, err)
		}
	}
	return v, nil
}

func (r *renderer) evalTest(n *nodes.TestExpression) (any, error) {
	v, err := r.eval(n.Expression)
	if err != nil {
		return nil, err
	}
	args, err := r.evalAll(n.Test.Args)
	if err != nil {
		return nil, err
	}
	ok, err := test(n.Test.Name, v, args)
	if err != nil {
		return nil, fmt.Errorf("is %s: %w", n.Test.Name, err)
	}
	return ok, nil
}
