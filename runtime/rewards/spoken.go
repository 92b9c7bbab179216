package rewards

import (
	"context"
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/mesh"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/op"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/terms"
)

// A Spoken is the function of a reward that reads policies: a graph over what
// they say at the places of responses, which the layers were asked for before.
// Axis row, views response or conversation.
type Spoken struct {
	Reads []terms.Given // what it asks policies for, in the order of the graph's arrays

	learnt    []terms.Given // learnable numbers that it reads: arrays of the graph behind Reads
	functions *Functions
	reward    program.Reward
	labels    []int32  // the token of each label; nil of responses
	names     []string // of the labels
	policy    func(ctx context.Context, name string) (*network.Network, error)
	parts     []spokenPart
}

// NewSpoken is that of a reward over labels, with their tokens and names, or, where
// these are nil, over responses. The function says itself what it reads: it is run
// over a batch of nothing, and an error is of one that makes no graph. A policy is
// opened when it is asked.
func NewSpoken(functions *Functions, reward program.Reward, labels []int32, names []string, policy func(ctx context.Context, name string) (*network.Network, error)) (*Spoken, error) {
	s := &Spoken{functions: functions, reward: reward, labels: labels, names: names, policy: policy}
	return s, s.discover()
}

// A spokenPart is an output of a spoken's graph besides the score.
type spokenPart struct {
	name   string
	places bool // a number for each place
	labels bool // or for each label
}

// discover finds what the function reads, and names its parts.
func (s *Spoken) discover() (err error) {
	g := NewGraph(s.functions.layout.Backend, s.reward.Name)
	defer g.Finalize()
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("reward %s: %w", s.reward.Name, mesh.AsError(problem))
		}
	}()
	const rows, places = 2, 2
	s.graph(Ones(g, shapes.Make(dtypes.Float32, rows)), Ones(g, shapes.Make(dtypes.Float32, rows, places)), Ones(g, shapes.Make(dtypes.Float32, rows)), func(what terms.Given) *Node {
		if what.Kind == "scalar" {
			if !slices.Contains(s.learnt, what) {
				s.learnt = append(s.learnt, what)
			}
			return Zeros(g, shapes.Make(dtypes.Float32, rows))
		}
		if !slices.Contains(s.Reads, what) {
			s.Reads = append(s.Reads, what)
		}
		return Zeros(g, shapes.Make(dtypes.Float32, s.dims(rows, places)...))
	})
	return nil
}

// dims is the shape of what a policy says at some places of rows.
func (s *Spoken) dims(rows, places int) []int {
	if s.labels == nil {
		return []int{rows, places}
	}
	return []int{rows, places, len(s.labels)}
}

// placeAxis is the axis of places.
func (s *Spoken) placeAxis() string {
	if s.labels == nil {
		return terms.AxisToken
	}
	return terms.AxisStep
}

// graph builds the function: the score and then the parts.
func (s *Spoken) graph(valid, marked, lengths *Node, said func(terms.Given) *Node) []*Node {
	in := op.Inputs{Axis: "row", Valid: valid, Count: ReduceAllSum(valid), Term: func(kind, name, view string) op.Tensor {
		switch {
		case kind == "length":
			return op.New(lengths, "row")
		case kind == "scalar": // the same for each row, so that rows are all that a mesh splits
			return op.New(said(terms.Given{Kind: kind, Name: name, View: view}), "row")
		case kind != "logits" && kind != "logprob":
			panic(fmt.Sprintf("it reads %s(%s) beside what a policy says of tokens", kind, view))
		case s.labels != nil:
			return op.New(said(terms.Given{Kind: kind, Name: name, View: view}), "row", terms.AxisStep, terms.AxisLabel)
		}
		return op.New(said(terms.Given{Kind: kind, Name: name, View: view}), "row", terms.AxisToken).WithMask(terms.AxisToken, op.New(marked, "row", terms.AxisToken))
	}}
	if s.labels != nil {
		in.Ragged, in.Counts = map[string]*Node{terms.AxisStep: marked}, map[string]*Node{terms.AxisStep: ReduceAllSum(marked)}
	}
	b := op.NewBatch(in)
	reward := s.reward.Score(b)
	out := []*Node{b.Values(reward.Score)}
	s.parts = nil
	for _, p := range reward.Parts {
		axes := p.Value.Axes()
		s.parts = append(s.parts, spokenPart{p.Name, slices.Contains(axes, s.placeAxis()), slices.Contains(axes, terms.AxisLabel)})
		out = append(out, b.Values(p.Value))
	}
	return out
}

