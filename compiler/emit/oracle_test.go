package emit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dave/jennifer/jen"

	"github.com/rmc-lang/rmc/compiler/check"
	"github.com/rmc-lang/rmc/compiler/eval"
	"github.com/rmc-lang/rmc/compiler/typed"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/parse"
	"github.com/rmc-lang/rmc/lang/source"
)

const randomObjectives = 200

// padding is what stands in terms and columns where there is no value: nothing
// may come of it.
const padding = 1e30

// Random objectives, typed, emitted, compiled and run on the pure Go backend,
// must give the numbers and the gradients of the interpreter.
func TestEmittedGraphsEqualTheInterpreter(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: compiles and runs a generated program, seconds")
	}
	var cases []oracleCase
	for seed := range uint64(randomObjectives) {
		g := newGenerator(seed)
		if c := newCase(t, g, g.objective()); c.objective != nil {
			cases = append(cases, c)
		}
	}
	if len(cases) < randomObjectives*9/10 {
		t.Fatalf("only %d of %d objectives are right", len(cases), randomObjectives)
	}
	for i, text := range chosenObjectives {
		g := newGenerator(uint64(i))
		_, kind, _ := strings.Cut(text, " on ")
		kind, _, _ = strings.Cut(kind, " ")
		g.setKind(kind, strings.Contains(text, "gate"))
		cases = append(cases, newCase(t, g, text))
	}
	results := runProgram(t, cases)
	worstLoss, worstGradient := 0.0, 0.0
	for i, c := range cases {
		want := eval.Loss(c.objective, c.batch)
		worstLoss = max(worstLoss, c.compare(t, i, "loss", results[i].Loss, want, 1e-5))
		for k, r := range c.objective.Reports {
			c.compare(t, i, r.Name, results[i].Reports[k], eval.Value(r.Value, c.batch), 1e-5)
		}
		for k, term := range c.terms {
			for j := range results[i].Gradients[k] {
				slope := 0.0
				if c.batch.Terms[eval.Key(term)].Data[j] != padding && term.Kind != "known" {
					slope = c.slope(eval.Key(term), j)
				}
				worstGradient = max(worstGradient, c.compare(t, i, fmt.Sprintf("d/d %s[%d]", eval.Key(term), j), results[i].Gradients[k][j], slope, 2e-4))
			}
		}
	}
	t.Logf("%d objectives; worst |Δloss| %.1e, worst |Δgradient| %.1e", len(cases), worstLoss, worstGradient)
}

// chosenObjectives are what chance would miss: names that Go or the program
// has other uses for, the same view of several terms, long lines, and what is
// known but still has axes.
var chosenObjectives = []string{
	`objective f on preference {
  let b = score(chosen)
  let op = b - score(rejected)
  let func = op * 2
  let string = func + gap
  let x_1 = string
  let x1 = x_1 * 2
  loss = mean(x1) + mean(b)
  report loss2 = mean(op)
  report b = mean(b)
  report nil = mean(x1)
}`,
	`objective f on preference {
  let s(x) = score(x) - sum(heads(x, model = odin), over head)
  let t(x, w) = s(x) * w
  loss = mean(t(chosen, 0.5) - t(rejected, gap + 1) + s(prompt) + t(chosen, s(chosen)))
}`,
	`objective f(zero: real = 0, off: bool = false) on preference {
  let nothing = zero * gap
  loss = mean(max(nothing, score(chosen)) + where(off, score(chosen), zero) + where(score(chosen) > nothing, margin, 1))
  report flat = mean(nothing) + zero
  report none = mean(where(gap >= 2 && off, 0.5, mean(gap)) + where(gap >= 2 || !off, mean(gap), 0.5))
}`,
	`objective f on preference {
  loss = mean(-log_sigmoid(tanh(score(chosen) + gap * score(rejected)) - tanh(score(rejected) + weight * score(chosen)) + softplus(gap) * 0.001))
}`,
	`objective f(center: real = 1e-3) on ranking {
  let s = score(candidates)
  let first = softmax(s / 2, over candidate)
  loss = mean(sum(suffix_logsumexp(s, over candidate) - s, over candidate)) + center * mean(mean(s, over candidate)^2)
  report sure = mean(max(first, over candidate))
  report agree = mean(corr(rank(s, over candidate), s, over candidate))
}`,
	`objective gated on preference {
  let gates = gate.scale * softmax(gate(prompt) / 10, over attribute)
  let attributes(x) = debias(probe(x))
  let s(x) = sum(gates * attributes(x), over attribute)
  loss = mean(-log_sigmoid(s(chosen) - s(rejected)))
  report both = mean(s(responses)[chosen] - s(chosen) + rank(s(responses), over side)[rejected])
}`,
	`objective odin on preference {
  let words = length(responses)
  let w = weights(model = odin) - mean(weights(model = odin), over hidden)
  let unit = w / sqrt(max(sum(w^2, over hidden), 1e-16))
  let leak(x) = abs(corr(words, x, over pair, over side)) + gate.scale
  loss = leak(heads(responses, model = odin)[quality]) + abs(dot(unit[quality], unit[length], over hidden)) + mean(rm(chosen))
  report all = sum(where(words > 0, 1, 0), over pair, over side)
}`,
	`objective regression on ratings {
  let e = gate(response) - rating
  loss = mean(sum(where(known, e^2, 0), over attribute)) / max(mean(sum(known, over attribute)), 1e-6)
  report spread = mean(max(e, over attribute) - min(rating, over attribute))
  report share = mean(known, over row, over attribute)
}`,
	`objective steps on labels {
  let p(x) = log_softmax(logits(x), over label)
  let right(x) = exp(p(x)[good])
  let all = mean(-sum(gold * p(conversation), over label), over row, over step)
  loss = all + mean(last(right(conversation), over step) * min(right(conversation), over step)) + 0.1 * all^2
  report final = mean(last(gold[bad] * gap, over step))
  report places = sum(where(right(conversation) > 0, 1, 0), over step, over row)
  report product = mean(exp(sum(p(conversation)[good], over step)))
}`,
	`objective vocabulary on labels {
  let y = last(gold[good], over step)
  loss = mean(sum(gold * logprob(conversation), over label), over step, over row) - mean(y * score(conversation)) - mean(ending(conversation) * gold[bad], over row, over step)
  report each = mean(mean(logprob(conversation)[bad], over step))
  report ended = mean(min(ending(conversation), over step))
}`,
	`objective ranks on ranking {
  loss = mean(score(candidates)^2, over row, over candidate) + mean(last(score(candidates), over candidate))
}`,
}

