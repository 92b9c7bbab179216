package fit

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	lapack "gonum.org/v1/gonum/lapack/gonum"
)

// blockRows is how many rows are turned into float64 at a time.
const blockRows = 256

// A design is the features and ratings of one pattern, centred where there is an
// intercept: then the intercept is what centring took away, and no penalty
// touches it.
type design struct {
	features Matrix[float32] // [row, hidden], of all rows
	ratings  Matrix[float64] // [row, attribute], of all rows
	of       *pattern
	centre   []float64 // [hidden]; zeros without an intercept
	means    []float64 // [attribute of the pattern]: of its ratings
	offset   []float64 // means, or zeros without an intercept
}

func newDesign(r Rated, of *pattern, intercept bool) *design {
	d := &design{
		features: r.Features, ratings: r.Ratings, of: of,
		centre: make([]float64, r.Features.Cols), means: make([]float64, len(of.attributes)),
	}
	for k, a := range of.attributes {
		for _, y := range ratingsOf(r.Ratings, of.rows, a) {
			d.means[k] += y / float64(len(of.rows))
		}
	}
	if d.offset = make([]float64, len(d.means)); !intercept {
		return d
	}
	copy(d.offset, d.means)
	for _, row := range of.rows {
		for i, v := range r.Features.Row(row) {
			d.centre[i] += float64(v) / float64(len(of.rows))
		}
	}
	return d
}

// centred returns the features of some rows, centred, [row, hidden].
func (d *design) centred(rows []int) Matrix[float64] {
	out := Zeros[float64](len(rows), d.features.Cols)
	for i, row := range rows {
		to := out.Row(i)
		for c, v := range d.features.Row(row) {
			to[c] = float64(v) - d.centre[c]
		}
	}
	return out
}

// targets returns the ratings of some rows less the offset, [row, attribute of
// the pattern].
func (d *design) targets(rows []int) Matrix[float64] {
	out := Zeros[float64](len(rows), len(d.of.attributes))
	for i, row := range rows {
		for k, a := range d.of.attributes {
			out.Row(i)[k] = d.ratings.Row(row)[a] - d.offset[k]
		}
	}
	return out
}

// intercept is what a probe with weights w [hidden] of attribute k adds.
func (d *design) intercept(w []float64, k int) float64 {
	b := d.offset[k]
	for i, c := range d.centre {
		b -= c * w[i]
	}
	return b
}

// squares sums the squared errors of weights [hidden, alpha·attribute] over the
// ratings that some rows have, [alpha·attribute].
func (d *design) squares(weights Matrix[float64], rows []int) []float64 {
	sums := make([]float64, weights.Cols)
	for block := range blocks(rows) {
		y, predicted := d.targets(block), Zeros[float64](len(block), weights.Cols)
		gemm(blas.NoTrans, blas.NoTrans, d.centred(block), weights, predicted)
		for i := range block {
			for c, v := range predicted.Row(i) {
				if e := v - y.Row(i)[c%y.Cols]; !math.IsNaN(e) {
					sums[c] += e * e
				}
			}
		}
	}
	return sums
}

// A normal is the system (S + αI)·Z = B of a design, for every α. With at least
// as many rows as features S = HᵀH and B = Hᵀ·Y, and Z is the weights; with fewer
// S = H·Hᵀ and B = Y, and the weights are Hᵀ·Z (the same ones). H is what the
// design says: centred features of its rows, and Y their targets.
//
// S = Q·T·Qᵀ, T tridiagonal, is computed once: S + αI = Q·(T + αI)·Qᵀ, and a
// tridiagonal system takes no time. (Eldén, BIT 17, 1977, does so with a
// bidiagonal matrix. Eigenvectors would serve as well, for five times the work.)
type normal struct {
	*design
	dual          *Matrix[float64] // H where there are fewer rows than features
	right         Matrix[float64]  // B
	reflectors    Matrix[float64]  // below the diagonal, what Q is made of
	tau           []float64
	diagonal, off []float64 // of T
	small, large  float64   // the extreme eigenvalues of S
}

