// Package eval computes a checked objective on small arrays. It is the oracle
// for emitted graphs: written for plainness, one element at a time and with no
// broadcasting, so that what it shares with runtime/op is the meaning alone.
package eval

import (
	"maps"
	"math"
	"slices"

	"github.com/rmc-lang/rmc/compiler/typed"
)

// A Batch is the examples of one optimizer step.
type Batch struct {
	Axis  string         // of the batch: pair
	Sizes map[string]int // length of every axis, padding included
	Valid []bool         // by example: false for padding
	// Ragged holds the masks of ragged axes, by name: [example][position].
	Ragged  map[string][][]bool
	Columns map[string][]float64
	// Terms holds terms by Key, with their axes in the order of their types:
	// the batch, where there is one, comes first.
	Terms map[string]Array
	// Transforms holds the matrix of each decorrelating fit, rows in, columns out.
	Transforms map[string][][]float64
	// Base is what stop_gradient computes from while another Batch is varied to
	// take a difference; nil is the Batch itself.
	Base *Batch
}

// An Array is numbers over named axes, the last varying fastest.
type Array struct {
	Axes []string
	Data []float64
}

// Key is what Batch.Terms calls a term.
func Key(t *typed.Term) string { return t.Kind + " " + t.Model + " " + t.View }

// Loss returns the objective's loss over the batch.
func Loss(o *typed.Objective, b *Batch) float64 { return Value(o.Loss.Value, b) }

// Value returns an expression without axes.
func Value(e *typed.Expr, b *Batch) float64 { return b.at(e, index{}) }

// An index is a position on each axis of an expression.
type index map[string]int

func (i index) with(axis string, position int) index {
	next := index{axis: position}
	for a, p := range i {
		if a != axis {
			next[a] = p
		}
	}
	return next
}

// at is one element of e; true is 1. Positions on axes that e does not have
// are ignored.
func (b *Batch) at(e *typed.Expr, i index) float64 {
	switch e.Kind {
	case typed.Literal:
		return e.Value
	case typed.Column:
		if e.Absent {
			return 0
		}
		return b.Columns[e.Name][i[b.Axis]]
	case typed.TermRef:
		return b.term(e.Term, i)
	case typed.LetRef:
		return b.at(e.Let.Value, i)
	case typed.Index:
		return b.at(e.Args[0], i.with(e.Axes[0], e.Pos))
	case typed.Transform:
		return b.transform(e, i)
	}
	if len(e.Axes) > 0 {
		return b.reduce(e, i)
	}
	if e.Name == "stop_gradient" && b.Base != nil {
		return b.Base.at(e.Args[0], i)
	}
	args := make([]float64, len(e.Args))
	for j, a := range e.Args {
		args[j] = b.at(a, i)
	}
	return typed.Apply(e.Name, args)
}

func (b *Batch) term(t *typed.Term, i index) float64 {
	a := b.Terms[Key(t)]
	offset := 0
	for _, axis := range a.Axes {
		offset = offset*b.Sizes[axis] + i[axis]
	}
	return a.Data[offset]
}

// transform is one attribute of a fit's changed attributes.
func (b *Batch) transform(e *typed.Expr, i index) float64 {
	total := 0.0
	for in, row := range b.Transforms[e.Name] {
		total += row[i["attribute"]] * b.at(e.Args[0], i.with("attribute", in))
	}
	return total
}

// positions are those of some axes, the last varying fastest, that hold a value
// for the example of i.
func (b *Batch) positions(axes []string, i index) []index {
	all := []index{i}
	for _, axis := range axes {
		var next []index
		for _, at := range all {
			for p := range b.Sizes[axis] {
				next = append(next, at.with(axis, p))
			}
		}
		all = next
	}
	return slices.DeleteFunc(all, func(at index) bool { return !b.holds(axes, at) })
}

func (b *Batch) holds(axes []string, at index) bool {
	for _, axis := range axes {
		mask, ragged := b.Ragged[axis]
		if axis == b.Axis && !b.Valid[at[axis]] || ragged && !mask[at[b.Axis]][at[axis]] {
			return false
		}
	}
	return true
}

// line is argument n of a reduction at the positions that it is over.
func (b *Batch) line(e *typed.Expr, n int, positions []index) []float64 {
	var xs []float64
	for _, at := range positions {
		xs = append(xs, b.at(e.Args[n], at))
	}
	return xs
}

func (b *Batch) reduce(e *typed.Expr, i index) float64 {
	positions := b.positions(e.Axes, i)
	xs := b.line(e, 0, positions)
	switch e.Name {
	case "sum":
		return sum(xs)
	case "mean":
		return mean(xs)
	case "max_over":
		return slices.Max(append(xs, math.Inf(-1)))
	case "min_over":
		return slices.Min(append(xs, math.Inf(1)))
	case "logsumexp":
		return logSumExp(xs)
	case "last":
		return last(xs)
	case "corr":
		return correlation(xs, b.line(e, 1, positions))
	}
	// What is left keeps its axes; padding has no value and is never read.
	here := slices.IndexFunc(positions, func(at index) bool { return maps.Equal(at, i) })
	if here < 0 {
		return 0
	}
	switch e.Name {
	case "softmax":
		return math.Exp(xs[here] - logSumExp(xs))
	case "log_softmax":
		return xs[here] - logSumExp(xs)
	case "suffix_logsumexp":
		return logSumExp(xs[here:])
	case "rank":
		return rank(xs, here)
	}
	panic("eval: no reduction " + e.Name)
}

func sum(xs []float64) float64 {
	total := 0.0
	for _, x := range xs {
		total += x
	}
	return total
}

// last of nothing is 0.
func last(xs []float64) float64 {
	if len(xs) == 0 {
		return 0
	}
	return xs[len(xs)-1]
}

// mean of nothing is 0.
func mean(xs []float64) float64 { return sum(xs) / float64(max(1, len(xs))) }

func logSumExp(xs []float64) float64 {
	top := math.Inf(-1)
	for _, x := range xs {
		top = math.Max(top, x)
	}
	if math.IsInf(top, 0) {
		return top
	}
	total := 0.0
	for _, x := range xs {
		total += math.Exp(x - top)
	}
	return top + math.Log(total)
}

// rank counts from 1; equal values get the mean of their ranks.
func rank(xs []float64, here int) float64 {
	r := 0.5
	for _, x := range xs {
		switch {
		case x < xs[here]:
			r++
		case x == xs[here]:
			r += 0.5
		}
	}
	return r
}

// correlation is Pearson's, 0 where one side varies no more than float32 rounds.
func correlation(xs, ys []float64) float64 {
	mx, my := mean(xs), mean(ys)
	var xx, yy, xy, sx, sy float64
	for i := range xs {
		dx, dy := xs[i]-mx, ys[i]-my
		xx, yy, xy = xx+dx*dx, yy+dy*dy, xy+dx*dy
		sx, sy = sx+xs[i]*xs[i], sy+ys[i]*ys[i]
	}
	if xx <= 1e-10*sx || yy <= 1e-10*sy {
		return 0
	}
	return xy / math.Sqrt(xx*yy)
}
