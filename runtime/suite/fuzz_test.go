package suite

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// FuzzScore makes rows of bytes for each rule: whatever is not refused has finite
// numbers in their bounds, that JSON can hold.
func FuzzScore(f *testing.F) {
	for kind := range uint8(5) {
		f.Add(kind, uint8(1), []byte{1, 2, 1, 2, 3, 3, 0, 1, 2, 2, 2, 5, 9, 1})
		f.Add(kind, uint8(3), []byte{1, 2, 3, 4, 5, 6, 6, 5, 4, 3, 2, 1})
		f.Add(kind, uint8(2), []byte{})
	}
	f.Fuzz(func(t *testing.T, kind, better uint8, scores []byte) {
		s := of([]spec.Rule{wrong, {Kind: "best_of"}, {Kind: "grid", Ties: "half"}, ties, {Kind: "first_error", Threshold: 0.5}}[kind%5])
		size := []int{2, 4, 6, 4, 3}[kind%5]
		var rows []Row
		for i := 0; i+size <= len(scores) && i < 20*size; i += size {
			n := i / size
			row := Row{Row: n, Subset: fmt.Sprint("s", n%2), Prompt: fmt.Sprint(n / 3), Name: fmt.Sprintf("%s:%d", []string{"ref", "tied"}[n%2], n/2), Better: int(better % 8), Error: int(better)%size - 1}
			for _, b := range scores[i : i+size] {
				row.Scores = append(row.Scores, float64(b)/16)
			}
			rows = append(rows, row)
		}
		table, err := Score(s, rows)
		if err != nil {
			return
		}
		if _, err := json.Marshal(table); err != nil {
			t.Fatal(err)
		}
		for _, l := range append([]Line{table.Overall, table.Sections[0].Line}, table.Sections[0].Subsets...) {
			for _, x := range []float64{l.Value, l.Interval[0], l.Interval[1]} {
				if math.IsNaN(x) || x < -0.01 || x > 1.0101 {
					t.Fatalf("%+v", l)
				}
			}
			if l.Interval[0] > l.Interval[1] || l.Absent != "" && l.Value != 0 {
				t.Fatalf("%+v", l)
			}
		}
	})
}
