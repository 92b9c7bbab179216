package trainer

import (
	"context"
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/fit"
	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/mesh"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// rewardsOf is what the reward of an evaluate stage says of the responses of
// examples, one after another.
func (r *Run) rewardsOf(ctx context.Context, s program.Stage, set *data.Set, examples []data.Example) (*measure.Sayings, error) {
	reward, err := r.Program.FindReward(s.Reward)
	if err != nil {
		return nil, err
	}
	m, err := r.Program.ReadByReward(reward)
	if err != nil {
		return nil, err
	}
	all := answersOf(s.Data, examples)
	if m.Kind == "policy" {
		f, err := r.spoken(ctx, reward, s.Data)
		if err != nil {
			return nil, err
		}
		return f.say(ctx, all)
	}
	if m.Kind == "encoder" {
		return r.rewarded(ctx, reward, all, func(all []data.Sequence) (fit.Matrix[float32], error) { return r.hiddenOf(ctx, m, s.Data, all) })
	}
	net, err := r.trainedNetwork(ctx, m)
	if err != nil {
		return nil, err
	}
	read, err := r.reader(ctx, net, program.Stage{Kind: "evaluate", Model: m, Data: s.Data, Evaluate: s.Evaluate})
	if err != nil {
		return nil, err
	}
	rows := max(1, s.Evaluate.Batch) * set.Width
	return r.rewarded(ctx, reward, all, func(all []data.Sequence) (fit.Matrix[float32], error) { return r.statesOf(ctx, net, read, all, rows) })
}

// An answered is a response as token ids, with the prompt alone where a reward
// reads it.
type answered struct {
	response data.Sequence
	prompt   *data.Sequence
	tokens   int   // of the response alone
	marks    []int // of a conversation with labels: the index of the token before each
}

// statesOf is the hidden state that the head of a trained model reads, for each
// of all.
func (r *Run) statesOf(ctx context.Context, n *network.Network, read network.Reader, all []data.Sequence, rows int) (fit.Matrix[float32], error) {
	out := fit.Zeros[float32](len(all), n.Decoder.Config.Hidden)
	for _, m := range read.Batches(all, rows) {
		in := n.Values()
		host := read.Rows(m)
		f, err := r.function(fmt.Sprintf("hidden states of %s, %d rows of %d tokens", n.Model.Name, m.Examples, m.Bucket), len(host), network.Places(n.Parameters()),
			func(nodes, rows []*Node) []*Node { return []*Node{read.Hidden(n.Nodes(nodes), rows)} })
		if err != nil {
			return out, err
		}
		flat, err := r.callRows(ctx, f, in, host)
		if err != nil {
			return out, err
		}
		for row, i := range m.Index {
			if i >= 0 {
				copy(out.Row(i), flat[0][row*out.Cols:])
			}
		}
	}
	return out, nil
}

// function is a compiled function of parameters and of arrays of rows, by its
// name: one is made where there is none of that name yet.
func (r *Run) function(name string, arrays int, parameters []mesh.Axes, build func(parameters, rows []*Node) []*Node) (*mesh.Function, error) {
	if f, ok := r.world.functions[name]; ok {
		return f, nil
	}
	l, err := r.devices()
	if err != nil {
		return nil, err
	}
	in := parameters[:len(parameters):len(parameters)]
	for range arrays {
		in = append(in, mesh.Axes{mesh.AxisFSDP})
	}
	f, err := l.Compiled(name, in, nil, func(nodes []*Node) []*Node { return build(nodes[:len(parameters)], nodes[len(parameters):]) })
	if err != nil {
		return nil, err
	}
	if r.world.functions == nil {
		r.world.functions = map[string]*mesh.Function{}
	}
	r.world.functions[name] = f
	return f, nil
}

// callRows calls a function on parameters that stay and arrays of rows that go.
// What comes out is flat.
func (r *Run) callRows(ctx context.Context, f *mesh.Function, in []mesh.Input, rows []*tensors.Tensor) ([][]float32, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for _, t := range rows {
		a, err := f.Layout.Place(t, mesh.Axes{mesh.AxisFSDP})
		if err != nil {
			return nil, err
		}
		in = append(in, mesh.Input{Array: a, Donate: true})
	}
	out, err := f.Call(in)
	if err != nil {
		return nil, err
	}
	flat := make([][]float32, len(out))
	for i, a := range out {
		if flat[i], err = f.Layout.Numbers(a); err != nil {
			return nil, err
		}
	}
	return flat, nil
}

// A lookup gives the hidden states of sequences: [sequence, hidden].
type lookup func([]data.Sequence) (fit.Matrix[float32], error)

// rewarded is what a reward says of responses. Without any it holds that what
// the reward needs is there.
func (r *Run) rewarded(ctx context.Context, reward program.Reward, all []answered, hidden lookup) (*measure.Sayings, error) {
	if reward.Fit != "" {
		return r.treed(reward, all, hidden)
	}
	f, err := r.formula(ctx, reward)
	if err != nil || len(all) == 0 {
		return &measure.Sayings{}, err
	}
	responses, err := hidden(sequencesOf(all))
	if err != nil {
		return nil, err
	}
	var prompts []data.Sequence
	for _, a := range all {
		if a.prompt != nil {
			prompts = append(prompts, *a.prompt)
		}
	}
	p, err := hidden(prompts)
	if err != nil {
		return nil, err
	}
	return f.say(ctx, all, responses, p)
}

// treed is what a tree says: of a pair the probability that one side is better,
// of a single response the mean of it against the references.
func (r *Run) treed(reward program.Reward, all []answered, hidden lookup) (*measure.Sayings, error) {
	f, err := r.fitted(reward.Fit)
	if err != nil {
		return nil, err
	}
	if f.tree == nil {
		return nil, fmt.Errorf("the reward %s is the fit %s, which is no tree", reward.Name, reward.Fit)
	}
	for _, name := range f.stage.Fit.Of[1:] {
		if _, err := r.fitted(name); err != nil {
			return nil, err
		}
	}
	if len(all) == 0 {
		return &measure.Sayings{}, nil
	}
	h, err := hidden(sequencesOf(all))
	if err != nil {
		return nil, err
	}
	rows, names, err := r.through(f.stage.Fit.Of, h)
	if err != nil {
		return nil, err
	}
	out := &measure.Sayings{Beats: func(i, j int) float64 { return f.tree.Probability(difference(rows.Row(i), rows.Row(j))) }}
	for i := range rows.Rows {
		out.Scores = append(out.Scores, f.tree.Score(rows.Row(i), f.tree.references))
		out.Parts = append(out.Parts, measure.Parts{"attributes": named(names, rows.Row(i))})
	}
	return out, nil
}

// named pairs numbers with the names of their elements.
func named[T float32 | float64](names []string, row []T) map[string]float32 {
	out := map[string]float32{}
	for i, name := range names {
		out[name] = float32(row[i])
	}
	return out
}

// answersOf lists the responses of examples, one after another.
func answersOf(d spec.Data, examples []data.Example) []answered {
	var all []answered
	for _, e := range examples {
		for i, s := range measure.Responses(d, e) {
			a := answered{response: s, marks: marksOf(e)}
			if i < len(e.Lengths) {
				a.tokens = e.Lengths[i]
			}
			if d.Prompts {
				a.prompt = &e.Sequences[len(e.Sequences)-1]
			}
			all = append(all, a)
		}
	}
	return all
}

// outputsOf is all that a network gives for hidden states, [row, output], and
// the names of its outputs.
func (r *Run) outputsOf(ctx context.Context, m spec.Model, hidden fit.Matrix[float32]) (fit.Matrix[float64], []string, error) {
	count, labels := m.Outputs, m.Labels
	if m.Kind == "reward" {
		count, labels = m.Head.Outputs, m.Head.Labels
	}
	out := fit.Zeros[float64](hidden.Rows, count)
	n, err := r.network(ctx, m)
	if err != nil {
		return out, nil, err
	}
	for from := 0; from < hidden.Rows; {
		slots := slotsFor(hidden.Rows-from, n.Layout.FSDP)
		to := min(hidden.Rows, from+slots)
		f, err := r.function(fmt.Sprintf("outputs of %s, %d rows", m.Name, slots), 1, network.Places(n.Parameters()), func(parameters, rows []*Node) []*Node {
			return []*Node{n.Outputs(n.Nodes(parameters), rows[0], nil)}
		})
		if err != nil {
			return out, nil, err
		}
		flat, err := r.callRows(ctx, f, n.Values(), []*tensors.Tensor{padded(hidden, from, to, slots)})
		if err != nil {
			return out, nil, err
		}
		for i := range (to - from) * out.Cols {
			out.Data[from*out.Cols+i] = float64(flat[0][i])
		}
		from = to
	}
	return out, labels, nil
}
