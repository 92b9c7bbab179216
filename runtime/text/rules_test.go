package text

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tiny is a tokenizer.json over the letters a, b, c and the space, with one
// merge; parts replaces or adds to its fields.
func tiny(t *testing.T, parts map[string]string) []byte {
	t.Helper()
	fields := map[string]string{
		"version": `"1.0"`, "truncation": "null", "padding": "null", "added_tokens": "[]", "normalizer": "null",
		"pre_tokenizer": "null", "post_processor": "null", "decoder": "null",
		"model": `{"type":"BPE","vocab":{"a":0,"b":1,"c":2," ":3,"ab":4},"merges":["a b"]}`,
	}
	for name, value := range parts {
		fields[name] = value
	}
	raw := map[string]json.RawMessage{}
	for name, value := range fields {
		raw[name] = json.RawMessage(value)
	}
	out, err := json.Marshal(raw)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// folder writes files into a new folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Whatever is not supported is an error that names it.
func TestUnsupported(t *testing.T) {
	model := func(more string) map[string]string {
		return map[string]string{"model": `{"type":"BPE","vocab":{"a":0,"b":1},"merges":[]` + more + `}`}
	}
	for _, c := range []struct {
		parts map[string]string
		want  string
	}{
		{map[string]string{"normalizer": `{"type":"Nmt"}`}, `normalizer: the normalizer "Nmt" is not supported`},
		{map[string]string{"normalizer": `{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"BertNormalizer"}]}`}, `normalizers[1]: the normalizer "BertNormalizer"`},
		{map[string]string{"normalizer": `{"type":"NFC","fast":true}`}, `unknown field "fast"`},
		{map[string]string{"normalizer": `{"type":"Replace","pattern":{},"content":"x"}`}, "neither a String nor a Regex"},
		{map[string]string{"normalizer": `{}`}, "a component without a type"},
		{map[string]string{"pre_tokenizer": `{"type":"UnicodeScripts"}`}, `the pre-tokenizer "UnicodeScripts" is not supported`},
		{map[string]string{"pre_tokenizer": `{"type":"Sequence","pretokenizers":[{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true},{"type":"Digits","individual_digits":true}]}`}, "Digits after a ByteLevel"},
		{map[string]string{"pre_tokenizer": `{"type":"Split","pattern":{"Regex":"(?<=a)b"},"behavior":"Isolated","invert":false}`}, "is not supported"},
		{map[string]string{"pre_tokenizer": `{"type":"Split","pattern":{"String":"a"},"behavior":"Shuffled","invert":false}`}, `split behavior "Shuffled"`},
		{map[string]string{"pre_tokenizer": `{"type":"Metaspace","replacement":"ab"}`}, "not one character"},
		{map[string]string{"pre_tokenizer": `{"type":"Metaspace","replacement":"_","prepend_scheme":"sometimes"}`}, `prepend_scheme "sometimes"`},
		{map[string]string{"decoder": `{"type":"CTC"}`}, `the decoder "CTC" is not supported`},
		{map[string]string{"decoder": `{"type":"Sequence","decoders":[{"type":"WordPiece","prefix":"##","cleanup":true}]}`}, `decoders[0]: the decoder "WordPiece"`},
		{map[string]string{"post_processor": `{"type":"BertProcessing","sep":["x",1],"cls":["y",2]}`}, `the post-processor "BertProcessing" is not supported`},
		{map[string]string{"post_processor": `{"type":"TemplateProcessing","single":[{"Sequence":{"id":"B","type_id":0}}],"pair":[],"special_tokens":{}}`}, "neither a special token nor the text A"},
		{map[string]string{"post_processor": `{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{}}`}, `single names "<s>"`},
		{map[string]string{"post_processor": `{"type":"TemplateProcessing","single":[],"pair":[],"special_tokens":{}}`}, "single has the text 0 times"},
		{map[string]string{"model": `{"type":"WordPiece","vocab":{"a":0},"unk_token":"a"}`}, `the model "WordPiece" is not supported; these are: BPE`},
		{map[string]string{"model": `{"type":"Unigram","vocab":[["a",-1.5]],"unk_id":0}`}, `the model "Unigram" is not supported`},
		{map[string]string{"model": `{"type":"BPE","vocab":5,"merges":[]}`}, "neither an object nor a list"},
		{map[string]string{"model": `{"type":"BPE","vocab":{"a":"b"},"merges":[]}`}, "where a number must be"},
		{map[string]string{"model": `{"type":"BPE","vocab":{"a":0},"merges":{}}`}, "merges is not a list"},
		{map[string]string{"model": `{"type":"BPE","vocab":{"a":0},"merges":[5]}`}, "merge 0 is not two tokens"},
		{map[string]string{"model": `{"type":"BPE","vocab":{"a":0},"merges":[["a"]]}`}, "merge 0 is not two tokens"},
		{map[string]string{"model": `{"type":"BPE","merges":[]}`}, "model.vocab is missing"},
		{model(`,"dropout":0.1`), "dropout is random"},
		{model(`,"end_of_word_suffix":"</w>"`), `end_of_word_suffix "</w>"`},
		{model(`,"continuing_subword_prefix":"##"`), `continuing_subword_prefix "##"`},
		{model(`,"unk_token":"x"`), `the vocabulary lacks unk_token "x"`},
		{model(`,"novelty":1`), `unknown field "novelty"`},
		{map[string]string{"model": `{"type":"BPE","vocab":{"a":0,"b":1},"merges":["a b"]}`}, `merge 0 makes "ab" of "a" and "b"`},
		{map[string]string{"model": `{"type":"BPE","vocab":{"a":0,"b":1},"merges":["a b c"]}`}, `merge "a b c" is not two tokens`},
		{map[string]string{"added_tokens": `[{"id":9,"content":"<x>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}]`}, `added token "<x>" has id 9, but its place in the vocabulary is 5`},
		{map[string]string{"novelty": "1"}, `unknown field "novelty"`},
	} {
		dir := folder(t, map[string]string{"tokenizer.json": string(tiny(t, c.parts))})
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "tokenizer.json") {
			t.Errorf("%v gives error %v, want the file's name and %q", c.parts, err, c.want)
		}
	}
}

