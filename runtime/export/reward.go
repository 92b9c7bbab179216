package export

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/disk"
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

// A Reward is what is computed from hidden states.
type Reward struct {
	Of       program.Reward
	Fits     []Fit // that it reads, each after those that it reads itself
	Networks []*network.Network
}

// A Fit is what a reward has of a fit.
type Fit struct {
	Fit        spec.Fit
	Attributes []string           // that it gives, or, of a tree, reads
	Matrices   []safetensors.Data // its numbers, by their names in its own file
	Tree       string             // of a tree, the file that has it; else ""
	Files      []disk.Text        // of a tree: it, and what people read of it
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

// write writes the reward beside the decoder.
func (p *Reward) write(folder string, e *Export) error {
	table := rewardTable{Reward: p.Of.Name, Formula: e.Program.FormulaText(p.Of.Name), MaxLength: e.Data.MaxLength}
	var weights []safetensors.Data
	for _, f := range p.Fits {
		table.Fits = append(table.Fits, exportedFit{f.Fit.Name, f.Fit.Kind, f.Fit.Of, f.Attributes})
		table.Attributes = f.Attributes
		for _, m := range f.Matrices {
			m.Name = f.Fit.Name + "." + m.Name
			weights = append(weights, m)
		}
		if f.Tree != "" {
			table.Tree = f.Tree
		}
		for _, file := range f.Files {
			if err := disk.Write(filepath.Join(folder, file.Name), []byte(file.Text)); err != nil {
				return err
			}
		}
	}
	for _, n := range p.Networks {
		table.Networks = append(table.Networks, exportedNetwork{n.Model.Name, n.Model.Input != "", len(n.Model.Hidden) + 1, n.Model.Activation, n.Model.Labels})
		for _, q := range n.Trained {
			weights = append(weights, n.Layout.Stored(n.Model.Name+"."+q.Name, q.Shape, q.Value))
		}
	}
	slices.SortFunc(weights, func(a, b safetensors.Data) int { return strings.Compare(a.Name, b.Name) })
	if _, err := safetensors.Write(filepath.Join(folder, rewardWeightsFile), weights, map[string]string{"contract": e.Contract.Hash}); err != nil {
		return err
	}
	return writeJSON(folder, rewardFile, table)
}
