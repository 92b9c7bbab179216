package judge

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// A Local is a model of the recipe that is asked in the place of a server.
type Local struct {
	Name string // as the recipe has it
	// Identity is a digest of all that decides an answer besides the label and the
	// question: weights, tokenizer, chat template. A model with another has a table
	// of its own.
	Identity string
	// Ask answers all, in any order, and hands on each answer as soon as it is
	// whole: its number in all, its text, why it ends there, and tokens. Its error is
	// answered's, or its own.
	Ask func(ctx context.Context, all []Asked, answered func(i int, a Answer) error) error
}

// An Asked is one answer that is wanted. Answers to one text stand together.
type Asked struct {
	Text string
	Seed [32]byte // of sampling: of this answer alone
	Who  string   // names it in messages
}

// seed is that of one answer: a function of the label's seed, the question's text and
// the number of the sample.
func (q query) seed(l spec.Label) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%d %s %d", l.Seed, q.question, q.sample))
}

// askLocal has the model of the recipe answer. Each answer is on the disk before the
// next one is waited for.
func (s *session) askLocal(ctx context.Context, open []query) error {
	if len(open) == 0 {
		return ctx.Err()
	}
	all := make([]Asked, len(open))
	for i, q := range open {
		all[i] = Asked{q.text, q.seed(s.label), q.who}
	}
	p := &progress{all: len(open), note: s.note}
	return s.local.Ask(ctx, all, func(i int, a Answer) error {
		a.Question, a.Sample, a.Model = open[i].question, open[i].sample, s.local.Name
		if err := s.table.add(a); err != nil {
			return err
		}
		p.step()
		return nil
	})
}
