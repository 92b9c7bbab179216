package data

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/record"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// The test tokenizer: BOS 1, a role's mark, a token for each byte plus 10, and 2
// at the end of a turn.
func bytesEncode(turns []Message) (Encoded, error) {
	e := Encoded{IDs: []int32{1}}
	for _, m := range turns {
		e.IDs = append(e.IDs, map[string]int32{"system": 3, "user": 4, "assistant": 5, "tool": 6}[m.Role])
		e.Prompt = len(e.IDs)
		for _, b := range []byte(m.Content) {
			e.IDs = append(e.IDs, int32(b)+10)
		}
		e.IDs = append(e.IDs, 2)
	}
	return e, nil
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// recipe is what a preference recipe says when it says as little as it can.
func recipe() spec.Data {
	return spec.Data{Kind: "preference", Format: "auto", MaxLength: 1024, OverLength: "drop", Ties: "drop", Split: spec.Split{Kind: "none"}}
}

// load loads rows from a JSON lines file.
func load(t *testing.T, d spec.Data, lines ...string) (*Set, error) {
	t.Helper()
	return Load(d, write(t, "rows.jsonl", strings.Join(lines, "\n")), bytesEncode)
}

func mustLoad(t *testing.T, d spec.Data, lines ...string) *Set {
	t.Helper()
	s, err := load(t, d, lines...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// spelt writes token ids of the test tokenizer as text: ^ BOS, S U A T roles, $ end.
func spelt(ids []int32) string {
	var b strings.Builder
	for _, id := range ids {
		switch {
		case id >= 10:
			b.WriteByte(byte(id - 10))
		default:
			b.WriteByte("?^$SUAT???"[id])
		}
	}
	return b.String()
}

// sides writes the sequences of an example, the prompt marked off by a bar.
func sides(e Example) string {
	var out []string
	for _, s := range e.Sequences {
		out = append(out, spelt(s.IDs[:s.Prompt])+"|"+spelt(s.IDs[s.Prompt:]))
	}
	return strings.Join(out, " ")
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want %q", want)
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("error is\n  %v\nwant\n  %s", err, want)
	}
}

func TestLayouts(t *testing.T) {
	for _, c := range []struct{ name, row, format, want string }{
		{"messages", `{"chosen":[{"role":"user","content":"hi"},{"role":"assistant","content":"yes"}],"rejected":[{"role":"user","content":"hi"},{"role":"assistant","content":"no"}]}`,
			"messages", "^Uhi$A|yes$ ^Uhi$A|no$"},
		{"system and several turns", `{"chosen":[{"role":"system","content":"s"},{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"},{"role":"assistant","content":"d"}],
			"rejected":[{"role":"system","content":"s"},{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"},{"role":"assistant","content":"e"}]}`,
			"messages", "^Ss$Ua$Ab$Uc$A|d$ ^Ss$Ua$Ab$Uc$A|e$"},
		{"sharegpt", `{"conversations":[{"from":"human","value":"hi"}],"chosen":{"from":"gpt","value":"yes"},"rejected":{"from":"gpt","value":"no"}}`,
			"messages", "^Uhi$A|yes$ ^Uhi$A|no$"},
		{"prompt text", `{"prompt":"hi","chosen":"yes","rejected":"no"}`, "prompt", "^Uhi$A|yes$ ^Uhi$A|no$"},
		{"prompt messages", `{"prompt":[{"role":"system","content":"s"},{"role":"user","content":"hi"}],"chosen":[{"role":"assistant","content":"yes"}],"rejected":[{"role":"assistant","content":"no"}]}`,
			"prompt", "^Ss$Uhi$A|yes$ ^Ss$Uhi$A|no$"},
		{"prompt beside whole conversations", `{"prompt":"hi","chosen":[{"role":"user","content":"hi"},{"role":"assistant","content":"yes"}],"rejected":[{"role":"user","content":"hi"},{"role":"assistant","content":"no"}]}`,
			"messages", "^Uhi$A|yes$ ^Uhi$A|no$"},
		{"hh", `{"chosen":"\n\nHuman: hi\n\nAssistant: a\n\nHuman: b\n\nAssistant: yes","rejected":"\n\nHuman: hi\n\nAssistant: a\n\nHuman: b\n\nAssistant: no "}`,
			"hh_dialogue", "^Uhi$Aa$Ub$A|yes$ ^Uhi$Aa$Ub$A|no$"},
		{"sides that part early share what they share", `{"chosen":"\n\nHuman: hi\n\nAssistant: a\n\nHuman: b\n\nAssistant: yes","rejected":"\n\nHuman: hi\n\nAssistant: no"}`,
			"hh_dialogue", "^Uhi$A|a$Ub$Ayes$ ^Uhi$A|no$"},
		{"responses that begin alike", `{"prompt":"hi","chosen":"yes","rejected":"yeah"}`, "prompt", "^Uhi$A|yes$ ^Uhi$A|yeah$"},
		{"ids", `{"chosen_ids":[1,14,15],"rejected_ids":[1,14,16]}`, "ids", "^\x04|\x05 ^\x04|\x06"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mustLoad(t, recipe(), strings.ReplaceAll(c.row, "\n\t", ""))
			if got := sides(s.Train[0]); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if s.Stats.Format != c.format || s.Stats.Decided == "" {
				t.Errorf("format %q (%s), want %q and a reason", s.Stats.Format, s.Stats.Decided, c.format)
			}
		})
	}
}

func TestRankings(t *testing.T) {
	d := recipe()
	d.Kind = "ranking"
	for _, c := range []struct{ name, row, want string }{
		{"best first", `{"prompt":"q","responses":["a","b","c"]}`, "^Uq$A|a$ ^Uq$A|b$ ^Uq$A|c$"},
		{"ranks", `{"prompt":"q","responses":["a","b","c"],"ranks":[3,1,2]}`, "^Uq$A|b$ ^Uq$A|c$ ^Uq$A|a$"},
		{"scores", `{"prompt":"q","responses":["a","b","c"],"scores":[0.5,-1,7]}`, "^Uq$A|c$ ^Uq$A|a$ ^Uq$A|b$"},
		{"conversations", `{"responses":[[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],[{"role":"user","content":"q"},{"role":"assistant","content":"b"}]]}`, "^Uq$A|a$ ^Uq$A|b$"},
		{"ids", `{"response_ids":[[1,14],[1,15]],"ranks":[2,1]}`, "^|\x05 ^|\x04"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mustLoad(t, d, c.row)
			if got := sides(s.Train[0]); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if s.Views != nil || s.Width != len(s.Train[0].Sequences) {
				t.Errorf("views %v width %d", s.Views, s.Width)
			}
		})
	}
	s := mustLoad(t, d, `{"prompt":"q","responses":["a","b","c"],"ranks":[1,1,2]}`, `{"prompt":"q","responses":["a","b"],"ranks":[1,2]}`)
	if s.Stats.Met(Tied) != 1 || s.Stats.Kept != 1 {
		t.Errorf("a tied ranking: %+v", s.Stats)
	}
}

