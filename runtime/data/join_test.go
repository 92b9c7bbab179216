package data

import (
	"slices"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/record"
	"github.com/rmc-lang/rmc/runtime/spec"
)

func texts(prompts ...string) []Text {
	var all []Text
	for i, p := range prompts {
		turn := func(role, content string) []Message { return []Message{{Role: role, Content: content}} }
		all = append(all, Text{Row: 3 * i, Prompt: turn("user", p), Responses: [][]Message{turn("assistant", "good "+p), turn("assistant", "bad "+p)}})
	}
	return all
}

// What is made of pairs keeps each on the side of the split that it has in its own
// data, also when a label has turned it round.
func TestMadePairsKeepTheirSides(t *testing.T) {
	d := spec.Data{Split: spec.Split{Kind: "holdout", Fraction: 0.5, By: "row"}, Seed: 3}
	var prompts []string
	for i := range 40 {
		prompts = append(prompts, strings.Repeat("why ", i+1))
	}
	all := texts(prompts...)
	pairs := PairsOf(d, all, nil)
	held := 0
	var turned []bool
	for i, p := range pairs {
		rec := record.Record{Prompt: all[i].Prompt, Responses: all[i].Responses}
		if own := d.Split.HeldOut("", rowKey(rec, keys{}), d.Seed); p.keys().heldOut(spec.Data{}) != own {
			t.Errorf("pair %d: held out is %v, and %v in its own data", i, !own, own)
		} else if own {
			held++
		}
		turned = append(turned, p.keys().heldOut(spec.Data{}))
	}
	if held == 0 || held == len(pairs) {
		t.Fatalf("%d of %d are held out", held, len(pairs))
	}
	preferences := map[int]int8{}
	for i := range all {
		preferences[all[i].Row] = []int8{-1, 1, 0}[i%3]
	}
	out := Relabelled(pairs, all, preferences)
	if len(out) != 27 {
		t.Fatalf("%d pairs are left", len(out))
	}
	at := 0
	for i := range all {
		if i%3 == 2 {
			continue
		}
		p := out[at]
		if p.Row != at || p.keys().heldOut(spec.Data{}) != turned[i] || strings.HasPrefix(p.Chosen[0].Content, "bad") != (i%3 == 1) {
			t.Errorf("pair %d became %+v", i, p)
		}
		at++
	}
}

func TestApartLeavesOutQuestions(t *testing.T) {
	other := &Set{Train: []Example{{Question: questionKey(texts("WHY, a?")[0].Prompt)}}}
	got := Apart(texts("why a", "why b"), other)
	if len(got) != 1 || got[0].Prompt[0].Content != "why b" || got[0].Row != 3 {
		t.Errorf("%+v", got)
	}
}

func TestJoin(t *testing.T) {
	set := func(rows int, columns ...string) *Set {
		s := &Set{Columns: columns, Views: []string{"response"}, Stats: Stats{Read: rows + 1}}
		for i := range rows {
			s.Train = append(s.Train, Example{Row: i + 1, Sequences: []Sequence{{IDs: []int32{1, 2}}}})
		}
		s.Holdout = []Example{{Row: 0, Sequences: []Sequence{{IDs: []int32{1, 2, 3}}}}}
		return s
	}
	got, err := Join([]string{"a", "b"}, set(2), set(3))
	if err != nil {
		t.Fatal(err)
	}
	var rows []int
	for _, e := range append(got.Train, got.Holdout...) {
		rows = append(rows, e.Row)
	}
	if !slices.Equal(rows, []int{1, 2, 4, 5, 6, 0, 3}) || got.Stats.Read != 7 || got.Stats.Kept != 7 || got.Width != 1 {
		t.Errorf("rows %v, %+v", rows, got.Stats)
	}
	if _, err := Join([]string{"a", "b"}, set(2), set(3, "margin")); err == nil || !strings.Contains(err.Error(), "b has [margin]") {
		t.Errorf("other columns: %v", err)
	}
	labels := set(1)
	labels.LabelIDs = []int32{4, 5}
	if _, err := Join([]string{"a", "b"}, set(2), labels); err == nil || !strings.Contains(err.Error(), "those of b are [4 5]") {
		t.Errorf("other tokens: %v", err)
	}
}