// factorise builds the system of a design and reduces it.
func factorise(d *design) *normal {
	n := &normal{design: d}
	if rows := len(d.of.rows); rows < d.features.Cols {
		h := d.centred(d.of.rows)
		n.dual, n.right, n.reflectors = &h, d.targets(d.of.rows), Zeros[float64](rows, rows)
		lower(blas.NoTrans, h, n.reflectors)
	} else {
		n.right, n.reflectors = Zeros[float64](d.features.Cols, len(d.of.attributes)), Zeros[float64](d.features.Cols, d.features.Cols)
		for block := range blocks(d.of.rows) {
			h := d.centred(block)
			lower(blas.Trans, h, n.reflectors)
			gemm(blas.Trans, blas.NoTrans, h, d.targets(block), n.right)
		}
	}
	n.reduce()
	return n
}

// reduce turns S into T.
func (n *normal) reduce() {
	order := n.reflectors.Rows
	n.diagonal, n.off, n.tau = make([]float64, order), make([]float64, order-1), make([]float64, order-1)
	work := make([]float64, 1)
	lapack.Implementation{}.Dsytrd(blas.Lower, order, n.reflectors.Data, order, n.diagonal, n.off, n.tau, work, -1)
	work = make([]float64, int(work[0]))
	lapack.Implementation{}.Dsytrd(blas.Lower, order, n.reflectors.Data, order, n.diagonal, n.off, n.tau, work, len(work))
	eigen, off := slices.Clone(n.diagonal), slices.Clone(n.off)
	if !(lapack.Implementation{}).Dsterf(order, eigen, off) {
		panic("fit: the eigenvalues of a tridiagonal matrix did not converge")
	}
	n.small, n.large = eigen[0], eigen[order-1]
}

// rotate replaces c by Q·c, or by Qᵀ·c. Q leaves the first row as it is.
func (n *normal) rotate(t blas.Transpose, c Matrix[float64]) {
	order := n.reflectors.Rows
	if order < 2 {
		return
	}
	work := make([]float64, 1)
	for _, size := range []int{-1, 0} {
		if size == 0 {
			work = make([]float64, int(work[0]))
			size = len(work)
		}
		lapack.Implementation{}.Dormqr(blas.Left, t, order-1, c.Cols, order-1,
			n.reflectors.Data[order:], order, n.tau, c.Data[c.Cols:], c.Cols, work, size)
	}
}

// usable returns the alphas that float64 tells from 0 beside the largest
// eigenvalue, or that have no need to.
func (n *normal) usable(alphas []float64) ([]float64, error) {
	smallest := n.small // of S, where it has as many rows as there are unknowns
	if n.dual != nil {
		smallest = 0
	}
	needed := 16 * epsilon * n.large
	var usable []float64
	for _, alpha := range alphas {
		switch {
		case alpha == 0 && !(smallest > needed):
			return nil, fmt.Errorf("alpha 0: %d rows do not determine %d weights (features are constant or depend on each other), so no single probe is best; take 0 out of alphas", len(n.of.rows), n.features.Cols)
		case n.small+alpha > needed:
			usable = append(usable, alpha)
		}
	}
	if len(usable) == 0 {
		return nil, fmt.Errorf("alphas end at %g, which is lost in rounding: the largest eigenvalue of the features is %.3g; add one above %.1g", alphas[len(alphas)-1], n.large, needed)
	}
	return usable, nil
}

// epsilon is the distance from 1 to the next float64.
const epsilon = 0x1p-52

// illPosed is the ratio of the extreme eigenvalues of S + αI from which a
// solution is improved: float64 alone leaves 8 of its 16 digits there. Features
// whose scales differ, as a decoder's do, come to it with the smaller alphas.
const illPosed = 1e8

// weights solves the system for each of ascending alphas,
// [hidden, alpha·attribute]: alpha by alpha, the columns of its attributes.
func (n *normal) weights(alphas []float64) Matrix[float64] {
	z := n.solve(tiled(n.right, len(alphas)), alphas)
	ill := 0
	for ill < len(alphas) && n.large > illPosed*(n.small+alphas[ill]) {
		ill++
	}
	if ill > 0 {
		n.improve(z, alphas[:ill])
	}
	if n.dual == nil {
		return z
	}
	w := Zeros[float64](n.features.Cols, z.Cols)
	gemm(blas.Trans, blas.NoTrans, *n.dual, z, w)
	return w
}

// improve solves for what the solutions of the first alphas leave, and adds it.
func (n *normal) improve(z Matrix[float64], alphas []float64) {
	columns := len(alphas) * n.right.Cols
	for range 2 { // each time takes the error to its square, down to rounding
		step := n.solve(n.residual(first(z, columns), alphas), alphas)
		for r := range z.Rows {
			floats.Add(z.Row(r)[:columns], step.Row(r))
		}
	}
}

