package judge

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/spec"
)

var label = spec.Label{Endpoint: "http://h/v1", Model: "m", MaxTokens: 5}

func answerTo(question, sample int) Answer {
	return Answer{Question: disk.Digest(fmt.Sprint(question)), Sample: sample, Model: "m", Text: "A <is>\n“better”\x00", Finish: "stop", PromptTokens: 3, AnswerTokens: 2}
}

// content is a table of two answers to each of n questions.
func content(n int) []byte {
	out := line(headerOf(label, nil))
	for question := range n {
		out = append(out, line(answerTo(question, 0))...)
		out = append(out, line(answerTo(question, 1))...)
	}
	return out
}

// However many bytes of a table a crash left, its whole answers are there, no
// others, and what is added after them makes the table that would have been.
func TestTableCutAtAnyByte(t *testing.T) {
	whole, h := content(3), headerOf(label, nil)
	start := len(line(h)) // the header is put there as a whole
	for cut := start; cut <= len(whole); cut++ {
		dir := t.TempDir()
		path := filepath.Join(dir, h.name())
		if err := os.WriteFile(path, whole[:cut], 0o644); err != nil {
			t.Fatal(err)
		}
		tab, err := openTable(dir, h)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if want := bytes.Count(whole[start:cut], []byte("\n")); len(tab.answers) != want {
			t.Fatalf("cut at %d: %d answers, want %d", cut, len(tab.answers), want)
		}
		for question := range 3 {
			for sample := range 2 {
				a := answerTo(question, sample)
				if got, there := tab.answers[a.place()]; there && got != a {
					t.Fatalf("cut at %d: %+v, want %+v", cut, got, a)
				} else if !there {
					if err := tab.add(a); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		if err := tab.close(); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(path); !bytes.Equal(got, whole) {
			t.Fatalf("cut at %d and gone on, the table is\n%s\nwant\n%s", cut, got, whole)
		}
	}
}

func TestDamagedTables(t *testing.T) {
	h := headerOf(label, nil)
	head, a := string(line(h)), string(line(answerTo(0, 0)))
	for content, want := range map[string]string{
		"":                       "line 1 is not of this judge",
		head[:20]:                "line 1 is not of this judge",
		head + "{}\n":            "line 2 is damaged: it is not as it was written",
		head + "\n" + a:          "line 2 is damaged",
		head + a + "x\n" + a:     "line 3 is damaged",
		head + a + a:             "lines 2 and 3 are answers to one question",
		head + a[:30] + "\n" + a: "line 2 is damaged",
		head + strings.Replace(a, `"question":"`, `"question":"0`, 1):           `line 2 is damaged: no answer to question "0`,
		head + strings.Replace(a, `"sample":0`, `"sample":-1`, 1):               "sample -1",
		head + strings.Replace(a, `"text"`, `"word"`, 1):                        `unknown field "word"`,
		head + strings.Replace(a, `"answer_tokens":2`, `"answer_tokens":-2`, 1): "no answer to question",
		head + strings.Replace(a, `"sample":0`, `"sample": 0`, 1):               "it is not as it was written",
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, h.name())
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := openTable(dir, h)
		wantError(t, err, want)
		wantError(t, err, path+": ")
		wantError(t, err, "; move the file away to ask anew")
		if got, _ := os.ReadFile(path); string(got) != content {
			t.Errorf("a damaged table was changed: %q", got)
		}
	}
}

func TestOneProcessAddsToATable(t *testing.T) {
	dir, h := t.TempDir(), headerOf(label, nil)
	first, err := openTable(dir, h)
	if err != nil {
		t.Fatal(err)
	}
	_, err = openTable(dir, h)
	wantError(t, err, "another process is adding to ")
	if err := first.close(); err != nil {
		t.Fatal(err)
	}
	again, err := openTable(dir, h)
	if err != nil {
		t.Fatal(err)
	}
	again.close()
}

// Another judge, and a question that reads otherwise, are asked anew.
func TestAnswersAreOfOneJudgeAndQuestion(t *testing.T) {
	s := newServer(t, nil)
	j := s.judge(t.TempDir())
	mustAsk(t, j, pairs(4))
	for name, change := range map[string]func(*spec.Label){
		"model":       func(l *spec.Label) { l.Model = "n" },
		"endpoint":    func(l *spec.Label) { l.Endpoint += "/" },
		"max_tokens":  func(l *spec.Label) { l.MaxTokens++ },
		"temperature": func(l *spec.Label) { l.Temperature = 0.5 },
		"seed":        func(l *spec.Label) { l.Temperature, l.Seed = 0.5, 1 },
	} {
		other := j
		change(&other.Label)
		if r := mustAsk(t, other, pairs(4)); r.Summary.Asked != 8 || r.Summary.Reused != 0 {
			t.Errorf("another %s: %+v", name, r.Summary)
		}
	}
	for name, change := range map[string]func(*spec.Label){
		"parallel": func(l *spec.Label) { l.Parallel = 1 }, "retries": func(l *spec.Label) { l.Retries = 0 }, "timeout": func(l *spec.Label) { l.Timeout = 1 },
		"seed where nothing is drawn": func(l *spec.Label) { l.Seed = 7 }, "price": func(l *spec.Label) { l.PriceIn = 7 }, "verdict": func(l *spec.Label) { l.Verdict = "first" },
	} {
		other := j
		change(&other.Label)
		if r := mustAsk(t, other, pairs(4)); r.Summary.Asked != 0 {
			t.Errorf("another %s: %+v", name, r.Summary)
		}
	}
	changed := pairs(4)
	changed[2].First = append(changed[2].First, turn("user", "more"))
	r := mustAsk(t, j, changed)
	if r.Summary.Asked != 2 || r.Summary.Reused != 6 || r.Rows[2].Questions[0] == judgementOf(t, j, 2).Questions[0] {
		t.Errorf("another question: %+v", r.Summary)
	}
	// The old question is answered still.
	if r := mustAsk(t, j, pairs(4)); r.Summary.Asked != 0 {
		t.Errorf("the first questions again: %+v", r.Summary)
	}
}

// judgementOf is what is said of a row of pairs.
func judgementOf(t *testing.T, j Judge, row int) Judgement {
	t.Helper()
	r, err := j.Ask(context.Background(), pairs(row+1))
	if err != nil {
		t.Fatal(err)
	}
	return r.Rows[row]
}

func FuzzTable(f *testing.F) {
	f.Add([]byte(""))
	f.Add(content(2)[len(line(headerOf(label, nil))):])
	f.Add(line(answerTo(7, 1))[:50])
	f.Add([]byte(`{"question":"","sample":0}` + "\n"))
	h := headerOf(label, nil)
	f.Fuzz(func(t *testing.T, lines []byte) {
		all := append(line(h), lines...)
		answers, whole, err := parseTable(all, h)
		if err != nil {
			return
		}
		back := line(h)
		for _, a := range answers {
			back = append(back, line(a)...)
		}
		if !bytes.Equal(back, all[:whole]) || bytes.ContainsRune(all[whole:], '\n') {
			t.Fatalf("%d answers in %d bytes of %q are written as %q", len(answers), whole, all, back)
		}
	})
}
