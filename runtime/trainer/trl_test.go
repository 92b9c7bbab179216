package trainer

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/rmc-lang/rmc/conformance"
	"github.com/rmc-lang/rmc/runtime/backend"
	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/mesh"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/op"
	"github.com/rmc-lang/rmc/runtime/optim"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/terms"
)

// shared finds the folder of reference data beside the repository.
func shared(t testing.TB, path ...string) string {
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
func xla(t testing.TB) *backend.Backend {
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

// The trajectory of TRL: loss within 3e-4, gradient norm within 1 %, learning
// rate and accuracy exactly.
func trajectory(t *testing.T, b *backend.Backend, micro, steps int) []*optim.Outcome {
	t.Helper()
	ref, path := readTRL(t)
	l, err := mesh.New(b, spec.Mesh{})
	if err != nil {
		t.Fatal(err)
	}
	net, err := network.Open(l, trlModel, path, 0)
	if err != nil {
		t.Fatal(err)
	}
	stage := program.Train(trlModel, spec.Data{Name: "prefs"}, trlTrain, bradleyTerry)
	all := ref.examples()
	stage.Train.Micro = micro
	c, err := network.NewCutter(stage.Train, stage.Data, 2, all, l.FSDP)
	if err != nil {
		t.Fatal(err)
	}
	batch := terms.Shape{Axis: "pair", Views: []string{"chosen", "rejected"}, Width: 2, Columns: []string{"margin"}, Reads: network.AtEnd}
	st, err := optim.New(stage, net, &optim.Aside{}, network.Tokens{Network: net, Cutter: c, Reads: network.AtEnd}, batch, c.Accumulates())
	if err != nil {
		t.Fatal(err)
	}
	var outcomes []*optim.Outcome
	var losses, wantLosses, norms, wantNorms []float64
	for step := range steps {
		at := step * 8 % len(all)
		out, err := st.Step(all[at:at+8], step, 30)
		if err != nil {
			t.Fatal(err)
		}
		outcomes = append(outcomes, out)
		want := ref.Steps[step]
		losses, wantLosses = append(losses, out.Loss), append(wantLosses, want.Loss)
		norms, wantNorms = append(norms, out.Norm/want.GradNorm), append(wantNorms, 1)
		if lr := trlTrain.Rate(step, 30); math.Abs(lr-want.LR) > 1e-12*want.LR {
			t.Errorf("step %d: learning rate %v, TRL %v", step, lr, want.LR)
		}
	}
	name := fmt.Sprintf("%d steps of TRL on %s, micro %d", steps, b.Kind, micro)
	conformance.Close(t, name+": losses", losses, wantLosses, 3e-4)
	conformance.Close(t, name+": gradient norms, relative", norms, wantNorms, 0.01)
	return outcomes
}

func TestTRLTrajectory(t *testing.T) {
	ref, _ := readTRL(t)
	b := xla(t)
	for micro, steps := range map[int]int{4: len(ref.Steps), 8: 8} {
		outcomes := trajectory(t, b, micro, steps)
		for step, out := range outcomes {
			if accuracy, margin, reward := summary(out.Scores); accuracy != ref.Steps[step].Accuracy ||
				math.Abs(margin-ref.Steps[step].Margin) > 3e-4 || math.Abs(reward-ref.Steps[step].MeanReward) > 3e-4 {
				t.Errorf("micro %d, step %d: accuracy %v, margin %v, reward %v; TRL %+v", micro, step, accuracy, margin, reward, ref.Steps[step])
			}
		}
	}
}

// The first step on the backend that needs no plugin, and takes 15 times as long.
func TestTRLTrajectoryPureGo(t *testing.T) { trajectory(t, goBackend(t), 4, 1) }
