package report

import (
	"bytes"
	"math"
	"strings"
	"testing"
)

func TestPageIsSelfContained(t *testing.T) {
	curve, err := Curves("loss", "step", "loss", Series{Name: "loss", X: []float64{1, 2, 3}, Y: []float64{0.7, math.NaN(), 0.5}})
	if err != nil {
		t.Fatal(err)
	}
	hist, err := Histogram("rewards", "score", "rows", 10, Series{Name: "chosen", Y: []float64{1, 2, 2}}, Series{Name: "rejected", Y: []float64{0, 1, math.Inf(1)}})
	if err != nil {
		t.Fatal(err)
	}
	cal, err := Calibration("calibration", []Bin{{0.55, 0.5, 10}, {0.9, 1, 4}, {}})
	if err != nil {
		t.Fatal(err)
	}
	html, err := Page{Title: "a <b> run", Sections: []Section{{
		Title: "Curves", Plots: nil, Head: []string{"split", "accuracy"}, Rows: [][]string{{"holdout", "62 %"}}, Code: "let d = a < b",
	}, {Title: "Plots", Plots: append(append(plots(curve), hist), cal)}}}.Render()
	if err != nil {
		t.Fatal(err)
	}
	text := string(html)
	for _, want := range []string{"a &lt;b&gt; run", "<th>accuracy</th>", "<td>62 %</td>", "let d = a &lt; b"} {
		if !strings.Contains(text, want) {
			t.Errorf("page lacks %q", want)
		}
	}
	if n := strings.Count(text, "<svg"); n != 3 {
		t.Errorf("%d plots, want 3", n)
	}
	for _, never := range []string{"<script", "src=", "<link", "@import", "<?xml", "NaN"} {
		if strings.Contains(text, never) {
			t.Errorf("page has %q", never)
		}
	}
}

func plots[T any](p ...T) []T { return p }

func TestEmptySeriesDrawAFrame(t *testing.T) {
	for name, draw := range map[string]func() (any, error){
		"curves":      func() (any, error) { return Curves("loss", "step", "loss", Series{Name: "loss"}) },
		"histogram":   func() (any, error) { return Histogram("r", "score", "rows", 10, Series{Name: "chosen"}) },
		"calibration": func() (any, error) { return Calibration("c", nil) },
	} {
		if _, err := draw(); err != nil {
			t.Errorf("%s of nothing: %v", name, err)
		}
	}
}

func TestSameInputSameBytes(t *testing.T) {
	draw := func() []byte {
		h, err := Curves("loss", "step", "loss", Series{Name: "loss", X: []float64{1, 2}, Y: []float64{3, 4}})
		if err != nil {
			t.Fatal(err)
		}
		return []byte(h)
	}
	if !bytes.Equal(draw(), draw()) {
		t.Error("two renderings of one curve differ")
	}
}

func TestSpread(t *testing.T) {
	for _, test := range []struct {
		values      []float64
		bins        int
		from, width float64
		n           int
	}{
		{nil, 10, 0, 0, 0},
		{[]float64{3, 5, 4, 4}, 10, 2.5, 1, 3},
		{[]float64{1, 64}, 30, 0.5, 3, 22},
		{[]float64{0.5, 0.5}, 30, 0, 1, 1},
		{[]float64{-1.5, 1.5}, 30, -1.5, 0.1, 30},
	} {
		if from, width, n := spread(test.values, test.bins); from != test.from || math.Abs(width-test.width) > 1e-12 || n != test.n {
			t.Errorf("spread(%v, %d) = %v, %v, %d; want %v, %v, %d", test.values, test.bins, from, width, n, test.from, test.width, test.n)
		}
	}
}

// A long curve is drawn with its mean over it.
func TestLongCurvesAreSmoothed(t *testing.T) {
	var s Series
	for i := range 200 {
		s.X, s.Y = append(s.X, float64(i)), append(s.Y, float64(i%2))
	}
	for _, p := range smooth(points(s), 7)[10:190] {
		if math.Abs(p.Y-0.5) > 0.05 {
			t.Fatalf("the mean around %v is %v", p.X, p.Y)
		}
	}
	html, err := Curves("loss", "step", "", s)
	if err != nil || strings.Count(string(html), "<path") < 2 {
		t.Errorf("%v, or one line only", err)
	}
}
