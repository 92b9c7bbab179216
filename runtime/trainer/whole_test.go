package trainer

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/backend"
	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/op"
	"github.com/rmc-lang/rmc/runtime/optim"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/terms"
)

// tinyAnswers has pairs whose responses have from 1 to so many tokens and, by and
// large, are chosen for being long: what ODIN is for.
func tinyAnswers(t *testing.T, n, most int) string {
	t.Helper()
	random := rand.New(rand.NewPCG(21, 21))
	var b strings.Builder
	for range n {
		prompt := []int{1, 3 + random.IntN(40), 3 + random.IntN(40)}
		side := func(length, last int) []int {
			ids := append([]int{}, prompt...)
			for range length - 1 {
				ids = append(ids, 3+random.IntN(40))
			}
			return append(ids, last)
		}
		line, err := json.Marshal(map[string]any{
			"prompt_ids": prompt, "margin": random.Float64() / 4,
			"chosen_ids": side(min(most, 2+random.IntN(most)), 3+random.IntN(15)), "rejected_ids": side(max(1, random.IntN(most)), 25+random.IntN(15)),
		})
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	return written(t, "answers.jsonl", b.String())
}

// odin is ODIN's loss (Chen et al. 2024, arXiv 2402.07319) as its authors' code
// has it: ranking by the sum of two heads, one that follows length and one that
// does not, and rows of the head that are orthogonal once they are centred.
func odin(b *op.Batch) op.Objective {
	pair := []string{"pair", "side"}
	quality := op.At(b.Heads("rm", op.Responses), "head", 0)
	length := op.At(b.Heads("rm", op.Responses), "head", 1)
	sum := op.Add(quality, length)
	tokens := b.Length(op.Responses)
	rank := op.Mean(op.Neg(op.LogSigmoid(op.Sub(op.At(sum, "side", 0), op.At(sum, "side", 1)))), "pair")
	disentangled := op.Add(op.Sub(op.Real(1), op.Corr(tokens, length, pair...)),
		op.Add(op.Abs(op.Corr(tokens, quality, pair...)), op.Abs(op.Corr(tokens, sum, pair...))))
	unit := func(head int) op.Tensor {
		w := op.At(b.Weights("rm"), "head", head)
		w = op.Sub(w, op.Mean(w, "hidden"))
		return op.Div(w, op.Sqrt(op.Sum(op.Square(w), "hidden")))
	}
	orthogonal := op.Abs(op.Sum(op.Mul(unit(0), unit(1)), "hidden"))
	return op.Objective{
		Loss:    op.Add(rank, op.Add(disentangled, orthogonal)),
		Reports: []op.Report{{Name: "rank", Value: rank}, {Name: "orthogonal", Value: orthogonal}, meanMargin(b)},
	}
}

func meanMargin(b *op.Batch) op.Report {
	first := func(view string) op.Tensor { return op.At(b.Heads("rm", view), "head", 0) }
	return op.Report{Name: "mean_margin", Value: op.Mean(op.Sub(first("chosen"), first("rejected")), "pair")}
}

// statistics are losses that the micro-batches of a step do not add up to.
func statistics() map[string]func(*op.Batch) op.Objective {
	alone := func(f func(b *op.Batch) op.Tensor) func(*op.Batch) op.Objective {
		return func(b *op.Batch) op.Objective {
			rank := op.Mean(op.Neg(op.LogSigmoid(op.Sub(b.Score("rm", "chosen"), b.Score("rm", "rejected")))), "pair")
			return op.Objective{Loss: op.Add(rank, f(b)), Reports: []op.Report{meanMargin(b)}}
		}
	}
	both := func(b *op.Batch) op.Tensor { return b.Score("rm", op.Responses) }
	return map[string]func(*op.Batch) op.Objective{
		"odin": odin,
		"corr": alone(func(b *op.Batch) op.Tensor {
			return op.Abs(op.Corr(both(b), b.Length(op.Responses), "pair", "side"))
		}),
		"square of a mean": alone(func(b *op.Batch) op.Tensor { return op.Square(op.Mean(both(b), "pair", "side")) }),
		"variance": alone(func(b *op.Batch) op.Tensor {
			return op.Mean(op.Square(op.Sub(both(b), op.Mean(both(b), "pair", "side"))), "pair", "side")
		}),
		"hidden states": alone(func(b *op.Batch) op.Tensor {
			return op.Sum(op.Square(op.Mean(b.Embed("rm", "chosen"), "pair")), "hidden")
		}),
	}
}

// statisticRun trains with an objective in steps of 8, the last of which has
// fewer; micro is how many examples go through one forward.
func statisticRun(t *testing.T, b *backend.Backend, base, pairs string, objective func(*op.Batch) op.Objective, micro int) *Run {
	t.Helper()
	r := tinyRunOn(t, b, base, pairs, func(m *spec.Model, d *spec.Data, tr *spec.Train) {
		m.Head.Outputs, m.Head.Labels = 2, []string{"quality", "length"}
		d.Split = spec.Split{Kind: "none"}
		tr.Micro, tr.Buckets, tr.Steps, tr.Epochs = micro, []int{16}, 0, 1
	})
	r.Program.Stages = r.Program.Stages[:1]
	r.Program.Stages[0].Objective = objective
	return r
}

// Loss and gradient norm of every step, and so the parameters, are those of one
// big batch however a step is cut.
func TestStatisticsAreOfTheWholeStep(t *testing.T) {
	b, base, pairs := goBackend(t), tinyModel(t), tinyAnswers(t, 29, 8) // the last of 4 steps has 5
	for name, objective := range statistics() {
		t.Run(name, func(t *testing.T) {
			one := statisticRun(t, b, base, pairs, objective, 8)
			execute(t, one)
			want := losses(t, one.Dir)
			for _, micro := range []int{4, 2, 3} {
				r := statisticRun(t, b, base, pairs, objective, micro)
				execute(t, r)
				sameSteps(t, losses(t, r.Dir), want, 1e-5)
			}
		})
	}
}

// O5: the reference gathers over processes, hangs when one has fewer pairs than
// another, and dies without a process group. Here a statistic over devices is the
// statistic, in steps of any size.
func TestO5NoGatherNeeded(t *testing.T) {
	base, pairs := tinyModel(t), tinyAnswers(t, 13, 8)
	b := xla(t)
	one := statisticRun(t, goBackend(t), base, pairs, odin, 8)
	execute(t, one)
	want := losses(t, one.Dir)
	for _, micro := range []int{8, 4} {
		r := statisticRun(t, b, base, pairs, odin, micro)
		r.Program.Mesh = spec.Mesh{Devices: 2}
		execute(t, r)
		sameSteps(t, losses(t, r.Dir), want, 1e-5)
	}
}

// A prompt that is read on its own is no response: it has no score, and pairs
// are told right from wrong without it.
func TestPromptIsNoResponse(t *testing.T) {
	b, base, pairs := goBackend(t), tinyModel(t), tinyAnswers(t, 24, 8)
	run := func(prompts bool) []map[string]any {
		r := statisticRun(t, b, base, pairs, bradleyTerry, 4)
		r.Program.Stages[0].Data.Prompts = prompts
		execute(t, r)
		return losses(t, r.Dir)
	}
	with, without := run(true), run(false)
	sameSteps(t, with, without, 1e-5)
	for i := range with {
		for _, name := range []string{"accuracy", "mean_reward"} {
			if g, w := with[i][name].(float64), without[i][name].(float64); math.Abs(g-w) > 1e-5 {
				t.Errorf("step %d: %s is %v with prompts, %v without", i+1, name, g, w)
			}
		}
	}
}

// A statistic that is taken a second time is not paid for where it need not be.
func TestOnlyStatisticsGoTwice(t *testing.T) {
	b, base, pairs := goBackend(t), tinyModel(t), tinyAnswers(t, 16, 8)
	for _, c := range []struct {
		objective func(*op.Batch) op.Objective
		micro     int
		forwards  int
	}{{odin, 4, 4}, {odin, 8, 1}, {bradleyTerry, 4, 2}} {
		r := statisticRun(t, b, base, pairs, c.objective, c.micro)
		tr := started(t, r, r.Program.Stages[0])
		counted := &countedReader{Reader: tr.reader}
		st, err := optim.New(tr.stage, tr.net, tr.aside, counted, terms.ShapeOf(tr.set, tr.net.Model), true)
		if err == nil {
			_, err = st.Step(tr.examples[:8], 0, 2)
		}
		if err != nil {
			t.Fatal(err)
		}
		if counted.forwards != c.forwards {
			t.Errorf("micro %d: %d forwards, want %d", c.micro, counted.forwards, c.forwards)
		}
	}
}

// A countedReader counts the micro-batches that it gives the rows of.
type countedReader struct {
	network.Reader
	forwards int
}

func (c *countedReader) Rows(m *data.Micro) []*tensors.Tensor {
	c.forwards++
	return c.Reader.Rows(m)
}

// objectiveOf is an objective over a constant batch of pairs, with scores of two
// heads, the matrix of both, and lengths: its loss, and the gradients to them.
func objectiveOf(t *testing.T, b *backend.Backend, objective func(*op.Batch) op.Objective, heads [2][][]float32, lengths [2][]float32, weights [][]float32) (loss float64, gradients [][][]float32) {
	t.Helper()
	exec, err := graph.NewExec(b.Backend, func(chosen, rejected, chosenLength, rejectedLength, matrix *graph.Node) []*graph.Node {
		g := chosen.Graph()
		n := chosen.Shape().Dim(0)
		pick := func(view string, chosen, rejected *graph.Node) *graph.Node {
			if view == "chosen" {
				return chosen
			}
			return rejected
		}
		batch := op.NewBatch(op.Inputs{Axis: "pair", Valid: graph.Ones(g, shapes.Make(dtypes.Float32, n)), Count: graph.Const(g, float32(n)),
			Term: func(kind, _, view string) op.Tensor {
				switch kind {
				case "heads":
					return op.New(pick(view, chosen, rejected), "pair", "head")
				case "length":
					return op.New(pick(view, chosenLength, rejectedLength), "pair")
				}
				return op.New(matrix, "head", "hidden")
			}})
		loss := batch.Share(objective(batch).Loss)
		return append([]*graph.Node{loss}, graph.Gradient(loss, chosen, rejected, matrix)...)
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Call(heads[0], heads[1], lengths[0], lengths[1], weights)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range out[1:] {
		gradients = append(gradients, x.Value().([][]float32))
	}
	return float64(out[0].Value().(float32)), gradients
}

// O1: two opposite pairs make up for each other in a sum over the batch, which
// then costs ln 2; pair by pair they cost more.
func TestO1RankingIsPerPair(t *testing.T) {
	rank := func(b *op.Batch) op.Objective {
		sum := func(view string) op.Tensor { return op.Sum(b.Heads("rm", view), "head") }
		return op.Objective{Loss: op.Mean(op.Neg(op.LogSigmoid(op.Sub(sum("chosen"), sum("rejected")))), "pair")}
	}
	opposite := [2][][]float32{{{1, 2}, {0, 0}}, {{0, 0}, {2, 1}}}
	got, _ := objectiveOf(t, goBackend(t), rank, opposite, [2][]float32{{1, 2}, {3, 4}}, [][]float32{{1, 0}, {0, 1}})
	if want := (math.Log1p(math.Exp(-3)) + math.Log1p(math.Exp(3))) / 2; math.Abs(got-want) > 1e-6 || got <= math.Ln2 {
		t.Errorf("loss %v, want %v, which is more than ln 2", got, want)
	}
}

// O7 and O3: the correlation of the sum with length, which the reference leaves
// out, and orthogonality, which it has commented out, are there: a batch and a
// head that break nothing but one of them cost what it says.
func TestO7ThirdCorrelationAndO3OrthogonalityCount(t *testing.T) {
	b := goBackend(t)
	lengths := [2][]float32{{4, 8}, {2, 6}}
	// Quality is uncorrelated with length, and the length head is length: each of
	// the first two terms is 0, and the sum correlates.
	heads := [2][][]float32{{{1, 4}, {1, 8}}, {{-1, 2}, {-1, 6}}}
	tokens, quality := []float64{4, 8, 2, 6}, []float64{1, 1, -1, -1}
	var sum []float64
	for i := range tokens {
		sum = append(sum, tokens[i]+quality[i])
	}
	rank := math.Log1p(math.Exp(-4))
	c := func(x []float64) float64 { return pearson(tokens, x) }
	want := rank + (1 - c(tokens)) + math.Abs(c(quality)) + math.Abs(c(sum))
	got, _ := objectiveOf(t, b, odin, heads, lengths, [][]float32{{1, -1, 0, 0}, {0, 0, 1, -1}})
	if math.Abs(got-want) > 1e-5 || math.Abs(c(sum)) < 0.5 {
		t.Errorf("with orthogonal rows the loss is %v, want %v", got, want)
	}
	parallel, _ := objectiveOf(t, b, odin, heads, lengths, [][]float32{{1, -1, 0, 0}, {3, 1, 2, 2}}) // centred (1, -1, 0, 0)
	if math.Abs(parallel-got-1) > 1e-5 {
		t.Errorf("with parallel rows the loss is %v more, want 1", parallel-got)
	}
}

func pearson(xs, ys []float64) float64 {
	var mx, my, xx, yy, xy float64
	for i := range xs {
		mx, my = mx+xs[i]/float64(len(xs)), my+ys[i]/float64(len(ys))
	}
	for i := range xs {
		dx, dy := xs[i]-mx, ys[i]-my
		xx, yy, xy = xx+dx*dx, yy+dy*dy, xy+dx*dy
	}
	return xy / math.Sqrt(xx*yy)
}

// O6: responses that are all of one length correlate with nothing; the loss and
// the step are numbers.
func TestO6ConstantLengthsGiveNoNaN(t *testing.T) {
	r := statisticRun(t, goBackend(t), tinyModel(t), tinyAnswers(t, 20, 1), odin, 4)
	execute(t, r)
	for _, line := range losses(t, r.Dir) {
		loss, rank, orthogonal := line["loss"].(float64), line["rank"].(float64), line["orthogonal"].(float64)
		if math.Abs(loss-rank-orthogonal-1) > 1e-5 { // 1 - ρ of a correlation that is 0
			t.Errorf("loss %v of ranking %v and orthogonality %v", loss, rank, orthogonal)
		}
	}
}

// confounded has pairs in which the better response wins, and more often the
// longer one. The last token says how good and how long a response is.
func confounded(t *testing.T, n int) string {
	t.Helper()
	random := rand.New(rand.NewPCG(31, 31))
	var b strings.Builder
	for i := range n {
		prompt := []int{1, 20 + i%20, 20 + i/20}
		side := func() (ids []int, worth float64) {
			length, quality := 1+random.IntN(4), random.IntN(2)
			ids = append([]int{}, prompt...)
			for range length - 1 {
				ids = append(ids, 20+random.IntN(20))
			}
			return append(ids, 3+2*length+quality), 2*float64(quality) + 1.5*float64(length)
		}
		chosen, high := side()
		rejected, low := side()
		if random.Float64() > 1/(1+math.Exp(low-high)) {
			chosen, rejected = rejected, chosen
		}
		line, err := json.Marshal(map[string]any{"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected})
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	return written(t, "confounded.jsonl", b.String())
}

// T10: where length goes with the label, the score of Bradley–Terry goes with
// length, and the quality head of ODIN does not, and still tells good from bad.
func TestT10QualityHeadDoesNotFollowLength(t *testing.T) {
	a := newArmo(t)
	a.prefs.Source, a.prefs.Split, a.prefs.Prompts = "file:"+confounded(t, 240), spec.Split{Kind: "none"}, false
	two := spec.Model{Name: "rm", Kind: "mlp", Input: "backbone", Outputs: 2, Axis: "head", Labels: []string{"quality", "length"}}
	train := a.train
	train.Steps, train.Batch, train.Order, train.Optimizer.LR = 300, 240, "shuffle", 0.05
	r := a.run(t, goBackend(t), false)
	bt := r.Program.Stages[5]
	bt.Data, bt.Train.Steps, bt.Train.Batch = a.prefs, 300, 240
	train.Name = "rm"
	r.Program.Rewards = []program.Reward{{Name: "quality", Models: []spec.Model{two}, Score: func(b *op.Batch) op.Reward {
		return op.Reward{Score: op.At(b.Heads("rm", "response"), "head", 0)}
	}}}
	how := spec.Evaluate{Data: "prefs", Part: "train", Batch: 64}
	r.Program.Stages = []program.Stage{program.Train(two, a.prefs, train, odin), bt, program.EvaluateReward("quality", a.prefs, how), program.Evaluate(a.bt, a.prefs, how)}
	execute(t, r)
	quality, plain := r.Results[0], r.Results[1]
	if math.Abs(quality.LengthCorrelation) > 0.1 || plain.LengthCorrelation < 0.5 {
		t.Errorf("correlation with length: quality %.3f, Bradley–Terry %.3f", quality.LengthCorrelation, plain.LengthCorrelation)
	}
	if quality.Accuracy < 0.55 {
		t.Errorf("quality alone is right in %.3f of the pairs", quality.Accuracy)
	}
}

// The losses of ODIN and of ArmoRM's gate, and their gradients, against torch:
// values within 1e-6, gradients within 1e-5.
func TestObjectivesAreTorchs(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "objectives.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		ODIN struct {
			Chosen, Rejected [][]float32
			Lengths          [2][]float32
			Weight           [][]float32
			Loss             float64
			ChosenGradient   [][]float32 `json:"chosen_gradient"`
			RejectedGradient [][]float32 `json:"rejected_gradient"`
			WeightGradient   [][]float32 `json:"weight_gradient"`
		}
		Gate struct {
			Gates, Chosen, Rejected, Matrix [][]float32
			Scale                           float32
			Loss                            float64
			GatesGradient                   [][]float32 `json:"gates_gradient"`
			ScaleGradient                   float64     `json:"scale_gradient"`
		}
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	b := goBackend(t)
	o := golden.ODIN
	loss, gradients := objectiveOf(t, b, odin, [2][][]float32{o.Chosen, o.Rejected}, o.Lengths, o.Weight)
	if math.Abs(loss-o.Loss) > 1e-6*math.Abs(o.Loss) {
		t.Errorf("ODIN's loss %v, torch %v", loss, o.Loss)
	}
	for i, want := range [][][]float32{o.ChosenGradient, o.RejectedGradient, o.WeightGradient} {
		closeRows(t, fmt.Sprintf("ODIN's gradient %d", i), gradients[i], want, 1e-5)
	}
	gate := golden.Gate
	exec, err := graph.NewExec(b.Backend, func(gates, chosen, rejected, matrix, scale *graph.Node) []*graph.Node {
		g := gates.Graph()
		n := gates.Shape().Dim(0)
		batch := op.NewBatch(op.Inputs{Axis: "pair", Valid: graph.Ones(g, shapes.Make(dtypes.Float32, n)), Count: graph.Const(g, float32(n)),
			Transform: func(string) *graph.Node { return matrix },
			Term: func(kind, _, view string) op.Tensor {
				if kind == "scalar" {
					return op.New(scale)
				}
				return op.New(map[string]*graph.Node{"prompt": gates, "chosen": chosen, "rejected": rejected}[view], "pair", "attribute")
			}})
		weights := op.Mul(batch.Scalar("gate", "scale"), op.Softmax(op.Div(batch.Model("gate", "prompt"), op.Real(10)), "attribute"))
		s := func(view string) op.Tensor {
			return op.Sum(op.Mul(weights, batch.Transform("debias", batch.Fit("probe", view))), "attribute")
		}
		loss := batch.Share(op.Mean(op.Neg(op.LogSigmoid(op.Sub(s("chosen"), s("rejected")))), "pair"))
		return append([]*graph.Node{loss}, graph.Gradient(loss, gates, scale)...)
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Call(gate.Gates, gate.Chosen, gate.Rejected, gate.Matrix, gate.Scale)
	if err != nil {
		t.Fatal(err)
	}
	if got := float64(out[0].Value().(float32)); math.Abs(got-gate.Loss) > 1e-6*gate.Loss {
		t.Errorf("the gate's loss %v, torch %v", got, gate.Loss)
	}
	closeRows(t, "the gate's gradient", out[1].Value().([][]float32), gate.GatesGradient, 1e-5)
	if got := float64(out[2].Value().(float32)); math.Abs(got-gate.ScaleGradient) > 1e-5*math.Abs(gate.ScaleGradient) {
		t.Errorf("the scale's gradient %v, torch %v", got, gate.ScaleGradient)
	}
}

// closeRows compares within a share of the largest.
func closeRows(t *testing.T, what string, got, want [][]float32, tolerance float64) {
	t.Helper()
	largest := 0.0
	for _, row := range want {
		for _, x := range row {
			largest = max(largest, math.Abs(float64(x)))
		}
	}
	for i, row := range want {
		for j, x := range row {
			if math.Abs(float64(got[i][j]-x)) > tolerance*largest {
				t.Errorf("%s [%d, %d]: %v, torch %v", what, i, j, got[i][j], x)
			}
		}
	}
}
