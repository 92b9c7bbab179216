package trainer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/arch"
	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/fit"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/safetensors"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// The files of an exported reward besides the decoder that it reads.
const (
	rewardFile        = "reward.json"
	rewardWeightsFile = "reward.safetensors"
)

// A rewardParts is what a reward computes from hidden states.
type rewardParts struct {
	reward   program.Reward
	fits     []*fitted
	networks []*network.Network
	lets     []string // the formula in the recipe's words; nil where the recipe does not have it itself
	text     string
}

// A rewardTable is reward.json.
type rewardTable struct {
	Reward     string            `json:"reward"`
	Formula    string            `json:"formula"`
	Attributes []string          `json:"attributes,omitempty"`
	Fits       []exportedFit     `json:"fits,omitempty"`
	Networks   []exportedNetwork `json:"networks,omitempty"`
	Tree       string            `json:"tree,omitempty"` // the file with the tree that decides
	MaxLength  int               `json:"max_length"`     // tokens
}

// An exportedFit is a fit with what it reads: hidden states, or another fit.
type exportedFit struct {
	Name       string   `json:"name"`
	Kind       string   `json:"kind"` // ridge: weight · h + bias; decorrelate: r · matrix
	Of         []string `json:"of"`   // what it was fitted on, from the decoder outward
	Attributes []string `json:"attributes"`
}

// An exportedNetwork is a network over the hidden state of a text.
type exportedNetwork struct {
	Name       string   `json:"name"`
	Input      bool     `json:"input"` // whether it reads anything; if not it is its bias
	Layers     int      `json:"layers"`
	Activation string   `json:"activation"` // between the layers
	Labels     []string `json:"labels,omitempty"`
}

// ofReward makes e the export of a reward.
func (e *exporting) ofReward(reward program.Reward) error {
	d, m, err := e.run.Program.RewardReads(reward)
	if err != nil {
		return err
	}
	e.name, e.data, e.model = reward.Name, d, m
	if e.contract, err = e.run.rewardContract(e.in.ctx, reward); err != nil {
		return err
	}
	switch m.Kind {
	case "reward":
		return e.oneHead(reward)
	case "policy":
		return e.ofPolicy(reward)
	}
	e.parts = &rewardParts{reward: reward, text: formulaText(e.run.Program.Recipe, reward.Name)}
	if reward.Fit == "" {
		return e.formulaParts(reward)
	}
	f, err := e.run.fitted(reward.Fit)
	if err != nil {
		return err
	}
	return e.fitParts(append(slices.Clone(f.stage.Fit.Of[1:]), reward.Fit))
}

// oneHead makes an ordinary classifier with one output of a reward that is one
// output of its model's head as it is.
func (e *exporting) oneHead(reward program.Reward) error {
	s, err := e.run.Program.Trains(e.model.Name)
	if err != nil {
		return err
	}
	e.about = fmt.Sprintf("the reward %s of %s on %s", reward.Name, s.Name(), e.run.Program.SourcesOf(s.Data))
	if e.trained, err = e.run.trainedWeights(e.model); err != nil {
		return err
	}
	output := slices.Index(e.model.Head.Labels, reward.Head)
	if output < 0 {
		if output, err = e.run.sameAsHead(e.in.ctx, reward, e.model); err != nil {
			return err
		}
	}
	e.model.Head.Outputs, e.model.Head.Labels = 1, nil
	for _, name := range []string{arch.ScoreWeight, arch.ScoreBias} {
		if w, ok := e.trained[name]; ok {
			if e.trained[name], err = oneRow(w, output); err != nil {
				return err
			}
		}
	}
	return nil
}

// oneRow is row i of an array, still with that axis.
func oneRow(w *tensors.Tensor, i int) (*tensors.Tensor, error) {
	flat, err := tensors.CopyFlatData[float32](w)
	if err != nil {
		return nil, err
	}
	dims := slices.Clone(w.Shape().Dimensions)
	size := len(flat) / dims[0]
	dims[0] = 1
	return tensors.FromFlatDataAndDimensions(flat[i*size:(i+1)*size], dims...), nil
}

