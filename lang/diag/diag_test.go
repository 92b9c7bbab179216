package diag_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/source"
)

// find returns the span of the nth occurrence of text in f, from 0.
func find(t *testing.T, f *source.File, text string, n int) source.Span {
	t.Helper()
	at := 0
	for ; n >= 0; n-- {
		i := strings.Index(f.Text[at:], text)
		if i < 0 {
			t.Fatalf("%q is not in the file", text)
		}
		at += i + len(text)
	}
	return source.Span{File: f, Start: at - len(text), End: at}
}

func text(t *testing.T, l diag.List, color bool) string {
	t.Helper()
	var b bytes.Buffer
	if err := diag.WriteText(&b, l, color); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func equal(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestTextCopiesTabs(t *testing.T) {
	f := source.New("typo.rmr", "recipe x\n\n\tlearnin_rate\t=\t1e-5 // ü\n")
	l := diag.List{
		{Code: "R0101", Span: find(t, f, "1e-5", 0), Message: "later"},
		{Code: "R0101", Span: find(t, f, "learnin_rate", 0), Message: "recipe has no field `learnin_rate`", Help: "did you mean `learning_rate`?"},
	}
	equal(t, text(t, l, false), "typo.rmr:3:2: error[R0101]: recipe has no field `learnin_rate`\n"+
		"   3 | \tlearnin_rate\t=\t1e-5 // ü\n"+
		"     | \t^^^^^^^^^^^^\n"+
		"  help: did you mean `learning_rate`?\n"+
		"typo.rmr:3:17: error[R0101]: later\n"+
		"   3 | \tlearnin_rate\t=\t1e-5 // ü\n"+
		"     | \t            \t \t^^^^\n")
}

func TestTextNotesOnTheSameLineAndElsewhere(t *testing.T) {
	f := source.New("a.rmr", "one\n"+strings.Repeat("\n", 9)+"\tlet g = softmax(gate, over pair)\n")
	l := diag.List{{
		Code: "R0307", Severity: diag.Warning, Span: find(t, f, "softmax", 0), Message: "m",
		Notes: []diag.Note{
			{Span: find(t, f, "pair", 0), Message: "`pair` is the axis of the batch"},
			{Span: find(t, f, "one", 0), Message: "declared here"},
			{Message: "of no place"},
		},
	}}
	equal(t, text(t, l, false), `a.rmr:11:10: warning[R0307]: m
   11 | `+"\t"+`let g = softmax(gate, over pair)
      | `+"\t"+`        ^^^^^^^            ~~~~
  note: `+"`pair`"+` is the axis of the batch
  note: a.rmr:1:1: declared here
   1 | one
     | ~~~
  note: of no place
`)
}

func TestTextOfOddPlaces(t *testing.T) {
	f := source.New("a.rmr", "ab {\n  é = 1\n}")
	for _, c := range []struct {
		name string
		span source.Span
		want string
	}{
		{"none", source.Span{}, "error[R0001]: m\n"},
		{"end of file", source.Span{File: f, Start: len(f.Text), End: len(f.Text)}, "a.rmr:3:2: error[R0001]: m\n   3 | }\n     |  ^\n"},
		{"several lines", source.Span{File: f, Start: 3, End: len(f.Text)}, "a.rmr:1:4: error[R0001]: m\n   1 | ab {\n     |    ^\n"},
		{"after a wide letter", find(t, f, "=", 0), "a.rmr:2:5: error[R0001]: m\n   2 |   é = 1\n     |     ^\n"},
		{"line break", find(t, f, "\n", 0), "a.rmr:1:5: error[R0001]: m\n   1 | ab {\n     |     ^\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			equal(t, text(t, diag.List{{Code: "R0001", Span: c.span, Message: "m"}}, false), c.want)
		})
	}
}

func TestColorOnlyWhenAsked(t *testing.T) {
	f := source.New("a.rmr", "x")
	l := diag.List{{Code: "R0001", Span: find(t, f, "x", 0), Message: "m", Notes: []diag.Note{{Message: "n"}}, Help: "h"}}
	plain, colored := text(t, l, false), text(t, l, true)
	if strings.Contains(plain, "\x1b") || !strings.Contains(colored, "\x1b[1;31m") {
		t.Errorf("plain %q, colored %q", plain, colored)
	}
	equal(t, regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(colored, ""), plain)
}

func TestSortedDropsDuplicates(t *testing.T) {
	f, g := source.New("a.rmr", "xy"), source.New("b.rmr", "xy")
	l := diag.List{
		{Code: "R0002", Span: find(t, g, "x", 0), Message: "3"},
		{Code: "R0002", Span: find(t, f, "y", 0), Message: "2"},
		{Code: "R0001", Span: find(t, f, "x", 0), Message: "1"},
		{Code: "R0002", Span: find(t, f, "y", 0), Message: "2"},
		{Code: "R0002", Message: "0"},
	}
	var got []string
	for _, d := range l.Sorted() {
		got = append(got, d.Message)
	}
	equal(t, strings.Join(got, ""), "0123")
	equal(t, l[0].Message, "3") // the list itself stays as it was
}

func TestJSON(t *testing.T) {
	f := source.New("a.rmr", "é = <b>\nc")
	l := diag.List{
		{Code: "R0001", Span: source.Span{File: f, Start: 5, End: len(f.Text)}, Message: "<", Notes: []diag.Note{{Message: "n"}}, Help: "h"},
		{Code: "R0002", Severity: diag.Warning, Message: "nowhere"},
	}
	var b bytes.Buffer
	if err := diag.WriteJSON(&b, l); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `"message": "<"`) {
		t.Errorf("angle brackets are escaped: %s", b.String())
	}
	var got []map[string]any
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	compact, _ := json.Marshal(got)
	equal(t, string(compact), `[{"code":"R0002","help":"","message":"nowhere","notes":[],"severity":"warning"},`+
		`{"code":"R0001","column":5,"end_column":2,"end_line":2,"file":"a.rmr","help":"h","line":1,"message":"\u003c","notes":[{"message":"n"}],"severity":"error"}]`)
}

