package text

import "errors"

func loadSentencePiece(file string) (*Tokenizer, error) { return nil, errors.New("not yet") }
func loadGGUF(file string) (*Tokenizer, error)          { return nil, errors.New("not yet") }

type renderer struct{}

func (t *Tokenizer) setTemplate(s string) { t.template = s }
