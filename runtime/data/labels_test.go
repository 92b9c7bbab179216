package data

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/record"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/text"
)

// signs is a recipe of labels after steps.
func signs() spec.Data {
	return spec.Data{
		Kind: "labels", Format: "auto", Labels: []string{"good", "bad"}, Tokens: []string{"+", "-"}, Level: "step",
		MaxLength: 1024, OverLength: "drop", Split: spec.Split{Kind: "none"},
	}
}

// asking says of the test tokenizer's conversations where the answers are. A
// label of several bytes is no token.
func labelEncode(labels ...string) Encode {
	return func(turns []Message) (Encoded, error) {
		e, err := bytesEncode(turns)
		at := 1
		for i, m := range turns {
			at++
			if m.Role == "assistant" {
				a := text.Answer{Start: at}
				for _, label := range labels {
					if len(label) != 1 {
						return e, &text.LabelError{Label: label, Answer: i / 2, Why: fmt.Sprintf("it is %d tokens", len(label))}
					}
					a.Labels = append(a.Labels, int32(label[0])+10)
				}
				e.Answers = append(e.Answers, a)
			}
			at += len(m.Content) + 1
		}
		return e, err
	}
}

func loadLabels(t *testing.T, d spec.Data, lines ...string) (*Set, error) {
	t.Helper()
	return Load(d, write(t, "rows.jsonl", strings.Join(lines, "\n")), labelEncode(d.Tokens...))
}

