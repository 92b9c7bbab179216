package trainer

import (
	"errors"
	"fmt"
)

// A scoreCommand scores what comes in on standard input.
type scoreCommand struct {
	Model string `help:"Which reward or model; without it the recipe's only reward, or its only model." placeholder:"NAME"`
	Bare  bool   `help:"Print the scores of a reward without what they are made of."`

	Tournament bool `help:"Find the best of each line's responses by knock-out: n - 1 comparisons instead of each with each."`
}

// Run scores standard input with the trained model.
func (c *scoreCommand) Run(in *invocation) error {
	r, _, err := in.trained()
	if err != nil {
		return err
	}
	s, err := r.Scorer(in.ctx, c.Model)
	if err != nil {
		return err
	}
	if c.Tournament && !s.Compares() {
		return errors.New("--tournament compares responses two by two, and this model scores each alone")
	}
	var bad int
	if c.Tournament {
		bad, err = s.KnockOut(in.ctx, in.stdin, in.stdout)
	} else {
		bad, err = s.Lines(in.ctx, in.stdin, in.stdout, c.Bare)
	}
	if err == nil && bad > 0 {
		err = fmt.Errorf("%d of the lines could not be scored; their answers say why", bad)
	}
	return err
}