type oracleCase struct {
	text      string
	objective *typed.Objective
	terms     []*typed.Term // that the program is given: those of single sides where the objective asks for both
	batch     *eval.Batch
}

type oracleResult struct {
	Loss      float64
	Reports   []float64
	Gradients [][]float64 // by term, flat
}

// compare returns the difference, relative where the number is above 1.
func (c oracleCase) compare(t *testing.T, i int, what string, got, want, tolerance float64) float64 {
	t.Helper()
	d := math.Abs(got-want) / math.Max(1, math.Abs(want))
	if math.IsNaN(got) != math.IsNaN(want) || d > tolerance {
		t.Errorf("objective %d, %s: graph %v, interpreter %v\n%s", i, what, got, want, c.text)
	}
	return d
}

// slope is the derivative of the loss by one number of a term: a central
// difference in float64.
func (c oracleCase) slope(key string, j int) float64 {
	const h = 1e-5
	loss := func(step float64) float64 {
		moved := *c.batch
		moved.Base, moved.Terms = c.batch, maps.Clone(c.batch.Terms)
		a := moved.Terms[key]
		a.Data = slices.Clone(a.Data)
		a.Data[j] += step
		moved.Terms[key] = a
		c.beside(&moved)
		return eval.Loss(c.objective, &moved)
	}
	return (loss(h) - loss(-h)) / (2 * h)
}

// newCase checks one objective and fills its batch; the objective is nil where
// chance made a number of it infinite, as the logarithm of a margin of 0.
func newCase(t *testing.T, g *generator, text string) oracleCase {
	t.Helper()
	c := oracleCase{text: text, batch: g.batch()}
	file, errs := parse.File(source.New("random.rmr", c.text))
	if errs.HasErrors() {
		t.Fatalf("%s\n%v", c.text, errs)
	}
	attributes := []string{"a", "b", "c"}
	env := check.Env{
		Data: check.Data{Name: "d", Kind: g.kind, Columns: g.columns, Attributes: attributes, Labels: []string{"good", "bad"}},
		Models: []check.Model{
			{Name: "rm", Outputs: 1, Trained: !g.networks()},
			{Name: "odin", Outputs: 2, Labels: []string{"quality", "length"}, Trained: !g.networks()},
			{Name: "gate", Kind: "mlp", Axis: "attribute", Outputs: 3, Labels: attributes, Encoder: "backbone", Scalars: []string{"scale"}},
		},
		Fits: []check.Fit{
			{Name: "probe", Kind: "ridge", Of: "backbone", Encoder: "backbone", Attributes: attributes},
			{Name: "debias", Kind: "decorrelate", Of: "probe", Encoder: "backbone", Attributes: attributes},
		},
		Serves: []string{"score", "heads", "embed", "logprob", "model", "fit", "scalar", "weights", "length", "rating", "known", "logits", "ending", "gold"},
		Views:  []string{"chosen", "rejected", "responses", "prompt", "candidates", "response", "conversation"},
	}
	var found diag.List
	c.objective = check.New(file.Decls[0], env, &found)
	if c.objective == nil && len(found) > 0 && found[0].Code == diag.NotFinite {
		return c
	}
	if c.objective == nil {
		t.Fatalf("%s\n%v", c.text, found)
	}
	c.terms = sides(c.objective.Terms)
	for _, term := range c.terms {
		c.batch.Terms[eval.Key(term)] = g.term(term, c.batch)
	}
	c.beside(c.batch)
	return c
}

