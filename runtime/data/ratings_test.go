package data

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/record"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// rated is a recipe of ratings that masks what is missing.
func rated(attributes ...string) spec.Data {
	return spec.Data{
		Kind: "ratings", Format: "auto", Attributes: attributes, Missing: "mask",
		MaxLength: 1024, OverLength: "drop", Split: spec.Split{Kind: "none"},
	}
}

// same compares numbers, NaN being equal to itself.
func same(got []float32, want ...float64) bool {
	return slices.EqualFunc(got, want, func(a float32, b float64) bool {
		return a == float32(b) || a != a && math.IsNaN(b)
	})
}

func TestRatingsLayouts(t *testing.T) {
	for _, c := range []struct{ name, row, format, want string }{
		{"prompt text", `{"prompt":"q","response":"a","good":3}`, "prompt", "^Uq$A|a$"},
		{"prompt messages", `{"prompt":[{"role":"system","content":"s"},{"role":"user","content":"q"}],"response":[{"role":"assistant","content":"a"}],"good":3}`, "prompt", "^Ss$Uq$A|a$"},
		{"messages", `{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"},{"role":"user","content":"r"},{"role":"assistant","content":"b"}],"good":3}`, "messages", "^Uq$Aa$Ur$A|b$"},
		{"sharegpt", `{"messages":[{"from":"human","value":"q"},{"from":"gpt","value":"a"}],"good":3}`, "messages", "^Uq$A|a$"},
		{"response beside the whole conversation", `{"prompt":"q","response":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"good":3}`, "prompt", "^Uq$A|a$"},
		{"nemo", `{"text":"<extra_id_0>System\ns\n<extra_id_1>User\nq\n\n<extra_id_1>Assistant\na\n<extra_id_2>","good":3}`, "nemo", "^Ss$Uq$A|a$"},
		{"nemo without a system's text", `{"text":"<extra_id_0>System\n\n<extra_id_1>User\nq\n<extra_id_1>Assistant\na\nb\n<extra_id_2>","good":3}`, "nemo", "^Uq$A|a\nb$"},
		{"helpsteer", `{"prompt":"q\n<extra_id_1>Assistant\na\n<extra_id_1>User\nr\n","response":"b\n","good":3}`, "nemo", "^Uq$Aa$Ur$A|b$"},
		{"ids", `{"ids":[1,14,15],"prompt_ids":[1,14],"good":3}`, "ids", "^\x04|\x05"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mustLoad(t, rated("good"), c.row)
			if got := sides(s.Train[0]); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if s.Stats.Format != c.format || s.Stats.Decided == "" {
				t.Errorf("format %q (%s), want %q and a reason", s.Stats.Format, s.Stats.Decided, c.format)
			}
			if !slices.Equal(s.Views, []string{"response"}) || s.Width != 1 || !slices.Equal(s.Attributes, []string{"good"}) || !slices.Equal(s.Columns, s.Attributes) {
				t.Errorf("views %v, width %d, attributes %v, columns %v", s.Views, s.Width, s.Attributes, s.Columns)
			}
			if !same(s.Train[0].Columns, 3) {
				t.Errorf("columns are %v", s.Train[0].Columns)
			}
		})
	}
}