func TestBadFiles(t *testing.T) {
	good := string(tiny(t, nil))
	for _, c := range []struct {
		files map[string]string
		path  string
		want  string
	}{
		{nil, "", "neither tokenizer.json nor tokenizer.model"},
		{nil, "none", "no such file"},
		{map[string]string{"vocab.txt": "a"}, "vocab.txt", "not a tokenizer"},
		{map[string]string{"tokenizer.json": good[:len(good)/2]}, "", "unexpected EOF"},
		{map[string]string{"tokenizer.json": good + "x"}, "", "more JSON after the end"},
		{map[string]string{"tokenizer.json": good, "tokenizer_config.json": "{"}, "", "tokenizer_config.json: unexpected end"},
		{map[string]string{"tokenizer.json": good, "tokenizer_config.json": `{"chat_template":[{"name":"rag","template":"x"}]}`}, "", `none of them called "default"`},
		{map[string]string{"tokenizer.json": good, "tokenizer_config.json": `{"added_tokens_decoder":{"x":{"content":"<y>"}}}`}, "", `"x" is not a token id`},
		{map[string]string{"tokenizer.json": good, "tokenizer_config.json": `{"added_tokens_decoder":{"7":{"content":"<y>"}}}`}, "", "the id 7, but its place in the vocabulary is 5"},
		{map[string]string{"tokenizer.model": "garbage"}, "", "not a SentencePiece model"},
		{map[string]string{"tokenizer.model": ""}, "", "no pieces"},
		{map[string]string{"x.gguf": "GGUF"}, "x.gguf", "cut short"},
	} {
		dir := folder(t, c.files)
		if _, err := Load(filepath.Join(dir, c.path)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v gives error %v, want %q", c.files, err, c.want)
		}
	}
}

// The files beside a tokenizer.json name and add tokens as in transformers.
func TestSettings(t *testing.T) {
	dir := folder(t, map[string]string{
		"tokenizer.json": string(tiny(t, map[string]string{
			"added_tokens": `[{"id":5,"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}]`,
		})),
		"tokenizer_config.json": `{
			"bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": false, "rstrip": true}, "pad_token": null,
			"unk_token": "a", "image_token": "<img>", "add_bos_token": true, "tokenizer_class": "X",
			"additional_special_tokens": ["<x>", {"content": "<y>"}], "extra_special_tokens": {"boi_token": "<boi>"},
			"added_tokens_decoder": {"5": {"content": "<s>", "lstrip": true, "special": true}},
			"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]}`,
	})
	tok, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	bos, okBOS := tok.BOS()
	eos, okEOS := tok.EOS()
	_, okPad := tok.Pad()
	if bos != 5 || !okBOS || eos != 6 || !okEOS || okPad {
		t.Errorf("bos %d %v, eos %d %v, pad %v", bos, okBOS, eos, okEOS, okPad)
	}
	if tok.Template() != "d" || len(tok.tokens) != 11 || tok.WantsBOS() {
		t.Errorf("template %q, vocabulary %d, wants BOS %v", tok.Template(), len(tok.tokens), tok.WantsBOS())
	}
	// <s> strips at the left, as added_tokens_decoder says; </s> at the right;
	// a, named as unknown, is found before any merge.
	if got, want := tok.Encode("b  <s>b</s>  bab<img><boi><x>"), []int32{1, 5, 1, 6, 1, 0, 1, 7, 10, 8}; !slices.Equal(got, want) {
		t.Errorf("ids %v, want %v", got, want)
	}
}

