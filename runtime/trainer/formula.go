package trainer

import (
	"context"
	"fmt"
	"maps"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/fit"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/op"
)

// A formula is the function of a reward as a graph over responses: axis row,
// views response and prompt. It gives the score, its parts, and how the score
// changes with each number that a probe gives for the response.
type formula struct {
	run      *Run
	reward   Reward
	layout   *layout
	networks []*network
	parts    []formulaPart // of the outputs after the score; known once a graph was built
}

// A formulaPart is an output of a formula's graph besides the score.
type formulaPart struct {
	name     string
	elements []string // nil of a single number
}

// formula opens what a reward's function reads.
func (r *Run) formula(ctx context.Context, reward Reward) (*formula, error) {
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

// formulaRows are how many responses a formula computes on at once: a graph is
// compiled for each.
var formulaRows = [...]int{8, 64, 256}

// say computes on responses with hidden states [response, hidden], and on
// prompts, of which there are as many or none.
func (f *formula) say(ctx context.Context, all []answered, response, prompt fit.Matrix[float32]) (*sayings, error) {
	out := &sayings{}
	for from := 0; from < len(all); {
		slots := formulaRows[len(formulaRows)-1]
		for _, n := range slices.Backward(formulaRows[:]) {
			if n >= len(all)-from {
				slots = n
			}
		}
		to := min(len(all), from+slots)
		slots = roundUp(slots, f.layout.fsdp)
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
func (f *formula) batch(ctx context.Context, out *sayings, slots, rows int, host []*tensors.Tensor) error {
	var in []input
	var places []axes
	for _, n := range f.networks {
		in = append(in, n.values()...)
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
		parts := Parts{}
		for k, p := range f.parts {
			if p.elements == nil {
				parts[p.name] = flat[1+k][i]
			} else {
				n := len(p.elements)
				parts[p.name] = named(p.elements, flat[1+k][i*n:(i+1)*n])
			}
		}
		out.scores, out.parts = append(out.scores, float64(flat[0][i])), append(out.parts, parts)
	}
	return nil
}

func placesOf(n *network) []axes { return places(n.parameters()) }

// build is the graph of a formula. Its outputs are the score and then the parts.
func (f *formula) build(parameters, rows []*Node) []*Node {
	terms := &formulaTerms{formula: f, params: map[string]model.Params{}, probes: map[string]*Node{},
		lengths: rows[1], views: map[string]*Node{"response": rows[2]}}
	if len(rows) > 3 {
		terms.views["prompt"] = rows[3]
	}
	for _, n := range f.networks {
		count := len(n.parameters())
		terms.params[n.model.Name], parameters = n.nodes(parameters[:count]), parameters[count:]
	}
	batch := op.NewBatch(op.Inputs{Axis: "row", Valid: rows[0], Count: ReduceAllSum(rows[0]), Term: terms.term, Transform: terms.transform})
	reward := f.reward.Score(batch)
	score := batch.Values(reward.Score)
	out := []*Node{score}
	f.parts = nil
	for _, p := range reward.Parts {
		f.parts = append(f.parts, formulaPart{p.Name, f.elements(p.Value.Axes(), terms)})
		out = append(out, batch.Values(p.Value))
	}
	for _, name := range slices.Sorted(maps.Keys(terms.probes)) {
		given := terms.probes[name]
		attributes := f.mustFit(name).attributes()
		f.parts = append(f.parts, formulaPart{f.free(name), attributes}, formulaPart{f.free(coefficients(name, len(terms.probes))), attributes})
		out = append(out, given, Gradient(ReduceAllSum(score), given)[0])
	}
	return out
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
func (f *formula) elements(axes []string, terms *formulaTerms) []string {
	for _, axis := range axes {
		switch axis {
		case "row":
		case "attribute":
			for _, name := range slices.Sorted(maps.Keys(terms.probes)) {
				return f.mustFit(name).attributes()
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

func (f *formula) mustFit(name string) *fitted {
	got, err := f.run.fitted(name)
	if err != nil {
		panic(err)
	}
	return got
}

// formulaTerms are the terms of a formula's graph.
type formulaTerms struct {
	*formula
	params  map[string]model.Params
	views   map[string]*Node // hidden states [row, hidden] of response and prompt
	lengths *Node            // [row]
	probes  map[string]*Node // what a probe gives for the response, [row, attribute], of those that were asked
}

// term is a term of op.Inputs.
func (t *formulaTerms) term(kind, name, view string) op.Tensor {
	switch kind {
	case "length":
		return op.New(t.lengths, "row")
	case "fit":
		given := t.probe(name, t.hidden(view))
		if view == "response" {
			t.probes[name] = given
		}
		return op.New(given, "row", "attribute")
	case "embed":
		return op.New(t.hidden(view), "row", "hidden")
	}
	i := slices.IndexFunc(t.networks, func(n *network) bool { return n.model.Name == name })
	if i < 0 {
		panic(fmt.Sprintf("the reward %s reads the model %s, which the program does not list for it", t.reward.Name, name))
	}
	n, p := t.networks[i], t.params[name]
	switch kind {
	case "heads":
		return op.New(n.heads(p, t.hidden(view)), "row", "head")
	case "score":
		return op.New(Squeeze(Slice(n.heads(p, t.hidden(view)), AxisRange(), AxisElem(0)), -1), "row")
	}
	panic(fmt.Sprintf("the term %s needs what a reward does not have", kind))
}

func (t *formulaTerms) hidden(view string) *Node {
	h, ok := t.views[view]
	if !ok {
		panic(fmt.Sprintf("it reads the %s, and the data has none", view))
	}
	return h
}

// probe is what a ridge probe gives for hidden states: [row, attribute].
func (t *formulaTerms) probe(name string, hidden *Node) *Node {
	f := t.mustFit(name).probe
	weight := Const(hidden.Graph(), matrix32(f.Weight))
	bias := Const(hidden.Graph(), matrix32([][]float64{f.Intercept}))
	y := MatMul(hidden, TransposeAllAxes(weight, 1, 0))
	return Add(y, BroadcastToDims(bias, y.Shape().Dimensions...))
}

// transform is the matrix of a decorrelate fit.
func (t *formulaTerms) transform(name string) *Node {
	return Const(t.lengths.Graph(), matrix32(t.mustFit(name).transform.Matrix))
}

func matrix32(rows [][]float64) *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(floats32(slices.Concat(rows...)), len(rows), len(rows[0]))
}
