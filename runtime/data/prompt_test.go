package data

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/record"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/text"
)

// asking is recipe with the view prompt.
func asking() spec.Data {
	d := recipe()
	d.Prompts = true
	return d
}

func TestPromptsAreSequences(t *testing.T) {
	for _, c := range []struct{ name, row, want string }{
		{"pair", `{"prompt":"q","chosen":"yes","rejected":"no"}`, "^Uq$A|yes$ ^Uq$A|no$ ^Uq$|"},
		{"messages", `{"chosen":[{"role":"system","content":"s"},{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"},{"role":"assistant","content":"d"}],
			"rejected":[{"role":"system","content":"s"},{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"},{"role":"assistant","content":"e"}]}`,
			"^Ss$Ua$Ab$Uc$A|d$ ^Ss$Ua$Ab$Uc$A|e$ ^Ss$Ua$Ab$Uc$|"},
		{"hh", `{"chosen":"\n\nHuman: hi\n\nAssistant: a\n\nHuman: b\n\nAssistant: yes","rejected":"\n\nHuman: hi\n\nAssistant: a\n\nHuman: b\n\nAssistant: no"}`,
			"^Uhi$Aa$Ub$A|yes$ ^Uhi$Aa$Ub$A|no$ ^Uhi$Aa$Ub$|"},
		{"llmbar", `{"input":"q","output_1":"no","output_2":"yes","label":2}`, "^Uq$A|yes$ ^Uq$A|no$ ^Uq$|"},
		{"ids", `{"chosen_ids":[1,14,15],"rejected_ids":[1,14,16],"prompt_ids":[1,14]}`, "^\x04|\x05 ^\x04|\x06 ^\x04|"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mustLoad(t, asking(), strings.ReplaceAll(c.row, "\n\t", ""))
			if got := sides(s.Train[0]); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if !slices.Equal(s.Views, []string{"chosen", "rejected", "prompt"}) || s.Width != 3 || len(s.Train[0].Lengths) != 2 {
				t.Errorf("views %v, width %d, lengths %v", s.Views, s.Width, s.Train[0].Lengths)
			}
			if n := len(s.Stats.Lengths); n != 3 || s.Stats.TokensBefore != s.Stats.TokensAfter {
				t.Errorf("%d lengths, %d tokens before and %d after", n, s.Stats.TokensBefore, s.Stats.TokensAfter)
			}
		})
	}
}

// Sides that answer different prompts are told apart only where the prompt is
// read.
func TestPromptsThatDiffer(t *testing.T) {
	rows := []string{
		`{"chosen":"\n\nHuman: hi\n\nAssistant: a\n\nHuman: b\n\nAssistant: yes","rejected":"\n\nHuman: hi\n\nAssistant: no"}`,
		`{"chosen":"\n\nHuman: hi\n\nAssistant: yes","rejected":"\n\nHuman: hi\n\nAssistant: no"}`,
		`{"chosen":"\n\nHuman: hi\n\nAssistant: yes","rejected":"\n\nHuman: ho\n\nAssistant: no"}`,
	}
	if s := mustLoad(t, recipe(), rows...); s.Stats.Kept != 2 || s.Stats.Met(record.NoPrompt) != 1 {
		t.Errorf("%+v", s.Stats)
	}
	s := mustLoad(t, asking(), rows...)
	if s.Stats.Kept != 1 || s.Stats.Met(Prompts) != 1 || s.Stats.Met(record.NoPrompt) != 1 {
		t.Errorf("%+v", s.Stats)
	}
	d := asking()
	d.Kind = "ranking"
	_, err := load(t, d, `{"prompt":"q","responses":["a","b"]}`)
	wantError(t, err, "prompts of ranking data cannot be read on their own")
	_, err = load(t, asking(), `{"chosen_ids":[1,2],"rejected_ids":[1,3]}`)
	wantError(t, err, "no turn comes before the response that all sides have in common")
}

