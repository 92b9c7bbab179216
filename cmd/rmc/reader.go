package main

import (
	"github.com/rmc-lang/rmc/runtime/arch"
	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/text"
)

// A reader turns conversations into the tokens that one model sees. The nil
// reader serves data that is token ids already.
type reader struct {
	tokenizer *text.Tokenizer
}

// encode renders and tokenises; data.Load calls it for all formats but ids.
func (r *reader) encode(messages []data.Message) (data.Encoded, error) {
	panic("rmc: a data set that needs a tokenizer was loaded without one")
}

// piece is a token as a reader should see it.
func (r *reader) piece(id int32) string { return r.tokenizer.Piece(id) }

// bosCounts counts the sequences of a set by the number of BOS tokens at their
// start; nil when there is no tokenizer to say which token that is.
func (r *reader) bosCounts(s *data.Set) map[int]int { return nil }

// tokenizer opens the tokenizer of a model.
func (g *gathering) tokenizer(m spec.Model, c arch.Config, base string) {}