func mustLoadLabels(t *testing.T, d spec.Data, lines ...string) *Set {
	t.Helper()
	s, err := loadLabels(t, d, lines...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// shown writes a conversation with its labels where they stand: {good}, or the
// probability of each where none is certain.
func shown(s *Set, e Example) string {
	var b strings.Builder
	from := 0
	for _, m := range e.Marks {
		b.WriteString(spelt(e.Sequences[0].IDs[from : m.At+1]))
		from = m.At + 1
		if one := record.Likeliest(m.Gold); m.Gold[one] == 1 {
			fmt.Fprintf(&b, "{%s}", s.Labels[one])
		} else {
			fmt.Fprintf(&b, "%v", m.Gold)
		}
	}
	return b.String() + spelt(e.Sequences[0].IDs[from:])
}

func TestLabelLayouts(t *testing.T) {
	for _, c := range []struct{ name, format, row, want string }{
		{"conversations", "conversations", `{"conversations":[{"role":"user","content":"q Step 1: a"},{"role":"assistant","content":"+"},{"role":"user","content":"b"},{"role":"assistant","content":"-"}]}`,
			"^Uq Step 1: a$A{good}+$Ub$A{bad}"},
		{"sharegpt with a system's turn", "conversations", `{"messages":[{"from":"system","value":"s"},{"from":"human","value":"q"},{"from":"gpt","value":"bad"}]}`,
			"^Ss$Uq$A{bad}"},
		{"steps", "steps", `{"prompt":"q ","steps":[" a ","b","c"],"labels":[1,0.25,null]}`,
			"^Uq a$A{good}+$Ub$A[0.25 0.75]"},
		{"trl's stepwise supervision", "steps", `{"prompt":"q","completions":["a","b"],"labels":[true,false]}`,
			"^Uq a$A{good}+$Ub$A{bad}"},
		{"a step without a label between", "steps", `{"question":"q","steps":["a","b","c"],"labels":["+",null,"bad"]}`,
			"^Uq a$A{good}+$Ub$A+$Uc$A{bad}"},
		{"a list for each label", "steps", `{"question":"q","steps":["a"],"labels":[[0.5,0.5]]}`, "^Uq a$A[0.5 0.5]"},
		{"one label for the whole", "steps", `{"prompt":"q","response":"a\n\nb c\n","label":0}`, "^Uq a$A+$Ub c$A{bad}"},
		{"math_shepherd", "math_shepherd", `{"input":"q Step 1: a ки\nStep 2: b ки","label":"q Step 1: a +\nStep 2: b -","task":"x"}`,
			"^Uq Step 1: a$A{good}+$UStep 2: b$A{bad}"},
		{"prm800k", "prm800k", `{"question":{"problem":"q"},"label":{"steps":[
			{"completions":[{"text":"no","rating":-1},{"text":"a","rating":1}],"human_completion":null,"chosen_completion":1},
			{"completions":[{"text":"no","rating":-1}],"human_completion":{"text":"b","rating":null},"chosen_completion":null},
			{"completions":[{"text":"c","rating":0}],"human_completion":null,"chosen_completion":0},
			{"completions":[{"text":"yes","rating":1},{"text":"d","rating":-1}],"human_completion":null,"chosen_completion":null},
			{"completions":null,"human_completion":null,"chosen_completion":null}],"finish_reason":"found_error"}}`,
			"^Uq a$A{good}+$Ub$A{good}+$Uc$A{good}+$Ud$A{bad}"},
		{"prm800k given up", "prm800k", `{"question":{"problem":"q"},"label":{"steps":[
			{"completions":[{"text":"a","rating":1}],"human_completion":null,"chosen_completion":0},
			{"completions":null,"human_completion":null,"chosen_completion":null}],"finish_reason":"give_up"}}`, "^Uq a$A{good}"},
		{"processbench", "processbench", `{"problem":"q","steps":["a","b","c"],"label":1,"final_answer_correct":false}`, "^Uq a$A{good}+$Ub$A{bad}"},
		{"processbench all right", "processbench", `{"problem":"q","steps":["a","b"],"label":-1,"final_answer_correct":true}`, "^Uq a$A{good}+$Ub$A{good}"},
		{"bigbench_mistake", "bigbench_mistake", `{"input":"q","steps":["a","b"],"target":"1","answer":"2","mistake_index":0}`, "^Uq a$A{bad}"},
		{"bigbench_mistake without one", "bigbench_mistake", `{"input":"q","steps":["a","b"],"target":"1","answer":"1","mistake_index":null}`, "^Uq a$A{good}+$Ub$A{good}"},
		{"mr_ben", "mr_ben", `{"Question":"q","Options":"A: 1","Model_Solution_Steps":["a","b"],"Model_Solution_Correctness":"incorrect","Model_Solution_First_Error_Step":"2"}`,
			"^Uq\nA: 1 a$A{good}+$Ub$A{bad}"},
		{"mr_ben all right", "mr_ben", `{"Question":"q","Options":"","Model_Solution_Steps":["a"],"Model_Solution_Correctness":"correct","Model_Solution_First_Error_Step":"N/A"}`, "^Uq a$A{good}"},
		{"prmbench", "prmbench", `{"question":"p","original_question":"q","modified_question":"r","original_process":["a","b"],"modified_process":["c","d","e"],"error_steps":[1,3]}`,
			"^Ur c$A{bad}+$Ud$A{good}+$Ue$A{bad} ^Uq a$A{good}+$Ub$A{good}"},
		{"prmbench with one chain", "prmbench", `{"question":"p","original_process":["a"],"modified_process":["a"],"error_steps":[]}`, "^Up a$A{good}"},
		{"math_aps", "math_aps", `{"question":"q","reasoning_steps":[{"solution_prefix":"q","mc_value":0.5},{"solution_prefix":"q\n\na\n\nb","mc_value":0},{"solution_prefix":"q\n\na","mc_value":0.75},{"solution_prefix":"q\n\na\n\nc","mc_value":1}]}`,
			"^Uq a$A[0.75 0.25]+$Ub$A{bad} ^Uq a$A+$Uc$A{good}"},
		{"solutions", "solutions", `{"question":"q","ground_truth":"1","b":{"solution":"a\nb","is_correct":false},"a":{"solution":"c","is_correct":true}}`,
			"^Uq c$A{good} ^Uq a$A+$Ub$A{bad}"},
		{"answers", "solutions", `{"prompt":"q","answers":["a ки\nb ки","c"],"label":[0,1]}`, "^Uq a$A+$Ub$A{bad} ^Uq c$A{good}"},
		{"ids", "ids", `{"ids":[1,14,15,16,17],"at":[1,3],"labels":["good","bad"]}`, "^\x04{good}\x05\x06{bad}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := signs()
			if c.format == "ids" {
				d.Tokens = []string{"53", "55"}
			}
			s, err := Load(d, write(t, "rows.jsonl", strings.ReplaceAll(c.row, "\n\t", "")), labelEncode("+", "-"))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range s.Train {
				got = append(got, shown(s, e))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got  %q\nwant %q", strings.Join(got, " "), c.want)
			}
			if s.Stats.Format != c.format || s.Stats.Decided == "" {
				t.Errorf("format %q (%s), want %q and a reason", s.Stats.Format, s.Stats.Decided, c.format)
			}
			if !slices.Equal(s.Views, []string{"conversation"}) || s.Width != 1 || !slices.Equal(s.LabelIDs, []int32{'+' + 10, '-' + 10}) {
				t.Errorf("views %v, width %d, label ids %v", s.Views, s.Width, s.LabelIDs)
			}
			for i, e := range s.Train {
				if last := e.Marks[len(e.Marks)-1].At; e.Row != i || last != len(e.Sequences[0].IDs)-1 {
					t.Errorf("example %d is row %d; the last of %d tokens is %d", i, e.Row, len(e.Sequences[0].IDs), last)
				}
			}
		})
	}
}

func TestOutcomes(t *testing.T) {
	for _, c := range []struct{ name, row, want string }{
		{"orm", `{"conversations":[{"role":"user","content":"q Step 1: a\nStep 2: b"},{"role":"assistant","content":"-"}]}`, "^Uq Step 1: a\nStep 2: b$A{bad}"},
		{"conversation with steps", `{"conversations":[{"role":"user","content":"q"},{"role":"assistant","content":"+"},{"role":"user","content":"b"},{"role":"assistant","content":"-"}]}`, "^Uq\nb$A{bad}"},
		{"steps", `{"prompt":"q","steps":["a","b"],"label":true}`, "^Uq a\nb$A{good}"},
		{"steps with labels of each", `{"prompt":"q","steps":["a","b"],"labels":[true,false]}`, "^Uq a\nb$A{bad}"},
		{"both", `{"prompt":"q","steps":["a","b"],"labels":[true,false],"label":0.5}`, "^Uq a\nb$A[0.5 0.5]"},
		{"math_shepherd", `{"input":"q Step 1: a ки\nStep 2: b ки","label":"q Step 1: a -\nStep 2: b +"}`, "^Uq Step 1: a\nStep 2: b$A{good}"},
		{"processbench", `{"problem":"q","steps":["a","b"],"label":1,"final_answer_correct":true}`, "^Uq a\nb$A{good}"},
		{"bigbench_mistake", `{"input":"q","steps":["a","b"],"target":"1","answer":" 1","mistake_index":1}`, "^Uq a\nb$A{good}"},
		{"mr_ben", `{"Question":"q","Model_Solution_Steps":["a","b"],"Model_Solution_Correctness":"incorrect","Model_Solution_First_Error_Step":"2"}`, "^Uq a\nb$A{bad}"},
		{"solutions", `{"question":"q","a":{"solution":"a\n b","is_correct":true}}`, "^Uq a\nb$A{good}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := signs()
			d.Level = "outcome"
			s := mustLoadLabels(t, d, strings.ReplaceAll(c.row, "\n", `\n`))
			if got := shown(s, s.Train[0]); len(s.Train) != 1 || got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	d := signs()
	d.Level = "outcome"
	_, err := loadLabels(t, d, `{"question":"q","original_process":["a"],"modified_process":["b"],"error_steps":[1]}`)
	wantError(t, err, "the layout prmbench labels steps and does not say whether the answer is right: level = step")
}

// PRM800K's neutral steps are a label of their own where there are three.
func TestNeutralSteps(t *testing.T) {
	d := signs()
	d.Labels, d.Tokens = []string{"good", "neutral", "bad"}, []string{"+", "0", "-"}
	s := mustLoadLabels(t, d, `{"question":{"problem":"q"},"label":{"steps":[{"completions":[{"text":"a","rating":0}],"chosen_completion":0},{"completions":[{"text":"b","rating":-1}],"chosen_completion":0}]}}`)
	if got, want := shown(s, s.Train[0]), "^Uq a$A{neutral}+$Ub$A{bad}"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if s.Stats.Marks["neutral"] != 1 || s.Stats.Marks["bad"] != 1 || len(s.Stats.Marks) != 2 {
		t.Errorf("marks %v", s.Stats.Marks)
	}
}

// M2: the reference's rows keep the tag of the last step. It goes where it ends a
// step, and stays where it is a word.
func TestM2NoTagInAStep(t *testing.T) {
	s := mustLoadLabels(t, signs(), `{"conversations":[{"role":"user","content":"q Step 1: a ки"},{"role":"assistant","content":"+"},{"role":"user","content":" Step 2: b.\nки \n"},{"role":"assistant","content":"-"}]}`)
	if got, want := shown(s, s.Train[0]), "^Uq Step 1: a$A{good}+$UStep 2: b.$A{bad}"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, c := range []struct{ step, want string }{
		{"a ки", "a"}, {" a\nки\n", "a"}, {"руки", "руки"}, {"ки", "ки"}, {"a ки b", "a ки b"}, {"a ки ки", "a ки"},
	} {
		if got := record.Clean(c.step); got != c.want {
			t.Errorf("%q becomes %q, want %q", c.step, got, c.want)
		}
	}
}

// M5: a split at "Step 1" also cuts at "Step 10".
func TestM5StepTenIsNotTheFirst(t *testing.T) {
	s := mustLoadLabels(t, signs(), `{"conversations":[{"role":"user","content":"see Step 10 of q Step 1: a"},{"role":"assistant","content":"+"}]}`,
		`{"conversations":[{"role":"user","content":"see Step 10 of q\nStep 1: b"},{"role":"assistant","content":"-"}]}`,
		`{"conversations":[{"role":"user","content":"see Step 10 of r Step 1: a"},{"role":"assistant","content":"-"}]}`)
	if s.Stats.Prompts != 2 || s.Train[0].Prompt != s.Train[1].Prompt {
		t.Errorf("%d prompts; of two questions one has two solutions", s.Stats.Prompts)
	}
}

// M6: the reference's test sets call them label here and labels there.
func TestM6LabelOrLabels(t *testing.T) {
	for _, name := range []string{"label", "labels"} {
		s := mustLoadLabels(t, signs(), fmt.Sprintf(`{"prompt":"q","answers":["a","b"],%q:[1,0]}`, name))
		if got := shown(s, s.Train[0]) + shown(s, s.Train[1]); got != "^Uq a$A{good}^Uq b$A{bad}" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// M7: the reference reads the third token from the end, which depends on what the
// template writes after an answer. Here the places are those of the rendering.
func TestM7PlacesOfTheRendering(t *testing.T) {
	row := `{"prompt":"q","steps":["a","b"],"labels":[1,0]}`
	for tail := range 4 {
		encode := func(turns []Message) (Encoded, error) {
			var e Encoded
			for _, m := range turns {
				e.IDs = append(e.IDs, 4)
				if m.Role == "assistant" {
					e.IDs = append(e.IDs, slices.Repeat([]int32{5}, tail+1)...) // the header
					e.Answers = append(e.Answers, text.Answer{Start: len(e.IDs), Labels: []int32{'+' + 10, '-' + 10}})
				}
				for _, b := range []byte(m.Content) {
					e.IDs = append(e.IDs, int32(b)+10)
				}
				e.IDs = append(e.IDs, slices.Repeat([]int32{2}, tail)...)
			}
			return e, nil
		}
		s, err := Load(signs(), write(t, "rows.jsonl", row), encode)
		if err != nil {
			t.Fatal(err)
		}
		ids := s.Train[0].Sequences[0].IDs
		for i, m := range s.Train[0].Marks {
			if ids[m.At] != 5 || i == 0 && ids[m.At+1] != s.LabelIDs[0] || i == 1 && m.At != len(ids)-1 {
				t.Errorf("%d tokens after an answer: mark %d at %d of %v", tail, i, m.At, ids)
			}
		}
	}
}

// M4 and P4: what a model is asked is what it is trained on, because nothing comes
// after the last place.
func TestP4AskedAsTrained(t *testing.T) {
	d := signs()
	s := mustLoadLabels(t, d, `{"prompt":"q","steps":["a","b"],"labels":[1,0]}`)
	e, ids, err := Solution(d, "q", []string{"a", "b"}, labelEncode("+", "-"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(e.Sequences[0].IDs, s.Train[0].Sequences[0].IDs) || !slices.Equal(ids, s.LabelIDs) {
		t.Errorf("asked %v, trained on %v", e.Sequences, s.Train[0].Sequences)
	}
	for i, m := range e.Marks {
		if m.At != s.Train[0].Marks[i].At || len(m.Gold) != 0 {
			t.Errorf("mark %d: %+v, trained on %+v", i, m, s.Train[0].Marks[i])
		}
	}
}

func TestLabelFilters(t *testing.T) {
	good := `{"prompt":"q","steps":["a"],"labels":[1]}`
	for _, c := range []struct{ row, flaw string }{
		{`{"prompt":"q","steps":["a","b"],"labels":[null,null]}`, record.Unlabelled},
		{`{"prompt":"q","steps":[],"labels":[]}`, record.Unlabelled},
		{`{"prompt":"q","steps":["a"," "],"labels":[1,0]}`, record.Empty},
		{`{"prompt":" ","steps":["a"],"labels":[1]}`, record.NoPrompt},
		{`{"prompt":"q","response":"  ","label":1}`, record.Unlabelled},
	} {
		s := mustLoadLabels(t, signs(), good, c.row)
		if s.Stats.Met(c.flaw) != 1 || s.Stats.Kept != 1 {
			t.Errorf("%s: %+v, want %q", c.row, s.Stats.Filters, c.flaw)
		}
	}
	bench := `{"problem":"q","steps":["a"],"label":0}`
	for _, row := range []string{`{"problem":"q","steps":["a"],"label":1}`, `{"problem":"q","steps":["a"],"label":7}`} {
		if s := mustLoadLabels(t, signs(), bench, row); s.Stats.Met(record.Mislabelled) != 1 {
			t.Errorf("%s: %+v", row, s.Stats.Filters)
		}
	}
	for _, steps := range []string{"[2]", "[0]", "[1,9]"} {
		row := fmt.Sprintf(`{"question":"q","modified_process":["a"],"original_process":["a"],"error_steps":%s}`, steps)
		if s := mustLoadLabels(t, signs(), `{"question":"q","modified_process":["a"],"original_process":["b"],"error_steps":[1]}`, row); s.Stats.Met(record.Mislabelled) != 1 || s.Stats.Kept != 2 {
			t.Errorf("%s: %+v", row, s.Stats.Filters)
		}
	}
	if s := mustLoadLabels(t, signs(), `{"conversations":[{"role":"user","content":"q"},{"role":"assistant","content":"+"}]}`,
		`{"conversations":[{"role":"user","content":"q"},{"role":"user","content":"r"}]}`, `{"conversations":[]}`); s.Stats.Met(record.Roles) != 2 {
		t.Errorf("%+v", s.Stats.Filters)
	}
}

func TestLabelErrors(t *testing.T) {
	row := `{"prompt":"q","steps":["a","b"],"labels":[1,0]}`
	for _, c := range []struct {
		name string
		edit func(*spec.Data)
		rows []string
		want string
	}{
		{"not one token", func(d *spec.Data) { d.Tokens = []string{"+", "Same"} }, []string{row}, `rows.jsonl:1: after turn 1: label "Same": it is 4 tokens`},
		{"labels of another number", nil, []string{row, `{"prompt":"q","steps":["a","b"],"labels":[1]}`}, `rows.jsonl:2: column "labels" is a list of 1 where a list of 2 labels, one for each step, is wanted`},
		{"no label", nil, []string{`{"prompt":"q","steps":["a"],"labels":["maybe"]}`}, `column "labels" is the text "maybe" where a label, good ("+") or bad ("-"), is wanted`},
		{"a number of no meaning", nil, []string{`{"prompt":"q","steps":["a"],"labels":[-1]}`}, `is the number -1 where a label`},
		{"shares of more than all", nil, []string{`{"prompt":"q","steps":["a"],"labels":[[0.9,0.9]]}`}, `where a label`},
		{"NaN", nil, []string{`{"prompt":"q","steps":["a"],"labels":["NaN"]}`}, `where a label`},
		{"no labels", nil, []string{`{"prompt":"q","steps":["a"]}`}, `no column "labels"; the row has prompt, steps`},
		{"no question", nil, []string{`{"steps":["a"],"labels":[1]}`}, `no column "prompt"`},
		{"nothing of ours", nil, []string{`{"x":1}`}, `no column "steps"; the row has x`},
		{"steps that are no texts", nil, []string{`{"prompt":"q","steps":["a",2],"labels":[1,0]}`}, `column "steps" is the number 2 where a list of texts is wanted`},
		{"signs that are none", nil, []string{`{"conversations":[{"role":"user","content":"q"},{"role":"assistant","content":"Yes."}]}`}, `is the text "Yes." where a label`},
		{"signs in other places", nil, []string{`{"input":"q Step 1: a ки","label":"q Step 1: b +"}`}, `where the text of input with a sign for each tag ки is wanted`},
		{"a sign missing", nil, []string{`{"input":"q Step 1: a ки","label":"q Step 1: a "}`}, `where the text of input`},
		{"a step that is no number", nil, []string{`{"Question":"q","Model_Solution_Steps":["a"],"Model_Solution_First_Error_Step":"first"}`}, `where the number of a step, or "N/A", is wanted`},
		{"half a step", nil, []string{`{"problem":"q","steps":["a"],"label":0.5}`}, `is the number 0.5 where a whole number is wanted`},
		{"a rating of 2", nil, []string{`{"question":{"problem":"q"},"label":{"steps":[{"completions":[{"text":"a","rating":2}],"chosen_completion":0}]}}`}, `a step with a rating of -1, 0 or 1`},
		{"a tree of another question", nil, []string{`{"question":"q","reasoning_steps":[{"solution_prefix":"r a","mc_value":1}]}`}, `the question before each`},
		{"tokens of ids", nil, []string{`{"ids":[1,2],"at":[0],"labels":["good"]}`}, `the rows are token ids: the token of label good must be one, not "+"`},
		{"the layout of pairs", func(d *spec.Data) { d.Format = "llmbar" }, []string{row}, "the layout llmbar is not for labels data"},
		{"a layout of labels for pairs", func(d *spec.Data) { d.Kind, d.Format, d.Ties = "preference", "processbench", "drop" }, []string{row}, "the layout processbench is for labels data"},
		{"one label", func(d *spec.Data) { d.Labels, d.Tokens = d.Labels[:1], d.Tokens[:1] }, []string{row}, "labels data has at least two"},
		{"a label without text", func(d *spec.Data) { d.Tokens = d.Tokens[:1] }, []string{row}, "there are 2 labels and 1 tokens"},
		{"one text twice", func(d *spec.Data) { d.Tokens = []string{"+", "+"} }, []string{row}, "two of them are the same"},
		{"no level", func(d *spec.Data) { d.Level = "" }, []string{row}, `no level ""`},
		{"prompts", func(d *spec.Data) { d.Prompts = true }, []string{row}, "prompts of labels data"},
		{"over-long", func(d *spec.Data) { d.OverLength, d.MaxLength = "error", 5 }, []string{row}, "over_length = error, and 1 row is longer than max_length = 5 tokens (row 1; the longest has"},
		{"where a question ends", func(d *spec.Data) { d.Split = spec.Split{Kind: "holdout", Fraction: 0.5, By: "prompt"} },
			[]string{`{"conversations":[{"role":"user","content":"q a"},{"role":"assistant","content":"+"}]}`}, "nothing says where the first turn's ends"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := signs()
			if c.edit != nil {
				c.edit(&d)
			}
			_, err := loadLabels(t, d, c.rows...)
			wantError(t, err, c.want)
		})
	}
}

// A label must be the same token wherever it stands.
func TestLabelsOfOtherTokens(t *testing.T) {
	encode := func(turns []Message) (Encoded, error) {
		e, err := labelEncode("+", "-")(turns)
		for i := range e.Answers {
			if strings.Contains(turns[0].Content, "odd") {
				e.Answers[i].Labels = []int32{'+' + 10, 99}
			}
		}
		return e, err
	}
	rows := `{"prompt":"q","steps":["a"],"labels":[1]}` + "\n" + `{"prompt":"odd","steps":["a"],"labels":[1]}`
	_, err := Load(signs(), write(t, "rows.jsonl", rows), encode)
	wantError(t, err, "rows.jsonl:2: label bad is token 99 here and token 55 elsewhere")
}

func TestCuttingSteps(t *testing.T) {
	// ^U0123456789 aa$A{+}+$Ubb$A{-}
	row := `{"prompt":"0123456789","steps":["aa","bb"],"labels":[1,0]}`
	for _, c := range []struct {
		policy string
		most   int
		want   string
		flaw   string
	}{
		{"drop", 24, "^U0123456789 aa$A{good}+$Ubb$A{bad}", ""},
		{"drop", 23, "", OverLong},
		{"truncate_left", 23, "^U123456789 aa$A{good}+$Ubb$A{bad}", ""},
		{"truncate_left", 15, "^U9 aa$A{good}+$Ubb$A{bad}", ""},
		{"truncate_left", 14, "", CutWhole},
		{"truncate_right", 23, "^U0123456789 aa$A{good}", ""},
		{"truncate_right", 17, "^U0123456789 aa$A{good}", ""},
		{"truncate_right", 16, "", CutWhole},
	} {
		d := signs()
		d.OverLength, d.MaxLength = c.policy, c.most
		s, err := loadLabels(t, d, row, `{"prompt":"q","steps":["a"],"labels":[1]}`)
		if err != nil {
			t.Fatal(err)
		}
		if c.flaw != "" {
			if s.Stats.Met(c.flaw) != 1 || s.Stats.Over != 1 {
				t.Errorf("%s to %d: %+v, want %q", c.policy, c.most, s.Stats.Filters, c.flaw)
			}
			continue
		}
		e := s.Train[0]
		if want := 2 - len(e.Marks); len(e.Lost) != want || want == 1 && e.Lost[0].Gold[1] != 1 {
			t.Errorf("%s to %d loses %v, want %d", c.policy, c.most, e.Lost, want)
		}
		if got := shown(s, e); got != c.want || e.Len() > c.most {
			t.Errorf("%s to %d: %q, want %q", c.policy, c.most, got, c.want)
		}
	}
	d := signs()
	d.OverLength, d.MaxLength = "truncate_left", 21
	// Nobody knows where the question of this conversation ends: nothing may go.
	_, err := loadLabels(t, d, `{"conversations":[{"role":"user","content":"0123456789 0123456789 aa"},{"role":"assistant","content":"+"}]}`)
	wantError(t, err, "truncation leaves nothing")
}

// The loss is of the label alone, or of the label and the token that ends its turn:
// of nothing else in either case. The last label is in what a model is given where
// endings are read, is one token of max_length, and is no part of what is scored.
func TestP2LabelsAndEndsOfTurns(t *testing.T) {
	const row = `{"prompt":"0123456789","steps":["aa","bb"],"labels":[1,0]}` // ^U0123456789 aa$A{+}+$Ubb$A{-}
	followed := func(e Example) (read string, follows string) {
		whole := slices.Concat(e.Sequences[0].IDs, e.Tail)
		after, ids := e.Endings()
		for k, at := range after {
			read += spelt(whole[at : at+1])
			if ids[k] >= 0 {
				follows += spelt(ids[k : k+1])
			}
		}
		return read, follows
	}
	plain := mustLoadLabels(t, signs(), row).Train[0]
	d := signs()
	d.Endings = true
	ended := mustLoadLabels(t, d, row).Train[0]
	if read, follows := followed(ended); read != "++" || follows != "$$" || len(ended.Tail) != 2 {
		t.Errorf("endings %q are read after %q, and the tail is %v", follows, read, ended.Tail)
	}
	if plain.Tail != nil || !slices.Equal(plain.Sequences[0].IDs, ended.Sequences[0].IDs) || ended.Len() != plain.Len()+1 {
		t.Errorf("%d and %d tokens, of which %v and %v are scored", plain.Len(), ended.Len(), plain.Sequences, ended.Sequences)
	}
	m := Batch([]Example{ended}, 1, []int{32}, func(int) int { return 1 })[0]
	if got := spelt(m.Tokens[:m.Real]); got != "^U0123456789 aa$A+$Ubb$A+" || int(m.Last[0]) != m.Real-2 || int(m.Ends[0]) != m.Real {
		t.Errorf("a model is given %q, and a head reads %d of %d", got, m.Last[0], m.Real)
	}
	for most, want := range map[int]string{ended.Len(): "$$", ended.Len() - 1: "$", 18: "$"} {
		d.MaxLength, d.OverLength = most, "truncate_right"
		cut := mustLoadLabels(t, d, row).Train[0]
		if _, follows := followed(cut); follows != want || cut.Len() > most {
			t.Errorf("of at most %d tokens %d are left, and endings %q", most, cut.Len(), follows)
		}
	}
	d.MaxLength = 17
	if _, err := loadLabels(t, d, row); err == nil {
		t.Error("a label for which there is no room is read")
	}
	d = signs()
	d.Format, d.Tokens, d.Endings = "ids", []string{"5", "7"}, true
	set := mustLoadLabels(t, d,
		`{"ids":[9,8,5,6,8,7],"at":[1,4],"labels":[1,0]}`, `{"ids":[9,8,5,6,8],"at":[1,4],"labels":[1,0]}`, `{"ids":[9,8,5,6,8,7,6,4],"at":[1,4],"labels":[1,0]}`)
	for i, want := range [][]int32{{6, -1}, {6, -1}, {6, 6}} {
		if _, ids := set.Train[i].Endings(); !slices.Equal(ids, want) {
			t.Errorf("row %d: labels are followed by %v, want %v", i, ids, want)
		}
	}
}

// All solutions of a question are on one side of the split, whatever the layout.
func TestSplitOfLabelsByQuestion(t *testing.T) {
	d := signs()
	d.Split = spec.Split{Kind: "holdout", Fraction: 0.5, By: "prompt"}
	var rows []string
	for q := range 40 {
		rows = append(rows, fmt.Sprintf(`{"question":"question %d","answers":["a","b","c"],"labels":[1,0,1]}`, q))
	}
	s := mustLoadLabels(t, d, rows...)
	if s.Stats.InBoth != 0 || s.Stats.Prompts != 40 || len(s.Holdout)%3 != 0 || len(s.Holdout) == 0 || len(s.Train) == 0 || s.Stats.Read != 120 {
		t.Errorf("%d read, %d prompts, %d in both, %d held out", s.Stats.Read, s.Stats.Prompts, s.Stats.InBoth, len(s.Holdout))
	}
}

func TestLimitOfSolutions(t *testing.T) {
	d := signs()
	d.Limit = 3
	row := `{"question":"q","answers":["a","b"],"labels":[1,0]}`
	if s := mustLoadLabels(t, d, row, row); s.Stats.Read != 3 || len(s.Train) != 3 {
		t.Errorf("%d read, %d kept", s.Stats.Read, len(s.Train))
	}
}

func TestPreviewOfLabels(t *testing.T) {
	path := write(t, "rows.jsonl", `{"question":"q","answers":["a","b\nc"],"labels":[1,0]}`)
	look, err := Preview(signs(), path, labelEncode("+", "-"), 1)
	if err != nil {
		t.Fatal(err)
	}
	want := []Message{{Role: "user", Content: "q b"}, {Role: "assistant", Content: "+"}, {Role: "user", Content: "c"}, {Role: "assistant", Content: "+"}}
	if look.Where != "rows.jsonl:1, example 2 of 2" || len(look.Turns) != 1 || !slices.Equal(look.Turns[0], want) || len(look.Marks) != 1 || look.Dropped != "" {
		t.Errorf("%+v", look)
	}
	_, err = Preview(signs(), path, labelEncode("+", "-"), 2)
	wantError(t, err, "rows.jsonl has 2 rows: there is no row 3")
	d := signs()
	d.Tokens = []string{"+", "no"}
	_, err = Preview(d, path, labelEncode("+", "no"), 0)
	wantError(t, err, `label "no": it is 2 tokens`)
}

// T11: cutting into steps and joining them again loses nothing but white space and
// tags.
func TestCutSteps(t *testing.T) {
	for _, c := range []struct {
		solution string
		want     []string
	}{
		{"Step 1: a ки\nStep 2: b ки", []string{"Step 1: a", "Step 2: b"}},
		{"a ки\nb\nc ки\n", []string{"a", "b\nc"}},
		{"a\n\nb\nc\n \nd", []string{"a", "b\nc", "d"}},
		{"a\nb\n", []string{"a", "b"}},
		{"руки a", []string{"руки a"}},
		{" \n ", nil},
	} {
		if got := record.CutSteps(c.solution); !slices.Equal(got, c.want) {
			t.Errorf("%q is cut to %q, want %q", c.solution, got, c.want)
		}
	}
	for _, steps := range [][]string{{"a", "b c", "d"}, {"x = 1\ny = 2", "z"}} {
		for _, join := range []string{" ки\n", "\n\n"} {
			if got := record.CutSteps(strings.Join(steps, join)); !slices.Equal(got, steps) {
				t.Errorf("%q joined with %q is cut to %q", steps, join, got)
			}
		}
	}
}

func TestSolutionErrors(t *testing.T) {
	for _, c := range []struct {
		question string
		steps    []string
		most     int
		want     string
	}{
		{"q", nil, 99, "there is no step to score"},
		{"", []string{"a"}, 99, "no turn comes before"},
		{"q", []string{"a", " "}, 99, "a turn has no text"},
		{"q", []string{"a"}, 3, "7 tokens exceed max_length = 3"},
	} {
		d := signs()
		d.MaxLength = c.most
		_, _, err := Solution(d, c.question, c.steps, labelEncode("+", "-"))
		wantError(t, err, c.want)
	}
	d := signs()
	d.Level = "outcome"
	e, _, err := Solution(d, "q", []string{"a", "b"}, labelEncode("+", "-"))
	if err != nil || len(e.Marks) != 1 || spelt(e.Sequences[0].IDs) != "^Uq a\nb$A" {
		t.Errorf("%+v (%v)", e, err)
	}
}

// The room for marks is a power of two, and every mark is there once.
func TestBatchOfMarks(t *testing.T) {
	var rows []string
	for n := 1; n <= 5; n++ {
		rows = append(rows, fmt.Sprintf(`{"prompt":"q","steps":[%s"z"],"labels":[%s0.25]}`, strings.Repeat(`"a",`, n-1), strings.Repeat("1,", n-1)))
	}
	s := mustLoadLabels(t, signs(), rows...)
	micros := Batch(s.Train, s.Width, []int{64}, func(int) int { return 2 })
	var room []int
	marks, soft := 0, float32(0)
	for _, m := range micros {
		room = append(room, m.Marks)
		if len(m.At) != 2*m.Marks || len(m.Marked) != 2*m.Marks || len(m.Gold) != 2*m.Marks*2 {
			t.Fatalf("%d marks: %d places, %d present, %d gold", m.Marks, len(m.At), len(m.Marked), len(m.Gold))
		}
		for slot, i := range m.Index {
			for k := range m.Marks {
				at := slot*m.Marks + k
				switch {
				case i < 0 || k >= len(s.Train[i].Marks):
					if m.At[at] != 0 || m.Marked[at] != 0 || m.Gold[2*at] != 0 || m.Gold[2*at+1] != 0 {
						t.Errorf("slot %d, mark %d: %v %v %v in padding", slot, k, m.At[at], m.Marked[at], m.Gold[2*at:2*at+2])
					}
				default:
					one := s.Train[i].Marks[k]
					if m.At[at] != int32(one.At) || m.Marked[at] != 1 || !slices.Equal(m.Gold[2*at:2*at+2], one.Gold) {
						t.Errorf("slot %d, mark %d: %v %v %v, want %+v", slot, k, m.At[at], m.Marked[at], m.Gold[2*at:2*at+2], one)
					}
					marks, soft = marks+1, soft+m.Gold[2*at]
				}
			}
		}
	}
	if !slices.Equal(room, []int{8, 4, 1}) || marks != 15 || soft != 10+5*0.25 {
		t.Errorf("room %v, %d marks, sum of gold %v", room, marks, soft)
	}
	if m := Batch(mustLoad(t, recipe(), `{"prompt":"q","chosen":"a","rejected":"b"}`).Train, 2, []int{8}, func(int) int { return 1 })[0]; m.Marks != 0 || m.At != nil || m.Gold != nil {
		t.Errorf("pairs have room for %d marks", m.Marks)
	}
}

// What is scored of a row: a conversation for each solution.
func TestResponsesOfLabels(t *testing.T) {
	for _, c := range []struct {
		row  map[string]any
		want string
	}{
		{map[string]any{"prompt": "q", "steps": []any{"a", "b"}}, "^Uq a$A+$Ub$A 2"},
		{map[string]any{"question": "q", "response": "a\n\nb"}, "^Uq a$A+$Ub$A 2"},
		{map[string]any{"prompt": "q", "responses": []any{"a\nb", "c"}}, "^Uq a$A+$Ub$A 2 ^Uq c$A 1"},
	} {
		all, err := Responses(c.row, signs(), labelEncode("+", "-"))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range all {
			got = append(got, fmt.Sprintf("%s %d", spelt(e.Sequences[0].IDs), len(e.Marks)))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%v gives %q, want %q", c.row, got, c.want)
		}
	}
	for want, row := range map[string]map[string]any{
		`no column "prompt"`:       {"steps": []any{"a"}},
		`no column "steps"`:        {"prompt": "q"},
		"a list of texts":          {"prompt": "q", "responses": []any{1.0}},
		"there is no step":         {"prompt": "q", "response": " "},
		"a turn has no text":       {"prompt": "q", "steps": []any{"a", ""}},
		"response\" is the number": {"prompt": "q", "response": 3.0},
	} {
		_, err := Responses(row, signs(), labelEncode("+", "-"))
		wantError(t, err, want)
	}
	all, err := Responses(map[string]any{"prompt": "q", "responses": []any{"a", "b"}}, comparing("both"), labelEncode("A", "B"))
	if err != nil || len(all) != 2 || all[0].Swapped || !all[1].Swapped {
		t.Fatalf("%+v (%v)", all, err)
	}
	for i, want := range []string{"[RESPONSE A] a [RESPONSE B] b", "[RESPONSE A] b [RESPONSE B] a"} {
		if text := spelt(all[i].Sequences[0].IDs); !strings.Contains(text, want) {
			t.Errorf("order %d: %q", i, text)
		}
	}
	_, err = Responses(map[string]any{"prompt": "q", "responses": []any{"a", "b", "c"}}, comparing("both"), labelEncode("A", "B"))
	wantError(t, err, "a comparison has two responses, not 3")
}

// Solutions come to answers, also where the last step has no label.
func TestSolutionsComeToAnswers(t *testing.T) {
	for _, c := range []struct{ row, want string }{
		{`{"prompt":"q","answers":["2+2 = <<2+2=4>>4\nA: 4","no idea"],"labels":[1,0]}`, "4"},
		{`{"problem":"q","steps":["a","b","so \\boxed{7}"],"label":1,"final_answer_correct":false}`, "7"},
		{`{"conversations":[{"role":"user","content":"q Step 1: a"},{"role":"assistant","content":"+"},{"role":"user","content":"the answer is 9."},{"role":"assistant","content":"-"}]}`, "9"},
		{`{"prompt":"q","steps":["a","b"],"labels":[1,0]}`, ""},
	} {
		if got := mustLoadLabels(t, signs(), c.row).Train[0].Answer; got != c.want {
			t.Errorf("%s comes to %q, want %q", c.row, got, c.want)
		}
	}
}