func TestColumns(t *testing.T) {
	d := recipe()
	d.Extra = []string{"gap"}
	d.Columns = spec.Columns{Kind: "named", Map: map[string]string{"chosen": "better", "rejected": "worse", "gap": "delta", "prompt": "question"}}
	s := mustLoad(t, d, `{"question":"q","better":"a","worse":"b","delta":2,"margin":0.5}`, `{"question":"q","better":"c","worse":"b","delta":true,"margin":1}`)
	if got := strings.Join(s.Columns, " "); got != "gap margin" {
		t.Errorf("columns are %q", got)
	}
	if c := s.Train[0].Columns; c[0] != 2 || c[1] != 0.5 {
		t.Errorf("values are %v", c)
	}
	if c := s.Train[1].Columns; c[0] != 1 {
		t.Errorf("true is %v", c)
	}
}

func TestColumnErrors(t *testing.T) {
	pair := `{"prompt":"q","chosen":"a","rejected":"b"}`
	extra := func(name string) spec.Data {
		d := recipe()
		d.Extra = []string{name}
		return d
	}
	ranking := recipe()
	ranking.Kind = "ranking"
	for _, c := range []struct {
		name string
		data spec.Data
		rows []string
		want string
	}{
		{"no chosen", recipe(), []string{`{"prompt":"q","chosn":"a","rejected":"b"}`},
			`rows.jsonl:1: no column "chosen"; the row has chosn, prompt, rejected; a preference row has chosen and rejected, or chosen_ids and rejected_ids; did you mean "chosn"? Say so with columns = named { chosen = "chosn" }`},
		{"contained name", recipe(), []string{`{"prompt":"q","response_chosen":"a","rejected":"b"}`}, `did you mean "response_chosen"?`},
		{"no prompt", recipe(), []string{`{"chosen":"a","rejected":"b"}`}, `no column "prompt"; the row has chosen, rejected; if another column holds it, say so with columns = named { prompt = "…" }`},
		{"later row", recipe(), []string{pair, "", `{"prompt":"q","chosen":"a"}`}, `rows.jsonl:3: no column "rejected"`},
		{"mistyped", recipe(), []string{pair, `{"prompt":"q","chosen":7,"rejected":"b"}`}, `rows.jsonl:2: column "chosen": the number 7 where messages are wanted: a list of {role, content}`},
		{"margin not in all rows", recipe(), []string{`{"prompt":"q","chosen":"a","rejected":"b","margin":1}`, pair}, `rows.jsonl:2: no column "margin"`},
		{"extra missing", extra("gap"), []string{pair}, `no column "gap"; the row has chosen, prompt, rejected`},
		{"extra is text", extra("gap"), []string{`{"prompt":"q","chosen":"a","rejected":"b","gap":"n/a"}`}, `rows.jsonl:1: column "gap" is the text "n/a" where a number is wanted`},
		{"extra is NaN text", extra("gap"), []string{`{"prompt":"q","chosen":"a","rejected":"b","gap":"NaN"}`}, `where a finite number below 3.4e38 is wanted`},
		{"extra beyond float32", extra("gap"), []string{`{"prompt":"q","chosen":"a","rejected":"b","gap":1e39}`}, `column "gap" is the number 1e+39 where a finite number below 3.4e38 is wanted`},
		{"token ids that are not", recipe(), []string{`{"chosen_ids":[1,2.5],"rejected_ids":[1]}`}, `column "chosen_ids" is a list with the number 2.5 where a list of token ids is wanted`},
		{"negative token id", recipe(), []string{`{"chosen_ids":[1,-2],"rejected_ids":[1]}`}, `a list with the number -2 where a list of token ids is wanted`},
		{"unknown role", recipe(), []string{`{"chosen":[{"role":"robot","content":"x"}],"rejected":[]}`}, `rows.jsonl:1: column "chosen": message 1: role "robot": there are system, user, assistant and tool`},
		{"content parts", recipe(), []string{`{"chosen":[{"role":"user","content":[{"type":"image"}]}],"rejected":[]}`}, `content is a list of 1 where text is wanted`},
		{"no responses", ranking, []string{`{"prompt":"q","answers":["a","b"]}`}, `no column "responses"`},
		{"one response", ranking, []string{`{"prompt":"q","responses":["a"]}`}, `column "responses" is a list of 1 where a list of at least two is wanted`},
		{"ranks of another length", ranking, []string{`{"prompt":"q","responses":["a","b"],"ranks":[1]}`}, `column "ranks" is a list of 1 where a list of 2 numbers, one for each response, is wanted`},
		{"not a dialogue", func() spec.Data { d := recipe(); d.Format = "hh_dialogue"; return d }(), []string{`{"chosen":"hello","rejected":"x"}`}, `column "chosen" is the text "hello" where a dialogue that begins with "Human:" is wanted`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(t, c.data, c.rows...)
			wantError(t, err, c.want)
		})
	}
	_, err := load(t, recipe(), `{"prompt":"q","chosn":"a","rejected":"b"}`)
	var column *record.ColumnError
	if !errors.As(err, &column) || column.Column != "chosen" || len(column.Known) != 3 {
		t.Errorf("not a ColumnError with its facts: %#v", err)
	}
}

