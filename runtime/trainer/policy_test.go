package trainer

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/conformance"
	"github.com/rmc-lang/rmc/runtime/arch"
	"github.com/rmc-lang/rmc/runtime/backend"
	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/mesh"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/op"
	"github.com/rmc-lang/rmc/runtime/optim"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/record"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/terms"
)

// A torchRun is what the plain loop of conformance/labels.py came to.
type torchRun struct {
	Family, Loss, Tune string
	Steps              []struct {
		Loss     float64 `json:"loss"`
		GradNorm float64 `json:"grad_norm"`
	}

	mesh spec.Mesh // that it is followed on
}

// torchLabels is testdata/conformance/labels.json.
type torchLabels struct {
	LabelIDs      []int32 `json:"label_ids"`
	Conversations []struct {
		IDs  []int32     `json:"ids"`
		At   []int       `json:"at"`
		Tail []int32     `json:"tail"`
		Gold [][]float32 `json:"gold"`
	} `json:"conversations"`
	Pairs []struct {
		Prompt   []int32 `json:"prompt"`
		Chosen   []int32 `json:"chosen"`
		Rejected []int32 `json:"rejected"`
	} `json:"pairs"`
	Trajectories []torchRun `json:"trajectories"`
}

const tinyFamilies = "../../testdata/conformance"

func readLabels(t *testing.T) torchLabels {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(tinyFamilies, "labels.json"))
	if err != nil {
		t.Fatal(err)
	}
	var ref torchLabels
	if err := json.Unmarshal(text, &ref); err != nil {
		t.Fatal(err)
	}
	return ref
}

// conversations are the examples with labels.
func (ref torchLabels) conversations() *data.Set {
	set := &data.Set{Views: []string{"conversation"}, Width: 1, Labels: []string{"good", "bad"}, LabelIDs: ref.LabelIDs}
	for i, c := range ref.Conversations {
		e := data.Example{Row: i, Sequences: []data.Sequence{{IDs: c.IDs}}}
		for k, at := range c.At {
			e.Marks = append(e.Marks, record.Mark{At: at, Gold: c.Gold[k]})
		}
		set.Train = append(set.Train, e)
	}
	return set
}

// pairs are the examples with two answers.
func (ref torchLabels) pairs() *data.Set {
	set := &data.Set{Views: []string{"chosen", "rejected"}, Width: 2}
	for i, p := range ref.Pairs {
		set.Train = append(set.Train, data.Example{
			Row: i, Sequences: []data.Sequence{{IDs: p.Chosen}, {IDs: p.Rejected}},
			Lengths: []int{len(p.Chosen) - len(p.Prompt), len(p.Rejected) - len(p.Prompt)},
		})
	}
	return set
}

// wave is the array that conformance/labels.py takes for weights without a file.
func wave(scale float64, dims ...int) *tensors.Tensor {
	n := 1
	for _, d := range dims {
		n *= d
	}
	flat := make([]float32, n)
	for i := range flat {
		flat[i] = float32(scale * float64(float32(0.2*math.Sin(float64(1+i)))))
	}
	return tensors.FromFlatDataAndDimensions(flat, dims...)
}