// sides replaces terms of both sides of a pair by those of each.
func sides(terms []*typed.Term) []*typed.Term {
	var all []*typed.Term
	add := func(t *typed.Term) {
		if !slices.ContainsFunc(all, func(o *typed.Term) bool { return eval.Key(o) == eval.Key(t) }) {
			all = append(all, t)
		}
	}
	for _, t := range terms {
		if t.View != "responses" {
			add(t)
			continue
		}
		for _, view := range []string{"chosen", "rejected"} {
			one := *t
			one.View = view
			one.Type.Axes = slices.DeleteFunc(slices.Clone(t.Type.Axes), func(a typed.Axis) bool { return a.Name == "side" })
			add(&one)
		}
	}
	return all
}

// beside makes the terms of both sides of those of each.
func (c oracleCase) beside(b *eval.Batch) {
	for _, t := range c.objective.Terms {
		if t.View != "responses" {
			continue
		}
		var whole eval.Array
		for _, a := range t.Type.Axes {
			whole.Axes = append(whole.Axes, a.Name)
		}
		one := *t
		one.View = "chosen"
		chosen := b.Terms[eval.Key(&one)]
		one.View = "rejected"
		rejected := b.Terms[eval.Key(&one)]
		after := 1 // numbers behind one position of side
		for _, a := range whole.Axes[slices.Index(whole.Axes, "side")+1:] {
			after *= b.Sizes[a]
		}
		for i := 0; i < len(chosen.Data); i += after {
			whole.Data = append(append(whole.Data, chosen.Data[i:i+after]...), rejected.Data[i:i+after]...)
		}
		b.Terms[eval.Key(t)] = whole
	}
}

// runProgram emits all objectives into one program, compiles it and runs it.
func runProgram(t *testing.T, cases []oracleCase) []oracleResult {
	t.Helper()
	file := jen.NewFile("main")
	file.ImportName(opPath, "op")
	list := "var objectives = []func(*op.Batch) op.Objective{"
	var inputs []oracleInput
	for i, c := range cases {
		name := fmt.Sprintf("objective%d", i)
		for _, code := range objective(name, c.objective) {
			file.Add(code)
		}
		list += name + ", "
		inputs = append(inputs, newInput(c))
	}
	file.Add(jen.Op(list + "}"))
	var source bytes.Buffer
	if err := file.Render(&source); err != nil {
		t.Fatal(err)
	}
	return goRun(t, source.Bytes(), inputs)
}

// goRun puts the program into this module by an overlay, for it needs
// runtime/op, and no file of a test should lie in the tree.
func goRun(t *testing.T, source []byte, inputs []oracleInput) []oracleResult {
	t.Helper()
	watch(t, filepath.Join("..", "..", "runtime", "op"))
	dir := t.TempDir()
	main, err := os.ReadFile(filepath.Join("testdata", "oracle.go.txt"))
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for name, content := range map[string][]byte{"main.go": main, "objectives.go": source} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		files[filepath.Join(here, "oracle", name)] = path
	}
	overlay := filepath.Join(dir, "overlay.json")
	writeJSON(t, overlay, map[string]any{"Replace": files})
	writeJSON(t, filepath.Join(dir, "inputs.json"), inputs)
	cmd := exec.Command("go", "run", "-overlay", overlay, "-tags", "noxla", "./oracle", filepath.Join(dir, "inputs.json"))
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, problems.String())
	}
	var results []oracleResult
	if err := json.Unmarshal(out, &results); err != nil {
		t.Fatal(err)
	}
	return results
}

// watch reads what the program is built of, so that go test knows when it changed.
func watch(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, name := range files {
		if _, err := os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
}

func writeJSON(t *testing.T, path string, v any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err == nil {
		err = os.WriteFile(path, text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// An oracleInput is what the program needs of a case; testdata/oracle.go.txt
// reads it.
type oracleInput struct {
	Axis    string
	Valid   []bool
	Ragged  map[string][][]bool
	Columns map[string][]float64
	Terms   []oracleTerm
	// Transforms are the matrices of fits.
	Transforms map[string][][]float64
}

type oracleTerm struct {
	Kind, Model, View string
	Axes              []string
	Dims              []int
	Data              []float64
	Mask              string // ragged axis that this term brings a mask for
}

func newInput(c oracleCase) oracleInput {
	in := oracleInput{Axis: c.batch.Axis, Valid: c.batch.Valid, Ragged: c.batch.Ragged, Columns: c.batch.Columns, Transforms: c.batch.Transforms}
	for _, t := range c.terms {
		a := c.batch.Terms[eval.Key(t)]
		term := oracleTerm{Kind: t.Kind, Model: t.Model, View: t.View, Axes: a.Axes, Dims: []int{}, Data: a.Data}
		for _, axis := range a.Axes {
			term.Dims = append(term.Dims, c.batch.Sizes[axis])
		}
		if slices.Contains(a.Axes, "token") {
			term.Mask = "token"
		}
		in.Terms = append(in.Terms, term)
	}
	return in
}
