package trainer

import (
	"fmt"

	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/rundir"
)

// A decision is what to do with a run directory.
type decision int

const (
	begin   decision = iota // run all stages, and keep what they would compute again
	change                  // likewise, if nothing of the finished run that is there is lost
	goOn                    // train on from the last checkpoint
	present                 // the very run is finished: show it
)

// decide looks at what a directory holds and keeps finished and unfinished
// work from being overwritten unasked.
func (c *trainCommand) decide(rec *rundir.Record, p program.Program, dir string) (decision, error) {
	if rec == nil || c.Force || c.Anew {
		return begin, nil
	}
	differs, finished := rec.Differs(p), rec.Status == "finished"
	switch {
	case finished && rec.Program != p.Name:
		return begin, fmt.Errorf("%s holds a finished run that differs in %s; --out DIR keeps it and trains elsewhere, --force overwrites it", dir, differs)
	case finished && differs != "":
		return change, nil
	case finished && (rec.StoppedAfter == 0 || rec.StoppedAfter == c.Steps):
		return present, nil
	case !c.Resume && finished:
		return begin, fmt.Errorf("%s holds a run that --steps ended after step %d; --resume goes on from there, --force starts over", dir, rec.StoppedAfter)
	case !c.Resume:
		return begin, fmt.Errorf("%s holds a run that did not finish (%s); --resume goes on where it stopped, --force starts over", dir, rec.Status)
	case differs != "":
		return begin, fmt.Errorf("%s cannot be resumed, it differs in %s; --force starts over, and keeps the stages that were done and are unchanged", dir, differs)
	}
	return goOn, nil
}
