package trainer

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

// A formula is the function of a reward as a graph over responses: axis row,
// views response and prompt. It gives the score, its parts, and how the score
// changes with each number that a probe gives for the response.
type formula struct {
	run      *Run
	reward   program.Reward
	layout   *mesh.Layout
	networks []*network.Network
	parts    []formulaPart // of the outputs after the score; known once a graph was built
	reads    []string      // the fits that it reads; known then, too
}

// A formulaPart is an output of a formula's graph besides the score.
type formulaPart struct {
	name     string
	elements []string // nil of a single number
}

// formula opens what a reward's function reads.
func (r *Run) formula(ctx context.Context, reward program.Reward) (*formula, error) {
	if f, ok := r.world.formulas[reward.Name]; ok {
		return f, nil
	}
	l, err := r.devices()
	if err != nil {
		return nil, err
	}
	f := &formula{run: r, reward: reward, layout: l}
	for _, m := range reward.Models {
		n, err := r.trainedNetwork(ctx, m)
		if err != nil {
			return nil, err
		}
		f.networks = append(f.networks, n)
	}
	if r.world.formulas == nil {
		r.world.formulas = map[string]*formula{}
	}
	r.world.formulas[reward.Name] = f
	return f, nil
}

// batchRows are how many rows a network or a formula computes on at once: a
// graph is compiled for each.
var batchRows = [...]int{8, 64, 256}

// slotsFor is the smallest batch that takes so many rows, or the largest.
func slotsFor(rows, ways int) int {
	for _, n := range batchRows {
		if n >= rows {
			return roundUp(n, ways)
		}
	}
	return roundUp(batchRows[len(batchRows)-1], ways)
}

// say computes on responses with hidden states [response, hidden], and on
// prompts, of which there are as many or none.
func (f *formula) say(ctx context.Context, all []answered, response, prompt fit.Matrix[float32]) (*measure.Sayings, error) {
	out := &measure.Sayings{}
	for from := 0; from < len(all); {
		slots := slotsFor(len(all)-from, f.layout.FSDP)
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

// padded is some rows of m, with zeros after them.
func padded(m fit.Matrix[float32], from, to, slots int) *tensors.Tensor {
	flat := make([]float32, slots*m.Cols)
	copy(flat, m.Data[from*m.Cols:to*m.Cols])
	return tensors.FromFlatDataAndDimensions(flat, slots, m.Cols)
}

func validRows(rows, slots int) *tensors.Tensor {
	flat := make([]float32, slots)
	for i := range rows {
		flat[i] = 1
	}
	return tensors.FromFlatDataAndDimensions(flat, slots)
}

func tokenCounts(all []answered, slots int) *tensors.Tensor {
	flat := make([]float32, slots)
	for i, a := range all {
		flat[i] = float32(a.tokens)
	}
	return tensors.FromFlatDataAndDimensions(flat, slots)
}

// batch adds what the formula gives for the first rows of some slots.
func (f *formula) batch(ctx context.Context, out *measure.Sayings, slots, rows int, host []*tensors.Tensor) error {
	var in []mesh.Input
	var places []mesh.Axes
	for _, n := range f.networks {
		in = append(in, n.Values()...)
		places = append(places, placesOf(n)...)
	}
	name := fmt.Sprintf("reward %s, %d rows, %d arrays", f.reward.Name, slots, len(host))
	fn, err := f.run.function(name, len(host), places, f.build)
	if err != nil {
		return err
	}
	flat, err := f.run.callRows(ctx, fn, in, host)
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
				parts[p.name] = named(p.elements, flat[1+k][i*n:(i+1)*n])
			}
		}
		out.Scores, out.Parts = append(out.Scores, float64(flat[0][i])), append(out.Parts, parts)
	}
	return nil
}

func placesOf(n *network.Network) []mesh.Axes { return network.Places(n.Parameters()) }

// build is the graph of a formula. Its outputs are the score and then the parts.
func (f *formula) build(parameters, rows []*Node) []*Node {
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
		rated, attributes := read.Rated(name, "response"), f.fit(name).attributes()
		f.parts = append(f.parts, formulaPart{f.free(name), attributes}, formulaPart{f.free(coefficients(name, len(probes))), attributes})
		out = append(out, rated, Gradient(ReduceAllSum(score), rated)[0])
	}
	return out
}

// network gives the parameters of the formula's models out of those of its graph.
func (f *formula) network(parameters []*Node) func(name string) (*network.Network, model.Params) {
	params := map[string]model.Params{}
	for _, n := range f.networks {
		count := len(n.Parameters())
		params[n.Model.Name], parameters = n.Nodes(parameters[:count]), parameters[count:]
	}
	return func(name string) (*network.Network, model.Params) {
		i := slices.IndexFunc(f.networks, func(n *network.Network) bool { return n.Model.Name == name })
		if i < 0 {
			panic(fmt.Sprintf("the reward %s reads the model %s, which the program does not list for it", f.reward.Name, name))
		}
		return f.networks[i], params[name]
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
func (f *formula) free(name string) string {
	for slices.ContainsFunc(f.parts, func(p formulaPart) bool { return p.name == name }) {
		name += "'"
	}
	return name
}

// elements names the elements of the axis that a part has besides row.
func (f *formula) elements(axes, probes []string) []string {
	for _, axis := range axes {
		switch axis {
		case "row":
		case "attribute":
			if len(probes) > 0 {
				return f.fit(probes[0]).attributes()
			}
			return f.outputs(axis)
		default:
			return f.outputs(axis)
		}
	}
	return nil
}

// outputs names the outputs of a model's head.
func (f *formula) outputs(axis string) []string {
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
func (f *formula) fit(name string) *fitted {
	got, err := f.run.fitted(name)
	if err != nil {
		panic(err)
	}
	if !slices.Contains(f.reads, name) {
		f.reads = append(f.reads, name)
	}
	return got
}

func (f *formula) probe(name string) *fit.Probe { return f.fit(name).probe }

func (f *formula) matrix(name string) *fit.Transform { return f.fit(name).transform }

func roundUp(n, multiple int) int { return (n + multiple - 1) / multiple * multiple }
