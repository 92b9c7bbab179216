package scoring

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/rewards"
)

// lengths scores a sequence by its number of ids; a row "ids" is one sequence,
// "pair" two.
func lengths(t *testing.T) answerer {
	t.Helper()
	return answerer{
		encode: func(row map[string]any) ([]rewards.Answered, error) {
			if n, ok := row["ids"].(float64); ok {
				return []rewards.Answered{{Tokens: int(n)}}, nil
			}
			if n, ok := row["pair"].(float64); ok {
				return []rewards.Answered{{Tokens: int(n)}, {Tokens: int(n) + 1}}, nil
			}
			return nil, errors.New("want messages, prompt and response, ids, or chosen and rejected")
		},
		say: func(all []rewards.Answered) (*measure.Sayings, error) {
			out := &measure.Sayings{}
			for _, a := range all {
				out.Scores = append(out.Scores, float64(a.Tokens))
			}
			return out, nil
		},
	}
}

func TestScoreLinesKeepsOrderAndGoesOn(t *testing.T) {
	in := `{"ids":3}` + "\n" + `{"pair":5}` + "\n" + `{"ids":` + "\n" + `{"text":"x"}` + "\n" + `{"ids":0}`
	var out strings.Builder
	bad, err := scoreLines(strings.NewReader(in), &out, lengths(t))
	if err != nil || bad != 2 {
		t.Fatalf("bad %d, err %v", bad, err)
	}
	want := []string{
		`{"score":3}`, `{"chosen":5,"rejected":6}`,
		`{"line":3,"error":"broken JSON: unexpected end of JSON input"}`,
		`{"line":4,"error":"want messages, prompt and response, ids, or chosen and rejected"}`,
		`{"score":0}`, "",
	}
	if got := strings.Split(out.String(), "\n"); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestScoreLinesAcrossFlushes(t *testing.T) {
	var in strings.Builder
	n := 2*together + 7
	for i := range n {
		fmt.Fprintf(&in, `{"pair":%d}`+"\n", i)
	}
	var out strings.Builder
	if bad, err := scoreLines(strings.NewReader(in.String()), &out, lengths(t)); bad != 0 || err != nil {
		t.Fatal(bad, err)
	}
	for i, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		if want := fmt.Sprintf(`{"chosen":%d,"rejected":%d}`, i, i+1); line != want {
			t.Fatalf("line %d: %s, want %s", i+1, line, want)
		}
	}
}

func TestScoreLinesReportsTheModel(t *testing.T) {
	s := lengths(t)
	s.say = func([]rewards.Answered) (*measure.Sayings, error) { return nil, errors.New("out of memory") }
	if _, err := scoreLines(strings.NewReader(`{"ids":1}`), &strings.Builder{}, s); err == nil || err.Error() != "out of memory" {
		t.Errorf("err = %v", err)
	}
}

// What came before a line without end is answered.
func TestScoreLinesStopsAtALineWithoutEnd(t *testing.T) {
	in := io.MultiReader(strings.NewReader("{\"ids\":3}\n"), strings.NewReader(strings.Repeat("x", maxLine+1)))
	var out strings.Builder
	_, err := scoreLines(in, &out, lengths(t))
	if err == nil || err.Error() != "line 2 is longer than 64 MiB" || out.String() != "{\"score\":3}\n" {
		t.Errorf("%v after %q", err, out.String())
	}
}

// A reward's parts stand beside the score of one response, and under each side
// of a pair; three responses have a list.
func TestScoreLinesWithParts(t *testing.T) {
	s := answerer{
		encode: func(row map[string]any) ([]rewards.Answered, error) {
			return make([]rewards.Answered, int(row["n"].(float64))), nil
		},
		say: func(all []rewards.Answered) (*measure.Sayings, error) {
			out := &measure.Sayings{Beats: func(i, j int) float64 { return 0.25 }}
			for i := range all {
				out.Scores = append(out.Scores, float64(i))
				out.Parts = append(out.Parts, measure.Parts{"gates": map[string]float32{"help": float32(i) / 2}})
			}
			return out, nil
		},
	}
	in := `{"n":1}` + "\n" + `{"n":2}` + "\n" + `{"n":3}` + "\n" + `{"n":1}` + "\n"
	for bare, want := range map[bool]string{
		false: `{"gates":{"help":0},"score":0}
{"chosen":1,"chosen_parts":{"gates":{"help":0.5}},"probability":0.25,"rejected":2,"rejected_parts":{"gates":{"help":1}}}
{"parts":[{"gates":{"help":1.5}},{"gates":{"help":2}},{"gates":{"help":2.5}}],"scores":[3,4,5]}
{"gates":{"help":3},"score":6}
`,
		true: `{"score":0}
{"chosen":1,"probability":0.25,"rejected":2}
{"scores":[3,4,5]}
{"score":6}
`,
	} {
		s.bare = bare
		var out strings.Builder
		if bad, err := scoreLines(strings.NewReader(in), &out, s); bad != 0 || err != nil || out.String() != want {
			t.Errorf("bare %t: %d %v\n%s", bare, bad, err, out.String())
		}
	}
}
