package trainer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/safetensors"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// The files of the folder model: the trained parameters, float32, under their
// own names; the contract they score under; trainingFile, and the lines that
// metricsFile has of the steps; the digests of all these, as sha256sum writes and
// checks them.
const (
	weightsFile  = "model.safetensors"
	contractFile = "contract.json"
)

// writeModel keeps what a train stage trained, in so many steps. It replaces the
// folder of an earlier run only once the new one is whole.
func (t *training) writeModel(ctx context.Context, steps int) error {
	folder := t.run.modelFolder(t.stage)
	contract, err := t.run.contract(ctx, t.stage.Model, t.stage.Data)
	if err != nil {
		return err
	}
	return disk.Replace(folder, func(fresh string) error {
		if err := t.writeInto(fresh, contract, steps); err != nil {
			return err
		}
		t.run.leave(t.stage, folder)
		return nil
	})
}

// writeInto fills a folder, the digests last.
func (t *training) writeInto(folder string, contract *rundir.Contract, steps int) error {
	var weights []safetensors.Data
	for _, p := range t.net.Trained {
		weights = append(weights, t.net.Layout.Stored(p.Name, p.Shape, p.Value))
	}
	digest, err := safetensors.Write(filepath.Join(folder, weightsFile), weights, map[string]string{"contract": contract.Hash})
	if err != nil {
		return fmt.Errorf("writing the trained model: %w; the last checkpoint has it too", err)
	}
	texts, err := t.texts(contract, steps)
	if err != nil {
		return err
	}
	return disk.WriteTexts(folder, disk.Sum{Digest: digest, Name: weightsFile}, texts)
}

// texts are the files of a trained model that people read.
func (t *training) texts(contract *rundir.Contract, steps int) ([]disk.Text, error) {
	score, err := json.MarshalIndent(contract, "", "  ")
	if err != nil {
		return nil, err
	}
	how, err := json.MarshalIndent(pastTraining{t.stage.Name(), t.key(), t.until, steps, t.at.Fields}, "", "  ")
	if err != nil {
		return nil, err
	}
	lines, err := rundir.MetricsOf(t.run.Dir, t.stage.Name())
	if err != nil {
		return nil, err
	}
	return []disk.Text{
		{Name: contractFile, Text: string(score) + "\n"},
		{Name: trainingFile, Text: string(how) + "\n"},
		{Name: rundir.MetricsFile, Text: string(lines)},
	}, nil
}

// trainedNetwork is a model with what an earlier run trained.
func (r *Run) trainedNetwork(ctx context.Context, m spec.Model) (*network.Network, error) {
	n, err := r.network(ctx, m)
	if err != nil || n.Restored {
		return n, err
	}
	weights, err := r.trainedWeights(m)
	if err != nil {
		return nil, err
	}
	for _, p := range n.Trained {
		value, ok := weights[p.Name]
		if !ok {
			return nil, fmt.Errorf("%s has no %s: it was trained by another recipe", r.leftBy(m), p.Name)
		}
		if err := p.Value.Free(); err != nil {
			return nil, err
		}
		if p.Value, err = n.Layout.Place(value, p.Axes); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", r.leftBy(m), p.Name, err)
		}
	}
	n.Restored = true
	return n, nil
}

// keepsContract holds the program's scoring contract for the model of a train
// stage against the one that it was trained under.
func (r *Run) keepsContract(ctx context.Context, s program.Stage) error {
	then, err := r.keptContract(s.Model)
	if err != nil {
		return err
	}
	now, err := r.contract(ctx, s.Model, s.Data)
	if err != nil {
		return err
	}
	return then.Check(*now)
}

// keptContract is the scoring contract that a model was trained under.
func (r *Run) keptContract(m spec.Model) (*rundir.Contract, error) {
	path := filepath.Join(r.leftBy(m), contractFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, r.untrained()
	}
	var c rundir.Contract
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		return nil, fmt.Errorf("the trained model is damaged: %s: %w; train again with train --force", path, err)
	}
	return &c, nil
}

func (r *Run) untrained() error {
	return fmt.Errorf("%s holds no trained model; train first, or name another folder with --out", r.Dir)
}

// trainedDigest is the digest of what an earlier stage or run trained of a model.
func (r *Run) trainedDigest(m spec.Model) (string, error) {
	digest, err := os.ReadFile(filepath.Join(r.leftBy(m), disk.SumsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", r.untrained()
	}
	sum, _, _ := strings.Cut(string(digest), " ")
	return sum, err
}

// weightsDigest is the digest of a network's weights as they are at this point of
// the program: those that a stage before trained or, where none did, its base's.
func (r *Run) weightsDigest(n *network.Network) (string, error) {
	if _, err := r.Program.Trains(n.Model.Name); err != nil {
		return n.Digest, nil
	}
	return r.trainedDigest(n.Model)
}

// trainedWeights reads what an earlier run trained of a model and verifies it.
func (r *Run) trainedWeights(m spec.Model) (model.Weights, error) {
	path := filepath.Join(r.leftBy(m), weightsFile)
	sum, err := r.trainedDigest(m)
	if err != nil {
		return nil, err
	}
	weights, err := model.ReadSafetensors(path, sum)
	if err != nil {
		return nil, fmt.Errorf("the trained model is damaged: %w; restore the file, or train again with train --force", err)
	}
	return weights, nil
}
