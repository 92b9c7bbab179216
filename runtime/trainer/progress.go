package trainer

import (
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/rundir"
)

// A progress shows the steps of a run: a bar on a terminal, plain lines
// elsewhere, so that a log file stays readable.
type progress struct {
	out   io.Writer
	bar   *progressbar.ProgressBar
	isTTY bool
	stage string
	began time.Time
	first int // step at which this process joined the stage
	last  time.Time
}

func newProgress(out *os.File) *progress {
	return &progress{out: out, isTTY: term.IsTerminal(int(out.Fd()))}
}

// note prints a line, above the bar if there is one.
func (p *progress) note(text string) {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	fmt.Fprintln(p.out, text)
}

// step shows one optimizer step. Plain lines come at the first step, the last,
// and at most every five seconds.
func (p *progress) step(s rundir.Step) {
	if s.Stage != p.stage {
		p.stage, p.began, p.first, p.bar = s.Stage, time.Now(), s.Step, nil
		if p.isTTY {
			p.bar = progressbar.NewOptions(s.Of, progressbar.OptionSetWriter(p.out), progressbar.OptionSetWidth(24),
				progressbar.OptionSetPredictTime(true), progressbar.OptionShowCount(), progressbar.OptionThrottle(100*time.Millisecond))
		}
	}
	if p.bar != nil {
		p.bar.Describe(fmt.Sprintf("loss %.4f%s  %.1f %s/s", s.Loss, compared(s), s.ExamplesPerSecond, s.Unit))
		_ = p.bar.Set(s.Step)
		if s.Step == s.Of {
			fmt.Fprintln(p.out)
			p.bar = nil
		}
		return
	}
	if s.Step != p.first && s.Step != s.Of && time.Since(p.last) < 5*time.Second {
		return
	}
	p.last = time.Now()
	fmt.Fprintf(p.out, "step %*d/%d  loss %.4f%s  lr %.2e  grad %.3f  %s%s\n",
		digits(s.Of), s.Step, s.Of, s.Loss, compared(s), s.LR, s.GradNorm, speed(s), p.left(s))
	for _, name := range slices.Sorted(maps.Keys(s.Reports)) {
		fmt.Fprintf(p.out, "      %s %.4f\n", name, s.Reports[name])
	}
}

// compared is how the sides of the pairs stand; "" where the model itself gives
// them no scores, as a gate does not.
func compared(s rundir.Step) string {
	if math.IsNaN(s.Accuracy) {
		return ""
	}
	return fmt.Sprintf("  accuracy %s  margin %+.3f", measure.Share(s.Accuracy), s.Margin)
}

// speed is how fast a step went.
func speed(s rundir.Step) string {
	if s.TokensPerSecond == 0 {
		return fmt.Sprintf("%.0f %s/s", s.ExamplesPerSecond, s.Unit)
	}
	return fmt.Sprintf("%.2f %s/s  %.0f tokens/s", s.ExamplesPerSecond, s.Unit, s.TokensPerSecond)
}

// left is the time that the steps to come will take at the pace so far.
func (p *progress) left(s rundir.Step) string {
	done := s.Step - p.first
	if done < 1 || s.Step == s.Of {
		return ""
	}
	each := time.Since(p.began) / time.Duration(done)
	return "  " + (time.Duration(s.Of-s.Step) * each).Round(time.Second).String() + " left"
}

func digits(n int) int { return len(fmt.Sprint(n)) }