func TestMissingRatings(t *testing.T) {
	d := rated("good", "kind")
	d.Sentinels = []float64{-100}
	d.Extra = []string{"weight", "kind"}
	rows := []string{
		`{"prompt":"q1","response":"a","good":1,"kind":2,"weight":0.5}`,
		`{"prompt":"q2","response":"a","good":null,"kind":2,"weight":0.5}`,
		`{"prompt":"q3","response":"a","kind":2,"weight":0.5}`,
		`{"prompt":"q4","response":"a","good":-100,"kind":"NaN","weight":0.5}`,
		`{"prompt":"q5","response":"a","good":"","kind":true,"weight":0.5}`,
	}
	nan := math.NaN()
	s := mustLoad(t, d, rows...)
	for i, want := range [][]float64{{1, 2, 0.5}, {nan, 2, 0.5}, {nan, 2, 0.5}, {nan, nan, 0.5}, {nan, 1, 0.5}} {
		if !same(s.Train[i].Columns, want...) {
			t.Errorf("row %d has %v, want %v", i, s.Train[i].Columns, want)
		}
	}
	if got := strings.Join(s.Columns, " "); got != "good kind weight" {
		t.Errorf("columns are %q", got)
	}
	if m := s.Stats.Missing; len(m) != 2 || m["good"] != 4 || m["kind"] != 1 {
		t.Errorf("missing: %v", m)
	}
	d.Missing = "drop"
	s = mustLoad(t, d, rows...)
	f := s.Stats.Filters
	if s.Stats.Kept != 1 || len(f) != 1 || f[0].Name != Unrated || f[0].Before != 5 || f[0].After != 1 || !slices.Equal(f[0].Rows, []int{1, 2, 3, 4}) || f[0].Reason != "a rating is missing" || s.Stats.Missing != nil {
		t.Errorf("%+v", s.Stats)
	}
	d.Missing = "error"
	for _, c := range []struct {
		row  int
		want string
	}{
		{1, `rows.jsonl:2: column "good" is null where a rating, for missing = error, is wanted`},
		{2, `rows.jsonl:2: no column "good"; the row has kind, prompt, response, weight`},
		{3, `rows.jsonl:2: column "good" is the number -100 where a rating`},
	} {
		_, err := load(t, d, rows[0], rows[c.row])
		wantError(t, err, c.want)
	}
}

func TestRatingErrors(t *testing.T) {
	row := `{"prompt":"q","response":"a","good":1}`
	with := func(change func(*spec.Data)) spec.Data {
		d := rated("good")
		change(&d)
		return d
	}
	byPrompt := spec.Split{Kind: "holdout", Fraction: 0.5, By: "prompt"}
	for _, c := range []struct {
		name string
		data spec.Data
		rows []string
		want string
	}{
		{"no row has it", rated("goood"), []string{row, row}, `rows.jsonl:1: no column "goood"; the row has good, prompt, response; did you mean "good"? Say so with columns = named { goood = "good" }`},
		{"all are null", rated("good"), []string{`{"prompt":"q","response":"a","good":null}`, `{"prompt":"q","response":"b"}`}, `none of 2 rows has a rating "good"`},
		{"dropped for it", with(func(d *spec.Data) { d.Missing, d.Attributes = "drop", []string{"other"} }), []string{row}, `no column "other"`},
		{"text", rated("good"), []string{row, `{"prompt":"q","response":"a","good":"n/a"}`}, `rows.jsonl:2: column "good" is the text "n/a" where a rating, a finite number below 3.4e38, is wanted`},
		{"list", rated("good"), []string{`{"prompt":"q","response":"a","good":[1]}`}, `column "good" is a list of 1 where a rating`},
		{"infinite", rated("good"), []string{`{"prompt":"q","response":"a","good":"inf"}`}, `column "good" is the text "inf" where a rating`},
		{"too large", rated("good"), []string{`{"prompt":"q","response":"a","good":1e39}`}, `where a rating, a finite number below 3.4e38`},
		{"no response", rated("good"), []string{`{"prompt":"q","good":1}`}, `no column "response"`},
		{"no prompt", rated("good"), []string{`{"response":"q","good":1}`}, `no column "prompt"`},
		{"policy", with(func(d *spec.Data) { d.Missing = "zero" }), []string{row}, `no missing "zero": there are mask, drop and error`},
		{"no attributes", rated(), []string{row}, `attributes is empty`},
		{"layout of pairs", with(func(d *spec.Data) { d.Format = "hh_dialogue" }), []string{row}, `the layout hh_dialogue is for preference data`},
		{"ids and a split by prompt", with(func(d *spec.Data) { d.Split = byPrompt }), []string{`{"ids":[1,2],"good":1}`}, `rows.jsonl:1: a split by prompt must know the prompts: give the rows prompt_ids`},
		{"a prompt that is none", rated("good"), []string{`{"ids":[1,2,3],"prompt_ids":[1,3],"good":1}`}, `rows.jsonl:1: column "prompt_ids" is not what "ids" begins with`},
		{"a prompt and nothing more", rated("good"), []string{`{"ids":[1,2],"prompt_ids":[1,2],"good":1}`}, `column "prompt_ids" is not what "ids" begins with`},
		{"length in a later row", rated("good", "length"), []string{row, `{"prompt":"q","response":"a","good":1,"length":7}`}, `rows.jsonl:2: the row has a column "length", which the first row lacks`},
		{"marks in a later prompt", rated("good"), []string{row, `{"prompt":"q\n<extra_id_1>Assistant\na","response":"a","good":1}`}, `rows.jsonl:2: the prompt has <extra_id_1>, which marks turns, and the first row's has not; say format = nemo`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(t, c.data, c.rows...)
			wantError(t, err, c.want)
		})
	}
	_, err := load(t, rated("goood"), row)
	var column *record.ColumnError
	if !errors.As(err, &column) || column.Column != "goood" {
		t.Errorf("a name that no row has is no ColumnError: %#v", err)
	}
}

