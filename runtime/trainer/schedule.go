package trainer

import (
	"fmt"
	"math"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// learningRate is the rate of a 0-based optimizer step out of steps. Warm-up is
// linear from 0, so that step 0 moves nothing; the rest follows the schedule's
// kind. The arithmetic is that of transformers' get_cosine_schedule_with_warmup
// and its siblings, to the last bit where Floor is 0.
func learningRate(o spec.Optimizer, s spec.Schedule, step, steps int) float64 {
	warm := warmupSteps(s.Warmup, steps)
	if step < warm {
		return o.LR * (float64(step) / float64(max(1, warm)))
	}
	rest := float64(max(1, steps-warm))
	var share float64
	switch s.Kind {
	case "cosine":
		progress := float64(step-warm) / rest
		share = max(0, 0.5*(1+math.Cos(math.Pi*progress)))
	case "linear":
		share = max(0, float64(steps-step)/rest)
	case "constant":
		return o.LR
	default:
		panic(fmt.Sprintf("trainer: schedule %q passed the checker", s.Kind))
	}
	return o.LR * (s.Floor + (1-s.Floor)*share)
}

// warmupSteps is the number of steps that warm-up takes: below 1 it is a share
// of all steps, rounded up as transformers does; from 1 on, a number of steps.
func warmupSteps(warmup float64, steps int) int {
	if warmup < 1 {
		return int(math.Ceil(warmup * float64(steps)))
	}
	return int(warmup)
}