func TestPromptsAreCutOnTheirOwn(t *testing.T) {
	row := `{"prompt":"12345678","chosen":"abcdef","rejected":"xy"}` // ^U12345678$ is 11 tokens, A|abcdef$ 8 more
	for _, c := range []struct {
		policy string
		most   int
		want   string
	}{
		{"drop", 19, "^U12345678$|"},
		{"truncate_left", 12, "^U12345678$|"}, // the responses are cut, the prompt is not
		{"truncate_left", 10, "^12345678$|"},
		{"truncate_left", 9, "^2345678$|"},
		{"truncate_right", 13, "^U12345678$|"},
	} {
		d := asking()
		d.OverLength, d.MaxLength = c.policy, c.most
		s := mustLoad(t, d, row)
		e := s.Train[0]
		if got := sides(Example{Sequences: e.Sequences[2:]}); got != c.want {
			t.Errorf("%s to %d: %q, want %q", c.policy, c.most, got, c.want)
		}
		if e.Len() > c.most {
			t.Errorf("%s to %d leaves %d tokens", c.policy, c.most, e.Len())
		}
	}
}

// What is counted of rows that are too long, or alike, is counted of responses.
func TestPromptsDoNotCount(t *testing.T) {
	rows := []string{
		`{"prompt":"1234567","chosen":"a","rejected":"b"}`, // ^U1234567$ is 10 tokens, A|a$ 3 more
		`{"prompt":"1","chosen":"a","rejected":"a"}`,
		`{"prompt":"1","chosen":"abcdefghij","rejected":"b"}`,
	}
	plain, with := recipe(), asking()
	plain.MaxLength, with.MaxLength = 13, 13
	a, b := mustLoad(t, plain, rows...).Stats, mustLoad(t, with, rows...).Stats
	if b.Over != 1 || b.Longest != 16 || b.Met(Identical) != 1 || b.Kept != 1 || fmt.Sprint(a.Filters) != fmt.Sprint(b.Filters) || a.Prompts != b.Prompts {
		t.Errorf("with prompts %+v\nwithout %+v", b, a)
	}
	if b.TokensAfter != a.TokensAfter+10 || b.TokensShared != a.TokensShared+10 {
		t.Errorf("tokens with prompts %+v\nwithout %+v", b, a)
	}
}

// chat is a template in the manner of the first Llama-3's: it ends every text
// with the header of an answer, asked for or not.
const chat = `{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}<|assistant|>`

// A prompt's end that is searched for in tokens is found after the response
// where the template ends with the header of an answer: RLHFlow's
// armo-rm/stage-2_prepare.py. Here two responses to one prompt give one prompt.
func TestA7PromptEndIsNotSearched(t *testing.T) {
	tokenizer, err := text.Load(filepath.Join("..", "text", "testdata", "tokenizers", "gpt2.json"))
	if err != nil {
		t.Fatal(err)
	}
	if tokenizer, err = tokenizer.WithTemplate(chat); err != nil {
		t.Fatal(err)
	}
	d := rated("good")
	d.Prompts = true
	path := write(t, "rows.jsonl", strings.Join([]string{
		`{"prompt":"Why?","response":"Because.","good":1}`,
		`{"prompt":"Why?","response":"<|assistant|>Why?<|end|><|assistant|> not","good":2}`,
		`{"prompt":"Why?<|end|><|assistant|>Because.","response":"No.","good":2}`,
	}, "\n"))
	s, err := Load(d, path, tokenizer.Conversation)
	if err != nil {
		t.Fatal(err)
	}
	prompt := func(i int) Sequence { return s.Train[i].Sequences[1] }
	want := tokenizer.Encode("<|user|>Why?<|end|><|assistant|>")
	if !slices.Equal(prompt(0).IDs, want) || !slices.Equal(prompt(1).IDs, want) {
		t.Errorf("prompts are %v and %v, want %v", prompt(0).IDs, prompt(1).IDs, want)
	}
	if slices.Equal(prompt(2).IDs, want) {
		t.Error("marks in a user's text end the prompt")
	}
	// The header at the end counts for each response, and no more.
	for i, content := range []string{"Because.", "<|assistant|>Why?<|end|><|assistant|> not"} {
		whole := tokenizer.Encode("<|user|>Why?<|end|><|assistant|>" + content + "<|end|><|assistant|>")
		if got := s.Train[i].Lengths[0]; got != len(whole)-len(want) || len(s.Train[i].Sequences[0].IDs) != len(whole) {
			t.Errorf("length of %q is %d, want %d", content, got, len(whole)-len(want))
		}
	}
}