// languageModel is a checkpoint of testdata with a language head.
func languageModel(t *testing.T, family string) string {
	t.Helper()
	from, dir := filepath.Join(tinyFamilies, family), t.TempDir()
	c, err := arch.Load(from)
	if err != nil {
		t.Fatal(err)
	}
	weights, err := model.Load(from, c, model.Options{DType: dtypes.Float32, Layers: -1})
	if err != nil {
		t.Fatal(err)
	}
	decoder := &model.Decoder{Config: c}
	if head, ok := decoder.Language(); ok {
		weights[head.Name] = wave(1, head.Shape...)
	}
	config, err := os.ReadFile(filepath.Join(from, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := model.WriteModel(dir, weights.Sorted()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// labelLoss is the cross-entropy of the labels, among themselves or among all tokens.
func labelLoss(vocabulary bool) func(b *op.Batch) op.Objective {
	return func(b *op.Batch) op.Objective {
		logP := op.Tensor{}
		if vocabulary {
			logP = b.LogProb("pm", "conversation")
		} else {
			logP = op.LogSoftmax(b.Logits("pm", "conversation"), "label")
		}
		return op.Objective{Loss: op.Neg(op.Mean(op.Sum(op.Mul(b.Gold(), logP), "label"), "row", "step"))}
	}
}

// completion is the cross-entropy of the labels and of what follows them, both alike.
func completion(b *op.Batch) op.Objective {
	label := op.Sum(op.Mul(b.Gold(), b.LogProb("pm", "conversation")), "label")
	return op.Objective{Loss: op.Mul(op.Real(-0.5), op.Mean(op.Add(label, b.Ending("pm", "conversation")), "row", "step"))}
}

// dpo is the loss of Rafailov et al. 2023 (arXiv 2305.18290).
func dpo(b *op.Batch) op.Objective {
	ratio := func(view string) op.Tensor {
		return op.Sum(op.Sub(b.LogProb("pm", view), b.LogProb("ref", view)), "token")
	}
	margin := op.Mul(op.Real(0.1), op.Sub(ratio("chosen"), ratio("rejected")))
	return op.Objective{Loss: op.Mean(op.Neg(op.LogSigmoid(margin)), "pair")}
}

// follow runs the steps of a trajectory, micro examples a forward.
func (ref torchLabels) follow(t *testing.T, b *backend.Backend, run torchRun, micro, steps int) (losses, norms []float64) {
	t.Helper()
	objective := labelLoss(run.Loss == "vocabulary")
	switch run.Loss {
	case "dpo":
		objective = dpo
	case "completion":
		objective = completion
	}
	return ref.followed(t, b, run, micro, steps, objective)
}

func (ref torchLabels) followed(t *testing.T, b *backend.Backend, run torchRun, micro, steps int, objective func(*op.Batch) op.Objective) (losses, norms []float64) {
	t.Helper()
	tr := spec.Train{
		Name: "pm", Batch: 4, Micro: micro, Steps: 12, Order: "listed", Buckets: []int{64},
		Optimizer: spec.Optimizer{Kind: "adamw", LR: 1e-3, Betas: [2]float64{0.9, 0.95}, Eps: 1e-8, WeightDecay: 0.01, Decay: "matrices", Clip: 1},
		Schedule:  spec.Schedule{Kind: "cosine", Warmup: 3},
	}
	set := ref.conversations()
	switch run.Loss {
	case "dpo":
		set, tr.Optimizer.LR = ref.pairs(), 2e-4
	case "completion":
		set.Endings = true
		for i, c := range ref.Conversations {
			set.Train[i].Tail = c.Tail
		}
	}
	m := spec.Model{Name: "pm", Kind: "policy", Layer: -1, DType: "float32",
		Tune: spec.Tune{Kind: run.Tune, Rank: 4, Alpha: 8, On: []string{"q_proj", "v_proj"}}}
	l, err := mesh.New(b, run.mesh)
	if err != nil {
		t.Fatal(err)
	}
	path := languageModel(t, run.Family)
	net, err := network.Open(l, m, path, 0)
	if err != nil {
		t.Fatal(err)
	}
	open := optim.Opener{Network: func(string) (*network.Network, error) {
		reference := m
		reference.Name = "ref"
		return network.Open(l, reference, path, 0)
	}}
	adapters(t, net)
	stage := program.Train(m, spec.Data{Name: "conversations"}, tr, objective)
	c, err := network.NewCutter(tr, stage.Data, set.Width, set.Train, l.FSDP)
	if err != nil {
		t.Fatal(err)
	}
	besides, err := optim.AsideOf(stage, net, terms.ShapeOf(set, m), net.Decoder.Config.Hidden, open)
	if err != nil {
		t.Fatal(err)
	}
	st, err := optim.New(stage, net, besides, network.Tokens{Network: net, Cutter: c, Reads: network.SitesOf(set, m)}, terms.ShapeOf(set, m), c.Accumulates())
	if err != nil {
		t.Fatal(err)
	}
	for step := range steps {
		at := step * 4 % len(set.Train)
		out, err := st.Step(set.Train[at:at+4], step, 12)
		if err != nil {
			t.Fatal(err)
		}
		losses, norms = append(losses, out.Loss), append(norms, out.Norm)
	}
	return losses, norms
}

// adapters begin as the reference's.
func adapters(t *testing.T, n *network.Network) {
	t.Helper()
	for _, p := range n.Trained {
		if !network.IsAdapter(p.Name) {
			continue
		}
		scale := 1.0
		if strings.HasSuffix(p.Name, ".lora_B.weight") {
			scale = 0.1
		}
		var err error
		if p.Value, err = n.Layout.Place(wave(scale, p.Shape...), p.Axes); err != nil {
			t.Fatal(err)
		}
	}
}

// A trajectory over tokens is that of a plain PyTorch loop, which reads each
// sequence alone: losses within 3e-4, norms of the gradient within 1 %. Micro-batches
// change nothing, though each has another number of labels.
func TestTrajectoriesOfLabels(t *testing.T) {
	ref, b := readLabels(t), xla(t)
	for _, run := range ref.Trajectories {
		for micro, steps := range map[int]int{4: len(run.Steps), 1: 2} {
			name := fmt.Sprintf("%s %s %s micro %d", run.Family, run.Loss, run.Tune, micro)
			t.Run(name, func(t *testing.T) {
				losses, norms := ref.follow(t, b, run, micro, steps)
				var want, ones []float64
				for i, s := range run.Steps[:steps] {
					want, ones = append(want, s.Loss), append(ones, 1)
					norms[i] /= s.GradNorm
				}
				conformance.Close(t, "torch, "+name+": losses", losses, want, 3e-4)
				conformance.Close(t, "torch, "+name+": gradient norms, relative", norms, ones, 0.01)
			})
		}
	}
}

// On several devices, with batch and language head split among them, a policy is
// trained as on one.
func TestPolicyOnAMesh(t *testing.T) {
	ref, b := readLabels(t), xla(t)
	for _, run := range ref.Trajectories {
		if run.Family != "llama" && run.Loss != "vocabulary" && run.Loss != "completion" {
			continue
		}
		run.mesh = spec.Mesh{Devices: 4, FSDP: 2, Tensor: 2}
		losses, norms := ref.follow(t, b, run, 4, 3)
		for i, s := range run.Steps[:3] {
			if math.Abs(losses[i]-s.Loss) > 3e-4 || math.Abs(norms[i]/s.GradNorm-1) > 0.01 {
				t.Errorf("%s %s, step %d: %v and %v on four devices, torch %v and %v", run.Family, run.Loss, i, losses[i], norms[i], s.Loss, s.GradNorm)
			}
		}
	}
}
