package rewards

import (
	"context"
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/fit"
	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/mesh"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/op"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/terms"
)

// A Formula is the function of a reward as a graph over responses: axis row,
// views response and prompt. It gives the score, its parts, and how the score
// changes with each number that a probe gives for the response.
type Formula struct {
	Networks []*network.Network
	Reads    []string // the fits that it reads; known once a graph was built

	functions *Functions
	reward    program.Reward
	fits      func(name string) (*fit.Probe, *fit.Transform, error)
	parts     []formulaPart // of the outputs after the score; known once a graph was built
}

// NewFormula is that of a reward that reads networks, and of fits what its function
// asks for. An error of these is one of saying.
func NewFormula(functions *Functions, reward program.Reward, networks []*network.Network, fits func(name string) (*fit.Probe, *fit.Transform, error)) *Formula {
	return &Formula{functions: functions, reward: reward, Networks: networks, fits: fits}
}

// A formulaPart is an output of a formula's graph besides the score.
type formulaPart struct {
	name     string
	elements []string // nil of a single number
}

// Say computes on responses with hidden states [response, hidden], and on
// prompts, of which there are as many or none.
func (f *Formula) Say(ctx context.Context, all []Answered, response, prompt fit.Matrix[float32]) (*measure.Sayings, error) {
	out := &measure.Sayings{}
	for from := 0; from < len(all); {
		slots := slotsFor(len(all)-from, f.functions.layout.FSDP)
		to := min(len(all), from+slots)
		host := []*tensors.Tensor{validRows(to-from, slots), tokenCounts(all[from:to], slots), padded(response, from, to, slots)}
		if prompt.Rows > 0 {
			host = append(host, padded(prompt, from, to, slots))
		}
		if err := f.batch(ctx, out, slots, to-from, host); err != nil {
			return nil, fmt.Errorf("reward %s: %w", f.reward.Name, err)
		}
		from = to
	}
	return out, nil
}

// batch adds what the formula gives for the first rows of some slots.
func (f *Formula) batch(ctx context.Context, out *measure.Sayings, slots, rows int, host []*tensors.Tensor) error {
	var in []mesh.Input
	var places []mesh.Axes
	for _, n := range f.Networks {
		in = append(in, n.Values()...)
		places = append(places, network.Places(n.Parameters())...)
	}
	name := fmt.Sprintf("reward %s, %d rows, %d arrays", f.reward.Name, slots, len(host))
	fn, err := f.functions.named(name, len(host), places, f.build)
	if err != nil {
		return err
	}
	flat, err := callRows(ctx, fn, in, host)
	if err != nil {
		return err
	}
	for i := range rows {
		parts := measure.Parts{}
		for k, p := range f.parts {
			if p.elements == nil {
				parts[p.name] = flat[1+k][i]
			} else {
				n := len(p.elements)
				parts[p.name] = Named(p.elements, flat[1+k][i*n:(i+1)*n])
			}
		}
		out.Scores, out.Parts = append(out.Scores, float64(flat[0][i])), append(out.Parts, parts)
	}
	return nil
}

// build is the graph of a formula. Its outputs are the score and then the parts.
func (f *Formula) build(parameters, rows []*Node) []*Node {
	g := rows[0].Graph()
	read := &terms.Reading{
		Axis: "row", Views: map[string]*Node{"response": rows[2]}, Lengths: map[string]*Node{"response": rows[1]},
		Network: f.network(parameters), Probe: f.probe, Decorrelation: f.matrix,
	}
	if len(rows) > 3 {
		read.Views["prompt"] = rows[3]
	}
	batch := op.NewBatch(op.Inputs{Axis: "row", Valid: rows[0], Count: ReduceAllSum(rows[0]), Term: read.Term, Transform: read.Transform(g)})
	reward := f.reward.Score(batch)
	score := batch.Values(reward.Score)
	out := []*Node{score}
	f.parts = nil
	probes := read.Probes("response")
	for _, p := range reward.Parts {
		f.parts = append(f.parts, formulaPart{p.Name, f.elements(p.Value.Axes(), probes)})
		out = append(out, batch.Values(p.Value))
	}
	for _, name := range probes {
		rated, attributes := read.Rated(name, "response"), f.attributes(name)
		f.parts = append(f.parts, formulaPart{f.free(name), attributes}, formulaPart{f.free(coefficients(name, len(probes))), attributes})
		out = append(out, rated, Gradient(ReduceAllSum(score), rated)[0])
	}
	return out
}

// network gives the parameters of the formula's models out of those of its graph.
func (f *Formula) network(parameters []*Node) func(name string) (*network.Network, model.Params) {
	params := map[string]model.Params{}
	for _, n := range f.Networks {
		count := len(n.Parameters())
		params[n.Model.Name], parameters = n.Nodes(parameters[:count]), parameters[count:]
	}
	return func(name string) (*network.Network, model.Params) {
		i := slices.IndexFunc(f.Networks, func(n *network.Network) bool { return n.Model.Name == name })
		if i < 0 {
			panic(fmt.Sprintf("the reward %s reads the model %s, which the program does not list for it", f.reward.Name, name))
		}
		return f.Networks[i], params[name]
	}
}

// coefficients is the name of the part that says how the score changes with what
// a probe gives. Where the score is linear in it, as a gated sum is, score =
// Σ coefficients · probe.
func coefficients(probe string, probes int) string {
	if probes == 1 {
		return "coefficients"
	}
	return "coefficients of " + probe
}

// free is a name that no part has yet.
func (f *Formula) free(name string) string {
	for slices.ContainsFunc(f.parts, func(p formulaPart) bool { return p.name == name }) {
		name += "'"
	}
	return name
}

// elements names the elements of the axis that a part has besides row.
func (f *Formula) elements(axes, probes []string) []string {
	for _, axis := range axes {
		switch axis {
		case "row":
		case "attribute":
			if len(probes) > 0 {
				return f.attributes(probes[0])
			}
			return f.outputs(axis)
		default:
			return f.outputs(axis)
		}
	}
	return nil
}

// outputs names the outputs of a model's head.
func (f *Formula) outputs(axis string) []string {
	for _, m := range f.reward.Models {
		labels, n := m.Labels, m.Outputs
		if m.Kind == "reward" {
			labels, n = m.Head.Labels, m.Head.Outputs
		} else if m.Axis != axis {
			continue
		}
		if len(labels) == 0 {
			for i := range n {
				labels = append(labels, fmt.Sprint(i))
			}
		}
		return labels
	}
	panic(fmt.Sprintf("trainer: a part over %s, and no model of the reward has it", axis))
}

// fit is a fit that the formula reads.
func (f *Formula) fit(name string) (*fit.Probe, *fit.Transform) {
	probe, transform, err := f.fits(name)
	if err != nil {
		panic(err)
	}
	if !slices.Contains(f.Reads, name) {
		f.Reads = append(f.Reads, name)
	}
	return probe, transform
}

// attributes names what a probe gives.
func (f *Formula) attributes(name string) []string { return f.probe(name).Attributes }

func (f *Formula) probe(name string) *fit.Probe {
	probe, _ := f.fit(name)
	return probe
}

func (f *Formula) matrix(name string) *fit.Transform {
	_, transform := f.fit(name)
	return transform
}