func TestRatingFlaws(t *testing.T) {
	good := `{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"good":1}`
	for _, c := range []struct{ messages, flaw string }{
		{`[{"role":"assistant","content":"a"}]`, record.NoPrompt},
		{`[]`, record.NoPrompt},
		{`[{"role":"user","content":"q"},{"role":"user","content":"a"}]`, record.Roles},
		{`[{"role":"user","content":"q"},{"role":"assistant","content":" "}]`, record.Empty},
	} {
		s := mustLoad(t, rated("good"), good, `{"messages":`+c.messages+`,"good":1}`)
		if s.Stats.Met(c.flaw) != 1 || s.Stats.Kept != 1 {
			t.Errorf("%s: %+v", c.messages, s.Stats)
		}
	}
}

// Names with dots lead into objects and lists; a column that is called so with
// its dots goes first.
func TestDottedColumns(t *testing.T) {
	d := rated("coherence", "helpfulness", "odd")
	d.Columns = spec.Columns{Kind: "named", Map: map[string]string{
		"prompt": "source.text", "response": "summary", "coherence": "scores.coherence", "helpfulness": "label.4", "odd": "scores.odd",
	}}
	row := `{"source":{"text":"q"},"summary":"a","scores":{"coherence":2.5},"label":[0,0,0,0,4,1],"scores.odd":7}`
	s := mustLoad(t, d, row)
	if got := sides(s.Train[0]); got != "^Uq$A|a$" || !same(s.Train[0].Columns, 2.5, 4, 7) {
		t.Errorf("%q %v", got, s.Train[0].Columns)
	}
	for path, want := range map[string]string{
		"scores.fluency": `no column "scores.fluency"; the row has label, scores, scores.odd, source, summary; scores is an object with coherence; `,
		"label.9":        `no column "label.9"; the row has label, scores, scores.odd, source, summary; label is a list of 6; `,
		"label.-1":       `label is a list of 6; `,
		"label.x":        `label is a list of 6; `,
		"summary.x":      `summary is the text "a"; `,
	} {
		d.Columns.Map["coherence"] = path
		_, err := load(t, d, row)
		wantError(t, err, want)
	}
	pairs := recipe()
	pairs.Extra = []string{"gap"}
	pairs.Columns = spec.Columns{Kind: "named", Map: map[string]string{"chosen": "sides.0", "rejected": "sides.1", "gap": "meta.gap"}}
	p := mustLoad(t, pairs, `{"prompt":"q","sides":["a","b"],"meta":{"gap":3}}`)
	if got := sides(p.Train[0]); got != "^Uq$A|a$ ^Uq$A|b$" || !same(p.Train[0].Columns, 3) {
		t.Errorf("%q %v", got, p.Train[0].Columns)
	}
}

// The attribute length is counted after truncation, of the last turn: O2.
func TestO2LengthsAreOfTheLastTurnAfterTruncation(t *testing.T) {
	row := `{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a long first answer"},{"role":"user","content":"r"},{"role":"assistant","content":"abcd"}],"good":1}`
	// ^Uq$A… is 4 + 1 + 19 + 1 + 3 + 1 tokens before the answer, abcd$ 5 after it.
	for _, c := range []struct {
		policy string
		most   int
		want   float64
	}{{"drop", 100, 5}, {"truncate_right", 33, 4}, {"truncate_right", 31, 2}, {"truncate_left", 20, 5}} {
		d := rated("good", "length")
		d.OverLength, d.MaxLength = c.policy, c.most
		s := mustLoad(t, d, row)
		if !same(s.Train[0].Columns, 1, c.want) || len(s.Train[0].Lengths) != 1 || s.Train[0].Lengths[0] != int(c.want) {
			t.Errorf("%s to %d: columns %v, lengths %v, want %v; %q", c.policy, c.most, s.Train[0].Columns, s.Train[0].Lengths, c.want, sides(s.Train[0]))
		}
	}
	s := mustLoad(t, rated("good", "length"), `{"prompt":"q","response":"abc","good":1,"length":7}`)
	if !same(s.Train[0].Columns, 1, 7) {
		t.Errorf("a column called length is not read: %v", s.Train[0].Columns)
	}
	named := rated("length")
	named.Columns = spec.Columns{Kind: "named", Map: map[string]string{"length": "words"}}
	if s := mustLoad(t, named, `{"prompt":"q","response":"abc","words":2}`); !same(s.Train[0].Columns, 2) {
		t.Errorf("a column named as length is not read: %v", s.Train[0].Columns)
	}
}

