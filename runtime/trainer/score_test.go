package trainer

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/data"
)

// lengths scores a sequence by its number of ids; a row "ids" is one sequence,
// "pair" two.
func lengths(t *testing.T) scoring {
	t.Helper()
	return scoring{
		encode: func(row map[string]any) ([]data.Sequence, error) {
			if n, ok := row["ids"].(float64); ok {
				return []data.Sequence{{IDs: make([]int32, int(n))}}, nil
			}
			if n, ok := row["pair"].(float64); ok {
				return []data.Sequence{{IDs: make([]int32, int(n))}, {IDs: make([]int32, int(n)+1)}}, nil
			}
			return nil, errors.New("want messages, prompt and response, ids, or chosen and rejected")
		},
		score: func(all []data.Sequence) ([]float64, error) {
			out := make([]float64, len(all))
			for i, s := range all {
				out[i] = float64(len(s.IDs))
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
	s.score = func([]data.Sequence) ([]float64, error) { return nil, errors.New("out of memory") }
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
