package trainer

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/rmc-lang/rmc/runtime/backend"
	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/op"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// shared finds the folder of reference data beside the repository.
func shared(t *testing.T, path ...string) string {
	t.Helper()
	dir := os.Getenv("RMC_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	found := filepath.Join(append([]string{dir}, path...)...)
	if _, err := os.Stat(found); err != nil {
		t.Skipf("needs ../shared: %v", err)
	}
	return found
}

// goBackend is the backend that every machine has.
func goBackend(t *testing.T) *backend.Backend {
	t.Helper()
	b, err := backend.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Finalize)
	return b
}

// xla is the backend that meshes need.
func xla(t *testing.T) *backend.Backend {
	t.Helper()
	b, err := backend.Open("xla")
	if err != nil {
		t.Skipf("needs the XLA plugin: %v", err)
	}
	return b
}

// trl is the reference trajectory of TRL's RewardTrainer.
type trl struct {
	Pairs []struct {
		Chosen   []int32 `json:"chosen_ids"`
		Rejected []int32 `json:"rejected_ids"`
		Margin   float32
	}
	Steps []struct {
		Loss       float64
		GradNorm   float64 `json:"grad_norm"`
		LR         float64 `json:"learning_rate"`
		Accuracy   float64
		Margin     float64
		MeanReward float64 `json:"mean_reward"`
	}
	FinalChosen []float64 `json:"final_chosen_scores"`
}

func readTRL(t *testing.T) (trl, string) {
	t.Helper()
	folder := shared(t, "conformance", "trl_bt")
	text, err := os.ReadFile(filepath.Join(folder, "reference.json"))
	if err != nil {
		t.Fatal(err)
	}
	var ref trl
	if err := json.Unmarshal(text, &ref); err != nil {
		t.Fatal(err)
	}
	return ref, filepath.Join(folder, "init")
}

func (ref trl) examples() []data.Example {
	var all []data.Example
	for i, p := range ref.Pairs {
		all = append(all, data.Example{Row: i, Columns: []float32{p.Margin}, Sequences: []data.Sequence{{IDs: p.Chosen}, {IDs: p.Rejected}}})
	}
	return all
}

// trlModel and trlTrain are what the reference's config says, as a recipe would.
var (
	trlModel = spec.Model{Name: "rm", Head: spec.Head{Kind: "linear", Outputs: 1, Layer: -1, Init: "keep"}, Tune: spec.Tune{Kind: "full"}, DType: "float32"}
	trlTrain = spec.Train{
		Name: "rm", Data: "prefs", Objective: "bradleyTerry", Batch: 8, Steps: 30, Order: "listed", Buckets: []int{192},
		Optimizer: spec.Optimizer{Kind: "adamw", LR: 5e-4, Betas: [2]float64{0.9, 0.95}, Eps: 1e-8, WeightDecay: 0.01, Decay: "matrices", Clip: 1},
		Schedule:  spec.Schedule{Kind: "cosine", Warmup: 4},
	}
)

// bradleyTerry with margin and centering 0.01, as TRL has them.
func bradleyTerry(b *op.Batch) op.Objective {
	chosen, rejected := b.Score("rm", "chosen"), b.Score("rm", "rejected")
	d := op.Sub(op.Sub(chosen, rejected), b.Column("margin"))
	loss := op.Add(
		op.Mean(op.Neg(op.LogSigmoid(d)), "pair"),
		op.Mul(op.Real(0.01), op.Mean(op.Square(op.Add(chosen, rejected)), "pair")))
	return op.Objective{Loss: loss, Reports: []op.Report{{Name: "mean_margin", Value: op.Mean(op.Sub(chosen, rejected), "pair")}}}
}

func pad(examples []data.Example, first, slots, bucket int) *data.Micro {
	m := &data.Micro{Examples: slots, Views: 2, Bucket: bucket, Columns: [][]float32{make([]float32, slots)}}
	rows := slots * 2
	m.Tokens, m.Positions, m.Segments = make([]int32, rows*bucket), make([]int32, rows*bucket), make([]int32, rows*bucket)
	m.Last, m.Present, m.Valid, m.Index = make([]int32, rows), make([]float32, rows), make([]float32, slots), make([]int, slots)
	for e := range slots {
		m.Index[e] = -1
		if e >= len(examples) {
			continue
		}
		m.Index[e], m.Valid[e], m.Columns[0][e] = first+e, 1, examples[e].Columns[0]
		for v, s := range examples[e].Sequences {
			row := v*slots + e
			for i, id := range s.IDs {
				m.Tokens[row*bucket+i], m.Positions[row*bucket+i], m.Segments[row*bucket+i] = id, int32(i), 1
			}
			m.Last[row], m.Present[row] = int32(len(s.IDs)-1), 1
			m.Real += len(s.IDs)
		}
	}
	return m
}

// The trajectory of TRL: loss within 3e-4, gradient norm within 1 %, learning
// rate and accuracy exactly.
func trajectory(t *testing.T, b *backend.Backend, mesh spec.Mesh, micro, steps int) []*outcome {
	t.Helper()
	ref, path := readTRL(t)
	l, err := newLayout(b, mesh)
	if err != nil {
		t.Fatal(err)
	}
	net, err := openNetwork(l, trlModel, path, 0)
	if err != nil {
		t.Fatal(err)
	}
	stage := Train(trlModel, spec.Data{Name: "prefs"}, trlTrain, bradleyTerry)
	st, err := newStepper(stage, net, tokens{net}, shape{"pair", []string{"chosen", "rejected"}, 2, []string{"margin"}}, micro < 8)
	if err != nil {
		t.Fatal(err)
	}
	all := ref.examples()
	var outcomes []*outcome
	for step := range steps {
		var micros []*data.Micro
		for from := 0; from < 8; from += micro {
			at := (step*8 + from) % len(all)
			micros = append(micros, pad(all[at:at+micro], from, micro, 192))
		}
		out, err := st.step(micros, 8, ratesAt(trlTrain, step, 30))
		if err != nil {
			t.Fatal(err)
		}
		outcomes = append(outcomes, out)
		want := ref.Steps[step]
		if d := math.Abs(out.loss - want.Loss); !(d <= 3e-4) {
			t.Errorf("step %d: loss %.6f, TRL %.6f", step, out.loss, want.Loss)
		}
		if d := math.Abs(out.norm/want.GradNorm - 1); !(d <= 0.01) {
			t.Errorf("step %d: gradient norm %.5f, TRL %.5f", step, out.norm, want.GradNorm)
		}
		if lr := trlTrain.Rate(step, 30); math.Abs(lr-want.LR) > 1e-12*want.LR {
			t.Errorf("step %d: learning rate %v, TRL %v", step, lr, want.LR)
		}
	}
	return outcomes
}

func TestTRLAccumulating(t *testing.T) { trajectory(t, xla(t), spec.Mesh{}, 4, 30) }