func TestFlaws(t *testing.T) {
	good := `{"prompt":"q","chosen":"a","rejected":"b"}`
	for _, c := range []struct{ name, row, flaw string }{
		{"empty response", `{"prompt":"q","chosen":" ","rejected":"b"}`, record.Empty},
		{"empty prompt", `{"prompt":"","chosen":"a","rejected":"b"}`, record.Empty},
		{"identical", `{"prompt":"q","chosen":"a","rejected":"a"}`, Identical},
		{"two users", `{"prompt":[{"role":"user","content":"x"},{"role":"user","content":"y"}],"chosen":"a","rejected":"b"}`, record.Roles},
		{"ends with user", `{"prompt":"q","chosen":[{"role":"assistant","content":"a"},{"role":"user","content":"b"}],"rejected":"c"}`, record.Roles},
		{"begins with assistant", `{"prompt":[{"role":"assistant","content":"x"}],"chosen":"a","rejected":"b"}`, record.Roles},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := recipe()
			d.Format = "prompt"
			s := mustLoad(t, d, good, c.row, good)
			if s.Stats.Met(c.flaw) != 1 || s.Stats.Kept != 2 || len(s.Stats.Filters) != 1 {
				t.Fatalf("%+v", s.Stats)
			}
			if f := s.Stats.Filters[0]; f.Before != 3 || f.After != 2 || len(f.Rows) != 1 || f.Rows[0] != 1 || f.Reason == "" {
				t.Errorf("%+v", f)
			}
			if s.Train[1].Row != 2 {
				t.Errorf("row numbers count the rows of the file: %d", s.Train[1].Row)
			}
		})
	}
	s := mustLoad(t, recipe(), `{"chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"x"}],"rejected":[{"role":"user","content":"p"},{"role":"assistant","content":"y"}]}`,
		`{"chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"x"}],"rejected":[{"role":"user","content":"q"},{"role":"assistant","content":"y"}]}`)
	if s.Stats.Met(record.NoPrompt) != 1 || s.Stats.Kept != 1 {
		t.Errorf("sides without a common turn: %+v", s.Stats)
	}
	_, err := load(t, recipe(), `{"prompt":"q","chosen":"a","rejected":"a"}`, `{"prompt":"q","chosen":"","rejected":"a"}`)
	wantError(t, err, "rows.jsonl: none of its 2 rows can be used: 1: a turn has no text, or a side no tokens (row 2); 1: two sides are the same (row 1)")
}

