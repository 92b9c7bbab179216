package trainer

import (
	"math"
	"testing"

	"github.com/rmc-lang/rmc/runtime/spec"
)

func TestLearningRate(t *testing.T) {
	o := spec.Optimizer{Kind: "adamw", LR: 5e-4}
	for _, c := range []struct {
		schedule    spec.Schedule
		step, steps int
		want        float64
	}{
		{spec.Schedule{Kind: "cosine", Warmup: 4}, 0, 30, 0},
		{spec.Schedule{Kind: "cosine", Warmup: 4}, 1, 30, 1.25e-4},
		{spec.Schedule{Kind: "cosine", Warmup: 4}, 4, 30, 5e-4},
		{spec.Schedule{Kind: "cosine", Warmup: 4}, 5, 30, 0.0004981772185245135}, // TRL 1.16
		{spec.Schedule{Kind: "cosine", Warmup: 4}, 30, 30, 0},
		{spec.Schedule{Kind: "cosine", Warmup: 0}, 0, 30, 5e-4},
		{spec.Schedule{Kind: "cosine", Warmup: 0, Floor: 0.1}, 30, 30, 5e-5},
		{spec.Schedule{Kind: "linear", Warmup: 0.1}, 3, 30, 5e-4}, // a tenth of 30 steps
		{spec.Schedule{Kind: "linear", Warmup: 0.1}, 2, 30, 5e-4 * 2 / 3},
		{spec.Schedule{Kind: "linear", Warmup: 0}, 15, 30, 2.5e-4},
		{spec.Schedule{Kind: "constant", Warmup: 2}, 1, 30, 2.5e-4},
		{spec.Schedule{Kind: "constant", Warmup: 2}, 29, 30, 5e-4},
		{spec.Schedule{Kind: "cosine", Warmup: 0.03}, 0, 1, 0}, // 3 % of one step is one step
	} {
		got := learningRate(o, c.schedule, c.step, c.steps)
		if math.Abs(got-c.want) > 1e-12*5e-4 {
			t.Errorf("%+v: step %d of %d: %v, want %v", c.schedule, c.step, c.steps, got, c.want)
		}
	}
}