func TestSpecialTokensMap(t *testing.T) {
	files := map[string]string{
		"tokenizer.json":          string(tiny(t, nil)),
		"special_tokens_map.json": `{"bos_token": {"content": "<s>"}, "eos_token": "c"}`,
		"chat_template.jinja":     "{{ messages[0].content }}{{ bos_token }}",
		"tokenizer_config.json":   `{"chat_template": "old"}`,
	}
	tok, err := Load(folder(t, files))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := tok.Render([]Message{{"user", "hi"}}, RenderOptions{}); err != nil || got != "hi<s>" {
		t.Errorf("renders %q (%v): chat_template.jinja comes first", got, err)
	}
	if eos, ok := tok.EOS(); eos != 2 || !ok {
		t.Errorf("eos %d %v", eos, ok)
	}
	files["tokenizer_config.json"] = `{"added_tokens_decoder": {}}`
	if tok, err = Load(folder(t, files)); err != nil {
		t.Fatal(err)
	}
	if _, ok := tok.BOS(); ok {
		t.Error("special_tokens_map.json counts beside an added_tokens_decoder")
	}
}

// ggufFile writes a GGUF file that has a tokenizer and nothing else.
func ggufFile(t *testing.T, values map[string]any) string {
	t.Helper()
	var out bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			if err := binary.Write(&out, binary.LittleEndian, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	text := func(s string) { put(uint64(len(s)), []byte(s)) }
	out.WriteString("GGUF")
	put(uint32(3), uint64(0), uint64(len(values)))
	for key, v := range values {
		text("tokenizer." + key)
		switch v := v.(type) {
		case string:
			put(uint32(8))
			text(v)
		case bool:
			put(uint32(7), v)
		case uint32:
			put(uint32(4), v)
		case []string:
			put(uint32(9), uint32(8), uint64(len(v)))
			for _, s := range v {
				text(s)
			}
		case []int32:
			put(uint32(9), uint32(5), uint64(len(v)), v)
		case []float32:
			put(uint32(9), uint32(6), uint64(len(v)), v)
		}
	}
	out.Write(make([]byte, 32))
	path := filepath.Join(t.TempDir(), "x.gguf")
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestGGUFSentencePiece(t *testing.T) {
	values := map[string]any{
		"ggml.model": "llama", "chat_template": "x",
		"ggml.tokens":           []string{"<unk>", "<s>", "</s>", "<0x0A>", "▁", "a", "b", "▁a", "ab", "▁ab", "  "},
		"ggml.scores":           []float32{0, 0, 0, 0, -6, -7, -8, -1, -2, -3, -1000},
		"ggml.token_type":       []int32{2, 3, 3, 6, 1, 1, 1, 1, 1, 1, 4},
		"ggml.bos_token_id":     uint32(1),
		"ggml.eos_token_id":     uint32(2),
		"ggml.unknown_token_id": uint32(0),
	}
	tok, err := Load(ggufFile(t, values))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := tok.EncodeSpecial("ab a\n?</s>b"), []int32{1, 9, 7, 3, 0, 2, 4, 6}; !slices.Equal(got, want) {
		t.Errorf("ids %v, want %v", got, want)
	}
	if !tok.WantsBOS() || tok.Template() != "x" {
		t.Errorf("wants BOS %v, template %q", tok.WantsBOS(), tok.Template())
	}
	values["ggml.add_space_prefix"], values["ggml.add_bos_token"] = false, false
	if tok, err = Load(ggufFile(t, values)); err != nil {
		t.Fatal(err)
	}
	if got, want := tok.EncodeSpecial("ab a"), []int32{8, 7}; !slices.Equal(got, want) {
		t.Errorf("without prefix and BOS: ids %v, want %v", got, want)
	}
}

func TestGGUFRules(t *testing.T) {
	base := map[string]any{
		"ggml.model": "gpt2", "ggml.tokens": []string{"<s>", "1", "2", "3", "4", "12", "123", "a", "Ġ", "Ġa"},
		"ggml.token_type":   []int32{3, 1, 1, 1, 1, 1, 1, 1, 1, 1},
		"ggml.merges":       []string{"1 2", "Ġ a"},
		"ggml.bos_token_id": uint32(0),
	}
	for pre, want := range map[string][]int32{
		"gpt-2": {5, 3, 4, 9}, "smollm": {1, 2, 3, 4, 9}, "llama-bpe": {0, 6, 4, 9}, "qwen2": {1, 2, 3, 4, 9},
	} {
		base["ggml.pre"] = pre
		tok, err := Load(ggufFile(t, base))
		if err != nil {
			t.Fatal(err)
		}
		if got := tok.EncodeSpecial("1234 a"); !slices.Equal(got, want) {
			t.Errorf("%s: ids %v, want %v", pre, got, want)
		}
	}
	for key, c := range map[string]struct {
		value any
		want  string
	}{
		"ggml.pre":        {"mystery", `the GGUF pre-tokenizer "mystery" is not supported`},
		"ggml.model":      {"bert", `the GGUF tokenizer "bert" is not supported; these are: gpt2, llama`},
		"ggml.tokens":     {[]string{}, "it lacks tokenizer.ggml.tokens"},
		"ggml.token_type": {[]int32{1}, "10 tokens, but 1 token types"},
		"ggml.merges":     {[]string{"1 2", "1"}, "tokenizer.ggml.merges[1]"},
	} {
		values := map[string]any{}
		for k, v := range base {
			values[k] = v
		}
		values[key] = c.value
		if _, err := Load(ggufFile(t, values)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s = %v gives error %v, want %q", key, c.value, err, c.want)
		}
	}
	delete(base, "ggml.pre")
	if _, err := Load(ggufFile(t, base)); err == nil || !strings.Contains(err.Error(), "lacks tokenizer.ggml.pre") {
		t.Errorf("a file without rules gives %v", err)
	}
}

// SentencePiece models that are read differently by what stands beside them.
func TestSentencePieceSettings(t *testing.T) {
	var model []byte
	piece := func(text string, kind byte) {
		body := append([]byte{0x0A, byte(len(text))}, text...)
		body = append(body, 0x15, 0, 0, 0, 0, 0x18, kind)
		model = append(append(model, 0x0A, byte(len(body))), body...)
	}
	const normal, unknown, control = 1, 2, 3 // as in sentencepiece_model.proto
	piece("<unk>", unknown)
	piece("<s>", control)
	piece("</s>", control)
	piece("▁", normal)
	piece("a", normal)
	bpeType := append(slices.Clone(model), 0x12, 2, 0x18, 2)
	for _, c := range []struct {
		model  []byte
		config string
		text   string
		want   []int32
	}{
		{bpeType, `{}`, "a</s>a", []int32{1, 3, 4, 2, 3, 4}},
		{bpeType, `{"legacy": false}`, "a</s>a", []int32{1, 3, 4, 2, 4}},
		{bpeType, `{"add_bos_token": false, "add_eos_token": true}`, "a", []int32{3, 4, 2}},
		{append(slices.Clone(bpeType), 0x1A, 2, 0x18, 0), `{}`, "a", []int32{1, 4}}, // no dummy prefix
	} {
		tok, err := Load(folder(t, map[string]string{"tokenizer.model": string(c.model), "tokenizer_config.json": c.config}))
		if err != nil {
			t.Fatal(err)
		}
		if got := tok.EncodeSpecial(c.text); !slices.Equal(got, c.want) {
			t.Errorf("%s: ids %v, want %v", c.config, got, c.want)
		}
	}
	for want, bad := range map[string][]byte{
		"of type 1; only BPE":                 model,
		`the normalizer "nmt" is not`:         append(slices.Clone(bpeType), 0x1A, 8, 0x0A, 3, 'n', 'm', 't', 0x12, 1, 'x'),
		"a field longer than the file":        append(slices.Clone(bpeType), 0x1A, 99),
		"the file is cut short":               append(slices.Clone(model), 0x15, 0),
		"does not escape spaces is not suppo": append(slices.Clone(bpeType), 0x1A, 2, 0x28, 0),
	} {
		if _, err := Load(folder(t, map[string]string{"tokenizer.model": string(bad)})); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestLossy(t *testing.T) {
	for raw, want := range map[string]string{
		"ok": "ok", "\xe2\x82": "\ufffd", "\xe2\x82x": "\ufffdx", "\xf0\x9f\x9a\xe2": "\ufffd\ufffd", "\xff\xff": "\ufffd\ufffd",
		"\xc0\x80": "\ufffd\ufffd", "\xed\xa0\x80": "\ufffd\ufffd\ufffd", "a\x80b": "a\ufffdb", "\xf4\x90\x80\x80": "\ufffd\ufffd\ufffd\ufffd",
	} {
		if got := lossy([]byte(raw)); got != want {
			t.Errorf("%q becomes %+q, want %+q", raw, got, want)
		}
	}
}

func TestAlphabet(t *testing.T) {
	for b, r := range alphabet {
		raw, ok := fromAlphabet(string(r))
		if !ok || raw != string([]byte{byte(b)}) {
			t.Errorf("byte %#x is spelled %q, which means %q", b, r, raw)
		}
	}
	if alphabet[' '] != 'Ġ' || alphabet['\n'] != 'Ċ' {
		t.Errorf("space and line end are spelled %q and %q", alphabet[' '], alphabet['\n'])
	}
	if _, ok := fromAlphabet("▁"); ok {
		t.Error("▁ means a byte")
	}
}
