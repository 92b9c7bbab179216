package text

// padNames are tokens that families keep for padding or use nowhere else, most
// fitting first.
var padNames = []string{
	"<pad>", "<|pad|>", "[PAD]", "<|finetune_right_pad_id|>", "<|endoftext|>", "<unk>", "<|reserved_special_token_0|>",
}

// SafePad is a token to pad with that no text ends with: the tokenizer's own
// pad token unless it is EOS as well, else one that nothing else uses.
// transformers takes the last token that is not the pad for the scored one, so
// padding with EOS moves the score of every text that ends with it.
func (t *Tokenizer) SafePad() (id int32, ok bool) {
	eos, hasEOS := t.EOS()
	safe := func(id int32, ok bool) bool { return ok && (!hasEOS || id != eos) }
	if id, ok := t.Pad(); safe(id, ok) {
		return id, true
	}
	for _, name := range padNames {
		if id, ok := t.ID(name); safe(id, ok) {
			return id, true
		}
	}
	return 0, false
}
