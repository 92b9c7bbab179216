package ast

// Walk calls visit with a value and each one within it, from the outside in. The
// axis of a reduction is no value, and neither are the names of arguments, parts and
// elements.
func Walk(x Expr, visit func(Expr)) {
	if x == nil {
		return
	}
	visit(x)
	switch x := x.(type) {
	case *Paren:
		Walk(x.X, visit)
	case *Unary:
		Walk(x.X, visit)
	case *Binary:
		Walk(x.X, visit)
		Walk(x.Y, visit)
	case *Index:
		Walk(x.X, visit)
	case *Select:
		Walk(x.X, visit)
	case *List:
		for _, item := range x.Items {
			Walk(item, visit)
		}
	case *Call:
		Walk(x.Fun, visit)
		for _, a := range x.Args {
			if !a.Over {
				Walk(a.Value, visit)
			}
		}
	}
}

// Values lists the values that the items of a block are set to.
func (b *Block) Values() []Expr {
	var all []Expr
	for _, item := range b.Items {
		switch item := item.(type) {
		case *Field:
			all = append(all, item.Value)
		case *Let:
			all = append(all, item.Value)
		case *Report:
			all = append(all, item.Value)
		}
	}
	return all
}
