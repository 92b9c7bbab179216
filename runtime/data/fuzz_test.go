package data

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// FuzzLayouts reads any rows as each kind of data: what is kept must hold what
// the types promise, and what is not must be counted.
func FuzzLayouts(f *testing.F) {
	for _, row := range []string{
		`{"prompt":"q","chosen":"a","rejected":"b","margin":1}`,
		`{"chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"rejected":[{"role":"user","content":"q"},{"role":"assistant","content":"b"}]}`,
		`{"chosen":"\n\nHuman: hi\n\nAssistant: a","rejected":"\n\nHuman: hi\n\nAssistant: b"}`,
		`{"chosen_ids":[1,2,3],"rejected_ids":[1,2,4],"prompt_ids":[1]}`,
		`{"input":"q","output_1":"a","output_2":"b","label":2}`,
		`{"prompt":"q","responses":["a","b","c"],"ranks":[3,1,2]}`,
		`{"prompt":"q","response":"a","good":1,"scores":{"kind":[0,null]}}`,
		`{"messages":[{"from":"human","value":"q"},{"from":"gpt","value":"a"}],"good":null}`,
		`{"text":"<extra_id_0>System\ns\n<extra_id_1>User\nq\n<extra_id_1>Assistant\na\n<extra_id_2>","good":-100}`,
		`{"prompt":"q\n<extra_id_1>Assistant\na\n<extra_id_1>User\nr","response":"b","good":2}`,
		`{"ids":[1,2,3],"prompt_ids":[1,2],"good":"NaN"}`,
	} {
		for kind := range 3 {
			f.Add([]byte(row), uint8(kind), uint8(8), uint8(kind), true)
		}
	}
	f.Fuzz(func(t *testing.T, content []byte, kind, most, policy uint8, prompts bool) {
		d := spec.Data{
			Kind: []string{"preference", "ranking", "ratings"}[kind%3], Format: "auto", MaxLength: 1 + int(most), Ties: "drop",
			OverLength: []string{"drop", "truncate_left", "truncate_right"}[policy%3], Prompts: prompts && kind%3 != 1,
			Attributes: []string{"good", "scores.kind.0", "length"}, Missing: []string{"mask", "drop"}[policy%2], Sentinels: []float64{-100},
			Split: spec.Split{Kind: "holdout", Fraction: 0.5, By: "row"},
		}
		if d.Kind != "ratings" {
			d.Attributes = nil
		}
		path := filepath.Join(t.TempDir(), "x.jsonl")
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := Load(d, path, bytesEncode)
		if err != nil {
			return
		}
		out := 0
		for _, filter := range s.Stats.Filters {
			out += filter.Before - filter.After
		}
		if s.Stats.Kept+out != s.Stats.Read || s.Stats.Kept != len(s.Train)+len(s.Holdout) {
			t.Fatalf("%d kept and %d left out of %d", s.Stats.Kept, out, s.Stats.Read)
		}
		for _, e := range slices.Concat(s.Train, s.Holdout) {
			holds(t, d, s, e)
		}
	})
}

// holds checks what an Example promises.
func holds(t *testing.T, d spec.Data, s *Set, e Example) {
	responses := len(e.Sequences)
	if d.Prompts {
		responses--
	}
	if len(e.Lengths) != responses || len(e.Columns) != len(s.Columns) || s.Views != nil && len(s.Views) != len(e.Sequences) {
		t.Fatalf("%d sequences, views %v, lengths %v, columns %v of %v", len(e.Sequences), s.Views, e.Lengths, e.Columns, s.Columns)
	}
	for i, one := range e.Sequences {
		if len(one.IDs) == 0 || len(one.IDs) > d.MaxLength || one.Prompt < 0 || one.Prompt > len(one.IDs) {
			t.Fatalf("sequence %d: %+v, at most %d tokens", i, one, d.MaxLength)
		}
		if i < responses && (e.Lengths[i] < 0 || e.Lengths[i] > len(one.IDs)) {
			t.Fatalf("sequence %d has %d tokens and length %d", i, len(one.IDs), e.Lengths[i])
		}
	}
	for i, v := range e.Columns {
		if math.IsInf(float64(v), 0) || v != v && (i >= len(s.Attributes) || d.Missing == "drop") {
			t.Fatalf("column %s is %v", s.Columns[i], v)
		}
	}
}

