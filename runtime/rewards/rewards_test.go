package rewards

import (
	"math"
	"testing"
)

func TestShares(t *testing.T) {
	got := Shares([]float32{1000, 1000, 0, float32(math.Log(3))}, 2)
	for i, want := range [][]float64{{0.5, 0.5}, {0.25, 0.75}} {
		for k := range want {
			if math.Abs(got[i][k]-want[k]) > 1e-7 {
				t.Errorf("place %d: %v, want %v", i, got[i], want)
			}
		}
	}
}
