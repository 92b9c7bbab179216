package emit

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/compiler/eval"
	"github.com/rmc-lang/rmc/compiler/typed"
)

// A generator writes random objectives that are well typed and whose numbers
// stay small, so that float32 and float64 can be compared.
type generator struct {
	rng     *rand.Rand
	kind    string   // of the data
	axis    string   // of the batch
	ragged  string   // its ragged axis
	fixed   string   // an axis of named elements: head, or attribute where networks and fits are called
	columns []string // that the data declares
	values  []string // lets over the batch
}

func newGenerator(seed uint64) *generator {
	g := &generator{rng: rand.New(rand.NewPCG(seed, 8))}
	g.setKind([]string{"preference", "preference", "ranking", "ratings"}[g.rng.IntN(4)], g.rng.IntN(2) == 0)
	return g
}

func (g *generator) setKind(kind string, networks bool) {
	g.kind, g.axis, g.ragged, g.fixed, g.columns = kind, "row", "token", "head", []string{"gap", "weight"}
	switch kind {
	case "preference":
		g.axis = "pair"
		if g.rng.IntN(2) == 0 {
			g.columns = append(g.columns, "margin")
		}
	case "ranking":
		g.ragged = "candidate"
	case "labels":
		g.ragged = "step"
	}
	if networks || kind == "ratings" {
		g.fixed = "attribute"
	}
}

// networks reports whether models and fits are called by their names, as where
// a stage trains a network over what an encoder reads.
func (g *generator) networks() bool { return g.fixed == "attribute" }

func (g *generator) pick(options ...string) string { return options[g.rng.IntN(len(options))] }

// objective has parameters, lets, a let with parameters, a loss and a report.
func (g *generator) objective() string {
	var b strings.Builder
	fmt.Fprintf(&b, "objective f(p: real = %s, on: bool = %s) on %s {\n",
		g.pick("0", "1", "2", "0.5", "3%", "1e-2", "-1"), g.pick("true", "false"), g.kind)
	terms := []string{"mean(score(prompt) * where(on, p, 0.5))"}
	for i := range g.rng.IntN(3) {
		name := fmt.Sprintf("v%d", i)
		fmt.Fprintf(&b, "  let %s = %s\n", name, g.expr([]string{g.axis}, 2))
		g.values = append(g.values, name)
		terms = append(terms, "mean(tanh("+name+" + gap))")
	}
	if g.kind == "preference" && g.rng.IntN(2) == 0 {
		fmt.Fprintf(&b, "  let s(x) = tanh(score(x)) * %s\n", g.expr([]string{g.axis}, 1))
		g.values = append(g.values, "s(chosen)", "s(rejected)")
		terms = append(terms, "mean(s(chosen) - s(prompt))")
	}
	loss := g.reduce(nil, g.axis, "mean", 3)
	fmt.Fprintf(&b, "  loss = %s + %s\n", loss, strings.Join(terms, " - "))
	report := g.reduce(nil, g.axis, g.pick("mean", "max", "min"), 2)
	if g.rng.IntN(3) == 0 {
		report = "corr(score(prompt), " + g.expr([]string{g.axis}, 1) + " + gap, over " + g.axis + ")"
	}
	fmt.Fprintf(&b, "  report r = %s\n}\n", report)
	if g.networks() {
		return named(b.String())
	}
	return b.String()
}

// named calls the models by name that the objective asks as the trained one.
func named(text string) string {
	text = strings.NewReplacer("score(", "rm(").Replace(text)
	return regexp.MustCompile(`(embed|logprob)\((\w+)\)`).ReplaceAllString(text, "$1($2, model = rm)")
}

// expr is an expression over some of the given axes.
func (g *generator) expr(axes []string, depth int) string {
	if depth <= 0 {
		return g.leaf(axes)
	}
	x, y := g.expr(axes, depth-1), g.leaf(axes)
	form := g.pick(
		"(X + Y)", "(Y - X)", "(X - Y)", "(tanh(X) * Y)", "(X / (abs(Y) + 0.5))",
		"(abs(X) + 0.1)^2", "(abs(X) + 0.1)^p", "(abs(X) + 0.1)^1.5", "tanh(X)^2",
		"sigmoid(X)", "log_sigmoid(X)", "softplus(X)", "relu(X)", "square(tanh(X))", "abs(X)",
		"log(1 + exp(X))", "log(exp(Y) + 1)", "log(sigmoid(X))", "log(1 - sigmoid(X))", "log(abs(X) + 0.3)",
		"1 / (1 + exp(-X))", "(1 - sigmoid(X))^p", "exp(tanh(X))", "sqrt(abs(X) + 0.2)", "-X", "- -X",
		"where(C, X, Y)", "where(X > 0, log(X), Y)", "where(on, X, Y)", "min(X, Y)", "max(X, Y)",
		"stop_gradient(X)", "p * X", "X * 0", "(X + 0 * Y)", "inner", "inner", "inner", "inner", "inner")
	if form == "inner" {
		return g.inner(axes, depth)
	}
	return strings.NewReplacer("X", x, "Y", y, "C", g.condition(axes)).Replace(form)
}