func TestLengthsOfPairs(t *testing.T) {
	for _, c := range []struct {
		name, row, policy string
		most              int
		want              []int
	}{
		{"whole", `{"prompt":"12345678","chosen":"abcdef","rejected":"xy"}`, "drop", 50, []int{7, 3}},
		{"cut left", `{"prompt":"12345678","chosen":"abcdef","rejected":"xy"}`, "truncate_left", 10, []int{7, 3}},
		{"cut right", `{"prompt":"12345678","chosen":"abcdef","rejected":"xy"}`, "truncate_right", 14, []int{2, 2}},
		{"that begin alike", `{"prompt":"q","chosen":"abx","rejected":"aby"}`, "drop", 50, []int{4, 4}},
		{"that part early", `{"chosen":"\n\nHuman: q\n\nAssistant: one\n\nHuman: r\n\nAssistant: ab","rejected":"\n\nHuman: q\n\nAssistant: no"}`, "drop", 50, []int{3, 3}},
		{"that part early, the last turn cut away", `{"chosen":"\n\nHuman: q\n\nAssistant: one\n\nHuman: r\n\nAssistant: ab","rejected":"\n\nHuman: q\n\nAssistant: no"}`, "truncate_right", 8, []int{0, 3}},
		{"ids", `{"chosen_ids":[1,14,15],"rejected_ids":[1,16]}`, "drop", 50, []int{3, 2}},
		{"ids and their prompt", `{"chosen_ids":[1,14,15],"rejected_ids":[1,16],"prompt_ids":[1]}`, "drop", 50, []int{2, 1}},
		{"ids cut left into what answers share", `{"chosen_ids":[1,2,3,4,5,6,7],"rejected_ids":[1,2,3,4,5,6,8],"prompt_ids":[1,2]}`, "truncate_left", 5, []int{4, 4}},
		{"ids cut left, no prompt", `{"chosen_ids":[1,2,3,4,5,6,7],"rejected_ids":[1,2,3,4,5,6,8]}`, "truncate_left", 5, []int{5, 5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := recipe()
			d.OverLength, d.MaxLength = c.policy, c.most
			s := mustLoad(t, d, c.row)
			if got := s.Train[0].Lengths; !slices.Equal(got, c.want) {
				t.Errorf("lengths of %q are %v, want %v", sides(s.Train[0]), got, c.want)
			}
		})
	}
}

// A6: the rows of one prompt, with different responses, are on one side of a split.
func TestA6SplitKeepsPromptsTogether(t *testing.T) {
	var rows []string
	for i := range 400 {
		rows = append(rows, fmt.Sprintf(`{"prompt":"p%d","response":"a%d","good":%d}`, i/8, i, i%5))
	}
	d := rated("good")
	d.Split = spec.Split{Kind: "holdout", Fraction: 0.3, By: "prompt"}
	s := mustLoad(t, d, rows...)
	if s.Stats.Prompts != 50 || s.Stats.InBoth != 0 || len(s.Holdout) == 0 || len(s.Holdout)%8 != 0 {
		t.Errorf("%d held out of %d; %d prompts, %d on both sides", len(s.Holdout), s.Stats.Kept, s.Stats.Prompts, s.Stats.InBoth)
	}
	for i, row := range rows {
		rows[i] = strings.NewReplacer(`"prompt":"p`, `"prompt_ids":[1,`, `","response":"a`, `],"ids":[1,`, `","good"`, `],"good"`).Replace(row)
		rows[i] = strings.Replace(rows[i], `"ids":[1,`, fmt.Sprintf(`"ids":[1,%d,`, i/8), 1)
	}
	s = mustLoad(t, d, rows...)
	if s.Stats.Prompts != 50 || s.Stats.InBoth != 0 || len(s.Holdout) == 0 || len(s.Holdout)%8 != 0 {
		t.Errorf("token ids: %d held out of %d; %d prompts, %d on both sides", len(s.Holdout), s.Stats.Kept, s.Stats.Prompts, s.Stats.InBoth)
	}
}

