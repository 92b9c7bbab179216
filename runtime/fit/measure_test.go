package fit

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"

	"github.com/rmc-lang/rmc/runtime/spec"
)

func TestMeasure(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name               string
		predicted, ratings []float64
		want               Measures
	}{
		{"missing rows are left out", []float64{1, 9, 2, 4}, []float64{1, nan, 3, 5}, Measures{Rows: 3, MSE: 2. / 3, MeanMSE: (1 + 1 + 9.) / 3, R2: 0.75,
			Pearson: 6 / math.Sqrt(8*14./3), Interval: [2]float64{-1, 1}, Spearman: 1}},
		{"no ratings", []float64{1, 2}, []float64{nan, nan}, Measures{Interval: [2]float64{-1, 1}, Undefined: "no row has a rating"}},
		{"equal ratings", []float64{1, 3}, []float64{4, 4}, Measures{Rows: 2, MSE: 5, MeanMSE: 4, Interval: [2]float64{-1, 1}, Undefined: "every rating is 4"}},
		{"equal predictions", []float64{2, 2}, []float64{1, 3}, Measures{Rows: 2, MSE: 1, MeanMSE: 1, Interval: [2]float64{-1, 1}, Undefined: "every prediction is 2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.Attribute = "fluency"
			got := Measure("fluency", c.predicted, c.ratings, 2)
			got.MSE, got.MeanMSE, got.R2, got.Pearson = tidy(got.MSE), tidy(got.MeanMSE), tidy(got.R2), tidy(got.Pearson)
			c.want.MSE, c.want.MeanMSE, c.want.R2, c.want.Pearson = tidy(c.want.MSE), tidy(c.want.MeanMSE), tidy(c.want.R2), tidy(c.want.Pearson)
			if got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// tidy forgets rounding.
func tidy(x float64) float64 { return math.Round(x*1e12) / 1e12 }

// A correlation of what has none is no number, and none stands for it.
func TestUndefinedCorrelations(t *testing.T) {
	for _, pair := range [][2][]float64{{nil, nil}, {{1}, {2}}, {{0.1, 0.1, 0.1}, {1, 2, 3}}, {{1, 2, 3}, {0.1, 0.1, 0.1}}} {
		if p, s := Pearson(pair[0], pair[1]), Spearman(pair[0], pair[1]); !math.IsNaN(p) || !math.IsNaN(s) {
			t.Errorf("%v: Pearson %g, Spearman %g", pair, p, s)
		}
	}
	for _, got := range [][2]float64{Interval(0.5, 3), Interval(math.NaN(), 100)} {
		if got != [2]float64{-1, 1} {
			t.Errorf("interval %v", got)
		}
	}
	if got := Interval(1, 10); got != [2]float64{1, 1} {
		t.Errorf("interval of 1 is %v", got)
	}
}

// What a trainer stores of a fit is what it reads again.
func TestFitsSurviveJSON(t *testing.T) {
	r := rated(40, 5, 2, 1)
	probe := fitRidge(t, r, spec.Fit{Alphas: grid(), Select: holdout(0.3), Intercept: true})
	rewards, names := wordy(50, 0.5, 0.2, 0, -0.5, 0)
	transform := decorrelate(t, rewards, names, decorrelation("spearman", "both", "root"))
	for want, got := range map[any]any{probe: new(Probe), transform: new(Transform)} {
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%T: %v\n%+v\n%+v", want, err, got, want)
		}
	}
	if all := probe.Evaluate(r.Features, r.Ratings); len(all) != 2 || all[1].Attribute != "b" || all[1].Rows != 40 || all[1].MSE > all[1].MeanMSE || all[1].Pearson < 0.5 {
		t.Errorf("%+v", all)
	}
}
