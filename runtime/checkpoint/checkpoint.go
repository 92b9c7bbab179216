// Package checkpoint keeps where a training stands in a folder, and gives back the
// newest that is whole.
package checkpoint

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/safetensors"
)

// The files of one checkpoint. The table is written last: a folder without it,
// or whose other file has not the digest it states, is not a checkpoint.
const (
	StateFile = "state.safetensors"
	tableFile = "checkpoint.json"
)

// A Table is where a train stage stands between two optimizer steps. With
// the state beside it, and nothing else, the stage goes on as if it had never
// stopped: order, learning rate and initial head are functions of the recipe.
type Table struct {
	Version int               `json:"version"`
	Stage   string            `json:"stage"`
	Step    int               `json:"step"` // optimizer steps done
	Steps   int               `json:"steps"`
	Cursor  data.Cursor       `json:"cursor"` // the next example
	Fields  map[string]string `json:"fields"` // what of the recipe decides the losses, by its path there
	Best    *Best             `json:"best,omitempty"`
	State   string            `json:"state_sha256"`
}

// Version is that of the format of a table.
const Version = 1

// A Folder is the folder of one train stage's checkpoints. It keeps the
// last two, so that a damaged one costs steps and not the run.
type Folder struct {
	Dir string
	// crash, in tests, is called between the parts of save.
	crash func(at string)
}

// StepFolder names the folder of the checkpoint after so many steps.
func StepFolder(step int) string { return fmt.Sprintf("step-%06d", step) }

// Save writes a checkpoint beside those there, reads it back, and only then
// gives it its name and drops all but the one before it.
func (c Folder) Save(table Table, state []safetensors.Data) error {
	err := c.write(table, state)
	if err == nil {
		return c.Prune()
	}
	kept := "there is no earlier one"
	if names, _ := c.Names(); len(names) > 0 {
		kept = filepath.Join(c.Dir, names[0]) + " is intact"
	}
	return fmt.Errorf("writing the checkpoint of step %d: %w; %s", table.Step, err, kept)
}

func (c Folder) write(table Table, state []safetensors.Data) (err error) {
	fresh := filepath.Join(c.Dir, ".new")
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := os.MkdirAll(fresh, 0o755); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(fresh)
		}
	}()
	path := filepath.Join(fresh, StateFile)
	if table.State, err = safetensors.Write(path, state, nil); err != nil {
		return err
	}
	c.at("state written")
	text, err := json.MarshalIndent(table, "", "  ")
	if err != nil {
		return err
	}
	if err := disk.Write(filepath.Join(fresh, tableFile), disk.Seal(text)); err != nil {
		return err
	}
	if err := safetensors.Verify(path, table.State); err != nil {
		return err
	}
	c.at("verified")
	final := filepath.Join(c.Dir, StepFolder(table.Step))
	if err := os.RemoveAll(final); err != nil { // of a run that stopped here once before
		return err
	}
	if err := os.Rename(fresh, final); err != nil {
		return err
	}
	c.at("renamed")
	return disk.SyncFolder(c.Dir)
}

func (c Folder) at(moment string) {
	if c.crash != nil {
		c.crash(moment)
	}
}

// Prune drops all but the two newest checkpoints.
func (c Folder) Prune() error {
	names, err := c.Names()
	if err != nil {
		return err
	}
	for _, name := range names[min(2, len(names)):] {
		if err := os.RemoveAll(filepath.Join(c.Dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// Names lists the checkpoints there, newest first.
func (c Folder) Names() ([]string, error) {
	entries, err := os.ReadDir(c.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), "step-") {
			names = append(names, e.Name())
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(b, a)) })
	return names, nil
}

// Newest returns the newest checkpoint that is whole, and its folder. A damaged
// one is passed over and noted; when all are damaged the first's error is
// returned. Without any it returns "".
func (c Folder) Newest(note func(string)) (Table, string, error) {
	names, err := c.Names()
	if err != nil {
		return Table{}, "", err
	}
	var first error
	for _, name := range names {
		folder := filepath.Join(c.Dir, name)
		table, err := readCheckpoint(folder)
		if err == nil {
			if first != nil {
				note(fmt.Sprintf("%v; going on from step %d instead", first, table.Step))
			}
			return table, folder, nil
		}
		first = cmp.Or(first, err)
	}
	if first != nil {
		return Table{}, "", fmt.Errorf("no checkpoint is left to go on from: %w; --force starts over", first)
	}
	return Table{}, "", nil
}

// readCheckpoint reads and verifies one checkpoint.
func readCheckpoint(folder string) (Table, error) {
	path := filepath.Join(folder, tableFile)
	sealed, err := os.ReadFile(path)
	if err != nil {
		return Table{}, fmt.Errorf("checkpoint is not whole: %w", err)
	}
	text, err := disk.Unseal(sealed)
	var table Table
	if err == nil {
		err = json.Unmarshal(text, &table)
	}
	if err != nil {
		return Table{}, fmt.Errorf("checkpoint is damaged: %s: %w", path, err)
	}
	if table.Version != Version {
		return Table{}, fmt.Errorf("%s: version %d of the format; this trainer reads version %d", path, table.Version, Version)
	}
	if err := safetensors.Verify(filepath.Join(folder, StateFile), table.State); err != nil {
		return Table{}, fmt.Errorf("checkpoint is damaged: %w", err)
	}
	return table, nil
}

// Matches compares the recipe that a checkpoint was made with to the one at
// hand. The error names each field that differs.
func (t Table) Matches(fields map[string]string, folder string) error {
	var parts []string
	both := maps.Clone(t.Fields)
	maps.Copy(both, fields)
	for _, path := range slices.Sorted(maps.Keys(both)) {
		if then, now := t.Fields[path], fields[path]; then != now {
			parts = append(parts, fmt.Sprintf("%s was %s and is %s now", path, cmp.Or(then, "not set"), cmp.Or(now, "not set")))
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return fmt.Errorf("%s is of another training: %s", folder, strings.Join(parts, "; "))
}

// A Best is the step with the lowest loss on the examples kept apart.
type Best struct {
	Step int     `json:"step"`
	Loss float64 `json:"loss"`
}
