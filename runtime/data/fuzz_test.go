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
