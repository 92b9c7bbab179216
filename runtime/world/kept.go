package world

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
	"github.com/rmc-lang/rmc/runtime/spec"
)

// TrainedNetwork is a model with what an earlier run trained.
func (w *World) TrainedNetwork(ctx context.Context, m spec.Model) (*network.Network, error) {
	n, err := w.Network(ctx, m)
	if err != nil || n.Restored {
		return n, err
	}
	weights, err := w.TrainedWeights(m)
	if err != nil {
		return nil, err
	}
	for _, p := range n.Trained {
		value, ok := weights[p.Name]
		if !ok {
			return nil, fmt.Errorf("%s has no %s: it was trained by another recipe", w.leftBy(m), p.Name)
		}
		if err := p.Value.Free(); err != nil {
			return nil, err
		}
		if p.Value, err = n.Layout.Place(value, p.Axes); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", w.leftBy(m), p.Name, err)
		}
	}
	n.Restored = true
	return n, nil
}

// KeepsContract holds the program's scoring contract for the model of a train
// stage against the one that it was trained under.
func (w *World) KeepsContract(ctx context.Context, s program.Stage) error {
	then, err := w.keptContract(s.Model)
	if err != nil {
		return err
	}
	now, err := w.ContractOf(ctx, s.Model, s.Data)
	if err != nil {
		return err
	}
	return then.Check(*now)
}

// keptContract is the scoring contract that a model was trained under.
func (w *World) keptContract(m spec.Model) (*rundir.Contract, error) {
	path := filepath.Join(w.leftBy(m), rundir.ContractFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, w.untrained()
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

func (w *World) untrained() error {
	return fmt.Errorf("%s holds no trained model; train first, or name another folder with --out", w.Dir)
}

// TrainedDigest is the digest of what an earlier stage or run trained of a model.
func (w *World) TrainedDigest(m spec.Model) (string, error) {
	digest, err := os.ReadFile(filepath.Join(w.leftBy(m), disk.SumsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", w.untrained()
	}
	sum, _, _ := strings.Cut(string(digest), " ")
	return sum, err
}

// WeightsDigest is the digest of a network's weights as they are at this point of
// the program: those that a stage before trained or, where none did, its base's.
func (w *World) WeightsDigest(n *network.Network) (string, error) {
	if _, err := w.Program.Trains(n.Model.Name); err != nil {
		return n.Digest, nil
	}
	return w.TrainedDigest(n.Model)
}

// TrainedWeights reads what an earlier run trained of a model and verifies it.
func (w *World) TrainedWeights(m spec.Model) (model.Weights, error) {
	path := filepath.Join(w.leftBy(m), rundir.WeightsFile)
	sum, err := w.TrainedDigest(m)
	if err != nil {
		return nil, err
	}
	weights, err := model.ReadSafetensors(path, sum)
	if err != nil {
		return nil, fmt.Errorf("the trained model is damaged: %w; restore the file, or train again with train --force", err)
	}
	return weights, nil
}

// ModelFolder is where a train stage keeps its model: the last one that trains
// the model in model, those before it among the stages.
func (w *World) ModelFolder(s program.Stage) string {
	last, err := w.Program.Trains(s.Model.Name)
	if err == nil && last.Train.Name != s.Train.Name {
		return filepath.Join(w.Dir, "stages", "train-"+s.Train.Name)
	}
	return w.Folder("model", s.Model.Name)
}

// leftBy is where the last training of a model that this run came to, else the
// last one of the program, keeps it.
func (w *World) leftBy(m spec.Model) string {
	if folder, ok := w.left[m.Name]; ok {
		return folder
	}
	return w.Folder("model", m.Name)
}

// Leave notes where the model that a train stage came to is kept; undo takes it back.
func (w *World) Leave(s program.Stage, folder string) (undo func()) {
	if w.left == nil {
		w.left = map[string]string{}
	}
	name := s.Model.Name
	before, had := w.left[name]
	w.left[name] = folder
	return func() {
		if delete(w.left, name); had {
			w.left[name] = before
		}
	}
}

// IsTrained reports whether this run came to a training of a model.
func (w *World) IsTrained(model string) bool { return w.left[model] != "" }

// NoteFits notes which fits the training of a model reads.
func (w *World) NoteFits(model string, names []string) {
	if w.readFits == nil {
		w.readFits = map[string][]string{}
	}
	w.readFits[model] = names
}