// solve replaces b [order, alpha·attribute] by (S + αI)⁻¹·b and returns it.
func (n *normal) solve(b Matrix[float64], alphas []float64) Matrix[float64] {
	k := n.right.Cols
	n.rotate(blas.Trans, b)
	for i, alpha := range alphas {
		diagonal, off := slices.Clone(n.diagonal), slices.Clone(n.off)
		floats.AddConst(alpha, diagonal)
		if !(lapack.Implementation{}).Dptsv(b.Rows, k, diagonal, off, b.Data[i*k:], b.Cols) {
			panic(fmt.Sprintf("fit: alpha %g of a system with eigenvalues from %g to %g", alpha, n.small, n.large))
		}
	}
	n.rotate(blas.NoTrans, b)
	return b
}

// residual returns B − S·z − α·z, from H and not from S, which has lost half of
// H's digits.
func (n *normal) residual(z Matrix[float64], alphas []float64) Matrix[float64] {
	out := Zeros[float64](z.Rows, z.Cols)
	if n.dual != nil {
		w := Zeros[float64](n.features.Cols, z.Cols)
		gemm(blas.Trans, blas.NoTrans, *n.dual, z, w)
		out = n.left(*n.dual, n.right, w)
	} else {
		for block := range blocks(n.of.rows) {
			h := n.centred(block)
			gemm(blas.Trans, blas.NoTrans, h, n.left(h, n.targets(block), z), out)
		}
	}
	for r := range z.Rows {
		for c, v := range z.Row(r) {
			out.Row(r)[c] -= alphas[c/n.right.Cols] * v
		}
	}
	return out
}

// left returns what weights leave of targets: y − h·w.
func (n *normal) left(h, y, w Matrix[float64]) Matrix[float64] {
	out := tiled(y, w.Cols/y.Cols)
	blas64.Gemm(blas.NoTrans, blas.NoTrans, -1, general(h), general(w), 1, general(out))
	return out
}

// first returns a copy of the first columns of m.
func first(m Matrix[float64], columns int) Matrix[float64] {
	out := Zeros[float64](m.Rows, columns)
	for r := range m.Rows {
		copy(out.Row(r), m.Row(r))
	}
	return out
}

// tiled repeats the columns of m.
func tiled(m Matrix[float64], times int) Matrix[float64] {
	out := Zeros[float64](m.Rows, m.Cols*times)
	for r := range m.Rows {
		copy(out.Row(r), slices.Repeat(m.Row(r), times))
	}
	return out
}

// blocks cuts rows into runs of blockRows.
func blocks(rows []int) func(yield func([]int) bool) {
	return func(yield func([]int) bool) {
		for from := 0; from < len(rows); from += blockRows {
			if !yield(rows[from:min(from+blockRows, len(rows))]) {
				return
			}
		}
	}
}

// gemm adds op(a)·op(b) to c.
func gemm(ta, tb blas.Transpose, a, b, c Matrix[float64]) {
	blas64.Gemm(ta, tb, 1, general(a), general(b), 1, general(c))
}

// lower adds hᵀ·h (or h·hᵀ for NoTrans) to the lower triangle of c, panel by
// panel of its rows. gonum's Syrk does half the work of Gemm, but on one core
// and without blocking for the cache.
func lower(t blas.Transpose, h, c Matrix[float64]) {
	const panel = 128
	for from := 0; from < c.Rows; from += panel {
		to := min(from+panel, c.Rows)
		target := blas64.General{Rows: to - from, Cols: to, Stride: c.Cols, Data: c.Data[from*c.Cols:]}
		if t == blas.Trans {
			left, right := general(h), general(h)
			left.Cols, left.Data, right.Cols = to-from, left.Data[from:], to
			blas64.Gemm(blas.Trans, blas.NoTrans, 1, left, right, 1, target)
			continue
		}
		left, right := general(h), general(h)
		left.Rows, left.Data, right.Rows = to-from, left.Data[from*h.Cols:], to
		blas64.Gemm(blas.NoTrans, blas.Trans, 1, left, right, 1, target)
	}
}

func general(m Matrix[float64]) blas64.General {
	return blas64.General{Rows: m.Rows, Cols: m.Cols, Stride: m.Cols, Data: m.Data}
}
