package scoring

import (
	"errors"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/results"
	"github.com/rmc-lang/rmc/runtime/spec"
)

func TestKnockOut(t *testing.T) {
	better := func(pairs [][2]int) ([]Duel, error) {
		var all []Duel
		for _, p := range pairs { // the higher number wins, and 6 is as good as 5
			x := map[bool]float64{true: 0.9, false: 0.1}[p[0] > p[1]]
			if p == [2]int{5, 6} {
				x = 0.5
			}
			all = append(all, Duel{P: [2]float64{x, x}})
		}
		return all, nil
	}
	for n := 2; n < 12; n++ {
		got, err := knockOut(n, better)
		if err != nil || len(got.Matches) != n-1 {
			t.Fatalf("%d: %+v, %v", n, got, err)
		}
		want := n - 1
		if n == 7 {
			want = 5 // of equals the first
		}
		if got.Winner != want {
			t.Errorf("of %d responses %d wins", n, got.Winner)
		}
	}
}

// A pair that could not be asked is a tie, and counted among them by itself.
func TestUnaskedPairsAreCounted(t *testing.T) {
	duels := []Duel{{P: [2]float64{0.75, 0.5}}, {[2]float64{0.5, 0.5}, errors.New("too long")}, {P: [2]float64{0.5, 0.5}}}
	said := roundRobin(6, [][2]int{{0, 1}, {2, 3}, {4, 5}}, duels)
	side := data.Sequence{IDs: []int32{1, 2}}
	var examples []data.Example
	for i := range 3 {
		examples = append(examples, data.Example{Row: i, Sequences: []data.Sequence{side, side}})
	}
	rows := measure.Rows(spec.Data{Kind: "preference"}, examples, said)
	m := measure.Pairs(rows)
	if m.Pairs != 3 || m.Correct != 1 || m.Ties != 2 || m.Unasked != 1 || rows[0].Unasked || !rows[1].Unasked || rows[2].Unasked {
		t.Errorf("%+v of %+v", m, rows)
	}
	if got := results.Details(measure.Result{Measures: &m})[0]; !strings.Contains(got, "ties 2 (1 of them could not be asked)") {
		t.Errorf("the table says %q", got)
	}
	if m.Unasked = 0; m.TiesText() != "2" {
		t.Errorf("%q", m.TiesText())
	}
}
