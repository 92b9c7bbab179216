package rundir

import (
	"fmt"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/judge"
	"github.com/rmc-lang/rmc/runtime/measure"
)

// Done is a stage that was gone through.
type Done struct {
	Stage  string `json:"stage"`            // Stage.Name
	Reused bool   `json:"reused,omitempty"` // what an earlier run kept was taken, for all that it depends on is the same
	// Judged is of a label stage that asks a judge, Rollout of one that goes on from steps.
	Judged  *judge.Summary        `json:"judged,omitempty"`
	Rollout *judge.RolloutSummary `json:"rollout,omitempty"`
	// Pseudo is of one that asks a model of the recipe which side is better, Filtered
	// of one that leaves out what it judges right already.
	Pseudo   *Pseudo   `json:"pseudo,omitempty"`
	Filtered *Filtered `json:"filtered,omitempty"`
}

// A Filtered is what a label stage of kind filter came to (RRM, Liu et al. 2024,
// arXiv 2409.13156): of the pairs that were made those that the model does not
// judge right already.
type Filtered struct {
	data.Hardness
	Scorer string  `json:"scorer"`
	Least  float64 `json:"least"`
	// Positions are of a policy, which is asked in both orders.
	Positions *data.Positions `json:"positions,omitempty"`
}

// String is a line of it.
func (f Filtered) String() string {
	line := fmt.Sprintf("%s is at least %g from the label of %d of %d pairs that were made (%s), which are kept",
		f.Scorer, f.Least, f.Hard, f.Made, measure.Share(float64(f.Hard)/float64(max(1, f.Made))))
	if f.Unasked > 0 {
		line += fmt.Sprintf("; %d of them could not be asked", f.Unasked)
	}
	if f.Positions != nil {
		line += fmt.Sprintf("; the same in both orders %s", measure.Share(f.Positions.Consistent))
	}
	return line
}

// A Pseudo is what a label stage of kind model came to (SSRM, He et al. 2024,
// arXiv 2409.06903). Whether a judgement agrees with the side that the rows
// themselves call better is for measuring alone.
type Pseudo struct {
	data.Yield
	Scorer string  `json:"scorer"`
	Keep   float64 `json:"keep"`
	// Positions are of a policy, which is asked in both orders.
	Positions *data.Positions `json:"positions,omitempty"`
	Failed    int             `json:"failed,omitempty"` // pairs that could not be asked, which are not kept
}

// String is a line of it.
func (p Pseudo) String() string {
	n := max(1, p.Pairs)
	line := fmt.Sprintf("%s is surer than %g of %d of %d pairs (%s), %d of them turned round; it agrees with the rows on %s of all and %s of those kept",
		p.Scorer, p.Keep, p.Kept, p.Pairs, measure.Share(float64(p.Kept)/float64(n)), p.Swapped, measure.Share(float64(p.Agree)/float64(n)), measure.Share(float64(p.KeptAgree)/float64(max(1, p.Kept))))
	if p.Positions != nil {
		line += fmt.Sprintf("; the same in both orders %s", measure.Share(p.Positions.Consistent))
	}
	return line
}
