package text

// A piece is a part of a text on its way to the model.
type piece struct {
	text string
	base int // where the piece starts in the original, whatever it was rewritten to
}

// sub is the part of p from byte i to byte j.
func (p piece) sub(i, j int) piece { return piece{p.text[i:j], p.base + i} }

// with is p rewritten to text.
func (p piece) with(text string) piece { return piece{text, p.base} }
