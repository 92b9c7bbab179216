package gather

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/rmc-lang/rmc/compiler/facts"
	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/text"
)

// A Reader turns conversations into the tokens that one model sees. The nil
// reader serves data that is token ids already.
type Reader struct {
	tokenizer *text.Tokenizer
}

// Encode renders and tokenises d's conversations; data.Load calls it for all
// formats but ids. A conversation that begins with no BOS, or with several,
// passes: the compiler counts those and knows what to say, where the trainer
// refuses them.
func (r *Reader) Encode(d spec.Data) data.Encode {
	return func(messages []data.Message) (data.Encoded, error) {
		encode := r.tokenizer.Conversation
		if d.Kind == "labels" {
			encode = r.tokenizer.Labelled(d.Tokens)
		}
		e, err := encode(messages)
		var bos *text.BOSError
		if errors.As(err, &bos) && r.leadingBOS(e.IDs) != 1 {
			err = nil
		}
		return e, err
	}
}

// Piece is a token as a person should see it.
func (r *Reader) Piece(id int32) string { return r.tokenizer.Piece(id) }

// leadingBOS counts the BOS tokens with which ids begin.
func (r *Reader) leadingBOS(ids []int32) int {
	bos, ok := r.tokenizer.BOS()
	n := 0
	for ok && n < len(ids) && ids[n] == bos {
		n++
	}
	return n
}

// bosCounts counts the sequences of a set by the number of BOS tokens at their
// start; nil when there is no tokenizer to say which token that is.
func (r *Reader) bosCounts(s *data.Set) map[int]int {
	if r == nil {
		return nil
	}
	counts := map[int]int{}
	for _, e := range slices.Concat(s.Train, s.Holdout) {
		for _, sequence := range e.Sequences {
			counts[r.leadingBOS(sequence.IDs)]++
		}
	}
	return counts
}

// tokenizer opens the tokenizer of a model, its base's or its own.
func (g *gathering) tokenizer(m spec.Model, base string) {
	path, field := base, "model."+m.Name+".base"
	if m.Tokenizer != "" {
		field = "model." + m.Name + ".tokenizer"
		local, ok := g.sources.open(g.ctx, "tokens", field, m.Tokenizer)
		if !ok {
			g.leftOut("tokens of model %s: %s is not on this machine", m.Name, m.Tokenizer)
			return
		}
		path = local.Path
	}
	if !hasTokenizer(path) {
		g.world.Facts.Tokenizers[m.Name] = facts.Tokenizer{Absent: true}
		return
	}
	t, err := text.Load(path)
	if err == nil && m.Template != "" {
		field = "model." + m.Name + ".template"
		t, err = g.withTemplate(t, m.Template)
	}
	if err != nil {
		g.wrong(field, err)
		return
	}
	g.world.Readers[m.Name] = &Reader{t}
	g.world.Facts.Tokenizers[m.Name] = tokenizerFacts(t)
}

// hasTokenizer reports whether a folder has one of the files that a tokenizer
// is read from. A file is one, or says itself what is wrong with it.
func hasTokenizer(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return err == nil
	}
	return slices.ContainsFunc([]string{"tokenizer.json", "tokenizer.model"}, func(name string) bool {
		file, err := os.Stat(filepath.Join(path, name))
		return err == nil && !file.IsDir()
	})
}

// withTemplate is t with the chat template of a file beside the recipe, which is
// locked.
func (g *gathering) withTemplate(t *text.Tokenizer, file string) (*text.Tokenizer, error) {
	content, err := g.sources.readFile("template", file)
	if err != nil {
		return nil, err
	}
	return t.WithTemplate(string(content))
}

// tokenizerFacts is t in the compiler's words.
func tokenizerFacts(t *text.Tokenizer) facts.Tokenizer {
	token := func(id int32, ok bool) facts.Token {
		if !ok {
			return facts.Token{}
		}
		return facts.Token{ID: int(id), Text: t.Token(id), Present: true}
	}
	f := facts.Tokenizer{
		Pad: token(t.Pad()), SafePad: token(t.SafePad()), EOS: token(t.EOS()), BOS: token(t.BOS()),
		AddsBOS: t.WantsBOS(), HasTemplate: t.Template() != "",
	}
	if text.UsesClock(t.Template()) {
		f.TemplateUses = []string{"strftime_now"}
	}
	return f
}