// sameAsHead is the output of a model's head that a reward's formula gives: what
// both say of some hidden states is compared.
func (r *Run) sameAsHead(ctx context.Context, reward program.Reward, m spec.Model) (int, error) {
	f, err := r.formula(ctx, reward)
	if err != nil {
		return 0, err
	}
	net := f.networks[0]
	h := fit.Zeros[float32](batchRows[0], net.Decoder.Config.Hidden)
	random := rand.New(rand.NewPCG(0, 0))
	for i := range h.Data {
		h.Data[i] = float32(random.NormFloat64())
	}
	said, err := f.say(ctx, make([]answered, h.Rows), h, fit.Matrix[float32]{})
	if err != nil {
		return 0, err
	}
	outputs, _, err := r.outputsOf(ctx, m, h)
	if err != nil {
		return 0, err
	}
	for k := range outputs.Cols {
		if slices.Equal(column(outputs, k), said.Scores) {
			return k, nil
		}
	}
	return 0, fmt.Errorf("the reward %s is computed from the outputs of %s, and no sequence classifier of transformers does that; export --model %s writes the model with all its outputs",
		reward.Name, m.Name, m.Name)
}

// formulaParts lists what a reward's formula reads.
func (e *exporting) formulaParts(reward program.Reward) error {
	f, err := e.run.formula(e.in.ctx, reward)
	if err != nil {
		return err
	}
	size, err := e.run.features(e.in.ctx, e.model)
	if err != nil {
		return err
	}
	// A graph says what it reads when it is built.
	h := fit.Zeros[float32](1, size.Decoder.Config.Hidden)
	if _, err := f.say(e.in.ctx, make([]answered, 1), h, h); err != nil {
		return err
	}
	e.parts.networks = f.networks
	if err := e.fitParts(f.reads); err != nil {
		return err
	}
	e.parts.lets = pythonLets(e.run.Program.Recipe, e.parts)
	return nil
}

// fitParts opens fits in the order of the program, which is that of what reads
// what.
func (e *exporting) fitParts(names []string) error {
	for _, s := range e.run.Program.Stages {
		if s.Kind != "fit" || !slices.Contains(names, s.Fit.Name) {
			continue
		}
		f, err := e.run.fitted(s.Fit.Name)
		if err != nil {
			return err
		}
		e.parts.fits = append(e.parts.fits, f)
	}
	return nil
}

// write writes the reward beside the decoder.
func (p *rewardParts) write(e *exporting) error {
	table := rewardTable{Reward: p.reward.Name, Formula: p.text, MaxLength: e.data.MaxLength}
	var weights []safetensors.Data
	for _, f := range p.fits {
		name := f.stage.Fit.Name
		table.Fits = append(table.Fits, exportedFit{name, f.stage.Fit.Kind, f.stage.Fit.Of, f.attributes()})
		table.Attributes = f.attributes()
		for _, m := range f.matrices() {
			m.Name = name + "." + m.Name
			weights = append(weights, m)
		}
		if f.tree != nil {
			table.Tree = treeFile
		}
	}
	for _, n := range p.networks {
		table.Networks = append(table.Networks, exportedNetwork{n.Model.Name, n.Model.Input != "", len(n.Model.Hidden) + 1, n.Model.Activation, n.Model.Labels})
		for _, q := range n.Trained {
			weights = append(weights, n.Layout.Stored(n.Model.Name+"."+q.Name, q.Shape, q.Value))
		}
	}
	slices.SortFunc(weights, func(a, b safetensors.Data) int { return strings.Compare(a.Name, b.Name) })
	if _, err := safetensors.Write(filepath.Join(e.folder, rewardWeightsFile), weights, map[string]string{"contract": e.contract.Hash}); err != nil {
		return err
	}
	if err := p.writeTree(e.folder); err != nil {
		return err
	}
	return e.json(rewardFile, table)
}

// writeTree writes the tree, its rules and its drawing, if there is one.
func (p *rewardParts) writeTree(folder string) error {
	for _, f := range p.fits {
		if f.tree == nil {
			continue
		}
		files, err := f.texts()
		if err != nil {
			return err
		}
		for _, file := range files {
			if file.name == fitFile {
				continue
			}
			if err := disk.Write(filepath.Join(folder, file.name), []byte(file.text)); err != nil {
				return err
			}
		}
	}
	return nil
}
