// Package fit computes what a recipe fits in closed form or by search on
// features that are there already: linear probes of ratings (ridge), transforms
// that take one attribute out of the others (decorrelate), and the measures of
// both. It is linear algebra and rank statistics on plain slices: it reads no
// file and knows no model.
//
// Axes: row (one response), hidden (features of a row), attribute (its ratings).
package fit

import (
	"fmt"
	"math"
	"strings"
)

// A Matrix is Rows × Cols numbers, row after row: element (r, c) is
// Data[r*Cols+c].
type Matrix[T float32 | float64] struct {
	Rows, Cols int
	Data       []T
}

// Zeros returns a matrix of zeros.
func Zeros[T float32 | float64](rows, cols int) Matrix[T] {
	return Matrix[T]{Rows: rows, Cols: cols, Data: make([]T, rows*cols)}
}

// Row returns row r, not a copy.
func (m Matrix[T]) Row(r int) []T { return m.Data[r*m.Cols : (r+1)*m.Cols] }

// Column copies column c.
func (m Matrix[T]) Column(c int) []T {
	out := make([]T, m.Rows)
	for i := range out {
		out[i] = m.Row(i)[c]
	}
	return out
}

// column returns a copy of column c.
func (m Matrix[T]) column(c int) []T {
	values := make([]T, m.Rows)
	for r := range values {
		values[r] = m.Data[r*m.Cols+c]
	}
	return values
}

// mustBe panics where a matrix has not the shape that its use needs: shapes are
// the caller's business, and a recipe cannot get them wrong.
func (m Matrix[T]) mustBe(what string, rows, cols int) {
	if m.Rows != rows || m.Cols != cols || len(m.Data) != rows*cols {
		panic(fmt.Sprintf("fit: %s is %d × %d with %d numbers, not %d × %d", what, m.Rows, m.Cols, len(m.Data), rows, cols))
	}
}

// finite returns an error that names the first number of m that is infinite or
// none at all, but for those that are allowed to be NaN.
func (m Matrix[T]) finite(what string, column func(c int) string, nan bool) error {
	for i, v := range m.Data {
		x := float64(v)
		if math.IsInf(x, 0) || math.IsNaN(x) && !nan {
			return fmt.Errorf("%s of row %d: %s is %g, which is no number to fit on", what, i/m.Cols, column(i%m.Cols), x)
		}
	}
	return nil
}

// indexOf returns the place of an attribute, or an error that lists those there
// are.
func indexOf(attributes []string, name string) (int, error) {
	for i, a := range attributes {
		if a == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("no attribute is named %s; there are %s", name, strings.Join(attributes, ", "))
}
