package trainer

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/safetensors"
)

// writeModel keeps what a train stage trained, in so many steps. It replaces the
// folder of an earlier run only once the new one is whole.
func (t *training) writeModel(ctx context.Context, steps int) error {
	folder := t.run.ModelFolder(t.stage)
	contract, err := t.run.ContractOf(ctx, t.stage.Model, t.stage.Data)
	if err != nil {
		return err
	}
	return disk.Replace(folder, func(fresh string) error {
		if err := t.writeInto(fresh, contract, steps); err != nil {
			return err
		}
		t.run.Leave(t.stage, folder)
		return nil
	})
}

// writeInto fills a folder, the digests last.
func (t *training) writeInto(folder string, contract *rundir.Contract, steps int) error {
	var weights []safetensors.Data
	for _, p := range t.net.Trained {
		weights = append(weights, t.net.Layout.Stored(p.Name, p.Shape, p.Value))
	}
	digest, err := safetensors.Write(filepath.Join(folder, rundir.WeightsFile), weights, map[string]string{"contract": contract.Hash})
	if err != nil {
		return fmt.Errorf("writing the trained model: %w; the last checkpoint has it too", err)
	}
	texts, err := t.texts(contract, steps)
	if err != nil {
		return err
	}
	return disk.WriteTexts(folder, disk.Sum{Digest: digest, Name: rundir.WeightsFile}, texts)
}

// texts are the files of a trained model that people read.
func (t *training) texts(contract *rundir.Contract, steps int) ([]disk.Text, error) {
	score, err := json.MarshalIndent(contract, "", "  ")
	if err != nil {
		return nil, err
	}
	how, err := json.MarshalIndent(rundir.Training{Stage: t.stage.Name(), Key: t.key(), Until: t.until, Steps: steps, Fields: t.at.Fields}, "", "  ")
	if err != nil {
		return nil, err
	}
	lines, err := rundir.MetricsOf(t.run.Dir, t.stage.Name())
	if err != nil {
		return nil, err
	}
	return []disk.Text{
		{Name: rundir.ContractFile, Text: string(score) + "\n"},
		{Name: rundir.TrainingFile, Text: string(how) + "\n"},
		{Name: rundir.MetricsFile, Text: string(lines)},
	}, nil
}