// Say asks the policies and computes the reward of each of all.
func (s *Spoken) Say(ctx context.Context, all []Answered) (*measure.Sayings, error) {
	out := &measure.Sayings{}
	said := make([][][]float32, len(s.Reads))
	for i, what := range s.Reads {
		n, err := s.policy(ctx, what.Name)
		if err != nil || len(all) == 0 {
			if err != nil {
				return nil, err
			}
			continue
		}
		if said[i], err = n.Ask(ctx, AskedOfAll(all), network.Wish{LogProb: what.Kind == "logprob", Labels: s.labels}); err != nil {
			return nil, err
		}
	}
	numbers, err := s.numbers(ctx)
	if err != nil {
		return nil, err
	}
	for from := 0; from < len(all); {
		slots := slotsFor(len(all)-from, s.functions.layout.FSDP)
		to := min(len(all), from+slots)
		if err := s.batch(ctx, out, all[from:to], slots, said, numbers, from); err != nil {
			return nil, fmt.Errorf("reward %s: %w", s.reward.Name, err)
		}
		from = to
	}
	if s.labels != nil && len(s.Reads) > 0 {
		out.Steps = make([][][]float64, len(all))
		for i := range all {
			out.Steps[i] = Shares(said[0][i], len(s.labels))
		}
	}
	return out, nil
}

// numbers are the learnable numbers that it reads, as they stand.
func (s *Spoken) numbers(ctx context.Context) ([]float32, error) {
	out := make([]float32, len(s.learnt))
	for i, what := range s.learnt {
		n, err := s.policy(ctx, what.Name)
		if err != nil {
			return nil, err
		}
		if out[i], err = n.Scalar(what.View); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// batch adds what the function gives for some answers, of which the first is the
// from-th of those that were asked about.
func (s *Spoken) batch(ctx context.Context, out *measure.Sayings, all []Answered, slots int, said [][][]float32, numbers []float32, from int) error {
	most := 1
	for _, a := range all {
		most = max(most, len(a.places()))
	}
	places := terms.Room(most)
	host := []*tensors.Tensor{validRows(len(all), slots), s.padded(all, slots, places, 1, func(i int) []float32 { return ones(len(all[i].places())) }), tokenCounts(all, slots)}
	k := max(1, len(s.labels))
	for r := range s.Reads {
		host = append(host, s.padded(all, slots, places, k, func(i int) []float32 { return said[r][from+i] }))
	}
	for _, value := range numbers {
		host = append(host, tensors.FromValue(slices.Repeat([]float32{value}, slots)))
	}
	name := fmt.Sprintf("reward %s, %d rows of %d places", s.reward.Name, slots, places)
	f, err := s.functions.named(name, len(host), nil, func(_, rows []*Node) []*Node {
		return s.graph(rows[0], rows[1], rows[2], func(what terms.Given) *Node {
			return rows[3+slices.Index(slices.Concat(s.Reads, s.learnt), what)]
		})
	})
	if err != nil {
		return err
	}
	flat, err := callRows(ctx, f, nil, host)
	if err != nil {
		return err
	}
	for i, a := range all {
		parts := measure.Parts{}
		for p, part := range s.parts {
			parts[part.name] = s.part(part, flat[1+p], i, slots, len(a.places()))
		}
		out.Scores, out.Parts = append(out.Scores, float64(flat[0][i])), append(out.Parts, parts)
	}
	return nil
}

// padded lays numbers of answers into float32[row, place, x], or [row, place] of
// one number each.
func (s *Spoken) padded(all []Answered, slots, places, numbers int, of func(i int) []float32) *tensors.Tensor {
	dims := []int{slots, places}
	if numbers > 1 {
		dims = append(dims, numbers)
	}
	out := tensors.FromShape(shapes.Make(dtypes.Float32, dims...))
	tensors.MustMutableFlatData(out, func(flat []float32) {
		for i := range all {
			copy(flat[i*places*numbers:], of(i))
		}
	})
	return out
}

func ones(n int) []float32 { return slices.Repeat([]float32{1}, n) }

// part is what one part says of row i: a number, a number for each place, or for
// each label by its name.
func (s *Spoken) part(p spokenPart, flat []float32, i, slots, places int) any {
	n := len(flat) / slots
	row := flat[i*n : (i+1)*n]
	switch {
	case p.places:
		return slices.Clone(row[:places])
	case p.labels:
		return Named(s.names, row)
	}
	return row[0]
}