func (g *generator) condition(axes []string) string {
	x, y := g.leaf(axes), g.leaf(axes)
	form := g.pick("X > Y", "X < Y", "X >= Y && on", "X <= Y || on", "!(X > Y)", "X != Y", "on && X == Y")
	return strings.NewReplacer("X", x, "Y", y).Replace(form)
}

// inner reduces an axis that the result need not have, or works along one.
func (g *generator) inner(axes []string, depth int) string {
	if !slices.Contains(axes, g.axis) {
		return g.reduce(axes, g.axis, g.pick("mean", "mean", "max", "min"), depth-1)
	}
	reduction := g.pick("sum", "mean", "max", "min", "logsumexp")
	along := g.pick("softmax", "log_softmax", "rank")
	if g.networks() && g.rng.IntN(2) == 0 {
		return g.network(axes, depth, reduction, along)
	}
	switch choice := g.rng.IntN(7); {
	case choice == 0 && slices.Contains(axes, g.fixed):
		return g.reduceBy(along, axes, g.fixed, depth-1)
	case choice == 1 && slices.Contains(axes, g.ragged):
		return g.reduceBy(g.pick(along, "suffix_logsumexp"), axes, g.ragged, depth-1)
	case choice == 2:
		return g.reduce(axes, g.ragged, reduction, depth-1)
	case choice == 3:
		return "heads(" + g.view() + ", model = odin)" + g.pick("[quality]", "[length]")
	case choice == 4:
		return "dot(embed(" + g.view() + "), tanh(embed(prompt)), over hidden)"
	case choice == 5:
		return g.reduce(nil, g.axis, g.pick("mean", "max"), depth-1)
	}
	return g.reduce(axes, g.fixed, reduction, depth-1)
}

// network is an expression of what networks, fits and several axes have.
func (g *generator) network(axes []string, depth int, reduction, along string) string {
	with := func(more ...string) []string { return append(slices.Clone(axes), more...) }
	choice := g.rng.IntN(7)
	if g.kind == "preference" && !slices.Contains(axes, "side") {
		switch choice {
		case 0:
			return fmt.Sprintf("%s(length(responses) + %s, over side)", reduction, g.expr(with("side"), depth-1))
		case 1:
			return fmt.Sprintf("%s(score(responses) * %s, over %s, over side)", g.pick("mean", "max", "min"), g.leaf([]string{g.axis, "side"}), g.axis)
		case 2:
			return fmt.Sprintf("corr(score(responses), length(responses) + %s, over side, over %s)", g.leaf([]string{g.axis}), g.axis)
		case 3:
			return fmt.Sprintf("(%s(score(responses) + %s, over side))%s", along, g.leaf(with("side")), g.pick("[chosen]", "[rejected]"))
		}
	}
	switch {
	case choice == 4 && !slices.Contains(axes, g.fixed):
		return fmt.Sprintf("(debias(probe(%s) + %s))%s", g.view(), g.expr(with(g.fixed), depth-1), g.pick("[b]", "[c]"))
	case choice == 5:
		return "dot(weights(model = odin)[quality], tanh(embed(" + g.view() + ")), over hidden)"
	case choice == 6 && g.ragged == "candidate":
		return fmt.Sprintf("%s(score(candidates) + %s, over candidate, over row)", g.pick("mean", "max", "min"), g.leaf([]string{"row"}))
	}
	return fmt.Sprintf("(%s(gate(%s) * %s, over attribute))%s", along, g.view(), g.leaf(with(g.fixed)), g.pick("[a]", "[c]"))
}

// reduce is f of something that has the axis over.
func (g *generator) reduce(axes []string, over, f string, depth int) string {
	inner := append(slices.Clone(axes), over)
	if over == g.axis {
		inner = []string{g.axis} // a ragged axis has to go first
	}
	return g.reduceBy(f, inner, over, depth)
}

