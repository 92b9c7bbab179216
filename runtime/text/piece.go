package text

// A piece is a part of a text on its way to the model.
type piece struct {
	text string
	// from maps each byte of text, and its end, to a byte of the original.
	// nil where nobody asks.
	from []int32
	base int // where the piece starts in the original
}

// sub is the part of p from byte i to byte j.
func (p piece) sub(i, j int) piece {
	q := piece{text: p.text[i:j], base: p.base + i}
	if p.from != nil {
		q.from = p.from[i : j+1]
	}
	return q
}

// A rewriter makes a new piece of src, from left to right.
type rewriter struct {
	src  piece
	out  []byte
	from []int32
}

// keep takes over src's bytes from i to j.
func (w *rewriter) keep(i, j int) {
	w.out = append(w.out, w.src.text[i:j]...)
	if w.src.from != nil {
		w.from = append(w.from, w.src.from[i:j]...)
	}
}

// put writes text in place of whatever starts at byte i of src.
func (w *rewriter) put(text string, i int) {
	w.out = append(w.out, text...)
	if w.src.from != nil {
		for range len(text) {
			w.from = append(w.from, w.src.from[i])
		}
	}
}

// piece is what was written.
func (w *rewriter) piece() piece {
	p := piece{text: string(w.out), base: w.src.base}
	if w.src.from != nil {
		p.from = append(w.from, w.src.from[len(w.src.from)-1])
	}
	return p
}
