package report

import (
	"math"
	"strings"
	"testing"
)

func TestHeat(t *testing.T) {
	svg, err := Heat("gates", Grid{Rows: []string{"row 3", "row 17"}, Columns: []string{"coherence", "length"}, Values: [][]float64{{0.75, -0.25}, {0, math.NaN()}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<svg", "gates", "row 17", "coherence", ">0.75<", ">-0.25<", ">0<"} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("no %s in %s", want, svg)
		}
	}
	if strings.Contains(string(svg), "NaN") {
		t.Error("a missing number is drawn")
	}
	if strings.Index(string(svg), ">0.75<") > strings.Index(string(svg), ">0<") {
		t.Error("the first row is not drawn first")
	}
}

func TestHeatRefusesRaggedGrids(t *testing.T) {
	for name, g := range map[string]Grid{
		"empty":   {},
		"ragged":  {Rows: []string{"a"}, Columns: []string{"x", "y"}, Values: [][]float64{{1}}},
		"unnamed": {Rows: []string{"a"}, Columns: []string{"x"}, Values: [][]float64{{1}, {2}}},
	} {
		if _, err := Heat("t", g); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// All numbers equal, or all zero, still have a scale.
func TestHeatOfOneNumber(t *testing.T) {
	for _, x := range []float64{0, 2} {
		if _, err := Heat("t", Grid{Rows: []string{"a"}, Columns: []string{"x"}, Values: [][]float64{{x}}}); err != nil {
			t.Errorf("%v: %v", x, err)
		}
	}
}
