package data

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/record"
	"github.com/rmc-lang/rmc/runtime/spec"
)

func TestSolutions(t *testing.T) {
	for name, c := range map[string]struct {
		rows    []string
		columns map[string]string
		want    string
	}{
		"steps without labels": {rows: []string{
			`{"question": "q1", "steps": [" a ", "b"], "answer": "#### 42"}`,
			`{"question": "", "steps": ["a"], "answer": "1"}`,
			`{"question": "q3", "steps": ["a"], "answer": 7}`,
		}, want: "[{0 q1 [a b] #### 42 [0 0]} {2 q3 [a] 7 [0]}]"},
		"a response, cut": {rows: []string{`{"problem": "q", "response": "a\n\nb\n\nc", "ground_truth": "1/2"}`}, want: "[{0 q [a b c] 1/2 [0 0 0]}]"},
		"labelled":        {rows: []string{`{"question": "q", "steps": ["a", "b", "c"], "labels": [true, false, null], "answer": "5"}`}, want: "[{0 q [a b c] 5 [1 -1 0]}]"},
		"renamed":         {rows: []string{`{"question": "q", "steps": ["a"], "answer": "wrong", "right": "5"}`}, columns: map[string]string{"answer": "right"}, want: "[{0 q [a] 5 [0]}]"},
		"several of a row": {rows: []string{
			`{"question": "q", "ground_truth": "x\nA: 18", "m1": {"is_correct": true, "solution": "a\nA: 18"}, "m2": {"is_correct": false, "solution": "b\nA: 1"}}`,
		}, want: "[{0 q [a A: 18] x\nA: 18 [0 1]} {1 q [b A: 1] x\nA: 18 [0 -1]}]"},
		"BIG-Bench Mistake": {rows: []string{`{"input": "q", "steps": ["a", "b"], "mistake_index": 1, "answer": "no", "target": "yes"}`}, want: "[{0 q [a b] yes [1 -1]}]"},
	} {
		d := signs()
		d.Columns = spec.Columns{Kind: "named", Map: c.columns}
		got, err := record.Solutions(d, write(t, "rows.jsonl", strings.Join(c.rows, "\n")))
		if err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("%s: %v, %v\nwant %s", name, got, err, c.want)
		}
	}
	d := signs()
	d.Limit = 1
	if got, err := record.Solutions(d, write(t, "rows.jsonl", `{"question":"q","steps":["a"],"answer":"1"}`+"\n"+`{"question":"q","steps":["a"]}`)); err != nil || len(got) != 1 {
		t.Errorf("limited: %v, %v", got, err)
	}
	for row, want := range map[string]string{
		`{"question":"q","steps":["a"]}`:                                                `no column "answer"`,
		`{"question":"q","steps":["a"],"answer":["1"]}`:                                 "the answer that is right, a text or a number, is wanted",
		`{"conversations":[{"role":"user","content":"q"}]}`:                             "do not have a question and steps apart",
		`{"question":"q","steps":["a","b"],"labels":[true],"answer":"1"}`:               "a list of 2 labels",
		`{"steps":["a"],"answer":"1"}`:                                                  "no column",
		`{"problem":"q","steps":["a"],"label":0,"final_answer_correct":false,"id":"x"}`: `no column "answer"`,
	} {
		if _, err := record.Solutions(signs(), write(t, "rows.jsonl", row)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", row, err, want)
		}
	}
}

// Rows without labels are tokenised with a place after each step, and what gold
// there is kept.
func TestUnlabelledRowsAreRead(t *testing.T) {
	path := write(t, "rows.jsonl", `{"question": "q1", "steps": ["a", "b"], "answer": "1"}`+"\n"+`{"question": "q2", "steps": ["a", "b"], "labels": [true, null], "answer": "1"}`)
	if _, err := Load(signs(), path, labelEncode("+", "-")); err == nil || !strings.Contains(err.Error(), `no column "labels"`) {
		t.Errorf("where labels are wanted: %v", err)
	}
	d := signs()
	d.Unlabelled = true
	set, err := Load(d, path, labelEncode("+", "-"))
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Train) != 2 || len(set.Train[0].Marks) != 2 || len(set.Train[0].Marks[1].Gold) != 0 || len(set.Train[1].Marks) != 2 || len(set.Train[1].Marks[0].Gold) != 2 {
		t.Errorf("%+v", set.Train)
	}
	if fmt.Sprint(set.Stats.Marks) != "map[good:1]" {
		t.Errorf("counted are %v", set.Stats.Marks)
	}
}
