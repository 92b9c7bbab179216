package states

import (
	"fmt"
	"time"

	"github.com/rmc-lang/rmc/runtime/data"
)

// A pace tells how fast sequences are embedded and how long the rest will take.
// Tokens are those of the sequences, however few of them had to be computed.
type pace struct {
	sequences, reused int
	shared            int // tokens that stand in the beginning of another sequence as well
	left, done        int // tokens
	began, told       time.Time
}

// pace counts the chunks that are mine.
func (p *Plan) pace(mine func(chunk int) bool) *pace {
	at := &pace{}
	for i, c := range p.Chunks {
		if !mine(i) {
			continue
		}
		n := data.Tokens(c.Sequences)
		at.sequences, at.left, at.shared = at.sequences+len(c.Sequences), at.left+n, at.shared+n
		for _, row := range c.rows {
			at.shared -= len(row.Tokens)
		}
	}
	return at
}

// skip passes over sequences that need no computing.
func (p *pace) skip(part []data.Sequence) {
	p.left, p.reused = p.left-data.Tokens(part), p.reused+len(part)
}

// first reports, once, that computing begins.
func (p *pace) first() bool {
	if !p.began.IsZero() {
		return false
	}
	p.began, p.told = time.Now(), time.Now()
	return true
}

// pass counts computed sequences. It says what there is to say at most every
// five seconds.
func (p *pace) pass(part []data.Sequence) string {
	n := data.Tokens(part)
	p.done, p.left = p.done+n, p.left-n
	if p.left == 0 || time.Since(p.told) < 5*time.Second {
		return ""
	}
	p.told = time.Now()
	left := time.Duration(float64(p.left) / p.rate() * float64(time.Second))
	return fmt.Sprintf("%.0f tokens/s, %d tokens and %v left", p.rate(), p.left, left.Round(time.Second))
}

// rate is in tokens per second.
func (p *pace) rate() float64 { return float64(p.done) / time.Since(p.began).Seconds() }

// summary is the rate and time of what was computed; "" when nothing was.
func (p *pace) summary() string {
	if p.done == 0 {
		return ""
	}
	return fmt.Sprintf(", %.0f tokens/s, %v", p.rate(), time.Since(p.began).Round(100*time.Millisecond))
}
