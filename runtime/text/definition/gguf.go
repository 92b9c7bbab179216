package definition

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rmc-lang/rmc/runtime/gguf"
)

// readGGUF reads the tokenizer inside a GGUF file. Such a file names its
// rules ("smollm") where a tokenizer.json spells them out.
func readGGUF(file string) (*Tokenizer, settings, error) {
	f, err := gguf.Open(file)
	if err != nil {
		return nil, settings{}, err
	}
	pieces, err := ggufPieces(f)
	if err != nil {
		return nil, settings{}, err
	}
	s := ggufSettings(f, pieces)
	var d *Tokenizer
	switch model, _ := f.Text("tokenizer.ggml.model"); model {
	case "gpt2":
		d, err = ggufBytes(f, pieces, s)
	case "llama":
		d, err = ggufSPM(f, pieces, s)
	case "":
		err = errors.New("no tokenizer in this GGUF file: it lacks tokenizer.ggml.model")
	default:
		err = Unsupported("GGUF tokenizer", model, "gpt2", "llama")
	}
	return d, s, err
}

func ggufPieces(f *gguf.File) ([]vocabPiece, error) {
	tokens, ok := f.Texts("tokenizer.ggml.tokens")
	if !ok || len(tokens) == 0 {
		return nil, errors.New("no tokenizer in this GGUF file: it lacks tokenizer.ggml.tokens")
	}
	kinds, _ := f.Ints("tokenizer.ggml.token_type")
	scores, _ := f.Floats("tokenizer.ggml.scores")
	if kinds != nil && len(kinds) != len(tokens) || scores != nil && len(scores) != len(tokens) {
		return nil, fmt.Errorf("%d tokens, but %d token types and %d scores", len(tokens), len(kinds), len(scores))
	}
	pieces := make([]vocabPiece, len(tokens))
	for i, text := range tokens {
		pieces[i] = vocabPiece{text: text, kind: normalPiece}
		if kinds != nil {
			pieces[i].kind = kinds[i]
		}
		if scores != nil {
			pieces[i].score = scores[i]
		}
	}
	return pieces, nil
}

func ggufSettings(f *gguf.File, pieces []vocabPiece) settings {
	s := settings{names: map[string]string{}}
	for name, key := range map[string]string{
		"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown", "pad_token": "padding",
		"sep_token": "seperator", "cls_token": "cls", "mask_token": "mask", // spelled so in the format
	} {
		id, ok := f.Int("tokenizer.ggml." + key + "_token_id")
		if ok && id >= 0 && id < int64(len(pieces)) {
			s.names[name] = pieces[id].text
		}
	}
	s.template, _ = f.Text("tokenizer.chat_template")
	return s
}

// around are the tokens that a GGUF file wants before and after a text.
func around(f *gguf.File, s settings, bosUnlessSaid bool) (before, after []string) {
	addBOS, said := f.Bool("tokenizer.ggml.add_bos_token")
	if !said {
		addBOS = bosUnlessSaid
	}
	if bos := s.names["bos_token"]; addBOS && bos != "" {
		before = []string{bos}
	}
	addEOS, _ := f.Bool("tokenizer.ggml.add_eos_token")
	if eos := s.names["eos_token"]; addEOS && eos != "" {
		after = []string{eos}
	}
	return before, after
}

func ggufSPM(f *gguf.File, pieces []vocabPiece, s settings) (*Tokenizer, error) {
	for i, p := range pieces { // llama.cpp's converter writes these with plain spaces
		if p.kind == userPiece {
			pieces[i].text = strings.ReplaceAll(p.text, " ", "▁")
		}
	}
	m := &spm{pieces: pieces, unk: s.names["unk_token"], prefix: true, bytes: true}
	if prefix, said := f.Bool("tokenizer.ggml.add_space_prefix"); said {
		m.prefix = prefix
	}
	m.before, m.after = around(f, s, true)
	return m.definition()
}

// ggufRules are the rules behind a name in tokenizer.ggml.pre, as the
// tokenizer.json of that family writes them.
func ggufRules(pre string) (normalizer, preTokenizer any, ignoreMerges bool, err error) {
	split := func(pattern string) any {
		return object{"type": "Sequence", "pretokenizers": []any{
			object{"type": "Split", "pattern": object{"Regex": pattern}, "behavior": "Isolated", "invert": false},
			object{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false},
		}}
	}
	byteLevel := object{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}
	const start = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|`
	const end = `| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	switch pre {
	case "gpt-2":
		return nil, byteLevel, false, nil
	case "smollm", "starcoder", "refact":
		digits := object{"type": "Digits", "individual_digits": true}
		return nil, object{"type": "Sequence", "pretokenizers": []any{digits, byteLevel}}, false, nil
	case "llama-bpe", "llama3", "llama-v3":
		return nil, split(start + `\p{N}{1,3}` + end), true, nil
	case "qwen2":
		return object{"type": "NFC"}, split(start + `\p{N}` + end), false, nil
	case "":
		return nil, nil, false, errors.New("this GGUF file does not say how its tokenizer cuts texts: it lacks tokenizer.ggml.pre")
	}
	return nil, nil, false, Unsupported("GGUF pre-tokenizer", pre, "gpt-2", "smollm", "starcoder", "refact", "llama-bpe", "llama3", "llama-v3", "qwen2")
}

// ggufBytes is the definition of a byte-level BPE.
func ggufBytes(f *gguf.File, pieces []vocabPiece, s settings) (*Tokenizer, error) {
	pre, _ := f.Text("tokenizer.ggml.pre")
	normalizer, preTokenizer, ignoreMerges, err := ggufRules(pre)
	if err != nil {
		return nil, err
	}
	vocab, err := vocabOf(pieces)
	if err != nil {
		return nil, err
	}
	merges, _ := f.Texts("tokenizer.ggml.merges")
	d := &Tokenizer{
		Version: "1.0", AddedTokens: addedOf(pieces),
		Normalizer: mustJSON(normalizer), PreTokenizer: mustJSON(preTokenizer),
		Decoder: mustJSON(object{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}),
		Model:   Model{Type: "BPE", IgnoreMerges: ignoreMerges, Vocab: Vocabulary{IDs: vocab}, Merges: make([]Pair, len(merges))},
	}
	for i, both := range merges {
		if err := d.Model.Merges[i].parse(both); err != nil {
			return nil, fmt.Errorf("tokenizer.ggml.merges[%d]: %w", i, err)
		}
	}
	before, after := around(f, s, ignoreMerges)
	d.PostProcessor = templateProcessing(vocab, before, after)
	return d, nil
}
