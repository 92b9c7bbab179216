package rundir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/rmc-lang/rmc/runtime/disk"
)

// The files of the folder of a trained model: the trained parameters, float32, under
// their own names; the contract they score under; how the model came about. The lines
// that MetricsFile has of the steps and the digests of all these are beside them. The
// folder is replaced as a whole: a model and its key are never of different trainings.
const (
	WeightsFile  = "model.safetensors"
	ContractFile = "contract.json"
	TrainingFile = "training.json"
)

// A Training is TrainingFile: what a later run needs to know whether it would
// train the same.
type Training struct {
	Stage  string            `json:"stage"`  // Stage.Name
	Key    string            `json:"key"`    // digest of what decides the model
	Until  int               `json:"until"`  // optimizer steps done
	Steps  int               `json:"steps"`  // of them, those that the model has been through
	Fields map[string]string `json:"fields"` // what the key is made of and, of the data, where its rows are from
}

// ReadTraining is how the model in a folder came about; nil where there is none.
// One that cannot be read is an error.
func ReadTraining(folder string) (*Training, error) {
	files, _, err := disk.ReadTexts(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var p Training
	if err == nil {
		err = json.Unmarshal(files[TrainingFile], &p)
	}
	if err != nil {
		return nil, fmt.Errorf("the trained model is damaged: %w; train again with train --force", err)
	}
	return &p, nil
}
