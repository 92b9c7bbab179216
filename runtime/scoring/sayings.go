// Package scoring asks the models, fits and rewards of a program about rows: what they
// say of responses, alone or two by two, and of lines of JSON. What an evaluation makes of
// it is of runtime/measure.
package scoring

import (
	"context"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/rewards"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/world"
)

// An Asker opens what scores, and asks it.
type Asker struct {
	*world.World
	functions *rewards.Functions          // of scores
	formulas  map[string]*rewards.Formula // by reward
}

// New is an Asker that reads what w opens.
func New(w *world.World) *Asker { return &Asker{World: w} }

// SayingsOf is what the model or reward of an evaluate stage says of the
// responses of examples, one after another.
func (a *Asker) SayingsOf(ctx context.Context, s program.Stage, set *data.Set, examples []data.Example) (*measure.Sayings, error) {
	if s.Reward != "" {
		return a.rewardsOf(ctx, s, set, examples)
	}
	if s.Model.Kind == "policy" {
		c, err := a.Comparing(ctx, s.Model, s.Evaluate.Form)
		if err != nil {
			return nil, err
		}
		return a.pairwise(ctx, s, c, examples)
	}
	net, err := a.Network(ctx, s.Model)
	if err != nil {
		return nil, err
	}
	read, err := a.Reader(ctx, net, s)
	if err != nil {
		return nil, err
	}
	scores, err := net.Score(ctx, read, world.ResponsesOf(s.Data, examples), max(1, s.Evaluate.Batch)*set.Width)
	return &measure.Sayings{Scores: scores}, err
}

// SaidOfMarked is what is said of conversations, one after another.
func (a *Asker) SaidOfMarked(ctx context.Context, s program.Stage, m spec.Model, set *data.Set, examples []data.Example) (*measure.Sayings, error) {
	switch {
	case s.Reward != "":
		return a.rewardsOf(ctx, s, set, examples)
	case m.Kind == "policy":
		say, err := a.policySays(ctx, program.Reward{}, m, s.Data)
		if err != nil {
			return nil, err
		}
		return say(ctx, answersOf(s.Data, examples))
	}
	return a.SayingsOf(ctx, s, set, examples)
}