func TestResponses(t *testing.T) {
	d := asking()
	d.MaxLength = 14
	got, err := Responses(map[string]any{"prompt": "q", "chosen": "a", "rejected": "bc"}, d, bytesEncode)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || sides(got[0]) != "^Uq$A|a$ ^Uq$|" || sides(got[1]) != "^Uq$A|bc$ ^Uq$|" || got[1].Lengths[0] != 3 {
		t.Errorf("%+v", got)
	}
	// Each response has the prompt of its own conversation.
	got, err = Responses(map[string]any{
		"chosen": "\n\nHuman: h\n\nAssistant: a\n\nHuman: b\n\nAssistant: y", "rejected": "\n\nHuman: h\n\nAssistant: n",
	}, d, bytesEncode)
	if err != nil || sides(got[0]) != "^Uh$A|a$Ub$Ay$ ^Uh$Aa$Ub$|" || sides(got[1]) != "^Uh$A|n$ ^Uh$|" || got[0].Lengths[0] != 2 {
		t.Errorf("%v, %q %q", err, sides(got[0]), sides(got[1]))
	}
	d.Prompts = false
	if got, err = Responses(map[string]any{"ids": []any{1.0, 14.0}}, d, nil); err != nil || len(got) != 1 || len(got[0].Sequences) != 1 || got[0].Lengths[0] != 2 {
		t.Errorf("%+v %v", got, err)
	}
	d.Prompts = true
	_, err = Responses(map[string]any{"ids": []any{1.0, 14.0}}, d, nil)
	wantError(t, err, "the prompt: no turn comes before the response")
	named := rated("good")
	named.Columns = spec.Columns{Kind: "named", Map: map[string]string{"prompt": "source", "response": "summary"}}
	if got, err = Responses(map[string]any{"source": "q", "summary": "a"}, named, bytesEncode); err != nil || sides(got[0]) != "^Uq$A|a$" {
		t.Errorf("a row as the data describes it: %v %v", got, err)
	}
	if got, err = Responses(map[string]any{"text": "<extra_id_1>User\nq\n<extra_id_1>Assistant\na\n"}, rated("good"), bytesEncode); err != nil || sides(got[0]) != "^Uq$A|a$" {
		t.Errorf("a row of NeMo's: %v %v", got, err)
	}
}

func TestLLMBar(t *testing.T) {
	s := mustLoad(t, recipe(),
		`{"input":"q","output_1":"a","output_2":"b","label":1}`,
		`{"input":"q","output_1":"a","output_2":"b","label":2}`,
		`{"input":"q","output_1":"a","output_2":"b","label":0}`)
	if sides(s.Train[0]) != "^Uq$A|a$ ^Uq$A|b$" || sides(s.Train[1]) != "^Uq$A|b$ ^Uq$A|a$" || s.Stats.Met(Tied) != 1 || s.Stats.Format != "llmbar" {
		t.Errorf("%q %q %+v", sides(s.Train[0]), sides(s.Train[1]), s.Stats)
	}
	d := recipe()
	d.Format = "llmbar"
	d.Columns = spec.Columns{Kind: "named", Map: map[string]string{"input": "prompt", "output_1": "response_1", "output_2": "response_2", "label": "better"}}
	if s := mustLoad(t, d, `{"prompt":"q","response_1":"a","response_2":"b","better":"2"}`); sides(s.Train[0]) != "^Uq$A|b$ ^Uq$A|a$" {
		t.Errorf("%q", sides(s.Train[0]))
	}
	_, err := load(t, recipe(), `{"input":"q","output_1":"a","output_2":"b","label":3}`)
	wantError(t, err, `column "label" is the number 3 where 1 or 2, the better response, or 0 for neither, is wanted`)
	_, err = load(t, recipe(), `{"input":"q","output_1":"a","output_2":"b"}`)
	wantError(t, err, `no column "label"`)
	for name, rows := range map[string]int{"natural": 100, "neighbor": 134, "gptinst": 92, "gptout": 47, "manual": 46} {
		d := recipe()
		d.MaxLength = 100000
		s, err := Load(d, sharedFile(t, "llmbar/"+name+".json"), bytesEncode)
		if err != nil || s.Stats.Kept != rows {
			t.Errorf("%s: %+v %v", name, s, err)
		}
	}
}

