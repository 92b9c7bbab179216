package rundir

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/judge"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// What a label stage comes to, in the folder labels/NAME.
const (
	PreferencesFile = "preferences.json" // of a judge, and of a model of the recipe
	FilterFile      = "filter.json"
	ChancesFile     = "chances.jsonl" // what the model of a filter said of each pair that was made, a line each
	// StepsFile has rows of the layout steps, which another recipe can read as well.
	StepsFile = "steps.jsonl"
)

// A Judged is PreferencesFile of a judge.
type Judged struct {
	Label       spec.Label    `json:"label"`
	Preferences map[int]int8  `json:"preferences"` // by row: -1 the side that was chosen, +1 the other, 0 neither
	Summary     judge.Summary `json:"summary"`
}

// A PseudoLabels is PreferencesFile of a model of the recipe.
type PseudoLabels struct {
	Label       spec.Label   `json:"label"`
	Inputs      string       `json:"inputs"` // digest of all that the labels depend on
	Preferences map[int]int8 `json:"preferences"`
	Summary     Pseudo       `json:"summary"`
}

// A Filtering is FilterFile: which rows are left out.
type Filtering struct {
	Label   spec.Label `json:"label"`
	Inputs  string     `json:"inputs"` // digest of all that it depends on
	Easy    []int      `json:"easy"`   // rows that are left out, as augment numbers them
	Summary Filtered   `json:"summary"`
}

// A Chance is a line of ChancesFile.
type Chance struct {
	Row  int      `json:"row"` // as augment numbers them
	Made string   `json:"made"`
	P    *float64 `json:"p"` // that the first side is better; null where the model could not be asked
	Kept bool     `json:"kept"`
}

// A Stepped is a line of StepsFile.
type Stepped struct {
	Question string   `json:"question"`
	Steps    []string `json:"steps"`
	Labels   []any    `json:"labels"`  // of each step: true or false, or the share of right completions; null where nobody asked
	Label    *bool    `json:"label"`   // whether the solution's own answer is the right one; null where it gives none
	Answer   string   `json:"answer"`  // as the row has it
	Right    []*int   `json:"right"`   // of each step, right completions; null where none were asked for
	Samples  int      `json:"samples"` // completions of each step
	Row      int      `json:"row"`     // 0-based, of the data that was gone on from
}

// KeepLabels writes what was said, a line each, and then what that came to: where
// this is, all is.
func KeepLabels(folder, said string, lines []any, file string, result any) error {
	var rows bytes.Buffer
	enc := json.NewEncoder(&rows)
	for _, line := range lines {
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	if err := disk.Write(filepath.Join(folder, said), rows.Bytes()); err != nil {
		return err
	}
	text, err := json.MarshalIndent(result, "", " ")
	if err != nil {
		return err
	}
	return disk.Write(filepath.Join(folder, file), append(text, '\n'))
}

// ReadLabels reads a file of a label stage that KeepLabels wrote last.
func ReadLabels[T any](folder, file string) (*T, error) {
	text, err := os.ReadFile(filepath.Join(folder, file))
	if err != nil {
		return nil, err
	}
	var result T
	return &result, json.Unmarshal(text, &result)
}