func TestSummEvalRows(t *testing.T) {
	d := rated("coherence", "consistency", "fluency", "relevance", "length")
	d.Columns = spec.Columns{Kind: "named", Map: map[string]string{
		"prompt": "source", "response": "summary", "coherence": "scores.coherence", "consistency": "scores.consistency",
		"fluency": "scores.fluency", "relevance": "scores.relevance",
	}}
	d.OverLength, d.MaxLength, d.Prompts = "truncate_left", 1500, true
	d.Split = spec.Split{Kind: "holdout", Fraction: 0.2, By: "prompt"}
	s, err := Load(d, sharedFile(t, "summeval/summeval.jsonl"), bytesEncode)
	if err != nil {
		t.Fatal(err)
	}
	if s.Stats.Read != 1600 || s.Stats.Prompts != 100 || s.Stats.InBoth != 0 || s.Stats.Missing != nil || s.Stats.Kept < 1590 {
		t.Errorf("%+v", s.Stats)
	}
	for _, e := range append(s.Train, s.Holdout...) {
		for _, v := range e.Columns[:4] {
			if v < 1 || v > 5 {
				t.Fatalf("row %d: %v", e.Row, e.Columns)
			}
		}
		if int(e.Columns[4]) != e.Lengths[0] || e.Lengths[0] > len(e.Sequences[0].IDs) || len(e.Sequences[1].IDs) > 1500 {
			t.Fatalf("row %d: %v, lengths %v", e.Row, e.Columns, e.Lengths)
		}
	}
}

func TestHelpSteerRows(t *testing.T) {
	d := rated("quality", "helpfulness", "verbosity")
	d.Columns = spec.Columns{Kind: "named", Map: map[string]string{"quality": "label.0", "helpfulness": "label.4", "verbosity": "label.8"}}
	d.Sentinels, d.MaxLength = []float64{-100}, 100000
	path := sharedFile(t, "helpsteer2-sample/test-rm.jsonl")
	_, err := Load(d, path, bytesEncode)
	wantError(t, err, `none of 8 rows has a rating "label.0"`)
	d.Attributes = d.Attributes[1:]
	s, err := Load(d, path, bytesEncode)
	if err != nil {
		t.Fatal(err)
	}
	if s.Stats.Format != "nemo" || s.Stats.Kept != 8 || !same(s.Train[0].Columns, 4, 2) || !same(s.Train[5].Columns, 0, 3) {
		t.Errorf("%+v %v", s.Stats, s.Train)
	}
	if got := sides(s.Train[0]); !strings.HasPrefix(got, "^SA chat between") || !strings.Contains(got, "$Uexplain master slave replication nsql$A|In the context") || strings.Contains(got, "extra_id") {
		t.Errorf("read as %.300q", got)
	}
}

func TestPreviewOfRatings(t *testing.T) {
	d := rated("good", "length")
	d.Prompts = true
	path := write(t, "rows.jsonl", `{"prompt":"q","response":"abc","good":null}`+"\n"+`{"prompt":"q","response":"x","good":2}`)
	look, err := Preview(d, path, bytesEncode, 0)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(look.Views, []string{"response", "prompt"}) || len(look.Full) != 2 || len(look.Cut) != 2 || len(look.Turns) != 2 || !slices.Equal(look.Lengths, []int{4}) {
		t.Errorf("%+v", look)
	}
	if v := look.Columns["good"]; v == v || look.Columns["length"] != 4 {
		t.Errorf("columns are %v", look.Columns)
	}
	d.Missing = "drop"
	if look, err = Preview(d, path, bytesEncode, 0); err != nil || look.Dropped != "a rating is missing" {
		t.Errorf("%+v %v", look, err)
	}
}