func (g *generator) reduceBy(f string, axes []string, over string, depth int) string {
	has := map[string]string{
		"pair": "score(prompt)", "row": "score(prompt)", "candidate": "score(candidates)",
		"token": "logprob(" + g.text() + ")", "head": "heads(prompt, model = odin)", "attribute": "debias(probe(prompt))",
	}[over]
	return f + "(" + has + " + " + g.expr(axes, depth) + ", over " + over + ")"
}

func (g *generator) view() string {
	switch g.kind {
	case "ranking":
		return "prompt"
	case "ratings":
		return g.pick("response", "prompt")
	}
	return g.pick("chosen", "rejected", "prompt")
}

// text is the view whose tokens are the ragged axis.
func (g *generator) text() string {
	if g.kind == "ratings" {
		return "response"
	}
	return "chosen"
}

// leaf is a number, column, term or let over some of the given axes.
func (g *generator) leaf(axes []string) string {
	options := []string{"p", "0.25", "2", "0.75"}
	if slices.Contains(axes, g.axis) {
		options = append(options, "gap", "weight", "score("+g.view()+")", "score("+g.view()+")")
		options = append(options, g.values...)
		if g.kind == "preference" {
			options = append(options, "margin")
		}
	}
	if slices.Contains(axes, "head") {
		options = append(options, "heads("+g.view()+", model = odin)")
	}
	if slices.Contains(axes, "attribute") {
		options = append(options, "gate("+g.view()+")", "probe("+g.view()+")", "debias(gate("+g.view()+"))")
		if g.kind == "ratings" {
			options = append(options, "rating", "where(known, rating, 0.5)")
		}
	}
	if slices.Contains(axes, "side") {
		options = append(options, "score(responses)", "length(responses)")
	}
	if g.networks() {
		options = append(options, "gate.scale")
		if g.kind != "ranking" && slices.Contains(axes, g.axis) {
			options = append(options, "length("+g.text()+")")
		}
	}
	if slices.Contains(axes, g.ragged) {
		options = append(options, map[string]string{"token": "logprob(" + g.text() + ")", "candidate": "score(candidates)"}[g.ragged])
	}
	return g.pick(options...)
}

// batch has five examples, one of them padding, and a ragged axis.
func (g *generator) batch() *eval.Batch {
	b := &eval.Batch{
		Axis:       g.axis,
		Sizes:      map[string]int{g.axis: 5, "head": 2, "hidden": 3, "side": 2, "attribute": 3, "label": 2, g.ragged: 4},
		Valid:      []bool{true, true, true, true, true},
		Ragged:     map[string][][]bool{},
		Columns:    map[string][]float64{},
		Terms:      map[string]eval.Array{},
		Transforms: map[string][][]float64{"debias": {{1, 0, 0}, {-0.25, 0, -0.5}, {0, 0, 1}}},
	}
	b.Valid[g.rng.IntN(5)] = false
	for range 5 {
		mask := []bool{true, true, true, true}
		mask[g.rng.IntN(4)] = false
		mask[g.rng.IntN(4)] = false
		b.Ragged[g.ragged] = append(b.Ragged[g.ragged], mask)
	}
	for _, name := range g.columns {
		for p := range 5 {
			b.Columns[name] = append(b.Columns[name], g.number(b.Valid[p]))
		}
	}
	return b
}

func (g *generator) number(valid bool) float64 {
	x := g.rng.NormFloat64()
	if !valid {
		return padding
	}
	return float64(float32(x))
}

// term is an array of random numbers with padding where the batch has it.
func (g *generator) term(t *typed.Term, b *eval.Batch) eval.Array {
	var a eval.Array
	n := 1
	for _, axis := range t.Type.Axes {
		a.Axes = append(a.Axes, axis.Name)
		n *= b.Sizes[axis.Name]
	}
	for flat := range n {
		valid, rest, at := true, flat, map[string]int{}
		for i := len(a.Axes) - 1; i >= 0; i-- {
			at[a.Axes[i]] = rest % b.Sizes[a.Axes[i]]
			rest /= b.Sizes[a.Axes[i]]
		}
		if i, ok := at[g.axis]; ok {
			valid = b.Valid[i]
		}
		if p, ok := at[g.ragged]; ok {
			valid = valid && b.Ragged[g.ragged][at[g.axis]][p]
		}
		x := g.number(valid)
		if t.Kind == "known" {
			x = float64(g.rng.IntN(2))
		}
		a.Data = append(a.Data, x)
	}
	return a
}