func TestJSONOfNothingIsAnEmptyArray(t *testing.T) {
	var b bytes.Buffer
	if err := diag.WriteJSON(&b, nil); err != nil {
		t.Fatal(err)
	}
	equal(t, b.String(), "[]\n")
}

func TestSuggest(t *testing.T) {
	names := []string{"lr", "rank", "max_length", "over_length", "adamw", "lora", "learning_rate"}
	for _, c := range []struct{ name, want string }{
		{"maxlength", "max_length"}, {"max-length", "max_length"}, {"MaxLength", "max_length"},
		{"learnin_rate", "learning_rate"}, {"adawm", "adamw"}, {"rnak", "rank"}, {"lroa", "lora"},
		{"lrning_rate", "learning_rate"}, {"max_len", "max_length"}, {"l_r_schedule", ""}, {"Rank_Of_Lora", "rank"}, {"adamwhatever", "adamw"},
		{"maximal_length", "max_length"}, {"rate", ""}, {"x", ""}, {"", ""}, {"warmup", ""}, {"lr", ""},
	} {
		if got := diag.Suggest(c.name, names); got != c.want {
			t.Errorf("Suggest(%q) = %q, want %q", c.name, got, c.want)
		}
	}
}

func TestSuggestInOtherWords(t *testing.T) {
	names := []string{"lr", "batch", "epochs", "warmup", "min", "mean", "sigmoid"}
	for name, want := range map[string]string{
		"learning_rate": "lr", "batch_size": "batch", "batchsize": "batch", "num_train_epochs": "epochs", "warmup_ratio": "warmup",
		"men": "mean", "mni": "min", "sigm": "sigmoid", "si": "", "rate": "",
	} {
		if got := diag.Suggest(name, names); got != want {
			t.Errorf("Suggest(%q) = %q, want %q", name, got, want)
		}
	}
}

// A line that no terminal is wide enough for is shown in part.
func TestTextOfLongLines(t *testing.T) {
	line := strings.Repeat("a, ", 60) + "wrong, " + strings.Repeat("b, ", 60)
	f := source.New("a.rmr", line+"\n")
	got := text(t, diag.List{{Code: "R0001", Span: find(t, f, "wrong", 0), Message: "m", Notes: []diag.Note{{Span: find(t, f, "b", 0), Message: "n"}}}}, false)
	lines := strings.Split(got, "\n")
	for _, l := range lines {
		if n := len([]rune(l)); n > 130 {
			t.Errorf("%d columns: %s", n, l)
		}
	}
	if !strings.HasPrefix(lines[1], "   1 | …") || !strings.HasSuffix(lines[1], "…") || strings.Index(lines[2], "^^^^^") != strings.Index(strings.ReplaceAll(lines[1], "…", "."), "wrong") {
		t.Errorf("got:\n%s", got)
	}
	if strings.Index(lines[2], "~") != strings.Index(strings.ReplaceAll(lines[1], "…", "."), "b, ") {
		t.Errorf("the note is elsewhere:\n%s", got)
	}
	whole := text(t, diag.List{{Code: "R0001", Span: source.Span{File: f, Start: 0, End: len(line)}, Message: "m"}}, false)
	if lines := strings.Split(whole, "\n"); len([]rune(lines[2])) > 130 || !strings.HasPrefix(lines[1], "   1 | a, a") {
		t.Errorf("got:\n%s", whole)
	}
}

// What a terminal would obey is not sent to it.
func TestTextOfControls(t *testing.T) {
	f := source.New("a.rmr", "a\rb\x1b[2J\u202ec\xffd\n")
	got := text(t, diag.List{{Code: "R0001", Span: find(t, f, "d", 0), Message: "m"}}, false)
	equal(t, got, "a.rmr:1:11: error[R0001]: m\n   1 | a�b�[2J�c�d\n     |           ^\n")
}

func TestEntriesAreComplete(t *testing.T) {
	entries := diag.Entries()
	if len(entries) == 0 {
		t.Fatal("no entries")
	}
	seen := map[diag.Code]bool{}
	for _, e := range entries {
		if !regexp.MustCompile(`^R0[0-6]\d\d$`).MatchString(string(e.Code)) || seen[e.Code] {
			t.Errorf("%s is malformed or used twice", e.Code)
		}
		seen[e.Code] = true
		if e.Title == "" || strings.HasSuffix(e.Title, ".") || e.Explain == "" {
			t.Errorf("%s needs a title without a stop, and an explanation", e.Code)
		}
		if a := txtar.Parse([]byte(e.Example)); len(a.Files) == 0 || a.Files[0].Name != "recipe.rmr" {
			t.Errorf("%s: the first file of the example must be recipe.rmr", e.Code)
		}
		if got, ok := diag.Lookup(strings.ToLower(string(e.Code))); !ok || got.Title != e.Title {
			t.Errorf("Lookup does not find %s", e.Code)
		}
	}
	if _, ok := diag.Lookup("R9999"); ok {
		t.Error("Lookup finds R9999")
	}
}