func TestTemplateRefuses(t *testing.T) {
	refuse := func(turns []Message) (Encoded, error) {
		if turns[0].Role == "system" {
			return Encoded{}, errors.New("System role not supported")
		}
		return bytesEncode(turns)
	}
	path := write(t, "rows.jsonl", `{"prompt":[{"role":"system","content":"s"},{"role":"user","content":"q"}],"chosen":"a","rejected":"b"}`+"\n"+`{"prompt":"q","chosen":"a","rejected":"b"}`)
	d := recipe()
	d.Format = "prompt"
	s, err := Load(d, path, refuse)
	if err != nil {
		t.Fatal(err)
	}
	if f := s.Stats.Filters[0]; f.Name != Refused || f.Reason != "the chat template refuses the conversation; of row 1 it says: System role not supported" {
		t.Errorf("%+v", f)
	}
}

func TestOverLength(t *testing.T) {
	rows := []string{
		`{"prompt":"12345678","chosen":"abcdef","rejected":"xy"}`, // ^U12345678$A|abcdef$ is 19 tokens
		`{"prompt":"1","chosen":"a","rejected":"b"}`,
	}
	for _, c := range []struct {
		policy string
		most   int
		want   string // of the first row; empty when it is left out
		flaw   string
	}{
		{"drop", 19, "^U12345678$A|abcdef$ ^U12345678$A|xy$", ""},
		{"drop", 18, "", OverLong},
		{"truncate_left", 18, "^12345678$A|abcdef$ ^12345678$A|xy$", ""},
		{"truncate_left", 9, "^A|abcdef$ ^A|xy$", ""},
		{"truncate_left", 8, "", CutWhole},
		{"truncate_left", 7, "", CutWhole},
		{"truncate_right", 18, "^U12345678$A|abcdef ^U12345678$A|xy$", ""},
		{"truncate_right", 13, "^U12345678$A|a ^U12345678$A|x", ""},
		{"truncate_right", 12, "", CutWhole},
	} {
		t.Run(c.policy+" "+string(rune('0'+c.most/10))+string(rune('0'+c.most%10)), func(t *testing.T) {
			d := recipe()
			d.OverLength, d.MaxLength = c.policy, c.most
			s := mustLoad(t, d, rows...)
			got := ""
			if s.Train[0].Row == 0 {
				got = sides(s.Train[0])
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if c.flaw != "" && s.Stats.Met(c.flaw) != 1 {
				t.Errorf("want one %s: %+v", c.flaw, s.Stats)
			}
			if over := boolInt(c.most < 19); s.Stats.Over != over || len(s.Stats.OverAt) != over || s.Stats.Longest != 19 {
				t.Errorf("over %d, longest %d", s.Stats.Over, s.Stats.Longest)
			}
		})
	}
	d := recipe()
	d.OverLength, d.MaxLength = "error", 10
	_, err := load(t, d, rows...)
	wantError(t, err, "rows.jsonl: over_length = error, and 1 row is longer than max_length = 10 tokens (row 1; the longest has 19)")
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestIdenticalOnceCut(t *testing.T) {
	d := recipe()
	d.OverLength, d.MaxLength = "truncate_right", 10
	rows := []string{
		`{"prompt":"1","chosen":"abcdefgh","rejected":"abcdefgx"}`, // ^U1$A is 5: they differ at index 12
		`{"prompt":"1","chosen":"abcdefghij","rejected":"abcdefghiZ"}`,
		`{"prompt":"1","chosen":"a","rejected":"b"}`,
	}
	s := mustLoad(t, d, rows...)
	if s.Stats.Met(IdenticalOnce) != 2 || s.Stats.SavedBy != 15 || s.Stats.Kept != 1 {
		t.Errorf("%+v", s.Stats)
	}
	d.MaxLength = s.Stats.SavedBy
	if s := mustLoad(t, d, rows...); s.Stats.Kept != 3 {
		t.Errorf("the length that saves them does not: %+v", s.Stats)
	}
	d.MaxLength, d.Ties = 10, "error"
	_, err := load(t, d, rows...)
	wantError(t, err, "rows.jsonl: ties = error, and 2 rows are left out because two sides are the same after truncation (row 1, 2); max_length = 15 tokens would keep them apart")
}

func TestLimitAndCounts(t *testing.T) {
	d := recipe()
	d.Limit = 2
	s := mustLoad(t, d, `{"prompt":"1","chosen":"a","rejected":"bb","tag":"x"}`, `{"prompt":"1","chosen":"a","rejected":"cc","tag":"x"}`, `{"prompt":"2","chosen":"`)
	if s.Stats.Read != 2 || s.Stats.Prompts != 1 {
		t.Errorf("%+v", s.Stats)
	}
	if s.Stats.TokensAfter != 2*(7+8) || s.Stats.TokensBefore != 30 || s.Stats.TokensShared != 10 || len(s.Stats.Lengths) != 4 {
		t.Errorf("tokens: %+v", s.Stats)
	}
	want := ColumnReport{Name: "tag", Type: "text", Constant: true, Value: "x"}
	if got := s.Stats.Columns[3]; got != want {
		t.Errorf("column is %+v, want %+v", got, want)
	}
}

func TestPoliciesAreChecked(t *testing.T) {
	d := recipe()
	d.OverLength = "cut"
	_, err := load(t, d, `{}`)
	wantError(t, err, `no over_length "cut": there are drop, truncate_left, truncate_right and error`)
}

func TestPreview(t *testing.T) {
	d := recipe()
	d.OverLength, d.MaxLength = "truncate_right", 8
	path := write(t, "rows.jsonl", `{"prompt":"1","chosen":"abc","rejected":"xyz","margin":2}`+"\n"+`{"prompt":"1","chosen":"abcdef","rejected":"abcdeg","margin":2}`)
	look, err := Preview(d, path, bytesEncode, 0)
	if err != nil {
		t.Fatal(err)
	}
	if spelt(look.Full[0].IDs) != "^U1$Aabc$" || spelt(look.Cut[0].IDs) != "^U1$Aabc" || look.Columns["margin"] != 2 || len(look.Turns) != 2 || look.Where != "rows.jsonl:1" {
		t.Errorf("%+v", look)
	}
	if look, err = Preview(d, path, bytesEncode, 1); err != nil || look.Dropped != "two sides are the same after truncation" || look.Cut != nil {
		t.Errorf("%+v %v", look, err)
	}
	_, err = Preview(d, path, bytesEncode, 2)
	wantError(t, err, "rows.jsonl has 2 rows: there is no row 3")
}

func TestScored(t *testing.T) {
	user := map[string]any{"role": "user", "content": "q"}
	answer := map[string]any{"role": "assistant", "content": "a"}
	d := recipe()
	d.MaxLength = 12
	for _, c := range []struct {
		name string
		row  map[string]any
		want string
	}{
		{"messages", map[string]any{"messages": []any{user, answer}}, "^Uq$A|a$"},
		{"prompt and response", map[string]any{"prompt": "q", "response": "a"}, "^Uq$A|a$"},
		{"ids", map[string]any{"ids": []any{1.0, 14.0, 15.0}}, "^\x04|\x05"},
		{"pair", map[string]any{"prompt": "q", "chosen": "a", "rejected": "b"}, "^Uq$A|a$ ^Uq$A|b$"},
		{"twins", map[string]any{"prompt": "q", "chosen": "a", "rejected": "a"}, "^Uq$A|a$ ^Uq$A|a$"},
		{"ranked responses keep their order", map[string]any{"prompt": "q", "responses": []any{"a", "b"}, "ranks": []any{2.0, 1.0}}, "^Uq$A|a$ ^Uq$A|b$"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Scored(c.row, d, bytesEncode)
			if err != nil {
				t.Fatal(err)
			}
			if s := sides(Example{Sequences: got}); s != c.want {
				t.Errorf("got %q, want %q", s, c.want)
			}
		})
	}
	for want, row := range map[string]map[string]any{
		"the row has text; what can be scored is messages, prompt and response, ids, or chosen and rejected": {"text": "x"},
		"15 tokens exceed max_length = 12, and over_length = drop leaves nothing to score":                   {"prompt": "q", "response": "123456789"},
		"messages is empty": {"messages": []any{}},
		"turns are not user and assistant by turns, ending with assistant": {"messages": []any{user, user}},
		`no column "prompt"`: {"response": "x"},
	} {
		_, err := Scored(row, d, bytesEncode)
		wantError(t, err, want)
	}
}

// A cut that falls on the token that opens a turn does not double it.
func TestCutLeftAtATurn(t *testing.T) {
	got, flaw := cutLeft([]Sequence{{IDs: []int32{1, 5, 6, 1, 7, 8}, Prompt: 5}, {IDs: []int32{1, 5, 6, 1, 7, 9}, Prompt: 5}}, 2)
	if flaw != "" || !slices.Equal(got[0].IDs, []int32{1, 7, 8}) || !slices.Equal(got[1].IDs, []int32{1, 7, 9}) || got[0].Prompt != 2 {
		t.Errorf("cut to %v, %q", got, flaw)
	}
}