// FuzzLabels reads any rows as labels data: what is kept has its places where the
// rendering has answers, and what is not must be counted.
func FuzzLabels(f *testing.F) {
	for i, row := range []string{
		`{"conversations":[{"role":"user","content":"q Step 1: a"},{"role":"assistant","content":"+"},{"role":"user","content":"b"},{"role":"assistant","content":"-"}]}`,
		`{"prompt":"q","steps":["a","b"],"labels":[1,null]}`,
		`{"prompt":"q","response":"a\n\nb","label":0.5}`,
		`{"input":"q Step 1: a ки\nStep 2: b ки","label":"q Step 1: a +\nStep 2: b -"}`,
		`{"question":{"problem":"q"},"label":{"steps":[{"completions":[{"text":"a","rating":0}],"human_completion":{"text":"b"},"chosen_completion":0}]}}`,
		`{"problem":"q","steps":["a"],"label":-1,"final_answer_correct":true}`,
		`{"input":"q","steps":["a"],"target":"1","answer":"1","mistake_index":null}`,
		`{"Question":"q","Model_Solution_Steps":["a"],"Model_Solution_Correctness":"correct","Model_Solution_First_Error_Step":"N/A"}`,
		`{"question":"q","original_process":["a"],"modified_process":["b"],"error_steps":[1]}`,
		`{"question":"q","reasoning_steps":[{"solution_prefix":"q a","mc_value":0.5},{"solution_prefix":"q a b","mc_value":1}]}`,
		`{"question":"q","a":{"solution":"a\nb","is_correct":true},"answers":["x"],"label":[0]}`,
		`{"ids":[1,2,3],"at":[0,2],"labels":["good",0],"prompt_ids":[1]}`,
		"{\n \"a\": [{\"prompt\":\"q\",\"steps\":[\"a\"],\"labels\":[1]}]}",
	} {
		f.Add([]byte(row), uint8(i), uint8(40), i%2 == 0)
		f.Add([]byte(row), uint8(i+1), uint8(8), i%2 == 1)
	}
	f.Fuzz(func(t *testing.T, content []byte, policy, most uint8, outcome bool) {
		d := signs()
		d.OverLength, d.MaxLength = []string{"drop", "truncate_left", "truncate_right"}[policy%3], 1+int(most)
		d.Split = spec.Split{Kind: "holdout", Fraction: 0.5, By: []string{"row", "prompt"}[policy%2]}
		if outcome {
			d.Level = "outcome"
		}
		s, err := Load(d, write(t, "x.jsonl", string(content)), labelEncode(d.Tokens...))
		if err != nil {
			return
		}
		out := 0
		for _, filter := range s.Stats.Filters {
			out += filter.Before - filter.After
		}
		if s.Stats.Kept+out != s.Stats.Read || s.Stats.Kept != len(s.Train)+len(s.Holdout) || d.Split.By == "prompt" && s.Stats.InBoth != 0 {
			t.Fatalf("%d kept and %d left out of %d, %d on both sides", s.Stats.Kept, out, s.Stats.Read, s.Stats.InBoth)
		}
		for _, e := range slices.Concat(s.Train, s.Holdout) {
			holdsMarks(t, d, s, e)
		}
	})
}

// holdsMarks checks what an Example of labels data promises.
func holdsMarks(t *testing.T, d spec.Data, s *Set, e Example) {
	ids := e.Sequences[0].IDs
	if len(e.Sequences) != 1 || len(ids) > d.MaxLength || len(e.Marks) == 0 || e.Marks[len(e.Marks)-1].At != len(ids)-1 || len(s.LabelIDs) != 2 {
		t.Fatalf("%d sequences, %d tokens of %d, marks %v", len(e.Sequences), len(ids), d.MaxLength, e.Marks)
	}
	if d.Level == "outcome" && s.Stats.Format != "ids" && len(e.Marks) != 1 {
		t.Fatalf("an outcome with marks %v", e.Marks)
	}
	for i, m := range e.Marks {
		if m.At < 0 || i > 0 && m.At <= e.Marks[i-1].At {
			t.Fatalf("marks %v", e.Marks)
		}
		if sum := m.Gold[0] + m.Gold[1]; len(m.Gold) != 2 || !(sum > 0.99 && sum < 1.01 && m.Gold[0] >= 0 && m.Gold[1] >= 0) {
			t.Fatalf("gold %v", m.Gold)
		}
		if s.Stats.Format != "ids" && (ids[m.At] != 5 || i < len(e.Marks)-1 && ids[m.At+1] != s.LabelIDs[0]) {
			t.Fatalf("mark %d is after %q", m.At, spelt(ids[:m.At+1]))
		}
	}
}

// FuzzDerangements finds them for any prompts, or says why there are none.
func FuzzDerangements(f *testing.F) {
	f.Add([]byte{1, 2, 3}, uint64(0))
	f.Add([]byte{1, 1, 2, 2, 3, 3}, uint64(9))
	f.Add([]byte{1, 1, 1, 2}, uint64(1))
	f.Fuzz(func(t *testing.T, prompts []byte, seed uint64) {
		var pairs []Pair
		var usable []int
		most := map[byte]int{}
		for i, p := range prompts[:min(len(prompts), 200)] {
			pairs = append(pairs, Pair{Row: i, Prompt: []Message{{Role: "user", Content: string(rune('a' + p%8))}}})
			usable = append(usable, i)
			most[p%8]++
		}
		largest := 0
		for _, n := range most {
			largest = max(largest, n)
		}
		j, k, err := derangements(pairs, usable, seed)
		if possible := len(pairs) > 0 && 3*largest <= len(pairs); possible != (err == nil) {
			t.Fatalf("%d of %d rows have one prompt, and the error is %v", largest, len(pairs), err)
		}
		for i := range j {
			a, b, c := pairs[i].Prompt[0], pairs[j[i]].Prompt[0], pairs[k[i]].Prompt[0]
			if a == b || a == c || b == c {
				t.Fatalf("rows %d, %d and %d", i, j[i], k[i])
			}
		}
	})
}
