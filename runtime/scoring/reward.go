package scoring

import (
	"context"
	"fmt"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/fit"
	"github.com/rmc-lang/rmc/runtime/fitted"
	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/rewards"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/terms"
)

// rewardsOf is what the reward of an evaluate stage says of the responses of
// examples, one after another.
func (a *Asker) rewardsOf(ctx context.Context, s program.Stage, set *data.Set, examples []data.Example) (*measure.Sayings, error) {
	reward, err := a.Program.FindReward(s.Reward)
	if err != nil {
		return nil, err
	}
	m, err := a.Program.ReadByReward(reward)
	if err != nil {
		return nil, err
	}
	all := answersOf(s.Data, examples)
	if m.Kind == "policy" {
		f, err := a.spoken(ctx, reward, s.Data)
		if err != nil {
			return nil, err
		}
		return f.Say(ctx, all)
	}
	if m.Kind == "encoder" {
		return a.rewarded(ctx, reward, all, func(all []data.Sequence) (fit.Matrix[float32], error) { return a.HiddenOf(ctx, m, s.Data, all) })
	}
	net, err := a.TrainedNetwork(ctx, m)
	if err != nil {
		return nil, err
	}
	read, err := a.Reader(ctx, net, program.Stage{Kind: "evaluate", Model: m, Data: s.Data, Evaluate: s.Evaluate})
	if err != nil {
		return nil, err
	}
	rows := max(1, s.Evaluate.Batch) * set.Width
	return a.rewarded(ctx, reward, all, func(all []data.Sequence) (fit.Matrix[float32], error) { return a.statesOf(ctx, net, read, all, rows) })
}

// A lookup gives the hidden states of sequences: [sequence, hidden].
type lookup func([]data.Sequence) (fit.Matrix[float32], error)

// rewarded is what a reward says of responses. Without any it holds that what
// the reward needs is there.
func (a *Asker) rewarded(ctx context.Context, reward program.Reward, all []rewards.Answered, hidden lookup) (*measure.Sayings, error) {
	if reward.Fit != "" {
		return a.treed(reward, all, hidden)
	}
	f, err := a.Formula(ctx, reward)
	if err != nil || len(all) == 0 {
		return &measure.Sayings{}, err
	}
	responses, err := hidden(sequencesOf(all))
	if err != nil {
		return nil, err
	}
	var prompts []data.Sequence
	for _, a := range all {
		if a.Prompt != nil {
			prompts = append(prompts, *a.Prompt)
		}
	}
	p, err := hidden(prompts)
	if err != nil {
		return nil, err
	}
	return f.Say(ctx, all, responses, p)
}

// treed is what a tree says: of a pair the probability that one side is better,
// of a single response the mean of it against the references.
func (a *Asker) treed(reward program.Reward, all []rewards.Answered, hidden lookup) (*measure.Sayings, error) {
	f, err := a.Fitted(reward.Fit)
	if err != nil {
		return nil, err
	}
	if f.Tree == nil {
		return nil, fmt.Errorf("the reward %s is the fit %s, which is no tree", reward.Name, reward.Fit)
	}
	chain, err := a.FittedAll(f.Stage.Fit.Of[1:])
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return &measure.Sayings{}, nil
	}
	h, err := hidden(sequencesOf(all))
	if err != nil {
		return nil, err
	}
	rows, names, err := fitted.Through(chain, h)
	if err != nil {
		return nil, err
	}
	out := &measure.Sayings{Beats: func(i, j int) float64 { return f.Tree.Beats(rows.Row(i), rows.Row(j)) }}
	for i := range rows.Rows {
		out.Scores = append(out.Scores, f.Tree.Score(rows.Row(i), f.Tree.References))
		out.Parts = append(out.Parts, measure.Parts{"attributes": rewards.Named(names, rows.Row(i))})
	}
	return out, nil
}

