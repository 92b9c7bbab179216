package data

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// bench loads rows of a benchmark.
func bench(t *testing.T, kind, rows string, change func(*spec.Data)) (*Set, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "b.jsonl")
	if err := os.WriteFile(path, []byte(rows), 0o644); err != nil {
		t.Fatal(err)
	}
	d := spec.Data{Kind: kind, Format: "auto", MaxLength: 64, OverLength: "truncate_left", Ties: "drop", Split: spec.Split{Kind: "none"}, Subsets: true}
	if change != nil {
		change(&d)
	}
	return Load(d, path, bytesEncode)
}

func TestChoicesSayWhichAreBetter(t *testing.T) {
	set, err := bench(t, "ranking", `{"prompt":"q","chosen":["a","b"],"rejected":["c","c","b"],"subset":"Ties","id":"tied:3"}
{"prompt":"r","chosen":["x"],"rejected":["y"],"subset":"Math","id":7}
`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if set.Stats.Format != "choices" || len(set.Train) != 2 {
		t.Fatalf("%+v", set.Stats)
	}
	first := set.Train[0] // although two of its wrong answers, and a right and a wrong one, are alike
	if first.Better != 2 || len(first.Sequences) != 5 || first.Subset != "Ties" || first.Name != "tied:3" {
		t.Errorf("%+v", first)
	}
	if !slices.Equal(first.Sequences[2].IDs, first.Sequences[3].IDs) {
		t.Error("the wrong ones are not in their order")
	}
	if second := set.Train[1]; second.Name != "7" || second.Better != 1 {
		t.Errorf("%+v", second)
	}
}

func TestSubsetsOfPairs(t *testing.T) {
	row := `{"prompt":"q","chosen":"a","rejected":"b","source":"easy"}`
	set, err := bench(t, "preference", row, func(d *spec.Data) {
		d.Columns = spec.Columns{Kind: "named", Map: map[string]string{"subset": "source"}}
	})
	if err != nil || set.Train[0].Subset != "easy" || set.Train[0].Better != 0 {
		t.Errorf("%v: %v", set, err)
	}
	if _, err = bench(t, "preference", row, nil); err == nil || !strings.Contains(err.Error(), "columns = named { subset =") {
		t.Error(err)
	}
	set, err = bench(t, "preference", row, func(d *spec.Data) { d.Subsets = false })
	if err != nil || set.Train[0].Subset != "" {
		t.Errorf("%v: %v", set, err)
	}
}

func TestChoicesThatCannotBeRead(t *testing.T) {
	for what, row := range map[string]string{
		"a list of responses":   `{"prompt":"q","chosen":["a"],"rejected":[],"subset":"s"}`,
		"response 2":            `{"prompt":"q","chosen":["a",1],"rejected":["b"],"subset":"s"}`,
		`column "subset" is`:    `{"prompt":"q","chosen":["a"],"rejected":["b"],"subset":3}`,
		`no column "prompt"`:    `{"chosen":["a"],"rejected":["b"],"subset":"s"}`,
		`no column "responses"`: `{"prompt":"q","chosen":["a"],"subset":"s"}`,
		"none of its 1 rows":    `{"prompt":"q","chosen":[""],"rejected":["b"],"subset":"s"}`,
	} {
		if _, err := bench(t, "ranking", row, nil); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%q: %v", what, err)
		}
	}
	choices := func(d *spec.Data) { d.Format = "choices" }
	if _, err := bench(t, "preference", `{"prompt":"q","chosen":["a"],"rejected":["b"],"subset":"s"}`, choices); err == nil || !strings.Contains(err.Error(), "for ranking data") {
		t.Error(err)
	}
}

// No row of the benchmark is lost, and each has its three right and three wrong
// responses: RM-Bench counts every one, of which some are alike.
func TestRMBenchRows(t *testing.T) {
	for name, rows := range map[string]int{"chat": 129, "safety-refuse": 284, "safety-response": 157} {
		d := spec.Data{Kind: "ranking", Format: "auto", MaxLength: 40000, OverLength: "truncate_left", Ties: "error", Split: spec.Split{Kind: "none"}, Subsets: true}
		s, err := Load(d, sharedFile(t, "rm-bench/"+name+"_filtered.json"), bytesEncode)
		if err != nil {
			t.Fatal(err)
		}
		if s.Stats.Format != "choices" || s.Stats.Read != rows || s.Stats.Kept != rows {
			t.Errorf("%s: %+v", name, s.Stats)
		}
		for _, e := range s.Train {
			if e.Better != 3 || len(e.Sequences) != 6 || e.Subset == "" || e.Name == "" {
				t.Fatalf("%s: row %d: %d of %d, %q, %q", name, e.Row, e.Better, len(e.Sequences), e.Subset, e.Name)
			}
		}
	}
}

// Rows of JudgeBench are read by naming their columns.
func TestJudgeBenchRows(t *testing.T) {
	names := map[string]string{"input": "question", "output_1": "response_A", "output_2": "response_B", "subset": "source"}
	set, err := bench(t, "preference", `{"question":"q","response_A":"a","response_B":"bb","label":"B>A","source":"mmlu-pro-law"}
{"question":"q","response_A":"a","response_B":"bb","label":"A>B","source":"livebench-math"}
{"question":"q","response_A":"a","response_B":"bb","label":"A=B","source":"livebench-math"}
`, func(d *spec.Data) { d.Columns = spec.Columns{Kind: "named", Map: names} })
	if err != nil || len(set.Train) != 2 {
		t.Fatalf("%+v: %v", set, err)
	}
	first, second := set.Train[0], set.Train[1]
	if first.Subset != "mmlu-pro-law" || first.Lengths[0] <= first.Lengths[1] || second.Lengths[0] >= second.Lengths[1] {
		t.Errorf("%+v\n%+v", first, second)
	}
}
