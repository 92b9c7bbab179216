package text

type renderer struct{}

func (t *Tokenizer) setTemplate(s string) { t.template = s }