// answersOf lists the responses of examples, one after another.
func answersOf(d spec.Data, examples []data.Example) []rewards.Answered {
	var all []rewards.Answered
	for _, e := range examples {
		for i, s := range measure.Responses(d, e) {
			a := rewards.Answered{Response: s, Marks: marksOf(e)}
			if i < len(e.Lengths) {
				a.Tokens = e.Lengths[i]
			}
			if d.Prompts {
				a.Prompt = &e.Sequences[len(e.Sequences)-1]
			}
			all = append(all, a)
		}
	}
	return all
}

// OutputsOf is all that a network gives for hidden states, [row, output], and
// the names of its outputs.
func (a *Asker) OutputsOf(ctx context.Context, m spec.Model, hidden fit.Matrix[float32]) (fit.Matrix[float64], []string, error) {
	count, labels := m.Outputs, m.Labels
	if m.Kind == "reward" {
		count, labels = m.Head.Outputs, m.Head.Labels
	}
	n, err := a.Network(ctx, m)
	if err != nil {
		return fit.Matrix[float64]{}, nil, err
	}
	functions, err := a.compiled()
	if err != nil {
		return fit.Matrix[float64]{}, nil, err
	}
	out, err := functions.Outputs(ctx, n, count, hidden)
	return out, labels, err
}

// statesOf is the hidden state that the head of a trained model reads, for each
// of all.
func (a *Asker) statesOf(ctx context.Context, n *network.Network, read network.Reader, all []data.Sequence, rows int) (fit.Matrix[float32], error) {
	functions, err := a.compiled()
	if err != nil {
		return fit.Matrix[float32]{}, err
	}
	return functions.States(ctx, n, read, all, rows)
}

// compiled is the functions of scores.
func (a *Asker) compiled() (*rewards.Functions, error) {
	if a.functions == nil {
		l, err := a.Devices()
		if err != nil {
			return nil, err
		}
		a.functions = rewards.NewFunctions(l)
	}
	return a.functions, nil
}

// Formula opens what a reward's function reads.
func (a *Asker) Formula(ctx context.Context, reward program.Reward) (*rewards.Formula, error) {
	if f, ok := a.formulas[reward.Name]; ok {
		return f, nil
	}
	functions, err := a.compiled()
	if err != nil {
		return nil, err
	}
	var networks []*network.Network
	for _, m := range reward.Models {
		n, err := a.TrainedNetwork(ctx, m)
		if err != nil {
			return nil, err
		}
		networks = append(networks, n)
	}
	if a.formulas == nil {
		a.formulas = map[string]*rewards.Formula{}
	}
	f := rewards.NewFormula(functions, reward, networks, a.FitParts)
	a.formulas[reward.Name] = f
	return f, nil
}

// spoken opens the function of a reward, which says itself what it reads: it is
// run over a batch of nothing.
func (a *Asker) spoken(ctx context.Context, reward program.Reward, d spec.Data) (*rewards.Spoken, error) {
	functions, err := a.compiled()
	if err != nil {
		return nil, err
	}
	var ids []int32
	var labels []string
	if d.Kind == "labels" {
		m, err := a.Program.ReadByReward(reward)
		if err != nil {
			return nil, err
		}
		if ids, err = a.LabelIDs(ctx, m, d); err != nil {
			return nil, err
		}
		labels = d.Labels
	}
	s, err := rewards.NewSpoken(functions, reward, ids, labels, a.Frozen)
	if err != nil {
		return nil, err
	}
	return s, a.oneTokenizer(ctx, reward, s.Reads, d)
}

// oneTokenizer demands that all policies that a reward reads have one tokenizer.
func (a *Asker) oneTokenizer(ctx context.Context, reward program.Reward, reads []terms.Given, d spec.Data) error {
	for _, what := range reads {
		first, err := a.Program.FindModel(reads[0].Name)
		if err != nil {
			return err
		}
		other, err := a.Program.FindModel(what.Name)
		if err == nil {
			err = a.SameTokens(ctx, first, other, d)
		}
		if err != nil {
			return fmt.Errorf("reward %s: %w", reward.Name, err)
		}
	}
	return nil
}

// marksOf are the places of an example's labels; nil where it has none.
func marksOf(e data.Example) []int {
	var at []int
	for _, m := range e.Marks {
		at = append(at, m.At)
	}
	return at
}