func TestRelabel(t *testing.T) {
	d := holdout("row", 0.4, 0)
	d.Prompts = true
	var rows []string
	for i := range 40 {
		rows = append(rows, fmt.Sprintf(`{"prompt":"p%d","chosen":"first","rejected":"no","margin":%d}`, i, i))
	}
	base := mustLoad(t, d, rows...)
	preferences := map[int]int8{}
	for i := range 40 {
		if i%4 != 3 {
			preferences[i] = int8(i%4) - 1
		}
	}
	s, err := Relabel(base, preferences)
	if err != nil {
		t.Fatal(err)
	}
	if s.Stats.Kept != 20 || s.Stats.Train != len(s.Train) || s.Stats.Holdout != len(s.Holdout) || len(s.Stats.Lengths) != 60 || s.Stats.Prompts != 20 {
		t.Errorf("%+v", s.Stats)
	}
	f := s.Stats.Filters[len(s.Stats.Filters)-1]
	if f.Name != Undecided || f.Before != 40 || f.After != 20 || len(f.Rows) != most || base.Stats.Met(Undecided) != 0 {
		t.Errorf("%+v; of the base %+v", f, base.Stats.Filters)
	}
	for _, e := range append(s.Train, s.Holdout...) {
		first, margin, n := "first", float64(e.Row), []int{6, 3}
		if e.Row%4 == 2 {
			first, margin, n = "no", -margin, []int{3, 6}
		}
		if got := sides(e); !strings.Contains(strings.Fields(got)[0], "|"+first+"$") || !strings.HasSuffix(got, fmt.Sprintf(" ^Up%d$|", e.Row)) || !same(e.Columns, margin) || !slices.Equal(e.Lengths, n) {
			t.Errorf("row %d is %q, %v, %v", e.Row, got, e.Columns, e.Lengths)
		}
	}
	for _, e := range base.Train {
		if !strings.Contains(sides(e), "|first$ ") || e.Columns[0] < 0 {
			t.Fatal("the base set was changed")
		}
	}
	_, err = Relabel(base, nil)
	wantError(t, err, "the judge prefers a side of none of the")
}

func TestTexts(t *testing.T) {
	path := write(t, "rows.jsonl", strings.Join([]string{
		`{"prompt":"q","chosen":"a","rejected":"b"}`, `{"prompt":"q","chosen":"","rejected":"b"}`, `{"prompt":"r","chosen":"a","rejected":"b"}`, `{"prompt":"s","chosen":"a","rejected":"b"}`,
	}, "\n"))
	d := recipe()
	d.Limit = 3
	got, err := Texts(d, path)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[1].Row != 2 || got[1].Prompt[0].Content != "r" || got[1].Responses[1][0].Content != "b" {
		t.Errorf("%+v", got)
	}
	_, err = Texts(recipe(), write(t, "rows.jsonl", `{"chosen_ids":[1],"rejected_ids":[2]}`))
	wantError(t, err, "rows.jsonl: the rows have token ids (format = ids) and no text")
}
